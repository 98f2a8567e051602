"""Orders: the keys that Python sorts rows by, as keys of ``ORDER BY``.

Python's sort keeps the order of what is equal, also where it is reversed: the keys of an earlier
sort, and in the end those of the statement, follow those of the last.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from asyncify.pushdown.paths import Names
from asyncify.pushdown.syntax import Refused, keyword, names, unparsed
from asyncify.pushdown.values import Value, Values
from asyncify.vocabulary.push_down import ORDERED

_TEXT = "the database sorts text by its collation, Python by code points"


@dataclass(frozen=True, slots=True)
class Order:
    """One sort: the texts of its keys; ``unique`` where no two rows have the same."""

    keys: tuple[str, ...]
    unique: bool = False


class Orders:
    """Translates keys. ``maps`` are the dicts of keys, ``chosen`` the variables that hold one."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.maps: set[str] = set()
        self.chosen: set[str] = set()

    def order(self, call: ast.Call) -> Order:
        """What ``rows.sort(...)`` or ``sorted(rows, ...)`` orders by."""
        if any(k.arg not in ("key", "reverse") for k in call.keywords):
            raise Refused(f"`{unparsed(call)}` has no equal form in SQL")
        key, reverse = keyword(call, "key"), keyword(call, "reverse")
        if key is None:
            raise Refused("rows are compared with each other")
        if isinstance(key, ast.Name) and key.id in self.chosen:
            texts, unique = [f"{key.id}"], False
            self.values.used.add(key.id)
        elif self.is_lookup(key):
            texts, unique = [self.lookup(key)], False
        else:
            texts, unique = self.keys(key)
        return Order(tuple(self._directed(texts, reverse)), unique)

    def _directed(self, texts: list[str], reverse: ast.expr | None) -> list[str]:
        if reverse is None or (isinstance(reverse, ast.Constant) and not reverse.value):
            return texts
        if isinstance(reverse, ast.Constant):
            return [_turned(text) for text in texts]
        test = self.values.python(reverse, Names({}))
        return [f"{_turned(text)} if {test} else {text}" for text in texts]

    def keys(self, key: ast.expr) -> tuple[list[str], bool]:
        """The keys that a lambda or ``attrgetter`` gives."""
        if isinstance(key, ast.Call) and unparsed(key.func).rpartition(".")[2] == "attrgetter":
            return self._texts([self._attribute(argument, key) for argument in key.args])
        if not isinstance(key, ast.Lambda) or len(key.args.args) != 1:
            raise Refused(f"the key `{unparsed(key)}` has no equal form in SQL")
        row = Names({key.args.args[0].arg: ()})
        parts = key.body.elts if isinstance(key.body, ast.Tuple) else [key.body]
        texts: list[str] = []
        unique = False
        for part in parts:
            is_negative = isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub)
            value = self.values.value(part.operand if is_negative else part, row)  # type: ignore[attr-defined]
            if is_negative and value.kind != "number":
                raise Refused(f"`{value.label}` isn't known to be a number")
            read, is_key = self._texts([value])
            texts += [_turned(text) for text in read] if is_negative else read
            unique = unique or is_key
        return texts, unique

    def _attribute(self, argument: ast.expr, key: ast.Call) -> Value:
        """What ``attrgetter("a.b")`` gets, for a path that stands there."""
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            raise Refused(f"the key `{unparsed(key)}` has no equal form in SQL")
        return self.values._reached(tuple(argument.value.split(".")))

    def _texts(self, values: list[Value]) -> tuple[list[str], bool]:
        unique = False
        for value in values:
            if value.kind not in ORDERED:
                raise Refused(f"what `{value.label}` holds isn't known to sort as in Python")
            if value.nullable:
                self.values.missing(value)
            if value.kind == "text":
                self.values.corner(_TEXT)
            joins = self.values.joins
            own = value.text == f"{joins.speller.cls(joins.entity)}.{value.label}"
            unique = unique or (own and joins.columns.key(joins.entity) == [value.label])
        return [value.text for value in values], unique

    # -- dicts of keys

    def map(self, name: str, node: ast.Dict) -> str | None:
        """The dict with columns in the place of lambdas, or None where it isn't one of keys."""
        if not _is_map(node):
            return None
        text = self._map(node)
        self.maps.add(name)
        return text

    def _map(self, node: ast.Dict) -> str:
        parts = []
        for key, value in zip(node.keys, node.values, strict=True):
            texts, _ = self.keys(value)
            if key is None or len(texts) != 1:
                raise Refused(f"`{unparsed(value)}` gives several keys")
            parts.append(f"{self.values.python(key, Names({}))}: {texts[0]}")
        return f"{{{', '.join(parts)}}}"

    def lookup(self, node: ast.expr) -> str:
        """``keys[name]``, or ``keys.get(name, default)``, in which a default is a key too."""
        if isinstance(node, ast.Subscript):
            return f"{self._dict(node.value)}[{self.values.python(node.slice, Names({}))}]"
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        texts = [self.values.python(node.args[0], Names({}))]
        for default in node.args[1:]:
            if self.is_lookup(default):
                texts.append(self.lookup(default))
            elif isinstance(default, ast.Lambda):
                texts += self.keys(default)[0]
            elif isinstance(default, ast.Constant) and default.value is None:
                texts.append("None")
            else:
                raise Refused(f"`{unparsed(default)}` has no equal form in SQL")
        return f"{self._dict(node.func.value)}.get({', '.join(texts)})"

    def _dict(self, node: ast.expr) -> str:
        if isinstance(node, ast.Dict):
            return self._map(node)
        self.values.used |= names(node)
        return unparsed(node)

    def is_lookup(self, node: ast.expr) -> bool:
        """Is a key looked up in a dict of them?"""
        base = _looked_in(node)
        if isinstance(base, ast.Dict):
            return _is_map(base)
        return isinstance(base, ast.Name) and base.id in self.maps


def _is_map(node: ast.Dict) -> bool:
    lambdas = all(isinstance(each, ast.Lambda) for each in node.values)
    return bool(node.keys) and lambdas and None not in node.keys


def _looked_in(node: ast.expr) -> ast.expr | None:
    """What something is looked up in."""
    if isinstance(node, ast.Subscript):
        return node.value
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    is_get = node.func.attr == "get" and not node.keywords and 1 <= len(node.args) <= 2
    return node.func.value if is_get else None


def _turned(text: str) -> str:
    """A key the other way round."""
    return text.removesuffix(".desc()") if text.endswith(".desc()") else f"{text}.desc()"
