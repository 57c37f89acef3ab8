"""The command line of `consumer.py`: by itself the images as they come, or something once more."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from velox.base.moments import moment_ms
from velox.base.script import SettingsClass, parser

OF_REDRIVE = ("reason", "since", "limit", "parked", "dry_run")
OF_REPLAY = ("from", "to")


def parsed(
    settings_class: type[SettingsClass],
    description: str | None,
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    """What is asked for; a command line that makes no sense ends the process with 2."""
    arguments = parser(settings_class, description)
    which = arguments.add_mutually_exclusive_group()
    which.add_argument("--redrive", action="store_true", help="classify dead letters again")
    which.add_argument(
        "--replay", action="store_true", help="classify a stretch of the topic again"
    )
    redrive = arguments.add_argument_group("with --redrive")
    redrive.add_argument("--reason", metavar="R", help="only those of this error, see --dry-run")
    redrive.add_argument(
        "--since", type=moment_ms, metavar="T", help="only those that became dead letters since T"
    )
    redrive.add_argument("--limit", type=_positive, metavar="N", help="at most so many")
    redrive.add_argument("--parked", action="store_true", help="the parked ones in their place")
    redrive.add_argument("--dry-run", action="store_true", help="only say how many there are")
    replay = arguments.add_argument_group("with --replay")
    replay.add_argument(
        "--from", type=moment_ms, metavar="T", help="begin with the first record of T or later"
    )
    replay.add_argument(
        "--to", type=moment_ms, metavar="T", help="end before the first of T or later; default: now"
    )
    chosen = arguments.parse_args(argv)
    if (problem := _problem(chosen)) is not None:
        arguments.error(problem)
    return chosen


def _problem(chosen: argparse.Namespace) -> str | None:
    given = vars(chosen)
    for needed, names in (("redrive", OF_REDRIVE), ("replay", OF_REPLAY)):
        alone = [name for name in names if given[name] not in (None, False)]
        if alone and not given[needed]:
            return f"--{alone[0].replace('_', '-')} goes with --{needed} only"
    if not chosen.replay:
        return None
    if given["from"] is None:
        return "--replay needs --from"
    if chosen.to is not None and chosen.to <= given["from"]:
        return "--to must be later than --from"
    return None


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not int(text[:18]):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text[:18])
