"""Queries of what tests write to stand for sessions: ``class FakeSession`` whose ``query`` gives a
``FakeQuery``.

Queries become statements, and the session is given these. So it gets an ``execute`` that asks its
own ``query`` for what the statement selects, and the query gives its answer as a result would. That
is done where the query only hands itself on until its answer is asked for: what it makes of
conditions nobody tells it any more.
https://docs.sqlalchemy.org/en/21/core/selectable.html#sqlalchemy.sql.expression.Select.column_descriptions
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis.program import Class, Function, Module, Program, dotted
from asyncify.analysis.statements import statements_of
from asyncify.decisions import InsertStatements
from asyncify.planning.draft import Draft
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.names import TABLES
from asyncify.vocabulary.testing import is_test_path

_EXECUTE, _GET, _COUNT = "execute", "get", "count"
_TERMINALS = {"all", "first", "one", "one_or_none", "scalar", _GET, _COUNT}
_DEPTH = 4
_SESSION_MEMBERS = {row.name for row in TABLES["Session"].members}
_SELECTED = '*(each["expr"] for each in statement.column_descriptions)'
_AS_RESULT = "def scalars(self):\n    return self\n"
_AS_COUNT = "def scalar_one(self):\n    return self.count()\n"


@dataclass(slots=True)
class DoubledQueries:
    """Plans what such sessions and queries answer."""

    program: Program
    draft: Callable[[Module], Draft]
    _answering: set[Class] = field(default_factory=set)

    def plan(self, cls: Class, query: Function, asynchronous: bool) -> bool:
        """Does the method give what answers statements from now on?"""
        if query.facts.is_async or query.signature.decorators or cls.find(_EXECUTE) is not None:
            return False
        found, takes = self._given(query, cls), _takes(query)
        fails = query.body.statements[-1][0] == f.RAISE
        if not (found or fails) or not all(self._hands_on(c, takes, c is cls) for c in found):
            return False
        self._insert(query, self._source(query, found, takes, asynchronous))
        for each in found:
            self._answer(each)
        return True

    # -- what is given for a query

    def _given(self, query: Function, cls: Class) -> set[Class]:
        """The classes of the tests of which it gives an object, which may be the session itself;
        none where that isn't sure."""
        found: set[Class] = set()
        statements = [s for s in statements_of(query.body.statements) if s[0] == f.RETURN]
        for statement in statements:
            index = statement[7]
            itself = index >= 0 and dotted(query.body.operations, index) == _first(query)
            made = {cls} if itself else set(self._made(query, index)) if index >= 0 else {None}
            for each in made or {None}:
                if each is None or not is_test_path(each.module.path):
                    return set()
                found.add(each)
        return found

    def _made(self, function: Function, index: int, depth: int = 0) -> Iterator[Class | None]:
        operations = function.body.operations
        operation = operations[index]
        if operation[0] == f.CONDITIONAL and depth < _DEPTH:
            for branch in operation[6:8]:
                yield from self._made(function, branch, depth + 1)
        elif operation[0] == f.CALL:
            made = self.program.resolve_expression(function, operations, operation[5])
            yield made if isinstance(made, Class) else None
        elif operation[0] in (f.NAME, f.ATTRIBUTE) and depth < _DEPTH:
            places = list(self._assigned(function, dotted(operations, index)))
            for holder, value in places:
                yield from self._made(holder, value, depth + 1)
            if not places:
                yield None
        else:
            yield None

    @staticmethod
    def _assigned(function: Function, path: str) -> Iterator[tuple[Function, int]]:
        """What a variable, or an attribute of the object, is given."""
        base, _, name = path.rpartition(".")
        owner = function.owner
        if base and (owner is None or base != _first(function)):
            return
        methods = list(owner.methods.values()) if base and owner is not None else [function]
        for method in methods:
            for statement in statements_of(method.body.statements):
                for target in statement[7] if statement[0] == f.ASSIGN else ():
                    held = target[0] == f.TO_ATTRIBUTE and target[2] == name
                    held = held and dotted(method.body.operations, target[1]) == _first(method)
                    if held if base else target[:2] == (f.TO_NAME, name):
                        yield method, statement[8]

    @staticmethod
    def _hands_on(cls: Class, takes: bool, is_session: bool) -> bool:
        """Does it give itself until its answer is asked for? One that counts what it was asked for
        isn't told that by a statement that counts."""
        methods = {name: m for each in cls.ancestors for name, m in each.methods.items()}
        if not cls.methods or (takes and _COUNT in methods):
            return False
        return not cls.foreign_bases - {"object", "builtins.object"} and all(
            name in _TERMINALS
            or name.startswith("__")
            or _gives_itself(method)
            or (is_session and name in _SESSION_MEMBERS)
            for name, method in methods.items()
        )

    # -- what is written

    @staticmethod
    def _source(query: Function, found: set[Class], takes: bool, asynchronous: bool) -> str:
        kind = "async def" if asynchronous else "def"
        names = [parameter.kind for parameter in query.signature.parameters[1:]]
        given = _SELECTED if takes or not set(names) <= {"*", "**"} else ""
        name = query.name
        source = f"{kind} execute(self, statement, *_, **__):\n    return self.{name}({given})\n"
        if any(cls.find(_GET) is not None for cls in found):
            asked = "entity" if given else ""
            source += f"\n{kind} get(self, entity, key, **_):\n"
            source += f"    return self.{name}({asked}).get(key)\n"
        return source

    def _answer(self, cls: Class) -> None:
        if cls in self._answering:
            return
        self._answering.add(cls)
        sources = [_AS_RESULT] if cls.find("scalars") is None else []
        if cls.find(_COUNT) is not None and cls.find("scalar_one") is None:
            sources.append(_AS_COUNT)
        if sources:
            self._insert(max(cls.methods.values(), key=lambda m: m.facts.line), "\n".join(sources))

    def _insert(self, method: Function, source: str) -> None:
        draft, facts = self.draft(method.module), method.facts
        node = NodeRef("FunctionDef", facts.number, method.name)
        site = Site(draft.module.path, facts.line, facts.column)
        draft.add(InsertStatements(node=node, site=site, source="\n" + source, where="after"))


def _first(function: Function) -> str:
    parameters = function.signature.parameters
    return parameters[0].name if parameters else ""


def _takes(query: Function) -> bool:
    """Does it look at what is queried?"""
    names = {parameter.name for parameter in query.signature.parameters[1:]}
    return any(
        operation and operation[0] == f.NAME and operation[5] in names
        for operation in query.body.operations
    )


def _gives_itself(method: Function) -> bool:
    """``def filter(self, *_): return self``"""
    *before, last = method.body.statements or ((),)
    operations = method.body.operations
    plain = all(s[0] == f.EXPRESSION and operations[s[7]][0] == f.CONSTANT for s in before)
    return bool(last) and plain and (
        last[0] == f.RETURN and last[7] >= 0 and operations[last[7]][0] == f.NAME
        and operations[last[7]][5] == _first(method)
    )  # fmt: skip
