"""Calls, as far as load states go: of statements, results and containers, of sessions, of functions
of the program and of others, and constructions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import (
    decorating,
    load_again,
    load_applied,
    load_commits,
    load_factories,
    load_given,
    load_kinds,
    load_objects,
    load_readers,
    load_reads,
    load_records,
    load_requests,
    load_sessions,
    load_specials,
    load_statements,
    load_stores,
    load_summaries,
    load_templates,
    load_touches,
    model_fields,
)
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.callables import GETTER, ITEM_GETTER
from asyncify.analysis.load_bodies import SESSION, Callee
from asyncify.analysis.load_schemas import is_schema
from asyncify.analysis.load_states import State
from asyncify.analysis.program import Class, Function
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.loading import Gives
from asyncify.vocabulary.names import FUNCTIONS
from asyncify.vocabulary.testing import INVOKING

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation


def call(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    """What a call gives, and what it does to the state: what other sessions have than the one that
    it works with stays as it is."""
    apart = run.body.apart
    others = load_sessions.held(run) if apart.made else ()
    keys = {entity.key for entity in others if apart.is_another(entity.source, index)}
    before = run.state.copy() if keys else run.state
    value = _call(run, operation, index)
    for key in keys:
        _put_back(run, before, key)
    return value


def _put_back(run: LoadEvaluation, before: State, key: s.Key) -> None:
    """What rows have otherwise now, the commit of an instance's own session gives back."""
    state, none = run.state, frozenset[str]()
    old, new = before.expired.get(key, none), state.expired.get(key, none)
    given = {name.replace(s.GIVEN_BACK, s.UNLIKE) for name in new - old}
    known = before.loaded.get(key, none)
    state.set_expired(key, old | {name for name in given if name.startswith(s.UNLIKE)})
    state.set_loaded(key, known)
    load_commits.loaded(run, key, known)


