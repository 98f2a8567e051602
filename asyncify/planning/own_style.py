"""SQLAlchemy 1.4's own style: what its plain engines, connections and sessions do, and async ones,
which are always of the 2.0 style, don't. Such code stays sync and is told.

A plain connection commits what changes data by itself: the async one would lose it without a word.
Where a function opens it, the commit is written behind the statement. Others raise at run time:
connections that branch, statements that an engine executes, transactions begun inside others.
https://docs.sqlalchemy.org/en/14/changelog/migration_20.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Variable, dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import InsertStatements
from asyncify.planning.draft import Draft, call_reference
from asyncify.planning.transactions import Transactions
from asyncify.vocabulary.sqlalchemy_engine import PLAIN_ONLY
from asyncify.vocabulary.sqlalchemy_schema import BOUND_METADATA

_LINE = "1.4"
_BIND = "bind"
_JOINING = "subtransactions"
_COMMITTING = "autocommit"
_OF_SESSIONS = {"Session", "scoped_session", "sessionmaker"}
_READING = re.compile(r"\s*(select|values|explain|pragma|show|set)\b", re.IGNORECASE)
_STATEMENTS = {"select"}  # `values` is also what an insert has
_RUNNING = {"execute", "exec_driver_sql", "scalar", "scalars"}
_NOT_ALWAYS = f.MAYBE | f.REPEATED | f.GENERATOR
_CONNECT = "connect"
_CREATING = "create_engine"
_TRANSACTIONS = {"begin", "begin_nested", "begin_twophase"}


def kept_for_style(colors: Colors, function: Function) -> Obstacle | None:
    """Why a function has to stay sync with its component, if it needs 1.4's own style."""
    if colors.inference.config.sqlalchemy_version != _LINE:
        return None
    style = _Style(colors, function)
    for use in colors.uses.of(function):
        commits = "" if style.can_commit(use) else style.commits(use)
        reason = _gone(use) or _joins(function, use) or commits or style.begins(use)
        if reason:
            return Obstacle("ASY203", reason)
    return None


def plan_commits(colors: Colors, function: Function, draft: Draft, group: int) -> None:
    """What a plain connection commits by itself is committed in a line of its own."""
    style = _Style(colors, function)
    for use in colors.uses.of(function):
        if style.commits(use) and style.can_commit(use):
            node = call_reference(function, use.operation)
            site = draft.site(function.body.operations[use.operation])
            source = f"await {style.receiver(use)}.commit()"
            draft.add(
                InsertStatements(node=node, site=site, group=group, source=source, where="after")
            )


def bound_metadata(colors: Colors) -> Iterator[tuple[v.Known, Function, int]]:
    """Engines that metadata is bound to, each with the place where it is: nothing else is told
    the engine, so statements and sessions would run on an async one as if it were sync."""
    if colors.inference.config.sqlalchemy_version != _LINE:
        return
    for function, evaluation in colors.inference.evaluations.items():
        if function.facts.names & BOUND_METADATA:
            for index, value in _binds(function.body.operations, evaluation):
                for atom in evaluation.values[value]:
                    if isinstance(atom, v.Known) and atom.kind == "Engine":
                        yield atom, function, index


def _binds(
    operations: tuple[f.Operation, ...], evaluation: Evaluation
) -> Iterator[tuple[int, int]]:
    """``MetaData(bind=engine)``, ``declarative_base(engine)``, ``metadata.bind = engine``: pairs
    of places and of what is bound there."""
    for index, operation in enumerate(operations):
        if not operation or operation[0] != f.CALL:
            continue
        names = {a.name for a in evaluation.values[operation[5]] if isinstance(a, v.Foreign)}
        if any(name.rpartition(".")[2] in BOUND_METADATA for name in names):
            given = [i for name, i in operation[7] if name == _BIND] or operation[6][:1]
            yield from ((index, each) for each in given if each >= 0)
    for statement in evaluation.function.body.statements:
        if statement[0] == f.ASSIGN:
            for target in statement[7]:
                if target[0] == f.TO_ATTRIBUTE and target[2] == _BIND:
                    yield statement[8], statement[8]


def _gone(use: Use) -> str:
    """A member that engines and connections of the 2.0 style haven't got any more."""
    row, owner = use.row, use.owner
    if use.kind != "member" or row is None or not isinstance(owner, v.Known):
        return ""
    if (owner.kind, row.name) not in PLAIN_ONLY:
        return ""
    return f"`{row.name}` (line {use.line}) is only of 1.4's plain {owner.kind}s."


