"""A model that ONNX Runtime can run at once, as it is kept beside its checkpoint."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from velox.base.errors import CheckpointError
from velox.models import labels
from velox.models.description import Description, digest, of_plain
from velox.models.engine.kept import Kept
from velox.models.samples import Samples

# What this runtime has on the CPU, as PRECISION names it.
PRECISIONS = ("auto", "fp32", "int8")

# How a graph names a file of its own for weights (onnx.proto, TensorProto.external_data); none of
# ours does, and what is read may not name files.
_ELSEWHERE = b"location"
_LENGTH_BYTES = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Graphs(Description):
    """A classifier as ONNX graphs: uint8 [N, S, S * 3] in, float32 [N, labels] out.

    Where the model has it, the novelty comes out as well, float32 [N].

    Attributes:
        fp32: in float32.
        int8: in 8-bit integers; empty where there is none.
        reason: why there is none, in words.
    """

    fp32: bytes = field(repr=False)
    int8: bytes = field(default=b"", repr=False)
    reason: str = ""


def can_run() -> bool:
    """Whether the packages of `requirements-onnx.txt` are installed."""
    return all(find_spec(name) is not None for name in ("onnxruntime", "onnx"))


def found(model_path: Path, classes_path: Path, *, novelty: bool = False) -> Graphs | None:
    """What is kept of the checkpoint that lies there, None where nothing that holds is.

    Args:
        model_path: the checkpoint.
        classes_path: its labels.
        novelty: the form that computes it.
    """
    try:
        data, named = model_path.read_bytes(), labels.read(classes_path.read_bytes(), classes_path)
    except (OSError, CheckpointError):
        return None
    model = digest(data)
    kept = Kept(model_path).model(model, novelty=novelty)
    if kept is None:
        return None
    try:
        graphs = unpacked(kept)
    except ValueError as error:
        log.info("what is kept of model=%s is not used: %s", model, error)
        return None
    return graphs if graphs.digest == model and graphs.labels == named else None


def packed(graphs: Graphs) -> bytes:
    """All of it as bytes."""
    parts = (graphs.fp32, graphs.int8, *graphs.samples.images)
    head = {
        "description": graphs.plain(),
        "digest": graphs.digest,
        "targets": list(graphs.samples.targets),
        "reason": graphs.reason,
        "lengths": [len(each) for each in parts],
    }
    written = json.dumps(head).encode()
    return len(written).to_bytes(_LENGTH_BYTES, "big") + written + b"".join(parts)


def unpacked(data: bytes) -> Graphs:
    """What `packed` has made.

    Raises:
        ValueError: when it has another form, or a graph names a file.
    """
    start = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "big")
    try:
        head = json.loads(data[_LENGTH_BYTES:start])
        parts = []
        for length in head["lengths"]:
            parts.append(data[start : start + length])
            start += length
        fp32, int8, *images = parts
        graphs = Graphs(
            **of_plain(head["description"]),
            samples=Samples(tuple(images), tuple(map(int, head["targets"]))),
            digest=str(head["digest"]),
            fp32=fp32,
            int8=int8,
            reason=str(head["reason"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it has another form: {error!r}") from error
    if start != len(data) or len(images) != len(graphs.samples.targets):
        raise ValueError("its parts do not fit")
    if _ELSEWHERE in fp32 or _ELSEWHERE in int8:
        raise ValueError("a graph names a file")
    return graphs
