"""What `torch.save` wrote, read without executing anything; all else is refused in words of ours.

`torch.load` refuses code as well, and its message tells how to let it run. Nothing of that message
is passed on. Two ways around `weights_only` were found and closed: CVE-2025-32434 in PyTorch 2.6
and CVE-2026-24747 in 2.10. The oldest that requirements.txt allows is newer.
"""

from __future__ import annotations

import argparse
import io
import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from velox.base.errors import CANNOT_BE_READ, CheckpointError

CONVERT = "`python -m velox.models.convert` makes a checkpoint of it"
EXPORT = (
    'where the model was made, torch.save(model.state_dict(), "weights.pth") writes its weights '
    "alone, and `python -m velox.models.convert` makes a checkpoint of those"
)

# What torch.save begins with without a zip archive: its magic number as a pickle.
_OLD_FORM = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_ZIP = b"PK\x03\x04"
# Beginnings of files that are taken for models, and what they are.
_KINDS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them"),
    (b"GGUF", "a GGUF file"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: run `git lfs pull`"),
    (b"<", "a web page or XML, not a model"),
    (b"\x80", "a pickle that torch.save did not write, and reading it could run code"),
)
# ONNX: a protobuf message whose first field is the version of its form (onnx.proto, ModelProto).
_ONNX = re.compile(rb"\x08[\x01-\x20][\x12\x1a\x22\x2a\x32\x3a\x42]")
_EXPORTED = ("archive_format", "serialized_exported_program.json", "models/model.json")
_BUILT_IN = ("builtins.", "__builtin__.")
_MOST_NAMED = 3
_LONGEST_NAME = 80

# What training scripts of torchvision and timm keep their options in; it runs nothing.
torch.serialization.add_safe_globals([argparse.Namespace])


def read(data: bytes, path: Path) -> Any:
    """The content of a file that `torch.save` wrote, on the CPU.

    Args:
        data: all of the file.
        path: its name, for the error.

    Raises:
        CheckpointError: when it was written by something else, is damaged, or holds anything but
            tensors, numbers, texts, lists and dicts of those; there was no memory for it.
    """
    try:
        return content_of(data)
    except MemoryError:
        raise CheckpointError(f"{path} {CANNOT_BE_READ}: no memory") from None
    except ValueError as error:
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from None


def content_of(data: bytes) -> Any:
    """As `read`.

    Raises:
        ValueError: with the reason, in words that hold nothing of PyTorch's own.
        MemoryError: when there was no memory for it.
    """
    reason = _other_kind(data)
    if reason is None:
        try:
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except MemoryError:
            raise
        except Exception:
            # What torch raises differs by where a file breaks and is documented nowhere.
            reason = _why_not(data)
    raise ValueError(reason)


def _other_kind(data: bytes) -> str | None:
    """What a file is that `torch.save` did not write, None if it did."""
    if data.startswith(_OLD_FORM):
        return None
    if data.startswith(_ZIP):
        return _other_archive(data)
    for start, kind in _KINDS:
        if data.startswith(start):
            return f"it is {kind}"
    if looks_like_safetensors(data):
        return f"it is a safetensors file; {CONVERT}"
    if _ONNX.match(data):
        return f"it is an ONNX model; {EXPORT}"
    if data[4:8] == b"TFL3":
        return "it is a model of TensorFlow Lite"
    return "it is empty" if not data else "torch.save did not write it"


def looks_like_safetensors(data: bytes) -> bool:
    """Whether a file begins as safetensors do: the length of a header, and its brace."""
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def _other_archive(data: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            records = archive.infolist()
    except Exception:  # zipfile raises several kinds for what is damaged
        return "it is cut short or damaged"
    names = {record.filename.partition("/")[2] for record in records}
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        return f"it is a TorchScript model, which is a program: {EXPORT}"
    if names.intersection(_EXPORTED):
        return f"it is an exported program (.pt2): {EXPORT}"
    if "data.pkl" not in names:
        return "it is a zip archive that torch.save did not write"
    if sum(record.file_size for record in records) > len(data):
        return "it unpacks to more than its own size, which no file from torch.save does"
    return None


def _why_not(data: bytes) -> str:
    """Why `torch.load` did not read a file that is of its form."""
    objects = list(dict.fromkeys(_objects(data)))
    if any(name.startswith("torch.nn.modules.") for name in objects):
        first = next(name for name in objects if not name.startswith(_BUILT_IN))
        return f"it is a whole pickled model ({first}), and reading it would run code: {EXPORT}"
    if objects:
        named = ", ".join(objects[:_MOST_NAMED]) + (", ..." if objects[_MOST_NAMED:] else "")
        return (
            f"beside its state dict it holds objects that only code can rebuild ({named}): {EXPORT}"
        )
    return "it is cut short or damaged"


def _objects(data: bytes) -> Iterator[str]:
    """The names of what a file's pickle would import, but for what tensors are made of."""
    for name in _imports(data):
        module = name.rpartition(".")[0]
        if module.startswith("torch.nn.modules") or module.partition(".")[0] not in (
            "torch",
            "collections",
        ):
            yield name


def _imports(data: bytes) -> Iterator[str]:
    """As `module.name`, in their order; nothing is imported. Ends where the pickle is damaged."""
    try:
        stream = io.BytesIO(data)
        if data.startswith(_ZIP):
            with zipfile.ZipFile(stream) as archive:
                (pickle,) = (each for each in archive.infolist() if _is_pickle(each.filename))
                stream = io.BytesIO(archive.read(pickle))
        texts: list[str] = []
        while stream.tell() < len(stream.getbuffer()):
            # Without a zip archive, several pickles stand one after the other.
            for code, value, _ in pickletools.genops(stream):
                if code.name == "GLOBAL":
                    yield _name(str(value).replace(" ", "."))
                elif code.name == "STACK_GLOBAL":
                    yield _name(".".join(texts[-2:]))
                elif isinstance(value, str):
                    texts.append(value)
    except Exception:  # of hostile bytes, pickletools may make any error
        return


def _name(text: str) -> str:
    """As a name may look, whatever a stranger wrote there."""
    return re.sub(r"[^\w.]", "?", text, flags=re.ASCII)[:_LONGEST_NAME]


def _is_pickle(name: str) -> bool:
    return name.partition("/")[2] == "data.pkl"
