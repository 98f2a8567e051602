"""Generated functions with nested conditionals, and what they do when they are run.

Every condition and every statement writes its number into a log, so that two versions of a
function can be compared by what they evaluate, in which order, and how they end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from hypothesis import strategies as st

# What conditions evaluate to. The last one is neither less than, greater than nor equal to
# anything, as a NaN is.
VALUES = (None, 0, 1, "x", float("nan"))
TESTS = (
    "c({})", "not c({})", "c({}) and c({})", "c({}) or not c({})", "c({}) < c({})",
    "c({}) is None", "c({}) is not None", "c({}) in (0, None)", "c({}) not in [1]",
    "c({}) == 1", "'x' != c({})", "c({}) == c({})", "(x := c({}))", "c({}) if c({}) else c({})",
    "(c({})\n{indent}        or c({}))", "not (c({}) and c({}))", "c({}) <= c({}) < c({})",
)  # fmt: skip
ENDS = ("return", "return None", "return {}", "return v({})", "raise Failure(v({}))", "return []")


class Failure(Exception):
    """What generated code raises."""


Node = tuple[Any, ...]
_plain = st.tuples(st.just("plain"), st.sampled_from(("t({})", "x = v({})")), st.booleans())
_end = st.tuples(st.just("plain"), st.sampled_from(ENDS), st.booleans())
# The lines of a text stay where they are, whatever becomes of the statement around them.
_text = st.tuples(st.just("plain"), st.just("t(({}, '''a\n        b\n'''))"), st.just(False))
_flow = st.tuples(st.just("plain"), st.sampled_from(("break", "continue")), st.just(False))


def _block(depth: int) -> st.SearchStrategy[Any]:
    """Statements with blocks inside, conditionals more often than others."""
    if depth == 0:
        return st.lists(st.one_of(_plain, _end), min_size=1, max_size=2)
    inner, test = _block(depth - 1), st.sampled_from(TESTS)
    orelse = st.one_of(st.none(), inner)
    single = st.tuples(st.just("if"), test, inner, st.just([]), orelse, st.booleans())
    chain = st.tuples(
        st.just("if"), test, inner, st.lists(st.tuples(test, inner), min_size=1, max_size=1),
        orelse, st.booleans(),
    )  # fmt: skip
    manager = st.tuples(st.just("with"), inner)
    attempt = st.tuples(st.just("try"), inner, orelse, orelse, orelse)
    loop = st.tuples(st.sampled_from(("for", "while")), inner, orelse)
    cases = st.tuples(st.just("match"), inner, orelse)
    function = st.tuples(st.just("def"), inner)
    others = st.one_of(chain, manager, attempt, loop, cases, function, _plain, _text)
    first = st.lists(st.one_of(_plain, single, others), max_size=1)
    last = st.lists(st.one_of(_end, _end, _plain, _flow), max_size=1)
    middle = st.one_of(single, single, single, others)
    return st.builds(lambda *parts: [*parts[0], parts[1], *parts[2]], first, middle, last)


functions = st.tuples(_block(3), st.booleans())


class Source:
    """The text of generated functions."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.numbers = count(1)
        self.in_loop = False

    def function(self, name: str, body: list[Node], is_generator: bool) -> None:
        self.lines += [f"def {name}(c, t, v, m, r):"]
        if is_generator:
            self.lines.append("    yield v(0)")
        self.block(body, 1, is_generator)
        self.lines += ["", ""]

    def numbered(self, text: str, depth: int) -> str:
        numbers = [next(self.numbers) for _ in range(text.count("{}"))]
        return text.format(*numbers, indent="    " * depth)

    def block(self, body: list[Node], depth: int, is_generator: bool) -> None:
        for node in body:
            getattr(self, f"on_{node[0]}")(node, depth, is_generator)

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def on_plain(self, node: Node, depth: int, is_generator: bool) -> None:
        text = node[1]
        if text in ("break", "continue") and not self.in_loop:
            text = "t({})"
        text = self.numbered(text, depth)
        if node[2]:
            number = next(self.numbers)
            self.line(depth, f"# over {number}")
            text = f"{text}  # beside {number}"
        self.line(depth, text)

    def on_if(self, node: Node, depth: int, is_generator: bool) -> None:
        _, test, body, others, orelse, commented = node
        comment = f"  # then {next(self.numbers)}" if commented else ""
        self.line(depth, f"if {self.numbered(test, depth)}:{comment}")
        self.block(body, depth + 1, is_generator)
        for other, branch in others:
            self.line(depth, f"elif {self.numbered(other, depth)}:")
            self.block(branch, depth + 1, is_generator)
        if orelse is not None:
            if commented:
                self.line(depth, f"# else {next(self.numbers)}")
            self.line(depth, "else:")
            self.block(orelse, depth + 1, is_generator)
            if commented:
                self.line(depth + 1, f"# end {next(self.numbers)}")

    def on_with(self, node: Node, depth: int, is_generator: bool) -> None:
        self.line(depth, self.numbered("with m({}):", depth))
        self.block(node[1], depth + 1, is_generator)

    def on_try(self, node: Node, depth: int, is_generator: bool) -> None:
        _, body, handler, orelse, final = node
        self.line(depth, "try:")
        self.block(body, depth + 1, is_generator)
        if handler is not None or final is None:
            self.line(depth, "except Failure:")
            self.block(handler or [("plain", "t({})", False)], depth + 1, is_generator)
            if orelse is not None:
                self.line(depth, "else:")
                self.block(orelse, depth + 1, is_generator)
        if final is not None:
            self.line(depth, "finally:")
            outer, self.in_loop = self.in_loop, False
            self.block(final, depth + 1, is_generator)
            self.in_loop = outer

    def on_for(self, node: Node, depth: int, is_generator: bool) -> None:
        self.loop(node, self.numbered("for x in r({}):", depth), depth, is_generator)

    def on_while(self, node: Node, depth: int, is_generator: bool) -> None:
        name = f"w{next(self.numbers)}"
        self.line(depth, f"{name} = 0")
        header = self.numbered(f"while ({name} := {name} + 1) < 4 and c({{}}):", depth)
        self.loop(node, header, depth, is_generator)

    def loop(self, node: Node, header: str, depth: int, is_generator: bool) -> None:
        self.line(depth, header)
        outer, self.in_loop = self.in_loop, True
        self.block(node[1], depth + 1, is_generator)
        self.in_loop = outer
        if node[2] is not None:
            self.line(depth, "else:")
            self.block(node[2], depth + 1, is_generator)

    def on_match(self, node: Node, depth: int, is_generator: bool) -> None:
        self.line(depth, self.numbered("match c({}):", depth))
        for case, body in (("None | 1", node[1]), ("_", node[2])):
            if body is not None:
                self.line(depth + 1, f"case {case}:")
                self.block(body, depth + 2, is_generator)

    def on_def(self, node: Node, depth: int, is_generator: bool) -> None:
        name = f"inner{next(self.numbers)}"
        self.line(depth, f"def {name}():")
        outer, self.in_loop = self.in_loop, False
        self.block(node[1], depth + 1, False)
        self.in_loop = outer
        self.line(depth, f"t({name}())")


