"""What a transform is: one kind of decision, how it is carried out, and examples of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Any, Protocol, TypeVar

import libcst as cst

from asyncify.decisions import Decision
from asyncify.sites import NodeRef, Site


class Place(Protocol):
    """What the rewrite offers beside the node itself."""

    original: Any
    parent: cst.CSTNode
    field: str
    path: str

    @property
    def memory(self) -> dict[object, Any]:
        """What transforms keep for later decisions of the same file."""

    @property
    def statement(self) -> cst.CSTNode | None:
        """The statement that holds the node, as it was."""

    @property
    def line(self) -> cst.CSTNode | None:
        """The line or compound statement that holds the node, as it was."""

    @property
    def previous(self) -> cst.CSTNode | None:
        """The statement before, already rewritten."""

    def refuse(self, sentence: str) -> None:
        """The decision can't be carried out here."""

    def found(self, node: NodeRef) -> cst.CSTNode | None:
        """What became of a node that the transform watches."""

    def copied(self, decisions: Sequence[Decision]) -> Any:
        """The node as it was, with other decisions carried out in it."""

    def walk(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The node and its structural descendants."""

    def hoist(self, statement: Any) -> bool:
        """Put a statement that evaluates part of this one right before it."""

    def insert(self, statements: Sequence[Any], where: str) -> bool:
        """Put statements ``before`` or ``after`` the one that holds the node."""

    def has_line(self) -> bool:
        """Whether the simple statement that holds the node has its line to itself; else refused."""

    def replace_line(self, statements: Sequence[Any]) -> bool:
        """Replace the simple statement that holds the node."""

    def remove_statement(self, comments: bool = False) -> bool:
        """Take away the statement that holds the node; ``comments``: and those right above it."""

    def take_previous(self) -> None:
        """Take away the statement before."""

    def edit_small_statements(
        self,
        module: cst.Module,
        edit: Callable[[cst.BaseSmallStatement], cst.BaseSmallStatement | None],
    ) -> cst.Module:
        """The module with every simple statement edited; None takes one away."""

    def keep_comments(self, comments: Sequence[cst.Comment]) -> None:
        """Put comments that have lost their place above the statement."""


D = TypeVar("D", bound=Decision, contravariant=True)


class Apply(Protocol[D]):
    """Carries out one decision: the new node, or None after ``place.refuse``."""

    def __call__(self, decision: D, node: Any, place: Place, /) -> cst.CSTNode | None: ...


def _nothing(decision: Any) -> tuple[NodeRef, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Transform:
    """One entry of the catalogue. ``watches`` names further nodes that ``apply`` asks for."""

    name: str
    decision: type[Decision]
    apply: Callable[[Any, Any, Place], cst.CSTNode | None]
    watches: Callable[[Any], tuple[NodeRef, ...]] = _nothing


@dataclass(frozen=True, slots=True)
class Example:
    """A file before, the decisions, and the file after."""

    before: str
    decisions: tuple[Decision, ...]
    after: str


def awaited_before(place: Place) -> bool:
    """Whether another decision has awaited the same node; from now on, one has. A hoisted value
    can't be told from any other name, so it isn't enough to look at the node."""
    awaited: set[int] = place.memory.setdefault("awaited nodes", set())
    key = id(place.original)
    if key in awaited:
        return True
    awaited.add(key)
    return False


# Examples stand in no file; the site of a decision is for people.
SITE = Site("example.py", 1, 1)


def node(kind: str, number: int = 0, name: str = "") -> dict[str, Any]:
    """The node and site of a decision in an example."""
    return {"node": NodeRef(kind, number, name), "site": SITE}


def documented(page: str | None, *decisions: Decision) -> Example:
    """The example of a transform's page: what stands below ``Before`` and ``After``."""
    example = dedent((page or "").partition("\nExample\n")[2])
    before, _, rest = example.partition("Before:\n")[2].partition("After:\n")
    after = []
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break
        after.append(line)
    return Example(_code(before), decisions, _code("\n".join(after)))


def _code(text: str) -> str:
    return dedent(text).strip("\n") + "\n"
