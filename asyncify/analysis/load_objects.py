"""Objects that are no models and hold instances: what Python calls of them by itself, and what that
reads of the instances.

    class Closed(Exception):
        def __init__(self, lot): self.lot = lot
        def __str__(self): return f"closed by {self.lot.owner.name}"
    ...
    except Closed as error:
        log.warning("%s", error)  # reads the owner
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_makers, load_reads, load_summaries
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.frameworks import RESOLVERS

if TYPE_CHECKING:
    from asyncify.analysis.load_bodies import LoadBody
    from asyncify.analysis.load_evaluation import LoadEvaluation
    from asyncify.analysis.loading import Loading

_TEXT = words.MAKING_TEXT
# What a container asks of its items when it is asked for something itself.
_OF_ITEMS = {
    **dict.fromkeys(_TEXT, _TEXT[2:]), **{name: (name,) for name in words.COMPARED.values()},
    "__contains__": (words.COMPARED["In"],),
}  # fmt: skip

Calls = dict[int, list[tuple[int, Function]]]


def having_methods(loading: Loading) -> frozenset[Class]:
    """The classes of the program, other than models, with a method that Python calls."""
    found = [
        cls for cls in loading.inference.program.classes.values()
        if not (
            words.CALLED_BY_PYTHON.isdisjoint(cls.methods)
            and words.CONTAINERS.keys().isdisjoint(cls.foreign_bases)
        ) and not loading.is_model(cls)
    ]  # fmt: skip
    return frozenset(each for cls in found for each in (cls, *cls.descendants()))


def calls(body: LoadBody) -> Calls:
    """The methods that a function's operations call this way, with the operation whose value the
    object is."""
    having, types = body.loading.having_methods, body.types
    if not having or types is None:
        return {}
    if not any(_classes(value, having) or _held(value, having) for value in set(types)):
        return {}
    found: Calls = {}
    for index, operation in enumerate(body.operations):
        for at, names in _asked(body, operation) if operation else ():
            for cls in _classes(types[at], having) if at >= 0 else ():
                _call(found, index, at, cls, names)
            for cls in _held(types[at], having) if at >= 0 and types[at] else ():
                _call(found, index, at, cls, _OF_ITEMS.get(names[0], names[:0]))
        for at, names in _asked_of_items(body, operation) if operation else ():
            for cls in _held(types[at], having) if at >= 0 else ():
                _call(found, index, at, cls, names)
    for index in body.tested:
        for cls in _classes(types[index], having):
            method = next((m for name in words.TRUTH if (m := cls.find(name)) is not None), None)
            if method is not None:
                found.setdefault(index, []).append((index, method))
    return found


def _call(found: Calls, index: int, at: int, cls: Class, names: tuple[str, ...]) -> None:
    """The first of these methods that a class has is called."""
    method = next((m for name in names if (m := cls.find(name)) is not None), None)
    if method is not None:
        found.setdefault(index, []).append((at, method))


def called(run: LoadEvaluation, index: int) -> None:
    """An operation calls such methods."""
    for at, method in run.body.implicit_calls[index]:
        if load_summaries.asks(run, method):
            load_summaries.apply(run, method, [s.NOTHING], index, [at])


def delegated(run: LoadEvaluation, index: int) -> s.Value:
    """``view.team``, of an object that hands on to an instance what it hasn't got: of that the
    attribute is read."""
    operation, inference = run.operations[index], run.loading.inference
    place, name, found = operation[5], operation[6], []
    for atom in run.types(place):
        cls = atom.cls if isinstance(atom, v.Instance) else None
        kept = inference.made_attributes.wrapped_as(cls) if cls is not None else ""
        if cls is None or not kept or cls.find(name) is not None or inference.held(cls, name):
            continue
        value = inference.held(cls, kept) or run.loading.held.kept_by(cls, kept)
        for each in run.loading.telling.instances(value, s.Source("other", run.function, place)):
            if isinstance(each, s.Entity):
                found.append(load_reads.read(run, each, name, index, load_reads.Reading(index)))
    return s.join(found)


def resolvers(loading: Loading) -> dict[Class, list[Function]]:
    """The methods that a schema of GraphQL calls of an object of the program, by its class."""
    found: dict[Class, list[Function]] = {}
    for cls in loading.inference.program.classes.values():
        for method in cls.methods.values() if not loading.is_model(cls) else ():
            decorators = loading.colors.bounds.decorators(method)
            if any(decorator.name.startswith(RESOLVERS) for decorator in decorators):
                for each in (cls, *cls.descendants()):
                    found.setdefault(each, []).append(method)
    return found


def made(run: LoadEvaluation, cls: Class, operation: f.Operation, index: int) -> None:
    """``HeroType(instance=hero)``: what its resolvers read of the hero, when the function that
    made it has ended."""
    given = dict(operation[7])
    for method in run.loading.resolvers.get(cls, ()):
        asked = run.loading.bare_summary(method).asked if load_summaries.asks(run, method) else ()
        for demand in asked:
            name, *rest = demand.path or ("",)
            if demand.source.kind != "held" or demand.column or name not in given:
                continue
            at, below = given[name], tuple(rest)
            reading = load_reads.Reading(index, method.facts.qualname, at, below)
            for entity in s.entities(run.values[at]):
                held = s.Entity(entity.source, (*entity.path, *below), demand.entity.cls)
                load_reads.demand(run, held, demand.attribute, reading)


def made_with(run: LoadEvaluation, index: int, name: str) -> list[int]:
    """Which operations give an object, or those of a container, the attribute ``name`` where they
    are made, by their constructor alone: ``user`` of ``View(user)``; none if that isn't known."""
    places = [_given(run, made, name) for made in load_makers.makers(run, index)]
    return places if -1 not in places else []


