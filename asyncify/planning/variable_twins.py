"""Planning of variables that are there twice: engines, factories, what makes managers, and aliases
of what is injected. The sync one is made where its original is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Function, Variable
from asyncify.analysis.sides import source_twin_name, twin_name
from asyncify.decisions import Decision, InsertStatements, KeepSyncTwin
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.testing import is_test_path

if TYPE_CHECKING:
    from asyncify.planning.side_twins import SidePlanner


class VariableTwins:
    """Names the second variable, and makes it."""

    def __init__(self, planner: SidePlanner) -> None:
        self.planner = planner
        self.colors = planner.colors
        self.coloring = planner.coloring
        self.sides = planner.sides
        self.inference = planner.inference
        self.program = planner.program
        self.divider = planner.divider
        self.injected = planner.injected
        self.draft = planner.draft
        self.alongside = planner.alongside
        self.names: dict[Variable, str] = {}
        self.there: set[Variable] = set()  # of those whose twin isn't made here
        self.made: list[tuple[Draft, Decision]] = []

    def take(self, variable: Variable) -> str:
        """The twin of an engine for something else that can't do with an async one, or ''."""
        if self.alongside is not None:
            return variable.name  # it stays sync itself
        if not self.divider.twins.can_have_twin(variable, self.sides):
            return ""
        return self.twin(variable)

    def twin(self, variable: Variable) -> str:
        """The name of the twin of a module-level variable, which is made here; '' where it stays
        sync itself."""
        if self.injected.by_alias(variable):
            return self.alias(variable)
        if variable not in self.names:
            self.names[variable] = ""
            if self._is_manager(variable):
                self.names[variable] = self._manager_twin(variable)
                return self.names[variable]
            body, quiet = variable.module.functions[0], self.sides.quiet
            shared = body in quiet and variable in self.divider.twins.shared_by(body, quiet)
            stays = body in quiet and not shared  # it is made there as it was
            origins = self.divider.twins.origins(variable)
            made = self.divider.twins.made_as(variable)
            if not self.colors.uses.registries.is_one(variable):
                made = origins  # a registry's is that of its factory, too
            if not stays and made & self.coloring.alive:
                self.names[variable] = self._make_twin(variable)
            elif not stays and origins and self.alongside is None:
                self._bind(variable)
        return self.names[variable]

    def _is_manager(self, variable: Variable) -> bool:
        """Does it make managers of a generator that is there twice: ``contextmanager(rows)``?"""
        value = self.inference.global_value(variable.module, variable.name)
        return any(isinstance(a, v.Managing) and a.function in self.sides.twinned for a in value)

    def _manager_twin(self, variable: Variable) -> str:
        body = variable.module.functions[0]
        places = [
            i for i in self.program.values_assigned(variable)
            if body.body.operations[i][0] == f.CALL
        ]  # fmt: skip
        name, there = self._name(variable)
        if self.alongside is None:
            name = twin_name(variable.name)
        for index in places:
            self._repeat(variable, (body, index), name, there)
        return name if places else ""

    def _bind(self, variable: Variable) -> None:
        """What only the sync side uses stays as it is, on engines that are sync."""
        twins = self.divider.twins
        for function, index in (*twins.assignments(variable), *twins.configured(variable)):
            self.planner.rename(function, sorted(self.colors.uses.layout(function).subtree(index)))

    def _can_stand(self, variable: Variable) -> bool:
        """Can an engine or factory be there twice? Those of tests are replaced."""
        obstacle = self.divider.twins.twin_obstacle(variable, self.sides)
        return not obstacle and not is_test_path(variable.module.path)

    def _make_twin(self, variable: Variable) -> str:
        if self.fillers(variable):
            return self._make_filled(variable)
        places = self.divider.twins.assignments(variable)
        if not places or (self.alongside is not None and not self._can_stand(variable)):
            return ""
        self.sides.twinned |= self.divider.twins.makers(variable)
        name, there = self._name(variable)
        for place in places:
            self._repeat(variable, place, name, there)
        self.names[variable] = name
        if there:
            return name
        self._leave_empty(variable, name)
        for caller, call in self.divider.twins.configured(variable):
            if caller not in self.sides.quiet:
                self._configure(caller, call)
        return name

    def _make_filled(self, variable: Variable) -> str:
        """A variable beside one that functions fill: their copies fill it, and they themselves
        where there are none."""
        statement = self.divider.spread.lazy.statement(variable)
        if statement is None or self.alongside is not None:
            return ""
        name, _ = self._name(variable)
        self.names[variable] = name
        draft = self.draft(variable.module)
        self.made.append((draft, self._empty_beside(statement, name, draft)))
        self.sides.twinned |= self.divider.twins.makers(variable) & self.sides.synced
        for function in self.fillers(variable):
            if function not in self.sides.synced:
                self._fill_both(function, variable, name)
        return name

    def _empty_beside(self, statement: f.Statement, name: str, draft: Draft) -> KeepSyncTwin:
        """An assignment of no call, for the twin."""
        kind = "Assign" if statement[0] == f.ASSIGN else "AnnAssign"
        node, site = NodeRef(kind, statement[3]), draft.site(statement)
        return KeepSyncTwin(node=node, site=site, name=name)

    def _fill_both(self, function: Function, variable: Variable, name: str) -> None:
        """A function that nothing sync calls fills, or empties, the variables of both sides."""
        draft = self.draft(function.module)
        for statement in self.divider.spread.lazy.assignments(function, variable.name) or ():
            index = statement[8]
            nested = self.planner.renamed_inside(function, index, draft)
            is_call = function.body.operations[index][0] == f.CALL
            node = call_reference(function, index) if is_call else NodeRef("Assign", statement[3])
            self.made.append((
                draft,
                KeepSyncTwin(node=node, site=draft.site(statement), name=name, decisions=nested),
            ))  # fmt: skip
        node = NodeRef("FunctionDef", function.facts.number, function.name)
        site = Site(draft.module.path, function.facts.line, function.facts.column)
        declared = InsertStatements(node=node, site=site, source=f"global {name}\n", where="body")
        self.made.append((draft, declared))

    def _repeat(
        self, variable: Variable, place: tuple[Function, int], name: str, there: bool
    ) -> None:
        """The twin is made as its original is, in the same branch."""
        function, index = place
        draft = self.draft(variable.module)
        nested = self.planner.renamed_inside(function, index, draft)
        site = draft.site(function.body.operations[index])
        node = call_reference(function, index)
        twin = KeepSyncTwin(node=node, site=site, name=name, decisions=nested)
        self._make(variable, place, there, twin)

    def _leave_empty(self, variable: Variable, name: str) -> None:
        """Where there is no engine, there is none for the sync side either."""
        draft = self.draft(variable.module)
        for statement in self.divider.twins.empty(variable):
            self.made.append((draft, self._empty_beside(statement, name, draft)))

    def _configure(self, function: Function, index: int) -> None:
        """What is configured is configured on both sides."""
        draft = self.draft(function.module)
        nested = self.planner.renamed_inside(function, index, draft)
        site = draft.site(function.body.operations[index])
        twin = KeepSyncTwin(
            node=call_reference(function, index), site=site, name="", decisions=nested
        )
        self.made.append((draft, twin))

    def alias(self, variable: Variable) -> str:
        """``SyncSessionDep = Annotated[Session, Depends(get_session_sync)]``, or ''."""
        if variable in self.names:
            return self.names[variable]
        self.names[variable] = ""
        place = self.injected.expression(variable)
        if place is None or self.sides.twinned.isdisjoint(self.injected.by_alias(variable)):
            return ""
        function, index = place
        name, there = self._name(variable)
        self.names[variable] = name
        draft = self.draft(variable.module)
        nested = self.planner.renamed_inside(function, index, draft)
        operation = function.body.operations[index]
        self._make(variable, place, there, KeepSyncTwin(
            node=reference(operation), site=draft.site(operation), name=name, decisions=nested
        ))  # fmt: skip
        return name

    def _name(self, variable: Variable) -> tuple[str, bool]:
        """What the twin of a variable is called, and whether it is there already."""
        if self.alongside is not None:
            return self.alongside.variable_name(variable)
        name = source_twin_name(variable.name)
        while name in variable.module.bindings:
            name += "_"
        return name, False

    def _make(
        self, variable: Variable, place: tuple[Function, int], there: bool, twin: KeepSyncTwin
    ) -> None:
        """The twin of what is assigned, if there is none; it may be asked for while a copy is
        planned."""
        draft = self.draft(variable.module)
        if there:
            self.there.add(variable)
        else:
            self.made.append((draft, twin))
        if self.alongside is not None:
            self.alongside.assigned(draft, *place, None if there else twin)

    def fillers(self, variable: Variable) -> tuple[Function, ...]:
        return self.divider.spread.lazy.fillers(variable)
