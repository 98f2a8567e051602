"""Responses: what a route returns is validated inside ``run_sync``, as FastAPI does it afterwards.

    nodes = await db.run_sync(
        lambda _: TypeAdapter(list[NodeOut]).validate_python(nodes, from_attributes=True)
    )
    return nodes

There attributes load as they did. It is what is left where no query is in reach and no statement
before could load as much: a response model that holds itself, or a property that asks its parent.
https://fastapi.tiangolo.com/tutorial/response-model/
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_readers import response_annotation, response_schemas
from asyncify.analysis.load_schemas import is_of_pydantic_1
from asyncify.analysis.program import Function, Module, dotted
from asyncify.decisions import ReplaceCall, ReplaceExpression
from asyncify.planning.draft import Draft, node_reference
from asyncify.planning.load_access import Access
from asyncify.planning.load_walks import Walks
from asyncify.sites import Site
from asyncify.vocabulary.loading import TYPE_ADAPTER

_REPLACED = (f.CALL, f.ATTRIBUTE, f.NAME, f.SUBSCRIPT, f.AWAIT)


class Responses:
    """The routes of a program whose results are validated so."""

    def __init__(
        self, colors: Colors, draft: Callable[[Module], Draft], access: Access, walks: Walks
    ) -> None:
        self.colors = colors
        self.draft = draft
        self.access = access
        self.walks = walks
        self._taken: set[tuple[Function, int]] = set()  # the results that are validated

    def holds(self, holder: Function, demand: Demand) -> bool:
        """Is everything loaded already that is read there?"""
        return (holder, demand.anchor) in self._taken

    def take(self, holder: Function, demand: Demand) -> Site | None:
        """Validate what a route returns, where its response model leads to the read; None where
        that can't be done."""
        index = demand.anchor
        statement = self.colors.uses.layout(holder).statement(index)
        if statement is None or statement[0] != f.RETURN or statement[7] != index:
            return None
        model, session = self._model(holder), self.access.session(holder, index)
        if not session and demand.at == index and not demand.below and not demand.many:
            session = self.access.session_of(holder, index)
        if not model or not session:
            return None
        walk = self.walks.begin(holder, demand._replace(at=index))
        if walk is None or not walk.text.isidentifier():
            return self._wrap(holder, index, model, session)
        validated = self._validated(holder, index, model, walk.text)
        walk.instead = [
            f"{walk.text} = await {session}.run_sync(", f"    lambda _: {validated}", ")",
        ]  # fmt: skip
        return walk.site

    def _validated(self, holder: Function, index: int, model: str, value: str) -> str:
        self._taken.add((holder, index))
        adapter = self.draft(holder.module).spell(TYPE_ADAPTER)
        return f"{adapter}({model}).validate_python({value}, from_attributes=True)"

    def _wrap(self, holder: Function, index: int, model: str, session: str) -> Site | None:
        """Validate where it stands what has its place in a statement already."""
        if holder.body.operations[index][0] not in _REPLACED:
            return None
        draft, node = self.draft(holder.module), node_reference(holder, index)
        for decision in [each for each in draft.decisions if each.node == node]:
            if isinstance(decision, (ReplaceCall, ReplaceExpression)) and decision.awaits:
                validated = self._validated(holder, index, model, "found")
                call = f"run_sync(lambda _, found: {validated}, {decision.result})"
                result = f"await {session}.{call}"
                draft.exchange(decision, replace(decision, result=result))
                return decision.site
        return None

    def _model(self, holder: Function) -> str:
        """How the response model of a route is written, if pydantic 2 fills it."""
        schemas = response_schemas(self.colors, holder)
        if not schemas or any(is_of_pydantic_1(schema.cls) for schema in schemas):
            return ""
        return _written(holder.signature.operations, response_annotation(self.colors, holder))


def _written(operations: tuple[f.Operation, ...], index: int) -> str:
    """The text of an annotation; '' where it is of another form than names and subscripts."""
    operation = operations[index]
    if operation[0] in (f.NAME, f.ATTRIBUTE):
        return dotted(operations, index)
    if operation[0] == f.CONSTANT:
        return "None" if operation[5] is None else ""
    if operation[0] == f.SUBSCRIPT:
        base, key = _written(operations, operation[5]), _written(operations, operation[6])
        return f"{base}[{key}]" if base and key else ""
    if operation[0] == f.SEQUENCE or (operation[0] == f.OPERATOR and operation[5] == "BitOr"):
        parts = [_written(operations, part) if part >= 0 else "" for part in operation[6]]
        return (", " if operation[0] == f.SEQUENCE else " | ").join(parts) if all(parts) else ""
    return ""
