from tests.rig import hostile
from velox.base.html import Html, element, join


def test_texts_and_attributes_are_escaped() -> None:
    made = element("p", hostile.SCRIPT, title=hostile.QUOTES)
    assert made.startswith("<p title=")
    assert made.count("<") == 2
    assert "&lt;img src=x onerror=&quot;" in made
    assert "&amp;amp;" in made


def test_elements_stay_as_they_are() -> None:
    assert element("p", element("b", "a"), " & b") == "<p><b>a</b> &amp; b</p>"
    assert join(Html("<br>"), "<br>") == "<br>&lt;br&gt;"


def test_names_of_attributes() -> None:
    assert element("img", class_="a", aria_hidden="true") == '<img class="a" aria-hidden="true">'
