"""Calls, as far as load states go: statements, results, sessions, and functions of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_readers
from asyncify.analysis import load_states as s
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.loading import Effect, Gives
from asyncify.vocabulary.names import FUNCTIONS
from asyncify.vocabulary.rows import Role
from asyncify.vocabulary.sqlalchemy_query import QUERY

if TYPE_CHECKING:
    from asyncify.analysis.loading import LoadEvaluation

# What expires attributes: the methods of sessions, and bulk updates.
EXPIRING = {
    name
    for name, effect in words.SESSION_EFFECTS.items()
    if effect in (Effect.EXPIRE, Effect.EXPIRE_ALL)
} | {"update"}
_SESSIONS = {"Session", "scoped_session", "AsyncSession", "async_scoped_session"}
_DATACLASS = "MappedAsDataclass"

Callee = tuple[Function, bool]


def call(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    """What a call gives, and what it does to the state."""
    callee = run.operations[operation[5]]
    base, name = s.NOTHING, ""
    if callee[0] == f.ATTRIBUTE:
        base, name = run.values[callee[5]], callee[6]
    statements = [a for a in base if isinstance(a, s.Statement)]
    if statements:
        return s.join(_statement_method(run, a, name, operation, index) for a in statements)
    outcomes = [a for a in base if isinstance(a, s.Outcome)]
    if outcomes:
        return s.join(_result_method(run, a, name) for a in outcomes)
    if (name in words.CONTAINER_GIVES or name in words.FILLING) and any(
        isinstance(a, (s.Many, s.Row)) for a in base
    ):
        return _container_method(run, callee, base, name, operation)
    session = _session_method(run, operation, index, name)
    if session is not None:
        return session
    load_readers.validated(run, operation, name, index)
    callees = _callees(run, operation, base, name)
    if callees:
        return s.join(_apply(run, fn, bound, operation, base, index) for fn, bound in callees)
    return _other(run, operation, index)


# -- statements and results


def _statement_method(
    run: LoadEvaluation, statement: s.Statement, name: str, operation: f.Operation, index: int
) -> s.Value:
    if name in words.RESHAPING:
        return s.NOTHING
    if name == words.OPTIONS:
        paths = {path for i in operation[6] if i >= 0 for path in option(run, i)[1]}
        return s.one(
            s.Statement(
                statement.entities, statement.paths | paths, statement.single, statement.legacy
            )
        )
    if not statement.legacy:
        return s.one(statement)
    if name in words.QUERY_GETS:
        first = statement.entities[0] if statement.entities else None
        return _fetched(run, first.cls, index, statement.paths) if first else s.NOTHING
    if name in words.UPDATING and statement.entities and statement.entities[0] is not None:
        run.state.flush()
        expire_attributes(run, statement.entities[0].cls, _computed_keys(run, operation))
    gives = words.QUERY_GIVES.get(name)
    if gives is not None:
        executed(run, statement)
        return _given(statement, gives, statement.single)
    row = QUERY.member(name)
    return s.one(statement) if row is not None and row.role is Role.BUILDER else s.NOTHING


def _given(statement: s.Statement, gives: Gives, scalars: bool) -> s.Value:
    found = item(statement, scalars or gives is Gives.SCALAR)
    return s.many(found) if gives is Gives.MANY else found


def _result_method(run: LoadEvaluation, outcome: s.Outcome, name: str) -> s.Value:
    gives = words.RESULT_GIVES.get(name, Gives.OTHER)
    if gives is Gives.SAME:
        return s.one(outcome)
    if gives is Gives.SCALARS:
        return s.one(s.Outcome(outcome.statement, True))
    if gives is Gives.OTHER:
        return s.NOTHING
    return _given(outcome.statement, gives, outcome.scalars)


def item(statement: s.Statement, single: bool) -> s.Value:
    """One item of what a statement selects."""
    parts = tuple(s.one(e) if e is not None else s.NOTHING for e in statement.entities)
    if single:
        return parts[0] if parts else s.NOTHING
    return s.one(s.Row(parts)) if any(parts) else s.NOTHING


def executed(run: LoadEvaluation, statement: s.Statement) -> None:
    """The statement's instances are new ones, and loaded as its options say."""
    run.state.flush()
    for entity in statement.entities:
        if entity is not None:
            run.state.forget(entity.source)
            for path in statement.paths:
                run.state.load((entity.source, path[:-1]), path[-1])


