"""The commands for Compose: those that `make test-stack` types are there."""

from __future__ import annotations

from tests.stack import alive, own_images


def test_the_database_is_asked_in_three_ways() -> None:
    assert len(alive.queries()) >= 3
    assert all("db.shapes_found." in each for each in alive.queries()), "none changes anything"


def test_own_images_take_three_commands_wherever_they_stand() -> None:
    train, start, send = own_images.documented()
    assert train == "docker-compose run --rm -e DATASET_PATH=/data/photos trainer train"
    assert "producer=0" in start
    assert send == "docker-compose run --rm -e SOURCE=/data/photos producer"
