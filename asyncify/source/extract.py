"""Extract: one file's bytes become ``ModuleFacts``.

A pure function of the bytes and the Python that runs it. The tree is walked once, in the order in
which the text stands, and every node that an edit may name is counted on the way, so that LibCST's
visitor, which counts in the same order, finds it again (``asyncify.source.order`` defines the
order).
"""

from __future__ import annotations

import ast
import io
import marshal
import sys
import tokenize
import warnings
from collections.abc import Callable
from typing import Any

from asyncify import facts as f

Ops = list[tuple[Any, ...]]

_RECURSION_LIMIT = 12_000  # deeper code than CPython's own parser accepts never gets here
_LONGEST_CHAIN = 5_000  # operators; LibCST is ended by a signal at 20,000


class ExtractError(Exception):
    """A file that gives no facts: ``kind`` is ``syntax``, ``decode`` or ``depth``."""

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
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        tree = _parse(source)
        return _Extractor().module(tree, source)
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
        raise ExtractError(kind, reason, error.lineno or 1, error.offset or 1) from error
    except (UnicodeDecodeError, LookupError) as error:
        raise ExtractError("decode", str(error)) from error
    except (RecursionError, MemoryError) as error:
        raise ExtractError("depth", "the code is nested too deeply to be read") from error
    except ValueError as error:  # null bytes
        raise ExtractError("syntax", str(error)) from error


def _decode(source: bytes) -> None:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
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


class _Scope:
    """A function under construction."""

    __slots__ = ("bound", "declared", "generator", "imports", "members", "names", "ops", "stores")

    def __init__(self) -> None:
        self.ops: Ops = []
        self.names: set[str] = set()
        self.members: set[str] = set()
        self.stores: set[str] = set()
        self.bound: set[str] = set()
        self.declared: list[str] = []
        self.imports: list[tuple[Any, ...]] = []
        self.generator = False


