"""Values of another type than the column that they are compared with: asyncpg refuses them.

Text that is compared with a column of another type was converted by PostgreSQL. It still is, where
the statement says so; elsewhere a person is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import foreign_name, lowered
from asyncify.analysis.program import Class, Function, dotted
from asyncify.analysis.zoned_times import ZonedTimes, declarations
from asyncify.decisions import ReplaceExpression
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, node_reference
from asyncify.planning.misuse_view import View, bound_in
from asyncify.rules import finding
from asyncify.vocabulary.testing import is_test_path
from asyncify.vocabulary.types import (
    COLUMN_TYPES,
    COMPARING,
    CONVERSIONS,
    CONVERTED,
    DUMPING,
    POSTGRESQL,
    POSTGRESQL_URL,
    PYTHON_TYPES,
    REFUSED,
    WRITTEN_OUT,
)

_UNIONS = {"typing.Optional", "typing.Union", "typing.Annotated", "sqlalchemy.orm.Mapped"}
_CONVERTING = {"int", "str"}
_COLUMNS = {"Column", "mapped_column"}
_NODES = (f.NAME, f.ATTRIBUTE, f.SUBSCRIPT, f.CALL)  # what an expression can be put around
_NONE = "None"
_SETTING = "setattr"
# What is compared, as the database would take it from a driver that converts nothing.
_OF_COLUMN = "{cast}({literal}({node}), {column}.type)"
_WITH_ZONE = "{literal}({node}, {DateTime}(timezone=True))"
_SPELLED = re.compile(r"{(cast|literal|DateTime)}")


class ParameterTypes:
    """Compares what columns hold with what annotations and literals say of values."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.program = colors.inference.program
        self.coloring = coloring
        self.zones = ZonedTimes(self.inference)
        self._columns: dict[tuple[Class, str], str] = {}
        self._zoned: set[tuple[str, Class, str]] = set()

    def of(self, view: View) -> Iterator[Finding]:
        """The findings of one function that runs, or will run, on an async session."""
        function = view.function
        if not self._runs_async(function) and not function.facts.is_async:
            return
        by_name = _SETTING in function.facts.names
        for operation in view.operations if by_name else view.layout.telling:
            if not operation:
                continue
            if operation[0] == f.OPERATOR and operation[5] in COMPARING:
                for cls, name, column, value in self._compared(view, operation):
                    zoned = self._converts_zone(view, cls, name, column, value)
                    if not zoned and not self._converts(view, operation, cls, name, column, value):
                        yield from self._checked(view, cls, name, value)
            elif operation[0] == f.CALL and operation[7]:
                for cls, name, value in self._keywords(view, operation):
                    yield from self._checked(view, cls, name, value)
                yield from self._unpacked(view, operation)
            elif operation[0] == f.CALL:
                yield from self._by_name(view, operation)
        for cls, name, value in self._set(view):
            yield from self._zone(view, cls, name, value)

    def _runs_async(self, function: Function) -> bool:
        return function in self.coloring.turned or function in self.coloring.islands

    def convert(self, function: Function, draft: Draft) -> None:
        """Has the database go on converting text that is compared with a column."""
        if not self._meets_asyncpg:
            return
        view, group = View(self.colors, function), self.coloring.groups.get(function, 0)
        if not (view.layout.telling or function.facts.stores):
            return
        for value, template in self._written_out(view).items():
            draft.add(
                ReplaceExpression(
                    node=node_reference(function, value), site=view.site(value), group=group,
                    template=template,
                )
            )  # fmt: skip
        for operation in view.layout.telling:
            if operation[0] != f.OPERATOR:
                continue
            for cls, name, column, value in self._compared(view, operation):
                zoned = self._converts_zone(view, cls, name, column, value)
                if zoned or self._converts(view, operation, cls, name, column, value):
                    template = _WITH_ZONE if zoned else _OF_COLUMN
                    names = _SPELLED.findall(template)
                    words = {name: draft.spell(f"sqlalchemy.{name}") for name in names}
                    words |= {"column": dotted(view.operations, column), "node": "{node}"}
                    draft.add(
                        ReplaceExpression(
                            node=node_reference(function, value), site=view.site(value),
                            group=group, template=template.format_map(words),
                        )
                    )  # fmt: skip

    def _converts_zone(self, view: View, cls: Class, name: str, column: int, value: int) -> bool:
        """Can a comparison have PostgreSQL go on taking off the zone of a time?"""
        function = view.function
        if not self._runs_async(function) or function.facts.is_async:
            return False
        if view.operations[value][0] not in _NODES or not dotted(view.operations, column):
            return False
        return self._is_zoned(view, cls, name, value)

    def _is_zoned(self, view: View, cls: Class, name: str, value: int) -> bool:
        """Is it a time with a zone, for a column without one?"""
        return (
            self._column(cls, name) == "datetime" and self._meets_asyncpg
            and self.zones.is_aware(view.function, value) and self.zones.is_naive(cls, name)
        )  # fmt: skip

    def _zone(self, view: View, cls: Class, name: str, value: int) -> Iterator[Finding]:
        if self._is_zoned(view, cls, name, value) and self._is_first(view, cls, name):
            yield finding(
                "ASY605", view.site(value),
                f"`{cls.name}.{name}` holds times without a zone, and this one has one: asyncpg "
                "refuses it.",
                "Take the zone off, `time.astimezone(UTC).replace(tzinfo=None)` where the "
                "database's is UTC, or give the column one, `DateTime(timezone=True)`.",
            )  # fmt: skip

    def _is_first(self, view: View, cls: Class, name: str) -> bool:
        """Is it the first time for a column in a file of tests? The others are mended like it."""
        key = view.function.module.path, cls, name
        is_known = key in self._zoned and is_test_path(key[0])
        self._zoned.add(key)
        return not is_known

    def _written_out(self, view: View) -> dict[int, str]:
        """The values that are made text for their column, each with its template."""
        found: dict[int, str] = {}
        for cls, name, value in self._handed(view):
            template = self._template(view, cls, name, value)
            if template:
                found[value] = template
        return found

    def _template(self, view: View, cls: Class, name: str, value: int) -> str:
        function, held = view.function, self._column(cls, name)
        is_simple = view.operations[value][0] in (f.NAME, f.ATTRIBUTE)
        if not held or not is_simple or function.facts.is_async:
            return ""
        given = self._given(view, value)
        kinds = given - {_NONE}
        template = WRITTEN_OUT.get((held, kinds.pop()), "") if len(kinds) == 1 else ""
        if not template or not self._runs_async(function):
            return ""
        return f"({template} if {{node}} is not None else None)" if _NONE in given else template

    def _handed(self, view: View) -> Iterator[tuple[Class, str, int]]:
        """What columns are compared with, made of, or set to."""
        for operation in view.layout.telling:
            if operation[0] == f.OPERATOR:
                for cls, name, _, value in self._compared(view, operation):
                    yield cls, name, value
            else:
                yield from self._keywords(view, operation)
        yield from self._set(view)

    def _set(self, view: View) -> Iterator[tuple[Class, str, int]]:
        """Attributes of instances that are set."""
        for statement in view.layout.statements:
            for target in statement[7] if statement[0] == f.ASSIGN else ():
                if target[0] == f.TO_ATTRIBUTE:
                    held = {a.cls for a in view.values[target[1]] if isinstance(a, v.Instance)}
                    if len(held) == 1:
                        yield held.pop(), target[2], statement[8]

    def _converts(
        self, view: View, operation: f.Operation, cls: Class, name: str, column: int, value: int
    ) -> bool:
        """Can a comparison say the conversion? ``None`` asks for ``IS NULL``, which then isn't
        said: where the column has none it finds nothing either."""
        function, held = view.function, self._column(cls, name)
        if function not in self.coloring.turned or held not in CONVERTED or function.facts.is_async:
            return False
        if view.operations[value][0] not in _NODES or not dotted(view.operations, column):
            return False
        given = self._given(view, value)
        if given - {_NONE} != {"str"} or not self._meets_asyncpg:
            return False
        return _NONE not in given or (operation[5] == "Eq" and not self._holds_none(cls, name))

    def _compared(
        self, view: View, operation: f.Operation
    ) -> Iterator[tuple[Class, str, int, int]]:
        """The column that is compared: its class and name, where it stands, and the value."""
        left, right = operation[6][:2]  # of a chain, the first operator is the one that is known
        for column, value in ((left, right), (right, left)):
            read = view.operations[column]
            if read[0] != f.ATTRIBUTE:
                continue
            for atom in view.values[read[5]]:
                if isinstance(atom, v.ClassObject):
                    yield atom.cls, read[6], column, value
                    return

    def _keywords(self, view: View, operation: f.Operation) -> Iterator[tuple[Class, str, int]]:
        """``filter_by(number=text)``, and what a new instance is made of."""
        callee = view.operations[operation[5]]
        cls = next((a.cls for a in view.values[operation[5]] if isinstance(a, v.ClassObject)), None)
        if callee[0] == f.ATTRIBUTE and callee[6] == "filter_by":
            queries = [a for a in view.values[callee[5]] if isinstance(a, v.QueryValue)]
            cls = queries[0].target if len(queries) == 1 else None
        if cls is not None and self.inference.models.is_mapped(cls):
            yield from ((cls, name, value) for name, value in operation[7] if name)

    def _checked(self, view: View, cls: Class, name: str, value: int) -> Iterator[Finding]:
        yield from self._zone(view, cls, name, value)
        held = self._column(cls, name)
        given = self._given(view, value) - {_NONE} if held else set()
        if len(given) != 1 or (held, *given) not in REFUSED or not self._meets_asyncpg:
            return
        if self._template(view, cls, name, value):
            return
        shown = dotted(view.operations, value) or "the value"
        kind = next(iter(given))
        yield finding(
            "ASY605", view.site(value),
            f"`{cls.name}.{name}` holds `{held}`, and `{shown}` is `{kind}`: asyncpg refuses it.",
            f"Convert it, `{_conversion(held, kind)}`, or correct the type of the column or the "
            "value.",
        )  # fmt: skip

    def _by_name(self, view: View, operation: f.Operation) -> Iterator[Finding]:
        """``setattr(user, field, getattr(request, field))``, for all that a schema has."""
        callee, arguments = view.operations[operation[5]], operation[6]
        if callee[:1] + callee[5:6] != (f.NAME, _SETTING) or len(arguments) != 3:
            return
        if min(arguments) < 0 or view.operations[arguments[1]][0] == f.CONSTANT:
            return
        whole = _read_whole(view, arguments[2])
        for cls in (a.cls for a in view.values[arguments[0]] if isinstance(a, v.Instance)):
            names = {x for given in whole for x in _fields(given)}
            yield from self._all_checked(view, cls, names, whole, arguments[2])

    def _unpacked(self, view: View, operation: f.Operation) -> Iterator[Finding]:
        """``User(**request.model_dump())``: what a new instance is made of, by all their names."""
        made = {a.cls for a in view.values[operation[5]] if isinstance(a, v.ClassObject)}
        given = [index for name, index in operation[7] if not name]
        if len(made) != 1 or len(given) != 1 or not self._meets_asyncpg:
            return
        whole = _dumped(view, given[0])
        others = {name for name, _ in operation[7]}
        names = {x for schema in whole for x in _fields(schema)} - others
        yield from self._all_checked(view, made.pop(), names, whole, given[0])

    def _all_checked(
        self, view: View, cls: Class, names: set[str], whole: set[Class], value: int
    ) -> Iterator[Finding]:
        """The columns that are set, by their names, to what schemas have of another type."""
        for name in sorted(names):
            held = self._column(cls, name)
            kinds = [self._attribute(given, name) - {_NONE} for given in whole]
            told = {(held, *kind) for kind in kinds if len(kind) == 1} & REFUSED
            for _, kind in sorted(told) if self._meets_asyncpg else ():
                yield finding(
                    "ASY605", view.site(value),
                    f"`{cls.name}.{name}` holds `{held}`, and is set to `{kind}` by its name: "
                    "asyncpg refuses it.",
                    f"Convert it, `{_conversion(held, kind)}`.",
                )  # fmt: skip

    # -- columns

    def _column(self, cls: Class, name: str) -> str:
        """The Python type of a mapped column's values, as far as it is known."""
        key = cls, name
        if key not in self._columns:
            found = (self._declared(c, name) for c in cls.ancestors)
            mapped = self.inference.models.is_mapped(cls)
            self._columns[key] = next((kind for kind in found if kind), "") if mapped else ""
        return self._columns[key]

    def _holds_none(self, cls: Class, name: str) -> bool:
        """May a column be NULL, as far as its class says?"""
        for ancestor in cls.ancestors:
            operations = ancestor.body.body.operations
            for annotation, value in declarations(ancestor, name):
                call = operations[value] if value >= 0 else ()
                for keyword, index in call[7] if call and call[0] == f.CALL else ():
                    said = operations[index][5] if operations[index][0] == f.CONSTANT else None
                    if (keyword, said) in (("primary_key", True), ("nullable", False)):
                        return False
                said_of = self._said(ancestor.body, operations, annotation)
                return annotation < 0 or bool({_NONE, "?"} & said_of)
        return True

    def _declared(self, cls: Class, name: str) -> str:
        """What one class body says of a column."""
        operations = cls.body.body.operations
        for annotation, value in declarations(cls, name):
            call = operations[value] if value >= 0 else ()
            if call and call[0] == f.CALL:
                parts = [*call[6], *(i for key, i in call[7] if key in ("type_", "sa_type"))]
                kinds = {self._type(cls.body, operations, i) for i in parts if i >= 0} - {""}
                callee = dotted(operations, call[5]).rpartition(".")[2]
                if kinds or (callee not in _COLUMNS and annotation < 0):
                    return kinds.pop() if len(kinds) == 1 else ""
            said = self._said(cls.body, operations, annotation) - {_NONE}
            return said.pop() if len(said) == 1 else ""
        return ""

    def _type(self, body: Function, operations: tuple[f.Operation, ...], index: int) -> str:
        operation = operations[index]
        index = operation[5] if operation[0] == f.CALL else index
        name = foreign_name(body, operations, index, self.inference)
        return COLUMN_TYPES.get(name.rpartition(".")[2], "") if "." in name else ""

    # -- values

    def _given(self, view: View, index: int) -> set[str]:
        """The types that a value can have, besides None; empty where that isn't known."""
        operation, function = view.operations[index], view.function
        if operation[0] == f.CONSTANT:
            return {type(operation[5]).__name__} & {"int", "str"}
        if operation[0] == f.CALL:
            return {foreign_name(function, view.operations, operation[5], self.inference)} & (
                _CONVERTING
            )
        if operation[0] == f.NAME:
            return self._named(function, operation[5])
        if operation[0] != f.ATTRIBUTE:
            return set()
        classes = {a.cls if isinstance(a, v.Instance) else None for a in view.values[operation[5]]}
        cls = classes.pop() if len(classes) == 1 else None
        return self._attribute(cls, operation[6]) if cls is not None else set()

    def _named(self, function: Function, name: str) -> set[str]:
        """The type of a parameter that isn't assigned again."""
        parameter = next((p for p in function.signature.parameters if p.name == name), None)
        if parameter is None or any(name in bound_in(s) for s in function.body.statements):
            return set()
        return self._said(function, function.signature.operations, parameter.annotation)

    def _attribute(self, cls: Class, name: str) -> set[str]:
        """The type of an attribute of an instance, as its class declares it."""
        column = self._column(cls, name)
        if column:
            return {column}
        for ancestor in cls.ancestors:
            body = ancestor.body
            for statement in body.body.statements:
                if statement[0] == f.ANNOTATED and statement[7][:2] == (f.TO_NAME, name):
                    return self._said(body, body.body.operations, statement[8])
        return set()

    def _said(
        self, function: Function, operations: tuple[f.Operation, ...], index: int
    ) -> set[str]:
        """The types that an annotation says; ``?`` stands for all that isn't known."""
        if index < 0:
            return set()
        operation = operations[index]
        if operation[0] == f.CONSTANT:
            if operation[5] is None:
                return {_NONE}
            inside = lowered(operation[5]) if isinstance(operation[5], str) else None
            return self._said(function, *inside) if inside else set()
        if operation[0] in (f.NAME, f.ATTRIBUTE):
            name = foreign_name(function, operations, index, self.inference)
            return {PYTHON_TYPES.get(name, "?")}
        if operation[0] == f.OPERATOR and operation[5] == "BitOr":
            return set().union(*(self._said(function, operations, i) for i in operation[6]))
        if operation[0] != f.SUBSCRIPT:
            return {"?"}
        union = foreign_name(function, operations, operation[5], self.inference)
        if union not in _UNIONS:
            return {PYTHON_TYPES.get(union, "?")}
        inner = operations[operation[6]]
        parts = inner[6] if inner[0] == f.SEQUENCE else (operation[6],)
        if union.endswith("Annotated"):
            parts = parts[:1]
        none = {_NONE} if union.endswith("Optional") else set()
        return none.union(*(self._said(function, operations, i) for i in parts))

    # -- the database

    @cached_property
    def _meets_asyncpg(self) -> bool:
        """Does the program speak PostgreSQL, and will asyncpg?"""
        if dict(self.inference.config.async_driver).get("postgresql") != "asyncpg":
            return False
        for module in self.program.modules.values():
            names = {item.module.partition(".")[0] for item in module.facts.imports}
            if names & set(POSTGRESQL):
                return True
            for function in module.functions:
                if function.facts.kind == "def" and "create_engine" not in function.facts.names:
                    continue
                if any(_is_url(operation) for operation in function.body.operations):
                    return True
        return False


