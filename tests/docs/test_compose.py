"""The commands for Compose: those that `make test-stack` types are there."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from tests.docs.pages import ROOT, typed
from tests.rig.yaml_text import yaml_of
from tests.stack import alive, own_images
from velox.models.convert.options import parsed


def test_the_database_is_asked_in_three_ways() -> None:
    assert len(alive.queries()) >= 3
    assert all("db.shapes_found." in each for each in alive.queries()), "none changes anything"


def test_own_images_take_three_commands_wherever_they_stand() -> None:
    train, start, send = own_images.documented()
    assert train == "docker-compose run --rm -e DATASET_PATH=/data/photos trainer train"
    assert "producer=0" in start
    assert send == "docker-compose run --rm -e SOURCE=/data/photos producer"


def test_weights_are_converted_where_the_trainer_finds_them() -> None:
    (line,) = [
        each
        for each in typed("bash")
        if each.startswith("docker-compose run") and "convert" in each
    ]
    command, _, rest = line.partition(" trainer ")
    assert shlex.split(command) == ["docker-compose", "run", "--rm", "--entrypoint", "python"]
    module, options = shlex.split(rest)[:2], parsed("", shlex.split(rest)[2:])
    assert module == ["-m", "velox.models.convert"]
    trainer = yaml_of((ROOT / "docker-compose.yml").read_text())["services"]["trainer"]
    model_volume, data, _ = trainer["volumes"]
    assert data.endswith(":/data:ro,z")
    assert {each.parent for each in (options.weights, options.labels)} == {PurePosixPath("/data")}
    assert model_volume == f"model:{options.model.parent}"
    image = (ROOT / "Dockerfile").read_text()
    assert f"MODEL_PATH={options.model} " in image
    assert f"CLASSES_PATH={options.model.with_name('classes.json')} " in image
    # The package is found in the folder that Python starts in.
    assert "WORKDIR /app" in image
    assert "COPY velox velox" in image
    # The proof writes the checkpoint to a temporary file before.
    assert trainer["tmpfs"]
