"""Decisions: what the plan wants edited, as data.

A decision names one node and says what becomes of it; how the edit is spelled belongs to the
transform of the same name in ``asyncify_transforms``. Decisions are frozen, picklable and
deterministic. ``group`` is the component that the decision belongs to: its decisions land
together or not at all.

Templates are expressions with placeholders in braces:

    {receiver}   what stands before the called method, already rewritten
    {session}    the session (see ``SessionSource``)
    {args}       all arguments as written
    {0}, {1}     one positional argument
    {kw:name}    the value of a keyword argument
    [{chain:name}]   the arguments of the method ``name``, called earlier in the same chain
    {awaited}    only in ``result``: the awaited expression, or the variable that it was bound to
"""

from __future__ import annotations

from dataclasses import dataclass

from asyncify.sites import NodeRef, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One edit at one node of one file."""

    node: NodeRef
    site: Site
    group: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeAsync(Decision):
    """``def`` becomes ``async def`` (node: FunctionDef); ``rename`` gives it another name
    (``__enter__`` to ``__aenter__``) or is empty. ``ends``: a generator that returned a value
    returns none."""

    rename: str = ""
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitExpression(Decision):
    """An expression is awaited where it stands, in parentheses where Python needs them
    (node: Call, Attribute or Subscript).

    ``hoist`` names the variable that takes the awaited value in a statement of its own, put
    before the statement that holds the node; the node is then replaced by that name. Empty: in
    place.
    """

    hoist: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAwait(Decision):
    """``await x`` becomes ``x`` (node: Await)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameReference(Decision):
    """A name, or the last part of a dotted name, is replaced (node: Name or Attribute).

    ``new`` is an identifier, or a dotted name that replaces the node as a whole; with ``whole`` an
    identifier does so too: what `sa.create_engine` becomes isn't in `sa`.
    """

    new: str
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameName(Decision):
    """What a statement defines or names gets another name: a class (node: ClassDef), what is
    imported (ImportFrom), a string in a list (Assign) or among the arguments of a call (Call).
    ``keeps``: what is imported or listed under the old name stays beside the new one."""

    old: str
    new: str
    keeps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameMethod(Decision):
    """The method of a call gets another name: ``q.filter(x)`` to ``q.where(x)`` (node: Call)."""

    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EditAnnotation(Decision):
    """Names inside an annotation are replaced, in strings too (node: Annotation, counted over
    parameters, returns and annotated assignments in source order).

    ``renames`` holds pairs (dotted name as written, replacement). ``arity`` cuts the subscript of
    a renamed generic to that many arguments (``Generator[Session, None, None]`` to
    ``AsyncGenerator[AsyncSession, None]``): pairs (replacement, number of arguments).
    ``awaitable`` is how ``Awaitable`` is written, where functions give one from now on:
    ``Callable[[A], Awaitable[B]]``; the node may be the type of a name then (Subscript).
    """

    renames: tuple[tuple[str, str], ...]
    arity: tuple[tuple[str, int], ...] = ()
    awaitable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryToSelect(Decision):
    """``db.query(A, B)`` becomes ``select(A, B)`` (node: Call), and so does ``A.query``, which a
    property of a registry gives (node: Attribute). The receiver is kept for the
    terminal call that executes the statement. ``function`` is the spelling of ``select``,
    ``update`` or ``delete`` in this file."""

    function: str = "select"


