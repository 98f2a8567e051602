"""Planning of the sync side: copies of functions, and who uses these and the twins of variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.overrides import overrides
from asyncify.analysis.program import Function, Module, Symbol, Variable, dotted
from asyncify.analysis.sides import home, ordered, twin_name
from asyncify.analysis.statements import statements_of
from asyncify.decisions import (
    CopyFunction,
    Decision,
    ImportName,
    InsertStatements,
    RenameReference,
    RenameVariable,
)
from asyncify.findings import Finding
from asyncify.planning.alongside import Alongside
from asyncify.planning.draft import Draft, reference
from asyncify.planning.held_twins import HeldPlanner
from asyncify.planning.mocked_functions import MockedFunctions
from asyncify.planning.queries import QueryPlanner
from asyncify.planning.side_listeners import SideListeners
from asyncify.planning.variable_twins import VariableTwins
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site


class SidePlanner:
    """Gives the sync side its own engines, factories and functions."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
        support: Callable[[Draft, str], str],
    ) -> None:
        self.support = support
        self.colors = colors
        self.coloring = coloring
        self.sides = coloring.sides
        self.inference = colors.inference
        self.program = colors.program
        self.divider = colors.divider
        self.injected = colors.divider.spread.injected
        self.draft = draft
        self.failed: set[Function] = set()  # of those that can't be copied
        self.findings: list[Finding] = []
        self._copied: set[Function] = set()
        self.held = HeldPlanner(self)
        self.alongside: Alongside | None = None
        if colors.inference.config.alongside:
            self.alongside = Alongside(colors, coloring)
        self.variables = VariableTwins(self)

    def plan(self) -> None:
        """What the sync side needs, and what was taken for others before."""
        staying = self.coloring.stays - self.coloring.entered
        if self.alongside is not None:
            self._beside(self.alongside)
        named = self.coloring.islands - staying | self._inside()
        for function in ordered(named if self.alongside is None else ()):
            ambient = self.colors.ambient.reached(function)
            if function in self.sides.synced or function not in self.coloring.islands:
                ambient = set()  # else it runs inside run_sync, on what its callers have
            kept = ambient | self.held.for_others(function)
            indexes = range(len(function.body.operations))
            self.rename(function, (index for index in indexes if index not in kept))
            self._rename_decorators(function)
            self._rename_filled(function)
            if function in self.sides.synced:
                self.rename_defaults(function)
                self._rename_injected(function)
        for function in self._plainly_decorated():
            self._rename_decorators(function)
        self._rename_given()
        self._rename_replaced()
        while fresh := [fn for fn in ordered(self._uncopied() - staying) if home(fn) is fn]:
            self._copies(fresh)
        listeners = SideListeners(
            self.colors, self.sides, self.draft, self.variables.names, self.let_import, self.held
        )
        listeners.plan(self.alongside, self.variables.there)
        self.findings += listeners.missed() if self.alongside is None else ()
        for draft, twin in self.variables.made:
            draft.add(twin)

    def _rename_given(self) -> None:
        """What stays sync, and is given away with a factory, is given the sync one."""
        for root in ordered(self.sides.roots):
            for caller, use in self.colors.callers().get(root, ()):
                if caller not in self.sides.quiet and self.divider.sharing.gives_sources(use):
                    self.rename(caller, self.divider.spread.carried(use))

    def _rename_replaced(self) -> None:
        """What tests put in the place of a factory, for what stays sync, is the sync one."""
        functions = MockedFunctions(self.colors, self.coloring, self.draft)
        for function in functions.patching() if self.sides.quiet else ():
            operations = function.body.operations
            for operation in operations:
                if not operation or operation[0] != f.CALL:
                    continue
                for target, given in functions.replaced(function, operations, operation):
                    if (
                        given >= 0 and isinstance(target, Variable)
                        and functions.twin_of(function, operations, operation, target)
                    ):  # fmt: skip
                        self.rename(function, [given])

    def _beside(self, alongside: Alongside) -> None:
        """What turns names what is async, and all that sessions come from has that beside it."""
        users = alongside.users()
        for function in users:
            self.rename(function, range(len(function.body.operations)))
            self._rename_injected(function)
        sources = {
            x for fn in (*users, *self.sides.twinned) for x in self.divider.twins.sources(fn)
        }
        self._overrides()
        sources |= {x for fn in self.sides.twinned for x in self._aliases_of(fn)}
        for variable in sorted(sources, key=lambda x: (x.module.path, x.name)):
            self.variables.twin(variable)

    def _overrides(self) -> None:
        """``app.dependency_overrides[get_db] = override``: the override turns, so it is put in the
        place of what is async."""
        for function, key, replaced, override in overrides(self.program):
            if replaced not in self.sides.twinned or override in self.sides.twinned:
                continue
            if override in self.coloring.turned:
                self.rename(function, [key])
            else:
                operation = function.body.operations[key]
                reason = f"`{replaced.name}` is overridden here, and what turns is given "
                reason += f"`{self._function_name(replaced)}`."
                site = Site(function.module.path, operation[1], operation[2])
                self.findings.append(finding("ASY102", site, reason, "Override that as well."))

    def _aliases_of(self, function: Function) -> Iterator[Variable]:
        """The aliases by which what a function gives is injected."""
        for body in self.program.mentioning(function.name):
            names = body.facts.bound if body.facts.kind == "module" else ()
            for name in sorted(names):
                variable = Variable(body.module, name)
                if function in self.injected.by_alias(variable):
                    yield variable

    @property
    def has_twins(self) -> bool:
        """Does anything have a sync copy?"""
        return bool(self.variables.names or self.sides.twinned)

    def registry(self, variable: Variable, function: Function) -> str:
        """What a registry of sessions is called in a function, if that runs on the sync side."""
        return self.variables.twin(variable) if function in self.sides.quiet else ""

    def twin_name(self, symbol: Symbol) -> str:
        """What the sync copy of something is called, or '' where it has none."""
        if isinstance(symbol, Variable):
            return self.variables.names.get(symbol, "")
        is_twinned = isinstance(symbol, Function) and symbol in self.sides.twinned
        return self._function_name(symbol) if isinstance(symbol, Function) and is_twinned else ""

    def _function_name(self, function: Function) -> str:
        if self.alongside is not None:
            return self.alongside.function_name(function)[0]
        return twin_name(function.name)

    def _inside(self) -> set[Function]:
        """What runs inside ``run_sync`` already, and calls what turns for others."""
        return {
            function for function in self.coloring.entered
            if any(not self.sides.twinned.isdisjoint(u.callees)
                   for u in self.colors.uses.of(function))
        }  # fmt: skip

    # -- names

    def rename(self, function: Function, indexes: Iterable[int]) -> None:
        """Let the names in a function mean what stays sync."""
        draft = self.draft(function.module)
        for index in indexes:
            operation = function.body.operations[index]
            if not operation or operation[0] not in (f.NAME, f.ATTRIBUTE):
                continue
            new = self._new_name(function, index)
            if not new:
                continue
            draft.add(
                RenameReference(node=reference(operation), site=draft.site(operation), new=new)
            )
            written = dotted(function.body.operations, index)
            if self.alongside is not None and written:
                owner = written.rpartition(".")[0]
                self.alongside.spells(draft, written, f"{owner}.{new}" if owner else new)
            if operation[0] == f.NAME:
                self.let_import(function, operation[5], new, draft)

    def _rename_filled(self, function: Function) -> None:
        """A function that fills a variable of its module fills the twin."""
        for name in function.facts.declared:
            variable = self.program.resolve(function.module, name)
            if isinstance(variable, Variable) and function in self.variables.fillers(variable):
                new = self.variables.twin(variable)
                if new:
                    node = NodeRef("FunctionDef", function.facts.number, function.name)
                    draft = self.draft(function.module)
                    site = Site(draft.module.path, function.facts.line, function.facts.column)
                    draft.add(RenameVariable(node=node, site=site, old=name, new=new))

    def rename_defaults(self, function: Function) -> None:
        """`def __init__(self, factory=SessionLocal)`: the default is the sync one."""
        operations, scope = function.signature.operations, function.parent or function
        draft = self.draft(function.module)
        for index, variable in self.divider.spread.defaults(function):
            new, operation = self.variables.twin(variable), operations[index]
            if new:
                node, site = reference(operation), draft.site(operation)
                draft.add(RenameReference(node=node, site=site, new=new))
                if operation[0] == f.NAME:
                    self.let_import(scope, operation[5], new, draft)

    def _plainly_decorated(self) -> list[Function]:
        """What doesn't turn, below a decorator that has."""
        return ordered(
            function for decorator in self.sides.twinned if home(decorator) is decorator
            for function in self.program.mentioning(decorator.name)
            if function.signature_is_decorated and not function.facts.is_async
            and function not in self.coloring.turned
        )  # fmt: skip

    def _rename_decorators(self, function: Function) -> None:
        """Decorators of the program that wrap what does I/O have a sync copy too."""
        operations = function.signature.operations
        scope = function.parent or function
        draft = self.draft(function.module)
        for index in function.signature.decorators:
            callee = operations[index][5] if operations[index][0] == f.CALL else index
            symbol = self.program.resolve_expression(scope, operations, callee)
            if not isinstance(symbol, Function) or symbol not in self.sides.twinned:
                continue
            new, operation = twin_name(symbol.name), operations[callee]
            draft.add(
                RenameReference(node=reference(operation), site=draft.site(operation), new=new)
            )
            if operation[0] == f.NAME:
                self.let_import(scope, operation[5], new, draft)

    def _rename_injected(self, function: Function) -> None:
        """What FastAPI gives a function comes from the copy that is sync."""
        if not self.injected.into(function):
            return
        operations, scope = function.signature.operations, function.parent or function
        draft = self.draft(function.module)
        for index, operation in enumerate(operations):
            if not operation or operation[0] not in (f.NAME, f.ATTRIBUTE):
                continue
            symbol = self.program.resolve_expression(scope, operations, index)
            new = ""
            if isinstance(symbol, Function) and symbol in self.sides.twinned:
                new = self._function_name(symbol) if home(symbol) is symbol else ""
            elif isinstance(symbol, Variable):
                new = self.variables.alias(symbol)
            if not new:
                continue
            draft.add(
                RenameReference(node=reference(operation), site=draft.site(operation), new=new)
            )
            if operation[0] == f.NAME:
                self.let_import(scope, operation[5], new, draft)

    def _new_name(self, function: Function, index: int) -> str:
        variable = self.divider.twins.variable(function, index)
        if variable is not None:
            return self.variables.twin(variable)
        held = self.held.new_name(function, index)
        if held:
            return held
        symbol = self.program.resolve_expression(function, function.body.operations, index)
        found = {symbol} if isinstance(symbol, Function) else self._methods(function, index)
        twinned = found & self.sides.twinned
        return next((self._function_name(fn) for fn in twinned if home(fn) is fn), "")

    def _methods(self, function: Function, index: int) -> set[Function]:
        """The methods and properties that an attribute may mean."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None or function.body.operations[index][0] != f.ATTRIBUTE:
            return set()
        found = {
            a.function for a in evaluation.values[index] if isinstance(a, v.FunctionObject)
            and a.function.name == function.body.operations[index][6]
        }  # fmt: skip
        for use in self.colors.uses.of(function):
            if use.kind == "property" and use.operation == index:
                found |= set(use.callees)
        return found

    def let_import(self, function: Function, local: str, new: str, draft: Draft) -> None:
        """Import the new name where the old one is imported."""
        scope: Function | None = function
        while scope is not None and scope.parent is not None:
            for statement in statements_of(scope.body.statements):
                if statement[0] != f.IMPORT:
                    continue
                for name, module, imported, level in statement[7]:
                    if name == local and imported:
                        self._import_inside(scope, f"{'.' * level}{module}", new, draft)
                        return
            scope = scope.parent
        for item in function.module.facts.imports:
            if item.local == local and item.name:
                draft.add_import(ImportName("." * item.level + item.module, new))
                draft.drop(local)

    def _import_inside(self, scope: Function, module: str, new: str, draft: Draft) -> None:
        draft.add(
            InsertStatements(
                node=NodeRef("FunctionDef", scope.facts.number, scope.name),
                site=Site(draft.module.path, scope.facts.line, scope.facts.column),
                source=f"from {module} import {new}\n", where="body",
            )
        )  # fmt: skip

    def renamed_inside(self, function: Function, index: int, draft: Draft) -> tuple[Decision, ...]:
        """What lets an expression mean the sync side, in a copy of it."""
        inside = sorted(self.colors.uses.layout(function).subtree(index))
        return self._apart(draft, lambda: self.rename(function, inside))

    def _apart(self, draft: Draft, plan: Callable[[], None]) -> tuple[Decision, ...]:
        """Decisions for a copy, which don't hold for the original."""
        kept, draft.decisions = draft.decisions, {}
        plan()
        nested = tuple(
            sorted(
                draft.decisions,
                key=lambda d: (d.site.line, d.site.column, d.node.kind, d.node.number),
            )
        )
        draft.decisions = kept
        return nested

    # -- functions

    def _uncopied(self) -> set[Function]:
        return self.sides.twinned - self._copied

    def _copies(self, functions: list[Function]) -> None:
        if not functions:
            return
        self._copied.update(functions)
        sides = self.sides
        view = replace(
            self.coloring,
            turned=self.coloring.turned - sides.twinned,
            islands=self.coloring.islands | sides.twinned,
        )
        parts = {
            function: [fn for fn in function.module.functions if home(fn) is function]
            for function in functions
        }
        with_queries = {
            part for found in parts.values() for part in found
            if part in self.inference.evaluations
            and any(isinstance(a, v.QueryValue) for _, value in
                    self.inference.evaluations[part].objects for a in value)
        }  # fmt: skip
        # To follow all queries of the program once more takes long: few copies have any.
        queries = QueryPlanner(self.colors, view, self.support) if with_queries else None
        if queries is not None and self.alongside is None:
            queries.sessions.twins = _OfCopies(self)
        for function in functions:
            self._copy(function, parts[function], queries)

    def _copy(
        self, function: Function, parts: list[Function], queries: QueryPlanner | None
    ) -> None:
        draft = self.draft(function.module)
        with_queries = queries.functions() & set(parts) if queries is not None else set()

        def plan() -> None:
            for part in parts:
                self.rename(part, range(len(part.body.operations)))
                self._rename_decorators(part)
                self._rename_filled(part)
                self.held.rename_targets(part)
                self.rename_defaults(part)
                self._rename_injected(part)
                if queries is not None and part in with_queries and self.alongside is None:
                    queries.plan_sync(part, draft)

        nested = self._apart(draft, plan)
        if queries is not None and queries.impediments.keys() & set(parts):
            self.failed.add(function)
        facts = function.facts
        name, there = twin_name(facts.name), False
        if self.alongside is not None:
            name, there = self.alongside.function_name(function)
        copy = CopyFunction(
            node=NodeRef("FunctionDef", facts.number, facts.name),
            site=Site(draft.module.path, facts.line, facts.column),
            group=self.coloring.groups.get(function, 0), name=name, decisions=nested,
        )  # fmt: skip
        if not there:
            draft.add(copy)
        if self.alongside is not None:
            self.alongside.stands(draft, function, None if there else copy)


class _OfCopies:
    """The registries in copies of functions, which run on the sync side all."""

    def __init__(self, planner: SidePlanner) -> None:
        self.planner = planner
        self.let_import = planner.let_import

    def registry(self, variable: Variable, function: Function) -> str:
        return self.planner.variables.twin(variable)
