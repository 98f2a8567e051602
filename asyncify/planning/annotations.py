"""Planning of annotations: what is annotated as sync is annotated as async from now on.

Engines, sessions and results by the names of their classes, a Query as the statement that it
becomes, and what an async generator gives. The names inside strings count as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import lowered
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, Module, dotted
from asyncify.decisions import EditAnnotation
from asyncify.planning.callable_annotations import CallableAnnotations
from asyncify.planning.draft import Draft
from asyncify.planning.queries import QueryPlanner
from asyncify.planning.staying_names import StayingNames
from asyncify.planning.sync_names import SyncNames
from asyncify.planning.sync_sides import is_behind
from asyncify.sites import NodeRef
from asyncify.vocabulary.generics import GENERICS, MANAGERS
from asyncify.vocabulary.names import KINDS
from asyncify.vocabulary.special import ITERATE

_GENERATORS = {
    "Generator": ("AsyncGenerator", 2), "Iterator": ("AsyncIterator", 1),
    "Iterable": ("AsyncIterable", 1),
}  # fmt: skip
_MODULES = ("typing", "collections.abc", "typing_extensions")


@dataclass(slots=True)
class _Annotation:
    """One annotation: where its names are looked up, and the function that it belongs to.
    ``value`` gives what is known of what it annotates, ``parameter`` the name of one."""

    scope: Function
    function: Function
    operations: tuple[f.Operation, ...]
    index: int
    number: int
    value: Callable[[], v.Value]
    generator: bool = False
    parameter: str = ""
    renames: dict[str, str] = field(default_factory=dict)
    arity: dict[str, int] = field(default_factory=dict)


class AnnotationPlanner:
    """Writes the decisions about annotations, one function after the other."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        queries: QueryPlanner,
        names: SyncNames,
        draft: Callable[[Module], Draft],
    ) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.program = self.inference.program
        self.coloring = coloring
        self.queries = queries
        self.names = names
        self.draft = draft
        self.functions = CallableAnnotations(colors, coloring, draft)
        self.staying = StayingNames(colors, coloring)

    def signature(self, function: Function) -> None:
        """The annotations of the parameters, and of what is returned."""
        signature = function.signature
        operations, scope = signature.operations, function.parent or function
        passed, given = self.inference.passed, self.inference.given
        for position, parameter in enumerate(signature.parameters):
            if parameter.annotation >= 0 and not is_behind(self.colors, function, parameter.name):
                self._plan(
                    _Annotation(
                        scope, function, operations, parameter.annotation,
                        parameter.annotation_number, partial(passed, function, position),
                        parameter=parameter.name,
                    )
                )  # fmt: skip
        if signature.returns >= 0 and not self._is_original(function):
            generator = function in self.coloring.turned and is_generator(function)
            self._plan(
                _Annotation(
                    scope, function, operations, signature.returns, signature.returns_number,
                    partial(given, "return", function), generator,
                )
            )  # fmt: skip

    def _is_original(self, function: Function) -> bool:
        """Does a function give the engine that stays as it is, with an async one beside it?"""
        return (
            self.inference.config.alongside
            and function not in self.coloring.turned
            and function not in self.coloring.sides.twinned
            and self.colors.divider.spread.makes(function)
        )

    def assignments(self, function: Function, layout: Layout) -> set[int]:
        """Annotated assignments; the operations inside the annotations are returned."""
        inside: set[int] = set()
        for statement in layout.statements:
            if statement[0] == f.ANNOTATED:
                inside |= layout.subtree(statement[8])
                self._plan(
                    _Annotation(
                        function, function, layout.operations, statement[8], statement[10],
                        partial(self._assigned, function, statement),
                    )
                )  # fmt: skip
        return inside

    def _assigned(self, function: Function, statement: f.Statement) -> v.Value:
        """What an annotated assignment gives its target, or a class's field is given."""
        evaluation = self.inference.evaluations.get(function)
        given = v.UNKNOWN
        if evaluation is not None and statement[9] >= 0:
            given = evaluation.values[statement[9]]
        owner = self.program.classes.get(function)
        if owner is not None and statement[7][0] == f.TO_NAME:
            given |= self.inference.attribute(owner, statement[7][1])
        return given

    def _plan(self, annotation: _Annotation) -> None:
        parts = list(parts_of(annotation.operations, annotation.index))
        for operations, index in parts:
            self._plan_part(annotation, operations, index)
        scope, function = annotation.scope, annotation.function
        value = partial(self._handed, annotation)
        awaitable = self.functions.awaitable(scope, function, parts, value)
        if annotation.renames or awaitable:
            self._managers(annotation)
            draft = self.draft(annotation.scope.module)
            draft.add(
                EditAnnotation(
                    node=NodeRef("Annotation", annotation.number),
                    site=draft.site(annotation.operations[annotation.index]),
                    group=self.coloring.groups.get(annotation.function, 0),
                    renames=tuple(annotation.renames.items()),
                    arity=tuple(annotation.arity.items()),
                    awaitable=awaitable,
                )
            )  # fmt: skip

    def _handed(self, annotation: _Annotation) -> v.Value:
        """What is there, be it given by pytest: no call passes what fixtures give."""
        value = annotation.value()
        if annotation.parameter:
            value |= self.inference.fixtures.value(annotation.function, annotation.parameter)
        return value

    def _managers(self, annotation: _Annotation) -> None:
        """``AbstractContextManager[Session]``: what gives a session that turns is async too."""
        for operations, index in parts_of(annotation.operations, annotation.index):
            name = self.names.foreign(annotation.scope, operations, index)
            if name in MANAGERS:
                written, draft = dotted(operations, index), self.draft(annotation.scope.module)
                annotation.renames[written] = draft.spell(GENERICS[name].new, written)
                draft.drop(written)

    def _plan_part(
        self, annotation: _Annotation, operations: tuple[f.Operation, ...], index: int
    ) -> None:
        """One name inside an annotation."""
        scope, renames = annotation.scope, annotation.renames
        line = annotation.operations[annotation.index][1]
        if self.names.is_alias(scope, operations, index, line):
            return
        name = self.names.meant(scope, operations, index)
        new = self.names.replacement(name) if name and not self.coloring.sync else None
        value = annotation.value
        if new is not None and self.staying.annotates(annotation.function, name, value()):
            return
        if new is not None and not self._names_one(annotation, new):
            written, draft = dotted(operations, index), self.draft(scope.module)
            if not self._serves_both(annotation.function):
                renames[written] = draft.spell(new, written)
                draft.drop(written)
            else:
                renames[written] = self._either(annotation, operations, new, written)
        elif self._is_query(scope, operations, index) and self._selects(annotation):
            written, draft = dotted(operations, index), self.draft(scope.module)
            statement = self._statement(annotation.value())
            module = "sqlalchemy.sql" if self.names.line == "1.4" else "sqlalchemy"
            renames[written] = draft.spell(f"{module}.{statement}", written)
            if statement != "Select":
                annotation.arity[renames[written]] = 0  # neither Update nor Delete is generic
            draft.drop(written)
        elif annotation.generator:
            self._generator(annotation, operations, index)

    def _either(
        self, annotation: _Annotation, operations: tuple[f.Operation, ...], new: str, written: str
    ) -> str:
        """``AsyncSession | Session``, written as a Python without such expressions reads it where
        the program may run on one and evaluates the annotation."""
        module = annotation.scope.module
        draft = self.draft(module)
        spelled = draft.spell(new, written)
        is_text = operations is not annotation.operations or any(
            item.module == "__future__" for item in module.facts.imports
        )
        if is_text or self._has_unions:
            return f"{spelled} | {written}"
        return f"{draft.spell('typing.Union')}[{spelled}, {written}]"

    @cached_property
    def _has_unions(self) -> bool:
        """Does every Python that the program runs on have ``int | str``? Its files say so, or it
        has such annotations already."""
        return self.inference.config.has_unions or any(
            operation[:1] == (f.OPERATOR,) and operation[5] == "BitOr"
            for function in self.program.functions()
            for operation in function.signature.operations
        )

    def _serves_both(self, function: Function) -> bool:
        """Do both sides make instances of the class that a function belongs to?"""
        owner, sides = function.owner, self.coloring.sides
        if owner is None or function in self.coloring.turned:
            return False
        methods = {
            m for cls in (*owner.ancestors, *owner.descendants()) for m in cls.methods.values()
        }
        return bool(methods & sides.synced)

    def _names_one(self, annotation: _Annotation, name: str) -> bool:
        """Does an annotation name a class already?"""
        return any(
            self.names.foreign(annotation.scope, operations, index) == name
            for operations, index in parts_of(annotation.operations, annotation.index)
        )

    def _is_query(self, scope: Function, operations: tuple[f.Operation, ...], index: int) -> bool:
        """Does an annotation name the class Query?"""
        return KINDS.get(self.names.foreign(scope, operations, index)) == "Query"

    def _selects(self, annotation: _Annotation) -> bool:
        """Do all queries that a function handles, or a class holds, become statements?"""
        evaluation = self.inference.evaluations.get(annotation.function)
        values = evaluation.values if evaluation is not None else ()
        found = {
            atom for each in (annotation.value(), *values) for atom in each
            if isinstance(atom, v.QueryValue)
        }  # fmt: skip
        return bool(found) and all(self.queries.converts(atom) for atom in found)

    def _statement(self, value: v.Value) -> str:
        """The class of the statements that some queries become."""
        kinds = {
            self.queries.flows[atom.origin].dml or "select"
            for atom in value if isinstance(atom, v.QueryValue)
        }  # fmt: skip
        return kinds.pop().capitalize() if len(kinds) == 1 else "Select"

    def _generator(
        self, annotation: _Annotation, operations: tuple[f.Operation, ...], index: int
    ) -> None:
        """``Generator[X, None, None]`` of what became an async generator."""
        symbol = self.program.resolve_expression(annotation.scope, operations, index)
        if not isinstance(symbol, str):
            return
        owner, _, last = symbol.rpartition(".")
        if owner in _MODULES and last in _GENERATORS:
            written, draft = dotted(operations, index), self.draft(annotation.scope.module)
            new, count = _GENERATORS[last]
            annotation.renames[written] = draft.spell(f"{owner}.{new}", written)
            annotation.arity[annotation.renames[written]] = count
            draft.drop(written)


def is_generator(function: Function) -> bool:
    """Does a function give an iterator, asynchronous if it turns?"""
    return function.facts.is_generator or (function.is_method and function.name == ITERATE)


def parts_of(
    operations: tuple[f.Operation, ...], index: int
) -> Iterator[tuple[tuple[f.Operation, ...], int]]:
    """The names inside an annotation, strings included, outermost first."""
    operation = operations[index]
    kind = operation[0]
    if kind in (f.NAME, f.ATTRIBUTE):
        yield operations, index
    elif kind == f.CONSTANT and isinstance(operation[5], str):
        inside = lowered(operation[5])
        if inside is not None:
            yield from parts_of(*inside)
    elif kind == f.SUBSCRIPT:
        yield from parts_of(operations, operation[5])
        yield from parts_of(operations, operation[6])
    elif kind in (f.SEQUENCE, f.OPERATOR):
        for part in operation[6]:
            yield from parts_of(operations, part if part >= 0 else ~part)
