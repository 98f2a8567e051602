"""Calls of the program's functions: what a callee does with instances, as its caller sees it.

A callee knows the instances that it is given as those of its parameters. What it demands of them,
and what it leaves loaded or expired, is put back on the caller's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import (
    load_again,
    load_arguments,
    load_commits,
    load_guards,
    load_objects,
    load_picks,
    load_reads,
    load_requests,
    load_sessions,
)
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.load_demands import Demand, Summary, moved
from asyncify.analysis.load_schemas import is_schema
from asyncify.analysis.load_states import State
from asyncify.analysis.program import Function, dotted
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation


def call(
    run: LoadEvaluation,
    function: Function,
    bound: bool,
    operation: f.Operation,
    base: s.Value,
    index: int,
) -> s.Value:
    """A call of a function of the program."""
    classes = _classes(run, operation) if function in run.loading.generic else {}
    handed = classes | load_requests.handed(run, operation)
    captured = closed(run, function) or defaults(run, function)
    if (
        not handed
        and not captured
        and not run.is_given_something(operation)
        and not asks(run, function)
    ):
        return apply_bare(run, function, index)
    given, places_of = load_arguments.arguments(run, function, bound, operation, base, handed)
    is_spelled = min(operation[6], default=0) >= 0 and all(name for name, _ in operation[7])
    found = apply(run, function, given, index, places_of, spelled=is_spelled)
    return _own(run, found, function, index) if classes else found


def closed(run: LoadEvaluation, function: Function) -> dict[str, s.Value]:
    """The variables around a nested function that it reads, if any of them holds an instance."""
    scopes, environment = run.loading.scopes, run.environment
    names = scopes.free(function)
    if not any(environment.get(name) for name in names):
        return {}
    found = {
        name: environment.get(name, s.NOTHING)
        if scopes.sees(run.function, function, name) else s.NOTHING
        for name in names
    }  # fmt: skip
    return found if any(found.values()) else {}


def defaults(run: LoadEvaluation, function: Function) -> dict[int, str]:
    """The parameters of a nested function that a variable is the default of, if that holds an
    instance: `lambda user=user: user.name`."""
    if function.parent is not run.function:
        return {}
    signature = function.signature
    found = {
        n: signature.operations[parameter.default][5]
        for n, parameter in enumerate(signature.parameters)
        if parameter.default >= 0 and signature.operations[parameter.default][0] == f.NAME
    }
    return {n: name for n, name in found.items() if run.environment.get(name)}


def asks(run: LoadEvaluation, function: Function) -> bool:
    """Does a function demand something though it is given no instance: of what its object holds?"""
    asked = run.loading.bare_summary(function).asked
    return bool(asked) and function not in run.loading.coloring.turned


def _own(run: LoadEvaluation, value: s.Value, function: Function, index: int) -> s.Value:
    """What a function selected of the class that it was given: other calls select others."""
    source = s.Source("made", run.function, index)
    run.state.forget(source)

    def own(entity: s.Entity) -> s.Entity:
        old = entity.source
        if old.function is not function or old.kind not in ("query", "get", "new"):
            return entity
        run.state.follow(old, source)
        return s.Entity(source, entity.path, entity.cls)

    return s.remade(value, own)


def _classes(run: LoadEvaluation, operation: f.Operation) -> dict[int, s.Value]:
    """The mapped classes, and the schemas, among the arguments of a call."""
    out: dict[int, s.Value] = {}
    for argument in (*operation[6], *(index for _, index in operation[7])):
        types = run.types(argument) if argument >= 0 else v.UNKNOWN
        if len(types) == 1:
            (atom,) = types
            if isinstance(atom, v.ClassObject) and (
                run.loading.is_model(atom.cls) or is_schema(atom.cls)
            ):
                out[argument] = s.one(s.Model(atom.cls))
    return out


def apply(
    run: LoadEvaluation,
    function: Function,
    given: list[s.Value],
    index: int,
    places: list[int] | None = None,
    below: tuple[str, ...] = (),
    spelled: bool = False,
) -> s.Value:
    """What a function gives for these values; what it demands of them is demanded here. ``below``
    is the path to them from the values of the operations ``places``; ``spelled``: these are all
    that it is called with."""
    given, places = _captured(run, function, given, index, places)
    summary = _summary(run, function, given)
    expired = load_again.before_call(run, summary.loads, index, anew=summary.anew)
    _ask_all(run, function, summary, given, index, places, below, spelled)
    load_again.lend(run, summary.loads)
    if summary.state is not None:
        load_commits.called(run, summary.state)
        _leave(run, summary.state)
        _take_over(run, summary.state, function, given, summary.returned)
    if not summary.returned:
        return s.NOTHING
    returned = _put_back(summary.returned, function, given)
    load_again.after_call(run, returned, expired, summary.anew)
    return returned


def demanded(
    run: LoadEvaluation, function: Function, given: list[s.Value], index: int, places: list[int]
) -> None:
    """What a function demands that will be called with these values, by somebody else."""
    given, asked = _captured(run, function, given, index, places)
    known = dict(run.summary.demands)
    _ask_all(run, function, _summary(run, function, given), given, index, asked)
    _read_later(run, known)


def by_itself(run: LoadEvaluation, method: Function, index: int) -> s.Value:
    """What a method gives that Python calls on the value of an operation: to evaluate that doesn't
    read."""
    known = dict(run.summary.demands)
    given = apply_bare(run, method, index)
    _read_later(run, known)
    return given


def _read_later(run: LoadEvaluation, known: dict[Demand, None]) -> None:
    """What is demanded that wasn't is read when the operation that leads to it has ended."""
    run.summary.demands = {
        demand if demand in known else demand._replace(returned=True): None
        for demand in run.summary.demands
    }


