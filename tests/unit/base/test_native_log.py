from tests.unit.fakes import Clock
from velox.base.native_log import LEVEL, MOST_EVENTS, WINDOW_S, Reader


class Read:
    def __init__(self) -> None:
        self.events: list[str] = []
        self.clock = Clock()
        self.reader = Reader(self.events.append, self.clock)

    def take(self, *lines: bytes) -> list[str]:
        """The events of lines, without their times."""
        self.events.clear()
        for line in lines:
            self.reader.take(line)
        return [event.partition("Z ")[2] for event in self.events]


def test_odd_images_are_told_of_at_debug_alone() -> None:
    read = Read()
    lines = (
        b"Corrupt JPEG data: 3 extraneous bytes before marker 0xd9\n",
        b"libpng warning: iCCP: known incorrect sRGB profile\n",
        b"[ WARN:0@0.123] global grfmt_tiff.cpp:12 readHeader odd\n",
        b"\n",
    )
    assert read.take(*lines) == []
    assert read.take(LEVEL + b"DEBUG\n", *lines) == [
        f"DEBUG library printed text={line.decode().strip()!r}" for line in lines[:-1]
    ]
    assert read.take(LEVEL + b"INFO\n", *lines) == []


def test_all_else_is_a_warning_of_one_line() -> None:
    assert Read().take(b"free(): \x1b[2J \xff invalid pointer\r\n", b"end") == [
        "WARNING library printed text='free(): \\x1b[2J \\\\xff invalid pointer'",
        "WARNING library printed text='end'",
    ]


def test_a_library_that_repeats_itself_does_not_fill_the_log() -> None:
    read = Read()
    events = read.take(*[b"again\n"] * 1000)
    assert len(events) == MOST_EVENTS + 1
    assert events[-1] == "WARNING the library prints more, which is hidden for 60 s"
    odd = b"Corrupt JPEG data: bad Huffman code\n"
    events = read.take(LEVEL + b"DEBUG\n", *[odd] * 1000)
    assert len(events) == MOST_EVENTS + 1, "the one crowds out the other in neither direction"
    read.clock.advance(WINDOW_S)
    assert len(read.take(b"again\n")) == 1
