"""Consumers: builtins that run what they are given before they return, and so can be written in a
form that awaits it.

``any``, ``all`` and ``next`` stop early, and have a form on an asynchronous generator; sort keys
are computed before anything is compared; ``map`` and ``filter`` are comprehensions in other words.
Whoever else runs a lambda or a generator expression doesn't await it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import dotted
from asyncify.analysis.statements import blocks_of, statements_of
from asyncify.vocabulary.tasks import STREAMING

# Consumers of a generator expression that exhaust it: for them it can become a list.
EXHAUSTING = {
    "sum", "sorted", "list", "tuple", "set", "frozenset", "dict", "max", "min",
    "Counter", "OrderedDict", "deque", "reduce", "product", "permutations", "combinations",
}  # fmt: skip
# Builtins that hand on what they read, one by one; whoever reads them says how far.
_HANDING_ON = {
    "enumerate", "zip", "map", "filter", "chain", "accumulate", "batched", "compress", "dropwhile",
    "filterfalse", "groupby", "pairwise", "starmap", "zip_longest",
}  # fmt: skip
# What a loop may call while something else is read ahead: nothing that the database would see.
_QUIET = {
    "print", "str", "repr", "len", "int", "float", "round", "min", "max", "sum", "sorted", "append",
    "isinstance", "extend", "add", "update", "insert", "write", "info", "debug", "warning", "error",
    "join", "format", "upper", "lower", "strip", "title", "echo", "startswith", "endswith", "split",
    "list", "tuple", "set", "dict",
}  # fmt: skip
_EXHAUSTING_METHODS = {
    "join", "extend", "update", "add_all", "union", "writelines", "writerows", "fromkeys",
    "intersection", "difference", "issubset", "issuperset",
}  # fmt: skip
_SHORT = {"any", "all"}
# What has a form that hands on, one by one, what it reads by `async for`, and the place of that
# among its arguments; -1 for any.
TAKING = {
    "islice": 0, "itertools.islice": 0, "takewhile": 1, "itertools.takewhile": 1,
    "enumerate": 0, "zip": -1, "chain": -1, "itertools.chain": -1,
    "chain.from_iterable": 0, "itertools.chain.from_iterable": 0,
}  # fmt: skip
# What goes through an async generator as it does through a plain one.
_TAKES_EITHER = {name.rpartition(".")[2] for name in STREAMING}
# Methods by which a generator is driven by hand, and those of an async one.
DRIVING = {"send": "asend", "throw": "athrow", "close": "aclose", "__next__": "__anext__"}
FROM_ITERABLE = "from_iterable"  # `chain`, of what is unpacked
_WHOLE = {"for", "comprehension", "list", "any", "all", "delegate", "listed"}
# What makes a function of another, that can be written out for one item.
_MADE_BY = {
    "partial", "functools.partial", "methodcaller", "operator.methodcaller", "attrgetter",
    "operator.attrgetter",
}  # fmt: skip
_KEYED = {"sorted": {"key", "reverse"}, "max": {"key", "default"}, "min": {"key", "default"}}
_PLAIN = (f.NAME, f.CONSTANT)  # evaluated later, they give the same


class Applied(NamedTuple):
    """A call that applies a function to items, and the operation of that function."""

    form: str  # "sorted", "max", "min", "sort", "map" or "filter"
    function: int


def stops_early(layout: Layout, call: int) -> bool:
    """Is it ``any(...)``, ``all(...)``, ``next(...)`` or ``next(..., default)`` over a generator
    expression, or over ``map`` or ``filter``?"""
    name, arguments = _builtin(layout, call), layout.operations[call][6]
    most = 2 if name == "next" else 1 if name in _SHORT else 0
    if not 0 < len(arguments) <= most or layout.operations[call][7]:
        return False
    return all(argument >= 0 for argument in arguments)


def takes_first(layout: Layout, call: int) -> bool:
    """Is it ``next(...)`` without a default?"""
    operation = layout.operations[call]
    is_next = operation[0] == f.CALL and _builtin(layout, call) == "next"
    return is_next and len(operation[6]) == 1


def exhausts(layout: Layout, call: int) -> bool:
    """Does a call read all of the generator expressions that it is given?"""
    callee = layout.operations[layout.operations[call][5]]
    method = callee[6] if callee[0] == f.ATTRIBUTE else ""
    return _builtin(layout, call) in EXHAUSTING or method in _EXHAUSTING_METHODS


def takes_either(layout: Layout, call: int) -> bool:
    """Can a call be given an async generator as well: ``StreamingResponse(lines)``?"""
    called = dotted(layout.operations, layout.operations[call][5])
    return called.rpartition(".")[2] in _TAKES_EITHER


def applied(layout: Layout, call: int) -> Applied | None:
    """What a call applies to the items of what else it is given, if it has a form that awaits."""
    operation = layout.operations[call]
    is_keyed = any(name == "key" for name, _ in operation[7])
    if not is_keyed and _builtin(layout, call) not in ("map", "filter"):
        return None  # as nearly all calls
    if any(argument < 0 for argument in operation[6]):
        return None
    return _keyed(layout, call) or _mapped(layout, call)


def is_lambda(layout: Layout, call: int, number: int) -> bool:
    """Is what a call applies the lambda with that number, as it stands there?"""
    found = applied(layout, call)
    if found is None:
        return False
    operation = layout.operations[found.function]
    return bool(operation[0] == f.LAMBDA and operation[5] == number)


def unread(layout: Layout, index: int, keeps_end: bool = False) -> str:
    """Why what is awaited at an operation would make a generator expression around it unreadable,
    or ''; with ``keeps_end`` also where the end would raise something else."""
    for comprehension in layout.enclosing(index):
        if comprehension[5] != "GeneratorExp":
            continue
        call = layout.parent(layout.operations.index(comprehension))
        if keeps_end and call >= 0 and takes_first(layout, call):
            return "`next` raises StopIteration at its end."
        reason = unreadable(layout, comprehension)
        if reason:
            return reason
    return ""


def unreadable(layout: Layout, generator: f.Operation) -> str:
    """Why nothing can be awaited in a generator expression, or ''."""
    index = layout.operations.index(generator)
    parent = layout.parent(index)
    consumer = layout.operations[parent] if parent >= 0 else ()
    if is_unpacked(layout, index) or layout.is_unpacked(index) or layout.loop(index) is not None:
        return ""
    if is_delegated_to(layout, index):
        return ""
    if not consumer or consumer[0] != f.CALL or consumer[5] == index:
        return "It stands in a generator expression, which is consumed elsewhere."
    if stops_early(layout, parent) or exhausts(layout, parent) or hands_all_on(layout, parent):
        return ""
    if takes_either(layout, parent):
        return ""
    callee = layout.operations[consumer[5]]
    shown = callee[6] if callee[0] == f.ATTRIBUTE else dotted(layout.operations, consumer[5])
    return f"It stands in a generator expression that `{shown}` consumes without awaiting."


def is_delegated_to(layout: Layout, index: int) -> bool:
    """Is it the ``x`` of ``yield from x``, on a line of its own?"""
    parent = layout.parent(index)
    return parent >= 0 and layout.operations[parent][0] == f.YIELD_FROM and (
        layout.is_statement(parent)
    )  # fmt: skip


def is_unpacked(layout: Layout, index: int) -> bool:
    """Is an operation's value unpacked: ``[*x]``, ``f(*x)``?"""
    parent = layout.parent(index)
    operation = layout.operations[parent] if parent >= 0 else ()
    return bool(operation) and operation[0] in (f.SEQUENCE, f.CALL) and ~index in operation[6]


