"""Import statements: reading them, sorting their names, and finding a place for a new one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

import libcst as cst

from asyncify_transforms._expressions import dotted, with_comments_of, without_comments
from asyncify_transforms._statements import is_docstring

FUTURE, STANDARD, THIRD_PARTY, LOCAL = range(4)


def module_of(statement: cst.ImportFrom) -> str:
    """The module as written, with the dots of a relative import."""
    name = dotted(statement.module) if statement.module is not None else ""
    return "." * len(statement.relative) + name


def alias_name(alias: cst.ImportAlias) -> str:
    """The name that is imported."""
    return dotted(alias.name)


def local_name(alias: cst.ImportAlias, whole_module: bool) -> str:
    """The name that an import binds: of ``import a.b`` it is ``a``."""
    if alias.asname is not None:
        return dotted(alias.asname.name)
    name = dotted(alias.name)
    return name.partition(".")[0] if whole_module else name


def category(module: str, path: str) -> int:
    """Which block of imports a module belongs to. Of the modules that aren't the standard
    library's, those named like a folder of the file's own path are the program's."""
    root = module.partition(".")[0]
    if root == "__future__":
        return FUTURE
    if not root:
        return LOCAL
    if root in sys.stdlib_module_names:
        return STANDARD
    file = PurePosixPath(path)
    return LOCAL if root in {*file.parent.parts, file.stem} else THIRD_PARTY


def _by_type(name: str) -> tuple[int, str]:
    """The order that isort and ruff give to names: constants, classes, the rest."""
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1 if name[:1].isupper() else 2), name


_ORDERS: tuple[Callable[[str], Any], ...] = (_by_type, str.lower, str)


def place_in(names: Sequence[str], new: str) -> int:
    """Where a name goes: kept sorted if the names were, else last."""
    for order in _ORDERS:
        keys = [order(name) for name in names]
        if keys == sorted(keys):
            return sum(key <= order(new) for key in keys)
    return len(names)


def with_alias(statement: cst.ImportFrom, alias: cst.ImportAlias) -> cst.ImportFrom:
    """The statement with one more name, laid out as the others are."""
    names: Any = statement.names
    aliases = list(names)
    index = place_in([alias_name(a) for a in aliases], alias_name(alias))
    if index == len(aliases):
        return _appended(statement, aliases, alias)
    aliases.insert(index, alias.with_changes(comma=_separator(aliases, statement)))
    return statement.with_changes(names=aliases)


def _separator(aliases: Sequence[cst.ImportAlias], statement: cst.ImportFrom) -> cst.Comma:
    """The comma between two names of this statement, without its comment."""
    for alias in aliases[:-1]:
        if isinstance(alias.comma, cst.Comma):
            return _bare(alias.comma)
    opening = statement.lpar.whitespace_after if statement.lpar is not None else None
    if isinstance(opening, cst.ParenthesizedWhitespace):
        return _bare(cst.Comma(whitespace_after=opening))
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _bare(comma: cst.Comma) -> cst.Comma:
    return comma.with_changes(whitespace_after=without_comments(comma.whitespace_after))


def _appended(
    statement: cst.ImportFrom, aliases: list[cst.ImportAlias], alias: cst.ImportAlias
) -> cst.ImportFrom:
    """One more name at the end. A trailing comma stays one; what stands behind the last name, its
    comment for one, stays with it."""
    last = aliases[-1]
    between = _separator(aliases, statement).whitespace_after
    ending = _ending(statement, last)
    separator = cst.Comma(whitespace_after=with_comments_of(ending, between))
    closing = without_comments(ending)
    if isinstance(last.comma, cst.Comma):
        alias = alias.with_changes(comma=cst.Comma(whitespace_after=closing))
    elif statement.rpar is not None:
        rpar = statement.rpar.with_changes(whitespace_before=closing)
        statement = statement.with_changes(rpar=rpar)
    names = [*aliases[:-1], last.with_changes(comma=separator), alias]
    return statement.with_changes(names=names)


def _ending(statement: Any, last: cst.ImportAlias) -> Any:
    """What stands behind the last name: in its comma, or before the closing parenthesis."""
    if isinstance(last.comma, cst.Comma):
        return last.comma.whitespace_after
    rpar = getattr(statement, "rpar", None)
    return cst.SimpleWhitespace("") if rpar is None else rpar.whitespace_before


def without_aliases(statement: Any, gone: set[int]) -> Any:
    """The statement without the names at some indexes; None if none is left."""
    names = statement.names
    left = [alias for index, alias in enumerate(names) if index not in gone]
    if not left:
        return None
    if len(names) - 1 in gone:
        return _closed(statement, left, names[-1])
    return statement.with_changes(names=left)


def _closed(statement: Any, left: list[cst.ImportAlias], last: cst.ImportAlias) -> Any:
    """The statement with a new last name, which keeps its own comment, and the old one's comma."""
    own = left[-1].comma.whitespace_after if isinstance(left[-1].comma, cst.Comma) else None
    closing = with_comments_of(own, without_comments(_ending(statement, last)))
    if isinstance(last.comma, cst.Comma):
        comma: Any = last.comma.with_changes(whitespace_after=closing)
    else:
        comma = cst.MaybeSentinel.DEFAULT
        if getattr(statement, "rpar", None) is not None:
            rpar = statement.rpar.with_changes(whitespace_before=closing)
            statement = statement.with_changes(rpar=rpar)
    return statement.with_changes(names=[*left[:-1], left[-1].with_changes(comma=comma)])


def import_of(statement: Any) -> cst.Import | cst.ImportFrom | None:
    """The import that has a line to itself."""
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        small = statement.body[0]
        if isinstance(small, (cst.Import, cst.ImportFrom)):
            return small
    return None


def imported_module(statement: cst.Import | cst.ImportFrom) -> str:
    """The module of an import line: of several the first."""
    if isinstance(statement, cst.ImportFrom):
        return module_of(statement)
    return alias_name(statement.names[0])


def first_statement(body: Sequence[Any]) -> int:
    """The index behind the docstring and ``from __future__``."""
    index = 1 if body and is_docstring(body[0]) else 0
    while index < len(body):
        statement = import_of(body[index])
        if statement is None or imported_module(statement) != "__future__":
            break
        index += 1
    return index