def _captured(
    run: LoadEvaluation,
    function: Function,
    given: list[s.Value],
    index: int,
    places: list[int] | None,
) -> tuple[list[s.Value], list[int] | None]:
    """What a nested function is given by the function around it, without being called with it."""
    names, preset = closed(run, function), defaults(run, function)
    if not names and not preset:
        return given, places
    missing = len(given) - len(places or ())
    given = [*given, *names.values()]
    places = [*(places or ()), *[-1] * missing, *(_last(run, n, index) for n in names)]
    for n, name in preset.items():
        if not given[n] and places[n] < 0:
            given[n], places[n] = run.environment[name], _last(run, name, index)
    return given, places


def _summary(run: LoadEvaluation, function: Function, given: list[s.Value]) -> Summary:
    shapes = tuple(_shape(value, function, n) if value else value for n, value in enumerate(given))
    return run.loading.summary(function, shapes)


def _ask_all(
    run: LoadEvaluation,
    function: Function,
    summary: Summary,
    given: list[s.Value],
    index: int,
    places: list[int] | None,
    below: tuple[str, ...] = (),
    spelled: bool = False,
) -> None:
    handed = {
        entity.source for value in given for atom in value for entity in s.selected(atom)
    }  # what a statement that is handed on will give
    _demand(run, function, summary, given, handed, (run.function, index), places, below, spelled)
    if summary.reads:
        _read(run, function, summary, given, (run.function, index), places, below)


def _last(run: LoadEvaluation, name: str, index: int) -> int:
    """Where a variable was named last, or -1."""
    named = (n for n in range(index, -1, -1) if run.operations[n][:1] == (f.NAME,))
    return next((n for n in named if run.operations[n][5] == name), -1)


def apply_bare(run: LoadEvaluation, function: Function, index: int) -> s.Value:
    """What a function gives that is given no instance."""
    if closed(run, function) or asks(run, function):
        given = [s.NOTHING] * len(function.signature.parameters)
        return apply(run, function, given, index)
    summary = run.loading.bare_summary(function)
    expired = load_again.before_call(run, summary.loads, index, anew=summary.anew)
    load_again.lend(run, summary.loads)
    if summary.state is not None:
        load_commits.called(run, summary.state)
        _leave(run, summary.state)
        _take_over(run, summary.state, function, [], summary.returned)
    load_again.after_call(run, summary.returned, expired, summary.anew)
    return summary.returned


def _leave(run: LoadEvaluation, state: State) -> None:
    """What the session has done when a callee returns."""
    for cls in state.written:
        run.state.write(cls)
    if state.flushes:
        run.state.flush()
    if state.history.commits:
        load_commits.given_back(run)
    if state.expires:
        load_sessions.expire_all(run)
    elif state.recovers and not run.body.is_test:
        load_sessions.expire_all(run, failed=True)
    load_sessions.expire_attributes(run, state.computes)