def _joins(function: Function, use: Use) -> str:
    """``begin(subtransactions=True)``, which joins a transaction that has begun."""
    if use.kind != "member" or use.row is None or use.row.name != "begin":
        return ""
    operation = function.body.operations[use.operation]
    if operation[0] != f.CALL or _JOINING not in dict(operation[7]):
        return ""
    return f"`{_JOINING}` (line {use.line}) has no form for async sessions."


class _Style:
    """What the connections of one function do that those of the 2.0 style don't."""

    def __init__(self, colors: Colors, function: Function) -> None:
        self.colors = colors
        self.function = function
        self.operations = function.body.operations
        self.transactions = Transactions(colors, function)

    def commits(self, use: Use) -> str:
        """A statement after which the connection commits by itself."""
        if not self._runs(use) or self._is_begun(use) or self._only_reads(use):
            return ""
        return f"1.4 commits by itself after line {use.line}, and async connections don't."

    def can_commit(self, use: Use) -> bool:
        """Can the commit be written behind the statement, on a connection that nobody else has?"""
        operation, name = self.operations[use.operation], self.receiver(use)
        statement = self.transactions.layout.statement(use.operation)
        parameters = {parameter.name for parameter in self.function.signature.parameters}
        return (
            operation[0] == f.CALL and not operation[4] & _NOT_ALWAYS
            and self.function.facts.kind == "def" and not self.function.has_children
            and statement is not None and statement[0] in (f.EXPRESSION, f.ASSIGN)
            and name in self.function.facts.bound - parameters and self._is_opened_here(name)
        )  # fmt: skip

    def _is_opened_here(self, name: str) -> bool:
        """Does the function itself connect what has a name? What others give it may be inside a
        transaction of theirs, which a commit would end."""
        for statement in self.transactions.layout.statements:
            given: list[tuple[int, Any]] = []
            if statement[0] == f.WITH:
                given = [(index, target) for index, target in statement[7] if target]
            elif statement[0] == f.ASSIGN:
                given = [(statement[8], target) for target in statement[7]]
            for index, target in given:
                if target[:2] == (f.TO_NAME, name) and not self._connects(index):
                    return False
        return True

    def _connects(self, index: int) -> bool:
        """``engine.connect()``, ``engine.connect().execution_options(...)``"""
        operation = self.operations[index]
        while operation[0] in (f.CALL, f.ATTRIBUTE):
            if operation[0] == f.ATTRIBUTE and operation[6] == _CONNECT:
                return True
            operation = self.operations[operation[5]]
        return False

    def begins(self, use: Use) -> str:
        """A transaction that begins behind a statement, with which one of the 2.0 style has begun
        already."""
        if use.row is None or use.row.name not in _TRANSACTIONS or not self._is_plain(use):
            return ""
        receiver = self.receiver(use)
        before = [
            other for other in self.colors.uses.of(self.function)
            if other.operation < use.operation and self._runs(other)
            and self.receiver(other) == receiver
            and not self.transactions.hold(other.operation)
            and not self._is_bound_between(receiver, other.operation, use.operation)
        ]  # fmt: skip
        if not receiver or not before or self.transactions.hold_parameter(receiver):
            return ""
        line = before[0].line
        return f"Line {line} begins a transaction for async connections, and line {use.line} again."

    def _runs(self, use: Use) -> bool:
        """Is a statement run on a connection that isn't of the 2.0 style?"""
        return use.row is not None and use.row.name in _RUNNING and self._is_plain(use)

    def _is_plain(self, use: Use) -> bool:
        owner = use.owner
        if use.kind != "member" or not isinstance(owner, v.Known) or owner.kind != "Connection":
            return False
        if owner.origin is None and _are_future(self.colors):
            return False
        return not is_future(owner) and not self._is_of_session(owner)

    def _is_of_session(self, owner: v.Known) -> bool:
        """A session's connection is inside its transaction."""
        if owner.origin is None:
            return False
        evaluation = self.colors.inference.evaluations.get(owner.origin.function)
        if evaluation is None:
            return False
        kinds = {
            atom.kind for index, operation in enumerate(evaluation.operations)
            if operation and operation[0] == f.CALL and operation[3] == owner.origin.call
            for atom in evaluation.values[index] if isinstance(atom, v.Known)
        }  # fmt: skip
        return bool(kinds & _OF_SESSIONS)

    def _is_begun(self, use: Use) -> bool:
        hold = self.transactions
        return hold.hold(use.operation) or hold.hold_parameter(self.receiver(use))

    def receiver(self, use: Use) -> str:
        operation = self.operations[use.operation]
        callee = self.operations[operation[5]] if operation[0] == f.CALL else operation
        return dotted(self.operations, callee[5]) if callee[0] == f.ATTRIBUTE else ""

    def _is_bound_between(self, name: str, first: int, last: int) -> bool:
        """Is the name that of another connection there?"""
        return any(
            statement[0] == f.WITH and first < statement[4] <= last
            and any(target and target[:2] == (f.TO_NAME, name) for _, target in statement[7])
            for statement in self.transactions.layout.statements
        )  # fmt: skip

    def _only_reads(self, use: Use) -> bool:
        """Is the statement known to change nothing?"""
        call = self.operations[use.operation]
        if call[0] != f.CALL or not call[6] or call[6][0] < 0:
            return False
        return self._reads(self.function, self.operations, call[6][0])

    def _reads(self, function: Function, operations: tuple[f.Operation, ...], index: int) -> bool:
        operation = operations[index]
        while operation[0] in (f.CALL, f.ATTRIBUTE):
            if operation[0] == f.CALL:
                if _COMMITTING in dict(operation[7]):
                    return False  # execution_options(autocommit=True)
                if operation[6] and _says_select(operations, operation[6][0]):
                    return True
            elif operation[6] in _STATEMENTS:
                return True
            operation = operations[operation[5]]
        if operation[0] == f.CONSTANT:
            return isinstance(operation[5], str) and bool(_READING.match(operation[5]))
        return operation[0] == f.NAME and self._name_reads(function, operation[5])

    def _name_reads(self, function: Function, name: str) -> bool:
        if name in _STATEMENTS:
            return True
        symbol = self.colors.program.lookup(function, name)
        if isinstance(symbol, Variable):
            found = self.colors.program.variable_expression(symbol)
            return found is not None and self._reads(*found)
        values = assigned(function, self.colors.uses.layout(function), name)
        return bool(values) and all(
            value >= 0 and self._reads(function, function.body.operations, value)
            for value in values
        )


