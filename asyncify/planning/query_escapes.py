"""Escapes: places where a Query is used as a Query, and a statement would not do.

A truth test, a comparison or an unpacking works on a Query and not on a statement. What is given to
a library, or to something unknown, may be executed there.
"""

from __future__ import annotations

from dataclasses import dataclass

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.infer import Inference
from asyncify.analysis.iterating import ITERATING, reads_items
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, dotted
from asyncify.vocabulary.names import KINDS
from asyncify.vocabulary.sqlalchemy_query import QUERY

_CLAUSE_METHODS = {
    "in_", "notin_", "not_in", "any", "has", "union", "union_all", "except_", "except_all",
    "intersect", "intersect_all", "exists", "select_from", "join", "outerjoin", "where", "filter",
    "contains", "label", "op", "from_select", "select", "execute", "scalars", "scalar", "stream",
}  # fmt: skip
# Builtins that neither iterate over a Query nor ask for its class or truth.
_LOOKING = {"str", "repr", "print", "id", "format", "locals", "vars"}
# They ask what a statement answers otherwise, and execute nothing.
_ASKING = {
    "bool", "isinstance", "type", "issubclass", "hasattr", "getattr", "callable", "len", "hash",
    "copy.copy", "typing.cast",
}  # fmt: skip
# Methods that keep what they are given, or write it down.
_KEEPING = {
    "append", "add", "insert", "setdefault", "put", "set", "debug", "info", "warning", "error",
    "exception", "log", "setattr", "appendleft", "write", "compile",
}  # fmt: skip
_ASKED = "its truth value, class or identity is asked for"


@dataclass(frozen=True, slots=True)
class Escape:
    """Why a Query can't be a statement at a place. ``executes``: it may be executed there, by the
    operation ``operation`` (-1: by the statement itself, and nothing can be put around that)."""

    reason: str
    executes: bool = False
    operation: int = -1


