"""Finds what becomes of functions, methods and sessions that are given to what isn't ours."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.boundaries import calls_what_it_gets, fits, may_call_items, rule_of
from asyncify.analysis.calls import BY_KEY
from asyncify.analysis.consumers import applied
from asyncify.analysis.finalizers import finishes
from asyncify.analysis.likely import is_mock
from asyncify.analysis.program import Class, Function, dotted
from asyncify.analysis.records import NAMESPACE
from asyncify.analysis.statements import names_assigned
from asyncify.analysis.use import MAKING, Use, in_order
from asyncify.analysis.use_holders import Holders, is_known
from asyncify.vocabulary.boundary_rules import Rule
from asyncify.vocabulary.frameworks import CHOICES_KEYWORD, CONSTRUCTORS
from asyncify.vocabulary.injection import PROVIDING
from asyncify.vocabulary.names import (
    FUNCTIONS,
    GREENLET_FUNCTIONS,
    KINDS,
    REFLECTING,
    WATCHING,
)
from asyncify.vocabulary.replacing import REPLACING
from asyncify.vocabulary.runners import RUNNERS
from asyncify.vocabulary.tasks import STARTUP, TAKING_PATHS
from asyncify.vocabulary.testing import CLEANUPS, EXPECTING

# Listeners run where the event happens: inside a greenlet.
LISTENING = {"sqlalchemy.event.listen", "sqlalchemy.event.listens_for"}
# Awaited, they run a function in a thread and give its result.
THREADS = {name for name, runner in RUNNERS.items() if runner.gives}
_PROCESSES = "concurrent.futures.ProcessPoolExecutor"

# Foreign calls that do no I/O with a session that they are given.
_HARMLESS = (
    "sqlalchemy.event.", "contextlib.", "functools.", "typing.", "unittest.mock", "logging.",
    "fastapi.", "starlette.", "builtins.", "weakref.", "copy.", "asyncio.", "dataclasses.",
    "collections.",
)  # fmt: skip
_KEEPING = {
    "append", "add", "setattr", "put", "get", "pop", "add_task", "set", "info",
    "debug", "warning", "isinstance", "object", "patch", "spy", "override", "add_middleware",
    "setdefault", "update", "insert", "create_all", "drop_all", "reflect", "SimpleNamespace",
    "__setattr__",
    "compile",  # a statement, for a dialect
}  # fmt: skip

# Containers of options: those whose keys are classes tell who gets what is in them.
_OF_OPTIONS = (v.Record, v.TupleValue)
# Methods of containers that keep an item, or forget it.
_OF_SETS = v.FILLING | {
    "discard", "remove", "index", "count", "union", "difference", "intersection",
    "symmetric_difference", "issubset", "issuperset", "isdisjoint",
}  # fmt: skip
_DISPLAYS = (f.COMPREHENSION, f.SEQUENCE, f.DICT)
# Bases of classes that keep what they are made with in their fields.
_OF_RECORDS = {"typing.NamedTuple", "typing.Generic", "typing.Protocol", "abc.ABC", "NamedTuple"}


class Arguments(Holders):
    """The uses that are arguments of calls."""

    def gives_functions(self, operation: f.Operation) -> bool:
        """``Runner(jobs=[job])``: are functions in a container given to something foreign?"""
        values, holds_nothing = self.values, self.inference.holds_nothing
        for index in (*[i for i in operation[6] if i >= 0], *[i for _, i in operation[7]]):
            if not holds_nothing(values[index]):
                name = self.callee_name(operation)
                return name in CONSTRUCTORS or may_call_items(name)
        return False

    def passed(self, index: int, operation: f.Operation, callee: v.Value) -> Iterator[Use]:
        """Functions of the program that are handed to something outside it."""
        if self.keeps(callee):
            return
        method = self.operations[operation[5]]
        base = self.values[method[5]] if method[0] == f.ATTRIBUTE and not callee else v.UNKNOWN
        if base and method[6] in BY_KEY and v.elements(base):
            return  # `handlers.get(name, self.other)` gives it back
        if base and method[6] in _OF_SETS and any(isinstance(a, v.Collection) for a in base):
            return  # `self.observers.add(observer)` keeps it
        if method[0] == f.ATTRIBUTE and not callee and self._is_display(method[5], method[6]):
            return  # `{route.endpoint: route for ...}.get(function)`
        callee_name = name = self.callee_name(operation)
        kind = self._kind(index, operation, callee, name)
        expected = EXPECTING.get(name, EXPECTING.get(name.rpartition(".")[2], -1))
        consumer = applied(self.layout, index)
        replaced = _replaced(operation, name)
        known = CONSTRUCTORS.get(name, {}) if name not in STARTUP else {}
        words = {i: key for key, i in operation[7] if key in known}
        for argument in (*operation[6], *(i for key, i in operation[7] if key != CHOICES_KEYWORD)):
            value = self.values[argument if argument >= 0 else ~argument]
            if words:
                name = f"{callee_name}({words[argument]})" if argument in words else callee_name
            if expected >= 0 and operation[6][expected : expected + 1] == (argument,):
                kind, name = "expect", name.rpartition(".")[2]
            if self.inference.holds_nothing(value) and not _takes_paths(name):
                continue
            here = consumer is not None and argument == consumer.function
            given = self._given(value, name, here)
            if given:
                callees = in_order(given, value)
                own = "apply" if here else "replace" if argument == replaced else kind
                yield Use(own, self.function, index, name=name, callees=callees)
            elif rule_of(name) is Rule.UNWRAP:
                yield from self.handed(index, value, name, "thread")
            elif not fits(name) and name.rpartition(".")[2] not in CLEANUPS:
                yield from self.handed(index, value, name, kind)

    def _is_display(self, index: int, method: str) -> bool:
        """Is a method one of a container, and what it is called on written out, or a name that
        only such are assigned to?"""
        if method not in _OF_SETS and method not in BY_KEY:
            return False
        made, name = self.operations[index], self.operations[index][5]
        if made[0] != f.NAME:
            return made[0] in _DISPLAYS
        if any(parameter.name == name for parameter in self.function.signature.parameters):
            return False
        assigned = [
            value for statement in self.layout.statements
            for bound, value in names_assigned(statement) if bound == name
        ]  # fmt: skip
        return bool(assigned) and all(
            value >= 0 and self.operations[value][0] in _DISPLAYS for value in assigned
        )

    def _kind(self, index: int, operation: f.Operation, callee: v.Value, name: str) -> str:
        """The kind of use that a function is put to which is handed over here."""
        if self._enters(callee, self.operations[operation[5]]) or name in LISTENING:
            return "run sync"
        if name in THREADS and self.layout.is_awaited(index) and not self._in_process(operation):
            return "thread"
        return "finalize" if finishes(self.layout, index, self.inference.fixtures) else "pass"

    def _given(self, value: v.Value, name: str, here: bool) -> list[Function]:
        """The functions that a library gets with a value. ``here``: it calls what it gets here."""
        given = [a.function for a in value if isinstance(a, v.FunctionObject)]
        if not given and (here or calls_what_it_gets(name)):
            given = self._called_objects(value)
        if not given and _takes_paths(name):
            given = self._named(value)
        if not given and may_call_items(name):
            given = [a.function for a in v.elements(value) if isinstance(a, v.FunctionObject)]
        return given

    def _enters(self, callee: v.Value, method: f.Operation) -> bool:
        """Is it the ``run_sync`` of a session or connection, or of what may be one?"""
        if any(isinstance(a, v.KnownMethod) and a.name == "run_sync" for a in callee):
            return True
        return method[0] == f.ATTRIBUTE and method[6] == "run_sync" and all(map(is_mock, callee))

    def _named(self, value: v.Value) -> list[Function]:
        """``queue.enqueue("app.jobs.resize")``: the functions that are meant."""
        words = [a.value for a in value if isinstance(a, v.Literal) and isinstance(a.value, str)]
        named = self.inference.program.named
        found = [named(word.replace(":", ".")) for word in words if "." in word or ":" in word]
        return [each for each in found if isinstance(each, Function)]

    def _called_objects(self, value: v.Value) -> list[Function]:
        """``Thread(target=job)``: what an object runs that is given as a function."""
        objects = [a.cls for a in value if isinstance(a, v.Instance)]
        return [m for cls in objects for m in self.inference.methods(cls, "__call__")]

    def _in_process(self, operation: f.Operation) -> bool:
        """Does ``run_in_executor`` run it in another process?"""
        return any(
            isinstance(atom, v.ForeignInstance) and atom.name == _PROCESSES
            for index in operation[6][:1] if index >= 0 for atom in self.values[index]
        )  # fmt: skip

    def keeps(self, callee: v.Value) -> bool:
        """Is it a class that keeps what it is made with, to be read by its name?"""
        return any(
            isinstance(a, v.NamedTupleClass)
            or (isinstance(a, v.Foreign) and a.name == NAMESPACE)
            or (isinstance(a, v.ClassObject) and self._keeps_fields(a.cls))
            for a in callee
        )

    def _keeps_fields(self, cls: Class) -> bool:
        """Does a class of the program only keep what it is made with, as a dataclass does?"""
        return cls.foreign_bases <= _OF_RECORDS and bool(self.inference.fields(cls))

    def handed(self, index: int, value: v.Value, name: str, kind: str) -> Iterator[Use]:
        """``run(session.commit)``: a method that does I/O is given to something foreign."""
        for atom in value:
            if isinstance(atom, v.KnownMethod) and isinstance(atom.owner, v.Known):
                row = self.inference.row(atom.owner.kind, atom.name)
                if row is not None and row.io and not row.attribute:
                    shown = name or "something unknown"
                    kind = "handed" if kind == "pass" else kind
                    yield Use(kind, self.function, index, atom.owner, row, shown)

    def given(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """Sessions that are handed to a library, which will do I/O on them."""
        name = self.callee_name(operation)
        if name in THREADS or name in WATCHING:
            return
        if not self._is_library(operation) and not self.reflects(operation):
            return
        making = () if name in RUNNERS else MAKING
        for argument in (*operation[6], *(i for _, i in operation[7])):
            for atom in self.values[argument if argument >= 0 else ~argument]:
                kind = atom.kind if isinstance(atom, v.Known) else ""
                if isinstance(atom, v.Known) and kind in ("Session", "Connection", *making):
                    yield Use("foreign", self.function, index, atom, name=name)
                    if kind not in MAKING:
                        self.keep(name, atom)
                        return

    def contained(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``worker.configure({"factory": SessionLocal})``: what a library nobody knows gets in a
        container."""
        for argument in (*operation[6], *(i for _, i in operation[7])):
            value = self.values[argument if argument >= 0 else ~argument]
            if self.inference.holds_nothing(value):
                continue
            name = self.callee_name(operation)
            if is_known(name) or not self._is_library(operation):
                return
            held = v.elements(frozenset(a for a in value if isinstance(a, _OF_OPTIONS)))
            known = [atom for atom in held if isinstance(atom, v.Known)]
            made = [a for a in known if a.kind in ("Session", "Connection", *MAKING)]
            if made:
                first = min(made, key=lambda atom: atom.kind)
                yield Use("contained", self.function, index, first, name=name)
                return

    def _is_library(self, operation: f.Operation) -> bool:
        """Is a function, class or method called that neither the program nor the vocabulary has?"""
        callee = self.values[operation[5]]
        names = [a.name for a in callee if isinstance(a, v.Foreign)]
        if all(name.startswith(PROVIDING) for name in names) and not self._made_abroad(operation):
            return False  # a container hands it on to what the program has
        return bool(names) and all(
            "." in name and (name not in KINDS or name in GREENLET_FUNCTIONS)
            and FUNCTIONS.get(name, "Inspection") == "Inspection"
            and not name.startswith(_HARMLESS) and name.rpartition(".")[2] not in _KEEPING
            for name in names
        )  # fmt: skip

    def _made_abroad(self, operation: f.Operation) -> bool:
        """``Singleton(JobStore, engine=engine)``: does a container give it to a class of others?"""
        return any(
            isinstance(a, v.Foreign) and not a.name.startswith(("sqlalchemy.", "sqlmodel."))
            for index in operation[6][:1] if index >= 0 for a in self.values[index]
        )  # fmt: skip

    def reflects(self, operation: f.Operation) -> bool:
        """``Base.prepare(autoload_with=engine)``: a class of SQLAlchemy's own making reads the
        tables of its models."""
        callee = self.operations[operation[5]]
        return (
            callee[0] == f.ATTRIBUTE and callee[6] in REFLECTING
            and all(
                isinstance(a, v.Foreign) and a.name.startswith("sqlalchemy.")
                for a in self.values[operation[5]]
            )
        )  # fmt: skip

    def callee_name(self, operation: f.Operation) -> str:
        names = [atom.name for atom in self.values[operation[5]] if isinstance(atom, v.Foreign)]
        if names:
            return min(names)
        callee = self.operations[operation[5]]
        if callee[0] == f.CALL:  # a decorator with arguments, called by hand
            return self.callee_name(callee)
        name = dotted(self.operations, operation[5])
        if not name and callee[0] == f.ATTRIBUTE and callee[6] in v.FILLING:
            return str(callee[6])  # handlers[kind].append(handler)
        return name


def _replaced(operation: f.Operation, name: str) -> int:
    """The function that what is called calls for each match, or -1."""
    row = REPLACING.get(name)
    if row is None or any(argument < 0 for argument in operation[6]):
        return -1
    if len(operation[6]) > row.position:
        return int(operation[6][row.position])
    return next((index for keyword, index in operation[7] if keyword == row.keyword), -1)


def _takes_paths(name: str) -> bool:
    """Is something given functions by their dotted paths?"""
    return name.rpartition(".")[2] in TAKING_PATHS