def _read_whole(view: View, value: int) -> set[Class]:
    """The classes of the instances of which a value may be any attribute: it is ``getattr(request,
    name)``, or an item of ``request.model_dump()``."""
    operation = view.operations[value]
    found: set[v.Atom] = set()
    if operation[0] == f.CALL:
        callee = view.operations[operation[5]]
        if callee[0] == f.NAME and callee[5] == "getattr" and min(operation[6], default=-1) >= 0:
            found.update(view.values[operation[6][0]])
    elif operation[0] == f.NAME:
        for _, call in view.calls():
            callee = view.operations[call[5]]
            if callee[0] == f.ATTRIBUTE and callee[6] in DUMPING and not _as_json(view, call):
                found.update(view.values[callee[5]])
    return {atom.cls for atom in found if isinstance(atom, v.Instance)}


def _dumped(view: View, value: int) -> set[Class]:
    """The classes of the instances of which ``**data`` has all attributes, as they are."""
    operation = view.operations[value]
    if operation[0] == f.NAME:
        if sum(op[0] == f.NAME and op[5] == operation[5] for op in view.operations if op) > 1:
            return set()  # it may be changed there
        to_name = (f.TO_NAME, operation[5])
        assigned = [
            x[8] for x in view.layout.statements
            if x[0] == f.ASSIGN and any(target[:2] == to_name for target in x[7])
        ]  # fmt: skip
        operation = view.operations[assigned[0]] if len(assigned) == 1 else ()
    if not operation or operation[0] != f.CALL or {"exclude", "mode"} & dict(operation[7]).keys():
        return set()
    callee = view.operations[operation[5]]
    if callee[0] != f.ATTRIBUTE or callee[6] not in DUMPING:
        return set()
    return {atom.cls for atom in view.values[callee[5]] if isinstance(atom, v.Instance)}


def _conversion(held: str, kind: str) -> str:
    """How a person converts a value."""
    return CONVERSIONS.get(f"{held} of {kind}", CONVERSIONS[held])


def _as_json(view: View, call: f.Operation) -> bool:
    mode = next((value for key, value in call[7] if key == "mode"), -1)
    return mode >= 0 and view.operations[mode][0] == f.CONSTANT


def _fields(cls: Class) -> Iterator[str]:
    for ancestor in cls.ancestors:
        for statement in ancestor.body.body.statements:
            if statement[0] == f.ANNOTATED and statement[7][0] == f.TO_NAME:
                yield str(statement[7][1])


def _is_url(operation: f.Operation) -> bool:
    if not operation or operation[0] not in (f.CONSTANT, f.FORMAT):
        return False
    text = operation[5] if operation[0] == f.CONSTANT else operation[6]
    return isinstance(text, str) and text.startswith(POSTGRESQL_URL)
