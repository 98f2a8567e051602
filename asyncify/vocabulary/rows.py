"""The shape of the vocabulary's rows.

A table holds one row per public member of one class of SQLAlchemy. A row says what a use of the
member on the sync object becomes on its async counterpart. Facts are taken from
https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html and from executing every row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Form(Enum):
    """What a use of a member becomes on the async object."""

    PLAIN = "plain"  # the same, not awaited
    AWAIT = "await"  # the same call, awaited
    WITH = "async with"  # only as an async context manager
    AWAIT_OR_WITH = "await or async with"
    FOR = "async for"  # the value is iterated by `async for`
    SYNC_WITH = "with"  # a sync context manager on the async object too
    TEMPLATE = "template"  # replaced by `awaited` (and `result`)
    RUN_SYNC = "run_sync"  # the call runs inside run_sync of the object (see Table.run_sync_on)
    ON_CONNECTION = (
        "on a connection"  # `awaited` inside `async with engine.<opened_by>() as {connection}`
    )
    GREENLET = "in a greenlet"  # the same call through `run_sync` of the support module
    SYNC_OBJECT = "sync object"  # read through `sync_session`, `sync_engine`, `sync_connection`
    REFUSE = "refuse"  # no async form: a finding, and the code stays as it is


LINES = ("1.4", "2.0", "2.1")


@dataclass(frozen=True, slots=True)
class Member:
    """One public method or attribute.

    ``io``: using it on the sync object may do I/O (the function that does has to turn or become an
    island). ``returns``: what the sync use gives, in the words of the lattice (``Result``,
    ``ScalarResult``, ``Row``, ``entity``, ``entities``, ``value``, ``Connection``, ``self``, ...);
    empty: nothing the analysis follows; a
    dotted name: an object of that class. ``async_returns`` is the same for the async use where it
    differs. The words are the kinds of ``asyncify.vocabulary.names`` and ``Row``, ``rows``,
    ``entity``, ``entities``, ``value``, ``values``, ``self``, ``bool``, ``int``, ``none``, and
    ``configured``: nothing, but from now on the object is made of the arguments too; ``applied``:
    what the function that is given returns.
    ``awaited`` and ``result`` are templates (see ``asyncify.decisions``) for ``TEMPLATE``.
    ``awaits``: whether ``awaited`` gets an ``await`` at all. ``imports``: dotted names of what the
    template uses, spelled there by their last part; ``helper`` is a function of the support module
    that it uses. ``opened_by`` is the engine's method that
    gives an ``ON_CONNECTION`` row its connection. ``origin``: the library that adds the member.
    ``sync_lines``/``async_lines``: the SQLAlchemy lines on which the sync / async object has it.
    ``by_line`` holds rows that differ on one line: pairs (line, row).
    """

    name: str
    form: Form = Form.PLAIN
    io: bool = False
    returns: str = ""
    async_returns: str = ""
    awaited: str = ""
    result: str = "{awaited}"
    awaits: bool = True
    imports: tuple[str, ...] = ()
    opened_by: str = "begin"
    helper: str = ""
    attribute: bool = False
    origin: str = "sqlalchemy"
    sync_lines: tuple[str, ...] = LINES
    async_lines: tuple[str, ...] = LINES
    note: str = ""
    source: str = ""
    by_line: tuple[tuple[str, Member], ...] = ()


class Role(Enum):
    """What a method of Query does to the statement under construction."""

    BUILDER = "builder"  # gives a Query again; on a Select it is called `select_name`
    TERMINAL = "terminal"  # executes
    STATEMENT = "statement"  # gives a non-Query construct (subquery, exists, cte), no I/O
    OTHER = "other"  # read-only attribute or rarely used; see form


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a method of Query that the method on the statement doesn't take.

    ``position`` counts from 0 (-1: keyword only). The argument leaves the call and the receiver
    becomes ``template``, in which ``{receiver}`` and ``{argument}`` stand for themselves; empty: a
    finding. ``literal`` limits that to one literal value, written as in the source; an argument
    that is literally ``default`` just goes.
    """

    keyword: str
    position: int = -1
    template: str = ""
    literal: str = ""
    default: str = ""
    imports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueryMember:
    """One public method of Query.

    ``select_name``: the spelling on a Select for builders (empty: no such method, see
    ``template``, and ``rows_template`` where rows of columns need another one; both empty: no
    equal form). Beside the placeholders of ``asyncify.decisions`` they may hold ``{entity}``, the
    query's one entity. For terminals, ``entity`` and ``rows`` are pairs (awaited, result) of
    templates for a query of exactly one entity and for rows of columns; ``unique`` is inserted as
    ``.unique()`` by the plan where Query would have uniqued (the templates hold ``{unique}`` right
    behind ``{awaited}``). ``starts`` is the function that the statement begins with, ``on_dml``
    says whether an Update and a Delete have the builder too. ``helper`` is a function of the
    support module that a template uses. ``parameters`` names what ``{0}``, ``{1}`` stand for where
    they are given by keyword. ``get_keyword`` is what the builder becomes in front of ``get()``: a
    keyword of ``session.get`` (behind any other builder ``get()`` has no equal form), which takes
    the builder's own keywords as a dict where ``get_takes_dict``. ``changes_shape``:
    with_entities, add_columns, ... ``returns`` is for one entity, ``rows_returns`` for rows where
    it differs. ``equal`` is false where no form gives the same result. ``lines`` are those that
    have it.
    """

    name: str
    role: Role
    select_name: str = ""
    template: str = ""
    rows_template: str = ""
    entity: tuple[str, str] = ("", "")
    rows: tuple[str, str] = ("", "")
    returns: str = ""
    rows_returns: str = ""
    starts: str = "select"
    on_dml: bool = False
    helper: str = ""
    arguments: tuple[Argument, ...] = ()
    parameters: tuple[str, ...] = ()
    get_keyword: str = ""
    get_takes_dict: bool = False
    imports: tuple[str, ...] = ()
    attribute: bool = False
    changes_shape: bool = False
    is_set_operation: bool = False
    equal: bool = True
    lines: tuple[str, ...] = LINES
    note: str = ""
    trap: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class QueryTable:
    """All members of Query."""

    members: tuple[QueryMember, ...]
    documentation: str
    _index: dict[str, QueryMember] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )

    def __post_init__(self) -> None:
        self._index.update((row.name, row) for row in self.members)

    def member(self, name: str) -> QueryMember | None:
        """The row of ``name``, or None."""
        return self._index.get(name)

    def source(self, name: str) -> str:
        """The address of the documentation of ``name``."""
        row = self._index.get(name)
        if row is not None and row.source:
            return row.source
        return self.documentation.replace("{name}", name)


