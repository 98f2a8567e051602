"""What reads an instance without naming its attributes: text that is made of it, comparisons, loops
over it, and what dataclasses do with all of their fields.

https://docs.sqlalchemy.org/en/20/orm/dataclasses.html#declarative-dataclass-mapping
"""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_reads, load_summaries, model_fields
from asyncify.analysis import load_values as s
from asyncify.analysis.program import Class
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

_NESTING = 5


def formatted(
    run: LoadEvaluation, value: s.Value, index: int, at: int, name: str = "__str__"
) -> None:
    """An instance becomes text, or those of a container, which shows them by ``repr``."""
    for entity in s.entities(value):
        asked = name if entity in value else "__repr__"
        _shown(run, entity, asked, load_reads.Reading(index, f"{entity.cls.name}.__repr__", at))


def _shown(run: LoadEvaluation, entity: s.Entity, name: str, reading: load_reads.Reading) -> None:
    """What the text of an instance reads, which may be one of a subclass."""
    exact = entity.is_new
    classes = [entity.cls, *([] if exact else entity.cls.descendants())]
    methods = {cls: cls.find(name) or cls.find("__repr__") for cls in classes}
    for method in dict.fromkeys(methods.values()):
        if method is not None:
            given, places = [s.one(entity)], [reading.at]
            load_summaries.apply(run, method, given, reading.place, places, reading.below)
    for cls, method in methods.items():
        if method is None and model_fields.is_dataclass(cls):
            _read_fields(run, entity, cls, reading, words.SHOWN)


def filled_in(run: LoadEvaluation, operation: f.Operation, text: object, index: int) -> None:
    """``"{0.title} by {book.author.name}".format(order, book=book)``"""
    places = {str(at): i for at, i in enumerate(operation[6])}
    places |= {name: i for name, i in operation[7] if name}
    given = {name: run.values[place] for name, place in places.items() if place >= 0}
    _fill(run, text, given, places, index)


def filled_by(run: LoadEvaluation, text: object, index: int, at: int) -> None:
    """``"{book.author.name}".format_map({"book": book})``"""
    rows = [atom for atom in run.values[at] if isinstance(atom, s.Row)] if at >= 0 else []
    for row in rows:
        _fill(run, text, dict(zip(row.names, row.items, strict=False)), {}, index)


def _fill(
    run: LoadEvaluation,
    text: object,
    given: dict[str, s.Value],
    places: dict[str, int],
    index: int,
) -> None:
    """What the fields of a text read of the values that it is given by these names."""
    try:
        fields = [field for _, field, _, _ in Formatter().parse(str(text)) if field is not None]
    except ValueError:
        return
    for number, field in enumerate(fields):
        first, *names = field.partition("[")[0].split(".")
        name = first or str(number)
        if names:
            load_reads.in_turn(run, given.get(name, s.NOTHING), names, index)
        elif given.get(name):
            formatted(run, given[name], index, places.get(name, load_reads.NOWHERE))


def measured(run: LoadEvaluation, value: s.Value, index: int, at: int, *names: str) -> None:
    """``len(account)``: the first of these methods that an instance has is called."""
    for entity in s.ordered([a for a in value if isinstance(a, s.Entity)]):
        methods = [method for name in names if (method := entity.cls.find(name)) is not None]
        for method in methods[:1]:
            load_summaries.apply(run, method, [s.one(entity)], index, [at])


def called(
    run: LoadEvaluation, name: str, index: int, places: list[int], given: s.Value = s.NOTHING
) -> s.Value:
    """``order["total"]``, ``order + other``: Python calls a method of the instance that the first
    operation gives, with what the others give, and what else is ``given``."""
    arguments = [run.values[place] if place >= 0 else s.NOTHING for place in places[1:]]
    arguments += [given] if given else []
    found = []
    for entity in s.ordered([a for a in run.values[places[0]] if isinstance(a, s.Entity)]):
        method = entity.cls.find(name)
        if method is not None:
            asked = [*places, *([-1] if given else [])]
            values = [s.one(entity), *arguments]
            found.append(load_summaries.apply(run, method, values, index, asked))
    return s.join(found)


