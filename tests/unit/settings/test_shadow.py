import pytest

from velox.base.errors import SettingError
from velox.settings.consumer import ConsumerSettings
from velox.settings.shadow import SHARE, SwapGate


@pytest.mark.parametrize(
    ("value", "gate"),
    [
        ("0", None),
        ("", None),
        ("1000", SwapGate(1000, SHARE)),
        ("1000,0.98", SwapGate(1000, 0.98)),
        (" 100 , 1", SwapGate(100, 1.0)),
    ],
)
def test_a_gate_is_of_images_and_perhaps_a_share(value: str, gate: SwapGate | None) -> None:
    assert ConsumerSettings.load({"SWAP_GATE": value}).swap_gate == gate


@pytest.mark.parametrize("value", ["99", "1000001", "1000,", "1000,0.4", "1000,1.1", "0.98", "on"])
def test_a_gate_that_says_nothing_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match=f"SWAP_GATE='{value}' is not allowed"):
        ConsumerSettings.load({"SWAP_GATE": value})


def test_a_gate_needs_new_models() -> None:
    with pytest.raises(SettingError, match="MODEL_RELOAD_S=0"):
        ConsumerSettings.load({"SWAP_GATE": "100", "MODEL_RELOAD_S": "0"})
