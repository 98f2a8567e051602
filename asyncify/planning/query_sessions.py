"""Sessions of queries: under which name a place that executes a Query has the session it is of.

A Query brings its session along, a statement doesn't. So the session is followed the way that the
Query came: back through the calls that gave it, to the ``query()`` that began it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Class, Function, Variable, dotted
from asyncify.analysis.statements import statements_of
from asyncify.analysis.uses import Use
from asyncify.decisions import SessionSource
from asyncify.planning.draft import Draft, known_spelling
from asyncify.planning.settling import Settling, Waiting

if TYPE_CHECKING:
    from asyncify.planning.query_places import Flow

_NAMES = ("session", "db", "db_session", "async_session", "query_session", "session_")

_Place = tuple[v.QueryValue, Function]  # a Query, and who has it


class RegistryTwins(Protocol):
    """The registries of the sync side."""

    def registry(self, variable: Variable, function: Function) -> str:
        """What a registry is called in a function that runs on the sync side, else ''."""

    def let_import(self, function: Function, local: str, new: str, draft: Draft) -> None:
        """Import a new name where an old one is imported."""


class QuerySessions:
    """Names the session of a Query, wherever that has gone."""

    def __init__(self, colors: Colors, coloring: Coloring, flows: Mapping[v.Origin, Flow]) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.flows = flows
        self.parameters: dict[Function, str] = {}  # functions that get a session, by its name
        self.calls: dict[Function, list[tuple[Function, int, str]]] = {}  # and who gives it
        self.twins: RegistryTwins | None = None  # where the program has a sync side
        self._refused: set[Function] = set()
        self._names: Settling[_Place] = Settling(self._seen_or_given, self._taken)

    def source(
        self, value: v.QueryValue, function: Function, receiver: int
    ) -> SessionSource | None:
        """Where the session comes from in a function that executes the Query at ``receiver``."""
        flow = self.flows[value.origin]
        start = value.origin.function if value.registry is None else None
        layout = self.colors.uses.layout(function)
        if start is function and layout.holds(receiver, flow.start) and _has_receiver(flow):
            return SessionSource(query_call=flow.origin.call)
        text = self.name(value, function)
        return SessionSource(text=text) if text else None

    def name(self, value: v.QueryValue, function: Function) -> str:
        """The session's name in a function, or ''."""
        if value.registry is not None:
            return self._registry(value.registry, function)
        if not value.session:
            return ""
        found = self._names.name((value, function))
        if found:
            return found
        only = self._only_session(function)
        if only and self._only_session(value.origin.function):
            return only
        return self._of_module(value, function) or self._handed(function)

    def _of_module(self, value: v.QueryValue, function: Function) -> str:
        """A session that is reached by a variable of a module, which this file has too."""
        head, rest = _parts(value.session)
        symbol = self.inference.program.lookup(value.origin.function, head)
        if not isinstance(symbol, Variable):
            return ""
        program, here = self.inference.program, function.module
        known = known_spelling(program, here, symbol.name, symbol.module)
        seen = known and _sees_module(function, known)
        return f"{known}{rest}" if seen else ""

    def _registry(self, registry: Variable, function: Function) -> str:
        """How a file names a registry, which it may have to import first."""
        here, program = function.module, self.inference.program
        name = self._twin(registry, function) or registry.name
        if program.lookup(function, registry.name) == registry:
            return name  # the function itself may import it
        known = known_spelling(program, here, registry.name, registry.module)
        if known and name != registry.name:
            known = ".".join([*known.split(".")[:-1], name])
        text = known or ("" if name in here.bindings else name)
        return text if _sees_module(function, text) else ""

    def import_registry(self, value: v.QueryValue, function: Function, draft: Draft) -> None:
        """A file that executes what ``Model.query`` began needs the registry."""
        registry, program = value.registry, self.inference.program
        if registry is None:
            return
        twin = self._twin(registry, function)
        if twin and program.lookup(function, registry.name) == registry:
            assert self.twins is not None
            self.twins.let_import(function, registry.name, twin, draft)
        elif not twin or "." not in self.name(value, function):
            draft.spell_symbol(twin or registry.name, registry.module)

    def _twin(self, registry: Variable, function: Function) -> str:
        return self.twins.registry(registry, function) if self.twins is not None else ""

    def _seen_or_given(self, place: _Place) -> set[str]:
        """The session where a Query begins, or as the callers of what gives it have it."""
        value, function = place
        if _begins(value, function):
            return {value.session}
        return {
            self._translated(function, use, callee, inner)
            for use, callee in self._giving(value, function)
            if (inner := self._names.name((value, callee)))
        }

    def _taken(self, place: _Place) -> set[str]:
        """The session that went into the call that gives a Query, or that is held beside one."""
        value, function = place
        if _begins(value, function):
            return set()
        found = {
            self._passed(function, use.operation)
            for use, callee in self._giving(value, function)
            if not self._names.name((value, callee))
        } - {""}  # fmt: skip
        if found or self._names.name(place):
            return found
        beside = self._read_from(value, function)
        return beside if len(beside) == 1 else set()

    def _giving(self, value: v.QueryValue, function: Function) -> Iterator[tuple[Use, Function]]:
        """The calls that give a function a Query, with what they run."""
        for use in self.colors.uses.of(function):
            if use.kind in ("call", "property") and self._holds(function, use.operation, value):
                for callee in use.callees:
                    yield use, callee

    def _passed(self, function: Function, index: int) -> str:
        """The session of the queries that go into a call, and come out of it."""
        operation = function.body.operations[index]
        if operation[0] != f.CALL:
            return ""
        found = {self.name(query, function) for query in self._arguments(function, operation)}
        found.discard("")
        return found.pop() if len(found) == 1 else ""

    def _arguments(self, function: Function, operation: f.Operation) -> list[v.QueryValue]:
        """The queries among the arguments of a call."""
        values = self.inference.evaluations[function].values
        places = [*operation[6], *(place for _, place in operation[7])]
        return [
            atom for place in places for atom in values[place if place >= 0 else ~place]
            if isinstance(atom, v.QueryValue)
        ]  # fmt: skip

    def _holds(self, function: Function, index: int, value: v.QueryValue) -> bool:
        found = self.inference.evaluations[function].values[index]
        return any(isinstance(a, v.QueryValue) and a.origin == value.origin for a in found)

    def _translated(self, function: Function, use: Use, callee: Function, inner: str) -> str:
        """A name of the called function, as the caller has it."""
        head, rest = _parts(inner)
        names = [parameter.name for parameter in callee.signature.parameters]
        operations = function.body.operations
        operation = operations[use.operation]
        if head not in names:
            shared = function.module is callee.module and head not in callee.facts.bound
            return inner if shared else ""
        skipped = self.inference.skipped(function, operation, callee)
        if skipped and head == names[0]:
            reached = operation if use.kind == "property" else operations[operation[5]]
            base = self._path(function, reached[5]) if reached[0] == f.ATTRIBUTE else ""
        elif use.kind == "property":
            return ""
        else:
            place = names.index(head) - skipped - self.given(function, operation)
            index = dict(operation[7]).get(head, -1)
            if index < 0 and 0 <= place < len(operation[6]):
                index = operation[6][place]
            base = self._path(function, index) if index >= 0 else ""
        return f"{base}{rest}" if base else ""

    def _path(self, function: Function, index: int) -> str:
        """What can be written once more for the same object: a dotted name, or what a container
        has under a constant key."""
        operations = function.body.operations
        operation = operations[index]
        if operation[0] == f.ATTRIBUTE:
            base = self._path(function, operation[5])
            return f"{base}.{operation[6]}" if base else ""
        if operation[0] != f.SUBSCRIPT:
            return dotted(operations, index)
        values = self.inference.evaluations[function].values
        key, base = operations[operation[6]], self._path(function, operation[5])
        held = any(isinstance(a, v.Collection) for a in values[operation[5]])
        if not base or not held or key[0] != f.CONSTANT or not isinstance(key[5], (str, int)):
            return ""
        text = json.dumps(key[5], ensure_ascii=False) if isinstance(key[5], str) else key[5]
        return f"{base}[{text}]"

    def given(self, function: Function, operation: f.Operation) -> int:
        """How many arguments a called ``partial`` has got before."""
        values = self.inference.evaluations[function].values[operation[5]]
        return max((a.given for a in values if isinstance(a, v.FunctionObject)), default=0)

    def _read_from(self, value: v.QueryValue, function: Function) -> set[str]:
        """The session beside a Query that is held in an attribute: ``self.session`` where the
        Query is ``self.query``."""
        owner = value.origin.function.owner
        held = self._attribute(value) if owner is not None else ""
        if owner is None or not held:
            return set()
        if function.owner is not None and _related(function.owner, owner):
            return {f"self.{held}"}
        evaluation = self.inference.evaluations[function]
        found = set()
        for index, operation in enumerate(evaluation.operations):
            if operation and operation[0] == f.ATTRIBUTE and self._holds(function, index, value):
                base = evaluation.values[operation[5]]
                if any(isinstance(a, v.Instance) and _related(a.cls, owner) for a in base):
                    text = dotted(evaluation.operations, operation[5])
                    found.add(f"{text}.{held}" if text else "")
        return found

    def _attribute(self, value: v.QueryValue) -> str:
        """The attribute that holds the session with which a method began a Query."""
        if value.session.startswith("self."):
            return value.session.removeprefix("self.")
        body = value.origin.function.body
        for statement in statements_of(body.statements):
            if statement[0] != f.ASSIGN or dotted(body.operations, statement[8]) != value.session:
                continue
            for target in statement[7]:
                if target[0] == f.TO_ATTRIBUTE and dotted(body.operations, target[1]) == "self":
                    return str(target[2])
        return ""

    # -- sessions that are handed along with a Query

    def _handed(self, function: Function) -> str:
        """The name of a parameter for the session of the queries that a function is given, where
        all its calls can give it one."""
        if function in self.parameters:
            return self.parameters[function]
        if function in self._refused or not self._may_take(function):
            return ""
        places = self._places(function)
        if not places:
            self._refused.add(function)
            return ""
        self.parameters[function] = self._free_name(function, places)
        try:
            calls = [(caller, index, self._given(caller, index)) for caller, index in places]
        except Waiting:
            del self.parameters[function]
            raise
        if all(text for *_, text in calls):
            self.calls[function] = calls
            return self.parameters[function]
        del self.parameters[function]
        self._refused.add(function)
        return ""

    def _may_take(self, function: Function) -> bool:
        """Can a function get another parameter: does nobody but its callers know its signature?"""
        facts, owner = function.facts, function.owner
        if facts.kind != "def" or not self._is_rewritten(function):
            return False
        if facts.name.startswith("__") or function.signature.decorators:
            return False
        if owner is None:
            return function.parent is not None and function.parent.facts.kind == "module"
        inherited = any(facts.name in c.methods for c in owner.ancestors if c is not owner)
        return not inherited and len(self.inference.methods(owner, facts.name)) == 1

    def _places(self, function: Function) -> list[tuple[Function, int]]:
        """All calls of a function; none where it is used in any other way."""
        program, found = self.inference.program, []
        if any(local != function.name for _, local in program.imported_as(function)):
            return []
        for caller in program.mentioning(function.name):
            if caller is function.parent:
                continue
            named = _named(caller, function.name)
            uses = {
                caller.body.operations[use.operation][5]: use
                for use in self.colors.uses.of(caller)
                if use.kind == "call" and use.callees == (function,)
            }
            partials = [self._calls_of_partial(caller, index) for index in named - set(uses)]
            if not all(partials) or (named and not self._is_edited(caller)):
                return []
            called = named & set(uses) | {index for calls in partials for index in calls}
            if not called <= set(uses):
                return []
            found += [(caller, uses[index].operation) for index in sorted(called)]
        others = {
            (caller, use.operation) for caller, use in self.colors.callers().get(function, ())
            if use.kind == "call"
        }  # fmt: skip
        return found if others <= set(found) else []  # getattr(module, "count")(query)

    def _calls_of_partial(self, caller: Function, index: int) -> set[int]:
        """What is called where a ``partial`` of the function at ``index`` is: nothing where that
        is used in any other way."""
        layout = self.colors.uses.layout(caller)
        operations, made = layout.operations, layout.parent(index)
        if made < 0 or operations[made][0] != f.CALL or operations[made][6][:1] != (index,):
            return set()
        callee = self.inference.evaluations[caller].values[operations[made][5]]
        if not any(a == v.Foreign("functools.partial") for a in callee):
            return set()
        outer, statement = layout.parent(made), layout.statement(made)
        if outer >= 0:
            is_called = operations[outer][0] == f.CALL and operations[outer][5] == made
            return {made} if is_called else set()
        if statement is None or statement[0] != f.ASSIGN or len(statement[7]) != 1:
            return set()
        target, children = statement[7][0], caller.has_children
        if target[0] != f.TO_NAME or children or caller.facts.kind == "module":
            return set()
        read = {i for i, o in enumerate(operations) if o and o[0] == f.NAME and o[5] == target[1]}
        called = {o[5] for o in operations if o and o[0] == f.CALL}
        return read if read <= called else set()

    def _is_rewritten(self, function: Function) -> bool:
        return function in self.coloring.turned or self.coloring.sync

    def _is_edited(self, function: Function) -> bool:
        """Can a call in the function be edited?"""
        is_edited = self._is_rewritten(function) or function.facts.is_async
        return is_edited and function not in self.coloring.stays

    def _free_name(self, function: Function, places: list[tuple[Function, int]]) -> str:
        """The name that the callers have for it, if that is free."""
        known = [self._only_session(caller) for caller, _ in places]
        taken = function.facts.names | function.facts.bound
        wanted = [*dict.fromkeys(n for n in known if n.isidentifier()), *_NAMES]
        return next(name for name in wanted if name not in taken)

    def _given(self, caller: Function, index: int) -> str:
        """The session of the queries that a call is given, or ''."""
        operation = caller.body.operations[index]
        queries = self._arguments(caller, operation)
        if not queries or any("scoped" in query.marks for query in queries):
            return self._only_session(caller)
        found = {self.name(query, caller) for query in queries}
        return found.pop() if len(found) == 1 else ""

    def _only_session(self, function: Function) -> str:
        environment = self.inference.evaluations[function].environment
        names = [
            name for name, value in environment.items()
            if any(isinstance(a, v.Known) and a.kind.lower().endswith("session") for a in value)
        ]  # fmt: skip
        if len(names) != 1 or self._is_asked_for(function, names[0]):
            return ""
        return names[0]

    def _is_asked_for(self, function: Function, name: str) -> bool:
        """Is a variable bound to ``query.session``? It has no value before."""
        values = self.inference.evaluations[function].values
        for statement in statements_of(function.body.statements):
            if statement[0] == f.ASSIGN and (f.TO_NAME, name) in [t[:2] for t in statement[7]]:
                operation = function.body.operations[statement[8]]
                if operation[0] == f.ATTRIBUTE and any(
                    isinstance(a, v.QueryValue) for a in values[operation[5]]
                ):
                    return True
        return False


