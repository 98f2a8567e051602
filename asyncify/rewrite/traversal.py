"""The one traversal of a file: finds the nodes that decisions name, and hands them to transforms.

A node is numbered when it is entered and edited when it is left, so a transform sees what became of
the children. Only nodes above an edit are built anew; all others stay the objects that LibCST
parsed, and give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import libcst as cst

from asyncify.decisions import Decision, UpdateImports
from asyncify.rewrite.formatted import shown_as_before
from asyncify.rewrite.place import Context, Place
from asyncify.rewrite.slots import Piece, Slot, rebuild, without_removed
from asyncify.rewrite.tree import CONSTANTS, FIELDS, KINDS, name_of
from asyncify.sites import NodeRef


class Transform(Protocol):
    """What the catalogue holds for each type of decision.

    ``apply`` gets the decision, the node with its children already rewritten, and its place; it
    returns the new node, or None after ``place.refuse``. ``watches`` names further nodes whose
    rewritten form ``apply`` asks for.
    """

    @property
    def apply(self) -> Callable[[Any, Any, Any], cst.CSTNode | None]: ...

    @property
    def watches(self) -> Callable[[Any], tuple[NodeRef, ...]]: ...


Catalogue = Mapping[type[Decision], Transform]


class _Step(NamedTuple):
    kind: str | None
    visit: Callable[[Traversal, Any], Any] | None
    fields: tuple[str, ...]


class Traversal:
    """State of one file's rewrite; ``problems`` are pairs (decision, sentence)."""

    def __init__(self, decisions: Iterable[Decision], catalogue: Catalogue, path: str) -> None:
        self.catalogue = catalogue
        self.path = path
        self.problems: list[tuple[Decision | None, str]] = []
        self.crowded: list[cst.CSTNode] = []  # lines on which a statement had to stand alone
        self.carried_out: set[int] = set()
        self.found: dict[tuple[str, int], cst.CSTNode | None] = {}
        self.memory: dict[object, Any] = {}
        self._counts = dict.fromkeys(KINDS.values(), 0)
        self._entered: dict[tuple[str, int], dict[str, int]] = {}  # the counts inside a node
        self._wanted: dict[str, dict[int, list[Decision]]] = {kind: {} for kind in self._counts}
        self._context = Context(None, None, "", "", "")
        for decision in decisions:
            self._want(decision)

    def _want(self, decision: Decision) -> None:
        node = decision.node
        transform = self.catalogue.get(type(decision))
        if transform is None:
            sentence = f"There is no transform for {type(decision).__name__}."
            self.problems.append((decision, sentence))
            return
        self._wanted.setdefault(node.kind, {}).setdefault(node.number, []).append(decision)
        for other in transform.watches(decision):
            self.found[other.kind, other.number] = None
            self._wanted.setdefault(other.kind, {}).setdefault(other.number, [])

    def run(self, module: cst.Module) -> cst.Module:
        """The rewritten module; what went wrong stands in ``problems``."""
        rewritten: cst.Module = self._module(module)
        for decision in self._wanted.get("Module", {}).get(0, ()):
            context = Context(None, None, "", "", "")
            rewritten = self._apply(decision, module, rewritten, context, module, "")
        self.finish()
        return rewritten

    def part(self, module: cst.Module) -> cst.Module:
        """A rewritten part of the file; the next one is counted on from there. What is remembered
        of nodes is forgotten: others take their place in memory."""
        self.memory.clear()
        return self._module(module)

    def finish(self) -> None:
        """Tell of decisions whose nodes weren't there."""
        for kind, by_number in self._wanted.items():
            for number, decisions in by_number.items():
                for decision in decisions:
                    if id(decision) not in self.carried_out:
                        sentence = f"The file has no {kind} with number {number}."
                        self.problems.append((decision, sentence))

    # -- nodes

    def _visit(self, node: Any, parent: cst.CSTNode, field: str) -> Any:
        kind, special, fields = _STEPS[node.__class__]
        if kind is None:
            return self._inside(node, special, fields)
        if kind == "Name" and node.value in CONSTANTS:
            return node
        number = self._counts[kind]
        self._counts[kind] = number + 1
        decisions = self._wanted[kind].get(number)
        if decisions and any(_copies(decision) for decision in decisions):
            self._entered[kind, number] = dict(self._counts)
        updated = self._inside(node, special, fields)
        if decisions is None:
            return updated
        for decision in decisions:
            updated = self._apply(decision, node, updated, self._context, parent, field)
        if (kind, number) in self.found:
            self.found[kind, number] = updated
        return updated

    def _inside(
        self, node: Any, special: Callable[[Traversal, Any], Any] | None, fields: tuple[str, ...]
    ) -> Any:
        if special is not None:
            return special(self, node)
        return self._children(node, fields) if fields else node

    def _apply(
        self,
        decision: Decision,
        original: Any,
        updated: Any,
        context: Context,
        parent: cst.CSTNode,
        field: str,
    ) -> Any:
        """One decision at its node; a refusal leaves the node as it is."""
        self.carried_out.add(id(decision))
        name = name_of(original)
        if name != decision.node.name:
            sentence = (
                f'{decision.node.kind} {decision.node.number} is named "{name}", '
                f'not "{decision.node.name}".'
            )
            self.problems.append((decision, sentence))
            return updated
        place = Place(self, decision, original, parent, field, context)
        result = self.catalogue[type(decision)].apply(decision, updated, place)
        changed = result is not updated or place.acted or not _has_to_change(decision)
        if result is None or not changed:
            if not place.refused:
                place.refuse("The edit was not carried out.")
            return updated
        return result

    def _children(self, node: Any, fields: tuple[str, ...]) -> Any:
        changes: dict[str, Any] = {}
        for field in fields:
            child = getattr(node, field)
            if isinstance(child, cst.CSTNode):
                new: Any = self._visit(child, node, field)
            elif child.__class__ is tuple or child.__class__ is list:
                new = self._sequence(child, node, field)
            else:
                continue
            if new is not child:
                changes[field] = new
        return _changed(node, changes) if changes else node

    def _sequence(self, items: Sequence[Any], parent: cst.CSTNode, field: str) -> Sequence[Any]:
        changed = False
        updated = []
        for item in items:
            new = self._visit(item, parent, field)
            changed = changed or new is not item
            updated.append(new)
        return updated if changed else items

    def _fields_in(self, node: Any, context: Context, *fields: str) -> dict[str, Any]:
        """What changes in some fields of a node, visited in a context of their own."""
        outer, self._context = self._context, context
        changes: dict[str, Any] = {}
        for field in fields:
            child = getattr(node, field)
            if isinstance(child, cst.CSTNode):
                new: Any = self._visit(child, node, field)
            elif isinstance(child, (tuple, list)):
                new = self._sequence(child, node, field)
            else:
                continue
            if new is not child:
                changes[field] = new
        self._context = outer
        return changes

    def copied(self, node: Any, reference: NodeRef, decisions: Iterable[Decision]) -> Any:
        """A second version of a node that is being left: as it was, with other decisions."""
        other = Traversal(decisions, self.catalogue, self.path)
        other._counts = dict(self._entered[reference.kind, reference.number])
        _, special, fields = _STEPS[node.__class__]
        copy = other._inside(node, special, fields)
        for decision in other._wanted[reference.kind].get(reference.number, ()):
            copy = other._apply(decision, node, copy, other._context, node, "")
        for decision in decisions:
            if id(decision) not in other.carried_out:
                other.problems.append((decision, "The copy has no such node."))
        self.problems += other.problems
        return copy

    # -- blocks

    def _slots(self, body: Sequence[Any], parent: cst.CSTNode) -> list[Slot]:
        outer = self._context
        slots: list[Slot] = []
        for statement in body:
            slot = Slot(statement, statement, slots[-1] if slots else None)
            slot.is_nested = not isinstance(parent, cst.Module)
            slots.append(slot)
            self._context = Context(slot, None, outer.scope, "", outer.scope)
            slot.statement = self._visit(statement, parent, "body")
        self._context = outer
        return slots

    def _module(self, node: cst.Module) -> cst.Module:
        slots = self._slots(node.body, node)
        if not any(slot.changed for slot in slots):
            return node
        body, comments = rebuild(slots)
        return node.with_changes(body=body, footer=(*comments, *node.footer))

    def _block(self, node: cst.IndentedBlock) -> cst.IndentedBlock:
        slots = self._slots(node.body, node)
        if not any(slot.changed for slot in slots):
            return node
        body, comments = rebuild(slots)
        body = body or [cst.SimpleStatementLine([cst.Pass()])]
        return node.with_changes(body=body, footer=(*comments, *node.footer))

    def _line(self, node: cst.SimpleStatementLine) -> Any:
        pieces, statements = self._small_statements(node, "", "a statement after a semicolon")
        left = without_removed(pieces, statements)
        slot = self._context.slot
        if not left and slot is not None:
            slot.removed = True
            return node
        return _with_body(node, left)

    def _suite(self, node: cst.SimpleStatementSuite) -> Any:
        if _is_delegation(node):
            return self._opened(node)
        reason = "a block on the line of its header"
        pieces, statements = self._small_statements(node, reason, reason)
        return _with_body(node, without_removed(pieces, statements) or [cst.Pass()])

    def _opened(self, node: cst.SimpleStatementSuite) -> Any:
        """``def rows(): yield from query``: what may become a loop needs lines of its own."""
        line = cst.SimpleStatementLine(node.body, trailing_whitespace=node.trailing_whitespace)
        block = cst.IndentedBlock([line])
        new = self._block(block)
        return node if new is block else new

    def _small_statements(
        self,
        node: cst.SimpleStatementLine | cst.SimpleStatementSuite,
        first_reason: str,
        other_reason: str,
    ) -> tuple[list[Piece], list[cst.BaseSmallStatement]]:
        outer = self._context
        pieces: list[Piece] = []
        statements: list[cst.BaseSmallStatement] = []
        for statement in node.body:
            reason = other_reason if pieces else first_reason
            piece = Piece(statement, node, len(node.body) == 1 and not first_reason)
            pieces.append(piece)
            self._context = outer._replace(
                piece=piece,
                no_hoist=reason or outer.no_hoist,
                no_insert=reason or outer.no_insert,
            )
            statements.append(self._visit(statement, node, "body"))
        self._context = outer
        return pieces, statements

    # -- places where no statement can be put before

    def _function(self, node: cst.FunctionDef) -> Any:
        header = ("decorators", "type_parameters", "params", "returns")
        changes = self._fields_in(node, self._context, *header)
        changes |= self._fields_in(node, self._context._replace(scope=""), "body")
        return _changed(node, changes) if changes else node

    def _class(self, node: cst.ClassDef) -> Any:
        header = ("decorators", "type_parameters", "bases", "keywords")
        changes = self._fields_in(node, self._context, *header)
        changes |= self._fields_in(node, self._context._replace(scope="a class body"), "body")
        return _changed(node, changes) if changes else node

    def _if(self, node: cst.If) -> Any:
        changes = self._fields_in(node, self._context, "test", "body")
        context = self._context
        if isinstance(node.orelse, cst.If):
            reason = "the header of an elif"
            context = context._replace(no_hoist=reason, no_insert=reason)
        changes |= self._fields_in(node, context, "orelse")
        return _changed(node, changes) if changes else node

    def _while(self, node: cst.While) -> Any:
        barred = self._context._replace(no_hoist="the header of a while")
        changes = self._fields_in(node, barred, "test")
        changes |= self._fields_in(node, self._context, "body", "orelse")
        return _changed(node, changes) if changes else node

    def _boolean(self, node: cst.BooleanOperation) -> Any:
        barred = self._context._replace(no_hoist="an operand that may not be evaluated")
        changes = self._fields_in(node, self._context, "left")
        changes |= self._fields_in(node, barred, "right")
        return _changed(node, changes) if changes else node

    def _conditional(self, node: cst.IfExp) -> Any:
        barred = self._context._replace(no_hoist="a branch of a conditional expression")
        changes = self._fields_in(node, barred, "body")
        changes |= self._fields_in(node, self._context, "test")
        changes |= self._fields_in(node, barred, "orelse")
        return _changed(node, changes) if changes else node

    def _formatted(self, node: cst.FormattedString) -> Any:
        updated = self._children(node, ("parts",))
        if updated is node:
            return node
        kept = shown_as_before(node, updated)
        if kept is None:
            sentence = "A string shows the source of an expression that has to change."
            self.problems.append((None, sentence))
        return kept or updated

    def _handler(self, node: Any) -> Any:
        barred = self._context._replace(no_hoist="the header of an except")
        changes = self._fields_in(node, barred, "type")
        changes |= self._fields_in(node, self._context, "body")
        return _changed(node, changes) if changes else node

    def _case(self, node: cst.MatchCase) -> Any:
        barred = self._context._replace(no_hoist="the header of a case")
        changes = self._fields_in(node, barred, "pattern", "guard")
        changes |= self._fields_in(node, self._context, "body")
        return _changed(node, changes) if changes else node

    def _lambda(self, node: cst.Lambda) -> Any:
        barred = self._context._replace(no_hoist="a lambda")
        changes = self._fields_in(node, self._context, "params")
        changes |= self._fields_in(node, barred, "body")
        return _changed(node, changes) if changes else node

    def _comprehension(self, node: Any) -> Any:
        """Only the first iterable is evaluated where the comprehension stands."""
        barred = self._context._replace(no_hoist="a comprehension")
        *elements, _ = FIELDS[node.__class__]
        changes = self._fields_in(node, barred, *elements)
        source = node.for_in
        inner = self._fields_in(source, barred, "target")
        inner |= self._fields_in(source, self._context, "iter")
        inner |= self._fields_in(source, barred, "ifs", "inner_for_in")
        if inner:
            changes["for_in"] = _changed(source, inner)
        return _changed(node, changes) if changes else node


