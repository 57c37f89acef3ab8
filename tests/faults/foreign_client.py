"""A client that is not bound to text: it sends header names that are not UTF-8.

Kafka does not look into header names. Clients of Java and Python send UTF-8 alone; others, such as
those of C, Go and Rust, may send any bytes. This one calls librdkafka's own functions.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import confluent_kafka

FLUSH_LIMIT_MS = 30_000
# https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka.h, rd_kafka_vtype_t
_TOPIC, _VALUE, _MSGFLAGS, _HEADER = 1, 4, 7, 9
_PRODUCER, _COPY = 0, 2


class _Memory(ctypes.Structure):
    _fields_ = (("pointer", ctypes.c_char_p), ("size", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("value", ctypes.c_char_p),
        ("size", ctypes.c_ssize_t),
    )


class _Union(ctypes.Union):
    _fields_ = (
        ("text", ctypes.c_char_p),
        ("number", ctypes.c_int32),
        ("memory", _Memory),
        ("header", _Header),
        ("padding", ctypes.c_char * 64),
    )


class _Argument(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int), ("is_", _Union))


def _library() -> ctypes.CDLL:
    (found,) = Path(f"{Path(confluent_kafka.__file__).parent}.libs").glob("librdkafka*")
    library = ctypes.CDLL(str(found))
    library.rd_kafka_conf_new.restype = ctypes.c_void_p
    library.rd_kafka_conf_set.argtypes = [ctypes.c_void_p, *[ctypes.c_char_p] * 3, ctypes.c_size_t]
    library.rd_kafka_new.argtypes = [
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
    ]
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_produceva.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    library.rd_kafka_produceva.restype = ctypes.c_void_p
    library.rd_kafka_flush.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.rd_kafka_destroy.argtypes = [ctypes.c_void_p]
    return library


def send(bootstrap: str, topic: str, value: bytes, header: tuple[bytes, bytes]) -> None:
    """Send one record with one header, and wait until the broker has it."""
    library = _library()
    error = ctypes.create_string_buffer(256)
    config = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(config, b"bootstrap.servers", bootstrap.encode(), error, 256)
    producer = library.rd_kafka_new(_PRODUCER, config, error, 256)
    assert producer, error.value
    try:
        name, content = header
        arguments = (_Argument * 4)(
            _Argument(_TOPIC, _Union(text=topic.encode())),
            _Argument(_VALUE, _Union(memory=_Memory(value, len(value)))),
            _Argument(_HEADER, _Union(header=_Header(name, content, len(content)))),
            _Argument(_MSGFLAGS, _Union(number=_COPY)),
        )
        assert not library.rd_kafka_produceva(producer, arguments, len(arguments))
        assert library.rd_kafka_flush(producer, FLUSH_LIMIT_MS) == 0
    finally:
        library.rd_kafka_destroy(producer)