def _named(caller: Function, name: str) -> set[int]:
    """The operations of a function that are a name, or an attribute of that name."""
    return {
        index for index, operation in enumerate(caller.body.operations)
        if operation and (
            (operation[0] == f.NAME and operation[5] == name)
            or (operation[0] == f.ATTRIBUTE and operation[6] == name)
        )
    }  # fmt: skip


def _has_receiver(flow: Flow) -> bool:
    """Is the method that begins a Query read from its session there?"""
    operations = flow.origin.function.body.operations
    start = operations[flow.start]
    return start[0] != f.CALL or bool(operations[start[5]][0] == f.ATTRIBUTE)


def _begins(value: v.QueryValue, function: Function) -> bool:
    """Does a function begin a Query, or stand where the session is visible that it began with?"""
    start = value.origin.function
    return function is start or _sees(function, start, value.session)


def _sees(function: Function, outer: Function, name: str) -> bool:
    """Is a name of an outer function visible, and the same, in one that is defined inside it?"""
    head, _ = _parts(name)
    scope: Function | None = function
    while scope is not None and scope is not outer:
        if head in scope.facts.bound:
            return False
        scope = scope.parent
    return scope is outer and outer.facts.kind == "def"


def _sees_module(function: Function, name: str) -> bool:
    """Does a name of the module mean the same inside a function?"""
    scope: Function | None = function
    while scope is not None and scope.parent is not None:
        if _parts(name)[0] in scope.facts.bound and scope.facts.kind != "class":
            return False
        scope = scope.parent
    return True


def _parts(text: str) -> tuple[str, str]:
    """What a session is written as: the variable, and the attributes and items behind it."""
    head = re.split(r"[.\[]", text, maxsplit=1)[0]
    return head, text.removeprefix(head)


def _related(one: Class, other: Class) -> bool:
    """Is one class a base of the other, or the same?"""
    return one in other.ancestors or other in one.ancestors