@dataclass(frozen=True, slots=True)
class SessionSource:
    """Where the session of an executed statement comes from: ``text`` is a dotted name valid at
    the node, or ``query_call`` is the number of the Call whose receiver it is (a ``QueryToSelect``
    that was carried out before)."""

    text: str = ""
    query_call: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceCall(Decision):
    """A call is replaced by an expression made from templates (node: Call).

    ``awaited`` is the expression that does the I/O: ``{session}.execute({receiver}.limit(1))``.
    ``result`` is what the call is replaced by: ``{awaited}.scalars().first()``. ``awaits`` puts
    the ``await`` in front of ``awaited`` (false in code that stays sync). ``hoist`` as in
    ``AwaitExpression``. ``longest``: a call with more characters has its arguments on lines of
    their own.
    """

    awaited: str
    result: str = "{awaited}"
    session: SessionSource = SessionSource()
    awaits: bool = True
    hoist: str = ""
    longest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceExpression(Decision):
    """A name, attribute, subscript, call or comprehension is replaced by an expression made from a
    template in which ``{node}`` is the rewritten expression itself, ``{node.value}`` what stands
    before the dot or bracket, and ``{node.index}``, ``{node.lower}``, ``{node.upper}`` the parts of
    a subscript; ``{node.awaited}`` is the expression where another decision awaits it. ``result``,
    ``session``, ``awaits`` and ``hoist`` are as in ``ReplaceCall``, with ``template`` in the place
    of ``awaited``."""

    template: str
    result: str = "{awaited}"
    session: SessionSource = SessionSource()
    awaits: bool = False
    hoist: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumeGenerator(Decision):
    """A generator expression whose consumer is sync becomes a list comprehension, so that it may
    await (node: GeneratorExp)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitFirstMatch(Decision):
    """``any``, ``all`` or ``next`` over a generator expression that awaits takes the first value
    that an asynchronous one gives (node: Call)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SortByAwaitedKeys(Decision):
    """The keys of ``sorted``, ``max``, ``min`` or ``list.sort`` are computed first, where they can
    be awaited (node: Call). ``awaits``: the key is a function by its name, and its call is awaited;
    otherwise it is a lambda, whose body awaits what it has to."""

    awaits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyInComprehension(Decision):
    """``map`` or ``filter`` becomes a comprehension (node: Call); ``lazy``: a generator expression.
    ``awaits`` as in ``SortByAwaitedKeys``."""

    lazy: bool = False
    awaits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterRunSync(Decision):
    """A call of an island is entered through ``run_sync`` (node: Call).

    ``f(a, db)`` becomes ``await db.run_sync(lambda session: f(a, session))``. ``session`` is the
    dotted name of the session in hand; ``substitutions`` are the positions of the arguments that
    are that session (an int, or a keyword's name) and become the lambda's parameter.
    ``parameter`` is the lambda's parameter name. ``outside``: the arguments are evaluated before,
    because they await, and handed in by ``run_sync``.
    """

    session: str
    substitutions: tuple[int | str, ...] = ()
    parameter: str = "sync_session"
    outside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UseSyncSession(Decision):
    """A reference to an async session hands on its sync session: ``db`` to ``db.sync_session``
    (node: Name, Attribute or Call)."""

    attribute: str = "sync_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeAsyncWith(Decision):
    """``with`` becomes ``async with`` (node: With). ``items`` are the indexes of the items that
    are asynchronous; where others stand beside them, the statement is split into nested ones in
    the same order. ``before`` are pairs (index of an item, expression): asynchronous managers that
    are entered right before it."""

    items: tuple[int, ...]
    before: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeAsyncFor(Decision):
    """``for`` becomes ``async for`` (node: For, or a comprehension with the generator's index).

    ``closing`` is the spelling of ``contextlib.aclosing`` where a statement may be left early: the
    generator gets the name ``variable`` there, and is closed as soon as the loop is left.
    ``through`` is the spelling of a function that makes an async iterable of what is gone through.
    """

    generator: int = 0
    through: str = ""
    closing: str = ""
    variable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateGenerator(Decision):
    """The statement ``yield from generator`` becomes a loop (node: Yield). ``variable`` is what the
    loop calls an item; it is an ``async for`` unless what is iterated isn't ``asynchronous``."""

    variable: str = "item"
    asynchronous: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineLambda(Decision):
    """A lambda becomes an ``async def`` of its own, before its statement (node: Lambda).
    ``replaces``: it is all that a name is assigned, and the definition binds that name. ``items``:
    it gives ``iter([...])``, and the definition yields these."""

    name: str
    replaces: bool = False
    items: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldItems(Decision):
    """``return iter(items)``, or that of a generator expression, becomes a loop that yields them
    (node: Return). ``variable`` is what the loop calls an item, and ``asynchronous`` says that it
    awaits them."""

    variable: str = "item"
    asynchronous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseToAsyncWith(Decision):
    """``db = Factory()`` and ``try: ... finally: db.close()`` become ``async with Factory() as
    db: ...`` (node: Try; the assignment is the statement before it).

    ``variable`` is the session's name, ``close_call`` the number of the Call in the ``finally``
    block that goes. Other statements of ``finally``, and all handlers, stay.
    """

    variable: str
    close_call: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EditArguments(Decision):
    """Arguments of a call change (node: Call).

    ``set_keywords``: pairs (name, expression source), added or replaced; ``remove_keywords``:
    names; ``wrap``: pairs (position or keyword, template with ``{argument}``); ``literals``: pairs
    (position or keyword, new content of a string literal, its quotes and prefix kept).
    ``beginnings``: triples (position or keyword, old, new): what a text that is put together begins
    with.
    ``rename_keywords``: pairs (old, new). ``entries``: triples (keyword, key, template of a dict
    with ``{argument}``): the entry of a dict literal becomes those of the filled template, merged
    with what the dict has; an empty key adds entries.
    """

    set_keywords: tuple[tuple[str, str], ...] = ()
    remove_keywords: tuple[str, ...] = ()
    wrap: tuple[tuple[int | str, str], ...] = ()
    literals: tuple[tuple[int | str, str], ...] = ()
    beginnings: tuple[tuple[int | str, str, str], ...] = ()
    rename_keywords: tuple[tuple[str, str], ...] = ()
    entries: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddParameter(Decision):
    """A function takes one keyword-only parameter more (node: FunctionDef)."""

    name: str
    annotation: str = ""