def _demand(
    run: LoadEvaluation,
    function: Function,
    summary: Summary,
    given: list[s.Value],
    handed: set[s.Source],
    call_site: tuple[Function, int],
    places: list[int] | None,
    below: tuple[str, ...],
    spelled: bool,
) -> None:
    """What is demanded of what was given, on this side."""
    # A function that turns sees itself to what its object holds.
    holding = _holding(run, places or []) if function not in run.loading.coloring.turned else None
    for demand in list(summary.demands) if handed else summary.asked:
        held = demand.source.kind == "held"
        if held and holding is None:
            continue
        guards = load_guards.handed_on(run, function, demand.guards, places if spelled else None)
        if guards is None:
            continue
        if held and holding is not None:
            found = holding.get(demand.source.function, ())
            at = found[0] if len(found) == 1 else -1
            _ask_holder(run, demand._replace(guards=guards), call_site, at)
        elif demand.source.kind == "given" and demand.source.function is function:
            at = run.reached(places[demand.source.index]) if places else -1
            turns = function in run.loading.coloring.turned
            # What calls itself is run inside `run_sync`, and loads what it comes to.
            inside = summary.recurs and not turns
            for entity in s.entities(given[demand.source.index]) if not demand.outdated else ():
                own = moved(demand, entity, call_site, at, below, run.is_many(at))
                _pass_on(run, own._replace(guards=guards), not (turns or inside), inside)
        elif demand.source in handed:
            entity = s.Entity(demand.source, (), demand.entity.cls)
            _pass_on(run, moved(demand, entity, call_site, -1), True)


def _holding(run: LoadEvaluation, places: list[int]) -> dict[Function, list[int]]:
    """The objects among the values of a call, and the containers of them, by the bodies of their
    class and its bases."""
    found: dict[Function, list[int]] = {}
    for place in places:
        cls = run.body.class_of(place) if place >= 0 else None
        held = load_objects.held(run.types(place)) if cls is None and place >= 0 else []
        for each in [cls] if cls is not None else held:
            for ancestor in each.ancestors:
                found.setdefault(ancestor.body, []).append(place)
    return found


def _ask_holder(
    run: LoadEvaluation, demand: Demand, call_site: tuple[Function, int], at: int
) -> None:
    """What a callee demands of an instance that its object holds, on the side that has the object:
    it is one of the values of the call, or -1. Of an object that was made here, what it was made
    with is known."""
    if _has_loaded(run, demand, at):
        return
    places = load_objects.made_with(run, at, demand.path[0]) if demand.path else []
    if places and all(run.values[place] for place in places):
        for place in places:
            _ask_made_with(run, demand, call_site, place)
        return
    turned = run.function in run.loading.coloring.turned
    maybe = demand.maybe or not (turned or run.is_certain(call_site[1]))
    found = demand._replace(calls=(call_site, *demand.calls), at=at, below=demand.path, maybe=maybe)
    if not demand.column:
        load_reads.seen(run, demand.source, demand.entity.cls, demand.attribute)
        if load_commits.is_outdated(run, demand.entity, demand.attribute, late=False):
            load_commits.read(run, demand.entity, (demand.attribute,))
            found = found._replace(outdated=True)
    run.summary.demands[found] = None


def _ask_made_with(
    run: LoadEvaluation, demand: Demand, call_site: tuple[Function, int], place: int
) -> None:
    """The same of an object that was made with the value of the operation ``place``."""
    below = demand.path[1:]
    is_seen = not run.operations[place][4] & (f.REPEATED | f.GENERATOR)
    at = place if is_seen else load_reads.NOWHERE  # the variable of a comprehension isn't there
    reading = load_reads.Reading(call_site[1], demand.function.facts.qualname, at, below)
    for each in s.entities(run.values[place]):
        entity = s.Entity(each.source, (*each.path, *below), demand.entity.cls)
        if demand.column:
            load_reads.column(run, entity, demand.attribute, reading)
        else:
            load_reads.demand(run, entity, demand.attribute, reading)


def _has_loaded(run: LoadEvaluation, demand: Demand, holder: int) -> bool:
    """Has the caller read the same attribute of the object, and loaded what is demanded of it?"""
    text = dotted(run.operations, holder) if holder >= 0 else ""
    text = f"{text}.{demand.path[0]}" if text and demand.path else ""
    return any(
        demand.attribute in names and path == demand.path[1:]
        and source.kind == "other" and source.function is run.function
        and dotted(run.operations, source.operation) == text
        for (source, path), names in list(run.state.loaded.items()) if text
    )  # fmt: skip


