"""Finds the uses in one function that was evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product

from asyncify import facts as f
from asyncify.analysis import kept_methods
from asyncify.analysis import values as v
from asyncify.analysis.boundaries import Boundaries
from asyncify.analysis.by_name import is_hidden
from asyncify.analysis.consumers import DRIVING
from asyncify.analysis.program import Function
from asyncify.analysis.use import SYNC_KINDS, UNSURE, Use, in_order
from asyncify.analysis.use_calls import Calls
from asyncify.analysis.use_stacks import ENTERING, ENTERING_ASYNC
from asyncify.vocabulary.classes import may_look_below
from asyncify.vocabulary.frameworks import CONSTRUCTORS
from asyncify.vocabulary.loading import ROUTES, ROUTING, STORING_METHODS
from asyncify.vocabulary.names import (
    ALEMBIC_COMMANDS,
    GREENLET_ALWAYS,
)
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.tasks import TAKING_PATHS
from asyncify.vocabulary.testing import CLIENT_MEMBERS, MOCKS_OF, REQUEST

# The last parts of the names of what reaches sessions that it isn't given.
_REACHING = {
    "close_all",
    *(name.rpartition(".")[2] for name in GREENLET_ALWAYS | ALEMBIC_COMMANDS),
}

# Objects on which tests put what they like.
_FAKES = (*MOCKS_OF, "pytest")


class Collector(Calls):
    """All uses of one function."""

    def collect(self) -> Iterator[Use]:
        """All uses, in the order of the operations; then those of statements."""
        values, is_plain, unused = self.values, self.is_plain, self.inference.unused
        for index, operation in enumerate(self.operations):
            kind = operation[0] if operation else f.NAME
            if kind == f.ATTRIBUTE:  # most are of something foreign
                value = values[operation[5]]
                if value and not is_plain(value) and (value, operation[6]) not in unused:
                    found = list(self.attribute(index, operation))
                    if found or any(a.__class__ is v.Client for a in value):
                        yield from found
                    else:
                        unused.add((value, operation[6]))
            elif kind != f.NAME and kind != f.CONSTANT:
                collector = _COLLECTORS.get(kind)
                if collector is not None:
                    yield from collector(self, index, operation)
        for statement in self.layout.statements:
            if statement[0] == f.FOR:
                yield from self.iterated(statement[8])
            elif statement[0] == f.ASSIGN:
                if any(map(self._unpacks, statement[7])):
                    yield from self.iterated(statement[8])
                yield from self.stored(statement)
                yield from self.hung(statement)
                yield from self.declared(statement[7], statement[8])
            elif statement[0] == f.ANNOTATED:
                yield from self.declared((statement[7],), statement[9])
            elif statement[0] == f.AUGMENTED:
                yield from self.iterated(statement[8])  # `names += people()`, of a list
            elif statement[0] == f.WITH:
                for position, (value, target) in enumerate(statement[7]):
                    yield from self.entered(value, position, target is not None)
            elif statement[0] == f.FUNCTION and self.operations:
                child = self.function.module.functions[statement[7]]
                yield from self.defaults(max(statement[4] - 1, 0), child)
            elif statement[0] == f.RETURN and self.function.signature_is_decorated:
                yield from self.answered(statement[7])

        yield from self.surrounded()

    def _unpacks(self, target: f.Operation) -> bool:
        """Does an assignment go through the value: ``a, b = rows()``, ``names[1:] = rows()``?"""
        if target[0] == f.TO_SUBSCRIPT:
            return bool(self.operations and self.operations[target[2]][0] == f.SLICE)
        return bool(target[0] == f.TO_SEQUENCE)

    def surrounded(self) -> Iterator[Use]:
        """``@transaction()``: a context manager of the program is entered around each call."""
        managers = tuple(self.inference.around.get(self.function, ()))
        if managers and self.operations and not self.function.facts.is_generator:
            yield Use("around", self.function, 0, name=managers[0].name, callees=managers)

    def answered(self, index: int) -> Iterable[Use]:
        """A Query that a route returns: what answers the request goes through it."""
        if index < 0 or not self.queries(index):
            return ()
        decorators = Boundaries(self.inference).decorators(self.function)
        is_route = any(
            d.name.startswith(ROUTING) and d.name.rpartition(".")[2] in ROUTES for d in decorators
        )
        return self.iterated_queries(index) if is_route else ()

    def any_call(self, index: int, operation: f.Operation) -> Iterable[Use]:
        """Most calls are of something foreign, with nothing that matters here given to it."""
        callee = self.values[operation[5]]
        stored = self._stored(index, operation) if self.inference.storing.classes else None
        if stored is not None:
            return (stored,)
        if not self.is_plain(callee) or not self._gives_nothing(operation):
            return self._telling_call(index, operation)
        held = list(self.of_holder(index, operation, callee)) if callee else []
        if held:
            return held
        if self._reaches_sessions(operation) or self._method(operation) in TAKING_PATHS:
            return self.call(index, operation)
        for argument in operation[6]:
            given = argument if argument >= 0 else ~argument
            if not self.inference.holds_nothing(self.values[given]) or (
                argument >= 0 and self._may_be_made_by_ours(argument)
            ):
                return self.call(index, operation)
        for _, argument in operation[7]:
            if not self.inference.holds_nothing(self.values[argument]):
                return self.call(index, operation)
        return self.guessed(index, operation) if self._may_be_ours(operation) else ()

    def _stored(self, index: int, operation: f.Operation) -> Use | None:
        """A factory of the tests flushes or commits what it makes, and awaits nothing."""
        storing, callee = self.inference.storing, self.operations[operation[5]]
        is_method = callee[0] == f.ATTRIBUTE and callee[6] in STORING_METHODS
        for atom in self.values[callee[5] if is_method else operation[5]]:
            if isinstance(atom, v.ClassObject) and atom.cls in storing.classes:
                session = storing.session(atom.cls)
                if session is not None and not storing.runs_inside(self.function):
                    return Use("greenlet", self.function, index, session, name=atom.cls.name)
        return None

    def _may_be_made_by_ours(self, index: int) -> bool:
        """``sorted(store.keys())``, where nothing is known of the store"""
        operation = self.operations[index]
        return bool(operation[0] == f.CALL and self._may_be_ours(operation))

    def _telling_call(self, index: int, operation: f.Operation) -> Iterable[Use]:
        found = [] if min(operation[6], default=0) >= 0 else [*self.starred(operation[6])]
        found += self.call(index, operation)
        callee = self.operations[operation[5]]
        if callee[0] == f.NAME and callee[5] == "getattr":
            found += self.named_member(index, operation)
        return found

    def any_sequence(self, index: int, operation: f.Operation) -> Iterable[Use]:
        return self.starred(operation[6])

    def any_operator(self, index: int, operation: f.Operation) -> Iterable[Use]:
        """``in`` goes through what it looks into."""
        if operation[5] not in ("In", "NotIn"):
            return ()
        return (*self.iterated_queries(operation[6][1]), *self.generated(operation[6][1]))

    def any_subscript(self, index: int, operation: f.Operation) -> Iterable[Use]:
        for query in self.queries(operation[5]):
            yield Use("query", self.function, index, query, name="__getitem__")
        yield from self.items(index, operation)

    def any_comprehension(self, index: int, operation: f.Operation) -> Iterable[Use]:
        for part in operation[8]:
            yield from self.iterated(part[1])

    def any_delegation(self, index: int, operation: f.Operation) -> Iterable[Use]:
        return self.iterated(operation[5])

    def _reaches_sessions(self, operation: f.Operation) -> bool:
        """Is it a call that reaches sessions without being given any?"""
        callee = self.operations[operation[5]]
        if callee[0] == f.NAME:
            return callee[5] in _REACHING
        return callee[0] == f.ATTRIBUTE and callee[6] in _REACHING

    def stored(self, statement: f.Statement) -> Iterator[Use]:
        """``session.expire_on_commit = True``."""
        for target in statement[7]:
            if target[0] != f.TO_ATTRIBUTE:
                continue
            setters = tuple(
                m for a in self.values[target[1]] if isinstance(a, v.Instance)
                for m in self.inference.methods(a.cls, f"{target[2]}.setter")
            )  # fmt: skip
            if setters:
                yield Use("set", self.function, target[1], name=target[2], callees=setters)
            for atom in self.values[target[1]]:
                row = (
                    self.inference.row(atom.kind, target[2]) if isinstance(atom, v.Known) else None
                )
                if isinstance(atom, v.Known) and row is not None:
                    yield Use("store", self.function, target[1], atom, row, target[2])

    def hung(self, statement: f.Statement) -> Iterator[Use]:
        """``environment.globals["count"] = count``: a library has a function of the program."""
        value = self.values[statement[8]]
        given = [a.function for a in value if isinstance(a, v.FunctionObject)]
        for target in statement[7] if given else ():
            if target[0] not in (f.TO_SUBSCRIPT, f.TO_ATTRIBUTE):
                continue
            for atom in self.values[target[1]]:
                is_library = isinstance(atom, v.Foreign)
                if target[0] == f.TO_ATTRIBUTE:  # what objects hold is followed by its name
                    is_library = is_library and "()" not in atom.name
                    is_library = is_library or self._is_hook(atom, target[2])
                if is_library and isinstance(atom, (v.Foreign, v.ForeignInstance)):
                    callees = in_order(given, value)
                    name = atom.name.removeprefix("builtins.")
                    yield Use("pass", self.function, statement[8], name=name, callees=callees)

    def declared(self, targets: tuple[f.Operation, ...], index: int) -> Iterator[Use]:
        """``exception_handlers = {ValueError: refuse}``, in the body of a class below a library's,
        which reads it."""
        if self.function.facts.kind != "class" or index < 0:
            return
        value = self.values[index] | v.elements(self.values[index])
        given = [a.function for a in value if isinstance(a, v.FunctionObject)]
        names = [target[1] for target in targets if target[0] == f.TO_NAME] if given else []
        bases = self.inference.program.classes[self.function].foreign_bases if names else ()
        for base, name in product(sorted(bases), names):
            if base in CONSTRUCTORS or (may_look_below(base) and not self._is_read(name)):
                callees = in_order(given, value)
                yield Use("pass", self.function, index, name=f"{base}({name})", callees=callees)

    def _is_hook(self, atom: v.Atom, name: str) -> bool:
        """``client.on_message = on_message``: an attribute of a library's object that nobody in the
        program reads."""
        if not isinstance(atom, v.ForeignInstance) or "." not in atom.name:
            return False
        return not atom.name.startswith(_FAKES) and not self._is_read(name)

    def _is_read(self, name: str) -> bool:
        """Does the program read an attribute of that name anywhere?"""
        return any(
            operation and operation[0] == f.ATTRIBUTE and operation[6] == name
            for function in self.inference.program.mentioning_member(name)
            for operation in function.body.operations
        )  # fmt: skip

    def items(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``shelf[1]``: an item that a method of the program gives."""
        value = self.values[operation[5]]
        if not self.is_plain(value):
            found = (
                method for a in value if isinstance(a, v.Instance)
                for method in self.inference.methods(a.cls, "__getitem__")
            )  # fmt: skip
            callees = tuple(dict.fromkeys(found))
            if callees:
                name = "__getitem__"
                yield Use("property", self.function, index, name=name, callees=callees)

    def attribute(self, index: int, operation: f.Operation) -> Iterator[Use]:
        if operation[6] in DRIVING:
            yield from self.generated(operation[5])
        for atom in self.values[operation[5]]:
            kind = atom.__class__
            if kind is v.KnownMethod or kind is v.ClassObject or kind is v.FunctionObject:
                continue
            if isinstance(atom, v.Instance):
                found = self.inference.methods(atom.cls, operation[6])
                callees = tuple(m for m in found if self.inference.is_property(m))
                if callees:
                    yield Use("property", self.function, index, name=operation[6], callees=callees)
            elif isinstance(atom, v.Client):
                if not self._has_own(atom, operation):
                    yield Use("client", self.function, index, name=operation[6], client=atom)
            elif isinstance(atom, v.Known):
                row = self.inference.row(atom.kind, operation[6])
                if row is not None and row.attribute:
                    yield Use("member", self.function, index, atom, row, operation[6])
                elif row is not None and row.returns == kept_methods.BEGINS:
                    yield from self._kept(index, operation[6])

    def _kept(self, index: int, name: str) -> Iterator[Use]:
        """The method by which queries begin."""
        if not kept_methods.is_called(self.layout, index):
            reason = kept_methods.REASON.format(name=name)
            yield Use("refused", self.function, index, name=reason)

    def made(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``lambda q=session.query: ...``: the method is kept as a default."""
        yield from self.defaults(index, self.function.module.functions[operation[5]])

    def defaults(self, index: int, child: Function) -> Iterator[Use]:
        operations = child.signature.operations
        for position, parameter in enumerate(child.signature.parameters):
            if parameter.default < 0 or operations[parameter.default][0] != f.ATTRIBUTE:
                continue
            for atom in self.inference.passed(child, position):
                owner = atom.owner if isinstance(atom, v.KnownMethod) else None
                if isinstance(owner, v.Known) and isinstance(atom, v.KnownMethod):
                    row = self.inference.row(owner.kind, atom.name)
                    if row is not None and row.returns == kept_methods.BEGINS:
                        reason = kept_methods.REASON.format(name=atom.name)
                        yield Use("refused", self.function, index, name=reason)

    def named_member(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``getattr(client, verb)``: a member of a client, known by its verb or by none; or the
        property of an object."""
        if len(operation[6]) < 2:
            return
        yield from self.named_property(index, operation)
        clients = [a for a in self.values[operation[6][0]] if isinstance(a, v.Client)]
        names = [a.value for a in self.values[operation[6][1]] if isinstance(a, v.Literal)]
        row = CLIENT_MEMBERS.get(str(names[0]) if len(names) == 1 else REQUEST)
        plain = row is not None and not row.new
        name = row.name if row is not None and plain else "getattr"
        for atom in clients:
            yield Use("client", self.function, index, name=name, client=atom)

    def named_property(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``getattr(users, name)``: of a name that isn't known it may be any property."""
        names = [a.value for a in self.values[operation[6][1]] if isinstance(a, v.Literal)]
        methods: list[Function] = []
        others = len(operation[6]) > 2 or not names
        for atom in self.values[operation[6][0]]:
            if isinstance(atom, v.Instance):
                for name in names or [n for c in atom.cls.ancestors for n in c.methods]:
                    found = self.inference.methods(atom.cls, str(name))
                    found = tuple(fn for fn in found if self.inference.is_property(fn))
                    methods += found
                    others = others or not found
            else:
                others = True
        if methods:
            callees, item = in_order(methods, self.values[index]), UNSURE if others else -1
            name = callees[0].name
            yield Use("property", self.function, index, name=name, callees=callees, item=item)

    def _has_own(self, client: v.Client, operation: f.Operation) -> bool:
        """Is an attribute of a client one that the program's class of clients defines?"""
        base = self.operations[operation[5]]
        callee = self.operations[base[5]] if base[0] == f.CALL else ()
        if operation[6] not in CLIENT_MEMBERS and self._is_put_there(operation[6]):
            return True
        if client.cls is None or (callee and callee[0] == f.NAME and callee[5] == "super"):
            return False
        return client.cls.find(operation[6]) is not None or any(
            operation[6] in method.facts.stores
            for cls in client.cls.ancestors for method in cls.methods.values()
        )  # fmt: skip

    def _is_put_there(self, name: str) -> bool:
        """``client.events = []``: does the program keep something of its own in a client?"""
        for function in self.inference.program.mentioning(name):
            evaluation = self.inference.evaluations.get(function)
            if evaluation is None or name not in function.facts.stores:
                continue
            targets = (
                target for statement in self.inference.layout(function).statements
                for target in (statement[7] if statement[0] == f.ASSIGN else ())
                if target[0] == f.TO_ATTRIBUTE and target[2] == name
            )  # fmt: skip
            for target in targets:
                if any(isinstance(a, v.Client) for a in evaluation.values[target[1]]):
                    return True
        return False

    def entered(self, index: int, position: int, bound: bool) -> Iterator[Use]:
        managers: list[Function] = []
        for atom in self.values[index]:
            if isinstance(atom, v.Client):
                yield Use("enter client", self.function, index, item=position, client=atom)
            if isinstance(atom, v.Managed) and atom.function is not None:
                managers.append(atom.function)
            elif isinstance(atom, v.Managed) and not self._is_closing(index):
                yield from self._entered_declared(index, position, atom)
            elif isinstance(atom, v.Instance):
                own = [m for n in ENTERING for m in self.inference.methods(atom.cls, n)]
                turned = [m for n in ENTERING_ASYNC for m in self.inference.methods(atom.cls, n)]
                managers += own or turned
            elif isinstance(atom, v.Known):
                yield from self._entered_known(index, position, atom, bound)
        if is_hidden(self.values[index]):
            managers += self.by_name.managers(self.evaluation, index)
        if managers:
            callees = in_order(managers, self.values[index])
            name = callees[0].name
            yield Use(
                "enter manager", self.function, index, name=name, callees=callees, item=position
            )

    def _is_closing(self, index: int) -> bool:
        """Is what is entered made by ``closing``? That is a use of its own."""
        operation = self.operations[index]
        return operation[0] == f.CALL and any(
            use.kind == "enter closing" for use in self.any_call(index, operation)
        )

    def _entered_declared(self, index: int, position: int, atom: v.Managed) -> Iterator[Use]:
        """A manager of which only its annotation is known: what gives a session turns with it."""
        for item in atom.items:
            if isinstance(item, v.Known) and item.kind in SYNC_KINDS:
                yield Use("enter", self.function, index, item, item=position)

    def _entered_known(
        self, index: int, position: int, atom: v.Known, bound: bool
    ) -> Iterator[Use]:
        if atom.kind in SYNC_KINDS or atom.kind.lower().startswith("async"):
            operation = self.operations[index]
            if operation[0] == f.ATTRIBUTE:  # session.no_autoflush stays a plain `with`
                row = self.inference.row(atom.kind, operation[6])
                if row is not None and row.form is Form.SYNC_WITH:
                    if bound and row.returns == "self":
                        name = operation[6]
                        yield Use("bound manager", self.function, index, atom, row, name)
                    return
            yield Use("enter", self.function, index, atom, item=position)


_COLLECTORS: dict[int, Callable[[Collector, int, f.Operation], Iterable[Use]]] = {
    f.CALL: Collector.any_call,
    f.LAMBDA: Collector.made,
    f.SEQUENCE: Collector.any_sequence,
    f.OPERATOR: Collector.any_operator,
    f.SUBSCRIPT: Collector.any_subscript,
    f.COMPREHENSION: Collector.any_comprehension,
    f.YIELD_FROM: Collector.any_delegation,
}
