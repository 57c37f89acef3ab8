"""A checkpoint's network as graphs for ONNX Runtime: in float32 and in 8-bit integers.

It needs the packages of `requirements-onnx.txt`, and PyTorch, which what is made here does not.
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from torch import Tensor, nn

from velox.models.checkpoint import Checkpoint, at_work
from velox.models.description import Description
from velox.models.engine.check import Refused, require_enough
from velox.models.engine.deprecated import exported
from velox.models.engine.fold import folded_if_possible
from velox.models.engine.graphs import Graphs, packed
from velox.models.engine.kept import Kept
from velox.models.engine.session import INPUT, OUTPUTS, Session, as_rows
from velox.models.engine.trial_images import noise
from velox.models.inner_maps import BESIDE, POOL

# Of a logit, relative to the largest: forms of float32 may add up in another order.
TOLERANCE = 1e-3

_CALIBRATION_IMAGES = 32
_CALIBRATION_BATCH = 8

log = logging.getLogger(__name__)


def made(checkpoint: Checkpoint, kept: Kept) -> Graphs | None:
    """The graphs of a checkpoint, which are kept; None where it has none, which is logged."""
    try:
        graphs = graphs_of(checkpoint)
    except Refused as reason:
        log.info("ONNX Runtime is not used: %s", reason)
        return None
    kept.keep_model(graphs.digest, packed(graphs), novelty=checkpoint.novelty is not None)
    return graphs


def graphs_of(checkpoint: Checkpoint) -> Graphs:
    """Make the graphs of a checkpoint.

    Raises:
        Refused: when the network cannot be exported, or the graph answers otherwise.
    """
    network = at_work(checkpoint)
    try:
        normalising = _Normalising(folded_if_possible(network), checkpoint)
        rows = torch.from_numpy(as_rows(noise(checkpoint.input_size, 3)))
        with torch.inference_mode():
            expected = [each.numpy() for each in normalising(rows)]
        graph = exported(normalising, rows[:1], INPUT, OUTPUTS[: len(expected)])
        found = Session(graph, threads=1)(rows.numpy())
    except Exception as error:
        # Tracing runs the model's own code on stand-ins, so anything may come out.
        raise Refused(f"the model cannot be exported: {type(error).__name__}: {error}") from error
    if len(found) != len(expected) or not all(map(_near, found, expected)):
        raise Refused("the exported model answers otherwise")
    described = {
        each.name: getattr(checkpoint, each.name) for each in dataclasses.fields(Description)
    }
    try:
        return Graphs(**described, fp32=graph, int8=_int8(graph, checkpoint))
    except Refused as reason:
        return Graphs(**described, fp32=graph, reason=str(reason))


def _near(found: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    limit = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    return found.shape == expected.shape and bool(np.abs(found - expected).max() <= limit)


class _Normalising(nn.Module):
    """A network that takes pixels as they come: uint8 [N, S, S * 3]."""

    def __init__(self, network: nn.Module, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.network = network
        self.size = checkpoint.input_size
        mean, std = torch.tensor(checkpoint.mean), torch.tensor(checkpoint.std)
        # For a row of pixels: a loop over the three channels alone would be too short to be fast.
        self.register_buffer("scale", (1 / (255 * std)).repeat(self.size))
        self.register_buffer("shift", (-mean / std).repeat(self.size))
        self.scale: Tensor
        self.shift: Tensor

    def forward(self, rows: Tensor) -> tuple[Tensor, ...]:
        """The outputs before the softmax, float32 [N, labels], and the novelty, if any."""
        images = (rows.float() * self.scale + self.shift).reshape(-1, self.size, self.size, 3)
        outputs = self.network(images.permute(0, 3, 1, 2))
        return outputs if isinstance(outputs, tuple) else (outputs,)


def _int8(graph: bytes, checkpoint: Checkpoint) -> bytes:
    """The graph in integers, its ranges those of the samples."""
    samples = checkpoint.samples
    require_enough(len(samples))
    every = max(1, len(samples) // _CALIBRATION_IMAGES)
    with tempfile.TemporaryDirectory(prefix="velox-int8-") as folder:
        full, narrow = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        try:
            full.write_bytes(_with_own_constants(graph))
            with _quiet():
                quantize_static(
                    full,
                    narrow,
                    _Reader(samples.pixels()[::every][:_CALIBRATION_IMAGES]),
                    quant_format=QuantFormat.QDQ,
                    per_channel=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    nodes_to_exclude=_in_float32(graph),
                )
            return narrow.read_bytes()
        except Exception as error:
            log.debug("the model cannot be put into integers", exc_info=True)
            raise Refused(f"the model cannot be put into it: {type(error).__name__}") from error


def _with_own_constants(graph: bytes) -> bytes:
    """The graph with a copy of each constant for each user.

    The exporter lets equal ones, as biases of 0, be one with names; a convolution with such a bias
    would stay in float32.
    """
    model = onnx.load_model_from_string(graph)
    constants = {each.name: each for each in model.graph.initializer}
    for node in [each for each in model.graph.node if each.op_type == "Identity"]:
        if (constant := constants.get(node.input[0])) is not None:
            model.graph.initializer.add().CopyFrom(constant)
            model.graph.initializer[-1].name = node.output[0]
            model.graph.node.remove(node)
    return bytes(model.SerializeToString())


def _in_float32(graph: bytes) -> list[str]:
    """The names of what stays as it is: in integers it would be slower and less exact.

    That is what comes before the network, and what stands beside it.
    """
    nodes = [(node.name, node.op_type) for node in onnx.load_model_from_string(graph).graph.node]
    before = [name for name, _ in takewhile(lambda node: node[1] != "Transpose", nodes)]
    beside = {f"/network/{part}" for part in (POOL, BESIDE)}
    return before + [name for name, _ in nodes if name.startswith(tuple(beside))]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what is logged under no name, as the advice of ONNX Runtime's tools is."""

    def refuse(_record: logging.LogRecord) -> bool:
        return False

    logging.getLogger().addFilter(refuse)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(refuse)


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Samples in batches."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._batches: Iterator[NDArray[np.uint8]] = iter(
            np.split(pixels, range(_CALIBRATION_BATCH, len(pixels), _CALIBRATION_BATCH))
        )

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: as_rows(batch)}
