import pytest

from velox.consumer.stages.targets import unknown_labels, unknown_targets

LABELS = ("green", "red", "caf\u00e9", "tench, Tinca tinca", "blue ")


@pytest.mark.parametrize("targets", [set(), {"red"}, set(LABELS)])
def test_nothing_is_said_where_the_model_has_them_all(targets: set[str]) -> None:
    assert unknown_targets(targets, LABELS) is None


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"red", "gren"}, "'gren' (the nearest is 'green')"),
        ({"red", "Red"}, "'Red' (the nearest is 'red')"),
        ({"red", "tench"}, "'tench'"),
        (
            {"red", "cafe\u0301"},
            r"'cafe\u0301' (its 'caf\xe9' has another Unicode form)",
        ),
        (
            {"red", "blue"},
            "'blue' (its 'blue ' has a space at its end or beginning, which only SOURCES_PATH can "
            "name; better rename that label's folder and train once more)",
        ),
        ({"gren", "ufo"}, "'gren' (the nearest is 'green'), 'ufo'; so nothing will match"),
    ],
)
def test_what_the_model_lacks_is_named_with_what_is_near(targets: set[str], said: str) -> None:
    assert unknown_targets(targets, LABELS) == f"the model has no label {said}"


def test_of_other_settings_nothing_is_said_about_matches() -> None:
    said = unknown_labels({"gren"}, LABELS)
    assert said == "the model has no label 'gren' (the nearest is 'green')"


def test_a_long_list_stays_one_line() -> None:
    said = unknown_targets({f"{number}" for number in range(1000, 1100)}, LABELS)
    assert said is not None
    assert said.endswith("'1004' and 95 more; so nothing will match")
