"""Values that have grown wide still say what they are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from asyncify.analysis import values as v
from tests.engine import migrate, write


def test_a_query_of_many_kinds_is_a_query() -> None:
    function: Any = SimpleNamespace(qualname="shop.queries:users", atoms={})
    origins = [v.Origin(function, number) for number in range(2)]
    kinds = frozenset(
        v.QueryValue(origin, joined=number % 2 == 0, marks=(f"mark {number}",))
        for origin in origins
        for number in range(v.WIDTH)
    )
    found = v.capped(kinds)
    assert len(found) == len(origins)
    assert all(isinstance(atom, v.QueryValue) and atom.joined for atom in found)


def test_many_others_say_nothing() -> None:
    assert not v.capped(frozenset(v.Literal(number) for number in range(v.WIDTH + 1)))


def test_dicts_nest_only_so_deep() -> None:
    """Also where too much is under their keys to say what is under any of them."""
    others = {str(n): v.one(v.Foreign(f"library.{n}")) for n in range(v.WIDTH + 1)}
    held: v.Value = v.one(v.Foreign("library.first"))
    for _ in range(2 * v.DEPTH):
        held = v.record({**others, "held": held})
    nested = 0
    while held := v.keyed(held).get("held", v.UNKNOWN):
        nested += 1
    assert nested <= v.DEPTH


def test_a_long_table_of_functions_is_awaited(tmp_path: Path) -> None:
    names = [f"step_{number}" for number in range(300)]
    steps = "".join(f"def {name}(db: Session):\n    db.commit()\n\n\n" for name in names)
    text = f"""from sqlalchemy import create_engine
from sqlalchemy.orm import Session

engine = create_engine("sqlite://")


{steps}STEPS = [{", ".join(names)}]


def main():
    with Session(engine) as db:
        for step in STEPS:
            step(db)


if __name__ == "__main__":
    main()
"""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "steps"\n')
    (tmp_path / "steps.py").write_text(text)
    write(tmp_path, migrate(tmp_path))
    assert "            await step(db)\n" in (tmp_path / "steps.py").read_text()