def hands_all_on(layout: Layout, call: int) -> bool:
    """Does a call hand on all of what it reads, and would nobody see that it reads ahead?"""
    if _builtin(layout, call) not in _HANDING_ON:
        return False
    if is_unpacked(layout, call):
        return True
    loop = layout.loop(call)
    if loop is not None:
        return not loop[11] and not leaves(loop[9]) and _is_quiet(layout, *_inside(layout, loop))
    comprehension = layout.comprehension_of(call)
    if comprehension is not None:
        start = layout.operations.index(comprehension) + 1
        inside = layout.subtree(call) | {call}
        if comprehension[5] == "GeneratorExp":
            return False
        return _is_quiet(layout, *(i for i in range(start, comprehension[9]) if i not in inside))
    parent = layout.parent(call)
    if parent < 0 or layout.operations[parent][0] != f.CALL:
        return False
    return exhausts(layout, parent) or hands_all_on(layout, parent)


def _inside(layout: Layout, loop: f.Statement) -> Iterator[int]:
    """The operations in the body of a loop."""
    for statement in statements_of(loop[9]):
        yield from range(statement[4], statement[5])


def _is_quiet(layout: Layout, *operations: int) -> bool:
    """Does nothing among some operations call what may do more than compute and show?"""
    for index in operations:
        operation = layout.operations[index]
        if not operation or operation[0] in (f.YIELD, f.YIELD_FROM, f.AWAIT):
            return False
        if operation[0] == f.CALL:
            callee = layout.operations[operation[5]]
            name = (
                callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
            )
            if name not in _QUIET:
                return False
    return True


