"""One run of one function over load states, statement by statement and operation by operation.

An operation is looked at only where an instance may come out of it or flows into it; most of them
have nothing to do with the database, and a run costs what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asyncify import facts as f
from asyncify.analysis import (
    load_again,
    load_calls,
    load_closures,
    load_commits,
    load_guards,
    load_objects,
    load_picks,
    load_presence,
    load_readers,
    load_reads,
    load_records,
    load_sessions,
    load_specials,
    load_statements,
    load_stores,
    load_summaries,
)
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.load_bodies import BEGUN, IMPLICIT, INSTANCE, KEPT, PROPERTY, TESTED
from asyncify.analysis.load_demands import Summary
from asyncify.analysis.load_operations import OPERATIONS
from asyncify.analysis.load_states import State
from asyncify.analysis.program import Class, Function
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.special import SET_ITEM

if TYPE_CHECKING:
    from asyncify.analysis.loading import Loading

Environment = dict[str, s.Value]


class LoadEvaluation:
    """One run of one function."""

    def __init__(self, loading: Loading, function: Function, given: tuple[s.Value, ...]) -> None:
        self.loading = loading
        self.function = function
        self.body = loading.body(function)
        self.operations = self.body.operations
        self.values: list[s.Value] = [s.NOTHING] * len(self.operations)
        self.environment: Environment = {}
        self.state = State()
        self.summary = Summary()
        self.has_ended = False
        self.savepoints = 0  # that contexts have taken
        self.handlers = 0  # exception handlers around the statement
        self.forks = 0  # branches around the statement
        self.guards = load_guards.NONE  # parameters that are true there
        self.statement: f.Statement | None = None  # that is run
        self.committed_in: f.Statement | None = None  # the last one with a commit in it
        self.detached: Environment = {}  # variables of contexts that have closed their session
        self.seen: set[tuple[Class, str]] = set()  # relationships that were read
        self.anew: set[tuple[s.Key, str]] = set()  # what callees may have loaded after a commit
        self.awaited: set[s.Key] = set()  # what comes by relationships that no query has loaded
        self.picks: dict[s.Key, load_picks.Pick] = {}  # instances of many, in variables
        self.place = -1  # the call that is evaluated
        self.left: list[State] = []  # at `break` and `continue` of the innermost loop
        for parameter, value in zip(function.signature.parameters, given, strict=False):
            self.environment[parameter.name] = value
        parameters = len(function.signature.parameters)
        for name, value in zip(loading.scopes.free(function), given[parameters:], strict=False):
            self.environment[name] = value

    def run(self) -> None:
        if self.function.facts.kind == "lambda":
            body = self.function.body.statements
            if body and body[0][0] == f.RETURN:
                self.block(body)
            return
        self.block(self.function.body.statements)
        if not self.has_ended:
            self.returned(s.NOTHING)

    @property
    def is_typed(self) -> bool:
        return self.body.types is not None

    def types(self, index: int) -> v.Value:
        return self.body.types[index] if self.body.types is not None else v.UNKNOWN

    # -- statements

    def block(self, statements: tuple[f.Statement, ...]) -> None:
        guards = self.guards
        for statement in statements:
            if self.has_ended:
                break
            self.statement = statement
            if self.committed_in is statement:  # in an earlier turn
                self.committed_in = None
            self.evaluate(statement[4], statement[5])
            handler = _STATEMENTS.get(statement[0])
            if handler is not None:
                handler(self, statement)
        self.guards = guards

    def on_assign(self, statement: f.Statement) -> None:
        for target in statement[7]:
            self.bind(target, self.values[statement[8]], statement[8])

    def on_annotated(self, statement: f.Statement) -> None:
        if statement[9] >= 0:
            self.bind(statement[7], self.values[statement[9]], statement[9])

    def on_augmented(self, statement: f.Statement) -> None:
        target = statement[7]
        if target[0] == f.TO_ATTRIBUTE:
            load_stores.add(self, target[1], target[2], statement[8])
        elif target[0] == f.TO_NAME and self.values[statement[8]]:  # names += others
            known = self.environment.get(target[1], s.NOTHING)
            self.environment[target[1]] = s.join((known, self.values[statement[8]]))

    def on_return(self, statement: f.Statement) -> None:
        if statement[7] >= 0:
            value = self.values[statement[7]]
            load_again.before_tests(self, statement[7])
            self.returned(value)
            for schema in self.body.schemas if value else ():
                load_readers.returned(self, schema, statement[7])
        else:
            self.returned(s.NOTHING)
        self.has_ended = True

    def on_raise(self, statement: f.Statement) -> None:
        self.has_ended = True

    def on_delete(self, statement: f.Statement) -> None:
        for target in statement[7]:
            if target[0] == f.TO_SUBSCRIPT:
                load_commits.removed(self, self.values[target[1]])

    def on_flow(self, statement: f.Statement) -> None:
        if statement[7] != "pass":
            self.left.append(self.state)
            self.has_ended = True

    def returned(self, value: s.Value) -> None:
        summary = self.summary
        if summary.state is None:
            summary.state = self.state.copy()
        else:
            summary.state = summary.state.at_return(
                self.state, s.sources(summary.returned), s.sources(value)
            )
        summary.returned = s.join((summary.returned, value))

    def branches(
        self, *blocks: tuple[f.Statement, ...], guards: tuple[load_guards.Guards, ...] = ()
    ) -> list[tuple[Environment, State]]:
        """Any of the blocks is run: what each ends with that doesn't leave. ``guards``: what is
        true in each."""
        before, around = (self.environment, self.state), self.guards
        ends = []
        self.forks += 1
        for number, block in enumerate(blocks):
            self.guards = around.union(*guards[number : number + 1])
            self.environment, self.state = dict(before[0]), before[1].copy()
            self.has_ended = False
            if block:
                self.block(block)
            if not self.has_ended:
                ends.append((self.environment, self.state))
        self.forks -= 1
        self.guards = around
        self.has_ended = not ends
        if ends:
            self.go_on(ends)
        return ends

    def go_on(self, ends: list[tuple[Environment, State]]) -> None:
        """What follows is reached from all of these."""
        self.environment, self.state = ends[0]
        for environment, state in ends[1:]:
            self.environment = _joined(self.environment, environment)
            self.state = self.state.joined(state)

    def on_if(self, statement: f.Statement) -> None:
        keys, there = load_presence.present(self, statement[7])
        met, unmet, behind = load_guards.of_branches(self, statement)
        ends = self.branches(statement[8], statement[9], guards=(met, unmet))
        if keys and len(ends) > 1:
            self.state = ends[there][1].after_turns(ends[1 - there][1], keys)
        self.guards |= behind

    def on_for(self, statement: f.Statement) -> None:
        items = self.turns(self.iterable(statement[8]))
        self.loop(statement[9], lambda: self.bind(statement[7], items, -1), items)
        self.block(statement[10])

    def on_while(self, statement: f.Statement) -> None:
        self.loop(statement[8], lambda: self.evaluate(statement[4], statement[5]))
        self.block(statement[9])

    def loop(
        self, body: tuple[f.Statement, ...], start: Callable[[], None], items: s.Value = s.NOTHING
    ) -> None:
        """Twice: what the end of a turn expires is read by the next one."""
        before, outer = dict(self.environment), self.left
        skipped, keys = self.state.copy(), [each.key for each in s.entities(items)]
        swept = self.state.swept
        for _ in range(2):
            self.left = []
            self.state.swept = frozenset()
            start()
            self.block(body)
            states = [*([] if self.has_ended else [self.state]), *self.left]
            if states:  # else each turn raises or returns
                self.state = states[0]
                for state in states[1:]:
                    self.state = self.state.joined(state)
            self.state.next_item(keys)
            swept |= self.state.swept
            self.has_ended = False
        # Where there is no turn there are no items either: what each turn does to its item holds
        # for all of them. Anything else it may not have done.
        self.state = self.state.after_turns(skipped, keys)
        self.state.swept = swept
        self.left = outer
        self.environment = _joined(before, self.environment)

    def on_with(self, statement: f.Statement) -> None:
        for value, target in statement[7]:
            given, place = self.values[value], value
            if any(isinstance(atom, v.Managed) for atom in self.types(value)):
                given, place = self.turns(given), -1  # what the generator gives
            entered = s.join([given, self.special(value, "__enter__")])
            if target is not None:
                self.bind(target, entered, place)
        before, outside = self.state.history, dict(self.environment)
        opened = any(load_sessions.is_opened(self, value) for value, _ in statement[7])

        def body() -> None:
            if any(self._stops_errors(value) for value, _ in statement[7]):
                self._tried(lambda: self.block(statement[8]))
            else:
                self.block(statement[8])

        def end() -> None:
            for value, _ in statement[7]:
                self.special(value, "__exit__")
                self.savepoints += load_sessions.is_savepoint(self, value)
                load_sessions.ended(self, value)
            if opened:
                self.state.history = before  # of another session: nothing of this one expires

        self._ended(body, end)
        if opened:
            self.detached |= {
                name: value for name, value in self.environment.items()
                if value and value is not outside.get(name)
            }  # fmt: skip

    def _ended(self, body: Callable[[], None], end: Callable[[], None]) -> None:
        """What ends a block is also run where the block returns: a ``finally``, or a context."""
        before, self.summary.state = self.summary.state, None
        body()
        returned, self.summary.state = self.summary.state, before
        if returned is not None:
            on = self.environment, self.state, self.has_ended
            self.environment, self.state, self.has_ended = dict(self.environment), returned, False
            end()
            if not self.has_ended:
                self.summary.state = self.state if before is None else before.joined(self.state)
            self.environment, self.state, self.has_ended = on
        ended, self.has_ended = self.has_ended, False
        end()
        self.has_ended = self.has_ended or ended

    def _stops_errors(self, index: int) -> bool:
        """Does a ``with`` go on behind its block where that raises: ``suppress``?"""
        made = self.types(index)
        return any(isinstance(a, v.ForeignInstance) and a.name in words.STOPPING for a in made)

    def _tried(self, block: Callable[[], None]) -> None:
        """What follows a block is reached from its end, and from anywhere in it."""
        before = dict(self.environment), self.state.copy()
        block()
        after = self.environment, self.state
        middle = _joined(before[0], after[0]), before[1].joined(after[1])
        ends = [middle] if self.has_ended else [after, middle]
        self.has_ended = False
        self.go_on(ends)

    def on_try(self, statement: f.Statement) -> None:
        if statement[10]:
            self._ended(lambda: self._handled(statement), lambda: self.block(statement[10]))
        else:
            self._handled(statement)

    def _handled(self, statement: f.Statement) -> None:
        before, savepoints = (dict(self.environment), self.state.copy()), self.savepoints
        self.block(statement[7])
        after, ended = (self.environment, self.state), self.has_ended
        ends = [] if ended else [after]
        middle = _joined(before[0], after[0]), before[1].joined(after[1])
        for _, name, block in statement[8]:
            self.environment, self.state = dict(middle[0]), middle[1].copy()
            if name:
                self.environment[name] = s.NOTHING
            self.has_ended = False
            if self.savepoints > savepoints:
                load_sessions.rolled_back(self)
            self.handlers += 1
            self.block(block)
            self.handlers -= 1
            if not self.has_ended:
                ends.append((self.environment, self.state))
        self.has_ended = False
        self.go_on(ends or [middle])
        self.block(statement[9])
        self.has_ended = self.has_ended or not ends

    def on_match(self, statement: f.Statement) -> None:
        for _, _, _, reads in statement[8]:
            for path, name in reads:
                value = load_reads.along(self, self.values[statement[7]], path, statement[7])
                if name:
                    self.environment[name] = value
        self.branches(*[case[2] for case in statement[8]], ())

    # -- binding

    def bind(self, target: Any, value: s.Value, index: int) -> None:
        kind = target[0]
        if kind == f.TO_NAME:
            if index >= 0 and value:
                load_picks.picked(self, value)
            self.environment[target[1]] = value
        elif kind == f.TO_ATTRIBUTE:
            load_stores.store(self, target[1], target[2], value, index)
        elif kind == f.TO_SEQUENCE:
            value = self.iterable(index) if index >= 0 else value
            for position, part in enumerate(target[1]):
                given = self.part(value, position, len(target[1]))
                self.bind(part, s.many(given) if position == target[2] else given, -1)
        elif kind == f.TO_SUBSCRIPT:
            operation, keys = self.operations[target[1]], self.key(target[2])
            load_specials.called(self, SET_ITEM, target[1], [target[1], target[2]], value)
            if operation[0] == f.NAME and (value or keys):
                known = self.environment.get(operation[5], s.NOTHING)
                key = self.operations[target[2]] if target[2] >= 0 else ()
                is_named = bool(key) and key[0] == f.CONSTANT and isinstance(key[5], str)
                put = (
                    s.one(s.Row((value,), (key[5],)))
                    if is_named
                    else s.many(value, keyed=True, keys=keys)
                )
                self.environment[operation[5]] = s.join((known, put))

    def key(self, index: int) -> s.Value:
        """The instance that something is kept under, if it is one."""
        value = self.values[index] if index >= 0 else s.NOTHING
        return value if all(isinstance(atom, s.Entity) for atom in value) else s.NOTHING

    def part(self, value: s.Value, position: int, length: int) -> s.Value:
        rows = [a for a in value if isinstance(a, s.Row) and len(a.items) == length and not a.names]
        if rows:
            return s.join(row.items[position] for row in rows)
        return self.turns(value)

    def is_computed(self, index: int, bulk: bool = False) -> bool:
        """Is an expression one of SQL: of a mapped class's attributes, or of functions? ``bulk``:
        for an UPDATE of many, where SQLAlchemy itself computes what has no function in it."""
        operation = self.operations[index]
        if operation[0] == f.OPERATOR:
            return any(self.is_computed(i, bulk) for i in operation[6])
        if operation[0] == f.ATTRIBUTE:
            return not bulk and any(
                isinstance(a, v.ClassObject) and self.loading.is_model(a.cls)
                for a in self.types(operation[5])
            )
        if operation[0] == f.CALL:
            return any(
                isinstance(a, v.Foreign) and _makes_sql(a.name) for a in self.types(operation[5])
            )
        return False

    # -- expressions

    def evaluate(self, first: int, end: int, inside: int = 0) -> None:
        """Run operations in order; ``inside`` counts the conditional expressions that begin with
        the first and are being run."""
        conditionals = self.body.conditionals
        if not conditionals:
            self.straight(first, end)
            return
        index = first
        while index < end:
            begun = conditionals.get(index, ())
            if len(begun) > inside:
                body, test = begun[inside]
                self.evaluate(body, test)
                self.evaluate(index, body, inside + 1)
                index, inside = test, 0
            else:
                inside = 0
                stop = min((i for i in conditionals if i > index), default=end)
                index = self.straight(index, min(stop, end))

    def straight(self, index: int, end: int) -> int:
        """Run operations up to ``end``, or to the end of the comprehension around it."""
        operations, values, hot = self.operations, self.values, self.body.hot
        while index < end:
            operation = operations[index]
            kind = operation[0] if operation else f.CONSTANT
            if kind == f.NAME:
                value = self.environment.get(operation[5])
                if not value and hot[index]:
                    value = self.by_name(index)
                values[index] = value or s.NOTHING
            elif kind == f.ATTRIBUTE:
                if values[operation[5]]:
                    values[index] = self.on_attribute(operation, index)
                else:
                    values[index] = self.by_type(index)
            elif kind == f.CALL:
                self.place = index
                if hot[operation[5]] or hot[index] or self.is_given_something(operation):
                    value = load_calls.call(self, operation, index)
                    told = self.body.told(index) if hot[operation[5]] else s.NOTHING
                    known = told or self.body.by_type(index)
                    values[index] = s.restricted(value, known, bool(told)) if value else known
                else:
                    values[index] = s.NOTHING
            elif kind == f.COMPREHENSION:
                values[index] = self.comprehension(operation)
                if hot[index] & IMPLICIT:
                    load_objects.called(self, index)
                index = operation[9]
                continue
            elif kind != f.CONSTANT:
                handler = OPERATIONS.get(kind)
                if handler is not None:
                    values[index] = handler(self, operation, index)
            if hot[index] & IMPLICIT:
                load_objects.called(self, index)
            if hot[index] & TESTED:
                load_specials.measured(self, values[index], index, index, *words.TRUTH)
            index += 1
        return index

    def by_name(self, index: int) -> s.Value:
        """What a variable is of which only the type is known."""
        for function in self.body.closures.get(index, ()):
            load_closures.named(self, function, index)
        if self.body.hot[index] & KEPT:
            return self.loading.statements.kept(self.body, index)
        return self.body.by_type(index) if self.body.hot[index] & INSTANCE else s.NOTHING

    def by_type(self, index: int) -> s.Value:
        """What an attribute gives of which only the type is known."""
        told = self.body.hot[index]
        if told & KEPT:
            found = self.loading.statements.kept(self.body, index)
            if found:
                return found
        if told & BEGUN:
            return load_statements.begun(self, index)
        if told & PROPERTY:
            return load_summaries.property_of_another(self, index)
        if self.loading.inference.made_attributes.there:
            found = load_objects.delegated(self, index)
            if found:
                return found
        return self.body.by_type(index) if told & INSTANCE else s.NOTHING

    def is_given_something(self, operation: f.Operation) -> bool:
        """Is there an instance among the arguments of a call, or is it a method of one?"""
        values, callee = self.values, self.operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and values[callee[5]]:
            return True
        for argument in operation[6]:
            if values[argument if argument >= 0 else ~argument]:
                return True
        return bool(operation[7]) and any(values[argument] for _, argument in operation[7])

    def comprehension(self, operation: f.Operation) -> s.Value:
        first, element_end, generators, _, parts = operation[6:]
        saved = dict(self.environment)
        for target, iterable, start, middle, end, _, _ in generators:
            self.evaluate(start, middle)
            self.bind(target, self.turns(self.iterable(iterable)), -1)
            self.evaluate(middle, end)
        self.evaluate(first, element_end)
        self.environment = saved
        keyed = operation[5] == "DictComp"
        if operation[5] in words.HASHING_COMPREHENSIONS:
            load_specials.hashed(self, self.values[parts[0]], parts[0], parts[0])
        keys = self.key(parts[0]) if keyed else s.NOTHING
        return s.many(self.values[parts[-1]], keyed=keyed, keys=keys)

    def on_attribute(self, operation: f.Operation, index: int) -> s.Value:
        """An attribute of something that was given or loaded."""
        name, base = operation[6], self.values[operation[5]]
        if name in words.ROW_MAPPINGS:
            return s.by_class(base)
        found = [a for a in base if isinstance(a, s.Entity)]
        if found:
            return s.join([load_reads.read(self, a, name, index) for a in s.ordered(found)])
        parts = [  # ``row.User``
            part for row in base if isinstance(row, s.Row) and not row.names for part in row.items
            if any(isinstance(a, s.Entity) and a.name == name for a in part)
        ]  # fmt: skip
        if parts:
            return s.join(parts)
        return load_records.attribute(self, operation[5], name) or self.body.by_type(index)

    def is_maybe(self, index: int) -> bool:
        """May an operation be skipped, or is it about one of many (``users[0].books``)? Then what
        it loads isn't loaded for what follows, which may be about another."""
        operation = self.operations[index]
        if operation[4] & f.MAYBE:
            return True
        base = self.operations[operation[5]] if operation[0] == f.ATTRIBUTE else ()
        return bool(base) and base[0] == f.SUBSCRIPT

    def is_certain(self, index: int) -> bool:
        """Is an operation evaluated whenever the function is called, if what it loops over has
        items?"""
        is_first = self.summary.state is None
        return is_first and not self.forks and not self.is_maybe(index)

    def reached(self, index: int) -> int:
        """The operation from whose value statements can reach the instances in it, if any."""
        is_flat = index < 0 or s.is_flat(self.values[index])
        return index if is_flat else load_reads.NOWHERE

    def is_many(self, index: int) -> bool:
        """Is the value of an operation a container?"""
        return index >= 0 and any(isinstance(a, s.Many) for a in self.values[index])

    def iterable(self, index: int) -> s.Value:
        """What is gone through: also what the ``__iter__`` of an object gives."""
        value = self.values[index]
        if value:
            load_statements.iterated(self, value, index)
            if self.loading.has_iterables:
                value = s.join([value, *load_specials.gone_through(self, value, index)])
            return value
        gone_through = s.join([self.special(index, name) for name in ("__iter__", "__next__")])
        return gone_through or self.body.iterated(index)

    def special(self, index: int, name: str) -> s.Value:
        """What a special method of an object gives."""
        methods = [
            method for atom in self.types(index) if isinstance(atom, v.Instance)
            if (method := atom.cls.find(name)) is not None
        ]  # fmt: skip
        methods.sort(key=lambda method: (method.module.path, method.index))
        return s.join([self._asked(method, index) for method in methods])

    def _asked(self, method: Function, index: int) -> s.Value:
        """What a special method gives of the object at ``index``. A generator reads later."""
        if method.facts.is_generator or not load_summaries.asks(self, method):
            return load_summaries.by_itself(self, method, index)
        return load_summaries.apply(self, method, [s.NOTHING], index, [index])

    def turns(self, value: s.Value) -> s.Value:
        """What going through a value gives: of a dict the keys, if those are instances."""
        keyed = [atom for atom in value if isinstance(atom, s.Many) and atom.keys]
        if not keyed:
            return self.elements(value)
        return s.join([*(atom.keys for atom in keyed), self.elements(value.difference(keyed))])

    def elements(self, value: s.Value) -> s.Value:
        if not value:
            return s.NOTHING
        out: list[s.Value] = []
        for atom in value:
            if isinstance(atom, s.Many):
                out.append(atom.items)
                if self.picks:
                    load_picks.another(self, atom.items)
            elif isinstance(atom, s.Row):
                out += atom.items
            elif isinstance(atom, s.Outcome):
                out.append(load_statements.item_of(atom))
        statements = [atom for atom in value if isinstance(atom, s.Statement)]
        return s.join([*out, *load_statements.alternately(self, statements, self._selected)])

    def _selected(self, statement: s.Statement) -> s.Value:
        """An item of a statement that is executed by iterating over it."""
        load_statements.executed(self, statement)
        return load_statements.item(statement, statement.single)

    def by_key(self, base: s.Value, key: int) -> s.Value | None:
        """What dicts have under a key, if all of their keys are known."""
        operation = self.operations[key]
        if operation[0] != f.CONSTANT or not isinstance(operation[5], str):
            return None
        name, rows = operation[5], [a for a in base if isinstance(a, s.Row)]
        if len(rows) != len(base) or not any(name in a.names or "" in a.names for a in rows):
            return None
        return s.join(
            item
            for row in rows
            for its, item in zip(row.names, row.items, strict=False)
            if its == (name if name in row.names else "")  # else a column, or of several classes
        )


