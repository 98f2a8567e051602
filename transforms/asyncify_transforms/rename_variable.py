"""Lets a function mean another variable of its module by a name.

What it does
    Every use of the name, and its place in a `global` statement, gets the other name.

Why
    A function that makes an engine when it is first asked for keeps it in a global variable. Its
    copy for what stays sync keeps a sync one, in a variable of its own.

Example
    Before:
        def get_engine():
            global _engine
            if _engine is None:
                _engine = create_engine(url)
            return _engine
    After:
        def get_engine():
            global _sync_engine
            if _sync_engine is None:
                _sync_engine = create_engine(url)
            return _sync_engine

Leaves alone
    Attributes, keywords and strings of that name.

Safety
    Safe where the name is a global one in the whole function: the plan sees to that.

Source
    https://docs.python.org/3/reference/simple_stmts.html#the-global-statement
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import RenameVariable
from asyncify_transforms._transform import Place, Transform, documented, node


class _Renamer(cst.CSTTransformer):
    def __init__(self, old: str, new: str) -> None:
        super().__init__()
        self.old = old
        self.new = new

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.Attribute:
        return updated_node.with_changes(attr=original_node.attr)

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        return updated_node.with_changes(keyword=original_node.keyword)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        renamed = original_node.value == self.old
        return updated_node.with_changes(value=self.new) if renamed else updated_node


def apply(decision: RenameVariable, function: cst.FunctionDef, place: Place) -> cst.CSTNode | None:
    """The function with the other name in it."""
    renamed = function.visit(_Renamer(decision.old, decision.new))
    assert isinstance(renamed, cst.FunctionDef)
    return renamed.with_changes(name=function.name)


TRANSFORM = Transform("rename-variable", RenameVariable, apply)
EXAMPLES = (
    documented(
        __doc__,
        RenameVariable(**node("FunctionDef", 0, "get_engine"), old="_engine", new="_sync_engine"),
    ),
)
