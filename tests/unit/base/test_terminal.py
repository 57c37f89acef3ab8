import io

from velox.base.terminal import Display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_live_line_is_redrawn_below_the_others() -> None:
    stream = Terminal()
    display = Display(stream)
    display.line("first")
    display.live("10 images/s")
    display.live("20 images/s")
    display.line("MATCH")
    display.end_live()
    assert stream.getvalue() == (
        "first\n\r\x1b[K10 images/s\r\x1b[K20 images/s\r\x1b[KMATCH\n20 images/s\n"
    )


def test_in_a_file_the_live_line_comes_every_few_seconds() -> None:
    stream = io.StringIO()
    now = 0.0
    display = Display(stream, clock=lambda: now)
    for second in range(11):
        now = float(second)
        display.live(f"at {second}")
    display.line("end")
    display.end_live()
    assert stream.getvalue() == "at 0\nat 5\nat 10\nend\n"


def test_the_live_line_fits_the_terminal(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    Display(stream).live("x" * 100)
    assert stream.getvalue().count("x") == 19