def leaves(block: tuple[f.Statement, ...], outermost: bool = True) -> bool:
    """Can the body of a loop leave it early?"""
    for statement in block:
        if statement[0] == f.RETURN:
            return True
        if statement[0] == f.FLOW and statement[7] == "break" and outermost:
            return True
        inner = outermost and statement[0] not in (f.FOR, f.WHILE)
        if any(leaves(part, inner) for part in blocks_of(statement)):
            return True
    return False


def iteration(layout: Layout, index: int) -> str:
    """How what iterates over an operation's value can iterate over an async generator: ``for``,
    ``comprehension``, ``next``, ``next iter``, ``iter``, ``list``, ``any``, ``all``, ``delegate``
    (``yield from``), ``driven`` (``send``), or ``listed``, where a list can take its place;
    ``stepped`` for the ``iter`` of ``next iter``; '' where there is no form."""
    if layout.loop(index) is not None:
        return "for"
    comprehension = layout.comprehension_of(index)
    if comprehension is not None:
        readable = comprehension[5] != "GeneratorExp" or not unreadable(layout, comprehension)
        return "comprehension" if readable else ""
    parent = layout.parent(index)
    if parent < 0:
        return "listed" if layout.is_unpacked(index) else ""
    operation = layout.operations[parent]
    if operation[0] == f.YIELD_FROM:
        return "delegate" if is_delegated_to(layout, index) else ""
    if operation[0] == f.ATTRIBUTE:
        return "driven" if operation[6] in DRIVING and driving_call(layout, parent) >= 0 else ""
    if operation[0] == f.SEQUENCE or (operation[0] == f.CALL and ~index in operation[6]):
        return "listed" if ~index in operation[6] else ""
    if operation[0] != f.CALL or operation[5] == index:
        return ""
    return _argument(layout, parent, index)


def driving_call(layout: Layout, attribute: int) -> int:
    """The call of ``names.send``, or -1."""
    call = layout.parent(attribute)
    operation = layout.operations[call] if call >= 0 else ()
    return call if operation and operation[0] == f.CALL and operation[5] == attribute else -1


def takes_some(layout: Layout, index: int) -> str:
    """``islice``, ``enumerate`` or another that hands on what it reads, if that is given an
    operation's value to read; or ''. Where a list does as well, none is needed."""
    call = layout.parent(index)
    operation = layout.operations[call] if call >= 0 else ()
    if not operation or operation[0] != f.CALL or min(operation[6], default=-1) < 0:
        return ""
    name = dotted(layout.operations, operation[5])
    place = TAKING.get(name)
    keywords = {keyword for keyword, _ in operation[7]}
    if place is None or keywords - ({"start"} if name == "enumerate" else set()):
        return ""
    is_read = index in (operation[6] if place < 0 else operation[6][place : place + 1])
    is_own = name.partition(".")[0] in layout.function.facts.bound
    is_listed = is_read and hands_all_on(layout, call)
    taking = name.removesuffix(f".{FROM_ITERABLE}").rpartition(".")[2]
    return taking if is_read and not is_own and not is_listed else ""


def _argument(layout: Layout, call: int, index: int) -> str:
    """The same for what is given to a call."""
    name = _builtin(layout, call)
    if name == "next" and layout.operations[index][0] == f.CALL and takes_step(layout, index):
        return "stepped" if _builtin(layout, index) == "iter" else name
    if name in ("next", "list"):
        return name
    if name == "iter":
        alone = len(layout.operations[call][6]) == 1
        return "next iter" if takes_step(layout, call) else "iter" if alone else ""
    if name in _SHORT and stops_early(layout, call):
        return name
    if takes_some(layout, index):
        form = iteration(layout, call)
        return form if form in _WHOLE else ""
    return "listed" if exhausts(layout, call) or hands_all_on(layout, call) else ""


def takes_step(layout: Layout, call: int) -> bool:
    """Is it the ``iter(items)`` of ``next(iter(items))``?"""
    parent = layout.parent(call)
    operation = layout.operations[parent] if parent >= 0 else ()
    return (
        bool(operation) and operation[0] == f.CALL and operation[6][:1] == (call,)
        and _builtin(layout, parent) == "next" and len(layout.operations[call][6]) == 1
    )  # fmt: skip


