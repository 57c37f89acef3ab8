"""Batch normalisations folded into the convolutions before them."""

from __future__ import annotations

import logging
from collections import Counter
from copy import deepcopy

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from velox.models.inner_maps import Whole

log = logging.getLogger(__name__)


def folded_if_possible(network: nn.Module) -> nn.Module:
    """See `folded`; the network itself where it cannot be traced."""
    try:
        return folded(network)
    except Exception as error:
        # Tracing runs the model's own code on stand-ins, so anything may come out.
        log.debug("batch normalisations not folded: %s", error)
        return network


def folded(network: nn.Module) -> fx.GraphModule:
    """The network with fewer operations, which gives the same up to the order of additions.

    Args:
        network: is in evaluation mode, and stays as it is.

    Raises:
        Exception: of any kind, when torch.fx cannot trace the network: that runs the network's own
            code on stand-ins.
    """
    module = _traced(deepcopy(network))
    modules = dict(module.named_modules())
    calls = Counter(node.target for node in module.graph.nodes if node.op == "call_module")
    for node in list(module.graph.nodes):
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module":
            continue
        norm, conv = modules[str(node.target)], modules[str(before.target)]
        alone = len(before.users) == calls[before.target] == calls[node.target] == 1
        if alone and type(conv) is nn.Conv2d and _foldable(norm):
            module.set_submodule(str(before.target), fuse_conv_bn_eval(conv, norm))
            node.replace_all_uses_with(before)
            module.graph.erase_node(node)
    module.delete_all_unused_submodules()
    module.recompile()
    return module


def _traced(network: nn.Module) -> fx.GraphModule:
    return fx.GraphModule(network, _Tracer().trace(network))


class _Tracer(fx.Tracer):
    """Leaves whole what is to stay as it is, in float32, whatever becomes of the network."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        """See `torch.fx.Tracer.is_leaf_module`."""
        return isinstance(module, Whole) or super().is_leaf_module(module, name)


def _foldable(norm: nn.Module) -> bool:
    return type(norm) is nn.BatchNorm2d and norm.track_running_stats
