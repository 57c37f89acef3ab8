"""JSON that knows its lines: the same values as Python's own reader, and where they stand."""

from __future__ import annotations

import json

import pytest

from velox.base.json_places import parsed

TEXT = """{
  "a": [1, -2.5e3, "x\\u00e9\\n", true, null],
  "b": {
    "c": {}, "d": []
  }
}
"""


def test_the_values_are_those_of_json() -> None:
    assert parsed(TEXT).plain == json.loads(TEXT)
    assert parsed(' "text" ').plain == "text"
    assert parsed(r'"\ud83d\ude00"').plain == "\U0001f600"


def test_a_value_says_the_line_of_its_name() -> None:
    file = parsed(TEXT).value
    assert file["a"].wrong("no").lineno == 2
    assert file["a"].value[2].wrong("no").lineno == 2
    assert file["b"].value["d"].wrong("no").lineno == 4
    assert parsed('{"a":\n\n 7}').value["a"].wrong("no").lineno == 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "it is empty"),
        (" \n", 1, "it is empty"),
        ('{\n"a": 1,\n"a": 2}', 3, "'a' is there twice"),
        ('{\n"a": 1,\n}', 2, "a , before } is too much"),
        ("{\na: 1}", 2, 'a name in "quotes" is missing'),
        ('{"a"\n1}', 2, "a : is missing after 'a'"),
        ('{"a": 1\n"b": 2}', 2, "a , or } is missing"),
        ("[1 2]", 1, "a , or ] is missing"),
        ("[1,\n]", 1, "a , before ] is too much"),
        ('{"a": 1}\n}', 2, "there is more after the end"),
        ('{"a":\nNaN}', 2, "NaN is no number of JSON"),
        ("[-Infinity]", 1, "-Infinity is no number of JSON"),
        ('{"a": 1', 1, "a , or } is missing"),
        ('["a', 1, "Unterminated string"),
        ("[" * 30 + "]" * 30, 1, "it is nested too deep"),
        ("[" * 100_000, 1, "it is nested too deep"),
        ("[" + "9" * 5000 + "]", 1, "no number of JSON"),
        ('{\n"\\ud800": 1}', 2, r"'\ud800' is half of a character"),
        ('["a",\n"b\\udc00\\ud800"]', 2, r"'\udc00' is half of a character"),
    ],
)
def test_what_is_no_json_is_told_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(json.JSONDecodeError) as refused:
        parsed(text)
    assert refused.value.lineno == line
    assert words in refused.value.msg
