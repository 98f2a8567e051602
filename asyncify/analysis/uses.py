"""Uses: the places in functions that do I/O, or that call into the program."""

from __future__ import annotations

from asyncify.analysis.by_name import ByName
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.infer import Inference
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, Variable
from asyncify.analysis.registries import Registries
from asyncify.analysis.special_uses import SpecialUses
from asyncify.analysis.use import GREENLET_KINDS, SYNC_KINDS, Use
from asyncify.analysis.use_arguments import LISTENING
from asyncify.analysis.use_calls import (
    is_session_class,
    merged,
)
from asyncify.analysis.use_collector import Collector
from asyncify.analysis.use_stacks import ENTERING, ENTERING_ASYNC

__all__ = [
    "ENTERING", "ENTERING_ASYNC", "GREENLET_KINDS", "LISTENING",
    "SYNC_KINDS", "Use", "Uses", "is_session_class", "merged",
]  # fmt: skip


class Uses:
    """The uses of every evaluated function."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.by_name = ByName(inference)
        self.specials = SpecialUses(inference)
        self.registries = Registries(inference)
        self.apart: frozenset[Variable] = frozenset()  # registries that stay sync for everybody
        self._uses: dict[Function, tuple[Evaluation, tuple[Use, ...]]] = {}
        self._doing_io: dict[Function, tuple[tuple[Use, ...], tuple[Use, ...]]] = {}

    def of(self, function: Function) -> tuple[Use, ...]:
        """The uses in one function, in order; none for a function that was never evaluated."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return ()
        known = self._uses.get(function)
        if known is None or known[0] is not evaluation:
            layout = self.layout(function)
            collector = Collector(self.inference, evaluation, layout, self.by_name)
            found = tuple(collector.collect())
            if self.specials.there:
                found += tuple(self.specials.of(evaluation, layout))
            if self.apart:
                found = tuple(u for u in found if self.registries.of(u) not in self.apart)
            known = self._uses[function] = (evaluation, found)
        return known[1]

    def keep_apart(self, registries: frozenset[Variable]) -> bool:
        """What is done with these by their names has nothing to do with what turns. Says whether
        that is new."""
        if registries == self.apart:
            return False
        self.apart = registries
        self._uses.clear()
        self._doing_io.clear()
        return True

    def of_apart(self, function: Function) -> tuple[Use, ...]:
        """The uses of a function that are left out for that."""
        evaluation = self.inference.evaluations.get(function) if self.apart else None
        if evaluation is None:
            return ()
        found = Collector(self.inference, evaluation, self.layout(function), self.by_name).collect()
        return tuple(use for use in found if self.registries.of(use) in self.apart)

    def doing_io(self, function: Function) -> tuple[Use, ...]:
        """Those among them that do I/O."""
        uses = self.of(function)
        known = self._doing_io.get(function)
        if known is None or known[0] is not uses:
            known = self._doing_io[function] = (uses, tuple(u for u in uses if u.does_io))
        return known[1]

    def layout(self, function: Function) -> Layout:
        return self.inference.layout(function)
