"""Sides: what stays sync beside the program that turns.

A Celery task, a thread's target or a script that opens sessions of its own needs no async caller
and no session of one: it and what it calls keep working on sync twins of the engines and factories
that they name. Functions that both sides call are entered through ``run_sync``, or get a sync copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Class, Function, Variable, statements_of
from asyncify.analysis.uses import SYNC_KINDS, Use

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors

# What can be made twice, so that each side has one of its own.
_SOURCES = ("Engine", "sessionmaker", "scoped_session", "Session")
# Decorators under which a copy of a function means the same.
_COPIED = {
    "contextlib.contextmanager", "staticmethod", "classmethod", "property", "abc.abstractmethod",
    "functools.wraps",
}  # fmt: skip
_COPY = "_sync"


@dataclass(slots=True)
class Sides:
    """``roots`` open sessions of their own and can't turn; ``synced`` are they and what they call;
    those of them that are ``twinned`` turn for the other side, and keep a sync copy; ``given`` are
    called by the other side too, with a session: they are entered through ``run_sync``."""

    roots: dict[Function, Obstacle] = field(default_factory=dict)
    synced: set[Function] = field(default_factory=set)
    twinned: set[Function] = field(default_factory=set)
    given: set[Function] = field(default_factory=set)
    refused: set[Function] = field(default_factory=set)

    @property
    def quiet(self) -> set[Function]:
        """What stays sync as it stands."""
        return self.synced - self.twinned

    def drop(self, functions: set[Function]) -> None:
        """They belong to a component that stays sync as a whole."""
        self.refused |= functions
        self.synced -= functions
        self.twinned -= functions
        self.roots = {fn: why for fn, why in self.roots.items() if fn not in functions}


class Divider:
    """Finds the sides of a program."""

    def __init__(self, colors: Colors) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.program = colors.program
        self.uses = colors.uses
        self._holders: tuple[int, frozenset[Class]] = (-1, frozenset())
        self._named: dict[Function, tuple[object, frozenset[Variable]]] = {}
        self._decorating: dict[Function, tuple[Function, ...]] = {}
        self._calls: dict[Function, tuple[object, tuple[Function, ...]]] = {}

    # -- roots

    def add_root(self, function: Function, obstacle: Obstacle, sides: Sides) -> bool:
        """Make a function that can't turn a root, if it and what it calls can do without the other
        side's sessions."""
        if function in sides.refused or function.facts.kind == "class":
            return False
        members = self.below(function)
        if any(m.facts.is_async for m in members) or not self._stands_alone(function, members):
            return False
        if not self.colors.is_configured_sync(function) and not (
            not self._takes_sessions(function)
            and self._are_handed(function, members)
            and all(self._knows_sessions(m, members) for m in members)
        ):
            return False
        if not all(self.can_have_twin(x, sides) for m in members for x in self.sources(m)):
            return False
        sides.roots[function] = obstacle
        sides.synced |= members
        return True

    def add_copies(self, sides: Sides) -> None:
        """Sync copies that are there already stay, with what they call."""
        for function in self.inference.evaluations:
            if function.name.endswith(_COPY) and self.is_copy(function):
                sides.roots[function] = Obstacle("", "It is the sync copy of an async function.")
                sides.synced |= self.below(function)

    def is_copy(self, function: Function) -> bool:
        """Is a function, or what it is defined in, the sync copy of an async one beside it?"""
        function = home(function)
        name = function.name.removesuffix(_COPY)
        if name == function.name or function.facts.is_async:
            return False
        if function.owner is not None:
            original = function.owner.methods.get(name)
        else:
            symbol = self.program.resolve(function.module, name)
            original = symbol if isinstance(symbol, Function) else None
        return original is not None and original is not function and self._is_async(original)

    def _is_async(self, function: Function) -> bool:
        """Is a function async, or what it defines or makes?"""
        if any(fn.facts.is_async for fn in function.module.functions if home(fn) is function):
            return True
        return any(
            isinstance(atom, v.Known) and atom.kind.lower().startswith("async")
            for atom in self.inference.given("return", function)
        )

    def below(self, function: Function) -> set[Function]:
        """The function and all below it that do I/O, or that make what I/O is done with."""
        out: set[Function] = set()
        pending = [function]
        while pending:
            current = pending.pop()
            if current in out:
                continue
            out.add(current)
            pending += [m for m in self.colors.family(current) if self._matters(m)]
            pending += [c for c in self._called_by(current) if self._matters(c)]
            if current.name == "__init__" and current.owner is not None:
                pending += [m for m in current.owner.methods.values() if self._matters(m)]
        return out

    def _called_by(self, function: Function) -> tuple[Function, ...]:
        evaluation = self.inference.evaluations.get(function)
        known = self._calls.get(function)
        if known is None or known[0] is not evaluation:
            found = tuple(dict.fromkeys(self._calls_in(function)))
            known = self._calls[function] = evaluation, found
        return known[1]

    def _calls_in(self, function: Function) -> Iterator[Function]:
        """What a function calls, or hands on by name. What it gets as a parameter, as a decorator's
        wrapper does, is anything that anybody gives it: those who call say which."""
        given = {use.operation for use in self.uses.of(function) if use.kind == "pass"}
        for use in self.uses.of(function):
            if use.kind != "pass" and not is_handed(use):
                yield from use.callees
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return
        for place, operation in enumerate(function.body.operations):
            if not operation or operation[0] != f.CALL:
                continue
            for index in (*operation[6], *(i for _, i in operation[7])):
                index = index if index >= 0 else ~index
                for atom in evaluation.values[index]:
                    if (
                        isinstance(atom, v.FunctionObject)
                        and (place in given or self._is_named(function, index, atom.function))
                        and not is_parameter(function, index)
                    ):
                        yield atom.function

    def _is_named(self, function: Function, index: int, other: Function) -> bool:
        operations = function.body.operations
        return self.program.resolve_expression(function, operations, index) is other

    def _matters(self, function: Function) -> bool:
        if function.facts.is_async:
            return False  # a sync function can only run it in a loop of its own
        return self.colors.does_io(function) or self.makes(function)

    def makes(self, function: Function) -> bool:
        """Does a function hand out engines, factories or sessions?"""
        return any(
            isinstance(atom, v.Known) and atom.kind in SYNC_KINDS
            for atom in (*self.inference.given("return", function),
                         *self.inference.given("yield", function))
        )  # fmt: skip

    def _stands_alone(self, root: Function, members: set[Function]) -> bool:
        """Does no session cross over to the root, or from it to those who call it?"""
        outside = [
            (caller, use) for member in members
            for caller, use in self.colors.callers().get(member, ())
            if caller not in members
        ]  # fmt: skip
        own = [use for _, use in outside if root in use.callees]
        if any(self._hands_session(use) and not self._may_enter(use) for use in own):
            return False
        if root.facts.kind == "module" and self._makes_sources(root):
            return False
        if not any(use.kind != "pass" for use in own):
            return True
        if root.is_method and root.name != "__init__" and root.owner in self.holders():
            return False
        return not self.makes(root) and not self._leaks(members)

    def _are_handed(self, root: Function, members: set[Function]) -> bool:
        """Do those below a root get their sessions from values that are known to be sessions?"""
        for member in members - {root}:
            if not self._wants_session(member):
                continue
            for caller, use in self.colors.callers().get(member, ()):
                inside = caller in members and use.kind == "call" and not is_handed(use)
                if inside and not self._hands_session(use):
                    return False
        return True

    def _wants_session(self, function: Function) -> bool:
        evaluation = self.inference.evaluations.get(function)
        return evaluation is not None and any(
            isinstance(atom, v.Known) and atom.kind in ("Session", "Connection")
            for parameter in function.signature.parameters
            if not self._is_optional(function, parameter.default)
            for atom in evaluation.environment.get(parameter.name, ())
        )

    def _takes_sessions(self, root: Function) -> bool:
        """Does somebody unknown, or FastAPI, give sessions to a root, or anybody queries, which
        have sessions?"""
        evaluation = self.inference.evaluations.get(root)
        if evaluation is None or root.facts.kind != "def":
            return False
        for position, parameter in enumerate(root.signature.parameters):
            passed = self.inference.passed(root, position)
            value = evaluation.environment.get(parameter.name, v.UNKNOWN) | self.inference.declared(
                root, parameter.annotation
            )
            if any(isinstance(a, v.QueryValue) for a in value | passed):
                return True
            unseen = any(isinstance(a, v.Known) and a.kind in SYNC_KINDS for a in value - passed)
            seen = any(isinstance(a, v.Known) for a in passed)
            if unseen and not seen and not self._is_optional(root, parameter.default):
                return True
        return False

    def _is_optional(self, function: Function, default: int) -> bool:
        """Is a parameter's default None, so that a session is made where none is given?"""
        operation = function.signature.operations[default] if default >= 0 else ()
        return bool(operation) and operation[0] == f.CONSTANT and operation[5] is None

    def _knows_sessions(self, member: Function, members: set[Function]) -> bool:
        """Is it known of all sessions in a function where they come from?"""
        evaluation = self.inference.evaluations.get(member)
        if evaluation is None:
            return True
        operations = member.body.operations
        for index, value in evaluation.objects:
            if not any(isinstance(a, v.Known) and a.kind in SYNC_KINDS for a in value):
                continue
            operation = operations[index]
            if operation[0] == f.ATTRIBUTE and not evaluation.values[operation[5]]:
                return False  # `request.state.db`: only the name says that it is a session
            if operation[0] == f.NAME and not self._is_at_home(member, operation[5], members):
                return False
            if operation[0] == f.CALL and any(
                isinstance(a, v.Foreign) and a.name.endswith("object_session")
                for a in evaluation.values[operation[5]]
            ):
                return False  # the session of whoever loaded the object
        return True

    def _is_at_home(self, function: Function, name: str, members: set[Function]) -> bool:
        """Is a name a function's own, of a module, or of a function that stays sync too?"""
        scope: Function | None = function
        while scope is not None and (name not in scope.facts.bound or scope.facts.kind == "class"):
            scope = scope.parent
        return scope is None or scope.facts.kind == "module" or scope in members

    def _hands_session(self, use: Use) -> bool:
        """Is a session, or an object that holds one, among the arguments of a call?"""
        operation = use.function.body.operations[use.operation]
        if operation[0] != f.CALL:
            return False
        values = self.inference.evaluations[use.function].values
        arguments = (*operation[6], *(i for _, i in operation[7]))
        return any(self._carries(atom) for i in arguments for atom in values[i if i >= 0 else ~i])

    def _carries(self, atom: v.Atom) -> bool:
        if isinstance(atom, v.FunctionObject):
            return atom.bound and atom.function.owner in self.holders()
        if isinstance(atom, v.Instance):
            return atom.cls in self.holders()
        return isinstance(atom, v.Known) and atom.kind in SYNC_KINDS

    def holders(self) -> frozenset[Class]:
        """The classes whose instances hold sessions, factories or engines, and those below them."""
        if self._holders[0] != self.inference.runs:
            found = set()
            for cls, value in self.inference.attributes_held():
                if any(isinstance(a, v.Known) and a.kind in SYNC_KINDS for a in value):
                    found |= {cls, *cls.descendants()}
            self._holders = self.inference.runs, frozenset(found)
        return self._holders[1]

    def _leaks(self, members: set[Function]) -> bool:
        """Does anybody else read a session, factory or engine that the members keep?"""
        kept = {place for member in members for place in self._stored(member)}
        return any(
            self._reads(function, cls, name)
            for cls, name in kept for function in self.program.mentioning(name)
            if function not in members
        )  # fmt: skip

    def _reads(self, function: Function, cls: Class | None, name: str) -> bool:
        """Does a function read an attribute of a class, or what may be a global variable?"""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return False
        if cls is None:
            return function.facts.kind != "module"
        family = {*cls.ancestors, *cls.descendants()}
        return any(
            operation and operation[0] == f.ATTRIBUTE and operation[6] == name
            and any(
                isinstance(a, v.Instance) and a.cls in family
                for a in evaluation.values[operation[5]]
            )
            for operation in function.body.operations
        )  # fmt: skip

    def _stored(self, function: Function) -> Iterator[tuple[Class | None, str]]:
        """The attributes, with their class, and global variables in which a function keeps a
        session or the like."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return
        for statement in statements_of(function.body.statements):
            if statement[0] != f.ASSIGN:
                continue
            value = evaluation.values[statement[8]]
            if not any(isinstance(a, v.Known) and a.kind in SYNC_KINDS for a in value):
                continue
            for target in statement[7]:
                if target[0] == f.TO_ATTRIBUTE:
                    for atom in evaluation.values[target[1]]:
                        if isinstance(atom, v.Instance):
                            yield atom.cls, target[2]
                elif target[0] == f.TO_NAME and target[1] in function.facts.declared:
                    yield None, target[1]

    # -- what has two of a kind

    def sources(self, function: Function) -> frozenset[Variable]:
        """The module-level engines, factories and sessions that a function names, and objects
        that hold some."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return frozenset()
        known = self._named.get(function)
        if known is None or known[0] is not evaluation:
            found = frozenset(
                variable for index, value in enumerate(evaluation.values)
                if any(self._is_held(a) for a in value)
                and (variable := self.variable(function, index)) is not None
            )  # fmt: skip
            known = self._named[function] = evaluation, found
        return known[1]

    def _is_held(self, atom: v.Atom) -> bool:
        if isinstance(atom, v.Instance):
            return atom.cls in self.holders()
        return isinstance(atom, v.Known) and atom.kind in SYNC_KINDS

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
        """Can a variable have a twin, with what it is made from, and the functions that make these
        a copy?"""
        pending, seen = [variable], {variable}
        while pending:
            current = pending.pop()
            makers = self.makers(current)
            if not self._twin_exists(current):
                return False
            if not all(m in sides.twinned or self._can_be_copied(m) for m in makers):
                return False
            fresh = self._made_from(current, makers) - seen
            seen |= fresh
            pending += fresh
        return True

    def _made_from(self, variable: Variable, makers: set[Function]) -> set[Variable]:
        """The engines, factories and sessions from which another is made."""
        found = {source for maker in makers for source in self.sources(maker)}
        place = self.assignment(variable)
        if place is not None:
            function, index = place
            values = self.inference.evaluations[function].values
            for inner in self.uses.layout(function).subtree(index) - {index}:
                named = self.variable(function, inner)
                if named is not None and any(self._is_held(a) for a in values[inner]):
                    found.add(named)
        return found

    def makers(self, variable: Variable) -> set[Function]:
        """The functions of the program by which a variable's value is made."""
        place = self.assignment(variable)
        if place is None:
            return set()
        function, index = place
        operations = function.body.operations
        out: set[Function] = set()
        pending: list[Function] = []
        for inner in self.uses.layout(function).subtree(index):
            if operations[inner][0] in (f.NAME, f.ATTRIBUTE):
                symbol = self.program.resolve_expression(function, operations, inner)
                pending += [symbol] if isinstance(symbol, Function) else []
        while pending:
            current = pending.pop()
            if current not in out and self.makes(current):
                out.add(current)
                pending += self._called_by(current)
        return out

    def _twin_exists(self, variable: Variable) -> bool:
        """Can a variable have a sync twin beside it: is it assigned once, by a call, and does its
        database live outside this process?"""
        place = self.assignment(variable)
        value = self.inference.global_value(variable.module, variable.name)
        if place is None or any(isinstance(a, v.Instance) for a in value):
            return False
        places = self.colors.places
        return not places.in_memory(*place) and not any(
            places.in_memory(maker, call)
            for maker in self.makers(variable) for call in self._engines_made(maker)
        )  # fmt: skip

    def _engines_made(self, function: Function) -> Iterator[int]:
        """The calls of a function that make engines."""
        evaluation = self.inference.evaluations[function]
        for index, operation in enumerate(evaluation.operations):
            if operation and operation[0] == f.CALL and any(
                isinstance(a, v.Known) and a.kind == "Engine" for a in evaluation.values[index]
            ):  # fmt: skip
                yield index

    def assignment(self, variable: Variable) -> tuple[Function, int] | None:
        """The one call, at the level of its module, whose result a variable is."""
        found = self.program.variable_expression(variable)
        if found is None or found[1][found[2]][0] != f.CALL:
            return None
        writers = (
            function for function in variable.module.functions
            if variable.name in function.facts.declared and variable.name in function.facts.bound
        )  # fmt: skip
        return None if any(writers) else (found[0], found[2])

    def _makes_sources(self, function: Function) -> bool:
        """Does a module make an engine or a factory that others import?"""
        evaluation = self.inference.evaluations[function]
        made = (
            evaluation.values[index] for index, operation in enumerate(evaluation.operations)
            if operation and operation[0] == f.CALL
        )  # fmt: skip
        return any(
            isinstance(a, v.Known) and a.kind in _SOURCES[:3] for value in made for a in value
        )

    def only_synced(self, sides: Sides) -> set[v.Origin]:
        """The origins of what nobody but the sync side names or makes."""
        quiet = sides.quiet
        named = {variable for function in quiet for variable in self.sources(function)}
        alone = {x for x in named if not self._named_outside(x, quiet)}
        named_alone = {origin for variable in alone for origin in self.origins(variable)}
        return named_alone | self._made(quiet)

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
        value = self.inference.global_value(variable.module, variable.name)
        return {a.origin for a in value if isinstance(a, v.Known) and a.origin is not None}

    def _named_outside(self, variable: Variable, quiet: set[Function]) -> bool:
        body = variable.module.functions[0]
        return any(
            function not in quiet and function is not body
            and self.program.resolve(function.module, variable.name) == variable
            for function in self.program.mentioning(variable.name)
        )  # fmt: skip

    # -- what both sides call

    def share(self, sides: Sides, turned: set[Function], islands: set[Function]) -> set[Function]:
        """Decide how the other side gets at what it shares; functions for which there is no way
        are returned."""
        hopeless: set[Function] = set()
        for member in ordered(sides.synced - sides.twinned - set(sides.roots) - islands):
            entries = [
                use for caller, use in self.colors.callers().get(member, ())
                if caller not in sides.quiet and caller not in islands and not is_handed(use)
            ]  # fmt: skip
            if not entries and not self._referred(member, sides, islands):
                continue
            outer = home(member)
            if outer is not member and (outer in sides.twinned or self._can_be_copied(outer)):
                sides.twinned |= {outer, member}
            elif self._can_be_given(member, entries, sides):
                sides.given.add(member)
            elif self._can_be_copied(member):
                sides.twinned |= {m for m in self.colors.family(member) if m in sides.synced}
            else:
                hopeless.add(member)
        sides.given -= sides.twinned
        return hopeless

    def split_decorators(self, sides: Sides, turned: set[Function]) -> bool:
        """A decorator of what turns and of what doesn't gets a sync copy for the latter. Says
        whether there is a new one."""
        found = {
            part for wrapper in turned
            if (outer := home(wrapper)) is not wrapper and wrapper not in sides.twinned
            and self._wraps_both(wrapper, turned) and self._can_be_copied(outer)
            for part in (outer, wrapper)
        }  # fmt: skip
        sides.twinned |= found
        return bool(found)

    def without_wrappers(
        self, use: Use, turned: set[Function], sides: Sides
    ) -> tuple[Function, ...]:
        """The functions that a call may run: of what doesn't turn, the async wrapper of a
        decorator with a sync copy isn't one."""
        plain = {d for c in use.callees if c not in turned for d in self._decorators(c)}
        plain &= sides.twinned
        return tuple(c for c in use.callees if home(c) is c or home(c) not in plain)

    def _decorators(self, function: Function) -> tuple[Function, ...]:
        """The decorators of the program that a function has."""
        if function not in self._decorating:
            operations = function.signature.operations
            scope = function.parent or function
            found = (
                self.program.resolve_expression(
                    scope, operations, operations[i][5] if operations[i][0] == f.CALL else i
                )
                for i in function.signature.decorators
            )
            self._decorating[function] = tuple(x for x in found if isinstance(x, Function))
        return self._decorating[function]

    def _wraps_both(self, wrapper: Function, turned: set[Function]) -> bool:
        return any(
            len({c in turned or c.facts.is_async for c in use.callees}) > 1
            for use in self.uses.of(wrapper) if use.kind == "call" and is_handed(use)
        )  # fmt: skip

    def _referred(self, function: Function, sides: Sides, islands: set[Function]) -> bool:
        """Does anything outside name a function of a module, as FastAPI's Depends does?"""
        if function.owner is not None or home(function) is not function:
            return False
        return any(
            other not in sides.quiet and other not in islands and other is not function
            and self.program.may_name(other, function) and self._names(other, function)
            for other in self.program.mentioning(function.name)
        )  # fmt: skip

    def _names(self, other: Function, function: Function) -> bool:
        """Is a function meant by a name in another's body or signature?"""
        for operations, scope in (
            (other.body.operations, other),
            (other.signature.operations, other.parent or other),
        ):
            for index, operation in enumerate(operations):
                if not operation or operation[0] not in (f.NAME, f.ATTRIBUTE):
                    continue
                last = operation[5] if operation[0] == f.NAME else operation[6]
                if last == function.name and (
                    self.program.resolve_expression(scope, operations, index) is function
                ):
                    return True
        return False

    def _can_be_given(self, function: Function, entries: list[Use], sides: Sides) -> bool:
        """Can all callers on the other side enter a function with the session that they have?"""
        if self.inference.config.shared == "twin" and self._can_be_copied(function):
            return False
        if function.facts.kind != "def" or function.facts.is_generator or not entries:
            return False
        if self._referred_only(function, entries) or not self.colors.does_io(function):
            return False
        below = self.below(function)
        if any(self.sources(m) or self.colors.makes_session(m) for m in below):
            return False
        if any(m.facts.is_generator or (m in sides.twinned and m.owner) for m in below):
            return False
        return all(self._may_enter(use) for use in entries)

    def _referred_only(self, function: Function, entries: list[Use]) -> bool:
        """Is a function handed on by name somewhere, beside being called?"""
        called = {use.function for use in entries if use.kind == "call"}
        return any(
            other not in called and other.facts.kind != "class" and other is not function
            and self.program.may_name(other, function) and self._names(other, function)
            and not any(function in u.callees for u in self.uses.of(other))
            for other in self.program.mentioning(function.name)
        )  # fmt: skip

    def _may_enter(self, use: Use) -> bool:
        if not self.colors.may_enter(use) or not self.hands_named(use):
            return False
        layout = self.uses.layout(use.function)
        inside = layout.subtree(use.operation) - {use.operation}
        return not any(
            other.operation in inside
            and (other.does_io or any(self.colors.does_io(c) for c in other.callees))
            for other in self.uses.of(use.function)
        )

    def hands_named(self, use: Use) -> bool:
        """Is a session itself among the arguments of a call? Then it is entered with that."""
        operation = use.function.body.operations[use.operation]
        if operation[0] != f.CALL:
            return False
        values = self.inference.evaluations[use.function].values
        arguments = (*operation[6], *(i for _, i in operation[7]))
        return any(
            isinstance(atom, v.Known) and atom.kind == "Session"
            for i in arguments if i >= 0 for atom in values[i]
        )  # fmt: skip

    def _can_be_copied(self, function: Function) -> bool:
        """Can a function of a module or class have a copy beside it?"""
        for member in self.colors.family(function):
            outer = member.parent
            if member.facts.kind != "def" or outer is None or outer.facts.kind == "def":
                return False
            if not all(self._can_be_repeated(member, d) for d in member.signature.decorators):
                return False
            if self.colors.does_io(member) and self.colors.obstacle(member) is not None:
                return False
            if member in self.colors.uncopied or self._is_taken(member):
                return False
        return True

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
        name = twin_name(function.name)
        if function.owner is not None:
            return any(name in cls.methods for cls in function.owner.ancestors)
        return name in function.module.bindings


