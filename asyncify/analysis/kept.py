"""What is kept on objects that aren't the program's: ``request.state.db = session``.

Nobody knows what reads such an attribute; whoever reads it by the same last two names gets it. What
argparse keeps, ``parser.set_defaults(func=run)``, is read from anything: ``args.func(args)``. What
Click's context keeps, decorators give to the commands. What a view or a router gives resolvers for
their context is read as ``info.context``. What a test puts on its client is read from any:
``client.post_as = post_as``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Function, Program
from asyncify.vocabulary.frameworks import (
    CONTEXT,
    CONTEXT_GETTER,
    CONTEXT_METHOD,
    PASSED_ATTRIBUTE,
    PASSING,
    PASSING_CONTEXT,
    RESOLVER_CONTEXT,
    RESOLVERS,
)

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation
    from asyncify.analysis.infer import Inference


_ANYBODY = ""
_CLIENT = "a client of the application"


class Kept:
    """What is kept so in a program; ``names`` are those of the attributes."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.names: set[str] = set()
        self.keepers: dict[tuple[str, str], dict[Function, None]] = {}  # who sets which names
        self.getters = _context_getters(inference.program)
        self._values: dict[tuple[str, str], v.Value] = {}
        self._handed: dict[Function, None] = {}

    def keep(self, evaluation: Evaluation, base: int, attribute: str, value: v.Value) -> None:
        """An attribute of the value of an operation is assigned. All that name it are evaluated, or
        once more."""
        owner = last_name(evaluation.operations[base])
        if any(isinstance(atom, v.Client) for atom in evaluation.values[base]):
            self._add((_CLIENT, attribute), value)
        elif owner and self._is_foreign(evaluation.values[base]):
            self.keepers.setdefault((owner, attribute), {})[evaluation.function] = None
            self._add((owner, attribute), value)

    def default(self, attribute: str, value: v.Value) -> None:
        """An attribute of any namespace that argparse makes has a value."""
        self._add((_ANYBODY, attribute), value)

    def hand(self, function: Function, decorator: str) -> None:
        """A decorator gives a command the context of Click, or what is kept there."""
        if decorator == PASSING_CONTEXT:
            self._give(function, v.foreign_instance(CONTEXT))
        elif decorator in PASSING:
            self._handed[function] = None
            for (_, attribute), value in self._values.items():
                if attribute == PASSED_ATTRIBUTE:
                    self._give(function, value)

    def _give(self, function: Function, value: v.Value) -> None:
        self.inference.write(self.inference.slot("parameter", function, 0), value)

    def context(self, value: v.Value) -> None:
        """Resolvers read it as the context of what they are given."""
        self._add(RESOLVER_CONTEXT, value)

    def _add(self, names: tuple[str, str], value: v.Value) -> None:
        known = self._values.get(names, v.UNKNOWN)
        if self.inference.holds_nothing(value) or value <= known:
            return
        self._values[names] = known | value
        self.names.add(names[1])
        for function in self._handed if names[1] == PASSED_ATTRIBUTE else ():
            self._give(function, value)
        program = self.inference.program
        asking = [fn for fn in program.mentioning("getattr") if names[1] in fn.facts.names]
        self.inference.again(dict.fromkeys([*program.mentioning_member(names[1]), *asking]))

    def read(self, evaluation: Evaluation, base: int, attribute: str) -> v.Value:
        """What an attribute of the value of an operation holds that is kept so."""
        found = self._values.get((last_name(evaluation.operations[base]), attribute), v.UNKNOWN)
        value = evaluation.values[base]
        if any(isinstance(atom, v.Client) for atom in value):
            return self._values.get((_CLIENT, attribute), v.UNKNOWN)
        if not any(isinstance(atom, v.Foreign) and "()" not in atom.name for atom in value):
            found |= self._values.get((_ANYBODY, attribute), v.UNKNOWN)  # it is no module
        return found if found and self._is_foreign(value) else v.UNKNOWN

    def _is_foreign(self, value: v.Value) -> bool:
        return all(isinstance(atom, (v.Foreign, v.ForeignInstance)) for atom in value)


def last_name(operation: f.Operation) -> str:
    """The name of what an attribute is read of: ``state`` in ``request.state.user``."""
    if operation[0] == f.ATTRIBUTE:
        return str(operation[6])
    return str(operation[5]) if operation[0] == f.NAME else ""


def _context_getters(program: Program) -> frozenset[Function]:
    """The functions of which resolvers are given what they return."""
    package = RESOLVERS.rstrip(".")
    users = [
        module for module in program.modules.values()
        if any(item.module.partition(".")[0] == package for item in module.facts.imports)
    ]  # fmt: skip
    found: set[object] = set()
    for function in (fn for module in users for fn in module.functions):
        bases = function.owner.foreign_bases if function.owner is not None else ()
        if function.name == CONTEXT_METHOD and any(b.startswith(RESOLVERS) for b in bases):
            found.add(function)
        operations = function.body.operations if function.facts.kind in ("module", "def") else ()
        for operation in operations:
            if operation and operation[0] == f.CALL:
                found |= {
                    program.resolve_expression(function, operations, index)
                    for keyword, index in operation[7] if keyword == CONTEXT_GETTER
                }  # fmt: skip
    return frozenset(fn for fn in found if isinstance(fn, Function))