def _copies(decision: Decision) -> bool:
    return hasattr(decision, "decisions")


def _has_to_change(decision: Decision) -> bool:
    """Imports that may go stay where something else still needs them."""
    return not isinstance(decision, UpdateImports) or bool(decision.add)


def _is_delegation(node: cst.SimpleStatementSuite) -> bool:
    """Is it ``yield from``, and nothing else?"""
    (first, *others) = node.body
    value = first.value if isinstance(first, cst.Expr) else None
    return not others and isinstance(value, cst.Yield) and isinstance(value.value, cst.From)


def _with_body(node: Any, statements: Sequence[cst.BaseSmallStatement]) -> Any:
    same = len(statements) == len(node.body) and all(map(_identical, statements, node.body))
    return node if same else node.with_changes(body=statements)


def _identical(left: object, right: object) -> bool:
    return left is right


def _changed(node: Any, changes: dict[str, Any]) -> Any:
    """The node with new children. Where an expression lost its parentheses right behind a keyword
    (``return(f())``) it gets them back, because there is no space."""
    negated = _negated(node, changes)
    if negated is not None:
        return negated
    try:
        return node.with_changes(**changes)
    except cst.CSTValidationError:
        kept = {field: _parenthesised(child) for field, child in changes.items()}
        return node.with_changes(**kept)


