"""Sessions of queries: under which name a place that executes a Query has the session it is of.

A Query brings its session along, a statement doesn't. So the session is followed the way that the
Query came: back through the calls that gave it, to the ``query()`` that began it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Class, Function, dotted, statements_of
from asyncify.analysis.uses import Use
from asyncify.decisions import SessionSource

if TYPE_CHECKING:
    from asyncify.planning.query_flows import Flow


class QuerySessions:
    """Names the session of a Query, wherever that has gone."""

    def __init__(self, colors: Colors, flows: Mapping[v.Origin, Flow]) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.flows = flows

    def source(
        self, value: v.QueryValue, function: Function, receiver: int
    ) -> SessionSource | None:
        """Where the session comes from in a function that executes the Query at ``receiver``."""
        flow = self.flows[value.origin]
        start = value.origin.function
        if start is function and flow.start in self.colors.uses.layout(function).subtree(receiver):
            return SessionSource(query_call=flow.origin.call)
        text = self.name(value, function)
        return SessionSource(text=text) if text else None

    def name(self, value: v.QueryValue, function: Function) -> str:
        """The session's name in a function, or ''."""
        if not value.session:
            return ""
        found = self._followed(value, function, ())
        if found:
            return found
        only = self._only_session(function)
        return only if only and self._only_session(value.origin.function) else ""

    def _followed(self, value: v.QueryValue, function: Function, seen: tuple[Function, ...]) -> str:
        start = value.origin.function
        if function is start:
            return value.session
        if function in seen:
            return ""
        given = {
            self._translated(function, use, callee, inner)
            for use in self.colors.uses.of(function)
            if use.kind in ("call", "property") and self._holds(function, use.operation, value)
            for callee in use.callees
            if (inner := self._followed(value, callee, (*seen, function)))
        }
        given = given or self._read_from(value, function)
        return given.pop() if len(given) == 1 else ""

    def _holds(self, function: Function, index: int, value: v.QueryValue) -> bool:
        found = self.inference.evaluations[function].values[index]
        return any(isinstance(a, v.QueryValue) and a.origin == value.origin for a in found)

    def _translated(self, function: Function, use: Use, callee: Function, inner: str) -> str:
        """A name of the called function, as the caller has it."""
        head, _, rest = inner.partition(".")
        names = [parameter.name for parameter in callee.signature.parameters]
        operations = function.body.operations
        operation = operations[use.operation]
        if head not in names:
            shared = function.module is callee.module and head not in callee.facts.bound
            return inner if shared else ""
        if callee.is_method and head == names[0]:
            reached = operation if use.kind == "property" else operations[operation[5]]
            base = dotted(operations, reached[5]) if reached[0] == f.ATTRIBUTE else ""
        elif use.kind == "property":
            return ""
        else:
            place = names.index(head) - (1 if callee.is_method else 0)
            index = dict(operation[7]).get(head, -1)
            if index < 0 and 0 <= place < len(operation[6]):
                index = operation[6][place]
            base = dotted(operations, index) if index >= 0 else ""
        return ".".join(filter(None, (base, rest))) if base else ""

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

    def _only_session(self, function: Function) -> str:
        environment = self.inference.evaluations[function].environment
        names = [
            name for name, value in environment.items()
            if any(isinstance(a, v.Known) and a.kind.lower().endswith("session") for a in value)
        ]  # fmt: skip
        return names[0] if len(names) == 1 else ""


def _related(one: Class, other: Class) -> bool:
    """Is one class a base of the other, or the same?"""
    return one in other.ancestors or other in one.ancestors
