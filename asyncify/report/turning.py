"""What turns, for people, for Graphviz and for other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

from asyncify.turning import Node, Turning

_SAID = {
    "turns": "would turn async",
    "async": "is async already, and would be edited",
    "island": "stays sync, and is entered through `run_sync`",
    "starts": "starts an event loop for what it calls",
    "stays": "stays sync",
}
_STYLES = {
    "turns": "",
    "async": "style=bold",
    "island": "style=dashed",
    "starts": "style=dotted",
    "stays": "color=red",
}


def explained(turning: Turning, name: str) -> str:
    """Why one function has its color, and whom it forces."""
    node = next((n for n in turning.nodes if n.name == name), None)
    if node is None:
        return f"{name} does no database work that would have to be awaited: it stays as it is.\n"
    lines = [f"{name} ({node.path}:{node.line}) {_SAID[node.color]}.", *_reason(node)]
    chain = turning.chain(name)
    if chain:
        lines += ["", "The shortest way to the database:"]
        lines += [f"{'  ' * (depth + 1)}{step}" for depth, step in enumerate(chain)]
    forced = turning.forced(name)
    if forced:
        lines += ["", f"Forced by it, its callers and theirs ({len(forced)}):"]
        lines += [f"  {each}" for each in forced]
    return "\n".join(lines) + "\n"


def _reason(node: Node) -> list[str]:
    return [node.reason] if node.reason else []


def as_dot(turning: Turning) -> str:
    """A directed graph from callers to callees: what can't turn is red, what is async already
    bold, islands are dashed, what starts a loop is dotted, and what does I/O itself is a box."""
    lines = ["digraph asyncify {", "  rankdir=LR;", "  node [shape=ellipse];"]
    for node in turning.nodes:
        styles = [s for s in (_STYLES[node.color], "shape=box" if node.io else "") if s]
        lines.append(f"  {_quoted(node.name)}{' [' + ', '.join(styles) + ']' if styles else ''};")
    pairs = dict.fromkeys((call.caller, call.callee) for call in turning.calls)
    lines += [f"  {_quoted(caller)} -> {_quoted(callee)};" for caller, callee in pairs]
    return "\n".join([*lines, "}"]) + "\n"


def as_json(turning: Turning) -> str:
    """The same as data."""
    document = {
        "functions": [asdict(node) for node in turning.nodes],
        "calls": [asdict(call) for call in turning.calls],
    }
    return json.dumps(document, indent=2) + "\n"


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


GRAPH_FORMATS: Mapping[str, Callable[[Turning], str]] = {"text": as_dot, "json": as_json}
