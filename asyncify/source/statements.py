"""Statements of the syntax tree become compact tuples, which name their operations."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from typing import Any

from asyncify import facts as f
from asyncify.source.expressions import Expressions, table


class Statements(Expressions):
    """Lowers statements, and notes what they bind and import."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []
        self.current = 0  # the function that is being read
        self.imports: list[f.Import] = []
        self.exports: tuple[str, ...] | None = None

    def type_parameters(self, node: Any) -> None:
        """The expressions in the brackets behind a name."""
        for parameter in getattr(node, "type_params", ()):
            for part in (
                getattr(parameter, "bound", None),
                getattr(parameter, "default_value", None),
            ):
                if part is not None:
                    self.expression(part)

    def block(self, body: list[ast.stmt]) -> tuple[Any, ...]:
        out = []
        previous = 0
        for node in body:
            if previous:
                fixed = node.lineno == previous
            else:  # the block's header may stand on its line
                before = self.lines[node.lineno - 1][: node.col_offset]
                fixed = bool(before) and not before.isspace()
            handler = _STATEMENTS.get(node.__class__)
            if handler is not None:
                out.append(handler(self, node, fixed))
            previous = node.end_lineno or node.lineno
        return tuple(out)

    def statement(
        self, kind: int, node: ast.stmt, number: int, first: int, fixed: bool, *payload: Any
    ) -> tuple[Any, ...]:
        """A statement without a body of its own: its operations end where we are."""
        return (
            kind, node.lineno, node.col_offset + 1, number, first, len(self.ops), fixed, *payload
        )  # fmt: skip

    def on_expr(self, node: ast.Expr, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("Expr"), len(self.ops)
        value = self.expression(node.value)
        return self.statement(f.EXPRESSION, node, number, first, fixed, value)

    def on_assign(self, node: ast.Assign, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("Assign"), len(self.ops)
        targets = tuple(self.target(t) for t in node.targets)
        value = self.expression(node.value)
        if self.current == 0 and targets == ((f.TO_NAME, "__all__", targets[0][-1]),):
            self.exports = _literal_names(node.value)
        if self.current == 0 and isinstance(node.value, (ast.Call, ast.Attribute)):
            imported = {item.local for item in self.imports}  # join = shelf.join
            self.scope.declared += [t[1] for t in targets if t[0] == f.TO_NAME and t[1] in imported]
        return self.statement(f.ASSIGN, node, number, first, fixed, targets, value)

    def on_annassign(self, node: ast.AnnAssign, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("AnnAssign"), len(self.ops)
        target = self.target(node.target)
        annotation_number = self.count("Annotation")
        annotation = self.expression(node.annotation)
        value = -1 if node.value is None else self.expression(node.value)
        return self.statement(
            f.ANNOTATED, node, number, first, fixed, target, annotation, value, annotation_number
        )

    def on_augassign(self, node: ast.AugAssign, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("AugAssign"), len(self.ops)
        target = self.target(node.target)
        value = self.expression(node.value)
        return self.statement(f.AUGMENTED, node, number, first, fixed, target, value)

    def on_return(self, node: ast.Return, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("Return"), len(self.ops)
        value = -1 if node.value is None else self.expression(node.value)
        return self.statement(f.RETURN, node, number, first, fixed, value)

    def on_raise(self, node: ast.Raise, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("Raise"), len(self.ops)
        value = -1 if node.exc is None else self.expression(node.exc)
        if node.cause is not None:
            self.expression(node.cause)
        return self.statement(f.RAISE, node, number, first, fixed, value)

    def on_assert(self, node: ast.Assert, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("Assert"), len(self.ops)
        test = self.expression(node.test)
        message = -1 if node.msg is None else self.maybe(node.msg)
        return self.statement(f.ASSERT, node, number, first, fixed, test, message)

    def on_delete(self, node: ast.Delete, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("Delete"), len(self.ops)
        targets = tuple(self.target(t) for t in node.targets)
        return self.statement(f.DELETE, node, number, first, fixed, targets)

    def on_if(self, node: ast.If, fixed: bool, is_elif: bool = False) -> tuple[Any, ...]:
        number, first = self.count("If"), len(self.ops)
        test = self.expression(node.test)
        end = len(self.ops)
        body = self.block(node.body)
        if len(node.orelse) == 1 and _is_elif(node):
            orelse: tuple[Any, ...] = (self.on_if(node.orelse[0], True, True),)  # type: ignore[arg-type]
        else:
            orelse = self.block(node.orelse)
        return (
            f.IF, node.lineno, node.col_offset + 1, number, first, end, fixed or is_elif,
            test, body, orelse,
        )  # fmt: skip

    def on_for(self, node: ast.For | ast.AsyncFor, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("For"), len(self.ops)
        target = self.target(node.target)
        iterable = self.expression(node.iter)
        end = len(self.ops)
        body, orelse = self.block(node.body), self.block(node.orelse)
        is_async = isinstance(node, ast.AsyncFor)
        return (
            f.FOR, node.lineno, node.col_offset + 1, number, first, end, fixed,
            target, iterable, body, orelse, is_async,
        )  # fmt: skip

    def on_while(self, node: ast.While, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("While"), len(self.ops)
        test = self.expression(node.test)
        end = len(self.ops)
        body, orelse = self.block(node.body), self.block(node.orelse)
        return (
            f.WHILE, node.lineno, node.col_offset + 1, number, first, end, fixed,
            test, body, orelse,
        )  # fmt: skip

    def on_with(self, node: ast.With | ast.AsyncWith, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("With"), len(self.ops)
        items = []
        for item in node.items:
            value = self.expression(item.context_expr)
            target = None if item.optional_vars is None else self.target(item.optional_vars)
            items.append((value, target))
        end = len(self.ops)
        body = self.block(node.body)
        is_async = isinstance(node, ast.AsyncWith)
        return (
            f.WITH, node.lineno, node.col_offset + 1, number, first, end, fixed,
            tuple(items), body, is_async,
        )  # fmt: skip

    def on_try(self, node: Any, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("Try"), len(self.ops)
        body = self.block(node.body)
        handlers = []
        for handler in node.handlers:
            kind = -1 if handler.type is None else self.expression(handler.type)
            if handler.name:
                self.scope.bound.add(handler.name)
            handlers.append((kind, handler.name, self.block(handler.body)))
        orelse, final = self.block(node.orelse), self.block(node.finalbody)
        return (
            f.TRY, node.lineno, node.col_offset + 1, number, first, first, fixed,
            body, tuple(handlers), orelse, final,
        )  # fmt: skip

    def on_function(self, node: Any, fixed: bool) -> tuple[Any, ...]:
        kind = "class" if isinstance(node, ast.ClassDef) else "def"
        number, first = self.count("ClassDef" if kind == "class" else "FunctionDef"), len(self.ops)
        self.scope.bound.add(node.name)
        index = self.define(node, kind, number)
        code = f.CLASS if kind == "class" else f.FUNCTION
        return self.statement(code, node, number, first, fixed, index)

    def on_import(self, node: ast.Import, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("Import"), len(self.ops)
        bindings = []
        for alias in node.names:
            # `import a.b` binds `a`; `import a.b as c` binds the module itself.
            local = alias.asname or alias.name.partition(".")[0]
            bindings.append((local, alias.name if alias.asname else local, None, 0))
            if not alias.asname and local != alias.name:
                bindings.append(("", alias.name, None, 0))
        return self.imported(node, number, first, fixed, bindings)

    def on_importfrom(self, node: ast.ImportFrom, fixed: bool) -> tuple[Any, ...]:
        number, first = self.count("ImportFrom"), len(self.ops)
        bindings = [
            (alias.asname or alias.name, node.module or "", alias.name, node.level)
            for alias in node.names
        ]
        return self.imported(node, number, first, fixed, bindings)

    def imported(
        self, node: Any, number: int, first: int, fixed: bool, bindings: list[tuple[Any, ...]]
    ) -> tuple[Any, ...]:
        for local, module, name, level in bindings:
            self.scope.bound.add(local)
            if self.current == 0:
                self.imports.append(
                    f.Import(local, module, name, level, node.lineno, node.col_offset + 1, number)
                )
        if self.current:
            self.scope.imports += bindings
        return self.statement(f.IMPORT, node, number, first, fixed, tuple(bindings))

    def on_global(self, node: ast.Global | ast.Nonlocal, fixed: bool) -> tuple[Any, ...]:
        self.scope.declared += node.names
        first = len(self.ops)
        return self.statement(f.GLOBAL, node, -1, first, fixed, tuple(node.names))

    def on_flow(self, node: ast.stmt, fixed: bool) -> tuple[Any, ...]:
        kind = node.__class__.__name__.lower()
        return self.statement(f.FLOW, node, -1, len(self.ops), fixed, kind)

    def on_match(self, node: Any, fixed: bool) -> tuple[Any, ...]:
        first = len(self.ops)
        subject = self.expression(node.subject)
        end = len(self.ops)
        cases = []
        for case in node.cases:
            bound: list[str] = []
            classes: list[int] = []
            self.pattern(case.pattern, bound, classes)
            self.scope.bound.update(bound)
            guard = self.guard(case.guard) if case.guard is not None else None
            reads = tuple(_reads(case.pattern, ()))
            self.scope.members.update(
                "__match_args__" if name.isdigit() else name
                for path, _ in reads for name in path if name[0] != "["
            )  # fmt: skip
            block = self.block(case.body)
            if guard is not None:
                block = ((*guard, block, ()),)
            cases.append((tuple(bound), tuple(classes), block, reads))
        return (
            f.MATCH, node.lineno, node.col_offset + 1, -1, first, end, fixed, subject, tuple(cases)
        )  # fmt: skip

    def guard(self, node: ast.expr) -> tuple[Any, ...]:
        """The condition of a case is that of an ``if`` around what the case does."""
        first = len(self.ops)
        value = self.maybe(node)
        return (
            f.IF, node.lineno, node.col_offset + 1, -1, first, len(self.ops), True, value,
        )  # fmt: skip

    def pattern(self, node: Any, bound: list[str], classes: list[int]) -> None:
        kind = node.__class__.__name__
        if kind == "MatchValue":
            self.expression(node.value)
        elif kind == "MatchClass":
            classes.append(self.expression(node.cls))
        elif kind == "MatchMapping":
            for key, part in zip(node.keys, node.patterns, strict=True):
                self.expression(key)
                self.pattern(part, bound, classes)
            if node.rest:
                bound.append(node.rest)
            return
        for part in (*getattr(node, "patterns", ()), *getattr(node, "kwd_patterns", ())):
            self.pattern(part, bound, classes)
        if getattr(node, "pattern", None) is not None:
            self.pattern(node.pattern, bound, classes)
        if getattr(node, "name", None):
            bound.append(node.name)

    def on_typealias(self, node: Any, fixed: bool) -> tuple[Any, ...]:
        first = len(self.ops)
        target = self.target(node.name)
        self.type_parameters(node)
        value = self.expression(node.value)
        return self.statement(f.ASSIGN, node, -1, first, fixed, (target,), value)


def _reads(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What a pattern reads of the subject, and the names that this is given:
    ``case User(team=Team(name=name))``; the position stands for a name where there is none.
    In ``case [first, *rest]`` and ``case {"key": part}`` these are ``[0``, ``[*`` and ``[.key``."""
    kind = node.__class__.__name__
    if kind == "MatchClass":
        for position, part in enumerate(node.patterns):
            yield (*path, str(position)), ""
            yield from _reads(part, (*path, str(position)))
        for name, part in zip(node.kwd_attrs, node.kwd_patterns, strict=True):
            yield (*path, name), ""
            yield from _reads(part, (*path, name))
    elif kind == "MatchSequence":
        starred = [part.__class__.__name__ == "MatchStar" for part in node.patterns]
        behind = starred.index(True) if any(starred) else len(starred)
        for position, part in enumerate(node.patterns):
            place = position if position < behind else position - len(starred)
            yield from _reads(part, (*path, "[*" if position == behind else f"[{place}"))
    elif kind == "MatchStar" and node.name:
        yield path, node.name
    elif kind == "MatchMapping":
        for key, part in zip(node.keys, node.patterns, strict=True):
            is_text = isinstance(key, ast.Constant) and isinstance(key.value, str)
            yield from _reads(part, (*path, f"[.{key.value}" if is_text else "[."))
        if node.rest:
            yield path, node.rest
    elif kind == "MatchOr":
        for part in node.patterns:
            yield from _reads(part, path)
    elif kind == "MatchAs":
        if node.name:
            yield path, node.name
        if node.pattern is not None:
            yield from _reads(node.pattern, path)


if sys.version_info >= (3, 12):
    TypeAlias = ast.TypeAlias
else:

    class TypeAlias(ast.stmt):
        """What newer Pythons make of ``type X = int``."""

        _fields = ("name", "type_params", "value")


def _is_elif(node: ast.If) -> bool:
    """Is the one statement of ``orelse`` written as ``elif``? It then stands in the column of the
    ``if``; below ``else:`` it is indented, or on the line of the ``else``."""
    child = node.orelse[0]
    return isinstance(child, ast.If) and child.col_offset == node.col_offset


def _literal_names(node: ast.expr) -> tuple[str, ...] | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        return tuple(value)
    return None


_S = Statements
_STATEMENTS: dict[Any, Callable[..., tuple[Any, ...]]] = table({
    "Expr": _S.on_expr, "Assign": _S.on_assign, "AnnAssign": _S.on_annassign,
    "AugAssign": _S.on_augassign, "Return": _S.on_return, "Raise": _S.on_raise,
    "Assert": _S.on_assert, "Delete": _S.on_delete, "If": _S.on_if, "For": _S.on_for,
    "AsyncFor": _S.on_for, "While": _S.on_while, "With": _S.on_with, "AsyncWith": _S.on_with,
    "Try": _S.on_try, "TryStar": _S.on_try, "FunctionDef": _S.on_function,
    "AsyncFunctionDef": _S.on_function, "ClassDef": _S.on_function, "Import": _S.on_import,
    "ImportFrom": _S.on_importfrom, "Global": _S.on_global, "Nonlocal": _S.on_global,
    "Pass": _S.on_flow, "Break": _S.on_flow, "Continue": _S.on_flow, "Match": _S.on_match,
    "TypeAlias": _S.on_typealias,
})  # fmt: skip
_STATEMENTS[TypeAlias] = _S.on_typealias
