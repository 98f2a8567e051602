"""Expressions of the syntax tree become flat operations, in the order in which the text stands.

Every node that an edit may name is counted on the way (``asyncify.source.order`` defines the
order). What is done for every name, constant, attribute and call is written out here: calling
something for it takes longer than doing it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from asyncify import facts as f

Ops = list[tuple[Any, ...]]
Counters = tuple[dict[str, int], int, int, int]

_LONGEST_CHAIN = 5_000  # operators; LibCST is ended by a signal at 20,000
_NAME, _CONSTANT, _ATTRIBUTE, _CALL = f.NAME, f.CONSTANT, f.ATTRIBUTE, f.CALL


class Scope:
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


class Expressions:
    """Lowers expressions, and the targets of assignments."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.flags = 0
        self.calls = self.attributes = self.names = 0
        self.enter(Scope())

    def counters(self) -> Counters:
        """How many nodes have been counted."""
        return dict(self.counts), self.calls, self.attributes, self.names

    def count_from(self, counters: Counters) -> None:
        """Go on counting from there."""
        counts, self.calls, self.attributes, self.names = counters
        self.counts = dict(counts)

    def enter(self, scope: Scope) -> None:
        """From now on, operations and names are those of another function."""
        self.scope = scope
        self.ops: Ops = scope.ops
        self.saw_name = scope.names.add
        self.saw_member = scope.members.add

    def define(self, node: Any, kind: str, number: int) -> int:
        """Read a function, class or lambda; its place among the functions is returned."""
        raise NotImplementedError

    def count(self, kind: str) -> int:
        number = self.counts.get(kind, 0)
        self.counts[kind] = number + 1
        return number

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
        if node.__class__ is ast.Starred:
            return ~self.expression(node.value)
        return _EXPRESSIONS[node.__class__](self, node)

    def emit(self, kind: int, node: ast.expr, number: int, *payload: Any) -> int:
        self.ops.append((kind, node.lineno, node.col_offset + 1, number, self.flags, *payload))
        return len(self.ops) - 1

    def on_name(self, node: ast.Name) -> int:
        number, name, ops = self.names, node.id, self.ops
        self.names = number + 1
        self.saw_name(name)
        ops.append((_NAME, node.lineno, node.col_offset + 1, number, self.flags, name))
        return len(ops) - 1

    def on_constant(self, node: ast.Constant) -> int:
        value = node.value
        if value.__class__ is str:
            if value.isidentifier():
                self.saw_member(value)
        elif value is not None and value is not True and value is not False:
            is_small = value.__class__ is int and -(2**31) < value < 2**31
            value = value if is_small else ...
        ops = self.ops
        ops.append((_CONSTANT, node.lineno, node.col_offset + 1, -1, self.flags, value))
        return len(ops) - 1

    def on_attribute(self, node: ast.Attribute) -> int:
        number, name, base = self.attributes, node.attr, node.value
        self.attributes = number + 1
        self.saw_member(name)
        value = _EXPRESSIONS[base.__class__](self, base)
        ops = self.ops
        ops.append((_ATTRIBUTE, node.lineno, node.col_offset + 1, number, self.flags, value, name))
        return len(ops) - 1

    def on_call(self, node: ast.Call) -> int:
        number = self.calls
        self.calls += 1
        callee = node.func
        function = _EXPRESSIONS[callee.__class__](self, callee)
        flags = self.flags
        self.flags = flags | f.NESTED
        positional: tuple[int, ...] = ()
        keywords: tuple[tuple[str | None, int], ...] = ()
        if node.keywords:
            positional, keywords = self.arguments(node)
        elif node.args:
            positional = tuple([self.operand(part) for part in node.args])
        self.flags = flags
        # The end of the function's expression names the call better than a chain's beginning.
        line, column = _call_position(node)
        ops = self.ops
        ops.append((_CALL, line, column, number, flags, function, positional, keywords))
        return len(ops) - 1

    def arguments(
        self, node: ast.Call
    ) -> tuple[tuple[int, ...], tuple[tuple[str | None, int], ...]]:
        """Positional and keyword arguments, in the order in which they are written."""
        positional: list[int] = []
        keywords: list[tuple[str | None, int]] = []
        for part in merged(node.args, node.keywords):
            if part.__class__ is ast.keyword:
                if part.arg is not None:
                    self.saw_name(part.arg)
                keywords.append((part.arg, self.expression(part.value)))
            else:
                positional.append(self.operand(part))
        return tuple(positional), tuple(keywords)

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
        number = self.count("Comparison")
        operands = [self.expression(node.left), self.expression(node.comparators[0])]
        operands += [self.maybe(c) for c in node.comparators[1:]]
        symbol = node.ops[0].__class__.__name__
        return self.emit(f.OPERATOR, node, number, symbol, tuple(operands))

    def on_joinedstr(self, node: Any) -> int:
        operands = tuple(
            self.expression(part) for part in node.values if part.__class__ is not ast.Constant
        )
        first = node.values[0] if node.values else None
        head = first.value if first.__class__ is ast.Constant else ""
        behind = [""] * len(operands)
        position = -1
        for part in node.values:
            if part.__class__ is not ast.Constant:
                position += 1
            elif position >= 0:
                behind[position] = str(part.value)
        return self.emit(f.FORMAT, node, -1, operands, head, tuple(behind))

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


def merged(left: list[Any], right: list[Any]) -> list[Any]:
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


def table(methods: dict[str, Callable[..., Any]]) -> dict[Any, Any]:
    """Node classes that this Python knows, by the names of their handlers."""
    table = {}
    for name, method in methods.items():
        node_class = getattr(ast, name, None)
        if node_class is not None:
            table[node_class] = method
    return table


_E = Expressions
_EXPRESSIONS: dict[Any, Callable[..., int]] = table({
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