def _builtin(layout: Layout, call: int) -> str:
    """The name of the builtin, or the function of itertools, that is called, or ''."""
    callee = layout.operations[layout.operations[call][5]]
    name = callee[5] if callee[0] == f.NAME else ""
    if callee[0] == f.ATTRIBUTE and layout.operations[callee[5]][5:] == ("itertools",):
        name = callee[6]
    return "" if name in layout.function.facts.bound else name


def _keyed(layout: Layout, call: int) -> Applied | None:
    operation = layout.operations[call]
    callee = layout.operations[operation[5]]
    keywords = dict(operation[7])
    form, known = _builtin(layout, call), _KEYED.get(_builtin(layout, call), set())
    if callee[0] == f.ATTRIBUTE and callee[6] == "sort" and not operation[6]:
        if not layout.is_statement(call) or not dotted(layout.operations, callee[5]):
            return None
        form, known = "sort", {"key", "reverse"}
    elif not operation[6] or (form == "sorted" and len(operation[6]) > 1):
        return None
    if "key" not in keywords or not keywords.keys() <= known:
        return None
    rest = (layout.operations[i] for name, i in operation[7] if name != "key")
    if not all(each[0] in _PLAIN for each in rest):
        return None
    return Applied(form, keywords["key"]) if _inlines(layout, keywords["key"]) else None


def _mapped(layout: Layout, call: int) -> Applied | None:
    operation, form = layout.operations[call], _builtin(layout, call)
    if form not in ("map", "filter") or len(operation[6]) != 2 or operation[7]:
        return None
    if not _inlines(layout, operation[6][0]) or not _is_read(layout, call):
        return None
    return Applied(form, operation[6][0])


def _is_read(layout: Layout, call: int) -> bool:
    """Is a lazy iterator read where it is made?"""
    parent = layout.parent(call)
    if parent < 0:
        return any(s[0] == f.FOR and s[8] == call for s in layout.statements)
    if is_unpacked(layout, call):
        return True
    comprehension = layout.comprehension_of(call)
    if comprehension is not None:
        return comprehension[5] != "GeneratorExp" or not unreadable(layout, comprehension)
    operation = layout.operations[parent]
    if operation[0] != f.CALL or operation[5] == call:
        return False
    return any(reads(layout, parent) for reads in (stops_early, exhausts, hands_all_on))


def is_lazy(layout: Layout, index: int) -> bool:
    """Is it an iterator that reads what it goes through later: ``map(f, items)``?"""
    operation = layout.operations[index]
    if operation[0] != f.CALL:
        return bool(operation[0] == f.COMPREHENSION and operation[5] == "GeneratorExp")
    name = dotted(layout.operations, operation[5])
    return name in _HANDING_ON or name == "iter" or name.partition(".")[0] == "itertools" or (
        name.partition(".")[0] in ("chain", *TAKING)
    )  # fmt: skip


def is_made(layout: Layout, index: int) -> bool:
    """Is it ``partial(f, a, b=c)``, ``methodcaller("f", a)`` or ``attrgetter("a")``, of what gives
    the same however often it is evaluated?"""
    operation = layout.operations[index]
    maker = dotted(layout.operations, operation[5]) if operation[0] == f.CALL else ""
    if maker not in _MADE_BY or not operation[6]:
        return False
    if not maker.endswith("partial"):
        first = layout.operations[operation[6][0]] if operation[6][0] >= 0 else ()
        named = first and first[0] == f.CONSTANT and isinstance(first[5], str)
        if not named or (maker.endswith("attrgetter") and len(operation[6]) > 1):
            return False
    given = (*operation[6], *(i for _, i in operation[7]))
    return all(name for name, _ in operation[7]) and all(
        i >= 0 and (layout.operations[i][0] == f.CONSTANT or bool(dotted(layout.operations, i)))
        for i in given
    )  # fmt: skip


def _inlines(layout: Layout, index: int) -> bool:
    """Can a function be called where it stands: by its name, or a lambda by its body?"""
    operation = layout.operations[index]
    if operation[0] == f.CALL:
        return is_made(layout, index)
    if operation[0] != f.LAMBDA:
        return bool(dotted(layout.operations, index))
    function = layout.function.module.functions[operation[5]]
    parameters = function.signature.parameters
    return (
        len(parameters) == 1 and parameters[0].kind in ("p", "a") and parameters[0].default < 0
        and not any(each and each[0] == f.WALRUS for each in function.body.operations)
    )  # fmt: skip
