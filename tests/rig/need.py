"""What a test needs of the machine: missing, the test is skipped, or fails where it must run."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

VARIABLE = "VELOX_REQUIRE_REAL"


def missing(what: str, how: str) -> NoReturn:
    """Skip the test, or fail it where VELOX_REQUIRE_REAL=1.

    Args:
        what: is missing.
        how: to get it.
    """
    reason = f"{what} is missing: {how}"
    if os.environ.get(VARIABLE) == "1":
        pytest.fail(f"{reason} ({VARIABLE}=1)")
    pytest.skip(reason)


def program(name: str, how: str) -> str:
    """The path of a program, or the end of the test."""
    return shutil.which(name) or missing(name, how)
