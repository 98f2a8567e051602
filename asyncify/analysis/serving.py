"""Calls that run an event loop of their own: `uvicorn.run(app)` and the like.

A function that turns runs inside of a loop already, in which no other one can be started. What has
a form to be awaited gets it; a function that calls anything else of the kind stays sync.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.foreign_names import ForeignNames
from asyncify.analysis.infer import Inference
from asyncify.analysis.own_loops import is_own
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, dotted
from asyncify.vocabulary import serving as words


class Serving(NamedTuple):
    """One call: its operation, the name of what is called, and the template of what is awaited in
    its place, or '' where there is no such form."""

    operation: int
    name: str
    form: str


class Servers:
    """Finds them in the functions of a program."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.names = ForeignNames(inference)

    def of(self, function: Function) -> Iterator[Serving]:
        """The calls in a function; ``asyncio.run`` of what the program defines is a use."""
        if words.TAILS.isdisjoint(function.facts.names):
            return
        imports = function.module.facts.imports
        if words.ROOTS.isdisjoint(item.module.partition(".")[0] for item in imports):
            return
        for index, operation in enumerate(function.body.operations):
            if operation and operation[0] == f.CALL:
                found = self._call(function, index, operation)
                if found is not None:
                    yield found

    def obstacle(self, function: Function) -> Obstacle | None:
        """Why a function can't be run inside of an event loop, or None."""
        for call in self.of(function):
            if not call.form:
                line = function.body.operations[call.operation][1]
                reason = f"`{call.name}` (line {line}) runs an event loop of its own, which can't "
                return Obstacle("ASY101", f"{reason}be started inside of another one.")
        return None

    def _call(self, function: Function, index: int, operation: f.Operation) -> Serving | None:
        callee = function.body.operations[operation[5]]
        if callee[0] == f.CALL and self.names.of(function, callee[5]) == words.ASYNC_TO_SYNC:
            return Serving(index, "async_to_sync", "")
        if callee[0] not in (f.NAME, f.ATTRIBUTE):
            return None
        name = self.names.of(function, operation[5])
        if callee[0] == f.ATTRIBUTE and callee[6] not in words.TAILS:
            return None
        of_loop = name.startswith("asyncio.") and name.endswith(f".{words.UNTIL_COMPLETE}")
        if name in words.COROUTINES or of_loop:
            if operation[6] and self._is_ours(function, operation[6][0]):
                is_used_on = of_loop and not is_own(self.inference.layout(function), index, name)
                return Serving(index, name, "") if is_used_on else None
            return Serving(index, name, "{0}") if operation[6] else None
        if name in words.UVICORN:
            return self._uvicorn(function, index, operation)
        written = self._class_of(function, callee) or name
        for start, tail in words.PLAIN:
            if written.startswith(start) and written.endswith(f".{tail}"):
                is_it = words.EXECUTORS.get(start, "") in written
                return self._plain(function, index, operation) if is_it else None
        if not written and callee[-1] in words.DISTINCTIVE:
            return self._plain(function, index, operation)
        return None

    def _plain(self, function: Function, index: int, operation: f.Operation) -> Serving:
        operations = function.body.operations
        written = dotted(operations, operation[5]) or str(operations[operation[5]][-1])
        return Serving(index, written, "")

    def _uvicorn(self, function: Function, index: int, operation: f.Operation) -> Serving | None:
        form = words.UVICORN_FORM
        for name, given in operation[7]:
            value = function.body.operations[given]
            if name == words.UNFIT:
                return Serving(index, "uvicorn.run", "")
            if name is None or (name in words.PROCESSES and value[0] != f.CONSTANT):
                form = words.UVICORN_ASKS
            elif name in words.PROCESSES and (value[5] is True or value[5] not in (None, 0, 1)):
                return None
        return Serving(index, "uvicorn.run", form)

    def _is_ours(self, function: Function, argument: int) -> bool:
        """Is it a coroutine of the program's own, which its caller plans?"""
        evaluation = self.inference.evaluations.get(function)
        values = evaluation.values[argument] if evaluation is not None and argument >= 0 else ()
        operation = function.body.operations[argument] if argument >= 0 else ()
        if any(isinstance(atom, v.CoroutineValue) for atom in values):
            return True
        if evaluation is None or not operation or operation[0] != f.CALL:
            return False
        return any(isinstance(a, v.FunctionObject) for a in evaluation.values[operation[5]])

    def _class_of(self, function: Function, callee: f.Operation) -> str:
        """``Bot(commands.Bot)`` is a class of the program: what it is made of says what it runs."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None or callee[0] != f.ATTRIBUTE:
            return ""
        for atom in evaluation.values[callee[5]]:
            if isinstance(atom, v.Instance):
                for base in (b for cls in atom.cls.ancestors for b in cls.foreign_bases):
                    if base.partition(".")[0] in words.ROOTS and callee[6] not in atom.cls.methods:
                        return f"{base}().{callee[6]}"
        return ""
