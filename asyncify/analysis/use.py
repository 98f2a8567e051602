"""A use: one place in a function that does I/O, or that calls into the program.

A use is where a color matters: what it uses decides whether the function has to turn, and the plan
writes the edit there.
"""

from __future__ import annotations

from typing import NamedTuple

from asyncify.analysis import values as v
from asyncify.analysis.program import Function
from asyncify.vocabulary.rows import Member

SYNC_KINDS = {
    "Session", "scoped_session", "sessionmaker", "Engine", "Connection", "Transaction",
    "SessionTransaction",
}  # fmt: skip
# What is sync on both sides, and works behind an async engine inside a greenlet only.
GREENLET_KINDS = {
    "Inspector", "RawConnection", "RawCursor", "SyncEngine", "SyncConnection",
    "SyncSessionTransaction",
}  # fmt: skip
# What sessions are made with: there can be a sync one beside an async one.
MAKING = ("Engine", "SyncEngine", "sessionmaker")
_NOT_ASYNC = SYNC_KINDS | GREENLET_KINDS
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
_OF_MEMBERS = {"member", "thread", "expect", "finalize", "handed"}

# ``item`` of a use of which the object itself is the value, too, and of what may be another object.
VALUE_USED, UNSURE = 1, 2


class Use(NamedTuple):
    """One place. ``kind``:

    ``member``: a member of a known object (``owner``, ``row``) is called or read;
    ``query``: a terminal of a Query (``owner``), named ``name``; ``iterate query`` likewise;
    ``enter``: ``with`` over a known object; ``enter closing``: over ``closing`` of one;
    ``enter stacked``: one, or a manager of the program, is entered by an ``ExitStack``;
    ``metadata``: ``create_all`` and the like;
    ``greenlet``: something sync of SQLAlchemy is given an engine or a connection (``owner``);
    ``refused``: something that has no async form; ``name`` is the sentence that says so;
    ``bound manager``: a sync context manager of a known object gives its object to a name;
    ``contained``: a library gets a known object in a container;
    ``store``: an attribute of a known object is set (``operation`` is the object);
    ``set``: a property of the program is assigned (``operation`` is the object);
    ``call``, ``property``, ``enter manager``, ``iterate``: functions of the program (``callees``);
    ``around``: a context manager of the program decorates the function (``callees``);
    ``step``: the next item of an async generator, or of an iterator of the program, is asked for;
    ``apply``: one is applied to items by a builtin that has a form which awaits it;
    ``replace``: one is called for each match by something foreign, called ``name``, likewise;
    ``special``: a special method of an object is called by Python (``item`` is 1 where the object
    itself is the value, too);
    ``pass``: one is given as an argument to something foreign, called ``name``;
    ``run sync``: one is run inside ``run_sync`` of an async object;
    ``loop``: a coroutine is run in an event loop of its own;
    ``thread``: one is run in a thread by an awaited call, or a member of a known object is
    (``owner``, ``row``);
    ``expect``: one is called where an error is expected, or such a member is;
    ``finalize``: one is called when the tests of a fixture are over, or such a member is;
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
        return isinstance(self.owner, v.Known) and self.owner.kind not in _NOT_ASYNC

    @property
    def takes_engine(self) -> bool:
        """Is an engine, or a factory of sessions, given to something that is not async?"""
        owner = self.owner
        return self.kind == "foreign" and isinstance(owner, v.Known) and owner.kind in MAKING

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


def in_order(functions: list[Function], value: v.Value) -> tuple[Function, ...]:
    """The functions that a value may run, each once: where there are alternatives, in the same
    order in every run."""
    if len(value) > 1:
        functions = sorted(functions, key=lambda fn: (fn.module.path, fn.index))
    return tuple(dict.fromkeys(functions))
