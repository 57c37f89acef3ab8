"""The table of LICENSES.md, made from the installed packages; run as a module, it writes it."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = ROOT / "LICENSES.md"
LOCK = ROOT / "requirements.lock"
RULE = "| --- | --- |\n"
# Metadata of before licence expressions, in words of its own.
EXPRESSIONS = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "NVIDIA Proprietary Software": "LicenseRef-NVIDIA-Proprietary",
}
# Their metadata name none; the licence is in the files of the wheel.
UNNAMED = {"cuda-toolkit": "LicenseRef-NVIDIA-Proprietary"}


def locked() -> dict[str, set[str]]:
    """The versions of every locked package, which may be several for several of Python."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(), re.M):
        found.setdefault(name, set()).add(version)
    return found


def licence(package: Distribution) -> str:
    """A package's licence as an SPDX expression."""
    metadata = package.metadata.json
    if expression := metadata.get("license_expression"):
        return str(expression)
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in metadata.get("classifier", ())
        if each.startswith("License ::")
    ]
    named = [metadata.get("license"), *classifiers, UNNAMED.get(str(metadata["name"]))]
    found = next(str(each) for each in named if each)
    return EXPRESSIONS.get(found, found)


def in_file() -> dict[str, str]:
    """The table as it is written."""
    return dict(re.findall(r"^\| ([a-z][a-z0-9-]*) \| (\S.*) \|$", FILE.read_text(), re.M))


def installed() -> dict[str, str]:
    """The licence of every package that is installed here in its locked version."""
    found = {}
    for name, versions in locked().items():
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        if package.version in versions:
            found[name] = licence(package)
    return found


if __name__ == "__main__":
    head = FILE.read_text().partition(RULE)[0]
    rows = "".join(f"| {name} | {text} |\n" for name, text in installed().items())
    FILE.write_text(f"{head}{RULE}{rows}")
