"""Finds the uses of a library's objects that were made with a session, and work on it.

``MigrationContext.configure(connection)`` keeps the connection: what its methods do with it has to
happen in a greenlet, as what its class did. Which methods do I/O nobody knows; in a greenlet they
all do what they did.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import lru_cache

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.by_name import ByName
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.infer import Inference
from asyncify.analysis.layout import Layout
from asyncify.analysis.use import Use
from asyncify.analysis.use_stacks import Stacks
from asyncify.vocabulary.frameworks import ROOTS

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
        """Note that something of a library was given a session."""
        if keeps(name):
            self._holders[name] = session

    def of_holder(self, index: int, operation: f.Operation, callee: v.Value) -> Iterator[Use]:
        """``context.get_current_heads()``, ``compare_metadata(context, metadata)``"""
        names = [atom.name for atom in callee if isinstance(atom, v.Foreign)]
        owner = _owner(names[0]) if names else ""
        if not (owner or (names and self._holders)) or self.layout.is_awaited(index):
            return
        if self.function.facts.kind in ("module", "class"):
            return
        if any(self._sessions(self.evaluation, operation)):
            return  # it runs on that one
        keeping = {
            atom.name for i in (*operation[6], *(i for _, i in operation[7]))
            for atom in self.values[i if i >= 0 else ~i] if isinstance(atom, v.ForeignInstance)
        }  # fmt: skip
        keeping.add(owner)
        held = [self._holders[name] for name in sorted(keeping & self._holders.keys())]
        session = held[0] if held else self._given_elsewhere(owner)
        if session is not None:
            kind = "refused" if self._with_item(index) >= 0 else "greenlet"
            shown = _ENTERED if kind == "refused" else names[0]
            yield Use(kind, self.function, index, session, name=shown)

    def _given_elsewhere(self, owner: str) -> v.Known | None:
        """The session that another function gives to a class of a library, or None."""
        known = self.inference.holders
        if owner and owner not in known:
            known[owner] = next(self._makers(owner), None)
        return known[owner] if owner else None

    def _makers(self, owner: str) -> Iterator[v.Known]:
        """What the program gives to a class where it makes objects of it."""
        wanted = v.Foreign(owner)
        for function in self.inference.program.mentioning(owner.rpartition(".")[2]):
            evaluation = self.inference.evaluations.get(function)
            if evaluation is None:
                continue
            for operation in evaluation.operations:
                is_call = bool(operation) and operation[0] == f.CALL
                if is_call and wanted in evaluation.values[operation[5]]:
                    yield from self._sessions(evaluation, operation)

    def _sessions(self, evaluation: Evaluation, operation: f.Operation) -> Iterator[v.Known]:
        for i in (*operation[6], *(i for _, i in operation[7])):
            for atom in evaluation.values[i if i >= 0 else ~i]:
                if isinstance(atom, v.Known) and atom.kind in _GIVEN:
                    yield atom


# A context of Alembic keeps the connection that it is made with, and asks it.
_KEEPING = {"alembic"}
_KNOWN = sys.stdlib_module_names | (ROOTS - _KEEPING) | {"sqlalchemy", "sqlmodel", "mock", "pytest"}


@lru_cache(1 << 14)
def _owner(name: str) -> str:
    """``store.Store`` of ``store.Store().total``, if that is a class of a library; else ''."""
    owner, method, _ = name.rpartition("().")
    return owner if method and keeps(owner) else ""


def is_known(name: str) -> bool:
    """Does a name belong to a library of which is known what it does?"""
    return name.partition(".")[0] in _KNOWN


@lru_cache(1 << 14)
def keeps(name: str) -> bool:
    """Does what a call of this name gives keep what it is given? It is a class of a library, or a
    method of one, by what is usual."""
    root, *rest = name.split(".")
    is_class = any(part[:1].isupper() for part in rest[-2:])
    return is_class and "()" not in name and root not in _KNOWN
