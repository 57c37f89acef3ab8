"""The log: one line an event, whatever comes in."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from velox.base import logs


@pytest.fixture
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.usefixtures("_root_as_before")
def test_an_event_is_one_line_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("INFO")
    logging.getLogger("a").info("key=%s", "one\nMATCH: forged\r\n")
    logging.getLogger("a").debug("not at this level")
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO key=one\\nMATCH: forged\\r\\n\n", line
    )


@pytest.mark.usefixtures("_root_as_before")
def test_control_characters_reach_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("INFO")
    logging.getLogger("a").info("%s", "\x1b[2J\x07\x9b31m\u2028é")
    assert capsys.readouterr().err.endswith(" INFO \\x1b[2J\\x07\\x9b31m\\u2028é\n")


@pytest.mark.usefixtures("_root_as_before")
def test_libraries_do_not_chatter_at_debug(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("DEBUG")
    logging.getLogger("pymongo.command").debug("a command")
    logging.getLogger("pymongo.topology").warning("a warning")
    assert "a command" not in (text := capsys.readouterr().err)
    assert "a warning" in text


PRINTING = """
import logging, os, sys
from velox.base import logs
logs.capture_native_stderr()
logs.setup(sys.argv[1])
os.write(2, b"Corrupt JPEG data: premature end of data segment\\n")
logging.getLogger("x").info("an event")
"""


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_what_is_said_of_an_odd_image_is_an_event_of_level_debug(level: str) -> None:
    lines = run(PRINTING, level)[1].splitlines()
    assert any(line.endswith("INFO an event") for line in lines)
    native = [line for line in lines if "JPEG" in line]
    if level == "INFO":
        assert len(lines) == 1
    else:
        assert [line.partition("Z ")[2] for line in native] == [
            "DEBUG library printed text='Corrupt JPEG data: premature end of data segment'"
        ]


def test_a_line_has_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    """The reason of a refusal may hold the record."""
    logs.setup("INFO")
    logging.getLogger("x").warning("refused reason=%r", "x" * 10**6)
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) < logs.LONGEST_LINE + 50
    assert line.endswith(" characters")


CRASHES = {
    "the heap is in ruins": (
        """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
{hold}
place = libc.malloc(64)
ctypes.c_uint64.from_address(place).value = 0x41  # what is freed below has that size
libc.free(ctypes.c_void_p(place + 8))
""",
        -signal.SIGABRT,
        "invalid pointer",
    ),
    "an assertion": (
        """
import ctypes
{hold}
ctypes.CDLL(None).__assert_fail(b"rows == columns", b"matrix.cc", 7, b"solve")
""",
        -signal.SIGABRT,
        "rows == columns",
    ),
    "words without an end of line, then a bad address": (
        """
import ctypes, os
os.write(2, b"FATAL: driver lost")
{hold}
ctypes.string_at(0)
""",
        -signal.SIGSEGV,
        "FATAL: driver lost",
    ),
}
# A library that is called without giving up the interpreter lets no other thread run again.
HOLDS = {"free": "", "held": "ctypes.CDLL = ctypes.PyDLL"}


@pytest.mark.parametrize("level", ["INFO", "ERROR"])
@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("crash", CRASHES)
def test_the_last_words_of_a_library_reach_the_log(crash: str, hold: str, level: str) -> None:
    code, expected, words = CRASHES[crash]
    setup = "import sys; from velox.base import logs\n"
    setup += "logs.capture_native_stderr()\nlogs.setup(sys.argv[1])\n"
    begin = f"import ctypes\n{HOLDS[hold]}"
    returned, said = run(setup + code.format(hold=begin), level)
    assert returned == expected
    (line,) = (line for line in said.splitlines() if words in line)
    assert "Z WARNING library printed text=" in line
    assert "Fatal Python error" in said
    assert 'File "<string>"' in said, "where it was"


def test_the_exit_code_is_that_of_the_process() -> None:
    code = "import sys; from velox.base import logs\nlogs.capture_native_stderr()\nsys.exit(3)"
    assert run(code)[0] == 3


def test_without_a_process_to_read_it_everything_stays_as_it_is() -> None:
    code = (
        "import os; from velox.base import logs; from velox.base import native_log\n"
        "def none(*_): raise OSError('no more processes')\n"
        "native_log.start = none\nlogs.capture_native_stderr()\nlogs.setup('INFO')\n"
        "os.write(2, b'raw words')"
    )
    assert run(code) == (0, "raw words")


def run(code: str, *arguments: str) -> tuple[int, str]:
    """Exit code and standard error, once nobody can write to it any more."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stderr
