"""The shapes of all that a network computes on its way, noted in its graph."""

from __future__ import annotations

from typing import Any

from torch import Tensor, fx

_SHAPE = "shape"


class _Shapes(fx.Interpreter):
    """As `torch.fx.passes.shape_prop`, which imports a system of algebra for unknown shapes."""

    def run_node(self, n: fx.Node) -> Any:
        """Run a node and note the shape of what it gives."""
        found = super().run_node(n)
        if isinstance(found, Tensor):
            n.meta[_SHAPE] = tuple(found.shape)
        return found


def note_shapes(module: fx.GraphModule, images: Tensor) -> None:
    """Note the shapes that a network computes of images."""
    _Shapes(module).run(images)


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """The shape that was noted of a node, empty where it gives no tensor."""
    found: tuple[int, ...] = node.meta.get(_SHAPE, ())
    return found
