"""One file as text and tree: pieces of it as written, and where its calls stand."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property

Block = list[ast.stmt]
Definition = ast.FunctionDef | ast.AsyncFunctionDef


Edit = tuple[int, int, str]  # where it begins and ends in the text, and what comes there


class Refused(Exception):
    """There is no equal form; the text says why, and goes into a finding."""


class Source:
    """A file's text, with ``\\n`` at the ends of lines."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self.tree = ast.parse(text)

    def segment(self, node: ast.AST) -> str:
        """A node as written; what spans several lines comes to stand on one."""
        found = ast.get_source_segment(self.text, node) if hasattr(node, "lineno") else None
        if found is None:
            return unparsed(node)  # it was put together from others
        if "\n" not in found:
            return found
        if "#" in found or '"""' in found or "'''" in found:
            return unparsed(node)
        return one_line(found)

    @cached_property
    def _starts(self) -> list[int]:
        """Where the lines begin."""
        found = [0]
        for line in self.lines:
            found.append(found[-1] + len(line) + 1)
        return found

    def offset(self, line: int, column: int) -> int:
        """A place of ``ast`` (lines from 1, columns in bytes) in the text."""
        text = self.lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode())
        return self._starts[line - 1] + column

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where a node begins and ends in the text."""
        end = self.offset(node.end_lineno or 0, node.end_col_offset or 0)
        return self.offset(node.lineno, node.col_offset), end

    def lines_span(self, first: int, last: int) -> tuple[int, int]:
        """Where lines begin and end, from ``first`` (from 0) up to ``last``, the break behind them
        included."""
        return self._starts[first], min(self._starts[last], len(self.text))

    def link_span(self, call: ast.Call) -> tuple[int, int]:
        """``.method(...)`` without what it is called on."""
        assert isinstance(call.func, ast.Attribute)
        start = self.span(call.func.value)[1]
        while start < len(self.text) and self.text[start] != ".":
            start += 1  # brackets around the receiver
        return start, self.span(call)[1]

    def edited(self, node: ast.expr | ast.stmt, edits: Iterable[Edit]) -> str:
        """A node with edits in it carried out."""
        start, end = self.span(node)
        return apply(self.text, (e for e in edits if start <= e[0] and e[1] <= end), start, end)

    @cached_property
    def definitions(self) -> dict[tuple[int, str], Definition]:
        """All functions by line and name."""
        return {
            (node.lineno, node.name): node
            for node in ast.walk(self.tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }

    def first_line(self, statement: ast.stmt) -> int:
        """The line (from 0) on which a statement begins, its decorators and the comments right
        above it included."""
        line = min(
            (node.lineno for node in getattr(statement, "decorator_list", ())),
            default=statement.lineno,
        )
        line -= 1
        indent = " " * statement.col_offset
        while line and self.lines[line - 1].startswith(f"{indent}#"):
            line -= 1
        return line

    def comments(self, statement: ast.stmt) -> list[str]:
        """The comments above a statement, at the margin."""
        lines = self.lines[self.first_line(statement) : statement.lineno - 1]
        return dedented(lines, statement.col_offset)

    def stands_alone(self, statement: ast.stmt) -> bool:
        """Is nothing but a comment on a statement's lines?"""
        before = self.lines[statement.lineno - 1].encode()[: statement.col_offset]
        behind = self.lines[(statement.end_lineno or 0) - 1].encode()[statement.end_col_offset :]
        rest = behind.decode().strip()
        return not before.strip() and (not rest or rest.startswith("#"))

    def text_of(self, statement: ast.stmt) -> list[str]:
        """The lines of a statement and the comments above it, moved to the margin."""
        lines = self.lines[self.first_line(statement) : statement.end_lineno]
        return dedented(lines, statement.col_offset)


def apply(text: str, edits: Iterable[Edit], start: int = 0, end: int | None = None) -> str:
    """A text, or a part of it, with edits carried out."""
    out, last = [], start
    for first, behind, new in sorted(edits):
        out += [text[last:first], new]
        last = behind
    return "".join([*out, text[last:end]])


