"""How a script begins and what it exits with."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from velox.base import script as entry
from velox.base import waiting
from velox.base.errors import BrokerUnavailable, SettingError
from velox.settings.programs import ProducerSettings


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The signals' handlers are put back, and no setting of the machine is read."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for declared in ProducerSettings.declared().values():
        monkeypatch.delenv(declared.variable, raising=False)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def run(body: object) -> int:
    return entry.run(ProducerSettings, "A script.", body, [])  # type: ignore[arg-type]


def test_the_body_gets_the_settings_and_gives_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_TOPIC", "mine")
    seen: list[str] = []

    def body(settings: ProducerSettings, stop: threading.Event) -> int:
        assert not stop.is_set()
        seen.append(settings.kafka_topic)
        return 7

    assert run(body) == 7
    assert seen == ["mine"]


def test_what_is_odd_in_the_environment_is_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    code = entry.run(ProducerSettings, "A script.", lambda *_: 0, [], doubts=lambda: "odd: X")
    (line,) = capsys.readouterr().err.splitlines()
    assert (code, line.split(" ", 1)[1]) == (0, "WARNING odd: X")


def test_a_bad_setting_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRODUCER_INTERVAL", "often")
    assert run(lambda *_: 0) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: PRODUCER_INTERVAL='often' is not allowed: a number from 0 to 86400"
    ]


@pytest.mark.parametrize(
    ("error", "code"), [(SettingError("X=1"), 2), (BrokerUnavailable("no broker"), 1)]
)
def test_an_error_of_ours_is_one_line(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def body(*_: object) -> int:
        raise error

    assert run(body) == code
    assert capsys.readouterr().err.splitlines() == [f"error: {error}"]


def test_a_lack_of_memory_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def body(*_: object) -> int:
        raise MemoryError("Unable to allocate 9 GiB")

    assert run(body) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: out of memory, raise the memory limit")


def test_a_bug_is_not_hidden() -> None:
    def body(*_: object) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(body)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_event(number: signal.Signals) -> None:
    def body(_settings: ProducerSettings, stop: threading.Event) -> int:
        os.kill(os.getpid(), number)
        assert stop.wait(5)
        return 0

    assert run(body) == 0


def test_help_ends_with_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        entry.run(ProducerSettings, "A script.", lambda *_: 0, ["--help"])
    assert ended.value.code == 0
    assert ProducerSettings.help() in capsys.readouterr().out


def test_a_signal_that_another_thread_takes_ends_the_wait_too() -> None:
    stop, woken = entry.stop_event(), threading.Event()

    def take_it() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        if not stop.wait(20):
            stop.set()
        else:
            woken.set()

    taking = threading.Thread(target=take_it)
    threading.Timer(0.05, taking.start).start()
    waiting.until_told(stop)
    taking.join(20)
    assert woken.is_set()