@dataclass(frozen=True, slots=True)
class Table:
    """All members of one class: the sync class and its async counterpart, both as dotted names.

    ``sync_object`` is the template that reaches the sync object behind the async one
    (``SYNC_OBJECT`` rows), ``run_sync_on`` the one for the object whose ``run_sync`` is called
    (``RUN_SYNC`` rows; empty: it has none). ``documentation`` is the page's address with
    ``{name}`` for the member, ``sync_documentation`` that of members that only the sync class has.
    """

    sync_class: str
    async_class: str
    members: tuple[Member, ...]
    sync_object: str = ""
    run_sync_on: str = "{receiver}"
    documentation: str = ""
    sync_documentation: str = ""
    _index: dict[str, Member] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )

    def __post_init__(self) -> None:
        self._index.update((row.name, row) for row in self.members)

    def member(self, name: str, line: str = "2.0") -> Member | None:
        """The row of ``name`` on one SQLAlchemy line, or None."""
        row = self._index.get(name)
        if row is None or not row.by_line:
            return row
        return dict(row.by_line).get(line, row)

    def source(self, name: str) -> str:
        """The address of the documentation of ``name``."""
        row = self._index.get(name)
        if row is not None and row.source:
            return row.source
        only_sync = row is not None and not row.async_lines
        page = (self.sync_documentation if only_sync else "") or self.documentation
        return page.replace("{name}", name)
