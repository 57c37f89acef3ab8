"""Mutants change one thing, and only that."""

from __future__ import annotations

import ast

from tests.rig.mutants import mutants

SOURCE = """
def room(used: int, most: int = 3) -> int:
    if used >= most or not used:
        raise ValueError
    return most - used
"""


def test_each_is_one_change_of_the_module() -> None:
    made = mutants(SOURCE)
    assert [(each.line, each.before, each.after) for each in made] == [
        (2, "3", "4"),
        (3, "used >= most or not used", "used >= most and (not used)"),
        (3, "used >= most", "used > most"),
        (3, "not used", "used"),
        (4, "raise ValueError", "pass"),
        (5, "return most - used", "return None"),
        (5, "most - used", "most + used"),
    ]
    unchanged = ast.unparse(ast.parse(SOURCE)).splitlines()
    for each in made:
        changed = each.source.splitlines()
        assert sum(a != b for a, b in zip(unchanged, changed, strict=True)) == 1