def option(run: LoadEvaluation, index: int) -> tuple[tuple[str, ...], set[tuple[str, ...]]]:
    """Where a loader option leads, and the paths that it loads."""
    operation = run.operations[index]
    if operation[0] != f.CALL:
        return (), set()
    callee = run.operations[operation[5]]
    prefix: tuple[str, ...] = ()
    paths: set[tuple[str, ...]] = set()
    name = callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
    if callee[0] == f.ATTRIBUTE and run.operations[callee[5]][0] == f.CALL:
        prefix, paths = option(run, callee[5])
    if name == words.OPTIONS:
        for argument in operation[6]:
            if argument >= 0:
                paths |= {(*prefix, *path) for path in option(run, argument)[1]}
        return prefix, paths
    loads = name in words.LOADING or name in words.UNDEFERRING
    if not loads and name not in words.LEADING:
        return prefix, paths
    for argument in operation[6]:
        for part in _attributes(run, argument):
            prefix = (*prefix, part)
            if loads:
                paths.add(prefix)
        if name in words.UNDEFERRING and prefix:
            prefix = prefix[:-1]
    return prefix, paths


def _attributes(run: LoadEvaluation, index: int) -> list[str]:
    """The attributes that an argument of a loader option names: ``User.books``, ``"books"``."""
    operation = run.operations[index] if index >= 0 else ()
    if operation and operation[0] == f.ATTRIBUTE:
        return [operation[6]]
    if operation and operation[0] == f.CONSTANT and isinstance(operation[5], str):
        return operation[5].split(".")
    if operation and operation[0] == f.CALL:  # User.books.of_type(Novel)
        callee = run.operations[operation[5]]
        return _attributes(run, callee[5]) if callee[0] == f.ATTRIBUTE else []
    return []


def _started(run: LoadEvaluation, operation: f.Operation, index: int, legacy: bool) -> s.Value:
    """``db.query(...)`` or ``select(...)``."""
    found: list[s.Entity | None] = []
    for position, argument in enumerate(operation[6]):
        classes = [
            a.cls for a in run.types(argument) if isinstance(a, v.ClassObject)
        ] if argument >= 0 else []  # fmt: skip
        source = s.Source("query", run.function, index, position)
        model = len(classes) == 1 and run.loading.is_model(classes[0])
        found.append(s.Entity(source, (), classes[0]) if model else None)
    statement = s.Statement(tuple(found), single=len(found) == 1, legacy=legacy)
    return s.one(statement) if any(found) else s.NOTHING


# -- sessions


def _session_method(
    run: LoadEvaluation, operation: f.Operation, index: int, name: str
) -> s.Value | None:
    owners = [
        a.owner for a in run.types(operation[5])
        if isinstance(a, v.KnownMethod) and isinstance(a.owner, v.Known)
    ]  # fmt: skip
    owner = next((o for o in owners if o.kind in _SESSIONS), None)
    row = run.loading.inference.row(owner.kind, name) if owner is not None else None
    if row is None:
        return None
    first = operation[6][0] if operation[6] and operation[6][0] >= 0 else -1
    argument = run.values[first] if first >= 0 else s.NOTHING
    if row.returns == "Query":
        return _started(run, operation, index, legacy=True)
    if row.returns == "entity" and first >= 0:
        classes = [a.cls for a in run.types(first) if isinstance(a, v.ClassObject)]
        return _fetched(run, classes[0], index, frozenset()) if len(classes) == 1 else s.NOTHING
    gives = words.SESSION_GIVES.get(name)
    if gives is not None:
        return _executed_by(run, argument, gives, first)
    effect = words.SESSION_EFFECTS.get(name)
    if effect is not None:
        _affect(run, effect, operation, argument)
        return s.NOTHING
    return None


def _executed_by(run: LoadEvaluation, argument: s.Value, gives: Gives, index: int) -> s.Value:
    statements = [a for a in argument if isinstance(a, s.Statement)]
    if not statements:
        run.state.flush()
        _bulk_update(run, index)
    out: list[s.Value] = []
    for statement in statements:
        executed(run, statement)
        if gives is Gives.SCALAR:
            out.append(item(statement, True))
        else:
            scalars = gives is Gives.SCALARS or (gives is Gives.MIXED and statement.single)
            out.append(s.one(s.Outcome(statement, scalars)))
    return s.join(out)


