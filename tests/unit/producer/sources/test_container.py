import math
import struct
import uuid
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


def flv_tag(kind: int, content: bytes) -> bytes:
    head = bytes([kind]) + len(content).to_bytes(3) + bytes(7)
    return head + content + (len(head) + len(content)).to_bytes(4)


def flv(file_size: float, *, metadata: bytes = b"\x00\x08filesize\x00") -> bytes:
    tags = flv_tag(18, b"\x02\x00\x0aonMetaData" + metadata + struct.pack(">d", file_size))
    for _ in range(5):
        tags += flv_tag(9, bytes(200)) + flv_tag(8, bytes(20))
    return b"FLV\x01\x05" + (9).to_bytes(4) + bytes(4) + tags


def asf_object(kind: str, content: bytes) -> bytes:
    return uuid.UUID(kind).bytes_le + (24 + len(content)).to_bytes(8, "little") + content


def asf(flags: int = 0) -> bytes:
    fields = bytes(64) + struct.pack("<IIII", flags, 0, 0, 0)
    properties = asf_object("8CABDCA1-A947-11CF-8EE4-00C00C205365", fields)
    return (
        asf_object("75B22630-668E-11CF-A6D9-00AA0062CE6C", bytes(6) + properties)
        + asf_object("75B22636-668E-11CF-A6D9-00AA0062CE6C", bytes(1000))
        + asf_object("33000890-E5B1-11CF-89F4-00A0C90349CB", bytes(200))
    )


def packets(head: bytes, tail: bytes) -> bytes:
    return 20 * (head + b"\x47" + bytes(187) + tail)


MP4 = box(b"ftyp", b"isom") + large_box(b"mdat", bytes(1000)) + box(b"moov", bytes(100))
FRAGMENTED = box(b"ftyp", b"iso5") + 20 * (box(b"moof", bytes(50)) + box(b"mdat", bytes(500)))
AVI = riff(b"AVI ", bytes(1000)) + riff(b"AVIX", bytes(600))
MKV = matroska(bytes(1000), b"\x43\xe8")
FLV = flv(0)
ASF = asf()
TS, M2TS, TS_204 = packets(b"", b""), packets(bytes(4), b""), packets(b"", bytes(16))


@pytest.mark.parametrize(
    "whole",
    [MP4, FRAGMENTED, AVI, MKV, FLV, ASF, TS, M2TS, TS_204, b"", b"text", bytes(50)],
)
def test_a_whole_file_misses_nothing(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(whole)
    assert missing_bytes(str(path)) == 0


@pytest.mark.parametrize("whole", [MP4, FRAGMENTED, AVI, MKV, ASF, TS, M2TS, TS_204])
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
        # Metadata of another file; a recorder that was killed between two tags; a tail; no number.
        flv(1e6),
        FLV[: -(11 + 20 + 4)],
        FLV + b"tail" * 100,
        flv(math.nan),
        # A broadcast, and data that a killed recorder gave no size.
        asf(flags=1)[:-90],
        ASF[: ASF.index(b"\x36\x26\xb2\x75") + 16] + bytes(500),
        # Cut between two packets; no stream of packets.
        TS[:-188],
        TS[:700] + bytes(188 * 10 - 700 + 1),
        b"\x47" + bytes(3000),
    ],
)
def test_what_does_not_say_how_long_it_is_is_not_called_cut(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(data)
    assert missing_bytes(str(path)) == 0


@pytest.mark.parametrize(
    ("whole", "missing"),
    # The last tag takes 35 bytes; of the one before, 61 bytes and its end are missing.
    [(FLV, 61), (flv(math.inf), 61), (flv(len(FLV)), 100), (flv(len(FLV), metadata=b"\x09"), 61)],
)
def test_a_tag_that_is_cut_is_noticed_and_metadata_say_how_much_follows(
    whole: bytes, missing: int, tmp_path: Path
) -> None:
    path = tmp_path / "clip"
    path.write_bytes(whole[:-100])
    assert missing_bytes(str(path)) == missing
