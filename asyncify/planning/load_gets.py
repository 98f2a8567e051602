"""Reads by primary key that have to load more: `db.get(User, 1)` becomes a statement.

`get` gives what the session holds already as it is, whatever its options say; a statement loads
what isn't there yet, on that too. https://docs.sqlalchemy.org/en/20/orm/session_api.html
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.load_values import Source
from asyncify.analysis.program import Class, Module, dotted
from asyncify.decisions import AwaitExpression, Decision, ReplaceCall, SessionSource
from asyncify.planning.draft import Draft, call_reference
from asyncify.vocabulary.loading import GETS_AS, GETS_UNIQUE

_LEGACY = "{session}.get("
_COMPOSED = (f.SEQUENCE, f.DICT)


class Gets:
    """The reads by primary key of a program."""

    def __init__(self, colors: Colors, draft: Callable[[Module], Draft]) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.models = self.inference.models
        self.draft = draft

    def entity(self, source: Source) -> Class | None:
        """The class that is read, if the read can become a statement."""
        cls = self._class(source)
        if cls is None or len(self._keys(cls)) != 1 or self._decision(source) is None:
            return None
        operations = source.function.body.operations
        arguments = operations[source.operation][6]
        number = self._ident(source)
        if len(arguments) != number + 1 or operations[source.operation][7]:
            return None
        composed = arguments[number] < 0 or operations[arguments[number]][0] in _COMPOSED
        return None if composed or min(arguments) < 0 else cls

    def name(self, source: Source) -> str:
        """How the class is written there."""
        operations = source.function.body.operations
        if self._ident(source):
            return dotted(operations, operations[source.operation][6][0])
        cls = self._class(source)
        return self.draft(source.function.module).spell_class(cls) if cls is not None else ""

    def select(self, source: Source, options: str) -> None:
        """Put the statement in the place of the read."""
        draft = self.draft(source.function.module)
        decision, cls = self._decision(source), self._class(source)
        assert decision is not None
        assert cls is not None
        (key,) = self._keys(cls)
        name = self.name(source)
        joined = self.models.joins_collections([cls])
        method, result = (GETS_UNIQUE if joined else GETS_AS)[decision.node.name]
        select = self._select(draft)
        number = self._ident(source)
        statement = f"{select}({name}).options({options}).where({name}.{key} == {{{number}}})"
        session, receiver = SessionSource(), "{receiver}"
        if isinstance(decision, ReplaceCall):
            session, receiver = decision.session, "{session}"
        del draft.decisions[decision]
        draft.add(
            ReplaceCall(
                node=decision.node, site=decision.site, group=decision.group,
                awaited=f"{receiver}.{method}({statement})", result="{awaited}" + result,
                session=session, hoist=decision.hoist,
            )
        )  # fmt: skip

    def _select(self, draft: Draft) -> str:
        if self.inference.program.resolve(draft.module, "select") == "sqlmodel.select":
            return "select"
        return draft.spell("sqlalchemy.select")

    def _ident(self, source: Source) -> int:
        """The position of the key among the arguments: behind the class, or alone."""
        operations = source.function.body.operations
        arguments = operations[source.operation][6]
        evaluation = self.inference.evaluations.get(source.function)
        if evaluation is None or not arguments or arguments[0] < 0:
            return 0
        return int(any(isinstance(a, v.ClassObject) for a in evaluation.values[arguments[0]]))

    def _class(self, source: Source) -> Class | None:
        found = {entity.cls for (path, _), entity in source.entities.items() if not path}
        return next(iter(found)) if len(found) == 1 else None

    def _keys(self, cls: Class) -> set[str]:
        return {name for c in cls.ancestors for name in self.models.declared(c).primary_keys}

    def _decision(self, source: Source) -> AwaitExpression | ReplaceCall | None:
        """What becomes of the read by itself."""
        node = call_reference(source.function, source.operation)
        if node.name not in GETS_AS:
            return None
        found: list[Decision] = [
            d for d in self.draft(source.function.module).decisions if d.node == node
        ]
        if len(found) != 1:
            return None
        (decision,) = found
        if isinstance(decision, AwaitExpression):
            return decision
        legacy = isinstance(decision, ReplaceCall) and decision.awaited.startswith(_LEGACY)
        if not legacy or not isinstance(decision, ReplaceCall):
            return None
        return decision if "=" not in decision.awaited and decision.awaits else None