def is_handed(use: Use) -> bool:
    """Is what is called a parameter of the function, or of one around it?"""
    operations = use.function.body.operations
    operation = operations[use.operation]
    if use.kind == "pass":
        return not any(
            not is_parameter(use.function, i if i >= 0 else ~i)
            for i in (*operation[6], *(i for _, i in operation[7]))
        )
    if use.kind != "call" or operation[0] != f.CALL:
        return False
    return is_parameter(use.function, operation[5])


def is_parameter(function: Function, index: int) -> bool:
    """Does an operation name a parameter of the function, or of one around it?"""
    operation = function.body.operations[index]
    if operation[0] != f.NAME:
        return False
    name = operation[5]
    scope: Function | None = function
    while scope is not None and name not in scope.facts.bound:
        scope = scope.parent
    return scope is not None and any(p.name == name for p in scope.signature.parameters)


def home(function: Function) -> Function:
    """The function of a module or class in which a function is defined, or it itself."""
    while function.parent is not None and function.parent.facts.kind in ("def", "lambda"):
        function = function.parent
    return function


def ordered(functions: Iterable[Function]) -> list[Function]:
    return sorted(functions, key=lambda fn: (fn.module.path, fn.index))


def twin_name(name: str) -> str:
    """The name of a function's sync copy."""
    return f"{name}{_COPY}"


def source_twin_name(name: str) -> str:
    """The name of a variable's twin, in its style: ``sync_engine``, ``SyncSessionLocal``."""
    bare = name.lstrip("_")
    lead = name[: len(name) - len(bare)]
    if bare.isupper():
        return f"{lead}SYNC_{bare}"
    if bare[:1].isupper():
        return f"{lead}Sync{bare}"
    return f"{lead}sync_{bare}"
