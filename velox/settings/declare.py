"""Declaring settings: every environment variable that Velox reads, defined once.

Each program has one frozen dataclass of settings, read once in its `main`. A field is declared with
the variable's name, its default as it would stand in the environment, the parser that says what is
allowed, and its meaning; `--help` and the documents' table are made from these declarations.
"""

from __future__ import annotations

import codecs
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, Self

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from velox.base.errors import CANNOT_BE_READ, SettingError
from velox.settings.parsers import NotAllowed, Parser, choice

# What other programs may have in the file as well is wider than what a shell takes.
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


class Setting(NamedTuple):
    """One environment variable."""

    variable: str
    default: str
    parser: Parser
    meaning: str
    secret: bool


def setting(
    variable: str, default: str, parser: Parser, meaning: str, *, secret: bool = False
) -> Any:
    """Declare a dataclass field that is read from an environment variable."""
    declared = Setting(variable, default, parser, meaning, secret)
    return field(metadata={"setting": declared}, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base: how a settings class is read and described."""

    log_level: str = setting(
        "LOG_LEVEL",
        "INFO",
        choice("DEBUG", "INFO", "WARNING", "ERROR"),
        "Lowest level that is logged",
    )

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read every setting of the class.

        Raises:
            SettingError: naming the variable, its value (unless secret) and what is allowed.
        """
        values = {}
        for name, declared in cls.declared().items():
            given = environ.get(declared.variable, declared.default)
            try:
                values[name] = declared.parser.convert(given)
            except (ValueError, KeyError, OverflowError) as error:
                shown = "<hidden>" if declared.secret else repr(given)
                reason = error if isinstance(error, NotAllowed) else declared.parser.allowed
                raise SettingError(
                    f"{declared.variable}={shown} is not allowed: {reason}"
                ) from None
        return cls(**values)

    @classmethod
    def from_environment(cls) -> Self:
        """Read every setting from the process's environment and the `.env` file beside it."""
        return cls.load(environment())

    @classmethod
    def declared(cls) -> dict[str, Setting]:
        """The settings of the class by field name, in the order of their declaration."""
        return {each.name: each.metadata["setting"] for each in fields(cls)}

    @classmethod
    def help(cls) -> str:
        """Every variable with its default, its meaning and what is allowed, as text."""
        blocks = [
            f"  {each.variable} (default: {each.default or 'empty'})\n"
            f"      {each.meaning}.\n      Allowed: {each.parser.allowed}."
            for each in cls.declared().values()
        ]
        return "Environment variables (a .env file is read too, and never overrides them):\n" + (
            "\n".join(blocks)
        )


def environment(directory: Path | None = None) -> dict[str, str]:
    """The process's environment over the values of a `.env` file.

    A variable of the environment wins, even an empty one.

    Args:
        directory: where `.env` is looked for; the working directory by default.

    Raises:
        SettingError: when there is a `.env` that cannot be read, is not in UTF-8 or has a line that
            is no setting.
    """
    file = (directory or Path.cwd()) / ".env"
    text = _text(file) if file.is_file() else ""
    # dotenv leaves such a line out, and the program would run with a default in its place.
    for line in parse_stream(io.StringIO(text)):
        if line.error:
            raise SettingError(
                f"{file}: line {line.original.line} is not NAME=value; "
                "a closing quote may be missing, or the # of a comment"
            )
        if line.key is not None and not _NAME.fullmatch(line.key):
            raise SettingError(
                f"{file}: line {line.original.line} sets {line.key!r}, which is no variable's name"
            )
    from_file = dotenv_values(stream=io.StringIO(text)).items()
    return {**{name: value for name, value in from_file if value is not None}, **os.environ}


def _text(file: Path) -> str:
    """A file's text; editors on Windows mark UTF-8 with three bytes of their own."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SettingError(f"{file} {CANNOT_BE_READ}: {error.strerror}") from None
    # Text in UTF-16 is as good as never without them, and may pass for UTF-8 with them.
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content
    try:
        if not wide:
            return content.decode("utf-8-sig")
        encoding = "UTF-16, as PowerShell's > writes it"
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        encoding = f"another encoding: see its line {line}"
    raise SettingError(f"{file} is not in UTF-8 but in {encoding}; save it as UTF-8")
