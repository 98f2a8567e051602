"""Extract: one file's bytes become ``ModuleFacts``.

A pure function of the bytes and the Python that runs it. The tree is walked once, in the order in
which the text stands, and every node that an edit may name is counted on the way, so that LibCST's
visitor, which counts in the same order, finds it again. Here are files and functions; what is in
them is lowered by ``asyncify.source.statements`` and ``asyncify.source.expressions``.
"""

from __future__ import annotations

import ast
import io
import marshal
import sys
import tokenize
import warnings
from typing import Any

from asyncify import facts as f
from asyncify.source.expressions import Counters, Scope, merged
from asyncify.source.statements import Statements

_RECURSION_LIMIT = 12_000  # deeper code than CPython's own parser accepts never gets here


class ExtractError(Exception):
    """A file that gives no facts: ``kind`` is ``syntax``, ``decode``, ``depth`` or
    ``limit``."""

    def __init__(self, kind: str, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.line = line
        self.column = column

    def __reduce__(self) -> tuple[Any, ...]:
        return ExtractError, (self.kind, self.message, self.line, self.column)


def extract(source: bytes) -> f.ModuleFacts:
    """The facts of one file.

    Raises ExtractError where Python can't read it.
    """
    return extract_tree(None, source)


def extract_tree(tree: ast.Module | None, source: bytes) -> f.ModuleFacts:
    """The same, of a tree that was made of the source in another way."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        return _Extractor().module(_parse(source) if tree is None else tree, source)
    except (RecursionError, ValueError) as error:  # the second by marshal, which nests less deeply
        raise ExtractError("depth", "the code is nested too deeply to be read") from error
    finally:
        sys.setrecursionlimit(limit)


def _parse(source: bytes) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        if not source.isascii():
            _decode(source)  # the parser doesn't look at the bytes of comments
        return tree
    except SyntaxError as error:
        reason = error.msg or "invalid syntax"
        undecodable = "codec can't decode" in reason or "unknown encoding" in reason
        kind = "decode" if undecodable or "(unicode error)" in reason else "syntax"
        if reason.startswith(("too many nested", "too many levels")):
            kind, reason = "depth", "the code is nested too deeply to be read"
        if reason.startswith("Exceeds the limit"):
            kind, reason = "limit", "a number has too many digits"
        raise ExtractError(kind, reason, error.lineno or 1, error.offset or 1) from error
    except (UnicodeDecodeError, LookupError) as error:
        raise ExtractError("decode", str(error)) from error
    except (RecursionError, MemoryError) as error:
        raise ExtractError("depth", "the code is nested too deeply to be read") from error
    except ValueError as error:  # null bytes
        raise ExtractError("syntax", str(error)) from error


def _decode(source: bytes) -> None:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError:  # without a place
        encoding = "utf-8"
    try:
        source.decode(encoding)
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        column = error.start - source.rfind(b"\n", 0, error.start)
        raise ExtractError("decode", str(error), line, column) from error


def lower_expression(text: str) -> tuple[tuple[Any, ...], int] | None:
    """An expression given as text (a string annotation) as operations, and the index of its value;
    None where it is no expression."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
        extractor = _Extractor()
        value = extractor.expression(node)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tuple(extractor.ops), value


class _Extractor(Statements):
    """Reads one file."""

    def __init__(self) -> None:
        super().__init__()
        self.functions: list[Any] = []
        self.prefix = ""
        self.run_outside: list[tuple[ast.expr, Counters]] = []

    def module(self, tree: ast.Module, source: bytes) -> f.ModuleFacts:
        self.functions.append(None)
        self.lines = source.splitlines()
        statements = self.block(tree.body)
        signature = marshal.dumps(((), (), (), -1, -1, (), ()))
        self.functions[0] = self.finish(
            "<module>", "", "module", -1, -1, 1, 1, False, signature, statements, self.scope
        )
        return f.ModuleFacts(
            tuple(self.functions),
            tuple(self.imports),
            self.exports,
            source.count(b"\n") + 1,
            b"asyncify:" in source,
        )

    def finish(
        self,
        name: str,
        qualname: str,
        kind: str,
        parent: int,
        number: int,
        line: int,
        column: int,
        is_async: bool,
        signature: bytes,
        statements: tuple[Any, ...],
        scope: Scope,
    ) -> f.FunctionFacts:
        return f.FunctionFacts(
            name,
            qualname,
            kind,
            parent,
            number,
            line,
            column,
            is_async,
            scope.generator,
            frozenset(scope.names | scope.members | scope.stores),
            frozenset(scope.members),
            frozenset(scope.stores),
            frozenset(scope.bound),
            tuple(scope.declared),
            tuple(scope.imports),
            signature,
            marshal.dumps((tuple(scope.ops), statements)),
        )

    def define(self, node: Any, kind: str, number: int) -> int:
        """Read a function, class or lambda; its place in ``functions`` is returned."""
        index = len(self.functions)
        self.functions.append(None)
        name = "<lambda>" if kind == "lambda" else node.name
        outer, outer_flags = self.scope, self.flags
        signature, scope = self.head(node, kind, outer)
        if self.run_outside:
            self.read_outside(outer, outer_flags, scope)
        outer_current, outer_prefix = self.current, self.prefix
        qualname = self.prefix + name
        self.current = index
        self.prefix = qualname + ("." if kind == "class" else ".<locals>.")
        statements = self.body(node, kind)
        if kind != "class":
            scope.bound.update(p[0] for p in signature[2])
        self.current, self.prefix = outer_current, outer_prefix
        self.enter(outer)
        self.flags = outer_flags
        self.functions[index] = self.finish(
            name,
            qualname,
            kind,
            self.current,
            number,
            node.lineno,
            node.col_offset + 1,
            isinstance(node, ast.AsyncFunctionDef),
            marshal.dumps(signature),
            statements,
            scope,
        )
        return index

    def head(self, node: Any, kind: str, outer: Scope) -> tuple[tuple[Any, ...], Scope]:
        """The signature, and the scope of the body, which is entered. The signature is evaluated
        outside, but kept with the function that it belongs to."""
        head = Scope()
        self.enter(head)
        self.flags = 0
        signature = self.signature(node, kind)
        outer.names |= head.names  # evaluated there
        outer.members |= head.members
        outer.generator |= head.generator and kind == "lambda"
        scope = Scope()
        scope.names |= head.names  # but it speaks of this function
        scope.members |= head.members
        self.enter(scope)
        return signature, scope

    def read_outside(self, outer: Scope, flags: int, scope: Scope) -> None:
        """What of a signature calls something is run in the function around: it is an operation
        there, too, of the same nodes."""
        again, self.run_outside = self.run_outside, []
        after = self.counters()
        self.enter(outer)
        self.flags = flags
        for node, before in again:
            self.count_from(before)
            self.expression(node)
        self.count_from(after)
        self.enter(scope)
        self.flags = 0

    def outside(self, node: ast.expr) -> int:
        """A default of a function: a property may be read in the function around."""
        is_read = isinstance(node, ast.Attribute) and self.prefix.endswith(".<locals>.")
        if is_read or (node.__class__ not in _QUIET and _runs_functions(node)):
            self.run_outside.append((node, self.counters()))
        return self.expression(node)

    def decorator(self, node: ast.expr) -> int:
        """A decorator of a function; what its arguments call or read is run in the one around."""
        if isinstance(node, ast.Call) and self.prefix.endswith(".<locals>."):
            given = (*node.args, *(keyword.value for keyword in node.keywords))
            if any(isinstance(n, ast.Attribute) or _runs_functions(n) for n in given):
                self.run_outside.append((node, self.counters()))
        return self.expression(node)

    def body(self, node: Any, kind: str) -> tuple[Any, ...]:
        if kind != "lambda":
            return self.block(node.body)
        value = self.expression(node.body)
        ops = len(self.ops)
        return ((f.RETURN, node.lineno, node.col_offset + 1, -1, 0, ops, True, value),)

    def signature(self, node: Any, kind: str) -> tuple[Any, ...]:
        if kind == "class":
            decorators = tuple(self.expression(d) for d in node.decorator_list)
            self.type_parameters(node)
            bases: list[int] = []
            keywords: list[tuple[str | None, int]] = []
            for part in merged(node.bases, node.keywords):
                if isinstance(part, ast.keyword):
                    keywords.append((part.arg, self.expression(part.value)))
                else:
                    bases.append(self.operand(part))
            return (
                tuple(self.ops), decorators, (), -1, -1, tuple(bases), tuple(keywords)
            )  # fmt: skip
        if kind == "lambda":
            parameters = self.parameters(node.args)
            return tuple(self.ops), (), parameters, -1, -1, (), ()
        decorators = tuple(self.decorator(d) for d in node.decorator_list)
        self.type_parameters(node)
        parameters = self.parameters(node.args)
        returns = returns_number = -1
        if node.returns is not None:
            returns_number = self.count("Annotation")
            returns = self.expression(node.returns)
        return tuple(self.ops), decorators, parameters, returns, returns_number, (), ()

    def parameters(self, arguments: ast.arguments) -> tuple[tuple[Any, ...], ...]:
        positional = arguments.posonlyargs + arguments.args
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
        defaults += arguments.defaults
        out = []
        for i, argument in enumerate(positional):
            kind = "p" if i < len(arguments.posonlyargs) else "a"
            out.append(self.parameter(argument, kind, defaults[i]))
        if arguments.vararg:
            out.append(self.parameter(arguments.vararg, "*", None))
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            out.append(self.parameter(argument, "k", default))
        if arguments.kwarg:
            out.append(self.parameter(arguments.kwarg, "**", None))
        return tuple(out)

    def parameter(self, node: ast.arg, kind: str, default: ast.expr | None) -> tuple[Any, ...]:
        annotation = number = value = -1
        if node.annotation is not None:
            number = self.count("Annotation")
            annotation = self.expression(node.annotation)
        if default is not None:
            value = self.outside(default)
        return node.arg, kind, annotation, number, value


_QUIET = (ast.Constant, ast.Name, ast.Attribute)  # most defaults


def _runs_functions(node: ast.expr) -> bool:
    """Does an expression call something, other than what makes an object: ``Depends(f)``?"""
    if isinstance(node, ast.Call) and _makes(node):
        return False
    inside = list(ast.walk(node))
    return not any(isinstance(each, ast.Lambda) for each in inside) and any(
        isinstance(each, ast.Call) and not _makes(each) for each in inside
    )


def _makes(node: ast.Call) -> bool:
    """Is it a class that is called, by its name?"""
    callee = node.func
    name = callee.id if isinstance(callee, ast.Name) else ""
    name = callee.attr if isinstance(callee, ast.Attribute) else name
    return name.lstrip("_")[:1].isupper()