def _bulk_update(run: LoadEvaluation, index: int) -> None:
    """``update(User).values(name=func.upper(User.name))``: no evaluator knows what that gives, so
    the attribute of what is loaded expires."""
    while index >= 0 and run.operations[index][0] == f.CALL:
        operation = run.operations[index]
        callee = run.operations[operation[5]]
        started = any(
            isinstance(a, v.Foreign) and FUNCTIONS.get(a.name) == "Update"
            for a in run.types(operation[5])
        )
        if started:
            return
        if callee[0] == f.ATTRIBUTE and callee[6] == words.VALUES:
            names = {
                name for name, i in operation[7] if name and run.is_computed(i, bulk=True)
            } | _computed_keys(run, operation)
            cls = _updated_class(run, callee[5])
            if cls is not None and names:
                expire_attributes(run, cls, names)
            return
        index = callee[5] if callee[0] == f.ATTRIBUTE else -1


def _updated_class(run: LoadEvaluation, index: int) -> Class | None:
    """The class of ``update(User).where(...)``."""
    while run.operations[index][0] == f.CALL:
        operation = run.operations[index]
        callee = run.operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and run.operations[callee[5]][0] == f.CALL:
            index = callee[5]
            continue
        for argument in operation[6][:1]:
            for atom in run.types(argument):
                if isinstance(atom, v.ClassObject):
                    return atom.cls
        return None
    return None


def _computed_keys(run: LoadEvaluation, operation: f.Operation) -> set[str]:
    """The keys of ``{"name": func.upper(User.name)}`` or ``{User.name: ...}``."""
    names: set[str] = set()
    for argument in operation[6]:
        given = run.operations[argument] if argument >= 0 else ()
        if not given or given[0] != f.DICT:
            continue
        for key, value in zip(given[5], given[6], strict=True):
            if key >= 0 and run.is_computed(value, bulk=True):
                names |= set(_attributes(run, key))
    return names


def expire_attributes(run: LoadEvaluation, cls: Class, names: set[str]) -> None:
    for entity in _held(run):
        if names and cls in entity.cls.ancestors:
            known = run.state.expired.get(entity.key, frozenset())
            run.state.expired[entity.key] = known | names


def _held(run: LoadEvaluation) -> set[s.Entity]:
    """The instances that variables of the function hold."""
    return {entity for value in run.environment.values() for entity in s.entities(value)}


def _fetched(
    run: LoadEvaluation, cls: Class, index: int, paths: frozenset[tuple[str, ...]]
) -> s.Value:
    """``session.get(User, 1)``: what is held already comes as it is, whatever the options say."""
    if not run.loading.is_model(cls):
        return s.NOTHING
    source = s.Source("get", run.function, index)
    run.state.forget(source)
    computed = {n for c in cls.ancestors for n in run.loading.computed.get(c, ())}
    if computed:
        # The session may hold it, with what a flush has computed and nobody has read yet.
        run.state.expired[source, ()] = frozenset(computed)
    for path in paths:
        run.state.load((source, path[:-1]), path[-1])
    return s.one(s.Entity(source, (), cls))


def _affect(run: LoadEvaluation, effect: Effect, operation: f.Operation, argument: s.Value) -> None:
    state = run.state
    if effect is Effect.FLUSH:
        state.flush()
    elif effect is Effect.EXPIRE_ALL:
        expire_all(run)
    elif effect is Effect.KEEP:
        keep(run, argument)
    elif effect is Effect.EXPIRE:
        _expire(run, operation, argument)
    elif effect is Effect.REFRESH:
        _refresh(run, operation, argument)


def expire_all(run: LoadEvaluation) -> None:
    """Everything that the function holds, but what was never stored."""
    run.state.expires = True
    keys = {e.key for e in _held(run)} | run.state.loaded.keys()
    stored = run.state.stored
    run.state.expire(k for k in keys if k[0].kind != "new" or k[0] in stored)


def keep(run: LoadEvaluation, value: s.Value) -> None:
    run.state.kept |= {e.source for e in s.entities(value) if e.source.kind == "new"}


