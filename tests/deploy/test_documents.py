"""The documents: links lead somewhere, commands exist, and the tests they name are there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.rig.processes import bare_environment

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(ROOT.glob("*.md"))
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"(<!-- run -->\n)?^```bash\n(.*?)^```$", re.M | re.S)
BLOCKS = [(bool(marked), text) for marked, text in BLOCK.findall(README)]
PROOF = re.compile(
    r"`(?:tests/)?((?:unit|integration|faults|e2e|deploy)/test_\w+\.py)(?:::(\w+))?`"
)
LIMIT_S = 180


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def anchors(document: Path) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(document.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def links() -> list[tuple[Path, str]]:
    found = []
    for document in DOCUMENTS:
        targets = re.findall(r"\]\(([^)\s]+)\)", without_code(document.read_text()))
        found += [(document, each) for each in targets if "://" not in each]
    return found


@pytest.mark.parametrize(
    ("document", "target"), links(), ids=lambda each: getattr(each, "name", each)
)
def test_links_within_the_repository_lead_somewhere(document: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    leads_to = document.parent / name if name else document
    assert leads_to.exists()
    assert not anchor or anchor in anchors(leads_to)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.name)
def test_every_test_that_a_document_names_is_there(document: Path) -> None:
    for file, name in PROOF.findall(document.read_text()):
        path = ROOT / "tests" / file
        assert path.exists(), file
        functions = {
            each.name
            for each in ast.walk(ast.parse(path.read_text()))
            if isinstance(each, ast.FunctionDef)
        }
        assert not name or name in functions, f"{file}::{name}"


def test_the_commands_are_shell() -> None:
    assert len(BLOCKS) > 10
    for _, text in BLOCKS:
        done = subprocess.run(
            ["bash", "-n"], input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stderr}"


def test_the_commands_name_what_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    text = "\n".join(text for _, text in BLOCKS)
    assert set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", text)) <= targets
    for script in re.findall(r"\bpython ([\w/.-]+\.py)\b", text):
        assert (ROOT / script).exists(), script
    for manifest in re.findall(r"\b(?:k8s-manifests|bench|tests)/[\w/.-]*\w", text):
        assert (ROOT / manifest).exists(), manifest
    used = re.findall(r"docker-compose (?:exec|run --rm|restart|logs -f|logs) ([a-z]+)\b", text)
    assert used
    assert set(used) <= services.keys()


@pytest.mark.parametrize("text", [text for marked, text in BLOCKS if marked])
def test_the_marked_commands_run(text: str) -> None:
    tools = f"{Path(sys.executable).parent}:"
    environment = bare_environment()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=ROOT,
        env=environment | {"PATH": tools + environment["PATH"]},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_no_package_index_is_named() -> None:
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "download.pytorch" + ".org")
    for document in DOCUMENTS:
        assert not [each for each in hosts if each in document.read_text()], document.name