def one_line(text: str) -> str:
    """What stands in brackets over several lines, on one."""
    joined = " ".join(line.strip() for line in text.split("\n"))
    for opening in "([{":
        joined = joined.replace(f"{opening} ", opening)
    for closing in ")]}":
        joined = joined.replace(f", {closing}", closing).replace(f" {closing}", closing)
    return joined.replace(" .", ".")


def unparsed(node: ast.AST) -> str:
    """A node as Python would write it, but with double quotes where that is the same."""
    text = ast.unparse(node)
    return text if '"' in text or "\\" in text else text.replace("'", '"')


def dedented(lines: Iterable[str], columns: int) -> list[str]:
    """Lines moved to the left, as far as they are empty there."""
    indent = " " * columns
    return [line.removeprefix(indent) for line in lines]


def indented(lines: Iterable[str], columns: int) -> list[str]:
    """Lines moved to the right."""
    return [" " * columns + line if line else line for line in lines]


def call_position(node: ast.Call) -> tuple[int, int]:
    """Where the facts say that a call stands: at the name of what is called."""
    function = node.func
    if isinstance(function, ast.Attribute):
        end = function.end_col_offset or 0
        return function.end_lineno or 0, max(end - len(function.attr), 0) + 1
    return node.lineno, node.col_offset + 1


def blocks_of(statement: ast.stmt) -> Iterator[Block]:
    """The blocks of a compound statement that belong to the same function."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if isinstance(block, list) and block:
            yield block
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield part.body


def all_blocks(block: Block) -> Iterator[Block]:
    """A block and all below it."""
    yield block
    for statement in block:
        for inner in blocks_of(statement):
            yield from all_blocks(inner)


def expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """A statement's own expressions."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.withitem):
            child = child.context_expr
        if isinstance(child, ast.expr):
            for node in ast.walk(child):
                if isinstance(node, ast.expr):
                    yield node


def names(node: ast.AST | Iterable[ast.AST]) -> set[str]:
    """The names that occur in a node, or in several."""
    nodes = [node] if isinstance(node, ast.AST) else node
    return {each.id for top in nodes for each in ast.walk(top) if isinstance(each, ast.Name)}


def assigned(node: ast.AST) -> set[str]:
    """The names that are assigned in a node."""
    return {
        each.id for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, (ast.Store, ast.Del))
    }  # fmt: skip


def single_target(statement: ast.stmt) -> tuple[str, ast.expr] | None:
    """The name and the value of ``name = value``."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    else:
        return None
    return (target.id, value) if isinstance(target, ast.Name) else None


def method_call(node: ast.AST) -> tuple[ast.expr, str, ast.Call] | None:
    """The receiver and the method of ``receiver.method(...)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.value, node.func.attr, node
    return None


def called(node: ast.AST, name: str) -> ast.Call | None:
    """The node, where it is a call of a builtin."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
        return node
    return None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def only_argument(call: ast.Call) -> ast.expr | None:
    """The one positional argument of a call that has no other."""
    if len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Starred):
        return call.args[0]
    return None


def wrapped(text: str, limit: int = 88) -> list[str]:
    """A statement on one line, or in brackets over several where it is too long."""
    if len(text) <= limit:
        return [text]
    head, inner, tail = _outermost(text)
    if not inner:
        return [text]
    together = ", ".join(inner)
    if len(together) <= limit - 4:
        return [head, *indented([together], 4), tail]
    if len(inner) == 1:
        return [head, *indented(wrapped(together, limit - 4), 4), tail]
    out = [head]
    for part in inner:
        out += indented(wrapped(f"{part},", limit - 4), 4)
    return [*out, tail]


def _outermost(text: str) -> tuple[str, list[str], str]:
    """The last bracket that stands in no other, and what is in it, parted at its commas."""
    depth, start, last = 0, -1, 0
    parts: list[str] = []
    found: tuple[str, list[str], str] = (text, [], "")
    quote = ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "([{":
            depth += 1
            if depth == 1:
                start, last, parts = place, place + 1, []
        elif letter in ")]}":
            depth -= 1
            if depth == 0 and text[last:place].strip():
                parts.append(text[last:place].strip())
                if sum(map(len, parts)) > len("".join(found[1])):
                    found = (text[: start + 1], parts, text[place:])
        elif letter == "," and depth == 1:
            parts.append(text[last:place].strip())
            last = place + 1
    return found
