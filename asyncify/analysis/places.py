"""Places: can an await stand where a use stands, and who takes a coroutine function?"""

from __future__ import annotations

from dataclasses import dataclass

from asyncify import facts as f
from asyncify.analysis import creators, streams
from asyncify.analysis import values as v
from asyncify.analysis.consumers import iteration, unread
from asyncify.analysis.layout import Layout
from asyncify.analysis.own_loops import is_own
from asyncify.analysis.program import Function, Variable, dotted
from asyncify.analysis.statements import statements_of
from asyncify.analysis.streams import Stream
from asyncify.analysis.use import UNSURE, VALUE_USED
from asyncify.analysis.uses import Use, Uses
from asyncify.vocabulary.awaitables import ENSURING_NAMES
from asyncify.vocabulary.rows import Form, Member
from asyncify.vocabulary.sqlalchemy_engine import STREAMED_BY, STREAMING_OPTIONS
from asyncify.vocabulary.sqlalchemy_session import ON_FACTORY

MEMORY = ("sqlite://", "sqlite:///")
_RESULTS = {"Result", "ScalarResult"}
# What evaluating may do something else with.
_EFFECTS = (f.CALL, f.AWAIT, f.YIELD, f.YIELD_FROM, f.WALRUS)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a function can't turn. ``code`` is the finding's. ``whole``: nothing that shares its
    sessions turns either, whatever could be done for it."""

    code: str
    reason: str
    whole: bool = False


class Places:
    """Answers for the uses of a program."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses
        self._obstacles: dict[int, tuple[Use, Obstacle | None]] = {}  # by the identity of the use

    def obstacle(self, use: Use) -> Obstacle | None:
        """Why nothing can be awaited where a use stands, or None."""
        known = self._obstacles.get(id(use))
        if known is None:
            known = self._obstacles[id(use)] = use, self._obstacle(use)
        return known[1]

    def _obstacle(self, use: Use) -> Obstacle | None:
        layout = self.uses.layout(use.function)
        operation = layout.operations[use.operation]
        if operation[4] & f.GENERATOR:
            reason = unread(layout, use.operation)
            if reason:
                return Obstacle("ASY101", reason)
        if use.kind == "set":
            return Obstacle("ASY101", f"An assignment to `{use.name}` can't be awaited.")
        if use.kind == "special":
            return self._asked(use, layout)
        if use.kind == "iterate":
            form = iteration(layout, use.operation)
            if not form or (form == "listed" and any(map(_is_endless, use.callees))):
                return Obstacle("ASY101", "What consumes the generator here can't await.")
        if use.kind == "metadata" and not layout.is_statement(use.operation):
            return Obstacle("ASY203", f"`{use.name}` is used as a value here.")
        if use.kind == "foreign":
            return self._foreign(use, layout)
        if use.kind == "bound manager":
            reason = f"`{use.name}` would give the sync object to the name behind `as`."
            return Obstacle("ASY203", reason)
        if use.kind == "refused":
            return Obstacle("ASY203", use.name)
        if use.kind == "expect" and not self._has_line(use, layout):
            return Obstacle("ASY101", f"`{use.name}` calls it without awaiting it.")
        if use.row is not None and use.kind in ("handed", "expect", "finalize", "thread"):
            return self._given(use, use.row)
        if use.kind == "member" and use.row is not None:
            if self._reads_cursor(use, layout):
                return Obstacle("ASY203", f"What `{use.name}` gives here depends on the driver.")
            if self._is_kept(use, layout):
                reason = f"`{use.name}` is called by another name, and has no async method for it."
                return Obstacle("ASY203", reason)
            if use.row.form is Form.REFUSE:
                return Obstacle("ASY203", f"`{use.name}` has no async form.")
            if self.streams(use) and self.stream(use) is None:
                return Obstacle("ASY203", f"`{use.name}` streams its result.")
        return None

    def _is_kept(self, use: Use, layout: Layout) -> bool:
        """``save = session.bulk_save_objects``: is a method called by another name, which becomes
        more than a method?"""
        operation, row = layout.operations[use.operation], use.row
        if operation[0] != f.CALL or layout.operations[operation[5]][0] == f.ATTRIBUTE:
            return False
        return row is not None and (
            row.form is Form.RUN_SYNC or (row.form is Form.TEMPLATE and "{receiver}" in row.awaited)
        )

    def _asked(self, use: Use, layout: Layout) -> Obstacle | None:
        """A special method that Python calls."""
        operation = layout.operations[use.operation]
        if use.item == VALUE_USED:
            return Obstacle("ASY101", f"What `{use.name}` is asked of is the value here, too.")
        if use.item == UNSURE:
            return Obstacle("ASY101", f"What `{use.name}` is asked of may be something else.")
        if operation[0] != f.OPERATOR:
            return None
        left, right = operation[6][:2]
        moved = any(layout.operations[i][0] in _EFFECTS for i in layout.subtree(left))
        if len(operation[6]) > 2 or (moved and not dotted(layout.operations, right)):
            return Obstacle("ASY101", "This comparison has no form that awaits.")
        return None

    def _has_line(self, use: Use, layout: Layout) -> bool:
        """Is a call that expects an error a line of its own, which can become a `with`?"""
        statement = layout.statement(use.operation)
        if statement is None or statement[6]:
            return False
        is_kept = (
            statement[0] == f.ASSIGN and statement[8] == use.operation
            and [target[0] for target in statement[7]] == [f.TO_NAME]
        )  # fmt: skip
        return is_kept or layout.is_statement(use.operation)

    def _given(self, use: Use, row: Member) -> Obstacle | None:
        """A method of a session or the like is called by somebody else."""
        if use.kind == "handed":
            reason = f"`{row.name}` is given to `{use.name}`, which may not await it."
            return Obstacle("ASY105", reason)
        if row.form is not Form.AWAIT:
            return Obstacle("ASY203", f"`{row.name}` is called by `{use.name}`.")
        return None

    def generator_obstacle(self, function: Function) -> Obstacle | None:
        """Why a generator can't become an async one, or None: that returns nothing, and
        ``yield from`` becomes a loop, which has no value. A constant that it returned is asked for
        by nobody else."""
        if not function.facts.is_generator:
            return None
        layout = self.uses.layout(function)
        for statement in layout.statements:
            if statement[0] == f.RETURN and statement[7] >= 0:
                is_constant = layout.operations[statement[7]][0] == f.CONSTANT
                if is_constant and not any(self.uses.inference.program.mentioning("StopIteration")):
                    continue
                reason = f"Line {statement[1]}: an async generator can't return a value."
                return Obstacle("ASY101", reason)
        for index, operation in enumerate(layout.operations):
            if operation and operation[0] == f.YIELD_FROM and not layout.is_statement(index):
                reason = f"Line {operation[1]}: the value of `yield from` is used."
                return Obstacle("ASY101", reason)
        return None

    def _reads_cursor(self, use: Use, layout: Layout) -> bool:
        """Is the value read of a cursor's method that gives None, or whatever a driver likes?"""
        row, owner = use.row, use.owner
        return (
            row is not None and row.form is Form.GREENLET and row.returns == "none"
            and isinstance(owner, v.Known) and owner.kind == "RawCursor"
            and not layout.is_statement(use.operation)
        )  # fmt: skip

    def streams(self, use: Use) -> bool:
        """Is a result asked for that stays on the server? An async session refuses that. Options
        that no call is seen to have are those of any."""
        if use.row is None or use.row.returns not in _RESULTS:
            return False
        if STREAMING_OPTIONS.isdisjoint(use.function.facts.names):
            return False
        layout = self.uses.layout(use.function)
        wanted = {i for i in streams.options(layout) if not self._is_of_query(layout, i)}
        if not wanted or streams.asked(layout, use.operation, wanted):
            return bool(wanted)
        others = [u.operation for u in self.uses.of(use.function) if u.kind == "member"]
        return not wanted <= {i for other in others for i in streams.asked(layout, other, wanted)}

    def stream(self, use: Use) -> Stream | None:
        """What reads a stream, where all of that has an async form."""
        layout, inference = self.uses.layout(use.function), self.uses.inference
        if use.row is None or use.row.name not in STREAMED_BY:
            return None
        return streams.Reading(layout, inference.row).of(use.operation, use.row.returns)

    def _is_of_query(self, layout: Layout, index: int) -> bool:
        """Are the options those of a Query, which is looked at elsewhere?"""
        values = self.uses.inference.evaluations[layout.function].values
        method = layout.operations[layout.operations[index][5]]
        if method[0] != f.ATTRIBUTE or method[6] != "execution_options":
            return False
        return any(isinstance(a, v.QueryValue) for a in values[method[5]])

    def loop_call(self, use: Use) -> int:
        """The call of ``asyncio.run`` that runs the coroutine made at a use, or -1."""
        layout = self.uses.layout(use.function)
        parent = layout.parent(use.operation)
        if use.kind != "call" or parent < 0 or layout.operations[parent][0] != f.CALL:
            return -1
        evaluation = self.uses.inference.evaluations[use.function]
        callee = evaluation.values[layout.operations[parent][5]]
        names = (a.name for a in callee if isinstance(a, v.Foreign))
        return parent if any(is_own(layout, parent, name) for name in names) else -1

    def is_scheduled(self, use: Use) -> bool:
        """Is what a call gives handed to asyncio, which takes coroutines?"""
        layout = self.uses.layout(use.function)
        if self.is_ensured(use):
            return True
        index = layout.parent(use.operation)
        while index >= 0:
            operation = layout.operations[index]
            if operation[0] == f.CALL and dotted(layout.operations, operation[5]).startswith(
                ("asyncio.", "anyio.")
            ):
                return True
            index = layout.parent(index)
        return False

    def is_ensured(self, use: Use) -> bool:
        """Is what a call gives handed to something that awaits it if need be, and is awaited?"""
        layout = self.uses.layout(use.function)
        parent = layout.parent(use.operation)
        if parent < 0 or layout.operations[parent][0] != f.CALL or not layout.is_awaited(parent):
            return False
        name = dotted(layout.operations, layout.operations[parent][5])
        return name.rpartition(".")[2] in ENSURING_NAMES

    def is_decoration(self, use: Use) -> bool:
        """Is a function given to what a call gives: ``app.command("/x")(handle)``?"""
        operations = use.function.body.operations
        operation = operations[use.operation]
        return bool(operation[0] == f.CALL and operations[operation[5]][0] == f.CALL)

    def twin(self, origin: v.Origin | None) -> str:
        """The name that a sync engine beside an async one can have, or '' where there can be none:
        the engine isn't a module's variable, or its database lives in the engine's memory."""
        if origin is None or origin.function.facts.kind != "module":
            return ""
        layout = self.uses.layout(origin.function)
        for index, operation in enumerate(layout.operations):
            if not operation or operation[0] != f.CALL or operation[3] != origin.call:
                continue
            statement = layout.statement(index)
            if statement is None or statement[0] != f.ASSIGN or statement[8] != index:
                return ""
            if self.in_memory(origin.function, index):
                return ""
            target = statement[7][0]
            return f"sync_{target[1]}" if target[0] == f.TO_NAME else ""
        return ""

    def in_memory(self, function: Function, index: int) -> bool:
        """Is a database in the engine's memory named where an engine is made: as a literal, or as
        a variable that is one, or a parameter that is one by default? Another engine would have
        another database."""
        operations = function.body.operations
        program = self.uses.inference.program
        creator = creators.argument(operations, index)
        if creator >= 0:  # the URL only says which kind of database it is
            return not creators.makes_files(program, function, operations, creator)
        parts = self.uses.layout(function).subtree(index)
        begun = {  # "sqlite:///" + path
            operations[part][6][0] for part in parts
            if operations[part][0] == f.OPERATOR and operations[part][5] == "Add"
        }  # fmt: skip
        for part in parts:
            operation, texts = operations[part], operations
            if operation[0] in (f.NAME, f.ATTRIBUTE):
                symbol = program.resolve_expression(function, texts, part)
                found = (
                    program.variable_expression(symbol) if isinstance(symbol, Variable) else None
                )
                operation = found[1][found[2]] if found is not None else operation
                default = _default(function, operation)
                operation = operation if default is None else default
            text = operation[5] if operation[0] == f.CONSTANT else None
            if isinstance(text, str) and (
                ":memory:" in text or (text in MEMORY and part not in begun)
            ):
                return True
        return False

    def imported_session(self, use: Use) -> tuple[Variable, str] | None:
        """The factory in ``db = next(get_db())`` at import, and what is called of it: opening a
        session does no I/O, so that the factory can be called instead of the generator."""
        layout = self.uses.layout(use.function)
        parent = layout.parent(use.operation)
        if use.kind != "iterate" or parent < 0 or len(use.callees) != 1:
            return None
        operation = layout.operations[parent]
        if operation[0] != f.CALL or dotted(layout.operations, operation[5]) != "next":
            return None
        return self._yielded_factory(use.callees[0])

    def _yielded_factory(self, generator: Function) -> tuple[Variable, str] | None:
        """The factory whose session a generator yields, where that is the first that it does. Of
        a registry it is an attribute: the registry asks for the task, and none runs at import."""
        statements = [s for s in generator.body.statements if s[0] != f.EXPRESSION]
        operations = generator.body.operations
        if not statements:
            return None
        first = statements[0]
        made = first[8] if first[0] == f.ASSIGN else -1
        if first[0] == f.WITH and len(first[7]) == 1:
            made = first[7][0][0]
        if made < 0 or operations[made][0] != f.CALL or operations[made][6]:
            return None
        program = self.uses.inference.program
        symbol = program.resolve_expression(generator, operations, operations[made][5])
        if not isinstance(symbol, Variable):
            return None
        value = self.uses.inference.global_value(symbol.module, symbol.name)
        kinds = {a.kind for a in value if isinstance(a, v.Known)}
        if kinds & {"scoped_session", "async_scoped_session"}:
            return symbol, f".{ON_FACTORY['scoped_session', 'configure']}"
        return (symbol, "") if kinds & {"sessionmaker", "async_sessionmaker"} else None

    def _foreign(self, use: Use, layout: Layout) -> Obstacle | None:
        """A library gets the session: it can be called inside run_sync, if the session has a name
        and nothing among the arguments has to be awaited."""
        inside = layout.subtree(use.operation) - {use.operation}
        for other in self.uses.of(use.function):
            if other.operation in inside and other.does_io:
                return Obstacle("ASY203", f"A session is given to `{use.name}` together with I/O.")
        return None


def _is_endless(generator: Function) -> bool:
    """Does a generator go on for as long as it is asked, ``while True``?"""
    operations = generator.body.operations
    return any(
        statement[0] == f.WHILE and operations[statement[7]][0] == f.CONSTANT
        for statement in statements_of(generator.body.statements)
    )


def _default(function: Function, operation: f.Operation) -> f.Operation | None:
    """What a parameter is where nobody gives it."""
    if not operation or operation[0] != f.NAME:
        return None
    for parameter in function.signature.parameters:
        if parameter.name == operation[5] and parameter.default >= 0:
            return function.signature.operations[parameter.default]
    return None
