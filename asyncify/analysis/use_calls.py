"""Finds the uses among the calls of one function that was evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from asyncify import facts as f
from asyncify.analysis import alembic_runs
from asyncify.analysis import values as v
from asyncify.analysis.boundaries import calls_what_it_gets, fits, may_call_items
from asyncify.analysis.by_name import imports, is_hidden
from asyncify.analysis.calls import BY_KEY
from asyncify.analysis.consumers import applied
from asyncify.analysis.looked_up import GETATTR
from asyncify.analysis.program import Class, Function, dotted
from asyncify.analysis.queries import COMPUTED, rebuilds
from asyncify.analysis.use import MAKING, SYNC_KINDS, Use
from asyncify.analysis.use_stacks import CLOSING, Stacks
from asyncify.vocabulary.frameworks import CONSTRUCTORS
from asyncify.vocabulary.names import (
    BINDS,
    FUNCTIONS,
    GREENLET_ALWAYS,
    GREENLET_FUNCTIONS,
    GREENLET_KEYWORDS,
    KINDS,
)
from asyncify.vocabulary.rows import Form, Role
from asyncify.vocabulary.runners import RUNNERS
from asyncify.vocabulary.sqlalchemy_query import QUERY
from asyncify.vocabulary.tasks import STARTUP, STREAMING
from asyncify.vocabulary.testing import CLEANUPS, EXPECTING

METADATA = ("create_all", "drop_all", "reflect")
# Listeners run where the event happens: inside a greenlet.
LISTENING = {"sqlalchemy.event.listen", "sqlalchemy.event.listens_for"}
# Builtins that iterate over their arguments.
ITERATING = {
    "list", "tuple", "set", "sorted", "iter", "enumerate", "sum", "any", "all", "zip", "map",
    "filter", "dict", "frozenset", "min", "max", "next", "reversed",
    "collections.Counter", "collections.OrderedDict", "collections.deque", "functools.reduce",
    "itertools.accumulate", "itertools.chain", "itertools.combinations", "itertools.compress",
    "itertools.cycle", "itertools.dropwhile", "itertools.filterfalse", "itertools.groupby",
    "itertools.islice", "itertools.pairwise", "itertools.permutations", "itertools.product",
    "itertools.starmap", "itertools.takewhile", "itertools.tee", "itertools.zip_longest",
}  # fmt: skip
_REDUCE = "functools.reduce"  # of its arguments only the second is iterated
# Awaited, they run a function in a thread and give its result.
THREADS = {name for name, runner in RUNNERS.items() if runner.gives}
_PROCESSES = "concurrent.futures.ProcessPoolExecutor"

# Run a coroutine in an event loop of its own; https://docs.python.org/3/library/asyncio-runner.html
LOOPS = {"asyncio.run", "asyncio.runners.run", "anyio.run"}

# Foreign calls that do no I/O with a session that they are given.
_HARMLESS = (
    "sqlalchemy.event.", "contextlib.", "functools.", "typing.", "unittest.mock", "logging.",
    "fastapi.", "starlette.", "builtins.", "weakref.", "copy.", "asyncio.", "dataclasses.",
)  # fmt: skip
_KEEPING = {
    "append", "add", "setattr", "put", "get", "pop", "add_task", "set", "info",
    "debug", "warning", "isinstance", "object", "patch", "spy", "override", "add_middleware",
    "setdefault", "update", "insert", "create_all", "drop_all", "reflect", "SimpleNamespace",
}  # fmt: skip


# Bases of classes that keep what they are made with in their fields.
_OF_RECORDS = {"typing.NamedTuple", "typing.Generic", "typing.Protocol", "abc.ABC", "NamedTuple"}
_CLOSING = v.Foreign(CLOSING)
_OWN_SESSIONS = "Sessions of a class of the program stay sync: an async session only wraps them."
_OF_QUERIES = {"Session", "scoped_session", "Connection"}
_MADE_QUERIES = "A Query that its class makes on a session has no form on an async one."


class Calls(Stacks):
    """The uses that are calls."""

    def _gives_nothing(self, operation: f.Operation) -> bool:
        """Is nothing of the program and no object of SQLAlchemy given to a call?"""
        is_plain, values = self.is_plain, self.values
        for index in operation[6]:
            if not is_plain(values[index if index >= 0 else ~index]):
                return False
        return all(is_plain(values[index]) for _, index in operation[7])

    def _gives_functions(self, operation: f.Operation) -> bool:
        """``Runner(jobs=[job])``: are functions in a container given to something foreign?"""
        values = self.values
        given = (*(i for i in operation[6] if i >= 0), *(i for _, i in operation[7]))
        return (
            any(values[i] and not self.inference.holds_nothing(values[i]) for i in given)
            and may_call_items(self._callee_name(operation))
        )  # fmt: skip

    def _may_be_ours(self, operation: f.Operation) -> bool:
        """May a call be that of a method of the program, by its name?"""
        callee = self.operations[operation[5]]
        if callee[0] != f.ATTRIBUTE:
            return GETATTR in self.function.facts.names and not self.values[operation[5]]
        base = self.values[callee[5]]
        if base and imports(base):
            return bool(self.by_name.functions(callee[6]))
        return self.by_name.names(callee[6]) and is_hidden(self.values[operation[5]])

    def queries(self, index: int) -> list[v.QueryValue]:
        if not self.inference.holds_objects(self.values[index]):
            return []
        return merged(a for a in self.values[index] if isinstance(a, v.QueryValue))

    def call(self, index: int, operation: f.Operation) -> Iterator[Use]:
        callee, name = self.values[operation[5]], self._method(operation)
        if any(atom.__class__ is v.KnownMethod for atom in callee):
            yield from self.member(index, operation, callee)
        functions: list[Function] = []
        for atom in callee:
            if atom.__class__ is not v.KnownMethod:
                functions += self.run_by(atom)
                yield from self.of_atom(index, operation, atom, functions)
        if _CLOSING in callee:
            yield from self.closing(index, operation)
        if name == "enter_context":
            yield from self.stacked(index, operation)
        pushed = list(self.pushed(index, operation, callee)) if name == "callback" else []
        yield from pushed
        spawned = list(self.in_greenlet(index, operation, callee))
        yield from spawned
        if not functions and not spawned and not pushed:
            if not self._gives_nothing(operation):
                yield from self.passed(index, operation, callee)
                yield from self.given(index, operation)
            elif self._gives_functions(operation):
                yield from self.passed(index, operation, callee)
        if functions:
            callees = in_order(functions, callee)
            yield Use("call", self.function, index, name=callees[0].name, callees=callees)
            if not self._gives_nothing(operation):
                yield from self.listed(operation, callee)
        else:
            yield from self.read_elsewhere(operation)
            if self._may_be_ours(operation):
                yield from self.guessed(index, operation)
        if not spawned and name in METADATA:
            yield from self.metadata(index, operation)

    def of_atom(
        self, index: int, operation: f.Operation, atom: v.Atom, functions: list[Function]
    ) -> Iterator[Use]:
        """One of what may be called: classes below it run their constructors too."""
        if isinstance(atom, v.ClassObject) and atom.cls.subclasses:
            functions += self._run_below(operation[5], atom.cls)
        if isinstance(atom, v.Foreign):
            yield from self.of_foreign(index, operation, atom.name)
        elif isinstance(atom, v.ClassObject) and is_session_class(atom.cls):
            yield Use("refused", self.function, index, name=_OWN_SESSIONS)
        if _makes_query(atom) and self._gives_session(operation):
            yield Use("refused", self.function, index, name=_MADE_QUERIES)

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
                name = name or self._callee_name(operation)
                if name in ITERATING or name in STREAMING or fits(name):
                    return
                callees = in_order(made, self.values[argument])
                yield Use("iterate", self.function, argument, name=callees[0].name, callees=callees)

    def member(self, index: int, operation: f.Operation, callee: v.Value) -> Iterator[Use]:
        """A method of a Query, or of an object of SQLAlchemy."""
        if len(callee) == 1:
            (atom,) = callee
            assert isinstance(atom, v.KnownMethod)
            if isinstance(atom.owner, v.QueryValue):
                yield from self._terminal(index, atom.owner, atom.name)
            else:
                yield from self._owned(index, operation, atom.owner, atom.name)
            return
        methods = [a for a in callee if isinstance(a, v.KnownMethod)]
        queried = [a.owner for a in methods if isinstance(a.owner, v.QueryValue)]
        for query in merged(queried):
            yield from self._terminal(index, query, methods[0].name)
        owners = sorted((a.owner for a in methods if isinstance(a.owner, v.Known)), key=_sync_first)
        for owner in owners[:1]:
            yield from self._owned(index, operation, owner, methods[0].name)

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
        if name in LOOPS:
            yield Use("loop", self.function, index, name=name)

    def guessed(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``request.app.state.users.create(...)``"""
        found = self.by_name.candidates(self.evaluation, operation)
        if found:
            yield Use("maybe", self.function, index, name=found[0].name, callees=found)

    def in_greenlet(self, index: int, operation: f.Operation, callee: v.Value) -> Iterator[Use]:
        """Something of SQLAlchemy's own that takes an engine or a connection, and stays sync."""
        if self.function.facts.kind in ("module", "class"):
            return
        yield from self._migrating(index, callee)
        name = self._spawned(index, operation, callee)
        if not name:
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
        method = self.operations[operation[5]]
        if method[0] == f.ATTRIBUTE and method[6] in METADATA:
            return "" if self._is_metadata_statement(index, operation) else str(method[6])
        return ""

    def _is_metadata_statement(self, index: int, operation: f.Operation) -> bool:
        """``metadata.create_all(engine)`` on a line of its own has a form of its own."""
        method = self.operations[operation[5]]
        if method[0] != f.ATTRIBUTE or method[6] not in METADATA:
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

    def passed(self, index: int, operation: f.Operation, callee: v.Value) -> Iterator[Use]:
        """Functions of the program that are handed to something outside it."""
        if any(isinstance(a, v.ClassObject) and self._keeps_fields(a.cls) for a in callee):
            return
        method = self.operations[operation[5]]
        by_key = method[0] == f.ATTRIBUTE and method[6] in BY_KEY and not callee
        if by_key and v.elements(self.values[method[5]]):
            return  # `handlers.get(name, self.other)` gives it back
        name = self._callee_name(operation)
        kind = "pass"
        enters = any(isinstance(a, v.KnownMethod) and a.name == "run_sync" for a in callee)
        if enters or name in LISTENING:
            kind = "run sync"
        elif name in THREADS and self.layout.is_awaited(index) and not self._in_process(operation):
            kind = "thread"
        expected = EXPECTING.get(name, EXPECTING.get(name.rpartition(".")[2], -1))
        consumer = applied(self.layout, index)
        known = CONSTRUCTORS.get(name, {}) if name not in STARTUP else {}
        words = {i: key for key, i in operation[7] if key in known}
        for argument in (*operation[6], *(i for _, i in operation[7])):
            value = self.values[argument if argument >= 0 else ~argument]
            if argument in words:
                name = f"{name.partition('(')[0]}({words[argument]})"
            if expected >= 0 and operation[6][expected : expected + 1] == (argument,):
                kind, name = "expect", name.rpartition(".")[2]
            given = [a.function for a in value if isinstance(a, v.FunctionObject)]
            here = consumer is not None and argument == consumer.function
            if not given and (here or calls_what_it_gets(name)):
                given = self._called_objects(value)
            if not given and may_call_items(name):
                given = [a.function for a in v.elements(value) if isinstance(a, v.FunctionObject)]
            if given:
                callees = in_order(given, value)
                own = "apply" if here else kind
                yield Use(own, self.function, index, name=name, callees=callees)
            elif not fits(name) and name.rpartition(".")[2] not in CLEANUPS:
                yield from self.handed(index, value, name, kind)

    def _called_objects(self, value: v.Value) -> list[Function]:
        """``Thread(target=job)``: what an object runs that is given as a function."""
        objects = [a.cls for a in value if isinstance(a, v.Instance)]
        return [m for cls in objects for m in self.inference.methods(cls, "__call__")]

    def _in_process(self, operation: f.Operation) -> bool:
        """Does ``run_in_executor`` run it in another process?"""
        return any(
            isinstance(atom, v.ForeignInstance) and atom.name == _PROCESSES
            for index in operation[6][:1] if index >= 0 for atom in self.values[index]
        )  # fmt: skip

    def _keeps_fields(self, cls: Class) -> bool:
        """Does a class of the program only keep what it is made with, as a dataclass does?"""
        return cls.foreign_bases <= _OF_RECORDS and bool(self.inference.fields(cls))

    def handed(self, index: int, value: v.Value, name: str, kind: str) -> Iterator[Use]:
        """``run(session.commit)``: a method that does I/O is given to something foreign."""
        for atom in value:
            if isinstance(atom, v.KnownMethod) and isinstance(atom.owner, v.Known):
                row = self.inference.row(atom.owner.kind, atom.name)
                if row is not None and row.io and not row.attribute:
                    shown = name or "something unknown"
                    kind = "handed" if kind == "pass" else kind
                    yield Use(kind, self.function, index, atom.owner, row, shown)

    def given(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """Sessions that are handed to a library, which will do I/O on them."""
        name = self._callee_name(operation)
        if name in THREADS or not self._is_library(operation):
            return
        making = () if name in RUNNERS else MAKING
        for argument in (*operation[6], *(i for _, i in operation[7])):
            for atom in self.values[argument if argument >= 0 else ~argument]:
                kind = atom.kind if isinstance(atom, v.Known) else ""
                if isinstance(atom, v.Known) and kind in ("Session", "Connection", *making):
                    yield Use("foreign", self.function, index, atom, name=name)
                    if kind not in MAKING:
                        return

    def _is_library(self, operation: f.Operation) -> bool:
        """Is a function, class or method called that neither the program nor the vocabulary has?"""
        callee = self.values[operation[5]]
        names = [a.name for a in callee if isinstance(a, v.Foreign)]
        return bool(names) and all(
            "." in name and (name not in KINDS or name in GREENLET_FUNCTIONS)
            and FUNCTIONS.get(name, "Inspection") == "Inspection"
            and not name.startswith(_HARMLESS) and name.rpartition(".")[2] not in _KEEPING
            for name in names
        )  # fmt: skip

    def _callee_name(self, operation: f.Operation) -> str:
        names = [atom.name for atom in self.values[operation[5]] if isinstance(atom, v.Foreign)]
        if names:
            return min(names)
        callee = self.operations[operation[5]]
        if callee[0] == f.CALL:  # a decorator with arguments, called by hand
            return self._callee_name(callee)
        name = dotted(self.operations, operation[5])
        if not name and callee[0] == f.ATTRIBUTE and callee[6] in v.FILLING:
            return str(callee[6])  # handlers[kind].append(handler)
        return name

    def foreign(self, index: int, operation: f.Operation, name: str) -> Iterator[Use]:
        if name in ITERATING:
            given = operation[6]
            for argument in given[1:2] if name == _REDUCE else given:
                if argument >= 0:
                    yield from self.iterated(argument)

    def starred(self, parts: tuple[int, ...]) -> Iterator[Use]:
        """Queries and generators that are unpacked: ``[*query]``, ``f(*query)``."""
        for part in parts:
            if part < 0:
                yield from self.iterated(~part)

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
        generators = tuple(a.function for a in self.values[index] if isinstance(a, v.Generated))
        methods = tuple(
            m for a in self.values[index] if isinstance(a, v.Instance)
            for m in self.inference.methods(a.cls, "__iter__")
        )  # fmt: skip
        if generators or methods:
            callees = in_order([*generators, *methods], self.values[index])
            yield Use("iterate", self.function, index, name=callees[0].name, callees=callees)

    def metadata(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``Base.metadata.create_all(bind=engine)``."""
        callee = self.operations[operation[5]]
        for argument in (*operation[6], *(i for name, i in operation[7] if name == "bind")):
            for atom in self.values[argument if argument >= 0 else ~argument]:
                if isinstance(atom, v.Known) and atom.kind in ("Engine", "Connection"):
                    yield Use("metadata", self.function, index, atom, name=callee[6])
                    return


def in_order(functions: list[Function], value: v.Value) -> tuple[Function, ...]:
    """The functions that a value may run, each once: where there are alternatives, in the same
    order in every run."""
    if len(value) > 1:
        functions = sorted(functions, key=lambda fn: (fn.module.path, fn.index))
    return tuple(dict.fromkeys(functions))


def _makes_query(atom: v.Atom) -> bool:
    """Is it the class of queries, or one below it?"""
    if isinstance(atom, v.ClassObject):
        return any(KINDS.get(base) == "Query" for base in atom.cls.foreign_bases)
    return isinstance(atom, v.Foreign) and KINDS.get(atom.name) == "Query"


def is_session_class(cls: Class) -> bool:
    """Is a class of the program a subclass of Session?"""
    return any(KINDS.get(base) == "Session" for base in cls.foreign_bases)


def _sync_first(owner: v.Known) -> tuple[bool, str, bool]:
    """An object that may be one of several is taken for the sync one."""
    return owner.kind not in SYNC_KINDS, owner.kind, owner.origin is None


def merged(queries: Iterable[v.QueryValue]) -> list[v.QueryValue]:
    """One Query that stands for several: duplicates are possible where they are in any."""
    found = list(queries)
    if len(found) < 2:
        return found
    first = min(found, key=lambda q: (q.origin.function.qualname, q.origin.call, v.order(q)))
    return [
        v.changed(
            first,
            to_many=any(q.to_many for q in found),
            collections=any(q.collections for q in found),
        )
    ]
