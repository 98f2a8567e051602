"""Finds the uses among the calls of one function that was evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeGuard

from asyncify import facts as f
from asyncify.analysis import alembic_runs
from asyncify.analysis import values as v
from asyncify.analysis.boundaries import fits
from asyncify.analysis.by_name import imports, is_hidden, is_imported
from asyncify.analysis.callables import CALLER
from asyncify.analysis.item_functions import REDUCE
from asyncify.analysis.iterating import FROM_ITERABLE, ITERATING, reads_items
from asyncify.analysis.looked_up import GETATTR
from asyncify.analysis.own_loops import is_own
from asyncify.analysis.program import Class, Function, dotted
from asyncify.analysis.queries import COMPUTED, rebuilds
from asyncify.analysis.use import SYNC_KINDS, UNSURE, Use, in_order
from asyncify.analysis.use_arguments import Arguments
from asyncify.analysis.use_stacks import CLOSING, ENTERING_LATER
from asyncify.vocabulary.loading import RENDERING
from asyncify.vocabulary.names import (
    BINDS,
    GREENLET_ALWAYS,
    GREENLET_FUNCTIONS,
    GREENLET_KEYWORDS,
    KINDS,
)
from asyncify.vocabulary.rows import Form, Role
from asyncify.vocabulary.sqlalchemy_query import QUERY
from asyncify.vocabulary.tasks import STEPPING, STREAMING, TAKING_PATHS

METADATA = ("create_all", "drop_all", "reflect")

_CLOSING = v.Foreign(CLOSING)
_OWN_SESSIONS = "Sessions of a class of the program stay sync: an async session only wraps them."
_OF_QUERIES = {"Session", "scoped_session", "Connection"}
_GENERATORS_OF_GENERATORS = "`chain.from_iterable` is given a generator of others."
_ITEMS = "`{}` goes through what the items of a container give."
_UNPACKED_BIND = "`{}` is given its engine or connection among unpacked options."
_BY_NAME = "`{}` of a session or engine is called by `methodcaller`, which can't await it."
_MADE_QUERIES = "A Query that its class makes on a session has no form on an async one."


class Calls(Arguments):
    """The uses that are calls."""

    def _gives_nothing(self, operation: f.Operation) -> bool:
        """Is nothing of the program and no object of SQLAlchemy given to a call?"""
        is_plain, values = self.is_plain, self.values
        for index in operation[6]:
            if not is_plain(values[index if index >= 0 else ~index]):
                return False
        return not operation[7] or all(is_plain(values[index]) for _, index in operation[7])

    def _may_be_ours(self, operation: f.Operation) -> bool:
        """May a call be that of a method of the program, by its name?"""
        callee = self.operations[operation[5]]
        if callee[0] != f.ATTRIBUTE:
            called = self.values[operation[5]]
            return is_imported(called) or (not called and GETATTR in self.function.facts.names)
        base = self.values[callee[5]]
        if base and imports(base):
            return bool(self.by_name.functions(callee[6]))
        return self.by_name.names(callee[6]) and is_hidden(self.values[operation[5]])

    def queries(self, index: int) -> list[v.QueryValue]:
        if not self.inference.holds_objects(self.values[index]):
            return []
        return merged(a for a in self.values[index] if self._is_query(a))

    def _is_query(self, atom: v.Atom) -> TypeGuard[v.QueryValue]:
        return isinstance(atom, v.QueryValue) and not self.inference.likely.is_of_unseen(atom)

    def call(self, index: int, operation: f.Operation) -> Iterator[Use]:
        callee, name = self.values[operation[5]], self._method(operation)
        kinds = {atom.__class__ for atom in callee}
        if v.KnownMethod in kinds:
            yield from self.member(index, operation, callee)
        functions: list[Function] = []
        for atom in callee:
            if atom.__class__ is not v.KnownMethod:
                functions += self.run_by(atom)
                yield from self.of_atom(index, operation, atom, functions)
        if _CLOSING in callee:
            yield from self.closing(index, operation)
        if name in ENTERING_LATER:
            yield from self.stacked(index, operation)
        pushed = list(self.pushed(index, operation, callee)) if name == "callback" else []
        yield from pushed
        spawned = list(self.in_greenlet(index, operation, callee, kinds))
        yield from spawned
        gives_nothing = self._gives_nothing(operation)
        if not functions and not spawned and not pushed:
            if not gives_nothing:
                yield from self.passed(index, operation, callee)
                yield from self.given(index, operation)
            elif name in TAKING_PATHS or self.gives_functions(operation):
                yield from self.passed(index, operation, callee)
            yield from self.contained(index, operation)
        if functions:
            callees = in_order(functions, callee)
            kind = "call"
            if any(isinstance(a, v.FunctionObject) and a.threaded for a in callee):
                kind = "thread" if self.layout.is_awaited(index) else ""
            if kind:
                yield Use(kind, self.function, index, name=callees[0].name, callees=callees)
            if not gives_nothing:
                yield from self.listed(operation, callee)
        else:
            if not gives_nothing and not self.keeps(callee):
                yield from self.read_elsewhere(operation)
            if self._may_be_ours(operation):
                yield from self.guessed(index, operation)
        if name in RENDERING:
            yield from self.rendered(operation)
        if not spawned and self._is_metadata(operation):
            yield from self.metadata(index, operation)

    def of_atom(
        self, index: int, operation: f.Operation, atom: v.Atom, functions: list[Function]
    ) -> Iterator[Use]:
        """One of what may be called: classes below it run their constructors too."""
        if atom.__class__ is v.FunctionObject:
            return
        if isinstance(atom, v.Requesting):
            yield from self._requested(operation[5], atom)
        if isinstance(atom, v.ClassObject) and atom.cls.subclasses:
            functions += self._run_below(operation[5], atom.cls)
        if isinstance(atom, v.Foreign):
            yield from self.of_foreign(index, operation, atom.name)
            if atom.name == REDUCE and operation[6] and operation[6][0] >= 0:
                applied_to = self.values[operation[6][0]]
                functions += [a.function for a in applied_to if isinstance(a, v.FunctionObject)]
        elif isinstance(atom, v.ClassObject) and is_session_class(atom.cls):
            yield Use("refused", self.function, index, name=_OWN_SESSIONS)
        if _makes_query(atom) and self._gives_session(operation):
            yield Use("refused", self.function, index, name=_MADE_QUERIES)

    def _requested(self, index: int, atom: v.Requesting) -> Iterator[Use]:
        """``send("/")``, where that is a client's method which was taken before."""
        callee = self.operations[index]
        is_own = callee[0] == f.ATTRIBUTE and atom.client in self.values[callee[5]]
        if not is_own and callee[0] in (f.NAME, f.ATTRIBUTE, f.SUBSCRIPT):
            yield Use("client", self.function, index, name=atom.name, client=atom.client)

    def _method(self, operation: f.Operation) -> str:
        """The name of the method that is called, or ''."""
        callee = self.operations[operation[5]]
        return str(callee[6]) if callee[0] == f.ATTRIBUTE else ""

    def listed(self, operation: f.Operation, callee: v.Value) -> Iterator[Use]:
        """Queries that are given to functions which take them for the list of what they select."""
        taken = {
            argument: None for atom in callee for argument in self.inference.taken(atom, operation)
            if argument >= 0 and self.queries(argument)
        }  # fmt: skip
        for argument in taken:
            yield from self.iterated_queries(argument)

    def read_elsewhere(self, operation: f.Operation) -> Iterator[Use]:
        """``",".join(names())``: a generator is given to something that is none of the program's,
        which goes through it."""
        name = ""
        for argument in (*operation[6], *[i for _, i in operation[7]]):
            value = self.values[argument] if argument >= 0 else v.UNKNOWN
            made = [] if self.is_plain(value) else [
                atom.function for atom in value if isinstance(atom, v.Generated)
                and not atom.function.facts.is_async
            ]  # fmt: skip
            if made:
                name = name or self.callee_name(operation)
                if name in ITERATING or name in STREAMING or fits(name):
                    return
                callees = in_order(made, self.values[argument])
                yield Use("iterate", self.function, argument, name=callees[0].name, callees=callees)

    def member(self, index: int, operation: f.Operation, callee: v.Value) -> Iterator[Use]:
        """A method of a Query, or of an object of SQLAlchemy."""
        if len(callee) == 1:
            (atom,) = callee
            assert isinstance(atom, v.KnownMethod)
            if self._is_query(atom.owner):
                yield from self._terminal(index, atom.owner, atom.name)
            elif isinstance(atom.owner, v.Known):
                yield from self._owned(index, operation, atom.owner, atom.name)
            return
        methods = [a for a in callee if isinstance(a, v.KnownMethod)]
        queried = [a.owner for a in methods if self._is_query(a.owner)]
        for query in merged(queried):
            yield from self._terminal(index, query, methods[0].name)
        yield from self._of_several(index, operation, callee, methods)

    def _of_several(
        self, index: int, operation: f.Operation, callee: v.Value, methods: list[v.KnownMethod]
    ) -> Iterator[Use]:
        """``f(*given)`` that may be `session.add` and `session.commit`: one of them stands for all,
        and what it gives is unsure where an async session has some of them as they were."""
        found = [
            (a.owner, a.name, self._does_io(a.owner, a.name)) for a in methods
            if isinstance(a.owner, v.Known) and self._has(a.owner, a.name)
        ]  # fmt: skip
        owned = sorted(found, key=_io_first)
        for owner, name, _ in owned[:1]:
            is_sync = owner.kind in SYNC_KINDS
            if is_sync or not self._is_of_library(index, callee):
                beside = {io for other, _, io in owned if (other.kind in SYNC_KINDS) is is_sync}
                item = UNSURE if len(beside) > 1 else -1
                for use in self._owned(index, operation, owner, name):
                    yield use._replace(item=item)

    def _does_io(self, owner: v.Known, name: str) -> bool:
        row = self.inference.row(owner.kind, name)
        return row is not None and row.io

    def _has(self, owner: v.Known, name: str) -> bool:
        """Has an object a method? An engine of 2.0 executes nothing itself."""
        row = self.inference.row(owner.kind, name)
        line = self.inference.config.sqlalchemy_version
        return row is None or line in (row.sync_lines or row.async_lines)

    def _is_of_library(self, index: int, callee: v.Value) -> bool:
        """Is a method called without `await` where a library's session, which is sync, may stand
        too, as in the copy that a function has for it?"""
        return not self.layout.is_awaited(index) and any(
            isinstance(a, v.Foreign) and "()." in a.name for a in callee
        )

    def _terminal(self, index: int, query: v.QueryValue, name: str) -> Iterator[Use]:
        row = QUERY.member(name)
        if row is not None:
            executes = row.role is Role.TERMINAL
        elif name == COMPUTED:
            executes, name = not rebuilds(self.layout, index), "getattr"
        else:
            own = self.inference.own_queries.method(name)
            executes = own is not None and bool(own.terminals)
        if executes:
            yield Use("query", self.function, index, query, name=name)

    def _owned(
        self, index: int, operation: f.Operation, owner: v.Known, name: str
    ) -> Iterator[Use]:
        member = self.inference.row(owner.kind, name)
        if member is not None:
            made = v.Origin(self.function, operation[3])
            if not self.inference.query_properties.gives_way(made):
                yield Use("member", self.function, index, owner, member, name)

    def run_by(self, atom: v.Atom) -> Sequence[Function]:
        """The functions of the program that calling something runs."""
        if isinstance(atom, v.FunctionObject):
            return (atom.function,)
        if isinstance(atom, v.ClassObject):
            constructor = atom.cls.constructor
            return (constructor,) if constructor else ()
        if isinstance(atom, v.Instance):
            return self.inference.methods(atom.cls, "__call__")
        return ()

    def _run_below(self, callee: int, cls: Class) -> list[Function]:
        """``HANDLERS[kind](db)``: where a class isn't called by its name, it may be one below."""
        if self.operations[callee][0] in (f.NAME, f.ATTRIBUTE) and cls is (
            self.inference.program.resolve_expression(self.function, self.operations, callee)
        ):
            return []
        return [own for below in cls.descendants() if (own := below.own_constructor) is not None]

    def _gives_session(self, operation: f.Operation) -> bool:
        given = [i if i >= 0 else ~i for i in (*operation[6], *(i for _, i in operation[7]))]
        kinds = {a.kind for i in given for a in self.values[i] if isinstance(a, v.Known)}
        return not kinds.isdisjoint(_OF_QUERIES)

    def of_foreign(self, index: int, operation: f.Operation, name: str) -> Iterator[Use]:
        """Something foreign is called: what it iterates over, makes or starts."""
        yield from self.foreign(index, operation, name)
        yield from self.of_class(index, name)
        if KINDS.get(name) == "sessionmaker":
            yield from self.made_of_class(index, operation)
        if name.startswith(CALLER):
            yield from self._called_by_name(index, operation, name.removeprefix(CALLER))
        if is_own(self.layout, index, name):
            yield Use("loop", self.function, index, name=name)

    def _called_by_name(self, index: int, operation: f.Operation, name: str) -> Iterator[Use]:
        """``methodcaller("commit")(session)``: nothing there can be rewritten."""
        for argument in operation[6][:1]:
            for atom in self.values[argument] if argument >= 0 else ():
                row = self.inference.row(atom.kind, name) if isinstance(atom, v.Known) else None
                if row is not None and row.io:
                    yield Use("refused", self.function, index, atom, name=_BY_NAME.format(name))

    def guessed(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``request.app.state.users.create(...)``"""
        found = self.by_name.candidates(self.evaluation, operation)
        if found:
            yield Use("maybe", self.function, index, name=found[0].name, callees=found)

    def in_greenlet(
        self, index: int, operation: f.Operation, callee: v.Value, kinds: set[type[v.Atom]]
    ) -> Iterator[Use]:
        """Something of SQLAlchemy's own that takes an engine or a connection, and stays sync."""
        if self.function.facts.kind in ("module", "class"):
            return
        is_foreign = v.Foreign in kinds
        if is_foreign:
            yield from self._migrating(index, callee)
        name = self._spawned(index, operation, callee)
        if not name:
            if is_foreign:
                yield from self.of_holder(index, operation, callee)
            return
        wanted = GREENLET_KEYWORDS.get(name, "")
        positional = () if wanted else operation[6]
        for argument in (
            *positional,
            *(i for key, i in operation[7] if not wanted or key == wanted),
        ):
            for atom in self.values[argument if argument >= 0 else ~argument]:
                if isinstance(atom, v.Known) and atom.kind in BINDS:
                    yield Use("greenlet", self.function, index, atom, name=name)
                    return

    def _migrating(self, index: int, callee: v.Value) -> Iterator[Use]:
        """A command of Alembic, on a connection that the function gives it."""
        for atom in callee:
            if isinstance(atom, v.Foreign) and alembic_runs.is_command(atom.name):
                for place in alembic_runs.shared_binds(self.layout, self.values)[:1]:
                    owner = alembic_runs.bind(self.values[place])
                    yield Use("greenlet", self.function, index, owner, name=atom.name)

    def _spawned(self, index: int, operation: f.Operation, callee: v.Value) -> str:
        """The name of a call that has to run in a greenlet if a bind is given to it, or ''."""
        for atom in callee:
            if isinstance(atom, v.Foreign) and atom.name in GREENLET_FUNCTIONS:
                return atom.name
            owner = atom.owner if isinstance(atom, v.KnownMethod) else None
            if isinstance(owner, v.Known) and isinstance(atom, v.KnownMethod):
                row = self.inference.row(owner.kind, atom.name)
                if row is not None and row.io and row.form is Form.ON_CONNECTION:
                    return "" if self._is_metadata_statement(index, operation) else row.name
        if self._is_metadata(operation):
            method = self.operations[operation[5]][6]
            return "" if self._is_metadata_statement(index, operation) else str(method)
        return self._method(operation) if self.reflects(operation) else ""

    def _is_metadata(self, operation: f.Operation) -> bool:
        """Is it ``metadata.create_all(...)``, by its name, and no function of the program?"""
        method = self.operations[operation[5]]
        return (
            method[0] == f.ATTRIBUTE and method[6] in METADATA
            and not any(isinstance(a, v.FunctionObject) for a in self.values[operation[5]])
        )  # fmt: skip

    def _is_metadata_statement(self, index: int, operation: f.Operation) -> bool:
        """``metadata.create_all(engine)`` on a line of its own has a form of its own."""
        if not self._is_metadata(operation):
            return False
        binds = [
            i for i in (*operation[6], *(i for _, i in operation[7]))
            if any(
                isinstance(a, v.Known) and a.kind in ("Engine", "Connection")
                for a in self.values[i if i >= 0 else ~i]
            )
        ]  # fmt: skip
        named = all(i >= 0 and self._is_named(i) for i in binds)
        return bool(binds) and named and self.layout.is_statement(index)

    def _is_named(self, index: int) -> bool:
        """Is an engine given by a name, or as the item of something?"""
        is_item = bool(self.operations[index][0] == f.SUBSCRIPT)
        return is_item or bool(dotted(self.operations, index))

    def made_of_class(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``sessionmaker(class_=...)`` with a class of the program, which stays sync: its own
        methods aren't those of the async session around it."""
        for keyword, value in operation[7]:
            if keyword == "class_" and any(
                isinstance(a, v.ClassObject) and self._adds_methods(a.cls)
                for a in self.values[value]
            ):
                yield Use("refused", self.function, index, name=_OWN_SESSIONS)

    def _adds_methods(self, cls: Class) -> bool:
        """Has a session class of the program methods that Session hasn't?"""
        own = (name for name in cls.methods if not name.startswith("_"))
        return is_session_class(cls) and any(
            self.inference.row("Session", name) is None for name in own
        )

    def of_class(self, index: int, name: str) -> Iterator[Use]:
        """``Session.object_session(user)``: a method that is called on the class; and functions
        that reach all sessions."""
        if name in GREENLET_ALWAYS:
            yield Use("greenlet", self.function, index, v.Known("Session"), name=name)
        owner, _, method = name.rpartition(".")
        row = self.inference.row(KINDS[owner], method) if owner in KINDS else None
        if row is not None and row.form is Form.TEMPLATE and not row.attribute:
            yield Use("member", self.function, index, v.Known(KINDS[owner]), row, method)

    def foreign(self, index: int, operation: f.Operation, name: str) -> Iterator[Use]:
        if name in ITERATING:
            given = operation[6]
            for argument in given[1:2] if name == REDUCE else given:
                if argument >= 0:
                    yield from self.iterated(argument)
                if reads_items(self.values, operation, argument):
                    yield from self._items(index, argument, name)
        elif name == FROM_ITERABLE and operation[6] and operation[6][0] >= 0:
            yield from self._chained(operation[6][0])
            return
        elif name in STEPPING and operation[6] and operation[6][0] >= 0:
            yield from self.stepped(index, operation[6][0])

    def _chained(self, index: int) -> Iterator[Use]:
        """``chain.from_iterable(names(session, age) for age in ages)``"""
        value = self.values[index]
        if any(isinstance(a, v.Generated) for a in value):
            yield Use("refused", self.function, index, name=_GENERATORS_OF_GENERATORS)
        elif callees := self._gone_through(v.elements(value)):
            yield Use("iterate", self.function, index, name=callees[0].name, callees=callees)

    def _items(self, index: int, argument: int, name: str) -> Iterator[Use]:
        """``zip(*tables)``, ``map(list, tables)``"""
        value = self.values[argument if argument >= 0 else ~argument]
        callees = self._gone_through(v.elements(value))
        if callees:
            reason = _ITEMS.format(name.rpartition(".")[2])
            yield Use("refused", self.function, index, name=reason, callees=callees)

    def _gone_through(self, value: v.Value) -> tuple[Function, ...]:
        """The functions of the program that run when something is gone through."""
        functions = [a.function for a in value if isinstance(a, v.Generated)]
        for atom in value:
            if isinstance(atom, v.Instance):
                functions += self.inference.methods(atom.cls, "__iter__")
        return in_order(functions, value)

    def stepped(self, index: int, iterator: int) -> Iterator[Use]:
        """``anext(rows)`` makes what gives the next item once it is awaited."""
        callees = tuple(
            m for a in self.values[iterator] for m in (
                (a.function,) if isinstance(a, v.Generated)
                else self.inference.methods(a.cls, "__anext__") if isinstance(a, v.Instance) else ()
            )
        )  # fmt: skip
        if callees:
            callees = in_order([*callees], self.values[iterator])
            yield Use("step", self.function, index, name=callees[0].name, callees=callees)

    def starred(self, parts: tuple[int, ...]) -> Iterator[Use]:
        """Queries and generators that are unpacked: ``[*query]``, ``f(*query)``."""
        for part in parts:
            if part < 0:
                yield from self.iterated(~part)

    def rendered(self, operation: f.Operation) -> Iterator[Use]:
        """``TemplateResponse("users.html", {"users": query})``: a template goes through a Query,
        which is among its variables."""
        for argument in (*operation[6], *(i for _, i in operation[7])):
            given = self.operations[argument] if argument >= 0 else ()
            if given and given[0] == f.DICT:
                yield from self._variables(given)
            elif given and given[0] == f.NAME and v.inner_queries(self.values[argument]):
                for statement in self.layout.statements:
                    yield from self._set_variables(statement, given[5])

    def _variables(self, operation: f.Operation) -> Iterator[Use]:
        for value in operation[6]:
            yield from self.iterated_queries(value)

    def _set_variables(self, statement: f.Statement, name: str) -> Iterator[Use]:
        """``context = {"users": query}``, ``context["users"] = query``."""
        value = self.operations[statement[8]] if statement[0] == f.ASSIGN else ()
        for target in statement[7] if value else ():
            if target[:2] == (f.TO_NAME, name) and value[0] == f.DICT:
                yield from self._variables(value)
            elif target[0] == f.TO_SUBSCRIPT and self.operations[target[1]][5:6] == (name,):
                yield from self.iterated_queries(statement[8])

    def iterated_queries(self, index: int) -> Iterator[Use]:
        for query in self.queries(index):
            yield Use("iterate query", self.function, index, query, name="__iter__")

    def generated(self, index: int) -> Iterator[Use]:
        """A generator is gone through."""
        functions = [a.function for a in self.values[index] if isinstance(a, v.Generated)]
        if functions:
            callees = in_order(functions, self.values[index])
            yield Use("iterate", self.function, index, name=callees[0].name, callees=callees)

    def iterated(self, index: int) -> Iterator[Use]:
        yield from self.iterated_queries(index)
        value = self.values[index]
        callees = self._gone_through(value)
        if is_hidden(value):
            callees = in_order([*self.by_name.generators(self.evaluation, index), *callees], value)
        if callees:
            yield Use("iterate", self.function, index, name=callees[0].name, callees=callees)

    def metadata(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``Base.metadata.create_all(bind=engine)``."""
        callee = self.operations[operation[5]]
        for argument in (*operation[6], *(i for name, i in operation[7] if name == "bind")):
            for atom in self.values[argument if argument >= 0 else ~argument]:
                if isinstance(atom, v.Known) and atom.kind in ("Engine", "Connection"):
                    yield Use("metadata", self.function, index, atom, name=callee[6])
                    return
        for options in (i for name, i in operation[7] if name is None):
            for atom in v.elements(self.values[options]):
                if isinstance(atom, v.Known) and atom.kind in ("Engine", "Connection"):
                    kind, name = "metadata", callee[6]
                    if not self._are_options(index, options):
                        kind, name = "refused", _UNPACKED_BIND.format(name)
                    yield Use(kind, self.function, index, atom, name=name)
                    return

    def _are_options(self, index: int, options: int) -> bool:
        """``create_all(**kwargs)`` on a line of its own: are they the function's own parameter, and
        unpacked nowhere else, so that the bind can be taken out of them?"""
        name = dotted(self.operations, options)
        parameters = self.function.signature.parameters
        unpacked = [
            i for operation in self.operations if operation and operation[0] == f.CALL
            for key, i in operation[7] if key is None and dotted(self.operations, i) == name
        ]  # fmt: skip
        is_own = any(p.kind == "**" and p.name == name for p in parameters)
        return is_own and len(unpacked) == 1 and self.layout.is_statement(index)


def _makes_query(atom: v.Atom) -> bool:
    """Is it the class of queries, or one below it?"""
    if isinstance(atom, v.ClassObject):
        return any(KINDS.get(base) == "Query" for base in atom.cls.foreign_bases)
    return isinstance(atom, v.Foreign) and KINDS.get(atom.name) == "Query"


def is_session_class(cls: Class) -> bool:
    """Is a class of the program a subclass of Session?"""
    return any(KINDS.get(base) == "Session" for base in cls.foreign_bases)


def _sync_first(owner: v.Known) -> tuple[object, ...]:
    """An object that may be one of several is taken for the sync one, in every run for the same."""
    origin = owner.origin
    made = (origin.function.module.path, origin.call) if origin is not None else ()
    return owner.kind not in SYNC_KINDS, owner.kind, not made, made


def _io_first(method: tuple[v.Known, str, bool]) -> tuple[object, ...]:
    owner, name, does_io = method
    is_async, *others = _sync_first(owner)
    return is_async, not does_io, *others, name


def merged(queries: Iterable[v.QueryValue]) -> list[v.QueryValue]:
    """One Query that stands for several: duplicates are possible where they are in any."""
    found = list(queries)
    if len(found) < 2:
        return found
    if len({q.origin for q in found}) == 1:
        first = min(found, key=v.order)
    else:
        first = min(found, key=lambda q: (q.origin.function.qualname, q.origin.call, v.order(q)))
    to_many, collections = any(q.to_many for q in found), any(q.collections for q in found)
    if (to_many, collections) == (first.to_many, first.collections):
        return [first]
    return [v.changed(first, to_many=to_many, collections=collections)]
