"""Where a decision is carried out: what a transform may know, and do, beside its own node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import libcst as cst

from asyncify.decisions import Decision
from asyncify.rewrite.slots import Piece, Slot
from asyncify.rewrite.statements import SmallStatementEdit, edit_small_statements
from asyncify.rewrite.tree import walk
from asyncify.sites import NodeRef

if TYPE_CHECKING:
    from asyncify.rewrite.traversal import Traversal


class Context(NamedTuple):
    """What surrounds a node: its statement's slot and, in a simple statement, the piece of the
    line. ``no_hoist`` and ``no_insert`` name the place that forbids it, or are empty; ``scope``
    is the place that every statement of the block stands in, where that forbids hoisting."""

    slot: Slot | None
    piece: Piece | None
    scope: str
    no_insert: str
    no_hoist: str


class Place:
    """One decision's node in its file."""

    def __init__(
        self,
        traversal: Traversal,
        decision: Decision,
        original: Any,
        parent: cst.CSTNode,
        field: str,
        context: Context,
    ) -> None:
        self._traversal = traversal
        self._decision = decision
        self._context = context
        self.original = original
        self.parent = parent
        self.field = field
        self.path = traversal.path
        self.refused = False
        self.acted = False  # on the statement around the node

    @property
    def memory(self) -> dict[object, Any]:
        """What transforms keep for later decisions of the same file."""
        return self._traversal.memory

    @property
    def statement(self) -> cst.CSTNode | None:
        """The statement that holds the node, as it was: a small statement or a compound one."""
        piece, slot = self._context.piece, self._context.slot
        if piece is not None:
            return piece.original
        return slot.original if slot is not None else None

    @property
    def line(self) -> cst.CSTNode | None:
        """The line or compound statement that holds the node, as it was."""
        return self._context.slot.original if self._context.slot is not None else None

    @property
    def previous(self) -> cst.CSTNode | None:
        """The statement before, already rewritten; None where there is none."""
        slot = self._context.slot
        if slot is None or slot.previous is None or slot.previous.removed or slot.previous.after:
            return None
        return None if slot.previous.replacement is not None else slot.previous.statement

    def refuse(self, sentence: str) -> None:
        """The decision can't be carried out here; the file stays as it is."""
        self.refused = True
        self._traversal.problems.append((self._decision, sentence))

    def _refuse_here(self, sentence: str) -> None:
        """As ``refuse``; told apart is what a line of its own would help."""
        piece = self._context.piece
        if piece is not None and not piece.alone:
            self._traversal.crowded.append(piece.line)
        self.refuse(sentence)

    def found(self, node: NodeRef) -> cst.CSTNode | None:
        """What became of a node that the transform watches."""
        return self._traversal.found.get((node.kind, node.number))

    def copied(self, decisions: Sequence[Decision]) -> Any:
        """The node as it was, with other decisions carried out in it."""
        return self._traversal.copied(self.original, self._decision.node, decisions)

    def walk(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The node and its structural descendants in source order."""
        return walk(node)

    def hoist(self, statement: Any) -> bool:
        """Put a statement that evaluates part of this one right before it."""
        slot, reason = self._context.slot, self._context.no_insert or self._context.no_hoist
        if slot is None or reason:
            self._refuse_here(f"No statement can be put before {reason or 'this node'}.")
            return False
        slot.before.append(statement)
        self.acted = True
        return True

    def insert(self, statements: Sequence[Any], where: str) -> bool:
        """Put statements before or after the statement that holds the node."""
        slot, piece, reason = self._context.slot, self._context.piece, self._context.no_insert
        if slot is None or reason:
            self._refuse_here(f"No statement can be put {where} {reason or 'this node'}.")
            return False
        if where == "after" and piece is not None and not piece.alone:
            self._refuse_here("No statement can be put after one that a semicolon follows.")
            return False
        (slot.before if where == "before" else slot.after).extend(statements)
        self.acted = True
        return True

    def has_line(self) -> bool:
        """Whether the simple statement that holds the node has its line to itself; else refused."""
        piece = self._context.piece
        if piece is None or not piece.alone or self._context.slot is None:
            self._refuse_here("The statement doesn't stand on a line of its own.")
            return False
        return True

    def replace_line(self, statements: Sequence[Any]) -> bool:
        """Replace the simple statement that holds the node, which has its line to itself. The
        first of the new statements takes over its leading lines."""
        slot = self._context.slot
        if not self.has_line() or slot is None:
            return False
        first = statements[0].with_changes(leading_lines=slot.original.leading_lines)
        slot.replacement = [first, *statements[1:]]
        self.acted = True
        return True

    def remove_statement(self, comments: bool = False) -> bool:
        """Take away the statement that holds the node; ``comments``: and those right above it."""
        if self._context.slot is not None:
            self._context.slot.forgotten = comments
        if self._context.piece is not None:
            self._context.piece.removed = True
            self.acted = True
            return True
        if self._context.slot is None or self._context.no_insert:
            self.refuse("The statement can't be removed where it stands.")
            return False
        self._context.slot.removed = True
        self.acted = True
        return True

    def take_previous(self) -> None:
        """Take away the statement before; its comments stay above this one."""
        slot = self._context.slot
        if slot is not None and slot.previous is not None:
            slot.previous.removed = True
            self.acted = True

    def edit_small_statements(self, module: cst.Module, edit: SmallStatementEdit) -> cst.Module:
        """The module with every simple statement edited; None takes one away."""
        return edit_small_statements(module, edit)

    def keep_comments(self, comments: Sequence[cst.Comment]) -> None:
        """Comments that have lost their place stand above the statement from now on."""
        if self._context.slot is not None:
            self._context.slot.comments.extend(comments)
