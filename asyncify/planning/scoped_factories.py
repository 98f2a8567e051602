"""What a registry of sessions hands to its factory, without a session being asked for.

``registry.configure(bind=engine)`` asks the scope function whether there is a session already. That
is the task of the event loop from now on, and where registries are configured none runs yet.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module
from asyncify.decisions import UseSyncSession
from asyncify.planning.draft import Draft, reference
from asyncify.vocabulary.sqlalchemy_session import ON_FACTORY


def plan_on_factories(colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]) -> None:
    """Call the method on the factory that the registry has."""
    for (kind, name), attribute in ON_FACTORY.items():
        for function in colors.program.mentioning_member(name):
            if function in coloring.stays or function in coloring.islands:
                continue
            for receiver, origin in _calls(colors, function, kind, name):
                if origin in coloring.alive and origin not in coloring.stays_origins:
                    edited = draft(function.module)
                    group = coloring.source_groups.get(origin, 0)
                    edited.add(
                        UseSyncSession(
                            node=reference(receiver), site=edited.site(receiver), group=group,
                            attribute=attribute,
                        )
                    )  # fmt: skip


def _calls(
    colors: Colors, function: Function, kind: str, name: str
) -> list[tuple[f.Operation, v.Origin]]:
    """The objects of a kind on which a method is called, with where they come from."""
    evaluation = colors.inference.evaluations.get(function)
    found = []
    for operation in evaluation.operations if evaluation is not None else ():
        if not operation or operation[0] != f.ATTRIBUTE or operation[6] != name:
            continue
        assert evaluation is not None
        receiver = evaluation.operations[operation[5]]
        origins = [
            a.origin for a in evaluation.values[operation[5]]
            if isinstance(a, v.Known) and a.kind == kind and a.origin is not None
        ]  # fmt: skip
        if origins and receiver[0] in (f.NAME, f.ATTRIBUTE):
            found.append((receiver, min(origins, key=repr)))
    return found