def _given(run: LoadEvaluation, made: int, name: str) -> int:
    operation, name = run.operations[made], name.removesuffix(s.EACH)
    classes = [a.cls for a in run.types(operation[5]) if isinstance(a, v.ClassObject)]
    constructor = classes[0].find("__init__") if len(classes) == 1 else None
    if constructor is None or min(operation[6], default=0) < 0:
        return -1
    methods = [method for cls in classes[0].ancestors for method in cls.methods.values()]
    if [method for method in methods if name in method.facts.stores] != [constructor]:
        return -1
    own = [parameter.name for parameter in constructor.signature.parameters[1:]]
    given: dict[str, int] = dict(zip(own, operation[6], strict=False)) | dict(operation[7])
    return given.get(_parameter(constructor, name), -1)


def _parameter(constructor: Function, name: str) -> str:
    """The name that an attribute is set to: ``self.user = user``"""
    operations = constructor.body.operations
    for statement in statements_of(constructor.body.statements):
        value = operations[statement[8]] if statement[0] == f.ASSIGN else ()
        targets = (
            [target for target in statement[7] if target[0] == f.TO_ATTRIBUTE] if value else ()
        )
        if value[:1] == (f.NAME,) and any(target[2] == name for target in targets):
            return str(value[5])
    return ""


def _classes(value: v.Value, among: frozenset[Class]) -> list[Class]:
    return [a.cls for a in value if isinstance(a, v.Instance) and a.cls in among]


def held(value: v.Value) -> list[Class]:
    """The classes of the objects that a container holds."""
    found: list[Class] = []
    for atom in value:
        inner = atom.items if isinstance(atom, v.Collection) else v.UNKNOWN
        found += [a.cls for a in inner if isinstance(a, v.Instance)]
        found += held(inner) if inner else ()
    return found


def _held(value: v.Value, among: frozenset[Class]) -> list[Class]:
    return [cls for cls in held(value) if cls in among]