def _named_attributes(run: LoadEvaluation, operation: f.Operation) -> set[str] | None:
    """The attributes that ``refresh`` or ``expire`` is told; None: all."""
    index = operation[6][1] if len(operation[6]) > 1 else -1
    index = dict(operation[7]).get("attribute_names", index)
    if index < 0:
        return None
    given = run.operations[index]
    if given[0] != f.SEQUENCE:
        return None
    return {name for i in given[6] for name in _attributes(run, i)}


def _expire(run: LoadEvaluation, operation: f.Operation, argument: s.Value) -> None:
    names = _named_attributes(run, operation)
    for entity in s.entities(argument):
        if names is None:
            run.state.expire([entity.key])
            continue
        known = run.state.expired.get(entity.key, frozenset())
        run.state.expired[entity.key] = known | names
        run.state.loaded[entity.key] = run.state.loaded.get(entity.key, frozenset()) - names


def _refresh(run: LoadEvaluation, operation: f.Operation, argument: s.Value) -> None:
    state, names = run.state, _named_attributes(run, operation)
    state.flush()
    for entity in s.entities(argument):
        expired = state.expired.get(entity.key, frozenset())
        if names is not None:
            state.expired[entity.key] = expired - names
            state.load(entity.key, *names)
            continue
        state.expired.pop(entity.key, None)
        links = run.loading.models.links(entity.cls).values()
        state.loaded[entity.key] = frozenset(i.name for i in links if i.lazy in words.EAGER)


# -- functions of the program


def _callees(run: LoadEvaluation, operation: f.Operation, base: s.Value, name: str) -> list[Callee]:
    """The functions that a call may run, in an order that is the same in every run."""
    found = _unordered_callees(run, operation, base, name)
    return sorted(found, key=lambda c: (c[0].module.path, c[0].index)) if len(found) > 1 else found


def _unordered_callees(
    run: LoadEvaluation, operation: f.Operation, base: s.Value, name: str
) -> list[Callee]:
    found = [
        (a.function, a.bound) for a in run.types(operation[5]) if isinstance(a, v.FunctionObject)
    ]
    if found:
        return found
    made = [
        (constructor, True) for a in run.types(operation[5])
        if isinstance(a, v.ClassObject) and not run.loading.is_model(a.cls)
        and (constructor := a.cls.find("__init__")) is not None
    ]  # fmt: skip
    if made:
        return made
    methods = [
        (method, True) for atom in base if isinstance(atom, s.Entity)
        if (method := atom.cls.find(name)) is not None
    ]  # fmt: skip
    if methods or run.evaluation is not None:
        return methods
    program = run.loading.inference.program
    symbol = program.resolve_expression(run.function, run.operations, operation[5])
    return [(symbol, False)] if isinstance(symbol, Function) else []


def _apply(
    run: LoadEvaluation,
    function: Function,
    bound: bool,
    operation: f.Operation,
    base: s.Value,
    index: int,
) -> s.Value:
    """A call of a function of the program."""
    parameters = function.signature.parameters
    given = [s.NOTHING] * len(parameters)
    places_of = [-1] * len(parameters)
    places = [n for n, p in enumerate(parameters) if p.kind in ("p", "a")]
    decorators = run.loading.inference.decorators(function)
    if bound and function.owner is not None and "staticmethod" not in decorators and places:
        callee = run.operations[operation[5]]
        places_of[places[0]] = callee[5] if callee[0] == f.ATTRIBUTE else -1
        given[places.pop(0)] = frozenset(a for a in base if isinstance(a, s.Entity))
    for place, argument in zip(places, operation[6], strict=False):
        if argument < 0:
            break
        given[place], places_of[place] = run.values[argument], argument
    for name, argument in operation[7]:
        for place, parameter in enumerate(parameters):
            if parameter.name == name:
                given[place], places_of[place] = run.values[argument], argument
    return apply(run, function, given, index, places_of)