def _call(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    callee = run.operations[operation[5]]
    base, name = s.NOTHING, ""
    if callee[0] == f.ATTRIBUTE:
        base, name = run.values[callee[5]], callee[6]
    if base:
        found = _on_value(run, callee, base, name, operation, index)
        if found is not None:
            return found
    if run.body.hot[operation[5]] & SESSION:
        found = load_sessions.method(run, operation, index, name)
        if found is not None:
            return found
    if name == words.RETURNING and not base:
        return load_statements.returning(run, operation, index)
    verbs = load_requests.made(run, operation[5], name)
    if verbs:
        for verb in verbs:
            _requested(run, verb, index)
        return s.NOTHING
    if name in words.SETTING_MANY:
        for entity in s.unordered(base):
            load_stores.set_by_name(run, entity, operation)
    if name in INVOKING and load_commits.invoked(run, operation):
        return s.NOTHING
    if name in words.FACTORY_GIVES:
        made = load_factories.made(run, callee[5], name, index)
        if made is not None:
            return made
    _read_by_library(run, operation, callee, name, index)
    callees = _callees(run, operation, base, name)
    if callees:
        unheard = decorating.unheard(run.loading.inference, {fn for fn, _ in callees})
        if unheard:  # they end last
            callees = sorted(callees, key=lambda callee: callee[0] in unheard)
        given = [
            (fn, load_summaries.call(run, fn, bound, operation, base, index))
            for fn, bound in callees
        ]
        return s.join([value for fn, value in given if fn not in unheard])
    if name in words.FILLING:
        _fill(run, callee[5], operation)
        _put_all(run, callee[5], operation)
    if name in words.DEFAULTING:
        found = _defaulted(run, callee[5], base, operation)
        if found is not base:
            return run.elements(found)
    return _other(run, operation, index)


def _put_all(run: LoadEvaluation, holder: int, operation: f.Operation) -> None:
    """``self.__dict__.update(user=user)``, ``vars(self).update(values)``"""
    held = run.operations[holder]
    if held[0] == f.ATTRIBUTE and held[6] == words.DICT_OF:
        load_stores.put_all(run, held[5], operation)
    elif held[0] == f.CALL and len(held[6]) == 1 and held[6][0] >= 0:
        callee = run.operations[held[5]]
        if callee[0] == f.NAME and callee[5] == words.VARIABLES_OF:
            load_stores.put_all(run, held[6][0], operation)


def _read_by_library(
    run: LoadEvaluation, operation: f.Operation, callee: f.Operation, name: str, index: int
) -> None:
    """What templates, texts, log records and schemas read of what a call hands them."""
    if name in words.RENDERING or load_templates.is_renderer(run, operation[5]):
        load_templates.rendered(run, operation, index)
    places: tuple[int, ...] = ()
    if name == words.FORMAT and not run.body.callees(operation[5]):
        texts = run.body.texts(callee[5])
        for text in texts:
            load_specials.filled_in(run, operation, text, index)
        places = () if texts else (*operation[6], *(i for _, i in operation[7]))
    elif name in words.LOGGING and not run.body.callees(operation[5]):
        places = operation[6]
    elif name in words.SUBSTITUTING and not run.body.callees(operation[5]):
        places = (*operation[6], *(i for _, i in operation[7]))
    elif name == words.FORMATTING_BY and operation[6]:
        for text in run.body.texts(callee[5]):
            load_specials.filled_by(run, text, index, operation[6][0])
    for place in places:
        if place >= 0 and run.values[place]:
            load_specials.formatted(run, run.values[place], index, place)
    if name in words.WRITING_ROWS and not run.body.callees(operation[5]):
        for place in operation[6]:  # the fields of a row, of which each becomes text
            fields = frozenset(s.entities(run.values[place])) if place >= 0 else s.NOTHING
            load_specials.formatted(run, fields, index, -1)
    if name in words.VALIDATING:
        load_readers.validated(run, operation, index)
    elif name in words.DUMPING:
        load_readers.dumped(run, operation, index)


def _on_value(
    run: LoadEvaluation,
    callee: f.Operation,
    base: s.Value,
    name: str,
    operation: f.Operation,
    index: int,
) -> s.Value | None:
    """A method of a statement, a result or a container; None for anything else."""
    statements = [a for a in base if isinstance(a, s.Statement)]
    if statements:

        def call(statement: s.Statement) -> s.Value:
            return load_statements.statement_method(run, statement, name, operation, index)

        return s.join(load_statements.alternately(run, statements, call))
    outcomes = [a for a in base if isinstance(a, s.Outcome)]
    if outcomes:
        return s.join([load_statements.result_method(run, a, name) for a in outcomes])
    if any(isinstance(a, (s.Many, s.Row)) for a in base):
        if name in words.ROW_MAPPINGS:
            return s.by_class(base)
        if name in words.REMOVING:
            load_commits.removed(run, base)
        if name in words.CONTAINER_GIVES or name in words.FILLING:
            return _container_method(run, callee, base, name, operation)
        if name == words.SORTING:
            load_applied.over(run, operation, run.elements(base), index, callee[5])
            return s.NOTHING
    return None


def _callees(run: LoadEvaluation, operation: f.Operation, base: s.Value, name: str) -> list[Callee]:
    """The functions that a call may run."""
    found = run.body.callees(operation[5])
    if found:
        return found
    methods = [
        (method, True) for atom in base if isinstance(atom, s.Entity)
        for method in run.loading.models.methods(atom.cls, name)
    ]  # fmt: skip
    if len(methods) > 1:
        methods.sort(key=lambda callee: (callee[0].module.path, callee[0].index))
    if methods or run.is_typed:
        return methods
    program = run.loading.inference.program
    symbol = program.resolve_expression(run.function, run.operations, operation[5])
    if isinstance(symbol, Function):
        return [(symbol, False)]
    return [(method, True) for method in run.body.own_methods(operation[5])]


def _other(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    """Constructions, and calls of something foreign."""
    arguments = [run.values[i] if i >= 0 else run.turns(run.iterable(~i)) for i in operation[6]]
    types = run.types(operation[5])
    models = [atom.cls for atom in run.values[operation[5]] if isinstance(atom, s.Model)] or [
        a.cls for a in types if isinstance(a, v.ClassObject) and run.loading.is_model(a.cls)
    ]
    if models:
        models.sort(key=lambda cls: (cls.module.path, cls.body.index))

        def construct(cls: Class) -> s.Value:
            return _constructed(run, cls, operation, index)

        return s.join(load_statements.alternately(run, models, construct))
    if any(isinstance(atom, v.ClassObject) and is_schema(atom.cls) for atom in types):
        load_readers.filled(run, operation, index)
        return s.NOTHING
    for atom in types if operation[7] and run.loading.resolvers else ():
        if isinstance(atom, v.ClassObject):
            load_objects.made(run, atom.cls, operation, index)
    record = load_records.made(run, operation)
    if record:
        return record
    got = load_reads.by_getters(run, operation[5], arguments[0], index) if arguments else s.NOTHING
    if got:
        return got
    foreign = sorted(atom.name for atom in types if isinstance(atom, v.Foreign))
    if foreign:
        if foreign[0].rpartition("().")[0] in words.CLIENTS:
            _requested(run, foreign[0].rpartition(".")[2], index)
        return _foreign(run, foreign[0], operation, arguments, index)
    if not run.is_typed:
        program = run.loading.inference.program
        symbol = program.resolve_expression(run.function, run.operations, operation[5])
        if isinstance(symbol, Class) and run.loading.is_model(symbol):
            return _constructed(run, symbol, operation, index)
        callee = run.operations[operation[5]]
        if callee[0] == f.NAME:
            return _foreign(run, callee[5], operation, arguments, index)
    load_applied.applied(run, operation, arguments, index)
    return s.NOTHING


def _requested(run: LoadEvaluation, name: str, index: int) -> None:
    """A test's client runs the program, often on the session of the test: what the program expires
    is expired there too."""
    load_again.before_request(run, index)
    if load_requests.may_expire(run, name, index):
        load_sessions.expire_all(run)
    load_sessions.expire_attributes(run, run.loading.computed_attributes)
    run.state.write(None)
    if name not in words.READING_REQUESTS:
        load_commits.requested(run)


def _foreign(
    run: LoadEvaluation, name: str, operation: f.Operation, arguments: list[s.Value], index: int
) -> s.Value:
    """A call of what the program doesn't define."""
    if FUNCTIONS.get(name) == "Select":
        return load_statements.started(run, operation, index, legacy=False)
    if name.startswith(GETTER) and arguments:
        return load_reads.in_turn(run, arguments[0], name.removeprefix(GETTER).split("."), index)
    if name.startswith(ITEM_GETTER) and arguments:
        return run.elements(arguments[0])
    if name in words.GOING_THROUGH:
        pairs = zip(operation[6], arguments, strict=True)
        arguments = [run.iterable(i) if i >= 0 else value for i, value in pairs]
    if name in words.ENCODING:
        load_applied.encoded(run, operation, arguments, index)
        return s.NOTHING
    if name in words.BINDING:
        load_applied.bound(run, operation, index)
        return s.NOTHING
    if name == words.REDUCING:
        read = load_applied.read_in_turn(run, operation, arguments, index)
        if read:
            return read
    given = load_applied.applied(run, operation, arguments, index)
    if name in words.MAPPING:
        return s.many(given)
    if name in words.CALLING:
        for place, value in zip(operation[6], arguments, strict=True):
            load_specials.formatted(run, value, index, place, words.CALLING[name])
        return s.NOTHING
    if name in words.MEASURING and operation[6] and operation[6][0] >= 0:
        load_specials.measured(run, arguments[0], index, operation[6][0], *words.MEASURING[name])
        return s.NOTHING
    if name.rpartition(".")[2] in words.PARSING:
        load_readers.parsed(run, operation, index)
        return s.NOTHING
    if name in words.TAKING_APART and operation[6] and operation[6][0] >= 0:
        load_specials.taken_apart(run, arguments[0], index, operation[6][0], name)
        return s.NOTHING
    if name in words.READING:
        return load_reads.by_name(run, operation, index)
    if name in words.SETTING:
        for entity in s.unordered(arguments[0] if arguments else s.NOTHING):
            load_stores.set_by_name(run, entity, operation)
        load_stores.put_by_name(run, operation)
    if name in words.ORDERING and "key" not in dict(operation[7]):
        for place, value in zip(operation[6], arguments, strict=True):
            items = run.elements(value) or value
            load_specials.compared(run, items, index, place, words.ORDERING[name])
    if name in words.HASHING:
        for place, value in zip(operation[6], arguments, strict=True):
            load_specials.hashed(run, run.elements(value), index, place)
    if name in words.PUSHING:
        _push(run, operation)
    return _gathered(run, name, operation, arguments)


def _gathered(
    run: LoadEvaluation, name: str, operation: f.Operation, arguments: list[s.Value]
) -> s.Value:
    """What builtins make of the items that they are given."""
    if name in words.ITERATING:
        return s.many(s.join(run.turns(value) for value in arguments))
    if name == words.DICT and operation[7] and not operation[6] and all(n for n, _ in operation[7]):
        names, values = zip(*operation[7], strict=True)
        return s.one(s.Row(tuple(run.values[i] for i in values), names))
    if name == words.DICT and len(operation[6]) == 1:
        return _dict_of(run, arguments[0])
    if name in words.PICKING:
        return s.join(run.turns(value) for value in arguments)
    if name in words.PAIRING and min(operation[6], default=-1) >= 0:
        return s.many(s.one(s.Row(tuple(run.turns(value) for value in arguments))))
    if name == words.NEIGHBOURS and arguments:
        return s.many(s.one(s.Row((run.elements(arguments[0]),) * 2)))
    if name in words.IN_PARTS and arguments:
        return s.many(s.many(run.elements(arguments[0])))
    if name in words.ENUMERATING and arguments:
        return s.many(s.one(s.Row((s.NOTHING, run.turns(arguments[0])))))
    if name in words.GROUPING and arguments:
        return s.many(s.one(s.Row((s.NOTHING, s.many(run.turns(arguments[0]))))))
    return s.NOTHING


def _dict_of(run: LoadEvaluation, given: s.Value) -> s.Value:
    """``dict(pairs)``, or of another dict."""
    dicts = {
        atom for atom in given
        if (isinstance(atom, s.Row) and atom.names) or (isinstance(atom, s.Many) and atom.keyed)
    }  # fmt: skip
    pairs = [a.items for a in run.elements(given - dicts) if isinstance(a, s.Row)]
    items = s.join(pair[1] for pair in pairs if len(pair) == 2)
    keys = s.join(pair[0] for pair in pairs if len(pair) == 2)
    return s.join([frozenset(dicts), s.many(items, keyed=True, keys=keys)])


def _constructed(run: LoadEvaluation, cls: Class, operation: f.Operation, index: int) -> s.Value:
    """A new instance has what it was given, and what its constructor sets."""
    source = s.Source("new", run.function, index)
    run.state.forget(source)
    if source in run.state.kept:
        run.state.kept -= {source}
    links = run.loading.models.links(cls)
    constructor = cls.find("__init__")
    names = {name for name, _ in operation[7] if name}
    names |= constructor.facts.stores if constructor is not None else set()
    if operation[6] and model_fields.is_dataclass(cls):  # what isn't given isn't set by 2.1
        names |= set(model_fields.fields(cls, words.IN_ORDER)[: len(operation[6])])
    run.state.load((source, ()), names & (links.keys() | run.loading.models.deferred(cls)))
    load_commits.constructed(run, s.Entity(source, (), cls), operation)
    missing = run.loading.defaulted(cls) - names
    unlike = load_given.spread(run.body, operation, cls)
    unlike |= run.loading.kinds.defaults(cls) - names
    unlike |= {
        name for name, i in operation[7]
        if name and load_kinds.is_unlike(run.loading, run.function, cls, name, i)
    }  # fmt: skip
    missing |= {s.UNLIKE + name for name in unlike}
    if missing:
        run.state.set_changed((source, ()), frozenset(missing))
    for name, argument in operation[7]:
        if name in links:
            load_touches.put(run, links[name], run.values[argument])
            load_commits.replaced(run, links[name], run.values[argument])
            load_sessions.keep(run, run.values[argument])
            given = s.unordered(run.values[argument])
            load_sessions.keep_with(run, source, links[name], given)
            run.state.put((source, (name,)), [entity.key for entity in given])
    return s.one(s.Entity(source, (), cls))


def _fill(run: LoadEvaluation, target: int, operation: f.Operation) -> s.Value:
    """``found.append(user)``, ``groups[key].append(user)``: the variable holds it."""
    places = [i for i in operation[6] if i >= 0]
    if run.operations[operation[5]][6] in words.EXTENDING:
        given = run.elements(s.join(map(run.iterable, places)))
    else:
        given = s.join(run.values[i] for i in places)
    filled, put = run.operations[target], s.many(given)
    while filled[0] in (f.SUBSCRIPT, f.CALL):  # setdefault(key, []).append(user)
        key = filled[6]
        if filled[0] == f.CALL:
            key, filled = min(key[:1], default=-1), run.operations[filled[5]]
            if filled[0] != f.ATTRIBUTE or filled[6] not in words.NAMED_GETS:
                break
        filled, put = run.operations[filled[5]], s.many(put, keyed=True, keys=run.key(key))
    if given and filled[0] == f.NAME:
        known = run.environment.get(filled[5], s.NOTHING)
        run.environment[filled[5]] = s.join((known, put))
    return given


def _defaulted(run: LoadEvaluation, target: int, base: s.Value, operation: f.Operation) -> s.Value:
    """``found.setdefault(key, user)``: the dict with what it may have from now on."""
    places, holder = operation[6], run.operations[target]
    if len(places) < 2 or min(places) < 0 or not s.unordered(run.values[places[1]]):
        return base
    value = run.values[places[1]]
    base = s.join((base, s.many(value, keyed=True, keys=run.key(places[0]))))
    if holder[0] == f.NAME:
        run.environment[holder[5]] = base
    load_sessions.keep(run, value)
    return base


def _push(run: LoadEvaluation, operation: f.Operation) -> None:
    """``heappush(queue, user)``"""
    places = [i for i in operation[6] if i >= 0]
    target = run.operations[places[0]] if len(places) > 1 else ()
    if target[:1] == (f.NAME,):
        known = run.environment.get(target[5], s.NOTHING)
        run.environment[target[5]] = s.join((known, s.many(run.values[places[1]])))


def _container_method(
    run: LoadEvaluation, callee: f.Operation, base: s.Value, name: str, operation: f.Operation
) -> s.Value:
    if name in words.FILLING:
        given = _fill(run, callee[5], operation)
        load_sessions.keep(run, given)
        target = run.operations[callee[5]]
        for item in s.unordered(base) if target[0] == f.ATTRIBUTE else ():
            load_touches.filled(run, item, given)
            run.state.mix(item.key, [each.key for each in s.unordered(given)])
            shared = load_sessions.is_shared(run, item.source)
            if item.path and name not in words.EXTENDING and not shared:  # by something
                run.state.load((item.source, item.path[:-1]), item.path[-1:])
                run.state.read -= {((item.source, item.path[:-1]), item.path[-1])}
            load_commits.put(run, item, name)
        return s.NOTHING
    if name in words.DEFAULTING:
        base = _defaulted(run, callee[5], base, operation)
    if name in words.NAMED_GETS and operation[6]:
        named = run.by_key(base, operation[6][0])
        if named is not None:
            return named
    items, gives = run.elements(base), words.CONTAINER_GIVES[name]
    if gives in (Gives.ROWS, Gives.KEYS):
        keys = s.join(atom.keys for atom in base if isinstance(atom, s.Many))
        if gives is Gives.KEYS:
            return s.many(keys)
        return s.many(s.one(s.Row((keys, items)))) if items or keys else s.NOTHING
    return s.many(items) if gives is Gives.MANY else items
