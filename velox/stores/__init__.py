"""Where detections and their images are kept, and how they are read again.

choice.py             Which store and which folder of images the settings ask for
file_errors.py        What each error of the operating system means for an image's file
folder_listing.py     One look at a large folder, in a thread of its own that leaves the others room
forgetting.py         Removing what is held of one source: image files first, then documents
gone.py               Image files that were removed: remembered until no document names them
image_files.py        The matched images on disk: the bytes that came in, the newest so many of them
image_names.py        The names of the matched images' files: made of a record's id
image_writing.py      Writing image files: whole or not at all, and past a power cut where asked
interface.py          What a store of detections does, and what reads one: the two interfaces
lost_files.py         Documents that name an image which is not there any more: they are to say so
mongo.py              Detections in MongoDB: idempotent bulk writes
mongo_bulk.py         Bulk writes to MongoDB, sorted by what the server says of each document
mongo_client.py       The client of MongoDB, and what is common to all that work with one
mongo_codes.py        What each error code of MongoDB means
mongo_errors.py       What MongoDB's errors mean, as Velox's own: by the server's number
mongo_indexes.py      The indexes of the usual queries: made where the server lets us
mongo_opening.py      Opening a collection to write to it; what it does not keep is said
mongo_probe.py        Whether a MongoDB collection would take a document
mongo_reader.py       Reading the detections in MongoDB, summed up by the server
mongo_removal.py      Taking documents away from MongoDB, acknowledged by the majority
mongo_review.py       Images for review in MongoDB: two collections, written as the detections are
mongo_verdicts.py     What people see of the images in MongoDB, and what they say of them
mongo_withdrawal.py   Withdrawn documents in MongoDB: a collection of their own
removal.py            What is held of images, and what takes it away: by age, by source
review_interface.py   What a store of images for review does: kept by consumers, judged by people
spare_files.py        Image files of what is classified once more: never at the cost of others
sqlite.py             Detections in one SQLite file, the embedded default
sqlite_errors.py      What each error of SQLite means
sqlite_file.py        A SQLite file that is written to: opened, made with its tables, and closed
sqlite_read_only.py   Opening a SQLite file where nothing can be written
sqlite_reader.py      Reading the detections in a SQLite file, summed up by the database
sqlite_removal.py     Taking rows away from SQLite's files, few in a transaction
sqlite_review.py      Images for review in a SQLite file of their own, beside that of the detections
sqlite_verdicts.py    What people see of the images in SQLite, and what they say of them
sqlite_withdrawal.py  Withdrawn documents in SQLite: a table of their own
sweep.py              Removing what is too old: image files by their names, then documents
unfinished.py         Image files that processes did not finish: which nobody will finish any more
withdrawal.py         Documents whose records match no more: which there are
"""
