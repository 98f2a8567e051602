"""What can't be rewritten is left as it is, and doesn't stop the rest."""

from __future__ import annotations

from pathlib import Path

from tests.engine import migrate

PART = """from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

engine = create_engine("sqlite:///{name}.db")
Factory = sessionmaker(engine)


def count(session: Session) -> int:
    return session.scalar(text("select 1"))
{separator}

def report() -> int:
    with Factory() as session:
        return count(session)
"""
# Python takes a starred base behind a keyword, and LibCST doesn't.
UNPARSED = "\n\nclass Odd(object, metaclass=type, *()):\n    pass\n"


def program(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[project]\nname = "p"\n')
    (folder / "good.py").write_text(PART.format(name="good", separator=""))
    (folder / "bad.py").write_text(PART.format(name="bad", separator=UNPARSED))


def test_a_file_that_cannot_be_rewritten_does_not_stop_the_rest(tmp_path: Path) -> None:
    program(tmp_path)
    outcome = migrate(tmp_path)
    changed = {change.path: change.after.decode() for change in outcome.changes}
    assert list(changed) == ["good.py"]
    assert "async def count" in changed["good.py"]
    assert "create_async_engine" in changed["good.py"]
    assert {x.site.path for x in outcome.findings if x.code == "ASY306"} == {"bad.py"}


def test_what_shares_sessions_with_it_stays_sync(tmp_path: Path) -> None:
    program(tmp_path)
    (tmp_path / "user.py").write_text(
        "from bad import Factory, count\n\n\ndef use() -> int:\n"
        "    with Factory() as session:\n        session.commit()\n        return count(session)\n"
    )
    outcome = migrate(tmp_path)
    assert [change.path for change in outcome.changes] == ["good.py"]