def _negated(node: Any, changes: dict[str, Any]) -> cst.BaseExpression | None:
    """``not`` before what became ``x is not None``: ``x is None``; before ``not x``, which stands
    for ``all`` and gives True or False: ``x``."""
    if not isinstance(node, cst.UnaryOperation) or not isinstance(node.operator, cst.Not):
        return None
    written = changes["expression"]
    if isinstance(written, cst.UnaryOperation) and isinstance(node.expression, cst.Call):
        return written.expression.with_changes(lpar=node.lpar, rpar=node.rpar)
    if not isinstance(written, cst.Comparison) or isinstance(node.expression, cst.Comparison):
        return None
    target = written.comparisons[0]
    if len(written.comparisons) > 1 or not isinstance(target.operator, cst.IsNot):
        return None
    single = [target.with_changes(operator=cst.Is())]
    return written.with_changes(comparisons=single, lpar=node.lpar, rpar=node.rpar)


def _parenthesised(node: Any) -> Any:
    if isinstance(node, cst.BaseExpression) and not node.lpar:
        return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return node


_SPECIAL: dict[str, Callable[[Traversal, Any], Any]] = {
    "BooleanOperation": Traversal._boolean,
    "ClassDef": Traversal._class,
    "DictComp": Traversal._comprehension,
    "ExceptHandler": Traversal._handler,
    "ExceptStarHandler": Traversal._handler,
    "FormattedString": Traversal._formatted,
    "FunctionDef": Traversal._function,
    "GeneratorExp": Traversal._comprehension,
    "If": Traversal._if,
    "IfExp": Traversal._conditional,
    "IndentedBlock": Traversal._block,
    "Lambda": Traversal._lambda,
    "ListComp": Traversal._comprehension,
    "MatchCase": Traversal._case,
    "SetComp": Traversal._comprehension,
    "SimpleStatementLine": Traversal._line,
    "SimpleStatementSuite": Traversal._suite,
    "StarredDictComp": Traversal._comprehension,
    "While": Traversal._while,
}


class _Steps(dict[type[cst.CSTNode], _Step]):
    """What to do at a node, looked up once per class."""

    def __missing__(self, node_class: type[cst.CSTNode]) -> _Step:
        step = _Step(
            KINDS.get(node_class), _SPECIAL.get(node_class.__name__), FIELDS.get(node_class, ())
        )
        self[node_class] = step
        return step


_STEPS = _Steps()
