"""Guard clauses: which nested conditionals of a function become early returns.

The structure of the statements decides, nothing else: a branch that is short and plain is put
first and leaves the function, and what was nested beside it loses a level. Nothing is evaluated
more often, or in another order. What isn't nested stays, as do chains of ``elif``, loops and
handlers, so that a diff shows only what got simpler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis.program import Function
from asyncify.analysis.statements import blocks_of, statements_of
from asyncify.decisions import Guard, UseGuardClauses
from asyncify.findings import Finding
from asyncify.planning.draft import Draft
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site

Block = tuple[f.Statement, ...]

_PASS: Block = ((f.FLOW, 0, 0, -1, 0, 0, False, "pass"),)

# A guard is something to read in passing: short, and without a structure of its own.
_LONGEST_GUARD = 4
# Whoever reads the diff of a longer block has to compare every line of it.
_LONGEST_MOVED = 50
_PLAIN = frozenset({
    f.EXPRESSION, f.ASSIGN, f.ANNOTATED, f.AUGMENTED, f.RETURN, f.RAISE, f.DELETE, f.ASSERT,
})  # fmt: skip


class Guards:
    """Plans guard clauses for functions; keeps the findings."""

    def __init__(
        self, setting: str, groups: Mapping[Function, int], draft_of: Callable[[Function], Draft]
    ) -> None:
        self.setting = setting
        self.groups = groups
        self.draft_of = draft_of
        self.findings: list[Finding] = []
        # Statements that other clean-ups take away, and what stays of others.
        self.gone: set[int] = set()
        self.unwrapped: Mapping[int, Block] = {}

    def plan(self, turning: Iterable[Function], every: Callable[[], Iterable[Function]]) -> None:
        """Guard clauses in the functions that turn, or in all."""
        if self.setting == "off":
            return
        for function in turning if self.setting == "touched" else every():
            if function.facts.kind == "def":
                self._function(function)

    def _function(self, function: Function) -> None:
        statements = function.body.statements
        if self.gone or self.unwrapped:
            statements = self._left(statements)
        found = tuple(guards_of(function, statements))
        if not found:
            return
        facts, draft = function.facts, self.draft_of(function)
        node = NodeRef("FunctionDef", facts.number, facts.name)
        site = Site(draft.module.path, facts.line, facts.column)
        group = self.groups.get(function, 0)
        draft.add(UseGuardClauses(node=node, site=site, group=group, guards=found))
        reason = f"Nested conditionals in `{facts.qualname}` would become guard clauses."
        self.findings.append(finding("ASY004", site, reason))

    def _left(self, block: Block) -> Block:
        """The statements as other clean-ups leave them."""
        left: list[f.Statement] = []
        for statement in block:
            if id(statement) in self.gone:
                continue
            if id(statement) in self.unwrapped:
                left += self._left(self.unwrapped[id(statement)])
            elif statement[0] == f.IF:
                body, orelse = self._left(statement[8]), self._left(statement[9])
                left.append((*statement[:8], body or _PASS, orelse))
            elif statement[0] == f.WITH:
                left.append((*statement[:8], self._left(statement[8]), statement[9]))
            elif statement[0] == f.TRY:
                left.append((*statement[:7], self._left(statement[7]), *statement[8:]))
            else:
                left.append(statement)
        return tuple(left)


def guards_of(function: Function, statements: Block) -> Iterator[Guard]:
    """The conditionals of a function that become guards, outer ones first."""
    kinds = [s[0] for s in statements_of(statements)]
    if kinds.count(f.IF) < 2:
        return
    # A `global` inside a branch has to stay above the first use of its name.
    if kinds.count(f.GLOBAL) == sum(s[0] == f.GLOBAL for s in statements):
        yield from _Planner(function).block(statements, _tail(function), False).guards


def _tail(function: Function) -> str:
    """How the function is left early where it would have ended: ``return``, and ``return None``
    beside other values."""
    gives = any(s[0] == f.RETURN and s[7] >= 0 for s in statements_of(function.body.statements))
    return "return None" if gives and not function.facts.is_generator else "return"


class _Flat(NamedTuple):
    """What became of a block: its guards, and whether it always leaves the function."""

    guards: tuple[Guard, ...] = ()
    ends: bool = False


class _Planner:
    """Plans one function. ``after`` is the statement that leaves the function as falling off a
    block's end would, or empty where more than that follows."""

    def __init__(self, function: Function) -> None:
        self.operations = function.body.operations

    def block(self, block: Block, after: str, chained: bool) -> _Flat:
        """The guards in a block. ``chained``: it was nested and stands at the top from now on."""
        guards: tuple[Guard, ...] = ()
        ended = ends(block)
        for index, statement in enumerate(block):
            rest = block[index + 1 :]
            follows = self._following(rest, after)
            if statement[0] == f.IF and not self._is_one_of_many(block, index):
                worth = chained and (len(block) == 1 or len(statement[8]) > 1)
                flat = self._conditional(statement, rest, follows, worth)
                guards += flat.guards
                ended = ended or (flat.ends and not any(s[0] != f.RETURN for s in rest))
            elif statement[0] == f.WITH:
                guards += self.block(statement[8], follows, False).guards
            elif statement[0] == f.TRY and not statement[9]:
                guards += self.block(statement[7], follows, False).guards
        return _Flat(guards, ended)

    def _following(self, rest: Block, after: str) -> str:
        """What leaves the function as the end of a statement with this rest would."""
        if not rest:
            return after
        return self._constant(rest[0]) if len(rest) == 1 else ""

    def _constant(self, statement: f.Statement) -> str:
        """The source of a ``return`` that can be written twice."""
        if statement[0] != f.RETURN:
            return ""
        if statement[7] < 0:
            return "return"
        operation = self.operations[statement[7]]
        if operation[0] == f.CONSTANT and (
            operation[5] is None or isinstance(operation[5], int)  # bool as well
        ):
            return f"return {operation[5]!r}"
        if operation[0] == f.SEQUENCE and operation[5:] in (("list", ()), ("tuple", ())):
            return "return []" if operation[5] == "list" else "return ()"
        return "return {}" if operation[0] == f.DICT and not operation[5] else ""

    # -- one conditional

    def _conditional(
        self, statement: f.Statement, rest: Block, follows: str, chained: bool
    ) -> _Flat:
        body, orelse = statement[8], statement[9]
        if statement[6] or _is_chain(orelse):
            return _Flat()
        if not orelse:
            return self._single(statement, rest, follows, chained)
        nested, nested_else = _nests(body), _nests(orelse)
        if nested and not nested_else and _is_plain(orelse):
            return self._takes("else", statement, rest, follows)
        if nested_else and not nested and _is_plain(body):
            return self._takes("body", statement, rest, follows)
        if chained and not nested and not nested_else and (follows or not rest):
            return self._both_plain(statement, rest, follows)
        return _Flat()

    def _both_plain(self, statement: f.Statement, rest: Block, follows: str) -> _Flat:
        body, orelse = statement[8], statement[9]
        raises_first = body[-1][0] == f.RAISE or (ends(body) and orelse[-1][0] != f.RAISE)
        if raises_first and _is_plain(body):
            return self._takes("body", statement, rest, follows)
        return self._takes("else", statement, rest, follows) if _is_plain(orelse) else _Flat()

    def _takes(self, part: str, statement: f.Statement, rest: Block, follows: str) -> _Flat:
        """One branch becomes the guard, the other one follows it."""
        taken, left = (statement[9], statement[8]) if part == "else" else statement[8:10]
        if not _may_move(left, taken):
            return _Flat()
        if ends(taken):
            inner = self.block(left, follows, True)
            return _Flat((Guard(statement[3], part), *inner.guards), inner.ends)
        if not follows or (all(map(_is_guard, filter(_is_conditional, left))) and _nests(left)):
            return _Flat()
        return self._leaving(part, statement[3], left, rest, follows)

    def _leaving(self, part: str, number: int, left: Block, rest: Block, follows: str) -> _Flat:
        """The guard is left by a statement of its own, or by the one that followed."""
        inner = self.block(left, follows, True)
        moves = bool(rest) and inner.ends
        guard = Guard(number, part, "" if moves else follows, moves)
        return _Flat((guard, *inner.guards), inner.ends)

    def _single(self, statement: f.Statement, rest: Block, follows: str, chained: bool) -> _Flat:
        """A conditional without ``else``."""
        body = statement[8]
        if not _nests(body):
            if not chained or not follows or ends(body):
                return _Flat()
            return _Flat((Guard(statement[3], "", follows),))
        if not _may_move(body, rest):
            return _Flat()
        if ends(body) and len(rest) == 1 and self._is_short(rest[0]):
            inner = self.block(body, "", True)
            return _Flat((Guard(statement[3], "", "", True), *inner.guards), True)
        return self._leaving("", statement[3], body, rest, follows) if follows else _Flat()

    def _is_short(self, statement: f.Statement) -> bool:
        """May a statement stand in a guard? A ``return`` of more than a constant may be what the
        function is about."""
        return statement[0] == f.RAISE or bool(self._constant(statement))

    def _is_one_of_many(self, block: Block, index: int) -> bool:
        """Does a conditional follow another one that gives a value, or that does much before it
        leaves the function? They are alternatives, and look alike."""
        before = block[index - 1] if index else None
        if before is None or before[0] != f.IF or before[9] or not ends(before[8]):
            return False
        return not (_is_plain(before[8]) and self._is_short(before[8][-1]))