class _Extractor:
    def __init__(self) -> None:
        self.functions: list[Any] = []
        self.imports: list[f.Import] = []
        self.exports: tuple[str, ...] | None = None
        self.lines: list[bytes] = []
        self.counts: dict[str, int] = {}
        self.scope = _Scope()
        self.ops: Ops = self.scope.ops
        self.flags = 0
        self.current = 0  # the function that is being read
        self.prefix = ""
        self.calls = self.attributes = self.names = 0

    # -- counting

    def count(self, kind: str) -> int:
        number = self.counts.get(kind, 0)
        self.counts[kind] = number + 1
        return number

    # -- functions

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
        scope: _Scope,
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
        # The signature is evaluated outside, but kept with the function that it belongs to.
        head = _Scope()
        self.scope, self.ops, self.flags = head, head.ops, 0
        signature = self.signature(node, kind)
        outer.names |= head.names  # evaluated there
        outer.members |= head.members
        outer.generator |= head.generator and kind == "lambda"
        scope = _Scope()
        scope.names |= head.names  # but it speaks of this function
        scope.members |= head.members
        self.scope, self.ops = scope, scope.ops
        outer_current, outer_prefix = self.current, self.prefix
        qualname = self.prefix + name
        self.current = index
        self.prefix = qualname + ("." if kind == "class" else ".<locals>.")
        if kind == "lambda":
            value = self.expression(node.body)
            ops = len(scope.ops)
            statements: tuple[Any, ...] = (
                (f.RETURN, node.lineno, node.col_offset + 1, -1, 0, ops, True, value),
            )
        else:
            statements = self.block(node.body)
        if kind != "class":
            scope.bound.update(p[0] for p in signature[2])
        self.current, self.prefix = outer_current, outer_prefix
        self.scope, self.ops, self.flags = outer, outer.ops, outer_flags
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

    def signature(self, node: Any, kind: str) -> tuple[Any, ...]:
        if kind == "class":
            decorators = tuple(self.expression(d) for d in node.decorator_list)
            self.type_parameters(node)
            bases: list[int] = []
            keywords: list[tuple[str | None, int]] = []
            for part in _merged(node.bases, node.keywords):
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
        decorators = tuple(self.expression(d) for d in node.decorator_list)
        self.type_parameters(node)
        parameters = self.parameters(node.args)
        returns = returns_number = -1
        if node.returns is not None:
            returns_number = self.count("Annotation")
            returns = self.expression(node.returns)
        return tuple(self.ops), decorators, parameters, returns, returns_number, (), ()

    def type_parameters(self, node: Any) -> None:
        for parameter in getattr(node, "type_params", ()):
            for part in (
                getattr(parameter, "bound", None),
                getattr(parameter, "default_value", None),
            ):
                if part is not None:
                    self.expression(part)

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
            value = self.expression(default)
        return node.arg, kind, annotation, number, value

    # -- statements

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
            if case.guard is not None:
                self.maybe(case.guard)
            cases.append((tuple(bound), tuple(classes), self.block(case.body)))
        return (
            f.MATCH, node.lineno, node.col_offset + 1, -1, first, end, fixed, subject, tuple(cases)
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

    # -- targets

    def target(self, node: ast.expr) -> tuple[Any, ...]:
        if isinstance(node, ast.Name):
            number = self.names
            self.names += 1
            self.scope.bound.add(node.id)
            return f.TO_NAME, node.id, number
        if isinstance(node, ast.Attribute):
            number = self.attributes
            self.attributes += 1
            self.scope.stores.add(node.attr)
            return f.TO_ATTRIBUTE, self.expression(node.value), node.attr, number
        if isinstance(node, ast.Subscript):
            self.count("Subscript")
            if isinstance(node.value, ast.Attribute):
                self.scope.stores.add(node.value.attr)  # it holds more from now on
            return f.TO_SUBSCRIPT, self.expression(node.value), self.expression(node.slice)
        if isinstance(node, ast.Starred):
            return self.target(node.value)
        if isinstance(node, (ast.Tuple, ast.List)):
            starred = [i for i, e in enumerate(node.elts) if isinstance(e, ast.Starred)]
            targets = tuple(self.target(e) for e in node.elts)
            return f.TO_SEQUENCE, targets, starred[0] if starred else -1
        return f.TO_SUBSCRIPT, self.expression(node), -1

    # -- expressions

    def expression(self, node: ast.expr) -> int:
        return _EXPRESSIONS[node.__class__](self, node)

    def maybe(self, node: ast.expr) -> int:
        """An expression that may not be evaluated."""
        flags = self.flags
        self.flags |= f.MAYBE
        value = self.expression(node)
        self.flags = flags
        return value

    def operand(self, node: ast.expr) -> int:
        """An argument or element: the complement of its index where it is starred."""
        if isinstance(node, ast.Starred):
            return ~self.expression(node.value)
        return self.expression(node)

    def emit(self, kind: int, node: ast.expr, number: int, *payload: Any) -> int:
        self.ops.append((kind, node.lineno, node.col_offset + 1, number, self.flags, *payload))
        return len(self.ops) - 1

    def on_name(self, node: ast.Name) -> int:
        number = self.names
        self.names += 1
        name = node.id
        self.scope.names.add(name)
        self.ops.append((f.NAME, node.lineno, node.col_offset + 1, number, self.flags, name))
        return len(self.ops) - 1

    def on_constant(self, node: ast.Constant) -> int:
        value = node.value
        if value.__class__ is str:
            if value.isidentifier():
                self.scope.members.add(value)
        elif value is not None and value is not True and value is not False:
            is_small = value.__class__ is int and -(2**31) < value < 2**31
            value = value if is_small else ...
        self.ops.append((f.CONSTANT, node.lineno, node.col_offset + 1, -1, self.flags, value))
        return len(self.ops) - 1

    def on_attribute(self, node: ast.Attribute) -> int:
        number = self.attributes
        self.attributes += 1
        self.scope.members.add(node.attr)
        base = self.expression(node.value)
        return self.emit(f.ATTRIBUTE, node, number, base, node.attr)

    def on_call(self, node: ast.Call) -> int:
        number = self.calls
        self.calls += 1
        function = self.expression(node.func)
        flags = self.flags
        self.flags |= f.NESTED
        positional: list[int] = []
        keywords: list[tuple[str | None, int]] = []
        for part in _merged(node.args, node.keywords) if node.keywords else node.args:
            if part.__class__ is ast.keyword:
                if part.arg is not None:
                    self.scope.names.add(part.arg)
                keywords.append((part.arg, self.expression(part.value)))
            else:
                positional.append(self.operand(part))
        self.flags = flags
        # The end of the function's expression names the call better than a chain's beginning.
        line, column = _call_position(node)
        self.ops.append(
            (f.CALL, line, column, number, flags, function, tuple(positional), tuple(keywords))
        )
        return len(self.ops) - 1

    def on_subscript(self, node: ast.Subscript) -> int:
        number = self.count("Subscript")
        base = self.expression(node.value)
        index = self.expression(node.slice)
        return self.emit(f.SUBSCRIPT, node, number, base, index)

    def on_await(self, node: ast.Await) -> int:
        number = self.count("Await")
        return self.emit(f.AWAIT, node, number, self.expression(node.value))

    def on_lambda(self, node: ast.Lambda) -> int:
        number = self.count("Lambda")
        return self.emit(f.LAMBDA, node, number, self.define(node, "lambda", number))

    def on_comprehension(self, node: Any) -> int:
        kind = node.__class__.__name__
        number, flags = self.count(kind), self.flags
        generator = f.GENERATOR if kind == "GeneratorExp" else 0
        start = len(self.ops)
        self.ops.append(())  # stands for the whole, so that the element can be passed over
        self.flags = inner = flags | f.REPEATED | f.MAYBE | generator
        if kind == "DictComp":
            elements: tuple[int, ...] = (self.expression(node.key), self.expression(node.value))
        else:
            elements = (self.expression(node.elt),)
        element_end = len(self.ops)
        generators = []
        for i, part in enumerate(node.generators):
            first = len(self.ops)
            target = self.target(part.target)
            self.flags = flags if i == 0 else inner
            iterable = self.expression(part.iter)
            middle = len(self.ops)
            self.flags = inner
            conditions = tuple(self.expression(c) for c in part.ifs)
            end = len(self.ops)
            generators.append(
                (target, iterable, first, middle, end, conditions, bool(part.is_async))
            )
        self.flags = flags
        self.ops[start] = (
            f.COMPREHENSION, node.lineno, node.col_offset + 1, number, flags, kind,
            start + 1, element_end, tuple(generators), len(self.ops), elements,
        )  # fmt: skip
        return start

    def on_sequence(self, node: Any) -> int:
        kind = node.__class__.__name__.lower()
        elements = tuple(self.operand(e) for e in node.elts)
        return self.emit(f.SEQUENCE, node, -1, kind, elements)

    def on_dict(self, node: ast.Dict) -> int:
        keys, values = [], []
        for key, value in zip(node.keys, node.values, strict=True):
            keys.append(-1 if key is None else self.expression(key))
            values.append(self.expression(value))
        return self.emit(f.DICT, node, -1, tuple(keys), tuple(values))

    def on_boolop(self, node: ast.BoolOp) -> int:
        operands = [self.expression(node.values[0])]
        operands += [self.maybe(v) for v in node.values[1:]]
        return self.emit(f.BOOLEAN, node, -1, tuple(operands), node.op.__class__.__name__)

    def on_ifexp(self, node: ast.IfExp) -> int:
        number = self.count("IfExp")
        body = self.maybe(node.body)
        test = self.expression(node.test)
        orelse = self.maybe(node.orelse)
        return self.emit(f.CONDITIONAL, node, number, test, body, orelse)

    def on_binop(self, node: ast.BinOp) -> int:
        # Long chains lean to the left: unrolled, so that they don't nest.
        operators: list[tuple[ast.BinOp, str]] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            operators.append((left, left.op.__class__.__name__))
            left = left.left
        if len(operators) > _LONGEST_CHAIN:
            raise RecursionError
        value = self.expression(left)
        for part, symbol in reversed(operators):
            value = self.emit(f.OPERATOR, part, -1, symbol, (value, self.expression(part.right)))
        return value

    def on_unaryop(self, node: ast.UnaryOp) -> int:
        operand = self.expression(node.operand)
        return self.emit(f.OPERATOR, node, -1, node.op.__class__.__name__, (operand,))

    def on_compare(self, node: ast.Compare) -> int:
        operands = [self.expression(node.left), self.expression(node.comparators[0])]
        operands += [self.maybe(c) for c in node.comparators[1:]]
        symbol = node.ops[0].__class__.__name__
        return self.emit(f.OPERATOR, node, -1, symbol, tuple(operands))

    def on_joinedstr(self, node: Any) -> int:
        operands = tuple(
            self.expression(part) for part in node.values if part.__class__ is not ast.Constant
        )
        first = node.values[0] if node.values else None
        head = first.value if first.__class__ is ast.Constant else ""
        return self.emit(f.FORMAT, node, -1, operands, head)

    def on_formattedvalue(self, node: Any) -> int:
        value = self.expression(node.value)
        if node.format_spec is not None:
            self.expression(node.format_spec)
        return value

    def on_yield(self, node: ast.Yield) -> int:
        number = self.count("Yield")
        self.scope.generator = True
        value = -1 if node.value is None else self.expression(node.value)
        return self.emit(f.YIELD, node, number, value)

    def on_yieldfrom(self, node: ast.YieldFrom) -> int:
        number = self.count("Yield")
        self.scope.generator = True
        return self.emit(f.YIELD_FROM, node, number, self.expression(node.value))

    def on_namedexpr(self, node: ast.NamedExpr) -> int:
        number = self.count("NamedExpr")
        self.names += 1
        self.scope.bound.add(node.target.id)
        return self.emit(f.WALRUS, node, number, node.target.id, self.expression(node.value))

    def on_slice(self, node: ast.Slice) -> int:
        parts = (node.lower, node.upper, node.step)
        return self.emit(
            f.SLICE, node, -1, *(-1 if p is None else self.expression(p) for p in parts)
        )

    def on_starred(self, node: ast.Starred) -> int:
        return self.expression(node.value)


def _merged(left: list[Any], right: list[Any]) -> list[Any]:
    """Positional and keyword parts as written."""
    if not right or not left:
        return left or right
    if (left[-1].lineno, left[-1].col_offset) < (right[0].lineno, right[0].col_offset):
        return left + right
    return sorted(left + right, key=lambda part: (part.lineno, part.col_offset))


def _call_position(node: ast.Call) -> tuple[int, int]:
    function = node.func
    if function.__class__ is ast.Attribute and function.end_lineno is not None:
        end = function.end_col_offset or 0
        return function.end_lineno, max(end - len(function.attr), 0) + 1
    return node.lineno, node.col_offset + 1


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


def _table(methods: dict[str, Callable[..., Any]]) -> dict[Any, Any]:
    """Node classes that this Python knows, by the names of their handlers."""
    table = {}
    for name, method in methods.items():
        node_class = getattr(ast, name, None)
        if node_class is not None:
            table[node_class] = method
    return table


_E = _Extractor
_STATEMENTS: dict[Any, Callable[..., tuple[Any, ...]]] = _table({
    "Expr": _E.on_expr, "Assign": _E.on_assign, "AnnAssign": _E.on_annassign,
    "AugAssign": _E.on_augassign, "Return": _E.on_return, "Raise": _E.on_raise,
    "Assert": _E.on_assert, "Delete": _E.on_delete, "If": _E.on_if, "For": _E.on_for,
    "AsyncFor": _E.on_for, "While": _E.on_while, "With": _E.on_with, "AsyncWith": _E.on_with,
    "Try": _E.on_try, "TryStar": _E.on_try, "FunctionDef": _E.on_function,
    "AsyncFunctionDef": _E.on_function, "ClassDef": _E.on_function, "Import": _E.on_import,
    "ImportFrom": _E.on_importfrom, "Global": _E.on_global, "Nonlocal": _E.on_global,
    "Pass": _E.on_flow, "Break": _E.on_flow, "Continue": _E.on_flow, "Match": _E.on_match,
    "TypeAlias": _E.on_typealias,
})  # fmt: skip
_EXPRESSIONS: dict[Any, Callable[..., int]] = _table({
    "Name": _E.on_name, "Constant": _E.on_constant, "Attribute": _E.on_attribute,
    "Call": _E.on_call, "Subscript": _E.on_subscript, "Await": _E.on_await,
    "Lambda": _E.on_lambda, "ListComp": _E.on_comprehension, "SetComp": _E.on_comprehension,
    "DictComp": _E.on_comprehension, "GeneratorExp": _E.on_comprehension,
    "List": _E.on_sequence, "Tuple": _E.on_sequence, "Set": _E.on_sequence, "Dict": _E.on_dict,
    "BoolOp": _E.on_boolop, "IfExp": _E.on_ifexp, "BinOp": _E.on_binop,
    "UnaryOp": _E.on_unaryop, "Compare": _E.on_compare, "JoinedStr": _E.on_joinedstr,
    "TemplateStr": _E.on_joinedstr, "FormattedValue": _E.on_formattedvalue,
    "Interpolation": _E.on_formattedvalue, "Yield": _E.on_yield,
    "YieldFrom": _E.on_yieldfrom, "NamedExpr": _E.on_namedexpr, "Slice": _E.on_slice,
    "Starred": _E.on_starred,
})  # fmt: skip
