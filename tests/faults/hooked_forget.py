"""velox.forget, killed by SIGKILL after it has removed so many parts. For tests alone."""

import os
import sys

from tests.faults.hooked_consumer import die_after
from velox import forget
from velox.stores import forgetting
from velox.stores.mongo_removal import MongoRemoval
from velox.stores.sqlite_removal import SQLiteRemoval

if __name__ == "__main__":
    forgetting.AT_ONCE = 10
    removal = MongoRemoval if os.environ["MONGO_URI"] else SQLiteRemoval
    die_after(removal, "remove", int(os.environ["KILL_AFTER"]))
    sys.exit(forget.main())
