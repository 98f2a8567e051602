"""Functions that hand on the instances which they are given.

They do no I/O, so nobody asked for their types, and without these nobody knows whom they call:

    class AllOf:
        def holds(self, order):
            return all(rule.holds(order) for rule in self.rules)
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.computed_names import beginning
from asyncify.analysis.loading import Loading
from asyncify.analysis.looked_up import GETATTR
from asyncify.analysis.program import Function

_MENTIONS = 60  # a name that occurs more often says nothing


def evaluate_readers(colors: Colors, coloring: Coloring) -> None:
    """Evaluate what lies between the functions that turn and a read of what may not be loaded."""
    inference = colors.inference
    leading = _leading(Loading(colors, coloring)) - inference.evaluations.keys()
    pending = [fn for fn in coloring.turned if fn in inference.evaluations]
    while pending and leading:
        called = {
            callee for function in pending for use in colors.uses.of(function)
            for callee in use.callees if callee in leading
        }  # fmt: skip
        for function in sorted(called, key=lambda fn: (fn.module.path, fn.index)):
            inference.need(function)
        inference.settle()
        leading -= called
        pending = [fn for fn in called if fn in inference.evaluations]


def _leading(loading: Loading) -> set[Function]:
    """The functions that may lead to a read, by the names that occur in them."""
    program = loading.inference.program
    pending = list(loading.readers())
    found = set(pending)
    names: set[str] = set()
    computed = list(_computing(loading)) if pending else []
    while pending:
        name = pending.pop().name
        if name in names:
            continue
        names.add(name)
        mentions = [*program.mentioning(name)]
        mentions += [function for start, function in computed if name.startswith(start)]
        if len(mentions) <= _MENTIONS:
            pending += [function for function in mentions if function not in found]
            found.update(mentions)
    return found


def _computing(loading: Loading) -> Iterator[tuple[str, Function]]:
    """The functions that compute the names of others, ``getattr(self, f"can_{word}")``, each with
    what these names begin with."""
    inference = loading.inference
    for function in inference.program.mentioning(GETATTR):
        operations, layout = function.body.operations, inference.layout(function)
        for operation in operations:
            if operation and operation[0] == f.CALL and min(operation[6][1:2], default=-1) >= 0:
                callee = operations[operation[5]]
                is_getattr = callee[0] == f.NAME and callee[5] == GETATTR
                start = beginning(inference.program, layout, operation[6][1]) if is_getattr else ""
                if start:
                    yield start, function
