"""LICENSES.md lists every package of the image with a licence that allows its use."""

from __future__ import annotations

import pytest

from tests.rig.licences import in_file, installed, locked

PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-CMU",
    "PSF-2.0",
    "Zlib",
}
# The CUDA libraries, which their licence allows to be redistributed within an application.
CUDA = "LicenseRef-NVIDIA-Proprietary"


def test_every_locked_package_is_listed() -> None:
    assert in_file().keys() == locked().keys(), "run `make lock` and `python -m tests.rig.licences`"


def test_the_list_says_what_the_packages_say() -> None:
    found, table = installed(), in_file()
    if not found:
        pytest.skip("no package is installed in its locked version")
    assert {name: table[name] for name in found} == found


def test_every_licence_allows_use_and_redistribution() -> None:
    for name, expression in in_file().items():
        if name.startswith(("nvidia-", "cuda-")) and expression == CUDA:
            continue
        allowed = (set(each.split(" AND ")) <= PERMISSIVE for each in expression.split(" OR "))
        assert any(allowed), f"{name}: {expression}"
