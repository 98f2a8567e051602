"""Terminals: what executes a Query, and what of that a statement can't do.

A terminal has an equal form by its row, its arguments and what was built before it.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.uses import Use
from asyncify.planning import query_forms as forms
from asyncify.planning.query_places import Flow, Queries, QueryPlaces
from asyncify.sites import NodeRef
from asyncify.vocabulary.rows import QueryMember
from asyncify.vocabulary.sqlalchemy_query import QUERY
from asyncify.vocabulary.sqlalchemy_query_runs import FIRST_OF_STATEMENT, STREAM, STREAMED

_READ_OTHERWISE = frozenset({"text", "stream"})  # marks on which the form of a terminal depends


class QueryTerminals(QueryPlaces):
    """Judges the places that execute Queries."""

    def _terminal(self, use: Use) -> None:
        """Note where a Query is executed, and what keeps that from being a statement's."""
        atoms = self.executed(use)
        differs = len({_READ_OTHERWISE & set(a.marks) for a in atoms}) > 1
        for origin in {a.origin for a in atoms}:
            own = tuple(a for a in atoms if a.origin is origin)
            if differs:
                self.flows[origin].refuse("how it is read differs between the places that build it")
            obstacle = self._terminal_obstacle(self.flows[origin], use, own)
            self.flows[origin].terminals.append((use, obstacle))

    def _terminal_obstacle(self, flow: Flow, use: Use, atoms: Queries) -> str:
        value = v.merged_query(list(atoms))
        row = self._row(use, value)
        if row is None:
            return f"`{use.name}` has no equal form on a statement here"
        operations = use.function.body.operations
        if self._node(use.function, use.operation) is None:
            return "it is executed by an expression that can't be replaced"
        if self.session(use.function, use.operation) is None:
            return "the session that it runs on isn't at hand where it is executed"
        if value.shape == "unknown" and row.rows != row.entity and row.rows != ("", ""):
            return "whether it selects an entity or columns isn't known"
        if use.name == "get":
            return self._get_obstacle(flow, use, value)
        operation = operations[use.operation]
        if use.kind == "query" and operation[0] == f.CALL:
            if use.name == "count" and self.carried(use, value) is None:
                return "the execution options that it is counted with aren't at hand there"
            if not forms.receiver_template(row, operation, operations):
                return f"these arguments of `{use.name}` have no equal form"
            if not forms.numbered(row, operation, row.entity[0]):
                return f"these arguments of `{use.name}` have no equal form"
        return ""

    def _row(self, use: Use, value: v.QueryValue) -> QueryMember | None:
        """What a terminal becomes, or None where that isn't equal."""
        row = QUERY.member(use.name)
        if row is None:
            return None  # the method of a class of the program
        operations = use.function.body.operations
        operation = operations[use.operation]
        if "text" in value.marks:
            if use.name in ("count", "__getitem__", "value", "values"):
                return None
            row = FIRST_OF_STATEMENT if use.name == "first" else row
        if use.name == "count" and "filters" in value.marks:
            return None  # what is around the statement that it counts has no such options
        if "stream" in value.marks:
            return self._stream_row(use, value, row)
        if use.name == "__getitem__":
            if self._may_be_slice(use.function, operation[6]):
                return None
            return forms.indexed(row, operations[operation[6]], operations, self.line)
        return row if row.equal else None

    def carried(self, use: Use, value: v.QueryValue) -> str | None:
        """The execution options of a Query that is counted, for the statement around it, which is
        the one that is executed. None where they can't be written there."""
        if "execution" not in value.marks:
            return ""
        operations = use.function.body.operations
        suffix, index = forms.chained_options(operations, operations[use.operation][5])
        base, name = self._value(use.function, index), dotted(operations, index)
        if base is not None and "execution" in base.marks:
            kept = f".execution_options(**{name}.get_execution_options())" if name else ""
            suffix = [kept, *suffix]
        return "".join(suffix) if suffix and "" not in suffix else None

    def _may_be_slice(self, function: Function, index: int) -> bool:
        """Is what stands in brackets a slice by its value, or what a ``__getitem__`` is given?"""
        operation = function.body.operations[index]
        found = self.inference.evaluations[function].values[index]
        if any(isinstance(a, v.ForeignInstance) and a.name == "slice" for a in found):
            return True
        names = [p.name for p in function.signature.parameters if p.annotation < 0]
        return function.name == "__getitem__" and operation[0] == f.NAME and operation[5] in names

    def _stream_row(self, use: Use, value: v.QueryValue, row: QueryMember) -> QueryMember | None:
        """Behind ``yield_per`` rows are streamed, most of all by a loop."""
        if use.function not in self.coloring.turned or use.name == "count":
            return row
        if value.collections:
            return None  # Query refuses that
        if use.kind == "iterate query" and self._loop(use) is not None:
            return STREAM
        return STREAMED.get(use.name)

    def _loop(self, use: Use) -> NodeRef | tuple[NodeRef, int] | None:
        """The loop or comprehension over a Query that can become ``async for``."""
        layout = self.colors.uses.layout(use.function)
        for statement in layout.statements:
            if statement[0] == f.FOR and statement[8] == use.operation:
                return NodeRef("For", statement[3])
        comprehension = layout.comprehension_of(use.operation)
        if comprehension is None or comprehension[5] == "GeneratorExp":
            return None
        if layout.operations[use.operation][4] & f.GENERATOR:
            return None
        place = next(n for n, g in enumerate(comprehension[8]) if g[1] == use.operation)
        return NodeRef(comprehension[5], comprehension[3]), place

    def _get_obstacle(self, flow: Flow, use: Use, value: v.QueryValue) -> str:
        operations = use.function.body.operations
        operation = operations[use.operation]
        given = [*operation[6], *(i for _, i in operation[7])]
        names = [name for name, _ in operation[7]]
        if len(given) != 1 or given[0] < 0 or names not in ([], ["ident"]):
            return "these arguments of `get` have no equal form"
        if not self._entity(value, use.function):
            return "what `get` looks for isn't known by name here"
        return (
            ""
            if self._get_keywords(flow, use) is not None
            else ("`get` behind other methods has no equal form")
        )

    def _get_keywords(self, flow: Flow, use: Use) -> str | None:
        """The keywords of ``session.get`` that stand for the methods between ``query()`` and
        ``get()``; None where others stand there, or they aren't in the same expression."""
        operations = use.function.body.operations
        index = operations[operations[use.operation][5]][5]
        keywords: dict[str, str] = {}
        while operations[index][0] == f.CALL and (use.function, index) != (
            flow.origin.function, flow.start,
        ):  # fmt: skip
            operation, callee = operations[index], operations[operations[index][5]]
            row = QUERY.member(callee[6]) if callee[0] == f.ATTRIBUTE else None
            if row is None or not row.get_keyword or row.name in keywords:
                return None
            keyword = forms.get_keyword(row, operation, operations)
            if not keyword:
                return None
            keywords[row.name] = keyword
            index = callee[5]
        value = self._value(use.function, index)
        if value is None or "built" in value.marks:
            return None
        return "".join(f", {text}" for text in reversed(keywords.values()))