def assigned(function: Function, layout: Layout, name: str) -> list[int]:
    """What a local name is assigned, in order; -1 where that isn't an expression of its own, and
    what is assigned to it by means of itself left out."""
    if any(parameter.name == name for parameter in function.signature.parameters):
        return [-1]
    out: list[int] = []
    for statement in layout.statements:
        if statement[0] == f.ASSIGN:
            named = [target for target in statement[7] if target[:2] == (f.TO_NAME, name)]
            if named and not _begins_with(layout.operations, statement[8], name):
                out.append(statement[8])
        elif statement[0] in (f.FOR, f.AUGMENTED) and statement[7][:2] == (f.TO_NAME, name):
            out.append(-1)
        elif statement[0] == f.WITH:
            out += [-1 for _, target in statement[7] if target and target[:2] == (f.TO_NAME, name)]
    return out


def _begins_with(operations: tuple[f.Operation, ...], index: int, name: str) -> bool:
    """``statement = statement.where(...)``"""
    operation = operations[index]
    if operation[0] not in (f.CALL, f.ATTRIBUTE):
        return False
    while operation[0] in (f.CALL, f.ATTRIBUTE):
        operation = operations[operation[5]]
    return bool(operation[0] == f.NAME and operation[5] == name)


def _says_select(operations: tuple[f.Operation, ...], index: int) -> bool:
    """``text("select ...")``"""
    if index < 0 or operations[index][0] != f.CONSTANT:
        return False
    text = operations[index][5]
    return isinstance(text, str) and bool(_READING.match(text))


def is_future(owner: v.Known) -> bool:
    """Was the engine made with ``future=True``?"""
    if owner.origin is None:
        return False
    operations = owner.origin.function.body.operations
    return any(
        operation and operation[0] == f.CALL and operation[3] == owner.origin.call
        and _says_future(operations, operation)
        for operation in operations
    )  # fmt: skip


def _are_future(colors: Colors) -> bool:
    """Are all engines of the program made so? Then one that only an annotation names is, too."""
    calls = [
        (function.body.operations, operation)
        for function in colors.program.mentioning(_CREATING)
        for operation in function.body.operations
        if operation and operation[0] == f.CALL
        and _CREATING in function.body.operations[operation[5]][5:7]
    ]  # fmt: skip
    return bool(calls) and all(_says_future(*call) for call in calls)


def _says_future(operations: tuple[f.Operation, ...], operation: f.Operation) -> bool:
    return any(
        name == "future" and operations[index][0] == f.CONSTANT and operations[index][5] is True
        for name, index in operation[7]
    )