def source(drawn: list[tuple[list[Node], bool]]) -> str:
    """A module with the functions ``f0``, ``f1`` and so on."""
    text = Source()
    for number, (body, is_generator) in enumerate(drawn):
        text.function(f"f{number}", body, is_generator)
    return "\n".join(text.lines)


def load(text: str) -> dict[str, Callable[..., Any]]:
    """The functions of a module's text by name."""
    names: dict[str, Any] = {"Failure": Failure}
    exec(compile(text, "generated.py", "exec", dont_inherit=True), names)
    return {name: value for name, value in names.items() if name[0] == "f" and name[1:].isdigit()}


def behaviour(function: Callable[..., Any], choices: tuple[int, ...]) -> tuple[Any, ...]:
    """What a call does: the log, and the value or exception that it ends with. ``choices`` says
    what the conditions give."""
    log: list[object] = []
    given = count()

    def condition(number: int) -> object:
        log.append(("c", number))
        return VALUES[choices[next(given) % len(choices)]]

    @contextmanager
    def manager(number: int) -> Iterator[None]:
        log.append(("enter", number))
        try:
            yield
        finally:
            log.append(("exit", number))

    def value(number: int) -> object:
        log.append(("v", number))
        return number

    try:
        result = function(condition, lambda n: log.append(("t", n)), value, manager, _twice)
        ended: object = ("value", list(result) if hasattr(result, "send") else result)
    except (Failure, TypeError) as error:  # None < 1 is a TypeError, before and after
        ended = (type(error).__name__, str(error))
    return (*log, ended)


def _twice(number: int) -> range:
    return range(2)
