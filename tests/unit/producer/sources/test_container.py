import struct
from pathlib import Path

import pytest

from velox.producer.sources.container import missing_bytes


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def large_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content


def riff(kind: bytes, content: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(content)) + kind + content


def matroska(content: bytes, size: bytes) -> bytes:
    return b"\x1a\x45\xdf\xa3\x84head\x18\x53\x80\x67" + size + content


MP4 = box(b"ftyp", b"isom") + large_box(b"mdat", bytes(1000)) + box(b"moov", bytes(100))
FRAGMENTED = box(b"ftyp", b"iso5") + 20 * (box(b"moof", bytes(50)) + box(b"mdat", bytes(500)))
AVI = riff(b"AVI ", bytes(1000)) + riff(b"AVIX", bytes(600))
MKV = matroska(bytes(1000), b"\x43\xe8")


@pytest.mark.parametrize("whole", [MP4, FRAGMENTED, AVI, MKV, b"", b"text", bytes(50)])
def test_a_whole_file_misses_nothing(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(whole)
    assert missing_bytes(str(path)) == 0


@pytest.mark.parametrize("whole", [MP4, FRAGMENTED, AVI, MKV])
def test_every_byte_that_is_missing_is_counted(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(whole[:-90])
    assert missing_bytes(str(path)) == 90


@pytest.mark.parametrize(
    "data",
    [
        MP4 + bytes(100),
        MP4 + b"tail" * 100,
        box(b"ftyp", b"isom") + struct.pack(">I4s", 0, b"mdat") + bytes(10),
        b"RIFF" + bytes(4) + b"AVI " + bytes(100),
        b"RIFF\xff\xff\xff\xffAVI " + bytes(100),
        b"RIFF" + struct.pack("<I", 112) + b"AVI " + bytes(100),
        matroska(bytes(100), b"\x01" + b"\xff" * 7),
        matroska(b"", b""),
        b"\x1a\x45\xdf\xa3",
    ],
)
def test_what_does_not_say_how_long_it_is_is_not_called_cut(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(data)
    assert missing_bytes(str(path)) == 0
