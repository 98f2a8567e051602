"""Operations, as far as load states go: what their values hold, and what they make instances do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_again, load_closures, load_reads, load_specials
from asyncify.analysis import load_values as s
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.special import ITEM, OPERATORS

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation


def on_subscript(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    base, key = run.values[operation[5]], run.operations[operation[6]]
    if not base:
        return _item(run, operation[5], index)
    if any(isinstance(atom, s.Entity) for atom in base):
        return load_specials.called(run, ITEM, index, [operation[5], operation[6]])
    for atom in base:
        if isinstance(atom, s.Statement) and atom.dynamic is not None:
            load_reads.executed(run, atom, s.EACH, index)
    if key[0] == f.SLICE:
        return s.many(run.elements(base))
    named = run.by_key(base, operation[6])
    if named is not None:
        return named
    if key[0] == f.CONSTANT and isinstance(key[5], int):
        rows = [a for a in base if isinstance(a, s.Row) and 0 <= key[5] < len(a.items)]
        if rows:
            return s.join(row.items[key[5]] for row in rows)
    return run.elements(base)


def _item(run: LoadEvaluation, base: int, index: int) -> s.Value:
    """``users[1]``, of an object with a ``__getitem__``."""
    if not run.body.hot[base] and not run.body.hot[index]:
        return s.NOTHING
    value, known = run.special(base, "__getitem__"), run.body.by_type(index)
    return s.restricted(value, known, False) if value else known


def on_await(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    return run.values[operation[5]]


def on_sequence(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    values = run.values
    parts = [values[i] if i >= 0 else run.turns(run.iterable(~i)) for i in operation[6]]
    if not any(parts):
        return s.NOTHING
    if operation[5] == "tuple" and all(i >= 0 for i in operation[6]):
        return s.one(s.Row(tuple(parts)))
    return s.many(s.join(parts))


def on_dict(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    parts = tuple(run.values[i] for i in operation[6])
    keys = [run.operations[key] if key >= 0 else () for key in operation[5]]
    names = tuple(key[5] for key in keys if key and key[0] == f.CONSTANT)
    if any(parts) and len(names) == len(parts) and all(isinstance(n, str) for n in names):
        return s.one(s.Row(parts, names))
    instances = s.join(run.key(key) for key in operation[5])
    return s.many(s.join(parts), keyed=True, keys=instances)


def on_boolean(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    parts = operation[5]
    if operation[6] == words.AND:  # the others come of it where they are false: no instance is
        last: int = parts[-1]
        return run.values[last]
    return s.join([run.values[i] for i in parts])


def on_conditional(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    return s.join((run.values[operation[6]], run.values[operation[7]]))


def on_format(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    for part in operation[5]:
        if run.values[part]:
            load_specials.formatted(run, run.values[part], index, part)
    return s.NOTHING


def on_operator(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    """What compares instances, or makes text of them, calls their methods."""
    if operation[5] in OPERATORS:
        found = load_specials.called(run, f"__{OPERATORS[operation[5]]}__", index, [*operation[6]])
        if found:
            return found
    if operation[5] == words.MODULO:
        for part in operation[6][1:]:
            load_specials.formatted(run, s.flat(run.values[part]), index, part)
        return s.NOTHING
    if operation[5] in words.CONTAINING:
        part = operation[6][-1]
        load_specials.measured(run, run.values[part], index, part, *words.ASKED_BY_IN)
    method = words.COMPARED.get(operation[5])
    if method is not None:
        held = [part for part in operation[6] if run.values[part]]
        for part in held:
            load_specials.compared(run, run.values[part], index, part, method, len(held) > 1)
    elif operation[5] == words.ADDED:  # [*one] + two
        return s.join([run.values[part] for part in operation[6]])
    return s.NOTHING


def on_yield(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    load_again.before_tests(run, index)
    if operation[5] >= 0:
        run.returned(s.many(run.values[operation[5]]))
    return s.NOTHING


def on_yield_from(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    run.returned(s.many(run.turns(run.iterable(operation[5]))))
    return s.NOTHING


def on_walrus(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    run.environment[operation[5]] = run.values[operation[6]]
    return run.values[operation[6]]


# Names, attributes, calls and comprehensions are told apart where operations are run.
OPERATIONS: dict[int, Callable[[LoadEvaluation, f.Operation, int], s.Value]] = {
    f.SUBSCRIPT: on_subscript,
    f.AWAIT: on_await,
    f.SEQUENCE: on_sequence,
    f.DICT: on_dict,
    f.BOOLEAN: on_boolean,
    f.CONDITIONAL: on_conditional,
    f.FORMAT: on_format,
    f.OPERATOR: on_operator,
    f.YIELD: on_yield,
    f.YIELD_FROM: on_yield_from,
    f.WALRUS: on_walrus,
    f.LAMBDA: load_closures.on_lambda,
}
