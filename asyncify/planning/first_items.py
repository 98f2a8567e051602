"""``next(get_db())``: the first item of a generator that turns, which has to live on.

A plain generator that nobody keeps is closed at once, and its session goes on working. An async one
is closed by the loop some time later, while its session is in use: so it gets a name, or, where a
fixture gives its item away, the fixture becomes a generator itself.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import InsertStatements, RemoveStatement, ReplaceCall
from asyncify.planning.draft import Draft, call_reference

_HOSTS = (f.EXPRESSION, f.ASSIGN, f.ANNOTATED, f.RETURN)


def first_item(use: Use, layout: Layout, draft: Draft, group: int, of_fixture: bool) -> None:
    """Plan the call of ``next`` around a generator's call."""
    call = layout.parent(use.operation)
    operation = layout.operations[call]
    node, site = call_reference(use.function, call), draft.site(operation)
    statement, source = layout.statement(call), _source(layout.operations, use.operation)
    alone = len(operation[6]) == 1 and not operation[4] & (f.MAYBE | f.REPEATED | f.GENERATOR)
    alone = alone and layout.operations[use.operation][0] == f.CALL  # else it has a name already
    if statement is None or statement[0] not in _HOSTS or statement[6] or not (source and alone):
        draft.add(ReplaceCall(node=node, site=site, group=group, awaited="anext({args})"))
        return
    gives = statement[0] == f.RETURN and statement[7] == call
    if gives and of_fixture and not _yields(use):
        name = _free(use, ("item", "given", "first_item"))
        text = f"async for {name} in {source}:\n    yield {name}\n"
        draft.add(InsertStatements(node=node, site=site, group=group, source=text))
        draft.add(RemoveStatement(node=node, site=site, group=group))
        return
    callee = layout.operations[layout.operations[use.operation][5]]
    last = callee[5] if callee[0] == f.NAME else callee[6]
    name = _free(use, (f"{last}_items", "items_to_come"))
    text = f"{name} = {source}\n"
    draft.add(InsertStatements(node=node, site=site, group=group, source=text))
    draft.add(ReplaceCall(node=node, site=site, group=group, awaited=f"anext({name})"))


def _yields(use: Use) -> bool:
    returns = [s for s in use.function.body.statements if s[0] == f.RETURN]
    return use.function.facts.is_generator or len(returns) != 1


def _free(use: Use, names: tuple[str, ...]) -> str:
    taken = use.function.facts.bound | use.function.facts.names
    return next((name for name in names if name not in taken), f"{names[0]}_")


def _source(operations: tuple[f.Operation, ...], index: int) -> str:
    """A call as it can be written again: of a name, with names and literals for arguments."""
    operation = operations[index]
    if operation[0] != f.CALL:
        if operation[0] == f.CONSTANT:
            return "" if operation[5] is ... else repr(operation[5])
        return dotted(operations, index)
    parts = [_source(operations, i) if i >= 0 else "" for i in operation[6]]
    named = [(name, _source(operations, i)) for name, i in operation[7]]
    callee = dotted(operations, operation[5])
    if not callee or not all(parts) or not all(name and text for name, text in named):
        return ""
    return f"{callee}({', '.join([*parts, *(f'{name}={text}' for name, text in named)])})"
