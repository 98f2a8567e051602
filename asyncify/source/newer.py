"""Newer: files in syntax that this Python's ``ast`` refuses, read with LibCST's help.

LibCST knows the syntax of every release. What is newer is put into older words of the same length,
so that every line and column stays: brackets of type parameters go, ``type X = int`` becomes an
assignment to ``type.X``, an f-string that only newer Pythons read becomes a list of its
expressions, ``except A, B`` gets parentheses. The tree of that is then given the nodes that a newer
Python would have made, so that facts don't depend on the Python that reads.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from asyncify import facts as f
from asyncify.source.extract import ExtractError, extract_tree
from asyncify.source.statements import TypeAlias

_LINE_END = re.compile(r"\r\n|\r|\n")
_STRINGS = (cst.FormattedString, *(
    getattr(cst, name) for name in ("TemplatedString",) if hasattr(cst, name)
))  # fmt: skip
_EXPRESSIONS = (cst.FormattedStringExpression, *(
    getattr(cst, name) for name in ("TemplatedStringExpression",) if hasattr(cst, name)
))  # fmt: skip
_OPEN = (cst.Tuple, cst.Yield, cst.Lambda)  # what needs brackets of its own in a list


class UnreadError(Exception):
    """Something that has no older form of the same length."""


class TypeParameter(ast.AST):
    """The expressions of one type parameter, as the nodes of newer Pythons have them."""

    _fields = ("bound", "default_value")

    def __init__(self, bound: ast.expr | None, default_value: ast.expr | None) -> None:
        super().__init__()
        self.bound = bound
        self.default_value = default_value


@dataclass(slots=True)
class _Lowered:
    """What was put into older words: lists in the place of strings, by their beginnings, and the
    type parameters of definitions and aliases, by theirs."""

    strings: dict[tuple[int, int], list[Any]] = field(default_factory=dict)
    parameters: dict[tuple[int, int], list[TypeParameter]] = field(default_factory=dict)
    aliases: set[tuple[int, int]] = field(default_factory=set)


def extract_newer(source: bytes) -> f.ModuleFacts:
    """The facts of a file that ``extract`` refuses.

    Raises ExtractError where LibCST refuses it too, or where there are no older words.
    """
    return extract_tree(newer_tree(source), source)


def newer_tree(source: bytes) -> ast.Module:
    """The tree that a newer Python would make, by LibCST's help.

    Raises ExtractError as ``extract_newer`` does.
    """
    text, found = _lowered(source)
    try:
        restored: ast.Module = _Restoring(found).visit(ast.parse(text))
    except SyntaxError as error:
        raise ExtractError("syntax", str(error)) from error
    return restored


def older_text(source: bytes) -> str:
    """A file in older words: what this Python's compiler has to say of it holds for the file.

    Raises ExtractError as ``extract_newer`` does.
    """
    return _lowered(source)[0]


def _lowered(source: bytes) -> tuple[str, _Lowered]:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        lowering = _Lowering(source.decode(encoding))
        return lowering.text(), lowering.found
    except (cst.ParserSyntaxError, SyntaxError, UnreadError, ValueError, LookupError) as error:
        raise ExtractError("syntax", str(error)) from error
    except (RecursionError, MemoryError) as error:
        raise ExtractError("depth", "the code is nested too deeply to be read") from error


class _Lowering:
    """Puts one text into older words, character by character."""

    def __init__(self, text: str) -> None:
        self.found = _Lowered()
        self.module = cst.parse_module(text)
        wrapper = MetadataWrapper(self.module, unsafe_skip_copy=True)
        self.positions: Any = wrapper.resolve(PositionProvider)
        self.source = text
        self.characters = list(text)
        self.starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def text(self) -> str:
        self._visit(self.module, False)
        return "".join(self.characters).removeprefix("\ufeff")

    def _visit(self, node: Any, inside: bool) -> None:
        if isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.TypeAlias)):
            self._parameters(node)
        if isinstance(node, cst.TypeAlias):
            self._alias(node)
        elif isinstance(node, (cst.ConcatenatedString, *_STRINGS)) and not inside:
            inside = self._string(node)
        elif isinstance(node, cst.ExceptHandler):
            self._types(node)
        elif isinstance(node, cst.ExceptStarHandler):
            self._types(node)
            if sys.version_info < (3, 11):
                self._blank(*self._star(node))
        below = inside and not isinstance(node, _EXPRESSIONS)
        for child in node.children:
            self._visit(child, below)

    # -- places

    def _offset(self, place: Any) -> int:
        return int(self.starts[place.line - 1] + place.column)

    def _span(self, node: Any) -> tuple[int, int]:
        where = self.positions[node]
        return self._offset(where.start), self._offset(where.end)

    def _key(self, offset: int) -> tuple[int, int]:
        """The line and the column in bytes, as ``ast`` has them."""
        line = next(n for n in range(len(self.starts), 0, -1) if self.starts[n - 1] <= offset)
        start = self.starts[line - 1]
        return line, len(self.source[start:offset].removeprefix("\ufeff").encode())

    def _blank(self, start: int, end: int) -> None:
        for index in range(start, end):
            character = self.source[index]
            if character not in "\r\n":
                self.characters[index] = " " * len(character.encode())

    # -- type parameters and aliases

    def _parameters(self, node: Any) -> None:
        parameters = node.type_parameters
        if parameters is None:
            return
        start, end = self._span(parameters)
        found = []
        for each in parameters.params:
            bound = getattr(each.param, "bound", None)
            found.append(TypeParameter(self._expression(bound), self._expression(each.default)))
        self.found.parameters[self._key(self._span(node)[0])] = found
        self._blank(start, end)
        for index in range(start + 1, end):
            if self.source[index] in "\r\n" and self.source[index - 1] not in "\r\n":
                self.characters[index - 1] = self.characters[index - 1][:-1] + "\\"

    def _expression(self, node: Any) -> ast.expr | None:
        """An expression that goes, read by itself in its place."""
        if node is None:
            return None
        start, _ = self._span(node)
        text = self.module.code_for_node(node)
        start -= len(text) - len(text.lstrip("( \t"))  # its own parentheses aren't in its place
        line, column = self._key(max(start, 0))
        star = "" if text.startswith("*") else " "
        lead = "\n" * (line - 1) + " " * max(column - (line == 1), 0)
        return ast.parse(f"({lead}{text}\n)" if star else f"({lead}{text},\n)", mode="eval").body

    def _alias(self, node: Any) -> None:
        """``type X = int`` as ``type.X = int``"""
        start, _ = self._span(node)
        name, _ = self._span(node.name)
        if self.source[name - 1] not in " \t":
            raise UnreadError("a type alias over several lines")
        self.characters[name - 1] = "."
        self.found.aliases.add(self._key(start))

    # -- handlers

    def _types(self, node: Any) -> None:
        if not isinstance(node.type, cst.Tuple) or node.type.lpar:
            return
        start, end = self._span(node.type)
        self.characters[start - 1] = "("
        self.characters[end - 1] += ")"

    def _star(self, node: Any) -> tuple[int, int]:
        place = self.source.index("*", self._span(node)[0])
        return place, place + 1

    # -- strings

    def _string(self, node: Any) -> bool:
        """Lower a string that this Python refuses; says whether it has been."""
        start, end = self._span(node)
        if not any(isinstance(part, _STRINGS) for part in _parts(node)):
            return False
        try:
            ast.parse(f"({self.source[start:end]}\n)", mode="eval")
            return False
        except SyntaxError:
            self._blank(start, end)
        self.characters[start] = "["
        self.characters[end - 1] = "]"
        values: list[Any] = []
        for part in _parts(node):
            if isinstance(part, _STRINGS):
                values += self._values(part.parts)
            else:
                values.append(str(getattr(part, "evaluated_value", "")))
        self.found.strings[self._key(start)] = values
        return True

    def _values(self, parts: Any) -> list[Any]:
        """Texts as they are, for an expression the values of its format."""
        values: list[Any] = []
        for part in parts:
            if isinstance(part, _EXPRESSIONS):
                self._keep(part)
                spec = getattr(part, "format_spec", None)
                values.append(self._values(spec) if spec is not None else [])
            else:
                values.append(part.value)
        return values

    def _keep(self, node: Any) -> None:
        """An expression stands where it stood, with a comma behind it."""
        expression = node.expression
        if isinstance(expression, _OPEN) and not expression.lpar:
            raise UnreadError("a tuple, lambda or yield without parentheses inside a string")
        start, end = self._span(expression)
        for _ in expression.lpar:  # its own parentheses aren't in its place
            start = self.source.rindex("(", 0, start)
        for _ in expression.rpar:
            end = self.source.index(")", end) + 1
        self.characters[start:end] = self.source[start:end]
        while self.source[end] in "\r\n":
            end += 1
        self.characters[end] = ","


def _parts(node: Any) -> Iterator[Any]:
    """The strings of an implicit concatenation, in order."""
    while isinstance(node, cst.ConcatenatedString):
        yield node.left
        node = node.right
    yield node


class _Restoring(ast.NodeTransformer):
    """Puts into a tree what a newer Python would have made."""

    def __init__(self, found: _Lowered) -> None:
        self.found = found

    def visit(self, node: ast.AST) -> Any:
        key = (getattr(node, "lineno", -1), getattr(node, "col_offset", -1))
        node = super().visit(node)
        definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        if isinstance(node, definitions) and key in self.found.parameters:
            setattr(node, "type_params", self.found.parameters[key])  # noqa: B010
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        key, target = (node.lineno, node.col_offset), node.targets[0]
        if key not in self.found.aliases or not isinstance(target, ast.Attribute):
            return node
        end = target.end_col_offset or 0
        name = ast.Name(target.attr, ast.Store())
        name.lineno, name.col_offset = target.lineno, end - len(target.attr.encode())
        made: Any = TypeAlias  # an older Python's typeshed has none
        alias = made(name, self.found.parameters.get(key, []), node.value)
        return ast.copy_location(alias, node)

    def visit_List(self, node: ast.List) -> Any:
        self.generic_visit(node)
        values = self.found.strings.get((node.lineno, node.col_offset))
        if values is None:
            return node
        return _joined(values, iter(node.elts), node)


def _joined(values: list[Any], expressions: Iterator[ast.expr], place: ast.expr) -> ast.JoinedStr:
    """A string with the expressions in their order; all that is new stands where it begins."""
    parts: list[ast.expr] = []
    for value in values:
        if not isinstance(value, str):
            expression = next(expressions)
            spec = _joined(value, expressions, place) if value else None
            parts.append(ast.FormattedValue(expression, -1, spec))
        elif parts and isinstance(parts[-1], ast.Constant):
            parts[-1] = ast.Constant(f"{parts[-1].value!s}{value}")
        elif value:
            parts.append(ast.Constant(value))
    for part in parts:
        ast.copy_location(part, place)
    return ast.copy_location(ast.JoinedStr(parts), place)
