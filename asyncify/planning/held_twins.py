"""Planning of held twins: objects that both sides use hold a sync engine or factory beside the
async one, and what stays sync reads that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.held_twins import Write
from asyncify.analysis.program import Class, Function
from asyncify.analysis.sides import source_twin_name
from asyncify.analysis.statements import statements_of
from asyncify.analysis.use import MAKING
from asyncify.decisions import KeepSyncTwin, RenameReference
from asyncify.sites import NodeRef

if TYPE_CHECKING:
    from asyncify.planning.side_twins import SidePlanner


class HeldPlanner:
    """Names the second engine or factory of objects, and assigns it where the first is."""

    def __init__(self, sides: SidePlanner) -> None:
        self.sides = sides
        self.inference = sides.inference
        self.held = sides.divider.held
        self._names: dict[tuple[Class, str], str] = {}
        self._locals: dict[tuple[Function, str], str] = {}

    def new_name(self, function: Function, index: int) -> str:
        """The sync one that an attribute, a local variable or a parameter of a constructor stands
        beside, or ''."""
        operation = function.body.operations[index]
        if operation[0] == f.NAME:
            return self._local_name(function, operation[5])
        cls = self._holder(function, operation[5], operation[6])
        return self._attribute(cls, operation[6]) if cls is not None else ""

    def _holder(self, function: Function, base: int, name: str) -> Class | None:
        """The class whose object holds an engine or factory as an attribute of that name."""
        evaluation = self.inference.evaluations.get(function)
        for atom in evaluation.values[base] if evaluation is not None else ():
            if (
                isinstance(atom, v.Instance) and self.held.is_doubled(atom.cls)
                and name in self.held.attributes(atom.cls)
            ):  # fmt: skip
                return atom.cls
        return None

    def _attribute(self, cls: Class, name: str) -> str:
        """The name of an attribute's twin, which is assigned where the attribute is."""
        writes = self.held.writes(cls, name) or []
        key = (writes[0][0].owner or cls if writes else cls), name
        if key not in self._names:
            self._names[key] = ""
            if self._stays(cls, name, writes):
                return ""
            if self._is_sync_only(cls, name, writes):
                for function, statement in writes:
                    self._rename_value(function, statement[8])
                return ""
            new = self._names[key] = self._free(cls, name)
            for function, statement in writes:
                if function not in self.sides.sides.twinned:
                    self._repeat(function, statement, new)
        return self._names[key]

    def for_others(self, function: Function) -> set[int]:
        """The operations by which what stays sync gives its object what async code reads: a
        constructor makes both, and so does the body of a module."""
        twins, quiet = self.sides.divider.twins, self.sides.sides.quiet
        if function.facts.kind == "module" and function in quiet:
            return twins.assigned_in(twins.shared_by(function, quiet))
        layout = self.sides.colors.uses.layout(function)
        return {
            index for statement, _, _ in self._assigned(function)
            for index in (statement[8], *layout.subtree(statement[8]))
        }  # fmt: skip

    def _stays(self, cls: Class, name: str, writes: list[Write]) -> bool:
        """Does nothing but the sync side assign and read an attribute?"""
        users = [*self.held.readers(cls, name), *(fn for fn, _ in writes if fn.facts.kind == "def")]
        return all(user in self.sides.sides.quiet for user in users)

    def _is_sync_only(self, cls: Class, name: str, writes: list[Write]) -> bool:
        """Does nothing but the sync side read an attribute, that is given what others make?"""
        if any(fn.body.operations[s[8]][0] == f.CALL for fn, s in writes):
            return False
        return all(reader in self.sides.sides.quiet for reader in self.held.readers(cls, name))

    def _rename_value(self, function: Function, index: int) -> None:
        """What an attribute is given is sync, and so are the defaults of the constructor."""
        self.sides.rename_defaults(function)
        operations = function.body.operations
        inside = self.sides.colors.uses.layout(function).subtree(index)
        given = {p.name for p in function.signature.parameters}
        named = (i for i in inside if operations[i][0] != f.NAME or operations[i][5] not in given)
        self.sides.rename(function, sorted(named))

    def _free(self, cls: Class, name: str) -> str:
        """A name that no function stores anything under."""
        new = source_twin_name(name)
        while any(new in function.facts.stores for function in self.sides.program.mentioning(new)):
            new += "_"
        return new

    def _repeat(self, function: Function, statement: f.Statement, new: str) -> None:
        draft = self.sides.draft(function.module)
        self.sides.sides.twinned |= self.sides.divider.twins.makers_in(function, statement[8])
        nested = self.sides.renamed_inside(function, statement[8], draft)
        node = NodeRef("Assign", statement[3])
        twin = KeepSyncTwin(node=node, site=draft.site(statement), name=new, decisions=nested)
        self.sides.variables.made.append((draft, twin))

    def _local_name(self, function: Function, name: str) -> str:
        """In a function that assigns such an attribute: the local variable's twin, or what its
        parameter always is."""
        if function.owner is None or function in self.sides.sides.synced:
            return ""
        if not self.held.is_doubled(function.owner):
            return ""
        variable = self.held.default(function, name)
        if variable is not None:
            new = self.sides.variables.take(variable)
            if new:
                self.sides.let_import(
                    function, variable.name, new, self.sides.draft(function.module)
                )
            return new
        statement = self.held.local(function, name)
        if statement is None or not self._holds(function, statement[8]):
            return ""
        key = function, name
        if key not in self._locals:
            new = source_twin_name(name)
            while new in function.facts.names:
                new += "_"
            self._locals[key] = new
            self._repeat(function, statement, new)
        return self._locals[key]

    def _holds(self, function: Function, index: int) -> bool:
        value = self.inference.evaluations[function].values[index]
        return any(isinstance(a, v.Known) and a.kind in MAKING for a in value)

    def rename_targets(self, function: Function) -> None:
        """A copy assigns the twin of an attribute."""
        draft = self.sides.draft(function.module)
        for statement, target, new in self._assigned(function):
            node = NodeRef("Attribute", target[3], target[2])
            site = draft.site(statement)
            draft.add(RenameReference(node=node, site=site, new=new))

    def _assigned(self, function: Function) -> Iterator[tuple[f.Statement, tuple[Any, ...], str]]:
        """The assignments of a function to attributes that have twins: each with its target, and
        the name of the twin."""
        for statement in statements_of(function.body.statements):
            for target in statement[7] if statement[0] == f.ASSIGN else ():
                if target[0] != f.TO_ATTRIBUTE:
                    continue
                cls = self._holder(function, target[1], target[2])
                new = self._attribute(cls, target[2]) if cls is not None else ""
                if new:
                    yield statement, target, new

    def listened(self, scope: Function, operations: tuple[f.Operation, ...], index: int) -> str:
        """The twin of an engine that a method names, if it is made there: what listens to the one
        listens to both."""
        operation = operations[index]
        if operation[0] == f.NAME:
            return self._locals.get((scope, operation[5]), "")
        if operation[0] != f.ATTRIBUTE or scope.owner is None:
            return ""
        base, parameters = operations[operation[5]], scope.signature.parameters
        if base[0] != f.NAME or not parameters or base[5] != parameters[0].name:
            return ""
        return next(
            (self._names.get((cls, operation[6]), "") for cls in scope.owner.ancestors
             if self._names.get((cls, operation[6]))), "",
        )  # fmt: skip

    def is_listening(self, function: Function) -> bool:
        """May a method name engines that have twins in its object?"""
        return (
            function.owner is not None
            and function not in self.sides.sides.synced
            and any(cls in function.owner.ancestors for cls, _ in self._names)
        )
