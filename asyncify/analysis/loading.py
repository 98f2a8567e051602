"""Loading: which attributes are read where they may not be loaded.

One function is run over load states (`asyncify.analysis.load_states`), statement by statement, as
types are; what it does with the instances that it is given is a summary that its callers apply.
Only functions from which a read of a relationship can be reached are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from asyncify import facts as f
from asyncify.analysis import load_calls, load_readers
from asyncify.analysis import load_states as s
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.models import Relationship
from asyncify.analysis.program import Class, Function, statements_of
from asyncify.vocabulary.loading import EAGER, EXPIRING_ALL, QUERYING, RAISING

_NESTING = 12  # calls inside one another
_MENTIONS = 60  # a name that occurs more often says nothing
_SUMMARIES = 4_000  # a function is run once for each shape of arguments


class Loading:
    """The demands of a program that is about to turn."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.models = self.inference.models
        self._summaries: dict[tuple[Function, tuple[s.Value, ...]], s.Summary] = {}
        self._running: set[Function] = set()

    def demands(self) -> dict[Function, list[s.Demand]]:
        """What the functions that turn ask of their own instances; what they ask of those that
        they are given stands at their callers, and here too where they await."""
        found: dict[Function, list[s.Demand]] = {}
        for function in sorted(self._concerned(), key=lambda fn: (fn.module.path, fn.index)):
            summary = self.summary(function, self._declared(function))
            if summary.demands:
                found[function] = list(summary.demands)
        return found

    def _concerned(self) -> set[Function]:
        """Functions that turn, and from which something is read that may have to be loaded."""
        pending = list(self._readers())
        reached = set(pending)
        callers = self.colors.callers() if pending else {}
        while pending:
            function = pending.pop()
            above = [caller for caller, _ in callers.get(function, ())]
            above += self._unseen_callers(function)
            if function.facts.kind == "lambda" and function.parent is not None:
                above.append(function.parent)
            for caller in above:
                if caller not in reached:
                    reached.add(caller)
                    pending.append(caller)
        return {fn for fn in reached if fn in self.coloring.turned and fn.facts.kind == "def"}

    def _unseen_callers(self, function: Function) -> list[Function]:
        """Functions without types that may call another by its name: lambdas, mostly."""
        if function.facts.kind != "def":
            return []
        mentions = self.inference.program.mentioning(function.name)
        if len(mentions) > _MENTIONS:
            return []
        return [fn for fn in mentions if fn not in self.inference.evaluations]

    def _readers(self) -> Iterator[Function]:
        program = self.inference.program
        names: set[str] = set()
        for cls in program.classes.values():
            model = self.models.declared(cls)
            names |= model.relationships.keys() | model.deferred | model.expiring
            names |= {link.back for link in model.relationships.values() if link.backref}
        for name in sorted(names):
            yield from program.mentioning_member(name)
        if names or any(self.models.declared(c).table for c in program.classes.values()):
            for name in sorted(load_calls.EXPIRING):
                yield from program.mentioning(name)
            turned = self.coloring.turned
            yield from (fn for fn in turned if fn.facts.stores or fn.signature_is_decorated)

    @cached_property
    def expires_all(self) -> bool:
        """Does what turns expire everything somewhere?"""
        return any(fn.facts.members & EXPIRING_ALL for fn in self.coloring.turned)

    @cached_property
    def computed(self) -> dict[Class, set[str]]:
        """Columns that are set to expressions of SQL somewhere: whoever reads them after the flush
        loads them."""
        out: dict[Class, set[str]] = {}
        for function in self.coloring.turned:
            if function.facts.stores:
                run = LoadEvaluation(self, function, ())
                for statement in statements_of(function.body.statements):
                    if statement[0] == f.ASSIGN and run.is_computed(statement[8]):
                        for target in statement[7]:
                            run.note_computed(target, out)
        return out

    def _declared(self, function: Function) -> tuple[s.Value, ...]:
        """What the parameters hold by their types."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return tuple(s.NOTHING for _ in function.signature.parameters)
        return tuple(
            self.typed(
                self.inference.parameter(function, position),
                s.Source("given", function, -1, position),
            )
            for position, _ in enumerate(function.signature.parameters)
        )

    def typed(self, value: v.Value, source: s.Source, nesting: int = 0) -> s.Value:
        """The instances that a type speaks of."""
        out: set[s.Atom] = set()
        for atom in value:
            if isinstance(atom, v.Instance) and self.is_model(atom.cls):
                out.add(s.Entity(source, (), atom.cls))
            elif isinstance(atom, v.Collection) and nesting < 3:
                out |= s.many(self.typed(atom.items, source, nesting + 1))
        return frozenset(out)

    def is_model(self, cls: Class) -> bool:
        return any(
            self.models.declared(c).table
            or self.models.declared(c).relationships
            or any(name == "table" for name, _ in c.body.signature.keywords)
            for c in cls.ancestors
        )

    def summary(self, function: Function, given: tuple[s.Value, ...]) -> s.Summary:
        """What a function does with arguments of these shapes."""
        key = function, given
        found = self._summaries.get(key)
        if found is not None:
            return found
        full = len(self._running) >= _NESTING or len(self._summaries) >= _SUMMARIES
        if full or function in self._running or function in self.coloring.islands:
            return s.Summary()
        self._running.add(function)
        run = LoadEvaluation(self, function, given)
        run.run()
        self._running.discard(function)
        self._summaries[key] = run.summary
        return run.summary


class LoadEvaluation:
    """One run of one function."""

    def __init__(self, loading: Loading, function: Function, given: tuple[s.Value, ...]) -> None:
        self.loading = loading
        self.function = function
        self.operations = function.body.operations
        self.values: list[s.Value] = [s.NOTHING] * len(self.operations)
        self.environment: dict[str, s.Value] = {}
        self.state = s.State()
        self.summary = s.Summary()
        self.evaluation = loading.inference.evaluations.get(function)
        self.has_ended = False
        self.schemas = load_readers.response_schemas(loading.colors, function)
        self.left: list[s.State] = []  # at `break` and `continue` of the innermost loop
        for parameter, value in zip(function.signature.parameters, given, strict=False):
            self.environment[parameter.name] = value

    def run(self) -> None:
        if self.function.facts.kind == "lambda":
            body = self.function.body.statements
            if body and body[0][0] == f.RETURN:
                self.block(body)
            return
        self.block(self.function.body.statements)
        if not self.has_ended:
            self.returned(s.NOTHING)

    def types(self, index: int) -> v.Value:
        return self.evaluation.values[index] if self.evaluation is not None else v.UNKNOWN

    # -- statements

    def block(self, statements: tuple[f.Statement, ...]) -> None:
        for statement in statements:
            if self.has_ended:
                return
            self.evaluate(statement[4], statement[5])
            handler = _STATEMENTS.get(statement[0])
            if handler is not None:
                handler(self, statement)

    def on_assign(self, statement: f.Statement) -> None:
        for target in statement[7]:
            self.bind(target, self.values[statement[8]], statement[8])

    def on_annotated(self, statement: f.Statement) -> None:
        if statement[9] >= 0:
            self.bind(statement[7], self.values[statement[9]], statement[9])

    def on_augmented(self, statement: f.Statement) -> None:
        if statement[7][0] == f.TO_ATTRIBUTE:
            self.bind(statement[7], s.NOTHING, statement[8])

    def on_return(self, statement: f.Statement) -> None:
        if statement[7] >= 0:
            self.returned(self.values[statement[7]])
            for schema in self.schemas:
                value = self.values[statement[7]]
                load_readers.read(self, value, schema, statement[7], statement[7])
        self.has_ended = True

    def on_raise(self, statement: f.Statement) -> None:
        self.has_ended = True

    def on_flow(self, statement: f.Statement) -> None:
        if statement[7] != "pass":
            self.left.append(self.state)
            self.has_ended = True

    def returned(self, value: s.Value) -> None:
        summary = self.summary
        summary.returned = s.join((summary.returned, value))
        summary.state = (
            self.state.copy() if summary.state is None else summary.state.joined(self.state)
        )

    def branches(self, *blocks: tuple[f.Statement, ...]) -> None:
        before = self.environment, self.state
        ends = []
        for block in blocks:
            self.environment, self.state = dict(before[0]), before[1].copy()
            self.has_ended = False
            self.block(block)
            if not self.has_ended:
                ends.append((self.environment, self.state))
        self.has_ended = not ends
        if not ends:
            return
        self.environment, self.state = ends[0]
        for environment, state in ends[1:]:
            self.environment = _joined(self.environment, environment)
            self.state = self.state.joined(state)

    def on_if(self, statement: f.Statement) -> None:
        self.branches(statement[8], statement[9])

    def on_for(self, statement: f.Statement) -> None:
        items = self.elements(self.values[statement[8]])
        self.loop(statement[9], lambda: self.bind(statement[7], items, -1))
        self.block(statement[10])

    def on_while(self, statement: f.Statement) -> None:
        self.loop(statement[8], lambda: self.evaluate(statement[4], statement[5]))
        self.block(statement[9])

    def loop(self, body: tuple[f.Statement, ...], start: Callable[[], None]) -> None:
        """Twice: what the end of a turn expires is read by the next one."""
        before, outer = dict(self.environment), self.left
        for _ in range(2):
            self.left = []
            start()
            self.block(body)
            states = [*([] if self.has_ended else [self.state]), *self.left]
            if states:  # else each turn raises or returns
                self.state = states[0]
                for state in states[1:]:
                    self.state = self.state.joined(state)
            self.has_ended = False
        # What each turn loads is loaded for all, even where there was none.
        self.left = outer
        self.environment = _joined(before, self.environment)

    def on_with(self, statement: f.Statement) -> None:
        for value, target in statement[7]:
            if target is not None:
                self.bind(target, self.values[value], value)
        self.block(statement[8])

    def on_try(self, statement: f.Statement) -> None:
        before = dict(self.environment), self.state.copy()
        self.block(statement[7])
        after, ended = (self.environment, self.state), self.has_ended
        ends = [] if ended else [after]
        middle = _joined(before[0], after[0]), before[1].joined(after[1])
        for _, name, block in statement[8]:
            self.environment, self.state = dict(middle[0]), middle[1].copy()
            if name:
                self.environment[name] = s.NOTHING
            self.has_ended = False
            self.block(block)
            if not self.has_ended:
                ends.append((self.environment, self.state))
        self.has_ended = False
        self.environment, self.state = ends[0] if ends else middle
        for environment, state in ends[1:]:
            self.environment = _joined(self.environment, environment)
            self.state = self.state.joined(state)
        self.block(statement[9])
        self.block(statement[10])
        self.has_ended = self.has_ended or not ends

    def on_match(self, statement: f.Statement) -> None:
        self.branches(*[case[2] for case in statement[8]], ())

    # -- binding

    def bind(self, target: Any, value: s.Value, index: int) -> None:
        kind = target[0]
        if kind == f.TO_NAME:
            self.environment[target[1]] = value
        elif kind == f.TO_ATTRIBUTE:
            self.store(target[1], target[2], value, index)
        elif kind == f.TO_SEQUENCE:
            for position, part in enumerate(target[1]):
                self.bind(part, self.part(value, position, len(target[1])), -1)
        elif kind == f.TO_SUBSCRIPT and value:
            operation = self.operations[target[1]]
            if operation[0] == f.NAME:
                known = self.environment.get(operation[5], s.NOTHING)
                self.environment[operation[5]] = s.join((known, s.many(value)))

    def part(self, value: s.Value, position: int, length: int) -> s.Value:
        rows = [a for a in value if isinstance(a, s.Row) and len(a.items) == length]
        if rows:
            return s.join(row.items[position] for row in rows)
        return self.elements(value)

    def store(self, base: int, name: str, value: s.Value, index: int) -> None:
        """An attribute is set: it needn't be loaded any more, or is to be computed."""
        for atom in s.ordered([a for a in self.values[base] if isinstance(a, s.Entity)]):
            load_calls.keep(self, value)
            link = self.loading.models.links(atom.cls).get(name)
            state = self.state
            if link is not None:
                if link.to_many and link.lazy not in {*EAGER, *QUERYING}:
                    self.demand(atom, name, base)  # what was there is loaded to be replaced
                state.load(atom.key, name)
                continue
            changed = state.changed.get(atom.key, frozenset())
            changed |= self.loading.models.expiring(atom.cls)
            if index >= 0 and self.is_computed(index):
                changed |= {name}
            if changed:
                state.changed[atom.key] = changed

    def note_computed(self, target: Any, out: dict[Class, set[str]]) -> None:
        """Note the classes whose attribute a target is."""
        if target[0] == f.TO_ATTRIBUTE:
            for atom in self.types(target[1]):
                if isinstance(atom, v.Instance) and self.loading.is_model(atom.cls):
                    out.setdefault(atom.cls, set()).add(target[2])

    def is_computed(self, index: int, bulk: bool = False) -> bool:
        """Is an expression one of SQL: of a mapped class's attributes, or of functions? ``bulk``:
        for an UPDATE of many, where SQLAlchemy itself computes what has no function in it."""
        operation = self.operations[index]
        if operation[0] == f.OPERATOR:
            return any(self.is_computed(i, bulk) for i in operation[6])
        if operation[0] == f.ATTRIBUTE:
            return not bulk and any(isinstance(a, v.ClassObject) for a in self.types(operation[5]))
        if operation[0] == f.CALL:
            return any(
                isinstance(a, v.Foreign) and _makes_sql(a.name) for a in self.types(operation[5])
            )
        return False

    # -- expressions

    @cached_property
    def conditionals(self) -> dict[int, list[tuple[int, int]]]:
        """Where conditional expressions begin: the ends of their body and of their test, which
        runs first. The outermost stands first."""
        out: dict[int, list[tuple[int, int]]] = {}
        layout = self.loading.colors.uses.layout(self.function)
        for operation in reversed(self.operations):
            if operation and operation[0] == f.CONDITIONAL:
                start = min(layout.subtree(operation[6]))
                out.setdefault(start, []).append((operation[6] + 1, operation[5] + 1))
        return out

    def evaluate(self, first: int, end: int, inside: int = 0) -> None:
        """Run operations in order; ``inside`` counts the conditional expressions that begin with
        the first and are being run."""
        operations, values = self.operations, self.values
        index = first
        while index < end:
            begun = self.conditionals.get(index, ())
            if len(begun) > inside:
                body, test = begun[inside]
                self.evaluate(body, test)
                self.evaluate(index, body, inside + 1)
                index, inside = test, 0
                continue
            inside = 0
            operation = operations[index]
            kind = operation[0] if operation else -1
            if kind == f.COMPREHENSION:
                values[index] = self.comprehension(operation)
                index = operation[9]
                continue
            handler = _OPERATIONS.get(kind)
            if handler is not None:
                values[index] = handler(self, operation, index)
            index += 1

    def comprehension(self, operation: f.Operation) -> s.Value:
        first, element_end, generators, _, parts = operation[6:]
        saved = dict(self.environment)
        for target, iterable, start, middle, end, _, _ in generators:
            self.evaluate(start, middle)
            self.bind(target, self.elements(self.values[iterable]), -1)
            self.evaluate(middle, end)
        self.evaluate(first, element_end)
        self.environment = saved
        return s.many(self.values[parts[-1]])

    def on_name(self, operation: f.Operation, index: int) -> s.Value:
        value = self.environment.get(operation[5])
        return value if value else self.by_type(index)

    def by_type(self, index: int) -> s.Value:
        """An instance of which nothing but its class is known."""
        value = self.types(index)
        if not value:
            return s.NOTHING
        return self.loading.typed(value, s.Source("other", self.function, index))

    def on_attribute(self, operation: f.Operation, index: int) -> s.Value:
        found = [a for a in self.values[operation[5]] if isinstance(a, s.Entity)]
        if found:
            return s.join([self.read(a, operation[6], index) for a in s.ordered(found)])
        return self.by_type(index)

    def read(self, entity: s.Entity, name: str, index: int) -> s.Value:
        """An attribute of an instance is read."""
        models = self.loading.models
        link = models.links(entity.cls).get(name)
        if link is None:
            method = entity.cls.find(name)
            if method is not None:
                return load_calls.property_read(self, method, entity, index)
            if name in models.columns(entity.cls):
                self.column(entity, name, index)
            return s.NOTHING
        parent = self.inverse(entity, link)
        if parent is not None:
            return s.one(parent)
        if link.lazy in QUERYING:
            return s.NOTHING
        self.demand(entity, name, index)
        if link.target is None:
            return s.NOTHING
        item = s.one(s.Entity(entity.source, (*entity.path, name), link.target))
        return s.many(item) if link.to_many else item

    def inverse(self, entity: s.Entity, link: Relationship) -> s.Entity | None:
        """The instance whose collection this one comes from: the session has it already."""
        if not entity.path or link.to_many or not link.back or link.back != entity.path[-1]:
            return None
        if link.target is None:
            return None
        return s.Entity(entity.source, entity.path[:-1], link.target)

    def column(
        self,
        entity: s.Entity,
        name: str,
        index: int,
        reader: str = "",
        at: int = -1,
        below: tuple[str, ...] = (),
    ) -> None:
        expired = self.state.expired.get(entity.key, frozenset())
        if name in expired or s.EVERYTHING in expired:
            self.note(entity, name, index, True, reader, at, below)
            if self.is_maybe(index):
                return
            rest = frozenset() if s.EVERYTHING in expired else expired - {name}
            self.state.expired[entity.key] = rest
        deferred = name in self.loading.models.deferred(entity.cls)
        if deferred and name not in self.state.loaded.get(entity.key, frozenset()):
            if entity.source.kind != "new" or entity.path:
                self.note(entity, name, index, True, reader, at, below)
            if not self.is_maybe(index):
                self.state.load(entity.key, name)

    def demand(
        self,
        entity: s.Entity,
        name: str,
        index: int,
        reader: str = "",
        at: int = -1,
        below: tuple[str, ...] = (),
    ) -> None:
        """A relationship is needed: is it there?"""
        link = self.loading.models.links(entity.cls)[name]
        state = self.state
        if name in state.loaded.get(entity.key, frozenset()):
            return
        if not self.is_maybe(index):
            state.load(entity.key, name)
        fresh = entity.source.kind == "new" and not entity.path
        if fresh and entity.source not in state.stored:
            return  # what was never in the database loads nothing
        if link.lazy in RAISING or (link.lazy in EAGER and not fresh) or not link.lazy:
            return
        self.note(entity, name, index, False, reader, at, below)

    def is_maybe(self, index: int) -> bool:
        """May an operation be skipped? Then what it loads isn't loaded for what follows."""
        return bool(self.operations[index][4] & f.MAYBE)

    def note(
        self,
        entity: s.Entity,
        name: str,
        index: int,
        column: bool,
        reader: str,
        at: int,
        below: tuple[str, ...],
    ) -> None:
        at = index if at < 0 else at
        found = s.Demand(
            self.function, index, name, entity, entity.source, entity.path, (), column, reader, at,
            below,
        )  # fmt: skip
        self.summary.demands[found] = None

    def on_call(self, operation: f.Operation, index: int) -> s.Value:
        value = load_calls.call(self, operation, index)
        return value if value else self.by_type(index)

    def elements(self, value: s.Value) -> s.Value:
        out: list[s.Value] = []
        for atom in value:
            if isinstance(atom, s.Many):
                out.append(atom.items)
            elif isinstance(atom, s.Row):
                out += atom.items
            elif isinstance(atom, s.Outcome):
                out.append(load_calls.item(atom.statement, atom.scalars))
            elif isinstance(atom, s.Statement):
                load_calls.executed(self, atom)
                out.append(load_calls.item(atom, atom.single))
        return s.join(out)

    def on_subscript(self, operation: f.Operation, index: int) -> s.Value:
        base, key = self.values[operation[5]], self.operations[operation[6]]
        if key[0] == f.SLICE:
            return s.many(self.elements(base))
        if key[0] == f.CONSTANT and isinstance(key[5], int):
            rows = [a for a in base if isinstance(a, s.Row) and 0 <= key[5] < len(a.items)]
            if rows:
                return s.join(row.items[key[5]] for row in rows)
        return self.elements(base)

    def on_await(self, operation: f.Operation, index: int) -> s.Value:
        return self.values[operation[5]]

    def on_sequence(self, operation: f.Operation, index: int) -> s.Value:
        parts = [self.values[i] if i >= 0 else self.elements(self.values[~i]) for i in operation[6]]
        if operation[5] == "tuple" and all(i >= 0 for i in operation[6]) and any(parts):
            return s.one(s.Row(tuple(parts)))
        return s.many(s.join(parts))

    def on_dict(self, operation: f.Operation, index: int) -> s.Value:
        return s.many(s.join(self.values[i] for i in operation[6]))

    def on_boolean(self, operation: f.Operation, index: int) -> s.Value:
        return s.join(self.values[i] for i in operation[5])

    def on_conditional(self, operation: f.Operation, index: int) -> s.Value:
        return s.join((self.values[operation[6]], self.values[operation[7]]))

    def on_format(self, operation: f.Operation, index: int) -> s.Value:
        for part in operation[5]:
            load_calls.formatted(self, self.values[part], index, part)
        return s.NOTHING

    def on_yield(self, operation: f.Operation, index: int) -> s.Value:
        if operation[5] >= 0:
            self.returned(s.many(self.values[operation[5]]))
        return s.NOTHING

    def on_walrus(self, operation: f.Operation, index: int) -> s.Value:
        self.environment[operation[5]] = self.values[operation[6]]
        return self.values[operation[6]]


