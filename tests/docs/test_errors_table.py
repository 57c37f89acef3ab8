"""docs/errors.md shows the tables of errors as they are."""

from tests.docs import errors_table


def test_the_docs_show_the_tables_as_they_are() -> None:
    assert errors_table.PAGE.read_text() == errors_table.page(), "run `make docs`"