def _joined(left: Environment, right: Environment) -> Environment:
    out = dict(left)
    for name, value in right.items():
        known = out.get(name)
        if known is not value:
            out[name] = s.join((known, value)) if known else value
    return out


def _makes_sql(name: str) -> bool:
    """Does calling something of SQLAlchemy give an expression? A method of a column's value
    (``user.name.upper()``) looks like one of the column, and doesn't."""
    is_method = "()" in name
    return name.startswith("sqlalchemy.func." if is_method else "sqlalchemy.")


_STATEMENTS: dict[int, Callable[[LoadEvaluation, f.Statement], None]] = {
    f.ASSIGN: LoadEvaluation.on_assign,
    f.ANNOTATED: LoadEvaluation.on_annotated,
    f.AUGMENTED: LoadEvaluation.on_augmented,
    f.RETURN: LoadEvaluation.on_return,
    f.RAISE: LoadEvaluation.on_raise,
    f.FLOW: LoadEvaluation.on_flow,
    f.IF: LoadEvaluation.on_if,
    f.DELETE: LoadEvaluation.on_delete,
    f.FOR: LoadEvaluation.on_for,
    f.WHILE: LoadEvaluation.on_while,
    f.WITH: LoadEvaluation.on_with,
    f.TRY: LoadEvaluation.on_try,
    f.MATCH: LoadEvaluation.on_match,
}
