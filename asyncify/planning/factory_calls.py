"""The calls that make engines and session factories, and what is to be edited in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function
from asyncify.decisions import EditArguments
from asyncify.planning.draft import Draft, call_reference
from asyncify.sites import Site


@dataclass(slots=True)
class FactoryCall:
    """One call that makes an engine or a factory, and what is to be edited in it. ``skip``: the
    arguments before those, ``partial(create_engine, url)``."""

    function: Function
    layout: Layout
    index: int
    draft: Draft
    site: Site
    group: int
    skip: int = 0
    literals: list[tuple[int | str, str]] = field(default_factory=list)
    beginnings: list[tuple[int | str, str, str]] = field(default_factory=list)
    wrap: list[tuple[int | str, str]] = field(default_factory=list)
    entries: list[tuple[str, str, str]] = field(default_factory=list)
    keywords: list[tuple[str, str]] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    rename: list[tuple[str, str]] = field(default_factory=list)

    @property
    def operation(self) -> f.Operation:
        return self.layout.operations[self.index]

    def given(self) -> Iterator[tuple[str, int]]:
        """The keywords with their values; unpacked dicts have no name."""
        return ((keyword, value) for keyword, value in self.operation[7] if keyword)

    def argument(self, position: int, name: str) -> tuple[int | str, int] | None:
        """An argument by position or keyword: how to name it in an edit, and its value."""
        position += self.skip
        if len(self.operation[6]) > position:
            return position, self.operation[6][position]
        return next(((name, value) for keyword, value in self.given() if keyword == name), None)

    def finish(self) -> None:
        edits = EditArguments(
            node=call_reference(self.function, self.index), site=self.site, group=self.group,
            set_keywords=tuple(self.keywords), remove_keywords=tuple(self.remove),
            wrap=tuple(self.wrap), literals=tuple(self.literals), entries=tuple(self.entries),
            rename_keywords=tuple(self.rename), beginnings=tuple(self.beginnings),
        )  # fmt: skip
        changes = (
            *self.literals,
            *self.beginnings,
            *self.wrap,
            *self.entries,
            *self.keywords,
            *self.rename,
        )
        if changes or self.remove:
            self.draft.add(edits)
