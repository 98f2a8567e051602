"""Templates that call, by name, what turns: nobody awaits it there.

What a template is given is often put together where no type follows it: a dict that is filled key
by key, a macro's parameters, the variables of a context processor. A method's own name still tells,
unless most objects have one of that name.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Program
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.source.templates import Read, Templates
from asyncify.vocabulary.common import COMMON
from asyncify.vocabulary.loading import AWAITING_TEMPLATES, RENDERS_TEMPLATES

_ADVICE = (
    "Call it before, and give the template the result; or set `enable_async=True` on the "
    "environment and render with `await template.render_async(...)`."
)
Methods = dict[str, list[Function]]


def template_calls(
    colors: Colors, coloring: Coloring, typed: dict[tuple[Function, str, int], None]
) -> Iterator[Finding]:
    """What templates call that turns: ``typed`` where it is known, the rest by name."""
    program = colors.program
    if program.mentioning(AWAITING_TEMPLATES):
        return
    told = set()
    for method, path, line in typed:
        told.add((path, line))
        yield _certain(method, path, line)
    if not any(map(program.mentioning, RENDERS_TEMPLATES)):
        return
    turning, others = _methods(program, coloring)
    is_property = colors.inference.is_property
    for read in Templates(colors.inference.config.root).all_reads() if turning else ():
        found = [m for name in read.path[1:] for m in turning.get(name, ())]
        found = [m for m in found if is_property(m) or (read.called and m.name == read.path[-1])]
        if found and (read.file, read.line) not in told:
            told.add((read.file, read.line))
            yield _by_name(program, read, found[0], others)


def _certain(method: Function, path: str, line: int) -> Finding:
    return finding(
        "ASY102", Site(path, line, 1),
        f"This template calls `{method.facts.qualname}`, which turns async.", _ADVICE,
    )  # fmt: skip


def _by_name(program: Program, read: Read, method: Function, others: Methods) -> Finding:
    """A finding for what a template reads, which may be something else of that name."""
    name = method.name
    kept = any(name in function.facts.stores for function in program.mentioning(name))
    if not kept and name not in others and not _is_field(program, name):
        return _certain(method, read.file, read.line)
    return finding(
        "ASY106", Site(read.file, read.line, 1),
        f"It isn't known what `{'.'.join(read.path)}` is in this template. It may be "
        f"`{method.facts.qualname}`, which turns async, and nobody awaits it here.",
        _ADVICE,
    )  # fmt: skip


def _is_field(program: Program, name: str) -> bool:
    """Has the body of a class a variable of that name?"""
    return any(
        name in cls.body.facts.bound and name not in cls.methods for cls in program.classes.values()
    )


def _methods(program: Program, coloring: Coloring) -> tuple[Methods, Methods]:
    """The methods that turn, by name, and those that don't."""
    turning: Methods = {}
    others: Methods = {}
    turned = coloring.turned - coloring.stays
    for cls in program.classes.values():
        for method in cls.methods.values():
            if not method.name.startswith("_") and method.name not in COMMON:
                (turning if method in turned else others).setdefault(method.name, []).append(method)
    return turning, others