def _asked(body: LoadBody, operation: f.Operation) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The operands of an operation that it asks for something, and the methods that may answer."""
    if operation[0] == f.FORMAT:
        yield from ((part, _TEXT) for part in operation[5])
    elif operation[0] == f.CALL:
        yield from _asked_by_call(body, operation)
    elif operation[0] == f.COMPREHENSION and operation[5] in words.HASHING_COMPREHENSIONS:
        yield from ((operation[10][0], (name,)) for name in words.HASHED)
    elif operation[0] == f.OPERATOR:
        parts, name = operation[6], operation[5]
        if name == words.MODULO:
            for part in parts[1:]:
                made = body.operations[part]
                inside = made[6] if made[0] == f.SEQUENCE else (part,)
                yield from ((each, _TEXT[1:]) for each in inside)
        elif name in words.CONTAINING:
            yield parts[-1], words.ASKED_BY_IN
        elif name in words.COMPARED:
            yield from ((part, (words.COMPARED[name],)) for part in parts)


def _inherited(body: LoadBody, callee: f.Operation) -> Iterator[tuple[int, tuple[str, ...]]]:
    """``labels.update(names)``: a method that a container inherits from `collections.abc`."""
    assert body.types is not None
    for atom in body.types[callee[5]]:
        if isinstance(atom, v.Instance) and atom.cls.find(callee[6]) is None:
            for base in sorted(words.CONTAINERS.keys() & atom.cls.foreign_bases):
                yield from ((callee[5], (name,)) for name in words.CONTAINERS[base])


def _asked_by_call(body: LoadBody, operation: f.Operation) -> Iterator[tuple[int, tuple[str, ...]]]:
    callee = body.operations[operation[5]]
    assert body.types is not None
    given = [at for at in operation[6] if at >= 0]
    if callee[0] == f.ATTRIBUTE:
        yield from _inherited(body, callee)
        if callee[6] in words.LOGGING or callee[6] == words.FORMAT:
            yield from ((at, _TEXT[1:]) for at in given)
        return
    for atom in body.types[operation[5]]:
        if isinstance(atom, v.Foreign) and atom.name in words.CALLING:
            name = words.CALLING[atom.name]
            yield from ((at, (name, *_TEXT[1:])) for at in given)
        elif isinstance(atom, v.Foreign) and atom.name in words.MEASURING:
            yield from ((at, words.MEASURING[atom.name]) for at in given)


def _asked_of_items(
    body: LoadBody, operation: f.Operation
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The same, of the items of a container: ``sorted(views)``, ``map(str, views)``."""
    if operation[0] != f.CALL:
        return
    callee = body.operations[operation[5]]
    assert body.types is not None
    keyed = "key" in dict(operation[7])
    if callee[0] == f.ATTRIBUTE and callee[6] == words.SORTING and not keyed:
        yield callee[5], ("__lt__", "__gt__")
    for atom in body.types[operation[5]]:
        if not isinstance(atom, v.Foreign):
            continue
        if atom.name in words.ORDERING and not keyed:
            name = words.ORDERING[atom.name]
            yield from ((at, (name, words.REFLECTED[name])) for at in operation[6] if at >= 0)
        elif atom.name in words.HASHING:
            given = [at for at in operation[6] if at >= 0]
            yield from ((at, (name,)) for at in given for name in words.HASHED)
        elif atom.name in words.MAPPING:
            yield from _mapped(body, operation)


def _mapped(body: LoadBody, operation: f.Operation) -> Iterator[tuple[int, tuple[str, ...]]]:
    """``map(str, views)``"""
    assert body.types is not None
    given = [at for at in operation[6] if at >= 0]
    for atom in body.types[given[0]] if given else ():
        if isinstance(atom, v.Foreign) and atom.name in words.CALLING:
            yield from ((at, (words.CALLING[atom.name], *_TEXT[1:])) for at in given[1:])
        elif isinstance(atom, v.Foreign) and atom.name in words.MEASURING:
            yield from ((at, words.MEASURING[atom.name]) for at in given[1:])
