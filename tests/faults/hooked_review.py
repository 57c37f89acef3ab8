"""review.py on MongoDB, killed by SIGKILL at its n-th request for a verdict. For tests alone.

KILL is a JSON list: `before`, the verdict is not in the database yet, or `after`, it is and the
page does not know; then n.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import review
from velox.stores.mongo_verdicts import MongoVerdicts


def main() -> int:
    where, last = json.loads(os.environ["KILL"])
    original = MongoVerdicts.judge
    asked = 0

    def judge(*arguments: Any) -> list[str]:
        nonlocal asked
        asked += 1
        if (where, asked) == ("before", last):
            os.kill(os.getpid(), signal.SIGKILL)
        judged = original(*arguments)
        if (where, asked) == ("after", last):
            os.kill(os.getpid(), signal.SIGKILL)
        return judged

    MongoVerdicts.judge = judge  # type: ignore[method-assign, assignment]
    return review.main()


if __name__ == "__main__":
    sys.exit(main())
