"""Which module may import what, so that each can be read and tested alone."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = {"producer.py", "train.py", "consumer.py", "lag.py", "demo.py", "velox/report.py"}
MODULES = sorted(
    {
        str(path.relative_to(ROOT))
        for path in (*ROOT.glob("velox/**/*.py"), *(ROOT / script for script in SCRIPTS))
        if path.exists()
    }
)
FOUNDATION = {"velox/errors.py", "velox/records.py", "velox/metrics.py"}
KAFKA = {
    "velox/acknowledged.py",
    "velox/client_log.py",
    "velox/commits.py",
    "velox/embedded_broker.py",
    "velox/commit_lookup.py",
    "velox/group_lag.py",
    "velox/kafka_client.py",
    "velox/kafka_errors.py",
    "velox/messages.py",
    "velox/outbox.py",
    "velox/poller.py",
    "velox/refused_batches.py",
    "velox/sender.py",
    "velox/topics.py",
    "producer.py",
}
MONGO = {
    "velox/mongo_errors.py",
    "velox/mongo_indexes.py",
    "velox/mongo_probe.py",
    "velox/mongo_store.py",
}
TORCH = (
    "velox/architectures.py",
    "velox/device.py",
    "velox/model.py",
    "velox/engine",
    "velox/train",
    "velox/dataset",
    "train.py",
)


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
    """The modules of the project that a module imports, as paths."""
    paths = {f"{name.replace('.', '/')}.py" for name in imported(module)}
    return {path for path in paths if path in MODULES}


def packages(module: str) -> set[str]:
    return {name.partition(".")[0] for name in imported(module)}


def test_the_modules_are_found() -> None:
    assert {"velox/ledger.py", "velox/pipeline.py", "consumer.py"} <= set(MODULES)
    assert "velox/ledger.py" in of_the_project("velox/poller.py")
    assert "velox/model.py" in of_the_project("velox/startup.py"), "`from velox import model`"


@pytest.mark.parametrize("module", sorted(FOUNDATION))
def test_the_foundation_imports_nothing_of_the_project(module: str) -> None:
    assert of_the_project(module) == set()


@pytest.mark.parametrize("module", sorted(set(MODULES) - SCRIPTS))
def test_only_the_scripts_read_the_settings(module: str) -> None:
    assert "velox/config.py" not in of_the_project(module)


@pytest.mark.parametrize("module", sorted(set(MODULES) - SCRIPTS))
def test_no_module_imports_a_script(module: str) -> None:
    assert of_the_project(module).isdisjoint(SCRIPTS)


@pytest.mark.parametrize("module", [each for each in MODULES if not each.startswith(TORCH)])
def test_torch_stays_with_the_model_the_engine_and_the_training(module: str) -> None:
    assert packages(module).isdisjoint({"torch", "torchvision"})


@pytest.mark.parametrize("module", sorted(set(MODULES) - KAFKA))
def test_the_kafka_client_stays_behind_its_modules(module: str) -> None:
    assert "confluent_kafka" not in packages(module)


@pytest.mark.parametrize("module", sorted(set(MODULES) - MONGO))
def test_the_mongodb_client_stays_in_its_store(module: str) -> None:
    assert packages(module).isdisjoint({"pymongo", "bson"})


def test_there_is_no_cycle() -> None:
    TopologicalSorter({module: of_the_project(module) for module in MODULES}).prepare()
