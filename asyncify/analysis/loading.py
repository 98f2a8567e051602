"""Loading: which attributes are read where they may not be loaded.

One function is run over load states (`asyncify.analysis.load_states`), statement by statement, as
types are; what it does with the instances that it is given is a summary that its callers apply.
Only functions from which a read of a relationship can be reached are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from asyncify import facts as f
from asyncify.analysis import (
    load_bulk,
    load_kinds,
    load_listeners,
    load_names,
    load_objects,
    load_requests,
    load_schemas,
    load_sessions,
    load_template_functions,
    load_templates,
    model_fields,
)
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.load_bodies import LoadBody, Telling
from asyncify.analysis.load_demands import Demand, Summary
from asyncify.analysis.load_evaluation import LoadEvaluation
from asyncify.analysis.load_held import Held
from asyncify.analysis.load_keeping import Keeping
from asyncify.analysis.load_kept import KeptStatements
from asyncify.analysis.load_mentions import Mentions
from asyncify.analysis.load_schemas import Field, Schema, is_schema
from asyncify.analysis.program import Class, Function
from asyncify.analysis.scopes import Scopes, around
from asyncify.analysis.statements import statements_of, targets_of
from asyncify.vocabulary.common import REGISTERED
from asyncify.vocabulary.loading import (
    CALLING,
    COLUMN_LISTS,
    COMPARED,
    CONTAINERS,
    DEFERRING,
    DESCRIPTOR_LISTS,
    DUMPING,
    EAGER_DEFAULTS,
    EXPIRING_ALL,
    EXPUNGING,
    FORMAT,
    FORMATTED,
    LOGGING,
    MATCH_ARGUMENTS,
    MODULO,
    NARROWING,
    ORDERING,
    PARSING,
    REFRESHING,
    RELATIONSHIP_LISTS,
    RENDERING,
    SHARING,
    TAKING_APART,
    TRUTH,
    UPDATING,
    VALIDATING,
    VALUES,
)
from asyncify.vocabulary.special import is_special
from asyncify.vocabulary.testing import CLIENT_MEMBERS

_NESTING = 12  # calls inside one another
_MENTIONS = 60  # a name that occurs more often says nothing
_COMPARISONS = {*COMPARED.values()}
GETTER = "attrgetter"
LISTING = RELATIONSHIP_LISTS | DESCRIPTOR_LISTS
_TURNS = 2  # of a function that calls itself, and of all where objects hold more than was known
_SUMMARIES = 4_000  # a function is run once for each shape of arguments

Key = tuple[Function, tuple[s.Value, ...]]


class Loading:
    """The demands of a program that is about to turn."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.models = self.inference.models
        if self.inference.config.sqlalchemy_version == "1.4":
            self.models.fetches_updates = False
        self.keeping = Keeping(self.inference)
        self.telling = Telling(self)
        self.templates = self.inference.templates
        self.called_by_templates: dict[tuple[Function, str, int], Function] = {}
        self.unreadable: set[s.Source] = set()  # queries with options that nobody can read
        self.asked: dict[s.Source, set[str]] = {}  # the kinds of sessions that gave instances
        self.opted: dict[s.Source, set[str]] = {}  # what options name, on some way at least
        self._bodies: dict[Function, LoadBody] = {}
        self._summaries: dict[Key, Summary] = {}
        self._running: dict[Key, None] = {}
        self._partial: dict[Key, Summary] = {}  # of functions that call themselves
        self._asked_again: set[Key] = set()  # those that did so in this run
        self._again = 0  # runs inside one another that are their function's second
        self._nothing: dict[Function, tuple[s.Value, ...]] = {}
        self.scopes = Scopes()
        self._behind: dict[str, frozenset[str]] = {}
        self._fields: dict[Schema, list[Field]] = {}
        self._handed: dict[Class, v.Value] = {}
        self.held = Held(self)
        self.mentions = Mentions(self)
        self.statements = KeptStatements(self)

    @cached_property
    def has_iterables(self) -> bool:
        """Does a class of the program say what a loop over its objects gives?"""
        return any("__iter__" in cls.methods for cls in self.inference.program.classes.values())

    @cached_property
    def has_truths(self) -> bool:
        """Does a class say whether its objects are true, or how long they are?"""
        return any(
            not cls.methods.keys().isdisjoint(TRUTH)
            for cls in self.inference.program.classes.values()
        )

    @cached_property
    def has_getters(self) -> bool:
        """Does the program make functions that read attributes, or call methods, by name?"""
        return any(map(self.inference.program.mentioning, load_names.MAKER_NAMES))

    @cached_property
    def having_methods(self) -> frozenset[Class]:
        return load_objects.having_methods(self)

    @cached_property
    def resolvers(self) -> dict[Class, list[Function]]:
        return load_objects.resolvers(self)

    @cached_property
    def renderers(self) -> frozenset[Function]:
        return load_templates.renderers(self.inference.program)

    @cached_property
    def template_functions(self) -> load_template_functions.Known:
        return load_template_functions.known(self.inference.program)

    def demands(self) -> dict[Function, list[Demand]]:
        """What the functions that turn ask of their own instances; what they ask of those that
        they are given stands at their callers, and here too where they await."""
        functions = sorted(self._concerned(), key=lambda fn: (fn.module.path, fn.index))
        found: dict[Function, list[Demand]] = {}
        fresh = functions
        for _ in range(_TURNS):
            self.held.has_grown = False
            found |= {function: list(self.run(function).demands) for function in fresh}
            if not self.held.has_grown:
                break
            fresh = self._forget_readers(functions)
        return {function: found[function] for function in functions if found[function]}

    def _reads_held(self, function: Function) -> bool:
        """Does it read an attribute of an object that was put there?"""
        body, names = self.body(function), self.held.names
        return any(
            operation and operation[0] == f.ATTRIBUTE and operation[6] in names
            and bool(
                self.held.kept(body, operation[5], operation[6])
                or self.statements.put_there(body, operation[5], operation[6])
            )
            for operation in body.operations
        )  # fmt: skip

    def _forget_readers(self, functions: list[Function]) -> list[Function]:
        """Objects hold what nobody who was run knew of: those of the functions that may read it, of
        which nothing is known any more."""
        program, names = self.inference.program, self.held.names
        mentioning = {fn: None for name in sorted(names) for fn in program.mentioning_member(name)}
        reading = [function for function in mentioning if self._reads_held(function)]
        reading += [fn for fn in program.mentioning("getattr") if fn.facts.names & names]
        again = self._leading_to(reading)
        for key in [key for key in self._summaries if key[0] in again]:
            del self._summaries[key]
        for function in again & self._bodies.keys():
            del self._bodies[function]
        return [function for function in functions if function in again]

    def run(self, function: Function) -> Summary:
        """What it does with what its parameters hold by their types; objects hold what it puts on
        them from then on."""
        return self.summary(function, self._declared(function))

    def reads(self, function: Function) -> bool:
        """Does it read what may not be loaded of what it is given, or of what others hold?"""
        kinds = ("given", "held", "other")
        return any(
            demand.source.kind in kinds and not demand.executes
            for demand in self.run(function).demands
        )

    def _concerned(self) -> set[Function]:
        """Functions that turn, and from which something is read that may have to be loaded."""
        reached = self._leading_to(list(self.readers()))
        return {fn for fn in reached if fn in self.coloring.turned and fn.facts.kind == "def"}

    def _leading_to(self, pending: list[Function]) -> set[Function]:
        """Functions, and all that may lead to them."""
        reached = set(pending)
        callers = self.colors.callers() if pending else {}
        while pending:
            function = pending.pop()
            above = [caller for caller, _ in callers.get(function, ())]
            if function.name in FORMATTED and function.owner is not None:
                above += self._formatting
            if function.name in _COMPARISONS and function.owner is not None:
                above += self._comparing
            elif self._is_asked_implicitly(function):
                above += self.coloring.turned
            above += self._unseen_callers(function)
            if self._is_of_model(function):
                # What a `select` gives has no type, and yet its members are read.
                above += self.inference.program.mentioning_member(function.name)
            if function.facts.kind == "lambda" or self.scopes.free(function):
                above += around(function)
            for caller in above:
                if caller not in reached:
                    reached.add(caller)
                    pending.append(caller)
        return reached

    def _is_asked_implicitly(self, function: Function) -> bool:
        """``len(user)``, ``title in user``, ``for book in user``, and what a container's inherited
        methods call: anybody may call it so."""
        owner = function.owner
        if owner is None or function.is_constructor or function.name in FORMATTED:
            return False
        if not is_special(function.name):
            return False
        return self.is_model(owner) or not CONTAINERS.keys().isdisjoint(owner.foreign_bases)

    def _is_of_model(self, function: Function) -> bool:
        return function.owner is not None and self.is_model(function.owner)

    @cached_property
    def _formatting(self) -> list[Function]:
        """Functions that turn and make text of something: a model's may read what isn't there."""
        return [
            fn for fn in self.coloring.turned
            if not fn.facts.names.isdisjoint(CALLING) or not fn.facts.members.isdisjoint(LOGGING)
            or FORMAT in fn.facts.members
            or any(
                o and (o[0] == f.FORMAT or (o[0] == f.OPERATOR and o[5] == MODULO))
                for o in fn.body.operations
            )
        ]  # fmt: skip

    @cached_property
    def _comparing(self) -> list[Function]:
        """Functions that turn and compare something."""
        words = {"sort", *(name.rpartition(".")[2] for name in ORDERING)}
        return [
            fn for fn in self.coloring.turned
            if not words.isdisjoint(fn.facts.names | fn.facts.members)
            or any(o and o[0] == f.OPERATOR and o[5] in COMPARED for o in fn.body.operations)
        ]  # fmt: skip

    def _unseen_callers(self, function: Function) -> list[Function]:
        """Functions without types that may call another by its name: lambdas, mostly."""
        if function.facts.kind != "def":
            return []
        mentions = self.inference.program.mentioning(function.name)
        if len(mentions) > _MENTIONS:
            return []
        return [fn for fn in mentions if fn not in self.inference.evaluations]

    def readers(self) -> Iterator[Function]:
        program = self.inference.program
        names: set[str] = set()
        for cls in program.classes.values():
            model = self.models.declared(cls)
            names |= model.relationships.keys() | model.deferred | model.expiring
            names |= model.queried | model.proxies.keys() | self.defaulted(cls)
            names |= model.synonyms.keys()
            names |= self.computed.get(cls, set())
            if model.columns and any(self.models.declared(c).table for c in cls.ancestors[1:]):
                names |= model.columns - {n for c in cls.bases if isinstance(c, Class)
                                          for n in self.models.columns(c)}  # fmt: skip
        names |= {name for given in self.models.given_by_backref().values() for name in given}
        names |= self.unlike
        for name in sorted(names):
            yield from program.mentioning_member(name)
        yield from self._reading_by_name(names) if names else ()
        for name in sorted(REFRESHING):
            yield from (fn for fn in program.mentioning_member(name) if _gives_any(fn, names))
        if names or any(self.models.declared(c).table for c in program.classes.values()):
            for name in sorted(load_sessions.EXPIRING | NARROWING | DEFERRING | LISTING):
                yield from program.mentioning(name)
            for name in sorted(VALIDATING | DUMPING | RENDERING | COLUMN_LISTS | {MATCH_ARGUMENTS}):
                yield from program.mentioning_member(name)
            for name in sorted(PARSING):
                yield from program.mentioning(name)
            for cls in list(program.classes.values()):
                holds = is_schema(cls) and any(field.held for field in self.fields(Schema(cls)))
                if holds and not self.is_model(cls):
                    yield from program.mentioning(cls.name)
            if any(map(model_fields.is_dataclass, filter(self.is_model, program.classes.values()))):
                yield from (*self._formatting, *self._comparing)
                for name in sorted(TAKING_APART):
                    yield from program.mentioning(name.rpartition(".")[2])
            turned = self.coloring.turned
            yield from (fn for fn in turned if fn.facts.stores or fn.signature_is_decorated)
        if self.expiring_requests:
            yield from self.requests
        elif names and self.is_shared and not self.keeping.all:
            committing = load_sessions.COMMITTING
            yield from (fn for fn in self.requests if fn.facts.members & committing)

    def _reading_by_name(self, names: set[str]) -> Iterator[Function]:
        """Functions that read attributes by names that they don't spell out."""
        program = self.inference.program
        for function in (*program.mentioning("getattr"), *program.mentioning("setattr")):
            if any(not names.isdisjoint(found) for found in load_names.read(self.body(function))):
                yield function
        for function in program.mentioning(GETTER):
            made = (*function.body.operations, *function.signature.operations)
            texts = [o[5] for o in made if o and o[0] == f.CONSTANT]
            paths = [text.split(".") for text in texts if isinstance(text, str)]
            if any(not names.isdisjoint(path) for path in paths):
                yield function
                yield from self._naming_variables(function)
                for name in sorted(function.facts.stores):  # who uses what it keeps
                    yield from program.mentioning_member(name)

    def _naming_variables(self, function: Function) -> Iterator[Function]:
        """Who names what the body of a module or a class binds."""
        if function.facts.kind in ("def", "lambda"):
            return
        for statement in function.body.statements:
            names = {target[1] for target in targets_of(statement) if target[0] == f.TO_NAME}
            made = function.body.operations[statement[4] : statement[5]] if names else ()
            if any(GETTER in o[5:7] for o in made if o and o[0] in (f.NAME, f.ATTRIBUTE)):
                for name in sorted(names):
                    yield from self.inference.program.mentioning(name)

    @cached_property
    def unlike(self) -> set[str]:
        """The columns that are set to what the database turns."""
        heard = {name for each in self.heard for name in each.names or ()}
        return load_kinds.unlike(self) | load_bulk.columns(self) | heard

    @cached_property
    def heard(self) -> tuple[load_listeners.Heard, ...]:
        return load_listeners.heard(self)

    @cached_property
    def kinds(self) -> load_kinds.Kinds:
        return load_kinds.Kinds(self)

    @cached_property
    def by_table(self) -> dict[str, list[Class]]:
        """The mapped classes that have a table."""
        out: dict[str, list[Class]] = {}
        for cls in self.inference.program.classes.values():
            for table in self.models.tables(cls) if self.is_model(cls) else ():
                out.setdefault(table, []).append(cls)
        return out

    def empty_run(self, function: Function) -> LoadEvaluation:
        """One that has looked at nothing yet."""
        return LoadEvaluation(self, function, ())

    @cached_property
    def expires(self) -> bool:
        """Does anything that turns expire what it has loaded, or leave columns to be read?"""
        program = self.inference.program
        return (
            any(map(self.defaulted, program.classes.values()))
            or any(map(program.mentioning, NARROWING | DEFERRING))
            or any(not fn.facts.members.isdisjoint(EXPIRING_ALL) for fn in self.coloring.turned)
        )

    @cached_property
    def recomputed(self) -> frozenset[str]:
        """Columns that an UPDATE leaves to be read again: of them a caller knows more."""
        classes = self.inference.program.classes.values()
        names = (self.models.declared(cls).expiring for cls in classes)
        return frozenset().union(*names, *self.computed.values())

    @cached_property
    def expiring_requests(self) -> frozenset[str]:
        """The verbs of requests that may expire all that a test holds."""
        return load_requests.expiring(self, succeeding=False)

    @cached_property
    def expiring_successes(self) -> frozenset[str]:
        """Those that may though they succeed."""
        return load_requests.expiring(self, succeeding=True)

    @cached_property
    def expunges(self) -> bool:
        """Does anything take all that a session holds out of it? What a test holds may be so."""
        return bool(self.inference.program.mentioning(EXPUNGING))

    @cached_property
    def is_shared(self) -> bool:
        """May tests share their session with the program?"""
        return any(self.inference.program.mentioning(word) for word in SHARING)

    @cached_property
    def requests(self) -> dict[Function, set[int]]:
        """Where members of clients are called that make requests, by their operations."""
        out: dict[Function, set[int]] = {}
        for use in self.colors.clients.uses():
            row = CLIENT_MEMBERS.get(use.name) if use.kind == "client" else None
            if row is not None and row.awaited:
                out.setdefault(use.function, set()).add(use.operation)
        for function, place in self._registered_calls():
            out.setdefault(function, set()).add(place)
        return out

    def _registered_calls(self) -> Iterator[tuple[Function, int]]:
        """Where functions are called that a library's object gives back: they are a library's as
        requests are."""
        for name in REGISTERED:
            for function in self.inference.program.mentioning_member(name):
                if function not in self.inference.evaluations:
                    continue
                for use in self.colors.uses.of(function):
                    place = function.body.operations[use.operation][5]
                    if use.kind == "maybe" and function.body.operations[place][6] == name:
                        yield function, place

    def defaulted(self, cls: Class) -> set[str]:
        """Columns that a flush of a new instance leaves to be read: the older line doesn't ask the
        database for them by itself."""
        if self.inference.config.sqlalchemy_version != "1.4":
            return set()
        fetched = any(EAGER_DEFAULTS in c.body.facts.members for c in cls.ancestors)
        return set() if fetched else self.models.defaulted(cls)

    @cached_property
    def computed(self) -> dict[Class, set[str]]:
        """Columns that are set to expressions of SQL somewhere: whoever reads them after the flush
        loads them."""
        out: dict[Class, set[str]] = {}
        for function in self.coloring.turned:
            if function.facts.stores:
                run = LoadEvaluation(self, function, ())
                for statement in statements_of(function.body.statements):
                    if statement[0] == f.ASSIGN:
                        self._note_computed(run, statement, out)
            if VALUES in function.facts.members:
                run = LoadEvaluation(self, function, ())
                for operation in run.operations:
                    cls, names = load_sessions.bulk_values(run, operation)
                    if cls is not None and names:
                        out.setdefault(cls, set()).update(names)
            if not UPDATING.isdisjoint(function.facts.members):
                for cls, name in self._updated(function):
                    out.setdefault(cls, set()).add(name)
        return out

    def _updated(self, function: Function) -> Iterator[tuple[Class, str]]:
        """``query.update({User.seen: func.now()})``: the class, and what the database computes."""
        operations = function.body.operations
        keyed = [
            operation for operation in operations
            if operation and operation[0] == f.DICT
            and any(key >= 0 and operations[key][0] == f.ATTRIBUTE for key in operation[5])
        ]  # fmt: skip
        run = LoadEvaluation(self, function, ()) if keyed else None
        for operation in keyed if run is not None else ():
            for key, value in zip(operation[5], operation[6], strict=True):
                if run is None or key < 0 or operations[key][0] != f.ATTRIBUTE:
                    continue
                types = run.types(operations[key][5])
                classes = [a.cls for a in types if isinstance(a, v.ClassObject)]
                if len(classes) == 1 and run.is_computed(value, bulk=True):
                    yield classes[0], operations[key][6]

    @cached_property
    def computed_attributes(self) -> frozenset[tuple[Class, str]]:
        return frozenset((cls, name) for cls, names in self.computed.items() for name in names)

    @cached_property
    def having(self) -> dict[str, list[Class]]:
        """The mapped classes that declare a column, by the column's name."""
        out: dict[str, list[Class]] = {}
        for cls in self.inference.program.classes.values():
            for name in self.models.declared(cls).columns if self.is_model(cls) else ():
                out.setdefault(name, []).append(cls)
        return out

    @cached_property
    def generic(self) -> set[Function]:
        """Functions that take mapped classes, and not always the same: what they select is known
        where they are called."""
        out: set[Function] = set()
        for function in self.inference.evaluations:
            for position in range(len(function.signature.parameters)):
                value = self.inference.parameter(function, position)
                classes = [a for a in value if isinstance(a, v.ClassObject)]
                if len(classes) > 1 or v.Foreign(v.SOME_CLASS) in value:
                    out.add(function)
        return out

    def _note_computed(
        self, run: LoadEvaluation, statement: f.Statement, out: dict[Class, set[str]]
    ) -> None:
        """Note the classes whose attributes a statement computes."""
        targets: list[Any] = [t for t in statement[7] if t[0] == f.TO_ATTRIBUTE]
        if targets and run.is_computed(statement[8]):
            for target in targets:
                types, name = run.types(target[1]), target[2]
                classes = [a.cls for a in types if isinstance(a, v.Instance)]
                for cls in classes if types else self.having.get(name, ()):
                    if self.is_model(cls):
                        out.setdefault(cls, set()).add(name)

    def _declared(self, function: Function) -> tuple[s.Value, ...]:
        """What the parameters hold by their types."""
        parameters = range(len(function.signature.parameters))
        if function not in self.inference.evaluations:
            return tuple(s.NOTHING for _ in parameters)
        return tuple(
            self.telling.instances(
                self.inference.parameter(function, position),
                s.Source("given", function, -1, position),
            )
            for position in parameters
        )

    def read_behind(self, name: str) -> frozenset[str]:
        """What is read of attributes of a name: ``id`` in ``self.user.id``."""
        found = self._behind.get(name)
        if found is None:
            reads: set[str] = set()
            for function in self.inference.program.mentioning_member(name):
                operations = function.body.operations
                reads |= {
                    operation[6] for operation in operations
                    if operation and operation[0] == f.ATTRIBUTE
                    and operations[operation[5]][:1] == (f.ATTRIBUTE,)
                    and operations[operation[5]][6] == name
                }  # fmt: skip
            found = self._behind[name] = frozenset(reads)
        return found

    def handed_to(self, objects: v.Value) -> v.Value:
        """The classes that objects are made with, or have in their classes: their attributes hold
        one of them, if nothing else is known of it."""
        out: set[v.Atom] = set()
        for cls in {a.cls for a in objects if isinstance(a, v.Instance)}:
            found = self._handed.get(cls)
            if found is None:
                found = self._handed[cls] = frozenset(self._handed_to((cls, *cls.descendants())))
            out |= found
        return frozenset(out)

    def _handed_to(self, classes: tuple[Class, ...]) -> Iterator[v.Atom]:
        program = self.inference.program
        callers = {fn: None for cls in classes for fn in program.mentioning(cls.name)}
        for function in callers:
            evaluation = self.inference.evaluations.get(function)
            for operation in function.body.operations if evaluation is not None else ():
                if not operation or operation[0] != f.CALL or evaluation is None:
                    continue
                if any(v.ClassObject(cls) in evaluation.values[operation[5]] for cls in classes):
                    for argument in (*operation[6], *(i for _, i in operation[7])):
                        values = evaluation.values[argument] if argument >= 0 else v.UNKNOWN
                        yield from (a for a in values if isinstance(a, v.ClassObject))

    def fields(self, schema: Schema) -> list[Field]:
        """The fields of a schema, each with the schemas that it holds."""
        found = self._fields.get(schema)
        if found is None:
            found = self._fields[schema] = load_schemas.fields(self.inference, schema)
        return found

    def is_model(self, cls: Class) -> bool:
        return self.telling.is_model(cls)

    def body(self, function: Function) -> LoadBody:
        found = self._bodies.get(function)
        if found is None:
            found = self._bodies[function] = LoadBody(self, function)
        return found

    def summary(self, function: Function, given: tuple[s.Value, ...]) -> Summary:
        """What a function does with arguments of these shapes."""
        key = function, given
        found = self._summaries.get(key)
        if found is not None:
            return found
        if key in self._running:
            self._asked_again.add(key)
            return self._partial.get(key) or Summary()
        full = len(self._running) >= _NESTING or len(self._summaries) >= _SUMMARIES
        turns = sum(running is function for running, _ in self._running)
        if full or turns >= _TURNS:
            return Summary()
        summary = self._run(function, given)
        if self._loads_itself(function):
            # What it writes and commits, it does as before, and gives what it gave.
            summary = Summary(
                returned=summary.returned, state=summary.state, loads=summary.loads,
                anew=summary.anew,
            )  # fmt: skip
        self._summaries[key] = summary
        return summary

    def _loads_itself(self, function: Function) -> bool:
        """Does it run inside ``run_sync``? Then what it reads loads as before. What has sessions of
        its own is called as it stands, and may be given instances of others' sessions."""
        sides = self.coloring.sides
        if function not in self.coloring.islands:
            return False
        return function not in sides.synced or function in sides.given

    def bare_summary(self, function: Function) -> Summary:
        """What it does when it is given no instance."""
        nothing = self._nothing.get(function)
        if nothing is None:
            nothing = tuple(s.NOTHING for _ in function.signature.parameters)
            self._nothing[function] = nothing
        return self.summary(function, nothing)

    def _run(self, function: Function, given: tuple[s.Value, ...]) -> Summary:
        if not any(given) and self.body(function).is_quiet:
            return Summary()
        key = function, given
        known = len(self._summaries)
        summary = self._run_once(function, given)
        if key in self._asked_again and self._again < _TURNS:
            self._asked_again.discard(key)
            if summary.asked or summary.returned:
                # It calls itself: what it does, it does to what it hands on, too.
                for other in list(self._summaries)[known:]:
                    del self._summaries[other]
                self._partial[key] = summary
                self._again += 1
                summary = self._run_once(function, given)
                self._again -= 1
                del self._partial[key]
        return summary

    def _run_once(self, function: Function, given: tuple[s.Value, ...]) -> Summary:
        self._running[function, given] = None
        run = LoadEvaluation(self, function, given)
        run.run()
        run.summary.finish(function, given)
        del self._running[function, given]
        return run.summary


def _gives_any(function: Function, names: set[str]) -> bool:
    """Does a call in the function give something by one of these names?"""
    return any(
        operation and operation[0] == f.CALL and any(name in names for name, _ in operation[7])
        for operation in function.body.operations
    )
