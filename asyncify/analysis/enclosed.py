"""Enclosed classes: what Python calls of them can't be awaited, so that all who have their objects
stay sync with them, and are entered through ``run_sync`` by those who have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify.analysis import values as v
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.program import Class, Function, is_implicit
from asyncify.vocabulary.testing import is_test_path

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors

_FEW = 8  # functions that have such objects; more of them are no place of their own


def enclosed(colors: Colors, method: Function) -> set[Function]:
    """A special method with the other methods of its class, and the functions that have objects of
    that class; none where some of these are called by nobody who is known."""
    owner = method.owner
    if owner is None or not is_implicit(method) or method.is_constructor:
        return set()
    family = {*owner.ancestors, *owner.descendants()}
    methods = {m for cls in family for m in cls.methods.values()}
    users = {
        function for function, evaluation in colors.inference.evaluations.items()
        if function not in methods and _has(evaluation, family)
    }  # fmt: skip
    if len(users) > _FEW or not all(_is_called(colors, user, users) for user in users):
        return set()
    return {m for m in methods if colors.does_io(m)} | users if users else set()


def _has(evaluation: Evaluation, family: set[Class]) -> bool:
    return any(
        isinstance(atom, v.Instance) and atom.cls in family
        for value in evaluation.values if value for atom in value
    )  # fmt: skip


def _is_called(colors: Colors, user: Function, users: set[Function]) -> bool:
    """Is a function called by the program, and by nobody else?"""
    if user.facts.kind == "lambda":
        return user.parent in users
    if user.facts.kind != "def" or user.facts.is_async or user.signature.decorators:
        return False
    if is_test_path(user.module.path) or colors.is_entry(user):
        return False
    uses = [use for _, use in colors.callers().get(user, ())]
    return bool(uses) and all(use.kind == "call" for use in uses)
