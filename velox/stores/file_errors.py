"""What each error of the operating system means for an image's file."""

from __future__ import annotations

import errno

from velox.base.sink_errors import Table, Verdict, known_as

# Numbers of the operating system. No match waits for its image: its document goes without one.
FILES: Table = {
    **known_as(
        Verdict.NOT_NOW,
        {
            errno.EPERM: "EPERM",
            errno.ENOENT: "ENOENT: the folder is gone",
            errno.EIO: "EIO",
            errno.EACCES: "EACCES",
            errno.ENOTDIR: "ENOTDIR",
            errno.ENFILE: "ENFILE",
            errno.EMFILE: "EMFILE",
            errno.ENOSPC: "ENOSPC",
            errno.EROFS: "EROFS",
            errno.ESTALE: "ESTALE",
            errno.EDQUOT: "EDQUOT",
        },
    ),
    **known_as(
        Verdict.NOT_THIS_ONE,
        {
            errno.EISDIR: "EISDIR: there is a folder of that name",
            errno.EINVAL: "EINVAL: a name that the file system does not take",
            errno.EFBIG: "EFBIG",
            errno.ENAMETOOLONG: "ENAMETOOLONG",
            errno.EILSEQ: "EILSEQ: a name that the file system does not take",
        },
    ),
}
