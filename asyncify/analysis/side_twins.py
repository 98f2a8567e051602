"""Twins: engines, factories and functions that each side can have one of its own of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.program import Function, Variable
from asyncify.analysis.side_spread import Spread
from asyncify.analysis.sides import ENTERED_AS, Sides, ordered, says, twin_name
from asyncify.analysis.statements import statements_of
from asyncify.analysis.uses import SYNC_KINDS
from asyncify.vocabulary.names import TABLES
from asyncify.vocabulary.special import is_special

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors

# The methods by which an object is made of more than it was made of.
_CONFIGURING = sorted({
    row.name for table in TABLES.values() for row in table.members if row.returns == "configured"
})  # fmt: skip
# Decorators under which a copy of a function means the same.
_COPIED = {
    "contextlib.contextmanager", "staticmethod", "classmethod", "property", "abc.abstractmethod",
    "functools.wraps",
}  # fmt: skip


class Twins:
    """Finds what functions name and make, and says of what there can be a second one."""

    def __init__(self, colors: Colors, spread: Spread) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.program = colors.program
        self.uses = colors.uses
        self.spread = spread
        self._named: dict[Function, tuple[object, frozenset[Variable]]] = {}

    def sources(self, function: Function) -> frozenset[Variable]:
        """The module-level engines, factories and sessions that a function names, also by the
        defaults of its parameters, and objects that hold some."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return frozenset()
        known = self._named.get(function)
        if known is None or known[0] is not evaluation:
            found = frozenset(
                variable for index, value in enumerate(evaluation.values)
                if any(self.spread.is_held(a) for a in value)
                and (variable := self.variable(function, index)) is not None
            ).union(variable for _, variable in self.spread.defaults(function))  # fmt: skip
            known = self._named[function] = evaluation, found
        return known[1]

    def variable(self, function: Function, index: int) -> Variable | None:
        """The module-level variable that a name or attribute in a function means."""
        operation = function.body.operations[index]
        if operation[0] == f.NAME:
            if operation[5] in function.facts.declared:
                symbol = self.program.resolve(function.module, operation[5])
                return symbol if isinstance(symbol, Variable) else None
        elif operation[0] != f.ATTRIBUTE:
            return None
        symbol = self.program.resolve_expression(function, function.body.operations, index)
        return symbol if isinstance(symbol, Variable) else None

    def can_have_twin(self, variable: Variable, sides: Sides) -> bool:
        """Can a variable have a twin, with what it is made from?"""
        return not self.twin_obstacle(variable, sides)

    def twin_obstacle(
        self, variable: Variable, sides: Sides, members: Set[Function] = frozenset()
    ) -> str:
        """Why a variable can have no twin, or what it is made from none, or the functions that make
        these no copy; or ''. The ``members`` are about to stay sync."""
        pending, seen = [variable], {variable}
        while pending:
            current = pending.pop()
            makers = self.makers(current)
            configured = self.configured(current)
            why = self._unrepeatable(current) or self._unconfigurable(configured)
            why = why or self._unfilled(current, sides.synced | members) or next(
                (self.copy_obstacle(m) for m in ordered(makers - sides.twinned)
                 if self.copy_obstacle(m)), "",
            )  # fmt: skip
            if why:
                return why
            fresh = self._made_from(current, makers) - seen
            for function, call in configured:
                fresh |= self._named_in(function, call) - seen
            seen |= fresh
            pending += fresh
        return ""

    def below(self, variable: Variable) -> set[Variable]:
        """All engines, factories and sessions from which a variable is made, step by step."""
        found: set[Variable] = set()
        pending = [variable]
        while pending:
            current = pending.pop()
            fresh = self._made_from(current, self.makers(current)) - found
            found |= fresh
            pending += fresh
        return found

    def _made_from(self, variable: Variable, makers: set[Function]) -> set[Variable]:
        """The engines, factories and sessions from which another is made."""
        found = {source for maker in makers for source in self.sources(maker)}
        for place in self._assigned(variable):
            found |= self._named_in(*place)
        return found

    def _named_in(self, function: Function, index: int) -> set[Variable]:
        """The engines, factories and sessions that are named among the arguments of a call."""
        values = self.inference.evaluations[function].values
        found = set()
        for inner in self.uses.layout(function).subtree(index) - {index}:
            named = self.variable(function, inner)
            if named is not None and any(self.spread.is_held(a) for a in values[inner]):
                found.add(named)
        return found

    def configured(self, variable: Variable) -> list[tuple[Function, int]]:
        """Where a factory is given its engine later on: ``SessionLocal.configure(bind=engine)``."""
        return [
            (function, index) for member in _CONFIGURING
            for function in self.program.mentioning_member(member)
            if variable.name in function.facts.names
            and (evaluation := self.inference.evaluations.get(function)) is not None
            for index, operation in enumerate(function.body.operations)
            if operation and operation[0] == f.CALL
            and self._configures(evaluation.values[operation[5]])
            and self.variable(function, function.body.operations[operation[5]][5]) == variable
        ]  # fmt: skip

    def _configures(self, value: v.Value) -> bool:
        found = (
            self.inference.row(atom.owner.kind, atom.name) for atom in value
            if isinstance(atom, v.KnownMethod) and isinstance(atom.owner, v.Known)
        )  # fmt: skip
        return any(row is not None and row.returns == "configured" for row in found)

    def _unconfigurable(self, calls: list[tuple[Function, int]]) -> str:
        """Why a call that configures a factory can't be repeated for its twin, or ''."""
        for function, index in calls:
            values = self.inference.evaluations[function].values
            given = [place for _, place in function.body.operations[index][7]]
            local = any(
                isinstance(atom, v.Known) and atom.kind in SYNC_KINDS
                for place in given for atom in values[place]
                if self.variable(function, place) is None
            )  # fmt: skip
            if local or not self.uses.layout(function).is_statement(index):
                line = function.body.operations[index][1]
                return f"the engine that `{function.qualname}` gives it (line {line}) has none"
        return ""

    def makers(self, variable: Variable) -> set[Function]:
        """The functions of the program by which a variable's value is made."""
        out = self._with_makers(self.spread.lazy.fillers(variable))
        for function, index in self._assigned(variable):
            out |= self.makers_in(function, index)
        return out

    def makers_in(self, function: Function, index: int) -> set[Function]:
        """The functions of the program by which the value of an expression is made."""
        operations = function.body.operations
        named = (
            self.program.resolve_expression(function, operations, inner)
            for inner in self.uses.layout(function).subtree(index)
            if operations[inner][0] in (f.NAME, f.ATTRIBUTE)
        )
        return self._with_makers(symbol for symbol in named if isinstance(symbol, Function))

    def _with_makers(self, functions: Iterable[Function]) -> set[Function]:
        """Those of some functions that make anything, with those that they make it by."""
        out: set[Function] = set()
        pending = list(functions)
        while pending:
            current = pending.pop()
            if current not in out and self.spread.makes(current):
                out.add(current)
                pending += self.spread.called_by(current)
        return out

    def _unrepeatable(self, variable: Variable) -> str:
        """Why the assignments of a variable can't be repeated: one is no call, or stands in a
        function, or its database lives inside this process; or ''."""
        assigned = self.assignments(variable)
        value = self.inference.global_value(variable.module, variable.name)
        fillers = self.spread.lazy.fillers(variable)
        if not assigned and not fillers:
            return f"`{variable.name}` isn't assigned by calls of its module alone"
        if any(isinstance(a, v.Instance) for a in value):
            return f"`{variable.name}` is an object of the program"
        places = self.colors.places
        inside = any(places.in_memory(*place) for place in assigned) or any(
            places.in_memory(maker, call)
            for maker in (*fillers, *self.makers(variable)) for call in self._engines_made(maker)
        )  # fmt: skip
        return f"the database of `{variable.name}` is in the engine's memory" if inside else ""

    def _unfilled(self, variable: Variable, synced: Set[Function]) -> str:
        """Why the twin of a variable that functions fill would stay empty, or ''."""
        for function in self.spread.lazy.fillers(variable):
            copied = function in synced and self.spread.makes(function)
            if not copied and self.spread.lazy.assignments(function, variable.name) is None:
                return f"`{function.qualname}` doesn't assign `{variable.name}` by calls alone"
        return ""

    def _engines_made(self, function: Function) -> Iterator[int]:
        """The calls of a function that make engines."""
        evaluation = self.inference.evaluations[function]
        for index, operation in enumerate(evaluation.operations):
            if operation and operation[0] == f.CALL and any(
                isinstance(a, v.Known) and a.kind == "Engine" for a in evaluation.values[index]
            ):  # fmt: skip
                yield index

    def assignments(self, variable: Variable) -> list[tuple[Function, int]]:
        """The calls, at the level of its module, whose results a variable is: one, or one in each
        branch. None beside them is as good."""
        body = variable.module.functions[0]
        operations = body.body.operations
        found = self.program.values_assigned(variable)
        calls = [index for index in found if operations[index][0] == f.CALL]
        empty = len(list(self.empty(variable))) if len(found) > len(calls) else 0
        if len(found) > len(calls) + empty or (len(found) > 1 and self.inference.config.alongside):
            return []
        writers = (
            function for function in variable.module.functions
            if variable.name in function.facts.declared and variable.name in function.facts.bound
        )  # fmt: skip
        return [] if any(writers) else [(body, index) for index in calls]

    def empty(self, variable: Variable) -> Iterator[f.Statement]:
        """The assignments by which a variable is None."""
        body = variable.module.functions[0]
        for statement in statements_of(body.body.statements):
            if statement[0] == f.ASSIGN:
                targets, value = statement[7], statement[8]
            elif statement[0] == f.ANNOTATED:
                targets, value = (statement[7],), statement[9]
            else:
                continue
            named = [target[:2] for target in targets] == [(f.TO_NAME, variable.name)]
            if named and value >= 0 and _is_none(body.body.operations[value]):
                yield statement

    def _assigned(self, variable: Variable) -> list[tuple[Function, int]]:
        """The calls whose result a variable is, those in the functions that fill it included."""
        return self.assignments(variable) or self.filled(variable)

    def filled(self, variable: Variable) -> list[tuple[Function, int]]:
        """The calls in functions by which a variable is filled."""
        return [
            (function, statement[8]) for function in self.spread.lazy.fillers(variable)
            for statement in self.spread.lazy.assignments(function, variable.name) or ()
            if function.body.operations[statement[8]][0] == f.CALL
        ]  # fmt: skip

    def only_synced(self, sides: Sides) -> set[v.Origin]:
        """The origins of what nobody but the sync side names or makes."""
        quiet = sides.quiet
        named = {variable for function in quiet for variable in self.sources(function)}
        alone = {x for x in named if x in sides.registries or not self.is_named_outside(x, quiet)}
        named_alone = {origin for variable in alone for origin in self.origins(variable)}
        # A script's own `session` comes from the factory that others name, as does a registry.
        below = {source for variable in alone for source in self.below(variable)}
        theirs = named - alone | {x for x in below if self.is_named_outside(x, quiet)}
        shared = {origin for variable in theirs for origin in self.origins(variable)}
        return (named_alone - shared) | self._made(quiet)

    def own_origins(self, functions: set[Function]) -> set[v.Origin]:
        """The origins of what functions name or make themselves."""
        named = {variable for function in functions for variable in self.sources(function)}
        return {o for variable in named for o in self.origins(variable)} | self._made(functions)

    def _made(self, functions: set[Function]) -> set[v.Origin]:
        return {
            atom.origin for function in functions
            if (evaluation := self.inference.evaluations.get(function)) is not None
            for _, value in evaluation.objects for atom in value
            if isinstance(atom, v.Known) and atom.origin and atom.origin.function in functions
        }  # fmt: skip

    def origins(self, variable: Variable) -> set[v.Origin]:
        """What a variable is made by; of a registry, that is its factory too."""
        value = self.inference.global_value(variable.module, variable.name)
        found = {a.origin for a in value if isinstance(a, v.Known) and a.origin is not None}
        return found | (self.made_as(variable) if found else set())

    def made_as(self, variable: Variable) -> set[v.Origin]:
        """The calls that a variable is assigned, at the level of its module."""
        found = self.assignments(variable)
        return {v.Origin(body, body.body.operations[index][3]) for body, index in found}

    def shared_by(self, body: Function, quiet: set[Function]) -> set[Variable]:
        """The engines and factories that the body of a module makes for others as well, where it
        stays sync: these turn, and what else it does is done on their twins."""
        if body.facts.kind != "module":
            return set()
        values = {
            variable: self.inference.global_value(body.module, variable.name)
            for name in body.facts.bound
            if isinstance(variable := self.program.resolve(body.module, name), Variable)
            and variable.module is body.module
        }
        own = {x for x, value in values.items() if any(map(self.spread.is_held, value))}
        named = {variable for variable in own if self.is_named_outside(variable, quiet)}
        return named | (own & set().union(*map(self.below, named)))

    def assigned_in(self, variables: set[Variable]) -> set[int]:
        """The operations of a module's body by which it makes some variables of it, with their
        annotations."""
        found: set[int] = set()
        for variable in variables:
            for body, value in self.assignments(variable):
                named = (
                    statement[8] for statement in statements_of(body.body.statements)
                    if statement[0] == f.ANNOTATED and statement[9] == value
                )  # fmt: skip
                for index in (value, *named):
                    found |= {index, *self.uses.layout(body).subtree(index)}
        return found

    def is_named_outside(self, variable: Variable, quiet: set[Function]) -> bool:
        """Does anybody but some functions name a variable, its module aside?"""
        body = variable.module.functions[0]
        return any(
            function not in quiet and function is not body and self._names(function, variable)
            for function in self.program.mentioning(variable.name)
        )

    def _names(self, function: Function, variable: Variable) -> bool:
        """Does a function name a variable, by itself or as a member of its module?"""
        if self.program.resolve(function.module, variable.name) == variable and (
            function.module is not variable.module or says(function, variable.name)
        ):
            return True
        return any(
            operation and operation[0] == f.ATTRIBUTE and operation[6] == variable.name
            and self.variable(function, index) == variable
            for index, operation in enumerate(function.body.operations)
        )  # fmt: skip

    def can_be_copied(self, function: Function) -> bool:
        """Can a function of a module or class have a copy beside it?"""
        return not self.copy_obstacle(function)

    def copy_obstacle(self, function: Function) -> str:
        """Why there can be no copy of a function, and of its overrides, or ''."""
        for member in self.colors.family(function):
            outer = member.parent
            if member.facts.kind != "def" or outer is None or outer.facts.kind == "def":
                return f"`{member.qualname}` is defined where nothing can be copied"
            if member.is_constructor:
                return f"`{member.qualname}` is a constructor"
            if not all(self._can_be_repeated(member, d) for d in member.signature.decorators):
                return f"a decorator of `{member.qualname}` registers it"
            obstacle = self.colors.obstacle(member) if self.colors.does_io(member) else None
            if obstacle is not None:
                return f"`{member.qualname}` can't turn. {obstacle.reason.rstrip('.')}"
            if is_special(member.name) and member.name not in ENTERED_AS:
                return f"Python calls `{member.qualname}` by that name"
            if member in self.colors.uncopied:
                return f"a query in `{member.qualname}` has no form for both sides"
            if self._is_taken(member):
                return f"the name `{twin_name(member.name)}` is taken"
        return ""

    def _can_be_repeated(self, function: Function, index: int) -> bool:
        """Does a decorator do no more than to wrap the function that it decorates?"""
        operations = function.signature.operations
        scope = function.parent or function
        callee = operations[index][5] if operations[index][0] == f.CALL else index
        symbol = self.program.resolve_expression(scope, operations, callee)
        if isinstance(symbol, Function):
            return not self.colors.does_io(symbol)
        return foreign_name(scope, operations, callee, self.inference) in _COPIED

    def _is_taken(self, function: Function) -> bool:
        if self.inference.config.alongside:
            return False  # what is there is used
        name = ENTERED_AS.get(function.name) or twin_name(function.name)
        if function.owner is not None:
            return any(name in cls.methods for cls in function.owner.ancestors)
        return name in function.module.bindings


def _is_none(operation: f.Operation) -> bool:
    return bool(operation[0] == f.CONSTANT and operation[5] is None)
