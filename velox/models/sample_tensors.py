"""Samples as a checkpoint's file holds them: tensors of bytes.

They are read back without executing anything. The samples themselves need no PyTorch, nor do the
stages of the consumer, which know them.
"""

from __future__ import annotations

from typing import Any

import torch

from velox.models.samples import Samples


def samples_of(content: Any) -> Samples:
    """What `tensors_of` has made.

    Raises:
        TypeError, ValueError: when it has another form.
    """
    parts = dict(content)
    images = [torch.as_tensor(each, dtype=torch.uint8) for each in parts.get("images", ())]
    if any(each.numel() > each.untyped_storage().nbytes() for each in images):
        raise ValueError("its samples repeat themselves")
    targets = map(int, parts.get("targets", ()))
    return Samples(tuple(each.numpy().tobytes() for each in images), tuple(targets))


def tensors_of(samples: Samples) -> dict[str, Any]:
    """The encoded images as tensors uint8 [bytes], and the targets."""
    images = [torch.frombuffer(bytearray(each), dtype=torch.uint8) for each in samples.images]
    return {"images": images, "targets": list(samples.targets)}