class Escapes:
    """Looks at what is done with the values of one function."""

    def __init__(self, inference: Inference, function: Function, layout: Layout) -> None:
        self.inference = inference
        self.layout = layout
        self.operations = layout.operations
        self.values = inference.evaluations[function].values

    def escape(self, index: int) -> Escape | None:
        """How the Query at an operation is used as one, or None."""
        parent = self.layout.parent(index)
        if parent < 0:
            return self._in_statement(index)
        kind = self.operations[parent][0]
        handler = _HANDLERS.get(kind)
        return handler(self, index, parent) if handler is not None else None

    def is_tested(self, index: int) -> bool:
        """Is nothing but the truth of the value at an operation asked for, and is it a name? The
        truth of a Query is that it isn't None; a statement has none."""
        operation = self.operations[index]
        if not self._is_condition(index):
            return False
        if operation[0] == f.BOOLEAN:
            held = [i for i in operation[5] if self.inference.holds_objects(self.values[i])]
            return all(self.is_tested(i) for i in held)
        return operation[0] in (f.NAME, f.ATTRIBUTE, f.CALL) and all(
            is_query(a) or a == v.Literal(None) for a in self.values[index]
        )

    def is_told_apart(self, index: int) -> bool:
        """Can a value that is a Query or something else be told apart where it stands: is it a
        name of which nothing but the truth is asked?"""
        operation = self.operations[index]
        if not self._is_condition(index):
            return False
        if operation[0] == f.BOOLEAN:
            held = [i for i in operation[5] if self._may_be_query(i)]
            return all(self.is_told_apart(i) for i in held)
        return bool(operation[0] == f.NAME)

    def _may_be_query(self, index: int) -> bool:
        return any(is_query(atom) for atom in self.values[index])

    def class_asked(self, index: int) -> int:
        """Where the class stands, if it is asked whether the Query at an operation is one; or -1.
        A statement is asked for its own."""
        parent = self.layout.parent(index)
        operation = self.operations[parent] if parent >= 0 else ()
        if not operation or operation[0] != f.CALL or operation[6][:1] != (index,):
            return -1
        names = [a.name for a in self.values[operation[5]] if isinstance(a, v.Foreign)]
        if names != ["isinstance"] or len(operation[6]) != 2:
            return -1
        asked = operation[6][1]
        meant = [a for a in self.values[asked] if isinstance(a, v.Foreign)]
        return asked if [KINDS.get(a.name) for a in meant] == ["Query"] else -1

    def _is_condition(self, index: int) -> bool:
        """Is an operation evaluated for its truth?"""
        while (parent := self.layout.parent(index)) >= 0:
            operation = self.operations[parent]
            if operation[0] == f.CONDITIONAL:
                return bool(operation[5] == index)
            if operation[0] == f.COMPREHENSION:
                return _is_filter(operation, index)
            if operation[0] == f.OPERATOR and operation[5] == "Not":
                return True
            if operation[0] != f.BOOLEAN:
                return False
            index = parent
        return self._in_statement(index) is not None

    def only_kept(self, index: int) -> bool:
        """Is the value at an operation only bound, returned or put into a container?"""
        parent = self.layout.parent(index)
        if parent >= 0:
            operation = self.operations[parent]
            return operation[0] == f.SEQUENCE and ~index not in operation[6]
        statement = self.layout.statement(index)
        if statement is None or statement[0] not in (f.RETURN, f.ASSIGN, f.EXPRESSION):
            return False
        return statement[0] != f.ASSIGN or all(t[0] == f.TO_NAME for t in statement[7])

    def _in_statement(self, index: int) -> Escape | None:
        statement = self.layout.statement(index)
        if statement is None:
            return None
        if statement[0] in (f.IF, f.WHILE, f.ASSERT) and statement[7] == index:
            return Escape(_ASKED)
        return None

    def _in_boolean(self, index: int, parent: int) -> Escape | None:
        last = self.operations[parent][5][-1] == index
        return None if last else Escape(_ASKED)

    def _in_operator(self, index: int, parent: int) -> Escape | None:
        symbol = self.operations[parent][5]
        if symbol in ("Is", "IsNot"):
            return None
        if symbol in ("In", "NotIn") and self.operations[parent][6][1] == index:
            return None
        return Escape(_ASKED if symbol == "Not" else "it is an operand")

    def _in_conditional(self, index: int, parent: int) -> Escape | None:
        return Escape(_ASKED) if self.operations[parent][5] == index else None

    def _in_comprehension(self, index: int, parent: int) -> Escape | None:
        operation = self.operations[parent]
        if _is_filter(operation, index):
            return Escape(_ASKED)
        return self._as_item(parent) if index in operation[10] else None

    def _in_sequence(self, index: int, parent: int) -> Escape | None:
        return self._as_item(parent) if index in self.operations[parent][6] else None

    def _as_item(self, container: int) -> Escape | None:
        """A container of it is given to what goes through what its items give."""
        for argument in (container, ~container):
            call = self.layout.parent(container)
            operation = self.operations[call] if call >= 0 else ()
            if (
                operation[:1] == (f.CALL,)
                and argument in operation[6]
                and reads_items(self.values, operation, argument)
            ):
                name = dotted(self.operations, operation[5])
                return Escape(f"`{name}` goes through it among others", True, call)
        return None

    def _in_call(self, index: int, parent: int) -> Escape | None:
        operation = self.operations[parent]
        if operation[5] == index:
            return None
        if ~index in operation[6]:
            return None
        callee = self.values[operation[5]]
        if any(isinstance(a, (v.FunctionObject, v.ClassObject)) for a in callee):
            return None
        names = [a.name for a in callee if isinstance(a, v.Foreign)]
        if names:
            return self._given_to(names[0], parent)
        return self._given_to_method(self.operations[operation[5]], parent)

    def _given_to(self, name: str, parent: int) -> Escape | None:
        """A function from elsewhere is called with the Query."""
        if name.startswith(("sqlalchemy", "sqlmodel")) or name in ITERATING | _LOOKING:
            return None
        if name in _ASKING or name.startswith(("logging.", "typing.")):
            return Escape(_ASKED)
        last = name.rpartition(".")[2]
        if "." in name and last in _KEEPING:
            return None
        shown = name.replace("()", "")
        return Escape(f"it is given to `{shown}`, which may execute it", True, parent)

    def _given_to_method(self, method: f.Operation, parent: int) -> Escape | None:
        """A method of something is called with the Query."""
        if method[0] != f.ATTRIBUTE:
            name = dotted(self.operations, self.operations[parent][5]) or "something unknown"
            return Escape(f"it is given to `{name}`, which may execute it", True, parent)
        owner = self.values[method[5]]
        text = any(isinstance(a, v.Literal) and isinstance(a.value, str) for a in owner)
        if method[6] in _KEEPING and not text:
            return None
        poured = method[6] in v.POURING or any(isinstance(a, v.Collection) for a in owner)
        if not (text or poured) and (method[6] in _CLAUSE_METHODS or QUERY.member(method[6])):
            return None
        return Escape(f"it is given to `{method[6]}`, which may execute it", True, parent)


_HANDLERS = {
    f.BOOLEAN: Escapes._in_boolean,
    f.OPERATOR: Escapes._in_operator,
    f.CONDITIONAL: Escapes._in_conditional,
    f.COMPREHENSION: Escapes._in_comprehension,
    f.CALL: Escapes._in_call,
    f.SEQUENCE: Escapes._in_sequence,
}


def _is_filter(comprehension: f.Operation, index: int) -> bool:
    """Is an operation what a comprehension chooses its items by?"""
    return any(index in generator[5] for generator in comprehension[8])


def is_query(atom: v.Atom) -> bool:
    """Is a value a Query, be it by its annotation alone?"""
    return isinstance(atom, v.QueryValue) or (isinstance(atom, v.Known) and atom.kind == "Query")
