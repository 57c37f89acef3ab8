"""Files that torch.save did not write, or that hold code: each is told by what it is."""

from __future__ import annotations

import argparse
import io
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from velox.base.errors import CheckpointError
from velox.models import torch_file

PATH = Path("model.pth")
STATE = nn.Linear(2, 3).state_dict()


class Ours:
    """An object that only code can rebuild."""


def saved(content: Any, *, archive: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=archive)
    return buffer.getvalue()


def zipped(*records: str, content: bytes = b"", how: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for each in records:
            archive.writestr(each, content)
    return buffer.getvalue()


def scripted() -> bytes:
    buffer = io.BytesIO()
    traced = torch.jit.trace(nn.Linear(2, 3), torch.zeros(1, 2))  # type: ignore[no-untyped-call]
    torch.jit.save(traced, buffer)
    return buffer.getvalue()


def refused(data: bytes) -> str:
    with pytest.raises(CheckpointError) as caught:
        torch_file.read(data, PATH)
    said = str(caught.value)
    assert said.startswith("model.pth is not a readable checkpoint: ")
    assert caught.value.__suppress_context__, "what torch says would be shown"
    assert not re.search(r"weights_only|two options|\x1b|\n|miniz", said)
    return said.split(": ", 1)[1]


@pytest.mark.parametrize("archive", [True, False])
def test_a_state_dict_is_read_in_both_forms(archive: bool) -> None:
    content = torch_file.read(saved(STATE, archive=archive), PATH)
    assert torch.equal(content["weight"], STATE["weight"])


def test_options_of_a_training_script_do_not_hinder() -> None:
    """torchvision's references/classification/train.py saves its argparse.Namespace as `args`."""
    content = torch_file.read(saved({"model": STATE, "args": argparse.Namespace(lr=0.1)}), PATH)
    assert torch.equal(content["model"]["weight"], STATE["weight"])


@pytest.mark.parametrize("archive", [True, False])
def test_a_whole_model_is_told_and_what_to_do_instead(archive: bool) -> None:
    said = refused(saved(nn.Sequential(nn.Linear(2, 3)), archive=archive))
    assert "a whole pickled model (torch.nn.modules.container.Sequential)" in said
    assert 'torch.save(model.state_dict(), "weights.pth")' in said
    assert "`python -m velox.models.convert`" in said


def test_a_whole_model_is_named_by_its_own_class() -> None:
    said = refused(saved({"classes": {1, 2}, "model": nn.Linear(2, 3)}))
    assert "a whole pickled model (torch.nn.modules.linear.Linear)" in said


@pytest.mark.parametrize("archive", [True, False])
def test_objects_of_others_are_named(archive: bool) -> None:
    said = refused(saved({"model": STATE, "of": Ours(), "best": np.float64(0.9)}, archive=archive))
    assert f"objects that only code can rebuild ({__name__}.Ours, numpy._core" in said


def test_a_name_that_paints_the_terminal_is_not_shown() -> None:
    data = saved(Ours(), archive=False).replace(b"\nOurs\n", b"\n\x1b[1m\n")
    assert f"{__name__}.??1m" in refused(data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "it is empty"),
        (b"neither one nor the other", "torch.save did not write it"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them"),
        (b"\x1c\0\0\0TFL3", "a model of TensorFlow Lite"),
        (b"\x08\x08\x12\x07pytorch", "an ONNX model; where the model was made"),
        (pickle.dumps({"weight": [1.0]}), "a pickle that torch.save did not write"),
        (
            (2).to_bytes(8, "little") + b"{}",
            "a safetensors file; `python -m velox.models.convert` makes a checkpoint",
        ),
        (saved(STATE)[:-30], "it is cut short or damaged"),
        (saved(STATE, archive=False)[:-9], "it is cut short or damaged"),
        (zipped("m/models/model.json", "m/archive_format"), "an exported program (.pt2)"),
        (zipped("config.json", "model.weights.h5"), "a zip archive that torch.save did not write"),
        (
            zipped("m/data.pkl", "m/data/0", content=bytes(10**6), how=zipfile.ZIP_DEFLATED),
            "it unpacks to more than its own size",
        ),
        (zipped("m/data.pkl", content=b"\x80\x02}q\x00."[:3]), "it is cut short or damaged"),
    ],
)
def test_what_it_is_instead(data: bytes, what: str) -> None:
    assert what in refused(data)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_torchscript_is_told() -> None:
    said = refused(scripted())
    assert "a TorchScript model, which is a program" in said
    assert "`python -m velox.models.convert`" in said
