"""Texts as a stranger would send them, to see that nothing runs or breaks."""

from __future__ import annotations

from pathlib import Path

import torch

from velox.models import checkpoint as model
from velox.models.architectures import build

SCRIPT = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
QUOTES = "\"' onload='window.hacked=1' &amp; {{7*7}} \u202egnp.exe"
LABELS = (SCRIPT, QUOTES)


def checkpoint(folder: Path) -> dict[str, str]:
    """Save an untrained model of these labels; returns the variables that name it."""
    torch.manual_seed(0)
    network = build("mobilenet_v3_small", len(LABELS))
    path, classes = folder / "model.pth", folder / "classes.json"
    model.save(
        model.Checkpoint(
            architecture="mobilenet_v3_small",
            labels=LABELS,
            input_size=32,
            state_dict=network.state_dict(),
        ),
        path,
        classes,
    )
    return {"MODEL_PATH": str(path), "CLASSES_PATH": str(classes)}
