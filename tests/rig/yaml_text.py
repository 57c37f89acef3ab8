"""YAML, read by libyaml: by Python alone it takes ten times as long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def yaml_of(text: str | bytes) -> Any:
    """Its only document."""
    return yaml.load(text, LOADER)  # noqa: S506


def all_yaml_of(text: str | bytes) -> Iterator[Any]:
    """All of them."""
    return yaml.load_all(text, LOADER)
