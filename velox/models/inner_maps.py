"""What inner maps say of an image, given out beside the network's answer.

The numbers come out of the network's own graph. So whatever form it is brought into (compiled, in
fewer bits, exported), it gives them out without anybody reaching into it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, fx, nn
from torch.nn.functional import adaptive_avg_pool2d

from velox.models.shapes_within import note_shapes, shape_of

# A map of so many pixels a side still has a spread; larger ones than that share of the input hardly
# differ from it.
LEAST_SIDE, MOST_OF_INPUT = 2, 4
# The parts' names in the network, which no network has of its own.
POOL, BESIDE = "pool_of_stage", "beside_network"


class Whole(nn.Module):
    """A part that no form of a network takes to pieces or puts into fewer bits.

    What such parts compute from is rounded as the form rounds it; what they make of it is not.
    """


# Of a stage with C channels the mean of each, and the mean of its square, float32 [N, C, 1, 1].
Pooled = tuple[Tensor, Tensor]


class Pool(Whole):
    """Sums a stage's maps up, whatever they are held in."""

    def forward(self, maps: Tensor) -> Pooled:
        """Sum up [N, C, H, W]."""
        maps = maps.float()
        # In every runtime the mean of whole maps is an operation of its own, and fast.
        return adaptive_avg_pool2d(maps, 1), adaptive_avg_pool2d(maps * maps, 1)


class Joined(Whole):
    """The numbers alone."""

    def forward(self, _logits: Tensor, *pooled: Pooled) -> Tensor:
        """See `joined`."""
        return joined(pooled)


def joined(pooled: Sequence[Pooled]) -> Tensor:
    """Mean and standard deviation of every channel of all stages, float32 [N, D]."""
    mean, square = (torch.cat(each, dim=1) for each in zip(*pooled, strict=True))
    deviation = (square - mean * mean).clamp(min=0).sqrt()
    return torch.cat((mean, deviation), dim=1).flatten(1)


@torch.no_grad()
def beside(network: nn.Module, size: int, what: Whole) -> fx.GraphModule:
    """The network, which also gives out what a module makes of its logits and inner maps.

    Args:
        network: takes float32 [N, 3, S, S], is in evaluation mode, and shares its weights with what
            is returned.
        size: S.
        what: is called with the logits and with what `Pool` makes of each stage.

    Returns:
        A module that takes what the network does, and returns the logits, and that.

    Raises:
        Exception: of any kind, when torch.fx cannot trace the network, as that runs the network's
            own code on stand-ins; when it has no such maps; when the module does not go with them.
    """
    module = fx.symbolic_trace(network)
    blank = torch.zeros(1, 3, size, size, device=next(network.parameters()).device)
    note_shapes(module, blank)
    stages = _stages(module.graph, size)
    if not stages:
        raise ValueError("it has no inner maps")
    module.add_submodule(POOL, Pool())
    module.add_submodule(BESIDE, what)
    pooled = []
    for node in stages:
        # At once: what follows may write over the map.
        with module.graph.inserting_after(node):
            pooled.append(module.graph.call_module(POOL, (node,)))
    output = next(iter(reversed(module.graph.nodes)))
    (logits,) = output.args
    with module.graph.inserting_before(output):
        output.args = ((logits, module.graph.call_module(BESIDE, (logits, *pooled))),)
    module.recompile()
    module.eval()(blank)
    return module


def _stages(graph: fx.Graph, size: int) -> list[fx.Node]:
    """Of each size of map the narrowest that all passes through, and of those the last.

    The narrowest costs least, and what all passes through holds what the rest of the network knows.
    """
    found: dict[int, fx.Node] = {}
    for node in _joints(graph):
        channels, side = _map_of(node)
        if not LEAST_SIDE <= side <= size // MOST_OF_INPUT:
            continue
        if side not in found or channels <= _map_of(found[side])[0]:
            found[side] = node
    return list(found.values())


def _joints(graph: fx.Graph) -> Iterator[fx.Node]:
    """The nodes after which nothing else that was computed is still needed."""
    left = Counter({node: len(node.users) for node in graph.nodes})
    alive = 0
    for node in graph.nodes:
        if node.op in ("get_attr", "output"):
            continue
        for each in node.all_input_nodes:
            left[each] -= 1
            alive -= each.op != "get_attr" and not left[each]
        alive += bool(left[node])
        if alive == 1 and left[node]:
            yield node


def _map_of(node: fx.Node) -> tuple[int, int]:
    """Channels and side of a square map, (0, 0) for what is none."""
    shape = shape_of(node)
    if node.op == "placeholder" or len(shape) != 4 or shape[2] != shape[3]:
        return 0, 0
    return shape[1], shape[2]
