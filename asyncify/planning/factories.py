"""Planning of classes that a class method makes from now on, and of all places that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import foreign_name, lowered
from asyncify.analysis.program import Class, Function, Module, dotted
from asyncify.analysis.sides import ordered
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    AddFactory,
    MakeAsync,
    RenameReference,
    ReplaceCall,
    ReplaceExpression,
)
from asyncify.planning.draft import Draft, node_of, reference
from asyncify.planning.planner import Planner
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.injection import DEPENDS

_OVERRIDES = "dependency_overrides"
_GENERIC = "typing.Generic"
_LOCAL = "<locals>"


class FactoryPlanner(Planner):
    """Writes the decisions about constructors that turned."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        super().__init__(colors, coloring, draft)
        self.program = colors.program
        self.inference = colors.inference

    def plan(self) -> None:
        """All of them; nothing is looked at where there are none."""
        made = self.colors.factories.made & self.coloring.turned
        for constructor in ordered(made):
            self._methods(constructor)
            for caller, use in self.colors.callers().get(constructor, ()):
                if use.kind == "call" and caller not in self.coloring.stays:
                    self._call(constructor, use)
        for cls in self._made_so(made):
            self._injected(cls)

    def _methods(self, constructor: Function) -> None:
        cls, facts = constructor.owner, constructor.facts
        assert cls is not None
        names = self.colors.factories.names(cls)
        node = NodeRef("FunctionDef", facts.number, facts.name)
        site = Site(constructor.module.path, facts.line, facts.column)
        group = self.coloring.groups.get(constructor, 0)
        signature = constructor.signature
        annotated = signature.returns >= 0 or any(p.annotation >= 0 for p in signature.parameters)
        returns = self._annotation(cls) if annotated else ""
        draft = self.draft(constructor.module)
        takes = "" if constructor.name == "__init__" else draft.spell("typing.Any")
        draft.add(MakeAsync(node=node, site=site, group=group, rename=names.initialize))
        draft.add(
            AddFactory(
                node=node, site=site, group=group, create=names.create,
                initialize=names.initialize, returns=returns, takes=takes,
            )
        )  # fmt: skip

    def _annotation(self, cls: Class) -> str:
        """How the class itself is annotated, inside of it; '' where a name doesn't reach it."""
        name = cls.body.facts.qualname
        if _LOCAL in name:
            return ""
        signature, scope = cls.body.signature, cls.body.parent or cls.body
        for index in signature.bases:
            operation = signature.operations[index]
            if (
                operation[0] == f.SUBSCRIPT
                and foreign_name(scope, signature.operations, operation[5], self.inference)
                == _GENERIC
            ):
                parts = signature.operations[operation[6]]
                given = parts[6] if parts[0] == f.SEQUENCE else (operation[6],)
                variables = [dotted(signature.operations, part) for part in given]
                name = f"{name}[{', '.join(variables)}]" if all(variables) else name
        lazy = any(item.module == "__future__" for item in cls.module.facts.imports)
        return name if lazy else f'"{name}"'

    def _call(self, constructor: Function, use: Use) -> None:
        """``Report(db)``, or ``super().__init__(db)``."""
        assert constructor.owner is not None
        names = self.colors.factories.names(constructor.owner)
        operations = use.function.body.operations
        index = operations[use.operation][5]
        callee = operations[index]
        draft, site = self.draft(use.function.module), self.draft(use.function.module).site(callee)
        group = self.coloring.groups.get(use.function, 0)
        value = self.inference.evaluations[use.function].values[index]
        if any(isinstance(atom, v.ClassObject) for atom in value):
            self._through_method(use.function, operations, index, names.create)
        elif callee[0] == f.ATTRIBUTE:
            node = reference(callee)
            draft.add(RenameReference(node=node, site=site, group=group, new=names.initialize))

    def _through_method(
        self, function: Function, operations: tuple[f.Operation, ...], index: int, create: str
    ) -> None:
        """An expression that is the class means its method from now on."""
        operation = operations[index]
        draft = self.draft(function.module)
        draft.add(
            ReplaceExpression(
                node=node_of(operations, index), site=draft.site(operation),
                group=self.coloring.groups.get(function, 0), template=f"{{node}}.{create}",
            )
        )  # fmt: skip

    # -- what FastAPI injects

    def _made_so(self, made: set[Function]) -> list[Class]:
        owners = dict.fromkeys(c.owner for c in ordered(made) if c.owner is not None)
        family = dict.fromkeys(c for owner in owners for c in (owner, *owner.descendants()))
        return [cls for cls in family if cls.constructor in made]

    def _injected(self, cls: Class) -> None:
        names = [(None, cls.name), *self.program.imported_as(cls)]
        create = self.colors.factories.names(cls).create
        for module, name in names:
            for function in self.program.mentioning(name):
                if module is None or function.module is module:
                    scope = function.parent or function
                    self._in(scope, function, function.signature.operations, cls, create)
                    self._in(function, function, function.body.operations, cls, create)
                    self._defaults(function, cls, create)
                    self._overridden(function, cls, create)

    def _in(
        self,
        scope: Function,
        function: Function,
        operations: tuple[f.Operation, ...],
        cls: Class,
        create: str,
    ) -> None:
        """``Depends(Users)``, wherever it stands."""
        for operation in operations:
            if operation and operation[0] == f.CALL and self._depends(scope, operations, operation):
                for index in _arguments(operation):
                    if self._means(scope, operations, index, cls):
                        self._through_method(function, operations, index, create)

    def _depends(
        self, scope: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> bool:
        if not operation or operation[0] != f.CALL:
            return False
        return foreign_name(scope, operations, operation[5], self.inference) in DEPENDS

    def _means(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int, cls: Class
    ) -> bool:
        if operations[index][0] not in (f.NAME, f.ATTRIBUTE):
            return False
        return self.program.resolve_expression(scope, operations, index) is cls

    def _defaults(self, function: Function, cls: Class, create: str) -> None:
        """``users: Users = Depends()``, and ``Annotated[Users, Depends()]``: the annotation says
        which class."""
        scope, operations = function.parent or function, function.signature.operations
        for parameter in function.signature.parameters:
            if parameter.annotation >= 0 and parameter.default >= 0:
                pair = (parameter.annotation, parameter.default)
                self._empty(scope, function, operations, pair, cls, create)
        for place, held in ((scope, operations), (function, function.body.operations)):
            for operation in held:
                if operation and operation[0] == f.SUBSCRIPT:
                    parts = held[operation[6]]
                    if parts[0] == f.SEQUENCE and len(parts[6]) > 1 and min(parts[6]) >= 0:
                        for part in parts[6][1:]:
                            pair = (parts[6][0], part)
                            self._empty(place, function, held, pair, cls, create)

    def _empty(
        self,
        scope: Function,
        function: Function,
        operations: tuple[f.Operation, ...],
        pair: tuple[int, int],
        cls: Class,
        create: str,
    ) -> None:
        """A dependency that leaves it to the annotation what it is."""
        annotation, index = pair
        operation = operations[index]
        if not self._depends(scope, operations, operation) or operation[6]:
            return
        if any(name == "dependency" for name, _ in operation[7]):
            return
        spelled = self._spelled(scope, operations, annotation, cls)
        if not spelled:
            return
        draft, callee = self.draft(function.module), dotted(operations, operation[5])
        rest = ", {args}" if operation[7] else ""
        last = callee.rpartition(".")[2]
        draft.add(
            ReplaceCall(
                node=NodeRef("Call", operation[3], last), site=draft.site(operation),
                group=self.coloring.groups.get(function, 0),
                awaited=f"{callee}({spelled}.{create}{rest})", awaits=False,
            )
        )  # fmt: skip

    def _spelled(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int, cls: Class
    ) -> str:
        """How an annotation spells the class, or ''."""
        operation = operations[index]
        if operation[0] == f.CONSTANT and isinstance(operation[5], str):
            inside = lowered(operation[5])
            return self._spelled(scope, *inside, cls) if inside is not None else ""
        return dotted(operations, index) if self._means(scope, operations, index, cls) else ""

    def _overridden(self, function: Function, cls: Class, create: str) -> None:
        """``app.dependency_overrides[Users] = FakeUsers``."""
        if _OVERRIDES not in function.facts.names:
            return
        operations = function.body.operations
        for index in self._keys(function):
            if self._means(function, operations, index, cls):
                self._through_method(function, operations, index, create)

    def _keys(self, function: Function) -> Iterator[int]:
        layout = self.inference.layout(function)
        operations = layout.operations
        for statement in layout.statements:
            for target in statement[7] if statement[0] == f.ASSIGN else ():
                if target[0] == f.TO_SUBSCRIPT and self._is_table(operations[target[1]]):
                    yield from (index for index in (target[2], statement[8]) if index >= 0)
        for operation in operations:
            if (
                operation
                and operation[0] == f.SUBSCRIPT
                and self._is_table(operations[operation[5]])
            ):
                yield operation[6]

    def _is_table(self, operation: f.Operation) -> bool:
        return bool(operation[0] == f.ATTRIBUTE and operation[6] == _OVERRIDES)


def _arguments(operation: f.Operation) -> Iterator[int]:
    """The arguments of a call that may be what is injected."""
    yield from (index for index in operation[6] if index >= 0)
    yield from (index for name, index in operation[7] if name == "dependency")
