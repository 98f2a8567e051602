"""Names in the configuration: which functions of a program ``sync`` and ``also-async`` mean.

A name is that of a module, package, class or function, with dots or as findings print it
(``package.module:Class.method``), the path of a file or folder, or a glob of one of these. What is
below something named is named too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher, get_close_matches
from fnmatch import fnmatchcase

from asyncify.analysis.program import Function, Program


def is_named(function: Function, patterns: tuple[str, ...]) -> bool:
    """Does one of the patterns mean a function, or something that it stands in?"""
    return bool(patterns) and any(_means(pattern, function) for pattern in patterns)


def named(program: Program, patterns: tuple[str, ...]) -> list[Function]:
    """All functions that the patterns mean."""
    return [fn for fn in _functions(program) if is_named(fn, patterns)] if patterns else []


def unknown(program: Program, patterns: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The patterns that mean nothing in the program, each with the nearest name that would, or
    ''."""
    missing = [p for p in patterns if not any(_means(p, fn) for fn in _functions(program))]
    if missing:
        names = {name for fn in _functions(program) for name in _written(fn)}
        for pattern in missing:
            yield pattern, _nearest(pattern, names)


def _functions(program: Program) -> Iterator[Function]:
    for module in program.modules.values():
        yield from module.functions


def _means(pattern: str, function: Function) -> bool:
    pattern = pattern.rstrip("/")
    qualname, path = function.qualname.replace(":", "."), function.module.path
    return (
        fnmatchcase(qualname, pattern.replace(":", "."))
        or fnmatchcase(function.module.name, pattern)
        or fnmatchcase(path, pattern)
        or qualname.startswith(pattern.replace(":", ".") + ".")
        or path.startswith(pattern + "/")
    )


def _written(function: Function) -> Iterator[str]:
    """How somebody would name a function: with dots, and its file by its path."""
    if function.facts.kind == "module":
        yield function.module.path
    if "<" not in function.qualname:
        yield function.qualname.replace(":", ".")


def _nearest(pattern: str, names: Iterable[str]) -> str:
    """The name that was probably meant: its last part is like the pattern's."""
    wanted = pattern.replace(":", ".")
    by_last: dict[str, list[str]] = {}
    for name in names:
        by_last.setdefault(_last(name), []).append(name)
    close = get_close_matches(_last(wanted), by_last, n=3, cutoff=0.6)
    found = [name for last in close for name in by_last[last]]
    matcher = SequenceMatcher(b=wanted)

    def likeness(name: str) -> tuple[float, str]:
        matcher.set_seq1(name)
        return matcher.ratio(), name

    return max(found, key=likeness, default="")


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/" if "/" in name else ".")[2]
