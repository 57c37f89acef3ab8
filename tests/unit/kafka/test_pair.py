from typing import Any, cast

import pytest

from velox.kafka import pair
from velox.kafka.client_log import ClientLog
from velox.kafka.messages import Outgoing
from velox.kafka.pair import Pair


class FakeProducer:
    def __init__(self, config: dict[str, Any], logger: Any) -> None:
        self.config = config
        self.produced: list[tuple[Any, ...]] = []

    def produce(self, topic: str, **message: Any) -> None:
        names = ("key", "value", "headers", "timestamp", "partition")
        self.produced.append((topic, *(message[name] for name in names)))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Pair:
    monkeypatch.setattr(pair, "Producer", FakeProducer)
    return Pair("t", {"linger.ms": 5}, ClientLog("b:1"))


def clients(made: Pair) -> list[FakeProducer]:
    return cast(list[FakeProducer], list(made))


def test_the_second_client_is_made_once_it_is_needed(made: Pair) -> None:
    assert len(clients(made)) == 1
    for _ in range(2):
        made.put(Outgoing("1", None, b"v"), print, alone=True)
    batches, alone = clients(made)
    assert (len(batches.produced), len(alone.produced)) == (0, 2)
    assert batches.config == {"linger.ms": 5}
    assert alone.config == {"linger.ms": 5, "batch.num.messages": 1}


def test_a_message_goes_where_and_as_it_says_or_as_the_client_chooses(made: Pair) -> None:
    made.put(Outgoing("1", b"k", b"v", (("h", b"x"),), 7, 3), print, alone=False)
    made.put(Outgoing("2", None, b"v"), print, alone=False)
    (batches,) = clients(made)
    assert batches.produced == [
        ("t", b"k", b"v", [("h", b"x")], 7, 3),
        ("t", None, b"v", [], 0, -1),
    ]