def _read(
    run: LoadEvaluation,
    function: Function,
    summary: Summary,
    given: list[s.Value],
    call_site: tuple[Function, int],
    places: list[int] | None,
    below: tuple[str, ...],
) -> None:
    """What a callee reads of what it is given, and what of that has expired on this side."""
    for ((source, _), name), demand in list(summary.reads.items()):
        if source.function is not function:
            continue
        at = run.reached(places[source.index]) if places else -1
        for entity in s.entities(given[source.index]):
            found = moved(demand, entity, call_site, at, below, run.is_many(at))
            key = found.source, found.path
            expired = run.state.expired.get(key, frozenset())
            if s.GIVEN_BACK + name in expired:
                run.summary.demands[found._replace(outdated=True)] = None
                run.state.set_expired(key, expired - {s.GIVEN_BACK + name})
            elif run.state.is_expired(key, name):
                run.summary.demands[found] = None
                if load_sessions.settles(run, found.source, call_site[1]):
                    load_picks.read_again(run, key, name)
            elif (
                not demand.path and load_reads.is_uncomputed(run, entity, name)
            ) or load_reads.is_left_out(run, key, name):
                if name not in run.state.loaded.get(key, frozenset()):
                    run.summary.demands[found] = None
                    run.state.load(key, () if run.is_maybe(call_site[1]) else (name,))
            elif found.source.kind == "given":
                run.summary.reads.setdefault((key, name), found)


def _pass_on(run: LoadEvaluation, demand: Demand, before: bool, inside: bool = False) -> None:
    """A callee's demand is one of the caller. ``before``: where nothing else loads it, that is done
    before the call; else the callee may do it, and what it leaves loaded is taken over."""
    key = demand.source, demand.path
    state = run.state
    if demand.executes:
        run.summary.demands[demand] = None
        return
    if demand.column:
        if state.is_expired(key, demand.attribute):
            run.summary.demands[demand] = None
            return
        if not _comes_later(run, demand):
            return
    else:
        load_reads.seen(run, demand.source, demand.entity.cls, demand.attribute)
    if state.history.past and not demand.column:
        entity = s.Entity(demand.source, demand.path, demand.entity.cls)
        late = load_commits.is_late(run, demand.at, demand.anchor)
        if load_commits.is_outdated(run, entity, demand.attribute, late):
            load_reads.renew(run, entity, demand, demand.calls[0][1], not inside)
            return
    known = demand.attribute in state.loaded.get(key, frozenset())
    if known and not load_reads.is_unsure(run, key, demand.attribute):
        return
    link = run.loading.models.links(demand.entity.cls).get(demand.attribute)
    if (
        link is not None
        and link.lazy in words.EAGER
        and load_reads.comes_loaded(run, demand.source)
    ):
        return
    stale = load_reads.is_stale(run, demand.source, demand.entity, demand.attribute)
    if stale and not demand.stale:
        demand = demand._replace(stale=True)
    if before and load_sessions.settles(run, demand.source, demand.calls[0][1]):
        state.load(key, (demand.attribute,))
    fresh = demand.is_new
    stored = state.kept if demand.flushed else state.stored  # the callee stores what was added
    if not fresh or demand.source in stored or demand.source in state.stored:
        _ask(run, demand)


def _ask(run: LoadEvaluation, demand: Demand) -> None:
    """Make a demand the caller's, with what is only known there."""
    if not demand.late and run.state.has_lapsed((demand.source, demand.path)):
        demand = demand._replace(late=True)
    if demand.source.kind == "held" and not run.is_certain(demand.calls[0][1]):
        demand = demand._replace(maybe=True)
    run.summary.demands[demand] = None


def _comes_later(run: LoadEvaluation, demand: Demand) -> bool:
    """Is it a column that a query leaves out: a deferred one, or one of subclasses?"""
    models, cls = run.loading.models, demand.entity.cls
    if demand.attribute in models.deferred(cls):
        return True
    known = run.state.loaded.get((demand.source, demand.path), frozenset())
    if demand.source.kind == "new" or s.SUBCLASSES in known:
        return False
    return models.comes_later(cls, demand.attribute)


