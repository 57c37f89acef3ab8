"""A classifier as code that PyTorch's compiler makes for the card: several steps in one pass.

Between two convolutions a network adds, cuts off and adds again, and each of these steps reads and
writes all of its maps. Made one, they are a fraction of that: on an H200, mobilenet_v2 and resnet50
at 224 pixels are 1.8 and 2.1 times as fast at a batch of 128. An engine was ready after 46 s there
instead of 26 s, at a start as for a new model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch._inductor import config as inductor

from velox.models.engine.classifier import Answer


class Compiled(nn.Module):
    """A classifier, compiled once for all sizes of batch but one image, which is another code.

    The first call of each takes seconds. Needs Triton and a C compiler.

    Args:
        plain: takes uint8 [N, 3, S, S], channels last.
    """

    def __init__(self, plain: nn.Module) -> None:
        super().__init__()
        # Compiled here and not by processes beside this one, each of which would take hundreds of
        # megabytes of what a container may have. They would start with the compiler's import.
        inductor.compile_threads = 1
        self._run = torch.compile(plain)

    def forward(self, pixels: Tensor) -> Answer:
        """As the classifier."""
        if len(pixels) > 1:
            torch._dynamo.maybe_mark_dynamic(pixels, 0)
        answer: Answer = self._run(pixels)
        return answer
