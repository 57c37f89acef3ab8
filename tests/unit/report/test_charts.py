import re

from velox.report.charts import bars, by_hour, confusion, histogram


def test_bars_are_as_long_as_their_counts() -> None:
    assert re.findall(r'rect width="([\d.]+)"', bars([("a", 4000), ("b", 1000)])) == [
        "100.00",
        "25.00",
    ]
    assert "4,000" in bars([("a", 4000)])


def test_columns_are_as_high_as_their_counts() -> None:
    chart = histogram([0, 1, 10_000], 0.7)
    assert re.findall(r'height="([\d.]+)"', chart) == ["0.0", "1.0", "120.0"]
    assert "0.800 to 0.900: 1<" in chart


def test_hours_are_columns_and_labels_rows() -> None:
    table = by_hour(
        [("2026-01-31T22", "a", 1), ("2026-01-31T23", "a", 9), ("2026-01-31T23", "b", 5)]
    )
    assert re.findall(r'scope="col"[^>]*>([^<]+)', table) == ["label", "01-31 23 h", "01-31 22 h"]
    assert re.findall(r'class="(q\d)">([^<]*)', table) == [
        ("q9", "9"),
        ("q1", "1"),
        ("q5", "5"),
        ("q0", ""),
    ]


def test_rare_labels_stay_apart_from_one_that_is_called_others() -> None:
    table = confusion([("others", "others", 50), ("b", "b", 40), ("c", "e", 2)], 2)
    assert re.findall(r'scope="row"[^>]*>([^<]+)', table) == ["others", "b", "(others)"]
    assert re.findall(r'<td class="([^"]*)">2<', table) == ["q1"], "it may be right or wrong"


def test_rare_labels_are_summed_up_in_the_matrix() -> None:
    table = confusion([("a", "a", 50), ("b", "b", 40), ("c", "a", 2), ("d", "e", 1)], 2)
    assert re.findall(r'scope="col">([^<]+)', table) == ["truth \\ predicted", "a", "b", "others"]
    assert re.findall(r'scope="row"[^>]*>([^<]+)', table) == ["a", "b", "others"]
    assert re.findall(r"<td[^>]*>([^<]*)", table) == ["50", "", "", "", "40", "", "2", "", "1"]