def _joined(left: dict[str, s.Value], right: dict[str, s.Value]) -> dict[str, s.Value]:
    return {
        name: s.join((left.get(name, s.NOTHING), right.get(name, s.NOTHING)))
        for name in {**left, **right}
    }


_STATEMENTS: dict[int, Callable[[LoadEvaluation, f.Statement], None]] = {
    f.ASSIGN: LoadEvaluation.on_assign,
    f.ANNOTATED: LoadEvaluation.on_annotated,
    f.AUGMENTED: LoadEvaluation.on_augmented,
    f.RETURN: LoadEvaluation.on_return,
    f.RAISE: LoadEvaluation.on_raise,
    f.FLOW: LoadEvaluation.on_flow,
    f.IF: LoadEvaluation.on_if,
    f.FOR: LoadEvaluation.on_for,
    f.WHILE: LoadEvaluation.on_while,
    f.WITH: LoadEvaluation.on_with,
    f.TRY: LoadEvaluation.on_try,
    f.MATCH: LoadEvaluation.on_match,
}

_OPERATIONS: dict[int, Callable[[LoadEvaluation, f.Operation, int], s.Value]] = {
    f.NAME: LoadEvaluation.on_name,
    f.ATTRIBUTE: LoadEvaluation.on_attribute,
    f.CALL: LoadEvaluation.on_call,
    f.SUBSCRIPT: LoadEvaluation.on_subscript,
    f.AWAIT: LoadEvaluation.on_await,
    f.SEQUENCE: LoadEvaluation.on_sequence,
    f.DICT: LoadEvaluation.on_dict,
    f.BOOLEAN: LoadEvaluation.on_boolean,
    f.CONDITIONAL: LoadEvaluation.on_conditional,
    f.FORMAT: LoadEvaluation.on_format,
    f.YIELD: LoadEvaluation.on_yield,
    f.WALRUS: LoadEvaluation.on_walrus,
}


def _makes_sql(name: str) -> bool:
    """Does calling something of SQLAlchemy give an expression? A method of a column's value
    (``user.name.upper()``) looks like one of the column, and doesn't."""
    is_method = "()" in name
    return name.startswith("sqlalchemy.func." if is_method else "sqlalchemy.")
