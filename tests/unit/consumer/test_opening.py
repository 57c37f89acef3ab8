"""What a consumer waits for at its start, and what it says of its settings before."""

import pytest

from velox.consumer.opening import say_what_does_nothing
from velox.settings.consumer import ConsumerSettings


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, 0),
        ({"RESULTS_TOP": "3", "KAFKA_RESULTS_TOPIC": "results"}, 0),
        ({"RESULTS_TOP": "3"}, 1),
    ],
)
def test_results_top_without_results_is_said_once(
    environ: dict[str, str], said: int, caplog: pytest.LogCaptureFixture
) -> None:
    say_what_does_nothing(ConsumerSettings.load(environ))
    assert caplog.text.count("RESULTS_TOP=3 does nothing") == said
