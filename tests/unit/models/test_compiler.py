"""A module that is left out until somebody asks it for more; any module will do for that."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from velox.models.compiler import left_out


@pytest.fixture(autouse=True)
def not_imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    yield
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)


def test_what_is_known_imports_nothing() -> None:
    with left_out("colorsys", known={"rgb_to_yiq": lambda *_: "known"}):
        import colorsys

        assert str(colorsys.rgb_to_yiq(0, 0, 0)) == "known"
        assert not hasattr(colorsys, "__file__")
    assert "colorsys" not in sys.modules


def test_whatever_else_is_asked_for_imports_it() -> None:
    with left_out("colorsys", known={"rgb_to_yiq": lambda *_: "known"}):
        from colorsys import rgb_to_hls

        assert rgb_to_hls(0, 0, 0) == (0, 0, 0)
    assert sys.modules["colorsys"].rgb_to_yiq(0, 0, 0) == (0, 0, 0)


def test_a_function_may_import_it_when_it_is_called() -> None:
    with left_out("colorsys", called=["rgb_to_hls"]):
        from colorsys import rgb_to_hls
    assert "colorsys" not in sys.modules
    assert rgb_to_hls(0, 0, 0) == (0, 0, 0)
    assert hasattr(sys.modules["colorsys"], "__file__")


def test_what_is_there_already_stays() -> None:
    import colorsys

    with left_out("colorsys", known={"rgb_to_yiq": lambda *_: "known"}):
        assert sys.modules["colorsys"] is colorsys
    assert sys.modules["colorsys"] is colorsys
