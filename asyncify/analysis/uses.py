"""Uses: the places in a function that do I/O, or that call into the program.

A use is where a color matters: what it uses decides whether the function has to turn, and the plan
writes the edit there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.boundaries import fits
from asyncify.analysis.by_name import ByName, is_hidden
from asyncify.analysis.consumers import applied
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.infer import Inference
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Class, Function, dotted
from asyncify.vocabulary.names import (
    BINDS,
    FUNCTIONS,
    GREENLET_ALWAYS,
    GREENLET_FUNCTIONS,
    GREENLET_KEYWORDS,
    KINDS,
)
from asyncify.vocabulary.rows import Form, Member, Role
from asyncify.vocabulary.sqlalchemy_query import QUERY
from asyncify.vocabulary.testing import CLEANUPS, EXPECTING

_METADATA = ("create_all", "drop_all", "reflect")
SYNC_KINDS = {
    "Session", "scoped_session", "sessionmaker", "Engine", "Connection", "Transaction",
    "SessionTransaction",
}  # fmt: skip
# What `with` calls, and `async with`.
ENTERING, ENTERING_ASYNC = ("__enter__", "__exit__"), ("__aenter__", "__aexit__")
# What is sync on both sides, and works behind an async engine inside a greenlet only.
GREENLET_KINDS = {
    "Inspector", "RawConnection", "RawCursor", "SyncEngine", "SyncConnection",
    "SyncSessionTransaction",
}  # fmt: skip
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
THREADS = {
    "asyncio.to_thread", "fastapi.concurrency.run_in_threadpool",
    "starlette.concurrency.run_in_threadpool", "anyio.to_thread.run_sync",
}  # fmt: skip

# Run a coroutine in an event loop of its own; https://docs.python.org/3/library/asyncio-runner.html
LOOPS = {"asyncio.run", "asyncio.runners.run", "anyio.run"}

# Foreign calls that do no I/O with a session that they are given.
_HARMLESS = (
    "sqlalchemy.event.", "contextlib.", "functools.", "typing.", "unittest.mock", "logging.",
    "fastapi.", "starlette.", "builtins.", "weakref.", "copy.", "asyncio.", "dataclasses.",
)  # fmt: skip
_KEEPING = {
    "append", "add", "setattr", "put", "get", "pop", "add_task", "configure", "set", "info",
    "debug", "warning", "isinstance", "object", "patch", "spy", "override", "add_middleware",
    "setdefault", "update", "insert", "create_all", "drop_all", "reflect",
}  # fmt: skip


_OWN_SESSIONS = "Sessions of a class of the program stay sync: an async session only wraps them."
# The last parts of the names of what reaches sessions that it isn't given.
_REACHING = {"close_all", *(name.rpartition(".")[2] for name in GREENLET_ALWAYS)}
_CLOSED = {"Session", "Connection", "scoped_session"}  # entered, they close themselves
_DOING_IO = {
    "enter closing",
    "enter stacked",
    "bound manager",
    "query",
    "iterate query",
    "metadata",
    "enter",
    "foreign",
    "greenlet",
    "refused",
}
_OF_MEMBERS = {"member", "thread", "expect", "handed"}


@dataclass(frozen=True, slots=True)
class Use:
    """One place. ``kind``:

    ``member``: a member of a known object (``owner``, ``row``) is called or read;
    ``query``: a terminal of a Query (``owner``), named ``name``; ``iterate query`` likewise;
    ``enter``: ``with`` over a known object; ``enter closing``: over ``closing`` of one;
    ``enter stacked``: one, or a manager of the program, is entered by an ``ExitStack``;
    ``metadata``: ``create_all`` and the like;
    ``greenlet``: something sync of SQLAlchemy is given an engine or a connection (``owner``);
    ``refused``: something that has no async form; ``name`` is the sentence that says so;
    ``bound manager``: a sync context manager of a known object gives its object to a name;
    ``store``: an attribute of a known object is set (``operation`` is the object);
    ``call``, ``property``, ``enter manager``, ``iterate``: functions of the program (``callees``);
    ``apply``: one is applied to items by a builtin that has a form which awaits it;
    ``pass``: one is given as an argument to something foreign, called ``name``;
    ``run sync``: one is run inside ``run_sync`` of an async object;
    ``loop``: a coroutine is run in an event loop of its own;
    ``thread``: one is run in a thread by an awaited call, or a member of a known object is
    (``owner``, ``row``);
    ``expect``: one is called where an error is expected, or such a member is;
    ``maybe``: a method of something unknown is called, which may be one of those (``callees``);
    ``handed``: a member of a known object is given to something foreign, called ``name``;
    ``client``, ``enter client``: a member ``name`` of a client of the application (``client``) is
    used, or the client is entered;
    ``foreign``: a session or an engine (``owner``) is given to something foreign, called ``name``.

    ``operation`` is the index in the function's body, ``item`` the index of a with item.
    """

    kind: str
    function: Function
    operation: int
    owner: v.Known | v.QueryValue | None = None
    row: Member | None = None
    name: str = ""
    callees: tuple[Function, ...] = ()
    item: int = -1
    client: v.Client | None = None

    @property
    def line(self) -> int:
        return int(self.function.body.operations[self.operation][1])

    @property
    def column(self) -> int:
        return int(self.function.body.operations[self.operation][2])

    @property
    def callee_name(self) -> str:
        """What the place uses, for people: of several functions always the same one."""
        names = sorted(c.qualname for c in self.callees)
        return names[0] if names else self.name or self.kind

    @property
    def is_async(self) -> bool:
        """Is the object already an async one?"""
        kinds = SYNC_KINDS | GREENLET_KINDS
        return isinstance(self.owner, v.Known) and self.owner.kind not in kinds

    @property
    def takes_engine(self) -> bool:
        """Is an engine given to something that is not async?"""
        owner = self.owner
        return self.kind == "foreign" and isinstance(owner, v.Known) and owner.kind == "Engine"

    def runs(self, callee: Function) -> bool:
        """Is one of the callees run here? Who receives a function may run it later, and calling a
        generator runs nothing: looping over it does."""
        if self.kind in ("pass", "run sync"):
            return False
        return self.kind != "call" or not callee.facts.is_generator

    @property
    def does_io(self) -> bool:
        """Does the place do I/O on a sync object of SQLAlchemy?"""
        if self.is_async:
            return False
        if self.takes_engine:
            return False  # it gets a sync engine of its own
        if self.kind in _DOING_IO:
            return not self.callees  # else what it calls does
        return self.kind in _OF_MEMBERS and self.row is not None and self.row.io


class Uses:
    """The uses of every evaluated function."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.by_name = ByName(inference)
        self.layouts: dict[Function, Layout] = {}
        self._uses: dict[Function, tuple[Evaluation, tuple[Use, ...]]] = {}
        self._doing_io: dict[Function, tuple[tuple[Use, ...], tuple[Use, ...]]] = {}

    def of(self, function: Function) -> tuple[Use, ...]:
        """The uses in one function, in order; none for a function that was never evaluated."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return ()
        known = self._uses.get(function)
        if known is None or known[0] is not evaluation:
            layout = self.layout(function)
            collector = _Collector(self.inference, evaluation, layout, self.by_name)
            known = self._uses[function] = (evaluation, tuple(collector.collect()))
        return known[1]

    def doing_io(self, function: Function) -> tuple[Use, ...]:
        """Those among them that do I/O."""
        uses = self.of(function)
        known = self._doing_io.get(function)
        if known is None or known[0] is not uses:
            known = self._doing_io[function] = (uses, tuple(u for u in uses if u.does_io))
        return known[1]

    def layout(self, function: Function) -> Layout:
        if function not in self.layouts:
            self.layouts[function] = Layout(function)
        return self.layouts[function]


class _Collector:
    def __init__(
        self, inference: Inference, evaluation: Evaluation, layout: Layout, by_name: ByName
    ) -> None:
        self.inference = inference
        self.by_name = by_name
        self.evaluation = evaluation
        self.function = evaluation.function
        self.values = evaluation.values
        self.operations = evaluation.operations
        self.layout = layout

    def collect(self) -> Iterator[Use]:
        for index, operation in enumerate(self.operations):
            kind = operation[0] if operation else -1
            if kind == f.CALL:
                if not self._is_plain(operation):
                    yield from self.starred(operation[6])
                    yield from self.call(index, operation)
                elif self._reaches_sessions(operation):
                    yield from self.call(index, operation)
                elif is_hidden(self.values[operation[5]]):
                    yield from self.guessed(index, operation)
            elif kind == f.SEQUENCE:
                yield from self.starred(operation[6])
            elif kind == f.OPERATOR and operation[5] in ("In", "NotIn"):
                yield from self.iterated_queries(operation[6][1])
            elif kind == f.ATTRIBUTE:
                yield from self.attribute(index, operation)
            elif kind == f.SUBSCRIPT:
                for query in self.queries(operation[5]):
                    yield Use("query", self.function, index, query, name="__getitem__")
                yield from self.items(index, operation)
            elif kind == f.COMPREHENSION:
                for part in operation[8]:
                    yield from self.iterated(part[1])
            elif kind == f.YIELD_FROM:
                yield from self.iterated(operation[5])
        for statement in self.layout.statements:
            if statement[0] == f.FOR:
                yield from self.iterated(statement[8])
            elif statement[0] == f.ASSIGN:
                if any(target[0] == f.TO_SEQUENCE for target in statement[7]):
                    yield from self.iterated(statement[8])
                yield from self.stored(statement)
            elif statement[0] == f.WITH:
                for position, (value, target) in enumerate(statement[7]):
                    yield from self.entered(value, position, target is not None)

    def _reaches_sessions(self, operation: f.Operation) -> bool:
        """Is it a call that reaches sessions without being given any?"""
        callee = self.operations[operation[5]]
        if callee[0] == f.NAME:
            return callee[5] in _REACHING
        return callee[0] == f.ATTRIBUTE and callee[6] in _REACHING

    def _is_plain(self, operation: f.Operation) -> bool:
        """Most calls are of something foreign, with nothing that matters here given to it."""
        is_plain, values = self.inference.is_plain, self.values
        if not is_plain(values[operation[5]]):
            return False
        for index in operation[6]:
            if not is_plain(values[index if index >= 0 else ~index]):
                return False
        return all(is_plain(values[index]) for _, index in operation[7])

    def stored(self, statement: f.Statement) -> Iterator[Use]:
        """``session.expire_on_commit = True``."""
        for target in statement[7]:
            if target[0] != f.TO_ATTRIBUTE:
                continue
            for atom in self.values[target[1]]:
                row = (
                    self.inference.row(atom.kind, target[2]) if isinstance(atom, v.Known) else None
                )
                if isinstance(atom, v.Known) and row is not None:
                    yield Use("store", self.function, target[1], atom, row, target[2])

    def queries(self, index: int) -> list[v.QueryValue]:
        if not self.inference.holds_objects(self.values[index]):
            return []
        return merged(a for a in self.values[index] if isinstance(a, v.QueryValue))

    def items(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``shelf[1]``: an item that a method of the program gives."""
        value = self.values[operation[5]]
        if value and not self.inference.is_plain(value):
            found = (
                method for a in value if isinstance(a, v.Instance)
                for method in self.inference.methods(a.cls, "__getitem__")
            )  # fmt: skip
            callees = tuple(dict.fromkeys(found))
            if callees:
                name = "__getitem__"
                yield Use("property", self.function, index, name=name, callees=callees)

    def attribute(self, index: int, operation: f.Operation) -> Iterator[Use]:
        for atom in self.values[operation[5]]:
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

    def _has_own(self, client: v.Client, operation: f.Operation) -> bool:
        """Is an attribute of a client one that the program's class of clients defines?"""
        base = self.operations[operation[5]]
        callee = self.operations[base[5]] if base[0] == f.CALL else ()
        if client.cls is None or (callee and callee[0] == f.NAME and callee[5] == "super"):
            return False
        return client.cls.find(operation[6]) is not None or any(
            operation[6] in method.facts.stores
            for cls in client.cls.ancestors for method in cls.methods.values()
        )  # fmt: skip

    def call(self, index: int, operation: f.Operation) -> Iterator[Use]:
        callee = self.values[operation[5]]
        functions: list[Function] = []
        methods = [a for a in callee if isinstance(a, v.KnownMethod)]
        queried = [a.owner for a in methods if isinstance(a.owner, v.QueryValue)]
        for query in merged(queried):
            row = QUERY.member(methods[0].name)
            if row is not None and row.role is Role.TERMINAL:
                yield Use("query", self.function, index, query, name=row.name)
        owners = sorted((a.owner for a in methods if isinstance(a.owner, v.Known)), key=_sync_first)
        for owner in owners[:1]:
            member = self.inference.row(owner.kind, methods[0].name)
            made = v.Origin(self.function, operation[3])
            if member is not None and not self.inference.query_properties.gives_way(made):
                yield Use("member", self.function, index, owner, member, methods[0].name)
        for atom in callee:
            if isinstance(atom, v.FunctionObject):
                functions.append(atom.function)
            elif isinstance(atom, v.ClassObject):
                if is_session_class(atom.cls):
                    yield Use("refused", self.function, index, name=_OWN_SESSIONS)
                constructor = atom.cls.find("__init__")
                functions += [constructor] if constructor else []
            elif isinstance(atom, v.Instance):
                functions += self.inference.methods(atom.cls, "__call__")
            elif isinstance(atom, v.Foreign):
                yield from self.foreign(index, operation, atom.name)
                yield from self.of_class(index, atom.name)
                if KINDS.get(atom.name) == "sessionmaker":
                    yield from self.made_of_class(index, operation)
                if atom.name in LOOPS:
                    yield Use("loop", self.function, index, name=atom.name)
        yield from self.closing(index, operation, callee)
        yield from self.stacked(index, operation)
        spawned = list(self.in_greenlet(index, operation, callee))
        yield from spawned
        if not functions and not spawned:
            yield from self.passed(index, operation, callee)
            yield from self.given(index, operation)
        if functions:
            callees = tuple(dict.fromkeys(functions))
            yield Use("call", self.function, index, name=callees[0].name, callees=callees)
        elif is_hidden(callee):
            yield from self.guessed(index, operation)
        if not spawned:
            yield from self.metadata(index, operation)

    def guessed(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``request.app.state.users.create(...)``"""
        found = self.by_name.candidates(self.evaluation, operation)
        if found:
            yield Use("maybe", self.function, index, name=found[0].name, callees=found)

    def closing(self, index: int, operation: f.Operation, callee: v.Value) -> Iterator[Use]:
        """``closing(session)``: nobody would await what it calls; entered by ``with``, the session
        closes itself."""
        if v.Foreign("contextlib.closing") not in callee:
            return
        for atom in self.values[operation[6][0]] if operation[6] else ():
            if not isinstance(atom, v.Known):
                continue
            position = self._with_item(index)
            if atom.kind in GREENLET_KINDS:
                reason = "`closing` would close it outside of a greenlet."
                yield Use("refused", self.function, index, atom, name=reason)
            elif atom.kind in _CLOSED and position < 0:
                reason = "`closing` wouldn't await its `close`."
                yield Use("refused", self.function, index, atom, name=reason)
            elif atom.kind in _CLOSED:
                yield Use("enter closing", self.function, index, atom, item=position)

    def _with_item(self, index: int) -> int:
        """The place of an operation among the items of a ``with``, or -1."""
        statement = self.layout.statement(index)
        if statement is None or statement[0] != f.WITH:
            return -1
        return next((n for n, (value, _) in enumerate(statement[7]) if value == index), -1)

    def stacked(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``stack.enter_context(manager)``, on a stack that this function has entered."""
        callee = self.operations[operation[5]]
        if callee[0] != f.ATTRIBUTE or callee[6] != "enter_context":
            return
        stack = dotted(self.operations, callee[5])
        kind = "enter stacked" if self.layout.entered_as(stack) >= 0 else "pass"
        for argument in operation[6]:
            for atom in self.values[argument] if argument >= 0 else ():
                if isinstance(atom, v.Managed) and atom.function is not None:
                    name = "ExitStack().enter_context"
                    yield Use(kind, self.function, index, name=name, callees=(atom.function,))
                elif isinstance(atom, v.Known) and atom.kind in SYNC_KINDS and kind != "pass":
                    yield Use(kind, self.function, index, atom)
                elif isinstance(atom, v.Known) and atom.kind in SYNC_KINDS:
                    reason = "An ExitStack doesn't await what it enters."
                    yield Use("refused", self.function, index, atom, name=reason)

    def in_greenlet(self, index: int, operation: f.Operation, callee: v.Value) -> Iterator[Use]:
        """Something of SQLAlchemy's own that takes an engine or a connection, and stays sync."""
        name = self._spawned(index, operation, callee)
        if not name or self.function.facts.kind in ("module", "class"):
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
        if method[0] == f.ATTRIBUTE and method[6] in _METADATA:
            return "" if self._is_metadata_statement(index, operation) else str(method[6])
        return ""

    def _is_metadata_statement(self, index: int, operation: f.Operation) -> bool:
        """``metadata.create_all(engine)`` on a line of its own has a form of its own."""
        method = self.operations[operation[5]]
        if method[0] != f.ATTRIBUTE or method[6] not in _METADATA:
            return False
        binds = [
            i for i in (*operation[6], *(i for _, i in operation[7]))
            if any(
                isinstance(a, v.Known) and a.kind in ("Engine", "Connection")
                for a in self.values[i if i >= 0 else ~i]
            )
        ]  # fmt: skip
        named = all(i >= 0 and dotted(self.operations, i) for i in binds)
        return bool(binds) and named and self.layout.is_statement(index)

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
        name = self._callee_name(operation)
        kind = "pass"
        enters = any(isinstance(a, v.KnownMethod) and a.name == "run_sync" for a in callee)
        if enters or name in LISTENING:
            kind = "run sync"
        elif name in THREADS and self.layout.is_awaited(index):
            kind = "thread"
        expected = EXPECTING.get(name, EXPECTING.get(name.rpartition(".")[2], -1))
        consumer = applied(self.layout, index)
        for argument in (*operation[6], *(i for _, i in operation[7])):
            value = self.values[argument if argument >= 0 else ~argument]
            if expected >= 0 and operation[6][expected : expected + 1] == (argument,):
                kind, name = "expect", name.rpartition(".")[2]
            callees = tuple(a.function for a in value if isinstance(a, v.FunctionObject))
            if callees:
                here = consumer is not None and argument == consumer.function
                own = "apply" if here else kind
                yield Use(own, self.function, index, name=name, callees=callees)
            elif not fits(name) and name.rpartition(".")[2] not in CLEANUPS:
                yield from self.handed(index, value, name, kind)

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
        if not self._is_library(operation):
            return
        for argument in (*operation[6], *(i for _, i in operation[7])):
            for atom in self.values[argument if argument >= 0 else ~argument]:
                if isinstance(atom, v.Known) and atom.kind in ("Session", "Connection", "Engine"):
                    yield Use("foreign", self.function, index, atom, name=name)
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
        for atom in self.values[operation[5]]:
            if isinstance(atom, v.Foreign):
                return atom.name
        callee = self.operations[operation[5]]
        if callee[0] == f.CALL:  # a decorator with arguments, called by hand
            return self._callee_name(callee)
        return dotted(self.operations, operation[5])

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

    def iterated(self, index: int) -> Iterator[Use]:
        yield from self.iterated_queries(index)
        generators = tuple(a.function for a in self.values[index] if isinstance(a, v.Generated))
        methods = tuple(
            m for a in self.values[index] if isinstance(a, v.Instance)
            for m in self.inference.methods(a.cls, "__iter__")
        )  # fmt: skip
        if generators or methods:
            callees = generators + methods
            yield Use("iterate", self.function, index, name=callees[0].name, callees=callees)

    def entered(self, index: int, position: int, bound: bool) -> Iterator[Use]:
        managers: list[Function] = []
        for atom in self.values[index]:
            if isinstance(atom, v.Client):
                yield Use("enter client", self.function, index, item=position, client=atom)
            if isinstance(atom, v.Managed) and atom.function is not None:
                managers.append(atom.function)
            elif isinstance(atom, v.Instance):
                own = [m for n in ENTERING for m in self.inference.methods(atom.cls, n)]
                turned = [m for n in ENTERING_ASYNC for m in self.inference.methods(atom.cls, n)]
                managers += own or turned
            elif isinstance(atom, v.Known):
                yield from self._entered_known(index, position, atom, bound)
        if managers:
            callees = tuple(dict.fromkeys(managers))
            name = callees[0].name
            yield Use(
                "enter manager", self.function, index, name=name, callees=callees, item=position
            )

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

    def metadata(self, index: int, operation: f.Operation) -> Iterator[Use]:
        """``Base.metadata.create_all(bind=engine)``."""
        callee = self.operations[operation[5]]
        if callee[0] != f.ATTRIBUTE or callee[6] not in _METADATA:
            return
        for argument in (*operation[6], *(i for name, i in operation[7] if name == "bind")):
            for atom in self.values[argument if argument >= 0 else ~argument]:
                if isinstance(atom, v.Known) and atom.kind in ("Engine", "Connection"):
                    yield Use("metadata", self.function, index, atom, name=callee[6])
                    return


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
    found.sort(key=lambda q: (q.origin.function.qualname, q.origin.call, v.order(q)))
    return [
        replace(
            found[0],
            to_many=any(q.to_many for q in found),
            collections=any(q.collections for q in found),
        )
    ]
