"""Gives a class, or what an import names, another name.

What it does
    `class JobExecutor:` becomes `class AsyncJobExecutor:`, and `from jobs import JobExecutor`
    becomes `from jobs import AsyncJobExecutor`. In `__all__` and in a call's strings, a string
    that is the name, or a dotted path to it, follows.

Why
    Asked for in the configuration: a name that says that what it names is awaited.

Example
    Before:
        from jobs import Job, JobExecutor as Executor
    After:
        from jobs import Job, AsyncJobExecutor as Executor

Leaves alone
    An alias, and every use of the name: each is an edit of its own.

Safety
    Safe where all references are renamed too, which the plan sees to.

Source
    https://docs.python.org/3/reference/simple_stmts.html#import
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libcst as cst

from asyncify.decisions import RenameName
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: RenameName, target: Any, place: Place) -> cst.CSTNode | None:
    """The class, import, assignment or call with the new name."""
    if isinstance(target, cst.ClassDef):
        return target.with_changes(name=target.name.with_changes(value=decision.new))
    if isinstance(target, cst.ImportFrom):
        return target.with_changes(names=_renamed(decision, _aliases(target), _alias))
    if isinstance(target, cst.Assign) and _is_named(target, decision.old):
        name = target.targets[0].target.with_changes(value=decision.new)
        return target.with_changes(targets=[target.targets[0].with_changes(target=name)])
    if isinstance(target, (cst.Assign, cst.AnnAssign, cst.AugAssign)) and target.value is not None:
        return target.with_changes(value=_with_strings(decision, target.value))
    if isinstance(target, cst.Call):
        arguments = [a.with_changes(value=_string(decision, a.value)) for a in target.args]
        return target.with_changes(args=arguments)
    place.refuse("Another edit has replaced the name.")
    return None


def _is_named(statement: cst.Assign, name: str) -> bool:
    """Does an assignment bind that name, and nothing else?"""
    target = statement.targets[0].target
    return len(statement.targets) == 1 and isinstance(target, cst.Name) and target.value == name


def _aliases(statement: cst.ImportFrom) -> list[cst.ImportAlias]:
    return [] if isinstance(statement.names, cst.ImportStar) else list(statement.names)


def _alias(decision: RenameName, alias: cst.ImportAlias) -> cst.ImportAlias:
    if not isinstance(alias.name, cst.Name) or alias.name.value != decision.old:
        return alias
    return alias.with_changes(name=alias.name.with_changes(value=decision.new))


def _with_strings(decision: RenameName, value: Any) -> Any:
    """A list, tuple or set with the name in it under its new name."""
    if not isinstance(value, (cst.List, cst.Tuple, cst.Set)):
        return value
    elements = list(value.elements)
    return value.with_changes(elements=_renamed(decision, elements, _element))


def _element(decision: RenameName, element: Any) -> Any:
    value = _string(decision, element.value)
    return element if value is element.value else element.with_changes(value=value)


def _renamed(
    decision: RenameName, items: list[Any], edit: Callable[[RenameName, Any], Any]
) -> list[Any]:
    """The items of an import or a list, each under its new name, or under both."""
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    comma = items[0].comma if len(items) > 1 else comma
    found: list[Any] = []
    for item in items:
        new = edit(decision, item)
        if decision.keeps and new is not item:
            found.append(new.with_changes(comma=comma))
        found.append(item if decision.keeps else new)
    return found


def _string(decision: RenameName, value: Any) -> Any:
    """A string that is the name, or a path in which it stands behind a dot or a colon."""
    if not isinstance(value, cst.SimpleString):
        return value
    start, quote = len(value.prefix) + len(value.quote), value.quote
    text = value.value[start : -len(quote)]
    owner, found, rest = text.partition(decision.old)
    inside = owner.endswith((".", ":"))
    if not found or (owner and not inside) or (rest and not (inside and rest.startswith("."))):
        return value
    return value.with_changes(value=f"{value.prefix}{quote}{owner}{decision.new}{rest}{quote}")


TRANSFORM = Transform("rename-name", RenameName, apply)
_OLD, _NEW = "JobExecutor", "AsyncJobExecutor"
EXAMPLES = (
    documented(__doc__, RenameName(**node("ImportFrom"), old=_OLD, new=_NEW)),
    Example(
        '__all__ = ["Job", "JobExecutor"]\n\n\nclass JobExecutor: ...\n\n\n'
        "patch('jobs.JobExecutor', JobExecutor)\npatch('jobs.JobExecutor.run')\n",
        (
            RenameName(**node("Assign"), old=_OLD, new=_NEW),
            RenameName(**node("ClassDef", 0, "JobExecutor"), old=_OLD, new=_NEW),
            RenameName(**node("Call", 0, "patch"), old=_OLD, new=_NEW),
            RenameName(**node("Call", 1, "patch"), old=_OLD, new=_NEW),
        ),
        '__all__ = ["Job", "AsyncJobExecutor"]\n\n\nclass AsyncJobExecutor: ...\n\n\n'
        "patch('jobs.AsyncJobExecutor', JobExecutor)\npatch('jobs.AsyncJobExecutor.run')\n",
    ),
    Example(
        'from jobs import (\n    Job,\n    JobExecutor,\n)\n\n__all__ = ["JobExecutor"]\n',
        (
            RenameName(**node("ImportFrom"), old=_OLD, new=_NEW, keeps=True),
            RenameName(**node("Assign"), old=_OLD, new=_NEW, keeps=True),
        ),
        "from jobs import (\n    Job,\n    AsyncJobExecutor,\n    JobExecutor,\n)\n\n"
        '__all__ = ["AsyncJobExecutor", "JobExecutor"]\n',
    ),
)