def compared(
    run: LoadEvaluation, value: s.Value, index: int, at: int, name: str, by_fields: bool = False
) -> None:
    """Instances are compared, or those of a container; ``by_fields``: with others of their kind,
    which dataclasses do field by field."""
    for entity in s.entities(value):
        method = entity.cls.find(name) or entity.cls.find(words.REFLECTED.get(name, name))
        if method is not None:
            given = [s.one(entity), s.one(entity)]
            load_summaries.apply(run, method, given, index, [at, at])
        elif by_fields and model_fields.is_dataclass(entity.cls):
            reading = load_reads.Reading(index, f"{entity.cls.name}.{name}", at)
            for field in model_fields.fields(entity.cls, words.COMPARES):
                _read_field(run, entity, field, reading)


def hashed(run: LoadEvaluation, value: s.Value, index: int, at: int) -> None:
    """Instances become keys: those of the same hash are compared."""
    for entity in s.ordered([a for a in value if isinstance(a, s.Entity)]):
        for name in words.HASHED:
            method = entity.cls.find(name)
            if method is not None:
                given = [s.one(entity)] * len(method.signature.parameters)
                load_summaries.apply(run, method, given, index, [at] * len(given))


def taken_apart(run: LoadEvaluation, value: s.Value, index: int, at: int, name: str) -> None:
    """``dataclasses.asdict(user)``: all fields, and those of what they hold."""
    for entity in s.entities(value):
        if model_fields.is_dataclass(entity.cls):
            _read_fields(run, entity, entity.cls, load_reads.Reading(index, name, at), "")


def gone_through(run: LoadEvaluation, value: s.Value, index: int) -> list[s.Value]:
    """What the ``__iter__`` of instances gives."""
    return [
        load_summaries.apply(run, method, [s.one(atom)], index, [index])
        for atom in s.ordered([a for a in value if isinstance(a, s.Entity)])
        if (method := atom.cls.find("__iter__")) is not None
    ]


def _read_fields(
    run: LoadEvaluation, entity: s.Entity, cls: Class, reading: load_reads.Reading, flag: str
) -> None:
    """All fields that a class gives an instance, but those without the flag, and what these hold
    in their turn."""
    for name in model_fields.fields(cls, flag):
        child = _read_field(run, entity, name, reading)
        below = (*reading.below, name)
        if child is None or len(below) > _NESTING:
            continue
        if flag == words.SHOWN:
            _shown(run, child, "__repr__", reading._replace(below=below))
        elif model_fields.is_dataclass(child.cls):
            _read_fields(run, child, child.cls, reading._replace(below=below), flag)


def _read_field(
    run: LoadEvaluation, entity: s.Entity, name: str, reading: load_reads.Reading
) -> s.Entity | None:
    """The instance that a field holds, if it is another one."""
    models = run.loading.models
    if models.comes_later(entity.cls, name):
        load_reads.column_of_subclass(run, entity, name, reading)
        return None
    proxy = models.proxy(entity.cls, name)
    if proxy is not None:
        held = _read_field(run, entity, proxy[0], reading)
        below = reading._replace(below=(*reading.below, proxy[0]))
        return _read_field(run, held, proxy[1], below) if held is not None else None
    for cls in models.having(entity.cls, name)[:1]:
        entity = s.Entity(entity.source, entity.path, cls)
    link = models.links(entity.cls).get(name)
    if link is None:
        load_reads.column(run, entity, name, reading)
        return None
    if link.lazy in words.QUERYING or load_reads.inverse(entity, link) is not None:
        return None
    load_reads.demand(run, entity, name, reading)
    if link.target is None:
        return None
    return s.Entity(entity.source, (*entity.path, name), link.target)
