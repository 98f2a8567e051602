"""Cases of transforms as data, and the checks that every rewrite has to pass.

A case is a folder ``fixtures/transforms/<transform>/<case>/`` with ``before.py``, ``after.py`` and
``decisions.json``: a list of decisions. A node is found by its kind, its name and how many of that
name stand before it, so that nobody has to count: ``["Call", "first", 0]``. A case without
``after.py`` is one that is refused; its ``decisions.json`` says with which words.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncify_transforms import CATALOGUE

from asyncify import decisions
from asyncify.rewrite import RewriteResult, rewrite_file
from asyncify.sites import NodeRef, Site
from asyncify.source.order import enumerate_nodes

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "transforms"


@dataclass(frozen=True)
class Case:
    """One rewrite of one file: the text after it, or words of the refusal."""

    name: str
    before: bytes
    decisions: tuple[decisions.Decision, ...]
    after: bytes | None
    refusal: str = ""
    path: str = "app/example.py"


def cases() -> Iterator[Case]:
    """All cases on disk."""
    for folder in sorted(path.parent for path in FOLDER.glob("*/*/decisions.json")):
        document = json.loads((folder / "decisions.json").read_text("utf-8"))
        before = (folder / "before.py").read_bytes()
        after = folder / "after.py"
        planned = tuple(decision(before, entry) for entry in document["decisions"])
        yield Case(
            f"{folder.parent.name}/{folder.name}",
            before,
            planned,
            after.read_bytes() if after.exists() else None,
            document.get("refusal", ""),
            document.get("path", "app/example.py"),
        )


def decision(source: bytes, entry: dict[str, Any]) -> decisions.Decision:
    """One decision from its JSON form."""
    fields = {name: _frozen(value) for name, value in entry.items()}
    decision_type = getattr(decisions, fields.pop("decision"))
    if "query" in fields:
        number = find(source, "Call", "query", fields.pop("query")).number
        fields["session"] = decisions.SessionSource(query_call=number)
    if "close_call" in fields:
        fields["close_call"] = find(source, "Call", "close", fields["close_call"]).number
    if "add" in fields:
        fields["add"] = tuple(decisions.ImportName(*names) for names in fields["add"])
    node = find(source, *fields.pop("node"))
    made: decisions.Decision = decision_type(node=node, site=Site("example.py", 1, 1), **fields)
    return made


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def find(source: bytes, kind: str, name: str = "", nth: int = 0) -> NodeRef:
    """The nth node of a kind and name."""
    if kind == "Module":
        return NodeRef(kind, 0)
    found = [n.node for n in enumerate_nodes(ast.parse(source)) if n.node.kind == kind]
    return [node for node in found if node.name == name][nth]


def rewrite(source: bytes, planned: tuple[decisions.Decision, ...], path: str) -> RewriteResult:
    """The file with the decisions carried out."""
    return rewrite_file(source, decisions.FilePlan(path, planned), CATALOGUE)


def check(case: Case) -> None:
    """Carry a case out, and compare."""
    result = rewrite(case.before, case.decisions, case.path)
    sentences = [problem.sentence for problem in result.problems]
    if case.after is None:
        assert case.refusal, "a case without after.py says why it is refused"
        assert result.text is None
        assert any(case.refusal in sentence for sentence in sentences), sentences
        return
    assert sentences == []
    assert result.text is not None
    assert result.text.decode() == case.after.decode()
    assert result.text == case.after
    compile(result.text, case.path, "exec", dont_inherit=True)
