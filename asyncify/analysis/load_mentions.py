"""Mentions: the relationships that anybody may read.

What no function names, no schema and no other text, nobody loads; so it is never what it was before
a commit.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import model_fields
from asyncify.analysis import values as v
from asyncify.analysis.load_commits import related
from asyncify.analysis.load_sessions import session_of
from asyncify.analysis.model_bodies import Relationship
from asyncify.analysis.program import Class, Function
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.loading import Loading

_READING_ALL = (
    words.RELATIONSHIP_LISTS | words.DESCRIPTOR_LISTS | words.READING_ALL | words.RENDERING
)


class Mentions:
    """What is named in a program, other than by the models that declare it."""

    def __init__(self, loading: Loading) -> None:
        self.loading = loading
        self._named: dict[str, bool] = {}

    def may_be_read(self, cls: Class, link: Relationship) -> bool:
        """Or loaded without that: with its parent, or by who deletes that."""
        if self._all or link.lazy in words.EAGER or model_fields.is_dataclass(cls):
            return True
        found = self._named.get(link.name)
        if found is None:
            naming = self.loading.inference.program.mentioning(link.name)
            found = link.name in self._proxied or any(fn not in self._models for fn in naming)
            self._named[link.name] = found
        return found or self._may_be_deleted(cls)

    @cached_property
    def _all(self) -> bool:
        """Does anything read relationships that it doesn't name?"""
        return any(map(self.loading.inference.program.mentioning, _READING_ALL))

    @cached_property
    def _models(self) -> set[Function]:
        classes = self.loading.inference.program.classes.values()
        return {cls.body for cls in classes if self.loading.is_model(cls)}

    @cached_property
    def _proxied(self) -> set[str]:
        """The relationships that proxies read."""
        models, classes = self.loading.models, self.loading.inference.program.classes.values()
        proxies = [pair for cls in classes for pair in models.declared(cls).proxies.values()]
        return {name for pair in proxies for name in pair}

    def _may_be_deleted(self, cls: Class) -> bool:
        return any(each is None or related(each, cls) for each in self._deleted)

    @cached_property
    def _deleted(self) -> set[Class | None]:
        """The classes of what sessions delete; None: of any."""
        inference, out = self.loading.inference, set[Class | None]()
        for name in words.DELETING:
            for function in inference.program.mentioning_member(name):
                evaluation = inference.evaluations.get(function)
                values = evaluation.values if evaluation is not None else ()
                for operation in function.body.operations if values else ():
                    if operation and operation[0] == f.CALL and operation[6] and any(
                        isinstance(a, v.KnownMethod) and session_of(a) is not None
                        and a.name == name for a in values[operation[5]]
                    ):  # fmt: skip
                        given = operation[6][0]
                        types = values[given] if given >= 0 else v.UNKNOWN
                        out |= {a.cls if isinstance(a, v.Instance) else None for a in types}
                        out |= set() if types else {None}
        return out
