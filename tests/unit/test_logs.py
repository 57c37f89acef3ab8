"""The log: one line an event, whatever comes in."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from velox import logs


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
from velox import logs
logs.capture_native_stderr()
logs.setup(sys.argv[1])
os.write(2, b"libjpeg: premature end\\nsecond line\\n")
logging.getLogger("x").info("an event")
import threading
os.close(2)
for thread in threading.enumerate():
    if thread.name == "native-stderr":
        thread.join(10)
"""


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_what_c_libraries_print_is_an_event_of_level_debug(level: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINTING, level],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = done.stderr.splitlines()
    assert any(line.endswith("INFO an event") for line in lines)
    native = [line for line in lines if "libjpeg" in line]
    if level == "INFO":
        assert len(lines) == 1
    else:
        assert [line.partition("Z ")[2] for line in native] == [
            "DEBUG library printed text='libjpeg: premature end'"
        ]


def test_a_line_has_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    """The reason of a refusal may hold the record."""
    logs.setup("INFO")
    logging.getLogger("x").warning("refused reason=%r", "x" * 10**6)
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) < logs.LONGEST_LINE + 50
    assert line.endswith(" characters")