def apply(
    run: LoadEvaluation,
    function: Function,
    given: list[s.Value],
    index: int,
    places: list[int] | None = None,
) -> s.Value:
    """What a function gives for these values; what it demands of them is demanded here."""
    shapes = tuple(_shape(value, function, n) for n, value in enumerate(given))
    summary = run.loading.summary(function, shapes)
    handed = {e.source for value in given for e in _sources(value)}
    call_site = run.function, index
    for demand in list(summary.demands):
        if demand.source.kind == "given" and demand.source.function is function:
            at = places[demand.source.index] if places else -1
            for entity in s.entities(given[demand.source.index]):
                _pass_on(run, s.moved(demand, entity, call_site, at))
        elif demand.source in handed:
            entity = s.Entity(demand.source, (), demand.entity.cls)
            _pass_on(run, s.moved(demand, entity, call_site, -1))
    if summary.state is not None:
        if summary.state.flushes:
            run.state.flush()
        if summary.state.expires:
            expire_all(run)
        _take_over(run, summary.state, function, given)
    return _put_back(summary.returned, function, given)


def _pass_on(run: LoadEvaluation, demand: s.Demand) -> None:
    key = demand.source, demand.path
    state = run.state
    if demand.column:
        expired = state.expired.get(key, frozenset())
        if demand.attribute in expired or s.EVERYTHING in expired:
            run.summary.demands[demand] = None
        return
    if demand.attribute in state.loaded.get(key, frozenset()):
        return
    if not run.is_maybe(demand.calls[0][1]):
        state.load(key, demand.attribute)
    fresh = demand.source.kind == "new" and not demand.path
    if not (fresh and demand.source not in state.stored):
        run.summary.demands[demand] = None


def _take_over(
    run: LoadEvaluation, state: s.State, function: Function, given: list[s.Value]
) -> None:
    """What the callee has loaded, of its own instances and of those that it was given."""
    for key, names in state.loaded.items():
        for own in _keys(key, function, given):
            run.state.load(own, *names)
    for key, names in state.expired.items():
        for own in _keys(key, function, given):
            run.state.expired[own] = names
    run.state.kept |= {source for source in state.kept if source.kind == "new"}
    run.state.stored |= state.stored


def _keys(key: s.Key, function: Function, given: list[s.Value]) -> list[s.Key]:
    source, path = key
    if source.kind != "given" or source.function is not function:
        return [key]
    return [(e.source, (*e.path, *path)) for e in s.entities(given[source.index])]


def _shape(value: s.Value, function: Function, position: int) -> s.Value:
    """A value as the callee sees it: its instances come from the parameter."""
    source = s.Source("given", function, -1, position)
    out: set[s.Atom] = set()
    for atom in value:
        if isinstance(atom, s.Entity):
            out.add(s.Entity(source, (), atom.cls))
        elif isinstance(atom, s.Many):
            out.add(s.Many(_shape(atom.items, function, position)))
        elif isinstance(atom, s.Row):
            out.add(s.Row(tuple(_shape(part, function, position) for part in atom.items)))
        else:
            out.add(atom)
    return frozenset(out)


def _put_back(value: s.Value, function: Function, given: list[s.Value]) -> s.Value:
    """What a callee returned, as the caller sees it."""
    out: set[s.Atom] = set()
    for atom in value:
        if isinstance(atom, s.Entity):
            source = atom.source
            if source.kind == "given" and source.function is function:
                for entity in s.entities(given[source.index]):
                    out.add(s.Entity(entity.source, (*entity.path, *atom.path), atom.cls))
            else:
                out.add(atom)
        elif isinstance(atom, s.Many):
            out.add(s.Many(_put_back(atom.items, function, given)))
        elif isinstance(atom, s.Row):
            out.add(s.Row(tuple(_put_back(part, function, given) for part in atom.items)))
        else:
            out.add(atom)
    return frozenset(out)


def _sources(value: s.Value) -> list[s.Entity]:
    """The instances that a statement or a result which is handed on will give."""
    out: list[s.Entity] = []
    for atom in value:
        if isinstance(atom, s.Outcome):
            atom = atom.statement
        if isinstance(atom, s.Statement):
            out += [entity for entity in atom.entities if entity is not None]
    return out


def property_read(run: LoadEvaluation, method: Function, entity: s.Entity, index: int) -> s.Value:
    """A property runs its function; a method is only looked up."""
    if not run.loading.inference.is_property(method):
        return s.NOTHING
    return apply(run, method, [s.one(entity)], index, [run.operations[index][5]])


