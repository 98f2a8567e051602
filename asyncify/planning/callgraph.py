"""The call graph of what turns, from the coloring."""

from __future__ import annotations

from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function
from asyncify.turning import Call, Node, Turning


def turning_of(colors: Colors, coloring: Coloring) -> Turning:
    """All functions that reach I/O, whatever becomes of them, and the calls between them."""
    reached = set(coloring.causes) | coloring.turned | coloring.islands | set(coloring.failed)
    reached |= {fn for fn in coloring.stays - coloring.entered if colors.does_io(fn)}
    ordered = sorted(reached, key=lambda fn: (fn.module.path, fn.index))
    calls = dict.fromkeys(
        Call(function.qualname, callee.qualname, use.line)
        for function in ordered for use in colors.uses.of(function)
        for callee in use.callees if callee in reached and use.runs(callee)
    )  # fmt: skip
    nodes = tuple(_node(function, colors, coloring) for function in ordered)
    names = {fn.qualname for fn in colors.program.functions() if fn.facts.kind == "def"}
    return Turning(nodes, tuple(calls), frozenset(names.union(node.name for node in nodes)))


def _node(function: Function, colors: Colors, coloring: Coloring) -> Node:
    facts = function.facts
    io = next(
        (f"{u.name or u.kind} (line {u.line})" for u in colors.uses.doing_io(function)), ""
    )  # fmt: skip
    color, reason = _color(function, colors, coloring)
    return Node(function.qualname, function.module.path, facts.line, color, io, reason)


def _color(function: Function, colors: Colors, coloring: Coloring) -> tuple[str, str]:
    """What becomes of the function, and why where its calls don't tell."""
    obstacle = coloring.failed.get(function) or colors.obstacle(function)
    reason = obstacle.reason if obstacle is not None else ""
    if function in coloring.islands:
        return "island", colors.why_island(function, coloring) or reason
    if function in coloring.turned and function not in coloring.stays:
        return ("async" if function.facts.is_async else "turns"), _company(function, coloring)
    if function.facts.kind == "module" and function not in coloring.stays and not reason:
        return "starts", ""
    return "stays", reason or "It shares sessions or calls with what can't turn."


def _company(function: Function, coloring: Coloring) -> str:
    """With whom a function turns that reaches no I/O itself."""
    cause = coloring.causes.get(function)
    if cause is None or cause.function is function:
        return ""
    return f"It turns with `{cause.function.qualname}`, which is called where it is called."
