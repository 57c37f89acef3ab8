"""What a table of errors says."""

from velox.base.sink_errors import Table, Verdict, known_as, verdict_of

TABLE: Table = {
    **known_as(Verdict.NOT_NOW, {5: "BUSY"}),
    **known_as(Verdict.NOT_THIS_ONE, {18: "TOO_BIG", 19: "CONSTRAINT"}),
}


def test_an_error_means_what_its_table_says() -> None:
    assert verdict_of(TABLE, 5) is Verdict.NOT_NOW
    assert verdict_of(TABLE, 19) is Verdict.NOT_THIS_ONE
    assert TABLE[18].name == "TOO_BIG"


def test_an_error_of_no_known_kind_has_no_verdict() -> None:
    assert verdict_of(TABLE, 4_000_000) is None
    assert verdict_of(TABLE, None) is None
