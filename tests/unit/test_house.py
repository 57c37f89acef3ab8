"""The house: which room may import which, and which room may know which package."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = {
    "producer.py",
    "train.py",
    "consumer.py",
    "lag.py",
    "review.py",
    "demo.py",
    "velox/forget.py",
    "velox/models/convert/__main__.py",
    "velox/report/__main__.py",
}
MODULES = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("velox/**/*.py"), *(ROOT / script for script in SCRIPTS))
)

# Each room and the rooms below it that it may use. An inner room may use its own house's rooms as
# INNER says.
ROOMS = {
    "base": set(),
    "settings": {"base"},
    "images": {"base"},
    "kafka": {"base"},
    "models": {"base", "images"},
    "stores": {"base", "images"},
    "monitoring": {"base", "images"},
    "producer": {"base", "images", "kafka"},
    "training": {"base", "settings", "images", "models"},
    "report": {"base", "settings", "images", "stores"},
    "consumer": {"base", "settings", "images", "kafka", "models", "stores", "monitoring"},
    "review": {"base", "images", "stores", "monitoring"},
    "demo": {"base", "stores", "monitoring"},
}
INNER = {
    ("models/engine", "models"),
    ("models/convert", "models"),
    ("models/convert", "models/engine"),
    ("monitoring/live", "monitoring"),
    ("producer", "producer/sources"),
    ("training", "training/data"),
    ("consumer", "consumer/polling"),
    ("consumer", "consumer/redrive"),
    ("consumer", "consumer/replay"),
    ("consumer", "consumer/shadow"),
    ("consumer", "consumer/sources"),
    ("consumer", "consumer/stages"),
    ("consumer/redrive", "consumer/polling"),
    ("consumer/redrive", "consumer/stages"),
    ("consumer/replay", "consumer/stages"),
    ("consumer/shadow", "consumer/sources"),
    ("consumer/shadow", "consumer/stages"),
    ("consumer/stages", "consumer/sources"),
}
# Who reads settings; every other part takes plain values.
READERS = SCRIPTS | {
    "velox/consumer/assembly.py",
    "velox/consumer/opening.py",
    "velox/consumer/redriving.py",
    "velox/consumer/replaying.py",
    "velox/consumer/shadowing.py",
    "velox/consumer/storage.py",
    "velox/consumer/task.py",
    "velox/training/assembly.py",
    "velox/training/prepared.py",
    "velox/training/run.py",
}

# Each package and where it may be known.
PACKAGES = {
    "torch": ("velox/models/", "velox/training/"),
    "onnxruntime": ("velox/models/engine/session.py", "velox/models/engine/export.py"),
    "onnx": ("velox/models/engine/export.py",),
    "torchvision": ("velox/models/architectures.py",),
    "confluent_kafka": ("velox/kafka/", "velox/consumer/polling/", "velox/demo/broker.py"),
    "pymongo": ("velox/stores/mongo",),
    "prometheus_client": ("velox/monitoring/",),
    "cv2": (
        "velox/images/",
        "velox/producer/sources/",
        "velox/training/",
        "velox/models/samples.py",
    ),
    "dotenv": ("velox/settings/declare.py",),
}
WITHOUT_TORCH = {
    "velox/models/cards.py",
    "velox/models/description.py",
    "velox/models/novelty_limits.py",
    "velox/models/samples.py",
    *(
        f"velox/models/engine/{name}.py"
        for name in (
            *("check", "graphs", "interface", "kept", "parts", "session", "trial_images"),
            *("onnx_choice", "onnx_engine", "onnx_form"),
        )
    ),
}


@cache
def imported(module: str) -> set[str]:
    """Dotted names that a module imports; those for the type checker alone do not count."""
    return set(_imported(ast.parse((ROOT / module).read_text())))


def _imported(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (each.name for each in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            source = child.module or ""
            yield source
            yield from (f"{source}.{each.name}" for each in child.names)
        else:
            yield from _imported(child)


def of_the_project(module: str) -> set[str]:
    paths = {f"{name.replace('.', '/')}.py" for name in imported(module)}
    return {path for path in paths if path in MODULES}


def room(module: str) -> str:
    parts = module.split("/")
    return parts[1] if parts[0] == "velox" and len(parts) > 2 else ""


def folder(module: str) -> str:
    return str(Path(module).parent).removeprefix("velox").lstrip("/")


def test_the_modules_are_found() -> None:
    assert {"velox/consumer/polling/ledger.py", "consumer.py"} <= set(MODULES)
    assert "velox/consumer/polling/ledger.py" in of_the_project("velox/consumer/polling/poller.py")
    assert "velox/base/logs.py" in of_the_project("velox/base/script.py"), (
        "`from velox.base import`"
    )


def test_every_module_is_in_a_room() -> None:
    inside = set(MODULES) - SCRIPTS - {"velox/__init__.py"}
    assert {each for each in inside if not room(each)} == set()
    assert {room(each) for each in inside} == ROOMS.keys()
    assert len(ROOMS) <= 13


@pytest.mark.parametrize("module", [each for each in MODULES if room(each)])
def test_a_room_uses_the_rooms_below_it_alone(module: str) -> None:
    here, mine = room(module), folder(module)
    for other in of_the_project(module):
        theirs = folder(other)
        if room(other) == here:
            assert mine == theirs or (mine, theirs) in INNER, other
        else:
            assert room(other) in ROOMS[here], other


@pytest.mark.parametrize("module", sorted(set(MODULES) - READERS))
def test_only_scripts_and_assemblies_read_settings(module: str) -> None:
    if room(module) != "settings":
        assert "settings" not in {room(each) for each in of_the_project(module)}


@pytest.mark.parametrize("module", MODULES)
def test_each_package_is_known_in_its_place_alone(module: str) -> None:
    for package in {name.partition(".")[0] for name in imported(module)} & PACKAGES.keys():
        assert module.startswith(PACKAGES[package]), package
        assert not (module in WITHOUT_TORCH and package == "torch")


@pytest.mark.parametrize("module", sorted(set(MODULES) - SCRIPTS))
def test_no_module_imports_a_script(module: str) -> None:
    assert of_the_project(module).isdisjoint(SCRIPTS)


def test_there_is_no_cycle() -> None:
    TopologicalSorter({module: of_the_project(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("room", sorted({"", *ROOMS, *(each for pair in INNER for each in pair)}))
def test_a_room_holds_its_map_and_nothing_else(room: str) -> None:
    place = ROOT / "velox" / room
    (only,) = ast.parse((place / "__init__.py").read_text()).body
    text = ast.literal_eval(only.value) if isinstance(only, ast.Expr) else ""
    named = set(re.findall(r"^(\w+\.py|\w+/) ", text, re.MULTILINE))
    there = {each.name for each in place.glob("*.py")} - {"__init__.py"}
    assert named == there | {f"{each.parent.name}/" for each in place.glob("*/__init__.py")}
