"""What a fixture has done when its tests are over: ``request.addfinalizer(close)``.

pytest calls it plainly. Where the fixture has nothing more to do it may stand behind a ``yield``
instead, and be awaited.

https://docs.pytest.org/en/stable/how-to/fixtures.html#adding-finalizers-directly
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.fixtures import Fixtures
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import dotted
from asyncify.vocabulary.testing import FINALIZING


def finishes(layout: Layout, index: int, fixtures: Fixtures) -> bool:
    """Is a call one that gives a fixture's request a finalizer, by a name that can be called at the
    end of the fixture as well?"""
    operations, function = layout.operations, layout.function
    call = operations[index]
    if dotted(operations, call[5]) != FINALIZING or len(call[6]) != 1 or call[6][0] < 0:
        return False
    if function.facts.is_generator or function.facts.is_async or function.signature.returns >= 0:
        return False
    body = function.body.statements
    returns = [s for s in layout.statements if s[0] == f.RETURN]
    ends = returns == [body[-1]] or (not returns and _is(body[-1], index))
    plain = any(_is(statement, index) for statement in body)
    return ends and plain and bool(dotted(operations, call[6][0])) and fixtures.is_fixture(function)


def _is(statement: f.Statement, index: int) -> bool:
    return bool(statement[0] == f.EXPRESSION and statement[7] == index)