def _may_move(left: Block, taken: Block) -> bool:
    """May a block follow a guard? It isn't what goes wrong, while the other one goes right."""
    goes_wrong = left[-1][0] == f.RAISE and (not taken or taken[-1][0] != f.RAISE)
    return not goes_wrong and _last_line(left) - left[0][1] <= _LONGEST_MOVED


def _last_line(block: Block) -> int:
    """The line on which the last statement of a block starts."""
    inner = [part for part in blocks_of(block[-1]) if part]
    return _last_line(inner[-1]) if inner else int(block[-1][1])


def _is_conditional(statement: f.Statement) -> bool:
    return bool(statement[0] == f.IF)


def _is_guard(statement: f.Statement) -> bool:
    """Is a conditional a guard clause already?"""
    return not statement[9] and ends(statement[8]) and _is_plain(statement[8])


def ends(block: Block) -> bool:
    """Does a block always leave the function, whatever happens in it?"""
    if not block:
        return False
    last = block[-1]
    if last[0] == f.IF:
        return ends(last[8]) and ends(last[9])
    return bool(last[0] in (f.RETURN, f.RAISE))


def _is_chain(orelse: Block) -> bool:
    """Is it an ``elif``?"""
    return len(orelse) == 1 and orelse[0][0] == f.IF and bool(orelse[0][6])


def _nests(block: Block) -> bool:
    return any(map(_is_conditional, block))


def _is_plain(block: Block) -> bool:
    return len(block) <= _LONGEST_GUARD and all(s[0] in _PLAIN for s in block)
