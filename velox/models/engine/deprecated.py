"""The one door to what PyTorch has deprecated: TorchScript, its export to ONNX, and `torch.ao`.

Of what needs neither a compiler at run time nor another package, nothing replaces them. Each is
looked for when it is needed: a PyTorch without one has one form of a model less.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

Classify = Callable[[Tensor], tuple[Tensor, ...]]

# Of ONNX's operators; ONNX Runtime's tools for integers know it well.
OPSET = 17


class Missing(Exception):
    """This PyTorch lacks a deprecated part; the message names it."""


@contextmanager
def _part(name: str) -> Iterator[None]:
    """Say what is missing, and let its warnings be: they are known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (ImportError, AttributeError) as error:
            raise Missing(f"this PyTorch has no {name} ({error})") from error


def int8_module() -> Any:
    """The module `velox.models.engine.int8`.

    Raises:
        Missing: without `torch.ao`.
    """
    with _part("torch.ao.quantization"):
        return import_module("velox.models.engine.int8")


def exported(module: nn.Module, example: Tensor, name: str, outputs: Sequence[str]) -> bytes:
    """A module as an ONNX graph that takes any number of images.

    The exporter that is to replace this one takes several times as long and needs a package more.

    Args:
        module: in evaluation mode, takes one tensor and returns one or several.
        example: of what it takes.
        name: of the graph's input.
        outputs: the names of its outputs.

    Raises:
        Missing: without that exporter.
        Exception: of any kind, when the module cannot be exported.
    """
    with _part("export of TorchScript to ONNX"):
        export = torch.onnx.export
    with tempfile.TemporaryDirectory(prefix="velox-onnx-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        export(
            module,
            (example,),
            path,
            input_names=[name],
            output_names=list(outputs),
            dynamic_axes={each: {0: "n"} for each in (name, *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
        return path.read_bytes()


def frozen(module: nn.Module, pixels: Tensor, *, optimised: bool = False) -> Classify:
    """A TorchScript graph with its weights as constants, which runs without the interpreter.

    `torch.jit.trace` adds every graph, weights and all, to a list that the process keeps to its
    end (`torch/csrc/jit/python/script_init.cpp`, `get_python_cu`). So the steps of it are done here
    with a compilation unit of the graph's own, which goes when the graph goes.

    Args:
        module: in evaluation mode, takes uint8 [N, 3, S, S].
        pixels: an example of that.
        optimised: laid out for oneDNN as well.

    Raises:
        Missing: without TorchScript.
        Exception: of any kind, when the module cannot be traced.
    """
    with _part("TorchScript"):
        make: Any = torch._C.ScriptModule
        script = make("Velox", torch._C.CompilationUnit(), False)
        script._register_attribute("training", torch._C.BoolType.get(), False)
        # Tensors become constants of the trace; packed weights of integers can only be attributes.
        for number, packed in enumerate(_packed(module)):
            script._register_attribute(f"packed_{number}", packed._type(), packed)
        trace = script._create_method_from_trace
        freeze, optimise = torch.jit.freeze, torch.jit.optimize_for_inference
        wrap: Any = torch.jit._recursive.wrap_cpp_module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.eval().requires_grad_(False)
        trace("forward", module, (pixels,), lambda _value: "", True, False, ["pixels"], False)
        graph = freeze(wrap(script))
        return cast(Classify, optimise(graph) if optimised else graph)


def _packed(module: nn.Module) -> Iterator[Any]:
    for each in module.modules():
        yield from (value for value in vars(each).values() if isinstance(value, torch.ScriptObject))