def formatted(
    run: LoadEvaluation, value: s.Value, index: int, at: int, name: str = "__str__"
) -> None:
    """An instance becomes text."""
    for entity in s.ordered([a for a in value if isinstance(a, s.Entity)]):
        method = entity.cls.find(name) or entity.cls.find("__repr__")
        if method is not None:
            apply(run, method, [s.one(entity)], index, [at])


# -- everything else


def _other(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    """Constructions, and calls of something foreign."""
    arguments = [run.values[i] if i >= 0 else run.elements(run.values[~i]) for i in operation[6]]
    for atom in run.types(operation[5]):
        if isinstance(atom, v.ClassObject) and run.loading.is_model(atom.cls):
            return _constructed(run, atom.cls, operation, index)
        if isinstance(atom, v.Foreign):
            if atom.name.rpartition("().")[0] in words.CLIENTS:
                _requested(run)
            return _foreign(run, atom.name, operation, arguments, index)
    if run.evaluation is None:
        callee = run.operations[operation[5]]
        if callee[0] == f.NAME:
            return _foreign(run, callee[5], operation, arguments, index)
    _lambdas(run, operation, arguments, index)
    return s.NOTHING


def _requested(run: LoadEvaluation) -> None:
    """A test's client runs the program, often on the session of the test: what the program expires
    is expired there too."""
    if run.loading.expires_all:
        expire_all(run)
    for cls, names in run.loading.computed.items():
        expire_attributes(run, cls, names)


def _foreign(
    run: LoadEvaluation, name: str, operation: f.Operation, arguments: list[s.Value], index: int
) -> s.Value:
    if FUNCTIONS.get(name) == "Select":
        return _started(run, operation, index, legacy=False)
    _lambdas(run, operation, arguments, index)
    if name in words.CALLING:
        for place, value in zip(operation[6], arguments, strict=True):
            formatted(run, value, index, place, words.CALLING[name])
        return s.NOTHING
    if name in words.ITERATING:
        return s.many(s.join(run.elements(value) for value in arguments))
    if name in words.PICKING:
        return s.join(run.elements(value) for value in arguments)
    if name in words.ENUMERATING and arguments:
        return s.many(s.one(s.Row((s.NOTHING, run.elements(arguments[0])))))
    return s.NOTHING


def _lambdas(
    run: LoadEvaluation, operation: f.Operation, arguments: list[s.Value], index: int
) -> None:
    """A lambda that a call is given runs over what else it is given: ``sorted(books, key=...)``."""
    items = s.join(run.elements(value) for value in arguments)
    if not items:
        return
    for argument in (*operation[6], *(i for _, i in operation[7])):
        given = run.operations[argument] if argument >= 0 else ()
        if given and given[0] == f.LAMBDA:
            function = run.function.module.functions[given[5]]
            apply(run, function, [items for _ in function.signature.parameters], index)


def _constructed(run: LoadEvaluation, cls: Class, operation: f.Operation, index: int) -> s.Value:
    """A new instance has what it was given, and what its constructor sets."""
    source = s.Source("new", run.function, index)
    run.state.forget(source)
    run.state.kept -= {source}
    links = run.loading.models.links(cls)
    constructor = cls.find("__init__")
    names = {name for name, _ in operation[7] if name}
    names |= constructor.facts.stores if constructor is not None else set()
    if any(base.endswith(_DATACLASS) for base in cls.foreign_bases):
        names |= set(links)
    run.state.load((source, ()), *(names & links.keys()))
    for name, argument in operation[7]:
        if name in links:
            keep(run, run.values[argument])
    return s.one(s.Entity(source, (), cls))


def _container_method(
    run: LoadEvaluation, callee: f.Operation, base: s.Value, name: str, operation: f.Operation
) -> s.Value:
    if name in words.FILLING:
        given = s.join(run.values[i] for i in operation[6] if i >= 0)
        keep(run, given)
        target = run.operations[callee[5]]
        if target[0] == f.NAME:
            known = run.environment.get(target[5], s.NOTHING)
            run.environment[target[5]] = s.join((known, s.many(given)))
        return s.NOTHING
    items = run.elements(base)
    return s.many(items) if words.CONTAINER_GIVES[name] is Gives.MANY else items
