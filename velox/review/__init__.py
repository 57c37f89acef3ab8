"""The page to label on: images that wait, verdicts on them, and what these are good for.

access.py    Who may see the page and what they send: a token, a cookie, where a request comes from
alike.py     Which images show nearly the same, by what is known of each
archive.py   The whole export: into a folder, or as one ZIP file on its way to a browser
board.py     What waits for a verdict, held ready for the page, and what becomes of it
content.py   What the page shows, as JSON has it
exports.py   Verdicts for other programs: images in folders, a CSV, and two kinds of JSON
judging.py   Images that judge the running model, and those like them: nobody trains on them
labels.py    The labels that there are, what a new one may be, and a name that any folder can have
order.py     What is shown first: the groups that teach most
page.py      The page to label on: what a browser, or a program, may ask for
pictures.py  Small pictures of the images that wait, and which of them show nearly the same
"""