GIVEN = "{bind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMetadata(Decision):
    """``Base.metadata.create_all(bind=engine)`` as a statement becomes ``async with
    engine.begin() as conn: await conn.run_sync(Base.metadata.create_all)`` (node: Call).

    ``bind`` is the engine's source text, or ``{bind}`` for the argument as it stands,
    ``connection`` the name for the connection, ``wrapped`` false where ``bind`` is a connection
    already (then only ``await bind.run_sync(...)``), ``opened_by`` the engine's method that gives
    the connection.
    """

    bind: str
    opened_by: str = "begin"
    connection: str = "conn"
    wrapped: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectToWith(Decision):
    """``raises(Error, f, 1)`` becomes ``with raises(Error): await f(1)`` (node: Call, a statement
    or the value of an assignment). ``position`` is that of the function; ``awaits`` is false where
    it is a lambda, whose body stands there then as it is."""

    position: int
    awaits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapAsyncioRun(Decision):
    """A call at a true entry point becomes ``asyncio.run(call)`` (node: Call). ``function`` is the
    spelling of ``asyncio.run``."""

    function: str = "asyncio.run"


@dataclass(frozen=True, slots=True, kw_only=True)
class StripDecorator(Decision):
    """A decorator goes (node: FunctionDef; ``decorator`` is its index from the top)."""

    decorator: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddDecorator(Decision):
    """A function gets one more decorator, right above its ``def`` (node: FunctionDef).
    ``decorator`` is its source without the ``@``."""

    decorator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeFixture(Decision):
    """What pytest calls around tests by its name becomes a fixture (node: FunctionDef): it gets
    ``decorators`` above those that it has, takes only ``parameters``, and begins with ``source``,
    which is dedented Python."""

    decorators: tuple[str, ...]
    parameters: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishFixture(Decision):
    """A fixture gives by ``yield`` what it returned (node: Return), or nothing (Call: a statement),
    and ends with ``source``, which is dedented Python."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddFactory(Decision):
    """A class method ``create`` that makes objects is put before the coroutine method
    ``initialize``, which was the constructor (node: its FunctionDef). ``returns`` is the source of
    what it is annotated to return, or empty. ``takes``: the class still has a constructor of its
    own, that of a dataclass, and gets all arguments, which are annotated so."""

    create: str
    initialize: str
    returns: str = ""
    takes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBase(Decision):
    """A class gets one more base, before those that it has (node: ClassDef)."""

    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertStatements(Decision):
    """Statements are put before or after the statement that holds the node, or at the start of a
    function's body (``where``: before, after, body). ``source`` is dedented Python."""

    source: str
    where: str = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveStatement(Decision):
    """The statement that is this call, import or assignment goes (node: Call, ...); a block that
    would be left empty keeps ``pass``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepSyncTwin(Decision):
    """An assignment is repeated, as it was, under another name right after itself, for what stays
    sync (node: Call, the assigned value): ``engine = create_engine(url)`` is followed by
    ``sync_engine = create_engine(url)``. ``decisions`` are carried out in the repetition. Without
    a ``name`` the call is a statement of its own, and is repeated as such. The assignment itself
    may be the node, whatever it assigns."""

    name: str
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameVariable(Decision):
    """A function means another variable of its module by a name, wherever it reads, assigns or
    declares it (node: FunctionDef)."""

    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyDecorator(Decision):
    """A decorator is repeated below the others (node: FunctionDef; ``decorator`` is its index from
    the top). ``decisions`` are carried out in the repetition."""

    decorator: int
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFunction(Decision):
    """A function is followed by a copy of itself as it was, under another name, for what stays
    sync (node: FunctionDef). ``decisions`` are carried out in the copy: they give it the sync
    names, and their numbers are those of the original."""

    name: str
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StripCache(Decision):
    """One part of a cache goes. ``part``:

    ``statement``: the statement, with the comments right above it and on its line (node: Assign,
    AnnAssign, Delete, Expr, For, FunctionDef, If, Try, While or With);
    ``lookup``: the ``if`` goes, and what stood below it is always done, or below the handler of a
    ``try`` (node: If or Try);
    ``otherwise``: as that, with what stood below ``else`` (node: If);
    ``store``: what is assigned goes to the variable ``name`` instead (node: Assign);
    ``global``: ``names`` go from the ``global`` statements of a function (node: FunctionDef).
    """

    part: str
    name: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """One conditional that becomes a guard clause. ``number`` counts the If nodes of the file.

    ``takes`` is the branch that the guard keeps: ``body`` as it is, ``else`` with the condition
    negated, or none of them with the condition negated. ``exit`` is the source of a statement that
    is added to leave the function; with ``rest``, the one statement that follows the conditional
    moves there instead. The other branch stands behind the guard.
    """

    number: int
    takes: str = ""
    exit: str = ""
    rest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UseGuardClauses(Decision):
    """Nested conditionals of a function become early returns (node: FunctionDef). ``guards`` are
    those that change, outer ones first."""

    guards: tuple[Guard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceString(Decision):
    """The string literal that is assigned gets another content; its quotes and prefix stay (node:
    Assign or AnnAssign). With ``old`` only what a text that is put together begins with."""

    new: str
    old: str = ""


@dataclass(frozen=True, slots=True)
class ImportName:
    """One import: ``from module import name as alias``; ``name`` empty: ``import module``.
    ``type_checking``: only annotations need it, so it goes below ``if TYPE_CHECKING``."""

    module: str
    name: str = ""
    alias: str = ""
    type_checking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateImports(Decision):
    """Imports of a file change (node: Module 0).

    ``add`` are merged into an existing import of the same module where there is one, else put
    after the last top-level import (never above ``from __future__`` or the docstring; those with
    ``type_checking`` names go where the old name stood). ``remove`` are local names, dropped where
    nothing in the rewritten file uses them any more (string annotations and ``__all__`` count).
    """

    add: tuple[ImportName, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that the rewritten program needs, such as the helper module."""

    path: str
    text: str
    group: int = 0


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What happens to one file: its decisions in source order."""

    path: str
    decisions: tuple[Decision, ...]


_AWAITING = (AwaitExpression, AwaitFirstMatch, EnterRunSync, RunMetadata)


def awaits(decision: Decision) -> bool:
    """Does an edit put in an ``await``?"""
    return isinstance(decision, _AWAITING) or bool(getattr(decision, "awaits", False))


def awaits_items(decision: Decision) -> bool:
    """Does an edit put in a loop that awaits its items?"""
    if isinstance(decision, ReplaceExpression):
        return " async for " in decision.template
    if isinstance(decision, ReplaceCall):
        return " async for " in decision.awaited
    return isinstance(decision, MakeAsyncFor)
