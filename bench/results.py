"""What a run found: cases with their figures, bars with their goals, as table and JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.measure import Figure


@dataclass(frozen=True)
class Bar:
    """A goal, met or not.

    Attributes:
        value: what was measured.
        goal: what it is compared with.
        at_least: whether the value must reach the goal, or stay at or below it.
    """

    value: float
    goal: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def __str__(self) -> str:
        relation = ">=" if self.at_least else "<="
        return f"{self.value:.2f} {relation} {self.goal:g}: {'met' if self.met else 'MISSED'}"


@dataclass
class Case:
    """One case's machine, its figures and bars by name, and why other bars are left out."""

    machine: Mapping[str, str | int] = field(default_factory=lambda: machine())
    figures: dict[str, Figure] = field(default_factory=dict)
    bars: dict[str, Bar] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass
class Results:
    """Collects figures and bars by case."""

    cases: dict[str, Case] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, *, without: Collection[str]) -> Results:
        """The cases of an earlier run, if there was one, but those that run anew."""
        if not path.exists():
            return cls()
        content = json.loads(path.read_text())
        return cls(
            {
                name: Case(
                    case["machine"],
                    {each: Figure(**values) for each, values in case["figures"].items()},
                    {
                        each: Bar(bar["value"], bar["goal"], bar["at_least"])
                        for each, bar in content["bars"].items()
                        if bar["case"] == name
                    },
                    case.get("left_out", {}),
                )
                for name, case in content["cases"].items()
                if name not in without
            }
        )

    def add(self, case: str, figures: Mapping[str, Figure]) -> None:
        """Note figures of a case, and print them."""
        self.cases.setdefault(case, Case()).figures.update(figures)
        for name, found in figures.items():
            print(f"  {case:<10} {name:<44} {found}", flush=True)

    def bar(
        self, case: str, name: str, value: float, goal: float, *, at_least: bool = True
    ) -> None:
        """Compare a value with its goal, and print that; no two cases have a bar of one name."""
        others = (each for each in self.cases if each != case)
        assert all(name not in self.cases[each].bars for each in others), name
        found = self.cases.setdefault(case, Case()).bars[name] = Bar(value, goal, at_least)
        print(f"  bar        {name:<44} {found}", flush=True)

    def leave_out(self, case: str, name: str, reason: str) -> None:
        """Note a bar that this machine cannot meet, and why, and print that."""
        self.cases.setdefault(case, Case()).left_out[name] = reason
        print(f"  bar        {name:<44} left out: {reason}", flush=True)

    def bars(self) -> dict[str, Bar]:
        """All bars."""
        return {name: bar for case in self.cases.values() for name, bar in case.bars.items()}

    def median(self, case: str, name: str) -> float:
        """A median that was added before.

        Raises:
            LookupError: when it was not.
        """
        found = self.cases.get(case, Case()).figures.get(name)
        if found is None:
            raise LookupError(f"no figure of {case}: {name}; that part must run first")
        return found.median

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        bars: dict[str, Any] = {
            each: {"case": name, **asdict(bar), "met": bar.met}
            for name, case in self.cases.items()
            for each, bar in case.bars.items()
        }
        cases = {
            name: {
                "machine": case.machine,
                "figures": {each: asdict(found) for each, found in case.figures.items()},
                "left_out": case.left_out,
            }
            for name, case in self.cases.items()
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_rounded({"bars": bars, "cases": cases}), indent=2) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def machine() -> dict[str, str | int]:
    """What the figures are measured on."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = (line for line in cpuinfo.read_text().splitlines() if line.startswith("model name"))
        model = next(lines, model).partition(":")[2].strip()
    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {
        "cpu": model,
        "cores": os.cpu_count() or 1,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        **gpu,
    }
