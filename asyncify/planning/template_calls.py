"""Templates that call what would turn: nobody awaits it there, so it stays sync.

What a template is given is often put together where no type follows it: a dict that is filled key
by key, a macro's parameters, the variables of a context processor. A method's own name still tells,
unless most objects have one of that name.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.load_templates import text_given
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Program
from asyncify.findings import Finding
from asyncify.planning.template_greenlets import TemplateGreenlets
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.source.templates import Read, Templates
from asyncify.vocabulary.common import COMMON
from asyncify.vocabulary.loading import (
    AWAITING_TEMPLATES,
    MAKES_TEMPLATE,
    RENDERS_TEMPLATES,
)

_ADVICE = (
    "Call it before, and give the template the result; or set `enable_async=True` on the "
    "environment and render with `await template.render_async(...)`."
)
Methods = dict[str, list[Function]]


def template_calls(
    colors: Colors,
    coloring: Coloring,
    typed: dict[tuple[Function, str, int], Function],
    greenlets: TemplateGreenlets,
) -> tuple[dict[Function, Obstacle], list[Finding]]:
    """What templates call that turns, and can't, with what renders these: ``typed`` where it is
    known, and what nothing else has the name of; and findings for the rest. ``greenlets``: who can
    have a template rendered where what it calls is awaited."""
    program, certain, findings = colors.program, dict[Function, Obstacle](), list[Finding]()
    if program.mentioning(AWAITING_TEMPLATES):
        return certain, findings
    told = set()
    for (method, path, line), renderer in typed.items():
        told.add((path, line))
        if greenlets.take(method):
            continue
        if method in colors.reading:
            findings.append(_awaits(method, path, line))
            continue
        certain.setdefault(method, _obstacle(path, line))
        if renderer in coloring.turned:  # it hands on its session, which has to be a sync one
            reason = f"It renders a template that calls `{method.facts.qualname}`."
            certain.setdefault(renderer, Obstacle("ASY102", reason))
    if not any(map(program.mentioning, RENDERS_TEMPLATES)):
        return certain, findings
    turning, others = _methods(program, coloring)
    is_property = colors.inference.is_property
    templates = colors.inference.templates
    for read in (*templates.all_reads, *_inside(program, templates)) if turning else ():
        found = [m for name in read.path[1:] for m in turning.get(name, ())]
        found = [m for m in found if is_property(m) or (read.called and m.name == read.path[-1])]
        if not found or (read.file, read.line) in told:
            continue
        told.add((read.file, read.line))
        if _is_only(program, found[0].name, others):
            is_own = len(read.path) == 2  # of what the template is given
            for method in found:
                if is_own and greenlets.take(method):
                    continue
                if method in colors.reading:
                    findings.append(_awaits(method, read.file, read.line))
                else:
                    certain.setdefault(method, _obstacle(read.file, read.line))
        else:
            findings.append(_may_call(read, found[0]))
    return certain, findings


def _inside(program: Program, templates: Templates) -> Iterator[Read]:
    """What templates read that stand in the program: ``Template("{{ user.tasks() }}")``."""
    for function in dict.fromkeys(fn for word in MAKES_TEMPLATE for fn in program.mentioning(word)):
        operations = function.body.operations
        for index, operation in enumerate(operations):
            is_call = operation[:1] == (f.CALL,)
            text = text_given(program, (function, operations, index)) if is_call else ""
            for read in templates.reads_of(text) if text else ():
                yield read._replace(file=function.module.path, line=operation[1])


def _obstacle(path: str, line: int) -> Obstacle:
    where = f"The template of `{path}`, line {line}," if "." in path else "A template"
    return Obstacle("ASY102", f"{where} calls it, and can't await it.")


def _awaits(method: Function, path: str, line: int) -> Finding:
    """A finding for a method that turns only to load what it reads."""
    return finding(
        "ASY102", Site(path, line, 1),
        f"This template calls `{method.facts.qualname}`, which turns async to load what it reads.",
        _ADVICE,
    )  # fmt: skip


def _is_only(program: Program, name: str, others: Methods) -> bool:
    """Is nothing else called by the name of a method?"""
    kept = any(name in function.facts.stores for function in program.mentioning(name))
    return not kept and name not in others and not _is_field(program, name)


def _may_call(read: Read, method: Function) -> Finding:
    """A finding for what a template reads, which may be something else of that name."""
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
