"""Roots: functions that can't turn, and stay sync on sessions of their own with what they call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.kept_abroad import KeptAbroad
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Class, Function, Variable, dotted
from asyncify.analysis.side_sharing import Sharing
from asyncify.analysis.side_spread import Spread
from asyncify.analysis.side_twins import Twins
from asyncify.analysis.sides import COPY, Sides, home, is_handed, ordered
from asyncify.analysis.statements import statements_of
from asyncify.analysis.uses import SYNC_KINDS
from asyncify.vocabulary.frameworks import Rule
from asyncify.vocabulary.special import is_special

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors

_CONNECTION = "Connection"
_DOUBLED = ("Engine", "sessionmaker")  # of which a module can have two
_MANY = 30  # functions between what can't turn and those who start it


class Roots:
    """Tells which functions can be roots of the sync side."""

    def __init__(self, colors: Colors, spread: Spread, twins: Twins, sharing: Sharing) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.program = colors.program
        self.uses = colors.uses
        self.spread = spread
        self.twins = twins
        self.sharing = sharing
        self.abroad = KeptAbroad(colors, spread)

    def add_root(self, function: Function, obstacle: Obstacle, sides: Sides) -> bool:
        """Make a function that can't turn a root, if it and what it calls can do without the other
        side's sessions."""
        if function in sides.refused or function.facts.kind == "class" or obstacle.whole:
            return False
        members = self.spread.below(function)
        if self.refusal(function, members, sides):
            return False
        if self.twins.shared_by(function, members) and self.add_called(function, obstacle, sides):
            return True
        sides.roots[function] = obstacle
        sides.synced |= members
        for reader in self.abroad.readers(members):
            reason = f"It has the session that `{function.qualname}` keeps for it, a sync one."
            sides.roots.setdefault(reader, replace(obstacle, reason=reason))
            sides.synced |= self.spread.below(reader)
        return True

    def add_called(self, body: Function, obstacle: Obstacle, sides: Sides) -> bool:
        """Make roots of what the body of a module calls, if it does nothing else with a database:
        `init_db()` below the engine that the application uses stays a call of a sync function."""
        if body.facts.kind != "module":
            return False
        called: set[Function] = set()
        for use in self.uses.of(body):
            doing = {c for c in use.callees if self.colors.does_io(c)}
            if use.kind != "call" or not doing:
                if use.does_io and use.kind != "metadata":
                    return False
            elif len(use.callees) > 1:
                return False
            called |= doing if use.kind == "call" else set()
        called -= sides.roots.keys()
        if not called or any(self._is_no_root(fn, obstacle, sides) for fn in called):
            return False
        for function in ordered(called):
            self.add_root(function, obstacle, sides)
        return True

    def add_above(self, function: Function, obstacle: Obstacle, sides: Sides) -> bool:
        """Make roots of the scripts and commands that a function which can't turn is called for, if
        nobody else calls it: a worker's main program stays sync as a whole."""
        found: set[Function] = set()
        seen, pending = {function}, [function]
        while pending:
            current = pending.pop()
            above = {caller for caller, _ in self.colors.callers().get(current, ())}
            if current.parent is not None and current.parent.facts.kind in ("def", "lambda"):
                above.add(current.parent)
            if not above or len(seen) > _MANY:
                return False
            for caller in above - seen:
                seen.add(caller)
                if caller.facts.kind == "module" or self.colors.is_entry(caller):
                    found.add(caller)
                else:
                    pending.append(caller)
        if any(self._is_no_root(fn, obstacle, sides) for fn in found):
            return False
        for each in ordered(found):
            self.add_root(each, obstacle, sides)
        return bool(found) and function in sides.synced

    def _is_no_root(self, function: Function, obstacle: Obstacle, sides: Sides) -> bool:
        if function in sides.refused or function.is_method or obstacle.whole:
            return True
        return bool(self.refusal(function, self.spread.below(function), sides))

    def refusal(self, function: Function, members: set[Function], sides: Sides) -> str:
        """What stops a function, with the members below it, from having sessions of its own."""
        return (
            self._coroutine(members)
            or self.abroad.refusal(members)
            or self._made_unseen(function)
            or self._given_generator(function)
            or self._crossing(function, members, sides)
            or self._foreign(function, members)
            or self._held_by_both(members, sides)
            or self._held_by_awaited(function, members)
            or self._without_twin(function, members, sides)
        )

    def refusal_below(self, method: Function, members: set[Function], sides: Sides) -> str:
        """What stops a class that makes its own sessions from being a side."""
        unknown = any(not self._knows_sessions(member, members) for member in members)
        return (
            self._coroutine(members) or self._leak(members, sides)
            or ("whose session it has isn't known" if unknown else "")
            or self._without_twin(method, members, sides)
        )  # fmt: skip

    def _made_unseen(self, function: Function) -> str:
        """Is a class given to something that may make objects of it, on a session?"""
        if not function.is_constructor or not self.wants_session(function):
            return ""
        is_seen = self.colors.factories.is_only_made(function)
        return "" if is_seen else "something that is given its class may make objects of it"

    def _given_generator(self, function: Function) -> str:
        """Does it go through a generator that its callers make, of theirs?"""
        parameters = {parameter.name for parameter in function.signature.parameters}
        for use in self.uses.of(function) if parameters else ():
            read = function.body.operations[use.operation]
            is_given = use.kind == "iterate" and read[0] == f.NAME and read[5] in parameters
            if is_given and any(map(self.colors.does_io, use.callees)):
                return (
                    f"`{use.callees[0].qualname}`, which it goes through, is of those who call it"
                )
        return ""

    def _coroutine(self, members: set[Function]) -> str:
        found = next(
            (
                m for m in ordered(members)
                if m.facts.is_async and not self.colors.is_outside(m)
                and self._is_used_outside(m, members)
            ),
            None,
        )  # fmt: skip
        return f"`{found.qualname}` below it is async already" if found is not None else ""

    def _foreign(self, function: Function, members: set[Function]) -> str:
        """Does a function get a session of which it isn't known where it comes from?"""
        if self.colors.is_configured_sync(function) or self.colors.is_outside(function):
            return ""
        if is_alembic(function) or self.colors.lent.lender(function):
            return ""  # on Alembic's connection, in a library's session
        if self._takes_sessions(function):
            return "whose session it is given isn't known"
        if not self._are_handed(function, members):
            return "whose session it hands on isn't known"
        inside = {member for member in members if not self._is_used_outside(member, members)}
        for member in ordered(members):
            if self._captures(member, inside if member is function else members):
                return f"`{member.qualname}` uses a session of the function around it"
        unknown = next((m for m in ordered(members) if not self._knows_sessions(m, members)), None)
        return "" if unknown is None else f"whose session `{unknown.qualname}` has isn't known"

    def _without_twin(self, root: Function, members: set[Function], sides: Sides) -> str:
        """Why an engine or factory that the members name can have no twin. What a module that runs
        as a script makes for itself needs none."""
        named = {variable for member in members for variable in self.twins.sources(member)}
        for _, use in self.colors.callers().get(root, ()):
            named.update(self.sharing.gives_sources(use))
        if root.facts.kind == "module":
            named = {variable for variable in named if variable.module is not root.module}
        for variable in sorted(named, key=lambda x: (x.module.path, x.name)):
            why = self.twins.twin_obstacle(variable, sides, members)
            if why:
                return f"`{variable.name}` has no sync twin: {why}"
        return ""

    def _held_by_both(self, members: set[Function], sides: Sides) -> str:
        """Whose object makes an engine or session for itself that methods of both sides use?"""
        for member in ordered(members):
            cls = member.owner
            if cls is None or member in sides.own or self.spread.is_doubled(cls):
                continue
            family = [cls] if self._keeps_own(member) or self._holds_own(member, members) else []
            family += self._opened_above(member, members)
            for method in (method for c in family for method in c.methods.values()):
                if self.spread.reads_held(method) and self._is_used_outside(method, members):
                    return f"`{method.qualname}` uses the session or engine that its object holds"
        return ""

    def _opened_above(self, member: Function, members: set[Function]) -> list[Class]:
        """The classes whose objects hold a session of a method's kind, which a method above them
        opens that their library calls, and that turns: Tornado's ``initialize``."""
        owner = member.owner
        if owner is None or not self.spread.held(member):
            return []
        opening = (
            cls for cls in owner.ancestors for method in cls.methods.values()
            if method not in members and self.colors.bounds.called_by_base(method) is not None
            and self.spread.opened(method) and any(c is not None for c, _ in self._stored(method))
        )  # fmt: skip
        return list(dict.fromkeys(each for cls in opening for each in cls.family))

    def _held_by_awaited(self, root: Function, members: set[Function]) -> str:
        """Which method that a library awaits has the same object as one that it calls plainly, and
        the session or engine that the object holds?"""
        if root.owner is None or not self.spread.reads_held(root):
            return ""
        for cls in root.owner.family:
            for method in cls.methods.values():
                row = self.colors.bounds.called_by_base(method)
                awaited = row is not None and row[1].rule is Rule.AWAITED
                if awaited and method not in members and self.colors.does_io(method):
                    return f"`{method.qualname}` uses the session or engine that its object holds"
        return ""

    def needs_doubles(self, function: Function) -> bool:
        """Would a root need objects to hold a second engine or factory?"""
        return any(
            member.owner is not None and self.spread.is_doubled(member.owner)
            and self.spread.reads_held(member) for member in self.spread.below(function)
        )  # fmt: skip

    def _holds_own(self, member: Function, members: set[Function]) -> bool:
        """Does a method use what another method of its class, which turns, makes and keeps?"""
        owner = member.owner
        return owner is not None and any(
            atom.origin is not None and atom.origin.function.owner in owner.ancestors
            and atom.origin.function not in members
            for atom in self.spread.held(member)
        )  # fmt: skip

    def _keeps_own(self, member: Function) -> bool:
        """Does a constructor make a session, and keep it in its object?"""
        return member.is_constructor and any(
            cls is not None for cls, _ in self._stored(member)
        ) and not self.wants_session(member)  # fmt: skip

    def _is_used_outside(self, method: Function, members: set[Function]) -> bool:
        return method not in members or any(
            caller not in members for caller, _ in self.colors.callers().get(method, ())
        )

    def add_copies(self, sides: Sides) -> None:
        """Sync copies that are there already stay, with what they call."""
        for function in self.inference.evaluations:
            if function.name.endswith(COPY) and self.is_copy(function):
                for member in (function, *self._driving(function)):
                    reason = "It is, or drives, the sync copy of an async function."
                    sides.roots[member] = Obstacle("", reason)
                    sides.synced |= self.spread.below(member)

    def _driving(self, copy: Function) -> list[Function]:
        """The sync functions that drive a generator, and the constructors whose objects keep what
        a function makes: they have its sessions."""
        drives, keeps = copy.facts.is_generator, self.spread.makes(copy)
        if not drives and not keeps:
            return []
        callers = dict.fromkeys(caller for caller, _ in self.colors.callers().get(copy, ()))
        return [
            fn for fn in callers if fn.facts.kind == "def" and not fn.facts.is_async
            and (drives or (fn.is_constructor and fn.owner in self.spread.holders()))
        ]  # fmt: skip

    def is_copy(self, function: Function) -> bool:
        """Is a function, or what it is defined in, the sync copy of an async one beside it?"""
        function = home(function)
        name = function.name.removesuffix(COPY)
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
            for atom in self.spread.returned(function)
        )

    def _crossing(self, root: Function, members: set[Function], sides: Sides) -> str:
        """Which session crosses over to the root, or from it to those who call it?"""
        callers = self.colors.callers().get(root, ())
        own = [(caller, use) for caller, use in callers if caller not in members]
        for caller, use in own:
            entered = self.sharing.may_enter(use) or self.sharing.gives_sources(use)
            if self.spread.hands_session(use) and not entered:
                return f"`{caller.qualname}` gives it a session (line {use.line})"
        if root.facts.kind == "module":
            shared = self._shared_source(root, members, sides)
            if shared:
                return f"others use `{shared}`, which is made here"
        if self._is_made_with_session(root) and any(
            member.owner is not None and self.spread.reads_held(member) for member in members
        ):
            return "it uses the session that its object is given"
        outer = home(root)
        if (
            outer is not root
            and self.spread.holds_one(outer.owner)
            and (self.spread.reads_held(root))
        ):
            return "it uses the session that its object holds"
        called = any(use.kind != "pass" for _, use in own) or is_special(root.name)
        if not called and not self._shares_object(root):
            readers = self.abroad.readers(members)
            return self._leak(members.union(readers), sides) if readers else ""
        if root.is_method and not root.is_constructor and self.spread.holds_one(root.owner):
            return "it uses the session that its object holds"
        if is_special(root.name) and any(
            any(map(self.spread.is_held, self.inference.passed(root, position)))
            for position in range(1, len(root.signature.parameters))
        ):
            return "it uses the session of an object that it is given"
        if self.spread.makes(root):
            return "it hands a session on"
        if self._meets_instances(root):
            sources = {variable for member in members for variable in self.twins.sources(member)}
            if any(map(self.uses.registries.is_one, sources)):
                return "its objects belong to the session that its callers have of a registry"
        return self._leak(members, sides)

    def _meets_instances(self, root: Function) -> bool:
        """Is it a method of a model, or given instances, or does its object hold some?"""
        models, evaluation = self.inference.models, self.inference.evaluations.get(root)
        if root.owner is not None and models.is_mapped(root.owner):
            return True
        given = {parameter.name for parameter in root.signature.parameters}
        return evaluation is not None and any(
            dotted(root.body.operations, index).partition(".")[0] in given
            for index, value in enumerate(evaluation.values)
            if any(isinstance(a, v.Instance) and models.is_mapped(a.cls) for a in value)
        )

    def _shares_object(self, root: Function) -> bool:
        """Does a library call a method on the object on which it calls tests?"""
        cases = self.colors.cases
        return cases.runs(root) or cases.is_called_by_pytest(root)

    def _are_handed(self, root: Function, members: set[Function]) -> bool:
        """Do those below a root get their sessions from values that are known to be sessions?"""
        for member in members - {root}:
            if not self.wants_session(member):
                continue
            for caller, use in self.colors.callers().get(member, ()):
                inside = caller in members and use.kind == "call" and not is_handed(use)
                if inside and not self.spread.hands_session(use):
                    if any(self.colors.wraps(c, member) for c in use.callees if c is not member):
                        continue  # the wrapper that is called hands it one
                    return False
        return True

    def wants_session(self, function: Function) -> bool:
        evaluation = self.inference.evaluations.get(function)
        return evaluation is not None and any(
            isinstance(atom, v.Known) and atom.kind in ("Session", "Connection")
            for parameter in function.signature.parameters
            if not self._is_optional(function, parameter.default)
            for atom in evaluation.environment.get(parameter.name, ())
        )

    def _is_made_with_session(self, method: Function) -> bool:
        """Is the object of a method given the session that it holds?"""
        cls = method.owner
        makers = (c.own_constructor for c in (cls, *cls.ancestors)) if cls else ()
        return any(maker is not None and self.wants_session(maker) for maker in makers)

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
            if operation[0] == f.ATTRIBUTE and all(
                isinstance(a, (v.Foreign, v.ForeignInstance))
                for a in evaluation.values[operation[5]]
            ):
                return False  # `request.state.db`: whoever handles the request keeps it there
            if operation[0] == f.ATTRIBUTE and any(
                isinstance(a, v.Instance) and not _keeps(a.cls, operation[6])
                for a in evaluation.values[operation[5]]
            ):
                return False  # `state.factory`: somebody else put it there, for both sides
            if operation[0] == f.NAME and not self._is_at_home(member, operation[5], members):
                return False
            if operation[0] == f.NAME and self._is_proxy(member, operation[5], value):
                return False  # of whatever anybody sets it to
            if operation[0] == f.CALL and any(
                isinstance(a, v.Foreign) and a.name.endswith("object_session")
                for a in evaluation.values[operation[5]]
            ):
                return False  # the session of whoever loaded the object
        return True

    def _captures(self, member: Function, members: set[Function]) -> bool:
        """``lambda total, key: total + service.count(key)``: does an object that holds a session
        come from the function around, which has others?"""
        outer, evaluation = member.parent, self.inference.evaluations.get(member)
        if outer is None or outer.facts.kind not in ("def", "lambda") or evaluation is None:
            return False
        return self._defaults_to(outer, member, members) or any(
            operation and operation[0] == f.NAME
            and any(map(self.spread.is_held, value))
            and not self._is_at_home(member, operation[5], members)
            for operation, value in zip(member.body.operations, evaluation.values, strict=True)
        )  # fmt: skip

    def _defaults_to(self, outer: Function, member: Function, members: set[Function]) -> bool:
        """``lambda db=db: count(db)``: has a parameter a session of the function around?"""
        operations = member.signature.operations
        return any(
            parameter.default >= 0 and operations[parameter.default][0] == f.NAME
            and any(isinstance(a, v.Known) or self.spread.is_held(a)
                    for a in self.inference.passed(member, position))
            and _scope(outer, operations[parameter.default][5]) not in (None, *members)
            for position, parameter in enumerate(member.signature.parameters)
        )  # fmt: skip

    def _is_proxy(self, function: Function, name: str, value: v.Value) -> bool:
        """Is it a module's session of which nothing tells what made it?"""
        sessions = [a for a in value if isinstance(a, v.Known) and a.kind == "Session"]
        told = any(a.origin is not None for a in sessions)
        is_global = isinstance(self.program.lookup(function, name), Variable)
        return bool(sessions) and not told and is_global

    def _is_at_home(self, function: Function, name: str, members: set[Function]) -> bool:
        """Is a name a function's own, of a module, or of a function that stays sync too?"""
        scope = _scope(function, name)
        return scope is function or scope is None or scope in members

    def _leak(self, members: set[Function], sides: Sides) -> str:
        """Who else reads a session, factory or engine that the members keep? A global variable
        that can have a twin is kept by both sides."""
        kept = {
            place for member in members for place in self._stored(member)
            if not self._is_doubled(member, *place, members, sides)
        }  # fmt: skip
        readers = [
            (function, name)
            for cls, name in kept for function in self.program.mentioning(name)
            if function not in members and self._reads(function, cls, name)
        ]  # fmt: skip
        if not readers:
            return ""
        first = min(readers, key=lambda each: (each[0].module.path, each[0].index, each[1]))
        return f"`{first[0].qualname}` reads the session that it keeps as `{first[1]}`"

    def _is_doubled(
        self,
        function: Function,
        cls: Class | None,
        name: str,
        members: set[Function],
        sides: Sides,
    ) -> bool:
        if cls is not None:
            return self.spread.is_doubled(cls)
        variable = self.program.resolve(function.module, name)
        return isinstance(variable, Variable) and not self.twins.twin_obstacle(
            variable, sides, members
        )

    def _reads(self, function: Function, cls: Class | None, name: str) -> bool:
        """Does a function read an attribute of a class, or what may be a global variable?"""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return False
        if cls is None:
            return function.facts.kind != "module"
        family = {*cls.ancestors, *cls.descendants()}
        for index, operation in enumerate(function.body.operations):
            if not operation or operation[0] != f.ATTRIBUTE or operation[6] != name:
                continue
            base = evaluation.values[operation[5]]
            if any(isinstance(a, v.Instance) and a.cls in family for a in base):
                return True
            if not base and any(map(_is_guessed, evaluation.values[index])):
                return True  # `state.session`: the session of an object that may be one of them
        return False

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

    def _shared_source(self, body: Function, members: set[Function], sides: Sides) -> str:
        """The name of an engine, factory or session, or of an object that holds some, that a
        module binds and that functions use which aren't among the members. There may be a sync
        engine or factory beside theirs, for what the module does itself."""
        for name in sorted(body.facts.bound):
            symbol = self.program.resolve(body.module, name)
            if not isinstance(symbol, Variable) or symbol.module is not body.module:
                continue
            value = self.inference.global_value(symbol.module, name)
            if not any(map(self._is_held_within, value)) or self._is_doubled_here(symbol, sides):
                continue
            if self.twins.is_named_outside(symbol, members):
                return name
        return ""

    def _is_doubled_here(self, variable: Variable, sides: Sides) -> bool:
        """Can a module make a second engine or factory beside the one that it makes for others?"""
        value = self.inference.global_value(variable.module, variable.name)
        return (
            all(isinstance(a, v.Known) and a.kind in _DOUBLED for a in value)
            and not self.twins.makers(variable)
            and self.twins.can_have_twin(variable, sides)
            and not self._is_on_connection(variable)
        )

    def _is_on_connection(self, variable: Variable) -> bool:
        """``Session = sessionmaker(engine.connect())``: nobody can start an async connection in the
        body of a module."""
        body = variable.module.functions[0]
        evaluation, layout = self.inference.evaluations.get(body), self.colors.uses.layout(body)
        return evaluation is not None and any(
            isinstance(atom, v.Known) and atom.kind == _CONNECTION
            for place in self.program.values_assigned(variable)
            for index in layout.subtree(place)
            for atom in evaluation.values[index]
        )

    def _is_held_within(self, atom: v.Atom) -> bool:
        """Is it a session, factory or engine, or an object that holds some, or an object that holds
        such an object?"""
        if self.spread.is_held(atom):
            return True
        classes = (atom.cls, *atom.cls.ancestors) if isinstance(atom, v.Instance) else ()
        return any(
            isinstance(held, v.Instance) and self.spread.holds_one(held.cls)
            for cls in classes
            for method in cls.methods.values()
            for name in method.facts.stores
            for held in self.inference.read(self.inference.slot("attribute", cls, name))
        )


def _is_guessed(atom: v.Atom) -> bool:
    """Is something a session by its name and its use alone?"""
    return isinstance(atom, v.Known) and atom.origin is None and not atom.sure


def _keeps(cls: Class, name: str) -> bool:
    """Does a class itself give its objects an attribute?"""
    return any(
        name in (body.facts.bound if body.facts.kind == "class" else body.facts.stores)
        or name in each.methods
        for each in cls.family for body in (each.body, *each.methods.values())
    )  # fmt: skip


def _scope(function: Function, name: str) -> Function | None:
    """The function that binds a name that a function reads; None where that is a module."""
    scope: Function | None = function
    while scope is not None and (name not in scope.facts.bound or scope.facts.kind == "class"):
        scope = scope.parent
    return None if scope is None or scope.facts.kind == "module" else scope
