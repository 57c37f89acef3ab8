"""The documents: links lead somewhere, and what they name is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

from tests.docs.pages import DOCUMENTS, README, ROOT, without_code

PROOF = re.compile(
    r"`(?:tests/)?((?:unit|integration|faults|deploy|docs)/[\w/]*test_\w+\.py)(?:::(\w+))?`"
)
# A path or a dotted name of this repository, in the text or in a command.
FOLDERS = "velox|tests|bench|docs|grafana|k8s-(?:manifests|overlays|components)"
PATH = re.compile(rf"(?<![\w/.-])(?:{FOLDERS})/(?!grafana:)[\w/.-]*\w")
WRITTEN = {"bench/results.json", "bench/results.png"}  # by `make bench`
# Their comments name files too.
OTHER_FILES = sorted(
    path
    for pattern in ("*.yml", "*.sh", "*.toml", "Dockerfile", "Makefile", "k8s-*/**/*.yaml", ".ci/*")
    for path in ROOT.glob(pattern)
)
NAME = re.compile(r"(?<![\w/.:-])velox\.[a-z_]+(?:\.\w+)*")
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def anchors(document: Path) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(document), re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def links() -> list[tuple[Path, str]]:
    found = []
    for document in DOCUMENTS:
        targets = re.findall(r"\]\(([^)\s]+)\)", without_code(document))
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


def test_the_readme_leads_to_every_document() -> None:
    targets = {target.partition("#")[0] for document, target in links() if document == README}
    assert {str(each.relative_to(ROOT)) for each in DOCUMENTS} - {"README.md"} <= targets


@pytest.mark.parametrize(
    "file", [*DOCUMENTS, *OTHER_FILES], ids=lambda each: str(each.relative_to(ROOT))
)
def test_every_path_that_a_file_names_is_there(file: Path) -> None:
    named = set(PATH.findall(file.read_text())) - WRITTEN
    assert [each for each in named if not (ROOT / each).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.name)
def test_every_module_that_a_document_names_is_there(document: Path) -> None:
    for name in NAME.findall(document.read_text()):
        if not name.endswith((".bytes", ".ms", ".redrives")):  # a header of a dead letter
            resolve_name(name)


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


def test_tests_that_are_named_without_their_file_are_there() -> None:
    defined = set(re.findall(r"^def (test_\w+)", "\n".join(map(Path.read_text, TESTS)), re.M))
    for document in DOCUMENTS:
        assert set(re.findall(r"`(test_\w+)`", document.read_text())) <= defined, document.name


def test_no_package_index_is_named() -> None:
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "download.pytorch" + ".org")
    for document in DOCUMENTS:
        assert not [each for each in hosts if each in document.read_text()], document.name
