"""Where images come from.

address.py      Addresses of cameras and streams: what can be one, what is shown, why nothing comes
arrivals.py     Files that arrive in a folder: which are complete
camera.py       Cameras and streams: frames as they come, one connection after another
capture.py      Where images come from: what a source gives, and what can be asked of every source
container.py    Whether a video file is all there: what its container says of its own length
done_folder.py  Where the files of a watched folder go once they are sent
folder.py       A folder as a source: every image in it and below it, the bytes as they are
http_file.py    A file at an address of HTTP, read like one that is here
image_file.py   Image files, wherever they lie: which file is one
journal.py      What was sent of a folder: a file of lines that outlives the process
kind.py         What kind of source a path or a number names
place.py        One entry of SOURCE: what kind of source it names, what it is known by
synthetic.py    The synthetic source: drawn shapes without end
tar.py          A tar archive as a source, read as a stream: from standard input or from a file
tree.py         A folder and all folders below it: every file once, in the order of names
video.py        Video files: frames, thinned and encoded
watch.py        A folder that fills while it is read: each file is sent once, when it is complete
web.py          What is at an address of HTTP: a camera, or a video file, which ends
zip.py          A zip archive as a source: its files in the order of its directory
"""