def _take_over(
    run: LoadEvaluation,
    state: State,
    function: Function,
    given: list[s.Value],
    returned: s.Value = s.NOTHING,
) -> None:
    """What the callee has loaded, of its own instances and of those that it was given."""
    for source in state.born:  # what an earlier call gave is another instance
        run.state.forget(source)
    for source in s.sources(returned):  # and so may be what it keeps: ``return self.cache[key]``
        if source.kind == "held" or (source.kind == "other" and source.function is function):
            run.state.forget(source)
    for key in state.renewed:
        for own in _keys(key, function, given):
            for entity in load_sessions.held(run):
                if entity.key == own:
                    load_sessions.expire_below(run, entity)
            run.state.set_loaded(own, frozenset())
            run.state.renewed |= {own}
    for key, names in state.expired.items():
        for own in _keys(key, function, given):
            known = run.state.loaded.get(own, frozenset())
            if not known.isdisjoint(names):
                run.state.set_loaded(own, known - names)
    for key, names in state.loaded.items():
        for own in _keys(key, function, given):
            if own == key or not load_sessions.is_shared(run, own[0]):
                run.state.load(own, names)
    for key, names in state.expired.items():
        for own in _keys(key, function, given):
            run.state.set_expired(own, names - {s.FAILED} if run.body.is_test else names)
    for key, names in state.changed.items():
        for own in _keys(key, function, given):
            run.state.set_changed(own, names | run.state.changed.get(own, frozenset()))
    if state.aged:
        run.state.aged |= state.aged
    if state.kept:
        run.state.kept |= _own_sources(state.kept, function, given)
        _note_sessions(run, state.kept, function, given)
    if state.stored:
        run.state.stored |= _own_sources(state.stored, function, given)
    if state.lapsed:
        run.state.lapse(own for key in state.lapsed for own in _keys(key, function, given))
    load_commits.taken_over(run, state, lambda key: _keys(key, function, given))


def _own_sources(
    sources: frozenset[s.Source], function: Function, given: list[s.Value]
) -> set[s.Source]:
    """Sources that a callee speaks of, as the caller knows them."""
    out: set[s.Source] = set()
    for source in sources:
        if source.kind != "given" or source.function is not function:
            out.add(source)
        else:
            out |= {e.source for e in s.unordered(given[source.index]) if not e.path}
    return out


def _note_sessions(
    run: LoadEvaluation, kept: frozenset[s.Source], function: Function, given: list[s.Value]
) -> None:
    """The kinds of sessions that a callee has added what it was given to."""
    asked = run.loading.asked
    for source in kept & asked.keys():
        for own in _own_sources(frozenset((source,)), function, given):
            if own is not source:
                asked.setdefault(own, set()).update(asked[source])


def _keys(key: s.Key, function: Function, given: list[s.Value]) -> list[s.Key]:
    source, path = key
    if source.kind == "held":
        return []  # there may be several objects that hold one
    if source.kind != "given" or source.function is not function:
        return [key]
    return [(e.source, (*e.path, *path)) for e in s.unordered(given[source.index])]


def _shape(value: s.Value, function: Function, position: int) -> s.Value:
    """A value as the callee sees it: its instances come from the parameter."""
    source = s.Source("given", function, -1, position)
    return s.mapped(value, lambda entity: (s.Entity(source, (), entity.cls),))


def _put_back(value: s.Value, function: Function, given: list[s.Value]) -> s.Value:
    """What a callee returned, as the caller sees it."""

    def own(entity: s.Entity) -> tuple[s.Entity, ...]:
        source, path = entity.source, entity.path
        if source.kind != "given" or source.function is not function:
            return (entity,)
        return tuple(
            s.Entity(e.source, (*e.path, *path), entity.cls)
            for e in s.unordered(given[source.index])
        )

    return s.mapped(value, own)


def property_of_another(run: LoadEvaluation, index: int) -> s.Value:
    """A property of an object that isn't a model runs its function: as a call of it would."""
    found = []
    for method in run.body.properties[index]:
        if asks(run, method):
            found.append(apply(run, method, [s.NOTHING], index, [run.operations[index][5]]))
        else:
            found.append(apply_bare(run, method, index))
    value, known = s.join(found), run.body.by_type(index)
    return s.restricted(value, known, False) if value else known
