"""The command line of consumer.py: what the documents type is taken, what makes no sense is not."""

from __future__ import annotations

import pytest

from tests.docs.commands import commands
from velox.consumer.command_line import parsed
from velox.settings.consumer import ConsumerSettings

TYPED = [
    words[words.index("consumer.py") + 1 :]
    for _, *words in commands()
    if "consumer.py" in words and any(each.startswith("--re") for each in words)
]


def test_the_documents_show_both() -> None:
    assert sum("--redrive" in each for each in TYPED) >= 5
    assert sum("--replay" in each for each in TYPED) >= 2


@pytest.mark.parametrize("arguments", TYPED, ids=" ".join)
def test_what_the_documents_type_is_taken(arguments: list[str]) -> None:
    chosen = parsed(ConsumerSettings, "", arguments)
    assert chosen.redrive != chosen.replay


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--reason", "X"], "--reason goes with --redrive only"),
        (["--dry-run"], "--dry-run goes with --redrive only"),
        (["--redrive", "--from", "2026-01-31"], "--from goes with --replay only"),
        (["--replay"], "--replay needs --from"),
        (["--replay", "--from", "2026-01-31", "--to", "2026-01-31"], "--to must be later"),
        (["--replay", "--redrive"], "not allowed with argument"),
        (["--redrive", "--limit", "0"], "'0' is no number above 0"),
        (["--redrive", "--since", "noon"], "'noon' is no date or time"),
    ],
)
def test_what_makes_no_sense_is_told(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(ConsumerSettings, "", arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
