"""The table of settings is what velox/config.py declares."""

from tests.docs.settings_table import PAGE, place, readers, table


def test_the_table_of_settings_is_in_step_with_the_code() -> None:
    text = PAGE.read_text()
    begin, end = place(text)
    assert text[begin:end].strip() == table(), "run `make readme`"


def test_every_script_has_its_settings_in_the_table() -> None:
    assert {"producer", "train", "consumer", "demo", "report"} <= readers().keys()
