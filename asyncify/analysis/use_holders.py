"""Finds the uses of a library's objects that were made with a session, and work on it.

``MigrationContext.configure(connection)`` keeps the connection: what its methods do with it has to
happen in a greenlet, as what its class did. Which methods do I/O nobody knows; in a greenlet they
all do what they did.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.by_name import ByName
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.infer import Inference
from asyncify.analysis.layout import Layout
from asyncify.analysis.use import Use
from asyncify.analysis.use_stacks import Stacks
from asyncify.vocabulary.runners import RUNNERS

_ENTERED = "What keeps a session in a library is entered here, outside of a greenlet."
_GIVEN = {"Session", "Connection", "scoped_session"}


class Holders(Stacks):
    """The uses of what keeps a session; ``_holders``: the dotted name that made it -> whose."""

    def __init__(
        self, inference: Inference, evaluation: Evaluation, layout: Layout, by_name: ByName
    ) -> None:
        super().__init__(inference, evaluation, layout, by_name)
        self._holders: dict[str, v.Known] = {}

    def keep(self, name: str, session: v.Known) -> None:
        """Note that a class of a library, or one of its methods, was given a session."""
        is_class = any(part[:1].isupper() for part in name.split(".")[-2:])
        if is_class and "()" not in name and name not in RUNNERS:
            self._holders[name] = session

    def of_holder(self, index: int, operation: f.Operation, callee: v.Value) -> Iterator[Use]:
        """``context.get_current_heads()``, ``compare_metadata(context, metadata)``"""
        if not self._holders or self.function.facts.kind in ("module", "class"):
            return
        names = [atom.name for atom in callee if isinstance(atom, v.Foreign)]
        if not names or self.layout.is_awaited(index):
            return
        given = {
            atom for i in (*operation[6], *(i for _, i in operation[7]))
            for atom in self.values[i if i >= 0 else ~i]
        }  # fmt: skip
        if any(isinstance(atom, v.Known) and atom.kind in _GIVEN for atom in given):
            return  # it runs on that one
        made = {names[0].rpartition("().")[0]}
        made |= {atom.name for atom in given if isinstance(atom, v.ForeignInstance)}
        for name in sorted(made & self._holders.keys()):
            kind = "refused" if self._with_item(index) >= 0 else "greenlet"
            shown = _ENTERED if kind == "refused" else names[0]
            yield Use(kind, self.function, index, self._holders[name], name=shown)
            return
