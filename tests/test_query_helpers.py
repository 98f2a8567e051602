"""The helpers for slices give what Query gives, and refuse what Query refuses."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Integer, create_engine, select
from sqlalchemy.orm import Session, declarative_base, mapped_column

from asyncify.planning import support
from tests.vocabulary_objects import LINE

Base = declarative_base()
BOUNDS = (None, -2, -1, 0, 1, 2, 9)

pytestmark = pytest.mark.skipif(LINE == "1.4", reason="only Query of 2.x refuses negative bounds")


class Item(Base):  # type: ignore[misc, valid-type]
    __tablename__ = "items"
    id = mapped_column(Integer, primary_key=True)


@pytest.fixture(scope="module")
def helpers() -> dict[str, Any]:
    names: dict[str, Any] = {}
    text = support._SLICED + support._NTH
    exec("from __future__ import annotations\nfrom typing import Any\n" + text, names)
    return names


@pytest.fixture
def session() -> Any:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(id=number) for number in range(4)])
        session.flush()
        yield session


def _outcome(read: Callable[[], Any]) -> Any:
    try:
        found = read()
    except IndexError:
        return IndexError
    if found is None:
        return IndexError  # there is no such row
    return [item.id for item in found] if isinstance(found, list) else found.id


@pytest.mark.parametrize(("start", "stop"), list(itertools.product(BOUNDS, BOUNDS)))
def test_slices(session: Session, helpers: Any, start: int | None, stop: int | None) -> None:
    query, statement = session.query(Item).order_by(Item.id), select(Item).order_by(Item.id)
    made = _outcome(lambda: list(session.scalars(helpers["sliced"](statement, start, stop))))
    assert made == _outcome(lambda: query[start:stop])


@pytest.mark.parametrize("index", [number for number in BOUNDS if number is not None])
def test_items(session: Session, helpers: Any, index: int) -> None:
    query, statement = session.query(Item).order_by(Item.id), select(Item).order_by(Item.id)
    made = _outcome(lambda: next(iter(session.scalars(helpers["nth"](statement, index))), None))
    assert made == _outcome(lambda: query[index])
