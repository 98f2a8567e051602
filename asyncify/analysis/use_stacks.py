"""Finds the uses of managers that a function enters by a stack, or closes by hand."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.by_name import ByName
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.infer import Inference
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.use import GREENLET_KINDS, SYNC_KINDS, Use, in_order

# What `with` calls, and `async with`.
ENTERING, ENTERING_ASYNC = ("__enter__", "__exit__"), ("__aenter__", "__aexit__")
CLOSING = "contextlib.closing"
# The methods by which a stack enters a manager, and Click's context, which leaves it as it closes.
ENTERING_LATER = {
    "enter_context": "ExitStack().enter_context",
    "with_resource": "click.Context().with_resource",
}
STACK_CALLBACK = "contextlib.ExitStack().callback"
# Entered, they close themselves.
_CLOSED = {"Session", "Connection", "scoped_session"}


class Stacks:
    """The uses of stacks, and of what is closed."""

    def __init__(
        self, inference: Inference, evaluation: Evaluation, layout: Layout, by_name: ByName
    ) -> None:
        self.inference = inference
        self.by_name = by_name
        self.evaluation = evaluation
        self.function = evaluation.function
        self.values = evaluation.values
        self.operations = evaluation.operations
        self.layout = layout
        self.is_plain = inference.is_plain

    def closing(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``closing(session)``: nobody would await what it calls; entered by ``with``, the session
        closes itself."""
        position = self._with_item(index)
        kind = "enter manager" if position >= 0 or self._is_stacked(index) else "pass"
        value = self.values[operation[6][0]] if operation[6] else v.UNKNOWN
        closed = [function for atom in value for function in self._closed_by(atom)]
        if closed:
            callees = in_order(closed, value)
            yield Use(kind, self.function, index, name=CLOSING, callees=callees, item=position)
        for atom in value:
            if not isinstance(atom, v.Known):
                continue
            if atom.kind in GREENLET_KINDS:
                reason = "`closing` would close it outside of a greenlet."
                yield Use("refused", self.function, index, atom, name=reason)
            elif atom.kind in _CLOSED and position < 0:
                reason = "`closing` wouldn't await its `close`."
                yield Use("refused", self.function, index, atom, name=reason)
            elif atom.kind in _CLOSED:
                yield Use("enter closing", self.function, index, atom, item=position)

    def _closed_by(self, atom: v.Atom) -> tuple[Function, ...]:
        """What of the program `closing` closes: a generator, or an object by its method."""
        if isinstance(atom, v.Generated):
            return () if atom.function.facts.is_async else (atom.function,)
        return self.inference.methods(atom.cls, "close") if isinstance(atom, v.Instance) else ()

    def _is_stacked(self, index: int) -> bool:
        """Is an operation's value given to the ``enter_context`` of a stack that was entered?"""
        parent = self.layout.parent(index)
        callee = self.operations[parent][5] if parent >= 0 else -1
        if callee < 0 or self.operations[parent][0] != f.CALL:
            return False
        method = self.operations[callee]
        return (
            method[0] == f.ATTRIBUTE and method[6] == "enter_context"
            and self.layout.entered_as(dotted(self.operations, method[5])) >= 0
        )  # fmt: skip

    def _with_item(self, index: int) -> int:
        """The place of an operation among the items of a ``with``, or -1."""
        statement = self.layout.statement(index)
        if statement is None or statement[0] != f.WITH:
            return -1
        return next((n for n, (value, _) in enumerate(statement[7]) if value == index), -1)

    def stacked(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``stack.enter_context(manager)``, on a stack that this function has entered."""
        method = self.operations[operation[5]]
        stack, name = dotted(self.operations, method[5]), ENTERING_LATER[method[6]]
        kind = "enter stacked" if self.layout.entered_as(stack) >= 0 else "pass"
        for argument in operation[6]:
            for atom in self.values[argument] if argument >= 0 else ():
                if isinstance(atom, v.Managed):
                    closed = [m for item in atom.items for m in self._closed_by(item)]
                    callees = (atom.function,) if atom.function is not None else tuple(closed)
                    if callees:
                        yield Use(kind, self.function, index, name=name, callees=callees)
                elif isinstance(atom, v.Instance):
                    own = [m for each in ENTERING for m in self.inference.methods(atom.cls, each)]
                    callees = tuple(dict.fromkeys(own))
                    if callees:
                        yield Use(kind, self.function, index, name=name, callees=callees)
                elif isinstance(atom, v.Known) and atom.kind in SYNC_KINDS and kind != "pass":
                    yield Use(kind, self.function, index, atom)
                elif isinstance(atom, v.Known) and atom.kind in SYNC_KINDS:
                    reason = f"`{name}` doesn't await what it enters."
                    yield Use("refused", self.function, index, atom, name=reason)

    def pushed(self, index: int, operation: f.Operation, callee: v.Value) -> Iterator[Use]:
        """``stack.callback(session.rollback)``: what an ExitStack calls when it is left."""
        if not any(isinstance(a, v.Foreign) and a.name == STACK_CALLBACK for a in callee):
            return
        stack = dotted(self.operations, self.operations[operation[5]][5])
        entered, given = self.layout.entered_as(stack) >= 0, operation[6][:1]
        for atom in self.values[given[0]] if given and given[0] >= 0 else ():
            if isinstance(atom, v.FunctionObject):
                kind, callees = "enter stacked" if entered else "pass", (atom.function,)
                yield Use(kind, self.function, index, name=STACK_CALLBACK, callees=callees)
            elif isinstance(atom, v.KnownMethod) and isinstance(atom.owner, v.Known):
                row = self.inference.row(atom.owner.kind, atom.name)
                if row is None or not row.io:
                    continue
                if entered:
                    yield Use(
                        "enter stacked", self.function, index, atom.owner, None, STACK_CALLBACK
                    )
                else:
                    reason = "An ExitStack doesn't await what it calls."
                    yield Use("refused", self.function, index, atom.owner, name=reason)
