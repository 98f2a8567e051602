"""Adds the imports that the new code needs and removes those that nothing uses any more.

What it does
    A name is merged into an import of the same module, sorted as that was; else a line is added
    beside the imports of its kind. A name is removed from wherever it is imported, also inside
    functions, `try` and `if TYPE_CHECKING`, if the rewritten file doesn't use it.

Why
    `select` and AsyncSession have to come from somewhere, and linters reject what is left over.

Example
    Before:
        from sqlalchemy import func
        from sqlalchemy.orm import Session, joinedload

        print(func, joinedload, select, AsyncSession)
    After:
        from sqlalchemy import func, select
        from sqlalchemy.ext.asyncio import AsyncSession
        from sqlalchemy.orm import joinedload

        print(func, joinedload, select, AsyncSession)

Leaves alone
    Names that are still used, in string annotations and `__all__` too; comments on other names.

Safety
    Safe: an import is only removed if its name occurs nowhere else in the file.

Source
    https://docs.python.org/3/reference/simple_stmts.html#the-import-statement
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import libcst as cst

from asyncify.decisions import ImportName, UpdateImports
from asyncify_transforms._expressions import dotted, dotted_node
from asyncify_transforms._imports import (
    FUTURE,
    alias_name,
    category,
    first_statement,
    import_of,
    imported_module,
    local_name,
    module_of,
    place_in,
    with_alias,
    without_aliases,
)
from asyncify_transforms._transform import Example, Place, Transform, documented, node

_GUARDS = {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def apply(decision: UpdateImports, module: cst.Module, place: Place) -> cst.CSTNode | None:
    """The module with its imports brought up to date."""
    body = list(module.body)
    for new in decision.add:
        body = _with_import(body, new, place.path)
    module = module.with_changes(body=body) if decision.add else module
    unused = set(decision.remove) - {_local(new) for new in decision.add}
    if unused:
        unused -= set(_used_names(module, place, unused))
    if not unused:
        return module
    return place.edit_small_statements(module, lambda statement: _without(statement, unused))


def _local(new: ImportName) -> str:
    return new.alias or new.name or new.module.partition(".")[0]


# -- adding


def _with_import(body: list[Any], new: ImportName, path: str) -> list[Any]:
    """The statements with one more import, unless it is there already."""
    if new.type_checking:
        guarded = _with_guarded_import(body, new, path)
        if guarded is not None:
            return guarded
    target = None
    for index, line in enumerate(body):
        statement = import_of(line)
        if statement is None or not _imports_from(statement, new):
            continue
        if _has(statement, new):
            return body
        if isinstance(statement, cst.ImportFrom) and target is None:
            target = index
    if target is None:
        return _with_line(body, new, path)
    line = body[target]
    merged = with_alias(line.body[0], _alias(new))
    return [*body[:target], line.with_changes(body=[merged]), *body[target + 1 :]]


def _with_guarded_import(body: list[Any], new: ImportName, path: str) -> list[Any] | None:
    """The statements with the import below ``if TYPE_CHECKING``; None where there is no such
    block."""
    for index, line in enumerate(body):
        is_guard = isinstance(line, cst.If) and dotted(line.test) in _GUARDS
        if is_guard and isinstance(line.body, cst.IndentedBlock):
            plain = replace(new, type_checking=False)
            inner = line.body.with_changes(body=_with_import(list(line.body.body), plain, path))
            return [*body[:index], line.with_changes(body=inner), *body[index + 1 :]]
    return None


def _imports_from(statement: cst.Import | cst.ImportFrom, new: ImportName) -> bool:
    if isinstance(statement, cst.Import):
        return not new.name
    is_star = isinstance(statement.names, cst.ImportStar)
    return bool(new.name) and not is_star and module_of(statement) == new.module


def _has(statement: cst.Import | cst.ImportFrom, new: ImportName) -> bool:
    names: Any = statement.names
    wanted = new.name or new.module
    return any(
        alias_name(alias) == wanted
        and (dotted(alias.asname.name) if alias.asname else "") == new.alias
        for alias in names
    )


def _alias(new: ImportName) -> cst.ImportAlias:
    asname = cst.AsName(cst.Name(new.alias)) if new.alias else None
    return cst.ImportAlias(dotted_node(new.name or new.module), asname)


def _statement(new: ImportName) -> cst.SimpleStatementLine:
    if not new.name:
        return cst.SimpleStatementLine([cst.Import([_alias(new)])])
    name = new.module.lstrip(".")
    dots = [cst.Dot()] * (len(new.module) - len(name))
    module = dotted_node(name) if name else None
    return cst.SimpleStatementLine([cst.ImportFrom(module, [_alias(new)], relative=dots)])


def _with_line(body: list[Any], new: ImportName, path: str) -> list[Any]:
    """The statements with a line of its own for an import."""
    blocks = list(_blocks(body))
    block = _block_for(blocks, body, new, path)
    if block is not None:
        index = _index_in(body[block.start : block.stop], new) + block.start
        return _inserted(body, index, new, at_top=index == block.start)
    return _with_block(body, blocks, new, path)


def _blocks(body: Sequence[Any]) -> Iterator[range]:
    """The runs of import lines at the top level, as they are parted by blank lines."""
    start = None
    for index, line in enumerate(body):
        is_import = import_of(line) is not None
        if start is not None and (not is_import or _has_blank_line(line)):
            yield range(start, index)
            start = None
        if is_import and start is None:
            start = index
    if start is not None:
        yield range(start, len(body))


def _head(body: Sequence[Any]) -> int:
    """The index of the first statement that may use a name: what is imported below isn't there
    yet when it runs."""
    harmless = (cst.Import, cst.ImportFrom, cst.Expr)
    for index, line in enumerate(body):
        small = line.body if isinstance(line, cst.SimpleStatementLine) else ()
        is_guard = isinstance(line, (cst.If, cst.Try))
        if not is_guard and not (small and all(isinstance(part, harmless) for part in small)):
            return index
    return len(body)


def _has_blank_line(line: Any) -> bool:
    return any(empty.comment is None for empty in line.leading_lines)


def _modules(body: Sequence[Any], block: range) -> list[str]:
    statements = (import_of(body[index]) for index in block)
    return [imported_module(statement) for statement in statements if statement is not None]


def _block_for(
    blocks: Sequence[range], body: Sequence[Any], new: ImportName, path: str
) -> range | None:
    """The block that imports from the same package already, else one of the same category."""
    root = new.module.partition(".")[0]
    for block in blocks:
        if root and any(m.partition(".")[0] == root for m in _modules(body, block)):
            return block
    wanted, head = category(new.module, path), _head(body)
    for block in reversed(blocks):
        if block.start < head and category(_modules(body, block)[-1], path) == wanted:
            return block
    for block in blocks:  # of several categories, without blank lines between them
        names = _modules(body, block)
        same = [block.start + n for n, m in enumerate(names) if category(m, path) == wanted]
        if same and len(names) == len(block) and block.start < head:
            return range(same[0], same[-1] + 1)
    return None


def _index_in(lines: Sequence[Any], new: ImportName) -> int:
    """Where a line goes in its block: sorted among lines of its form (``import a`` or ``from a
    import b``), which stand apart in most programs."""
    plain = not new.name
    same = [i for i, line in enumerate(lines) if _is_plain(line) == plain]
    if not same:
        return 0 if plain else len(lines)
    names = [imported_module(lines[i].body[0]) for i in same]
    if names != sorted(names, key=str.lower) and names != sorted(names):
        related = [i for i in same if _root(lines[i]) == new.module.partition(".")[0]]
        return (related or same)[-1] + 1
    position = place_in([name.lower() for name in names], new.module.lower())
    return same[position] if position < len(same) else same[-1] + 1


def _is_plain(line: Any) -> bool:
    return isinstance(import_of(line), cst.Import)


def _root(line: Any) -> str:
    return imported_module(line.body[0]).partition(".")[0]


def _inserted(body: list[Any], index: int, new: ImportName, at_top: bool) -> list[Any]:
    """The statements with the new line at an index. At the top of a block it takes over the blank
    lines above, but a comment stays with the import that it was written for."""
    line, follower = _statement(new), body[index : index + 1]
    if at_top and not any(empty.comment for empty in follower[0].leading_lines):
        line = line.with_changes(leading_lines=follower[0].leading_lines)
        follower = [follower[0].with_changes(leading_lines=[])]
    return [*body[:index], line, *follower, *body[index + 1 :]]


def _with_block(body: list[Any], blocks: Sequence[range], new: ImportName, path: str) -> list[Any]:
    """The statements with a new block of imports, in the order of the categories."""
    wanted = category(new.module, path)
    head = _head(body)
    earlier = [b for b in blocks if b.start < head and _is_between(body, b, path, wanted)]
    index = earlier[-1].stop if earlier else first_statement(body)
    line = _statement(new)
    blank = cst.EmptyLine(indent=False)
    if index > 0:
        line = line.with_changes(leading_lines=[blank])
    follower = body[index : index + 1]
    if follower and not _has_blank_line(follower[0]):
        is_definition = isinstance(follower[0], (cst.FunctionDef, cst.ClassDef))
        lines = [blank] * (1 + is_definition) + list(follower[0].leading_lines)
        follower = [follower[0].with_changes(leading_lines=lines)]
    return [*body[:index], line, *follower, *body[index + 1 :]]


def _is_between(body: Sequence[Any], block: range, path: str, wanted: int) -> bool:
    return FUTURE < category(_modules(body, block)[-1], path) < wanted


# -- removing


_TYPED_CALLS = frozenset({"cast", "ForwardRef", "TypeVar", "NewType"})


def _used_names(module: cst.Module, place: Place, names: set[str]) -> Iterator[str]:
    """Those of the names that the module uses: as expressions, in strings that are types, or in
    ``__all__``."""
    for part in place.walk(module):
        if isinstance(part, cst.Name):
            if part.value in names:
                yield part.value
        elif isinstance(part, (cst.Annotation, cst.SubscriptElement)):
            yield from _in_strings(part, place, names)
        elif isinstance(part, cst.Call):
            if dotted(part.func).rpartition(".")[2] in _TYPED_CALLS or _exports(part.func):
                yield from _in_strings(part, place, names)
        elif isinstance(part, cst.Assign):
            if any(_exports(target.target) for target in part.targets):
                yield from _in_strings(part.value, place, names)
        elif (
            isinstance(part, (cst.AugAssign, cst.AnnAssign))
            and part.value is not None
            and _exports(part.target)
        ):
            yield from _in_strings(part.value, place, names)


def _exports(node: cst.CSTNode) -> bool:
    """Whether an expression is ``__all__``, or a method of it."""
    return dotted(node).partition(".")[0] == "__all__"


def _in_strings(node: cst.CSTNode, place: Place, names: set[str]) -> Iterator[str]:
    for part in place.walk(node):
        if not isinstance(part, cst.SimpleString):
            continue
        text = part.raw_value
        if not any(name in text for name in names):
            continue
        try:
            expression = cst.parse_expression(text)
        except (cst.ParserSyntaxError, ValueError):
            continue
        for inner in place.walk(expression):
            if isinstance(inner, cst.Name) and inner.value in names:
                yield inner.value


def _without(statement: cst.BaseSmallStatement, names: set[str]) -> cst.BaseSmallStatement | None:
    """A small statement without the names that it imports; None if it imported nothing else."""
    if not isinstance(statement, (cst.Import, cst.ImportFrom)):
        return statement
    if isinstance(statement.names, cst.ImportStar):
        return statement
    whole = isinstance(statement, cst.Import)
    if not whole and imported_module(statement) == "__future__":
        return statement
    gone = {
        index for index, alias in enumerate(statement.names) if local_name(alias, whole) in names
    }
    return without_aliases(statement, gone) if gone else statement


TRANSFORM = Transform("update-imports", UpdateImports, apply)
_ADD_SESSION = ImportName("sqlalchemy.ext.asyncio", "AsyncSession")
_REMOVE = UpdateImports(**node("Module"), remove=("Session",))
EXAMPLES = (
    documented(
        __doc__,
        UpdateImports(
            **node("Module"),
            add=(ImportName("sqlalchemy", "select"), _ADD_SESSION),
            remove=("Session",),
        ),
    ),
    Example(
        "from sqlalchemy.orm import (\n    Session,  # sync\n    joinedload,  # eager\n"
        "    sessionmaker,\n)\nprint(joinedload)\n",
        (
            UpdateImports(
                **node("Module"),
                add=(ImportName("sqlalchemy.orm", "selectinload"),),
                remove=("Session", "sessionmaker"),
            ),
        ),
        "from sqlalchemy.orm import (\n    joinedload,  # eager\n    selectinload,\n)\n"
        "print(joinedload)\n",
    ),
    Example(
        "import os\nfrom flask import Flask\nfrom .models import Book\n\nprint(os, Flask, Book)\n",
        (
            UpdateImports(
                **node("Module"),
                add=(ImportName("asyncio"), ImportName("sqlalchemy", "select")),
            ),
        ),
        "import asyncio\nimport os\nfrom flask import Flask\nfrom sqlalchemy import select\n"
        "from .models import Book\n\nprint(os, Flask, Book)\n",
    ),
    Example(
        "if TYPE_CHECKING:\n    from sqlalchemy.orm import Session\n\n\n"
        'def f(db: "Session"): ...\n',
        (_REMOVE,),
        "if TYPE_CHECKING:\n    from sqlalchemy.orm import Session\n\n\n"
        'def f(db: "Session"): ...\n',
    ),
    Example(
        '"""The Session."""\n\ntry:\n    # all of it\n    from sqlalchemy.orm import Session\n'
        "except ImportError:\n    pass\n",
        (_REMOVE,),
        '"""The Session."""\n\ntry:\n    pass\n    # all of it\nexcept ImportError:\n    pass\n',
    ),
)
