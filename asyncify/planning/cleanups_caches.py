"""Caches: module-level containers that keep what the database gave go, with all their uses.

A name only makes a candidate; the use decides. Every function that mentions one is read, and the
functions that clear one, and whoever calls those. Where anything isn't understood, the cache stays
as it is with all that shares a function with it, and a finding says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import translate
from itertools import chain

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module, Variable, dotted
from asyncify.analysis.statements import statements_of
from asyncify.decisions import RenameReference, ReplaceExpression, StripCache
from asyncify.findings import Finding
from asyncify.planning.cleanups_cache_places import Edit, Helpers, NotACache, Reading
from asyncify.planning.cleanups_cache_reads import Reads
from asyncify.planning.cleanups_cache_uses import Reader
from asyncify.planning.draft import Draft, node_reference
from asyncify.planning.planner import Planner
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.caches import CONTAINERS, PATCHING

_KINDS = {
    f.ASSIGN: "Assign", f.ANNOTATED: "AnnAssign", f.DELETE: "Delete", f.EXPRESSION: "Expr",
    f.IF: "If", f.TRY: "Try", f.WITH: "With", f.FOR: "For", f.WHILE: "While",
}  # fmt: skip

_EMPTY = {
    (f.CONSTANT, None), (f.SEQUENCE, "list", ()), (f.SEQUENCE, "set", ()), (f.DICT, (), ()),
}  # fmt: skip


class Caches(Planner):
    """Plans the caches of a program. ``removed`` are the statements that go, ``unwrapped`` what
    stays of others, by identity."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        super().__init__(colors, coloring, draft)
        self.program = colors.inference.program
        config = colors.inference.config
        self.setting = config.caches
        self.pattern = re.compile("|".join(map(translate, config.cache_names)) or r"(?!)")
        self.findings: list[Finding] = []
        self.removed: set[int] = set()
        self.unwrapped: dict[int, tuple[f.Statement, ...]] = {}
        self.refused: dict[Variable, str] = {}  # why
        self.helpers = Helpers()

    def plan(self, turning: Iterable[Function]) -> None:
        """Strip the caches that functions use which turn."""
        if self.setting == "off":
            return
        turning = list(turning)
        candidates = frozenset(self._candidates(turning))
        if not candidates:
            return
        readings = self._settled(candidates)
        wanted = self._around_reads(readings, set(turning))
        for cache in sorted(candidates, key=_by_name):
            self._report(cache, cache in wanted)
        if self.setting == "strip" and wanted:
            self._strip(wanted, readings)

    # -- candidates

    def _candidates(self, turning: list[Function]) -> Iterator[Variable]:
        """Containers that functions mention which turn, under a name that says cache."""
        names: set[str] = set()
        for function in turning:
            names |= function.facts.names | function.facts.bound
        likely = {name for name in names if self.pattern.match(name.lower())}
        for function in turning if likely else ():
            for name in sorted(likely & (function.facts.names | function.facts.bound)):
                for module in (function.module, *self._imported(function.module)):
                    if self._definition(module, name) is not None:
                        yield Variable(module, name)
                yield from self._behind(self.program.resolve(function.module, name))

    def _behind(self, found: object) -> Iterator[Variable]:
        """The caches that a function of that name uses, or a module of that name keeps."""
        if isinstance(found, Function):
            module, names = found.module, found.facts.names | found.facts.bound
        elif isinstance(found, Module):
            module, names = found, found.functions[0].facts.bound
        else:
            return
        for name in sorted(names):
            if self.pattern.match(name.lower()) and self._definition(module, name) is not None:
                yield Variable(module, name)

    def _imported(self, module: Module) -> Iterator[Module]:
        yield from sorted(self.program.imported_modules(module), key=lambda m: m.path)

    def _definition(self, module: Module, name: str) -> f.Statement | None:
        """The one statement that makes a module's variable, where that is None or a container."""
        if name not in module.functions[0].facts.bound or name in (module.facts.exports or ()):
            return None
        body = module.functions[0].body
        found = [s for s in statements_of(body.statements) if _assigns(s, name)]
        if len(found) != 1 or found[0] not in body.statements:
            return None
        value = found[0][8] if found[0][0] == f.ASSIGN else found[0][9]
        single = found[0][0] == f.ANNOTATED or len(found[0][7]) == 1
        if not single or value < 0:
            return None
        kept = _is_container(body.operations, value) or (
            _is_number(body.operations[value]) and self._is_stamp(module, name)
        )
        return found[0] if kept else None

    def _is_stamp(self, module: Module, name: str) -> bool:
        """A number that functions assign, and don't count up: when something was loaded."""
        assigning = [fn for fn in module.functions if name in fn.facts.declared]
        counting = any(
            s[0] == f.AUGMENTED and s[7][:2] == (f.TO_NAME, name)
            for fn in assigning for s in statements_of(fn.body.statements)
        )  # fmt: skip
        return bool(assigning) and not counting

    # -- uses

    def _mentioning(self, cache: Variable) -> list[Function]:
        """The functions in which a cache's name may mean the cache; some only assign it."""
        return [
            function for function in self.program.mentioning(cache.name)
            if function.module is cache.module or self._reaches(function.module, cache)
        ] + [
            function for function in cache.module.functions
            if cache.name in function.facts.declared and cache.name not in function.facts.names
        ]  # fmt: skip

    def _reaches(self, module: Module, cache: Variable) -> bool:
        imported = self.program.imported_modules(module)
        return cache.module in imported or bool(module.stars) or any(
            other.is_package for other in imported
        )  # fmt: skip

    def _settled(self, caches: frozenset[Variable]) -> dict[Function, Reading]:
        """What all functions do with the caches, once no more of them has to be refused and no
        more functions are found that only clear."""
        while True:
            left = frozenset(caches - self.refused.keys())
            refused, helpers = len(self.refused), len(self.helpers.all)
            readings = dict(self._read_all(left))
            for cache in left:
                self._look_for_strings(cache)
            self._find_clearing(readings)
            if (refused, helpers) == (len(self.refused), len(self.helpers.all)):
                return readings

    def _read_all(self, caches: frozenset[Variable]) -> Iterator[tuple[Function, Reading]]:
        functions = {fn for cache in caches for fn in self._mentioning(cache)}
        functions |= {fn for c in self.helpers.all for fn in self.program.mentioning(c.name)}
        for function in sorted(functions, key=lambda fn: (fn.module.path, fn.index)):
            if function.facts.kind in ("module", "class"):
                self._module_body(function.module.functions[0], caches)
            if function.facts.kind == "module":
                continue
            layout = self.colors.uses.layout(function)
            reader = Reader(self.program, function, caches, self.helpers, layout)
            if not reader.concerned:
                continue
            if self._looks_up(function, reader):
                found = {self.helpers.looking[function]}
                called = set(reader.called.values())
                yield function, Reading(used=found, called=called, is_empty=True)
                continue
            try:
                yield function, reader.read()
            except NotACache as error:
                self._refuse(error.variables & caches, error.function, error.line)

    def _refuse(self, caches: Iterable[Variable], function: Function, line: int) -> None:
        for cache in caches:
            reason = (
                f"what `{function.qualname}` does with it isn't what is done with a cache "
                f"({function.module.path}:{line})."
            )
            self.refused.setdefault(cache, reason)

    def _module_body(self, body: Function, caches: frozenset[Variable]) -> None:
        """A module defines and imports a cache, and does nothing else with it at its own level, or
        in the headers of its functions."""
        headers = (fn.signature.operations for fn in body.module.functions)
        for operation in chain(body.body.operations, *headers):
            if not operation or operation[0] not in (f.NAME, f.ATTRIBUTE):
                continue
            name = operation[5] if operation[0] == f.NAME else operation[6]
            found = self.program.resolve(body.module, name)
            if isinstance(found, Variable) and found in caches:
                self._refuse((found,), body, operation[1])
            if isinstance(found, Function) and found in self.helpers.all:
                self._refuse(self.helpers.all[found], body, operation[1])

    def _look_for_strings(self, cache: Variable) -> None:
        """A cache that is named in a string, as tests do to put something in its place."""
        for function in self._mentioning(cache):
            for operation in function.body.operations:
                if operation and operation[0] == f.CONSTANT and operation[5] == cache.name:
                    self._refuse((cache,), function, operation[1])
        helpers = {h.name for h, caches in self.helpers.all.items() if cache in caches}
        for word in PATCHING:
            for function in self.program.mentioning(word):
                for operation in function.body.operations:
                    value = operation[5] if operation and operation[0] == f.CONSTANT else None
                    name = value.rpartition(".")[2] if isinstance(value, str) else ""
                    if name in helpers or (name == cache.name != value):
                        self._refuse((cache,), function, operation[1])

    def _find_clearing(self, readings: dict[Function, Reading]) -> None:
        """Functions of which nothing is left; what can't go keeps its caches."""
        for function, reading in readings.items():
            if not reading.is_empty or function in self.helpers.all:
                continue
            cleared = frozenset(reading.used)
            if not (cleared and self._may_go(function)):
                self._refuse(cleared, function, function.facts.line)
                continue
            self.helpers.clearing[function] = cleared
            if reading.stored or reading.filled:
                self.helpers.filling.add(function)

    def _looks_up(self, function: Function, reader: Reader) -> bool:
        """Is it a function that gives what a cache holds, and does nothing else?"""
        if function in self.helpers.looking:
            return True
        used = set(reader.mentions.values())
        if len(used) != 1 or not (self._may_go(function) and reader.only_looks_up):
            return False
        self.helpers.looking[function] = used.pop()
        return True

    def _may_go(self, function: Function) -> bool:
        facts = function.facts
        return (
            facts.parent == 0 and facts.kind == "def" and not facts.is_async
            and not function.signature.decorators
            and facts.name not in (function.module.facts.exports or ())
            and not self.program.imported_as(function)
        )  # fmt: skip

    # -- the database

    def _around_reads(
        self, readings: dict[Function, Reading], turning: set[Function]
    ) -> frozenset[Variable]:
        """The caches that keep what the database gave; those that share a function with one go or
        stay with it."""
        kept: set[Variable] = set()
        for function, reading in readings.items():
            if function in self.helpers.all:
                continue
            reads = Reads(self.colors, self.coloring, function)
            if function in turning:
                kept |= {cache for cache, value in reading.stored if reads.gives(value)}
            filled = self._filled(reading, reads, function in turning)
            kept |= filled
            alone = reading.asked - {cache for cache, _ in reading.stored} - filled
            if alone and not reads.are_returned:
                self._refuse(alone, function, function.facts.line)
        called = {helper for reading in readings.values() for helper in reading.called}
        for function in (self.helpers.filling | self.helpers.looking.keys()) - called:
            self._refuse(self.helpers.all[function], function, function.facts.line)
        together = [(fn, r.used | {c for c, _ in r.stored}) for fn, r in readings.items()]
        while True:
            before = len(kept), len(self.refused)
            for function, group in together:
                kept |= group if group & kept else set()
                staying = sorted(group & self.refused.keys(), key=_by_name)
                for cache in group - self.refused.keys() if staying else ():
                    self.refused[cache] = (
                        f"`{function.qualname}` uses it together with `{staying[0].name}`, which "
                        "stays."
                    )
            if before == (len(kept), len(self.refused)):
                return frozenset(kept - self.refused.keys())

    def _filled(self, reading: Reading, reads: Reads, turns: bool) -> set[Variable]:
        """The caches that a function has others fill with what the database gave it."""
        filled: set[Variable] = set()
        for helper, given in reading.filled:
            if turns and any(map(reads.gives, given)):
                filled |= self.helpers.clearing[helper]
            else:
                self._refuse(self.helpers.clearing[helper], helper, helper.facts.line)
        return filled

    # -- decisions and findings

    def _report(self, cache: Variable, wanted: bool) -> None:
        statement = self._definition(cache.module, cache.name)
        assert statement is not None
        site = Site(cache.module.path, statement[1], statement[2])
        if wanted and self.setting == "strip":
            reason = f"`{cache.name}` keeps what the database gave: it goes, with all its uses."
            self.findings.append(finding("ASY208", site, reason))
        elif wanted:
            reason = f"`{cache.name}` keeps what the database gave."
            self.findings.append(finding("ASY209", site, reason))
        elif cache in self.refused:
            reason = f"`{cache.name}` stays: {self.refused[cache]}"
            advice = "Take it away by hand, or see that nobody writes what it holds."
            self.findings.append(finding("ASY209", site, reason, advice))

    def _strip(self, caches: frozenset[Variable], readings: dict[Function, Reading]) -> None:
        group = self._group(readings)
        for cache in caches:
            statement = self._definition(cache.module, cache.name)
            assert statement is not None
            self._statement(cache.module.functions[0], statement, "statement", group)
        gone = {fn for fn, cleared in self.helpers.all.items() if cleared <= caches}
        for function, reading in readings.items():
            if function in gone:
                self._definition_goes(function, group)
            elif (reading.used | {c for c, _ in reading.stored}) & caches:
                for edit in reading.edits:
                    self._edit(function, edit, group)
        self._drop_imports({c.name for c in caches} | {fn.name for fn in gone}, caches, gone)

    def _group(self, readings: dict[Function, Reading]) -> int:
        numbers = [self.coloring.groups[fn] for fn in readings if fn in self.coloring.groups]
        return min(numbers, default=0)

    def _edit(self, function: Function, edit: Edit, group: int) -> None:
        draft = self.draft(function.module)
        if edit.part == "global":
            node = NodeRef("FunctionDef", function.facts.number, function.name)
            site = Site(draft.module.path, function.facts.line, function.facts.column)
            names = (edit.name,)
            draft.add(StripCache(node=node, site=site, group=group, part="global", names=names))
        elif edit.part == "read":
            operation = function.body.operations[edit.operation]
            node, site = node_reference(function, edit.operation), draft.site(operation)
            if operation[0] == f.NAME:
                draft.add(RenameReference(node=node, site=site, group=group, new=edit.name))
            else:
                draft.add(ReplaceExpression(node=node, site=site, group=group, template=edit.name))
        else:
            assert edit.statement is not None
            self._statement(function, edit.statement, edit.part, group, edit.name)

    def _statement(
        self, function: Function, statement: f.Statement, part: str, group: int, name: str = ""
    ) -> None:
        draft = self.draft(function.module)
        node = NodeRef(_KINDS[statement[0]], statement[3])
        site = Site(draft.module.path, statement[1], statement[2])
        draft.add(StripCache(node=node, site=site, group=group, part=part, name=name))
        if part == "store":
            return
        if part == "statement":
            self.removed.add(id(statement))
        else:
            self.unwrapped[id(statement)] = _left_of(statement, part)
        for operation in function.body.operations[statement[4] : statement[5]]:
            if operation and operation[0] == f.NAME:
                draft.drop(operation[5])

    def _definition_goes(self, function: Function, group: int) -> None:
        draft, facts = self.draft(function.module), function.facts
        node = NodeRef("FunctionDef", facts.number, facts.name)
        site = Site(draft.module.path, facts.line, facts.column)
        draft.add(StripCache(node=node, site=site, group=group, part="statement"))
        for operation in (*function.signature.operations, *function.body.operations):
            if operation and operation[0] == f.NAME:
                draft.drop(operation[5])

    def _drop_imports(
        self, names: set[str], caches: frozenset[Variable], gone: set[Function]
    ) -> None:
        for module in self.program.modules.values():
            for item in module.facts.imports:
                if item.name in names:
                    found = self.program.resolve(module, item.local)
                    if found in caches or found in gone:
                        self.draft(module).drop(item.local)


def _is_container(operations: tuple[f.Operation, ...], index: int) -> bool:
    kind, payload = operations[index][0], tuple(operations[index][5:])
    if kind == f.CALL:
        return dotted(operations, payload[0]).rpartition(".")[2] in CONTAINERS
    return (kind, *payload) in _EMPTY


def _is_number(operation: f.Operation) -> bool:
    """Is it 0, or a constant that isn't looked into, as 0.0?"""
    return operation[0] == f.CONSTANT and (operation[5] is ... or operation[5] == 0)


def _left_of(statement: f.Statement, part: str) -> tuple[f.Statement, ...]:
    """The block that stays of a lookup: what was done where nothing was found."""
    if statement[0] == f.TRY:
        block: tuple[f.Statement, ...] = statement[8][0][2]
        return block
    return tuple(statement[9 if part == "otherwise" else 8])


def _by_name(cache: Variable) -> tuple[str, str]:
    return cache.module.path, cache.name


def _assigns(statement: f.Statement, name: str) -> bool:
    if statement[0] == f.ASSIGN:
        return any(target[:2] == (f.TO_NAME, name) for target in statement[7])
    return bool(statement[0] == f.ANNOTATED and statement[7][:2] == (f.TO_NAME, name))
