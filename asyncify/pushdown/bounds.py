"""Bounds: where a slice begins and how long it is, as ``OFFSET`` and ``LIMIT``.

A slice takes negative numbers, a database doesn't. Where the numbers are shown not to be negative,
they are given as they are; otherwise they are computed as Python would, from the number of rows.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from asyncify.pushdown.syntax import unparsed

Terms = dict[tuple[str, ...], int]
Lowest = Callable[[str], "int | None"]  # the least value of a name, where that is known


@dataclass(frozen=True, slots=True)
class Bounds:
    """``limit`` and ``offset`` as texts, '' for none. ``counted`` where they need the number of
    rows: then they stand for the two ends of a slice."""

    limit: str
    offset: str
    counted: bool = False


class Arithmetic:
    """Sums and products of names, as far as they are that. ``known`` are local names that stand for
    an expression, ``assigned`` others and what they were assigned before."""

    def __init__(
        self, known: dict[str, ast.expr], lowest: Lowest,
        assigned: Mapping[str, ast.expr] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.known = known
        self.assigned = assigned
        self.lowest = lowest

    def bounds(self, part: ast.Slice, text: Callable[[ast.AST], str]) -> Bounds:
        """The bounds of a slice that has an end and no step."""
        assert part.upper is not None
        lower = text(part.lower) if part.lower is not None else ""
        start = self.terms(part.lower) if part.lower is not None else {}
        stop = self.terms(part.upper)
        if start is not None and stop is not None:
            length = _sum(stop, start, -1)
            if self.least(start) >= 0 and self.least(length) >= 0:
                size = self._size(part, length)
                if size is not None:
                    return Bounds(size, "" if not start else lower)
        return Bounds(text(part.upper), lower or "None", counted=True)

    def _size(self, part: ast.Slice, length: Terms) -> str | None:
        """How a length is written: as one number or one name, or as a difference."""
        if not length:
            return "0"
        if len(length) == 1:
            ((factors, times),) = length.items()
            if not factors:
                return str(times)
            if times == 1:
                return " * ".join(factors)
        if part.lower is None:
            assert part.upper is not None
            return unparsed(part.upper)
        return None

    def terms(self, node: ast.expr | None) -> Terms | None:
        """An expression as a sum of products; None for any other."""
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return {(): node.value} if node.value else {}
        if isinstance(node, ast.Name):
            inner = self.terms(self.known[node.id]) if node.id in self.known else None
            return {(node.id,): 1} if inner is None else inner
        if isinstance(node, ast.BinOp):
            left, right = self.terms(node.left), self.terms(node.right)
            if left is None or right is None:
                return None
            if isinstance(node.op, ast.Add):
                return _sum(left, right, 1)
            if isinstance(node.op, ast.Sub):
                return _sum(left, right, -1)
            if isinstance(node.op, ast.Mult):
                return _product(left, right)
        return None

    def at_least(self, node: ast.expr) -> float:
        """The least value of an expression."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            if node.func.id in ("len", "abs"):
                return 0
            least = [self.at_least(each) for each in node.args]
            if node.func.id == "max" and len(least) > 1:
                return max(least)
            if node.func.id == "min" and len(least) > 1:
                return min(least)
            return float("-inf")
        terms = self.terms(node) if not isinstance(node, ast.Call) else None
        return self.least(terms) if terms is not None else float("-inf")

    def least(self, terms: Terms) -> float:
        """The least value of a sum: each name is written as its least value and what is above it,
        and then no product is negative whose factor isn't."""
        above: Terms = {}
        for factors, times in terms.items():
            product: Terms = {(): times}
            for name in factors:
                low = self._lowest(name)
                if low is None:
                    return float("-inf")
                product = _product(product, _sum({(name,): 1}, {(): low} if low else {}, 1))
            above = _sum(above, product, 1)
        if any(times < 0 for factors, times in above.items() if factors):
            return float("-inf")
        return above.get((), 0)

    def _lowest(self, name: str) -> int | None:
        value = self.known.get(name, self.assigned.get(name))
        if value is None:
            return self.lowest(name)
        rest = Arithmetic({}, self.lowest, {k: v for k, v in self.assigned.items() if k != name})
        low = rest.at_least(value)
        return int(low) if low > float("-inf") else None


def _sum(one: Terms, other: Terms, sign: int) -> Terms:
    out = dict(one)
    for factors, times in other.items():
        out[factors] = out.get(factors, 0) + sign * times
    return {factors: times for factors, times in out.items() if times}


def _product(one: Terms, other: Terms) -> Terms:
    out: Terms = {}
    for left, times in one.items():
        for right, more in other.items():
            factors = tuple(sorted(left + right))
            out[factors] = out.get(factors, 0) + times * more
    return {factors: times for factors, times in out.items() if times}
