"""The statements of walks: what each step of one is written as."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from itertools import groupby

from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Class, Function, Module
from asyncify.planning.draft import Draft
from asyncify.planning.load_access import Access
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.loading import INSPECTING, RAISING

_INDENT = " " * 4
_FEW = 2  # classes that are worth being named


@dataclass(slots=True)
class Step:
    """One relationship or column on the way; ``wanted``: it may not be loaded; ``outdated``: what
    is loaded may be what was there before a commit; ``here``: it is read behind the statement, and
    not by a request alone, which loads it itself; ``among``: the classes that have it, where
    instances of others come from the same place."""

    cls: Class
    to_many: bool = False
    wanted: bool = False
    outdated: bool = False
    here: bool = False
    among: tuple[Class, ...] = ()
    below: dict[str, Step] = field(default_factory=dict)


def merge(steps: dict[str, Step], others: dict[str, Step]) -> None:
    """Take the steps of others, too."""
    for name, other in others.items():
        step = steps.setdefault(name, other)
        if step is not other:
            step.wanted |= other.wanted
            step.outdated |= other.outdated
            step.here |= other.here
            step.among = tuple(dict.fromkeys((*step.among, *other.among)))
            merge(step.below, other.below)


@dataclass(slots=True)
class Walk:
    """What is loaded of one value before one statement; ``instead`` are the lines of
    the statement that does it in the place of the steps."""

    holder: Function
    node: NodeRef
    site: Site
    anchor: int
    text: str  # the value, or what holds it
    item: str  # the name of each instance, where the value is a container of them
    sure: bool  # is it never None?
    stored: bool = True  # or may it not be the session's yet, which expires nothing else?
    at: int = -1  # the operation that it is the value of
    owner: Class | None = None  # the class whose relationship it is
    steps: dict[str, Step] = field(default_factory=dict)
    instead: list[str] = field(default_factory=list)


class WalkTexts:
    """Writes walks. ``awaited`` are the reads that are awaited in place, pairs of a function and
    an operation; it grows while walks are gathered."""

    def __init__(
        self,
        colors: Colors,
        draft: Callable[[Module], Draft],
        access: Access,
        awaited: Set[tuple[Function, int]],
    ) -> None:
        self.colors = colors
        self.models = colors.inference.models
        self.draft = draft
        self.access = access
        self.awaited = awaited

    def lines(self, walk: Walk) -> list[str]:
        """The statements that take the steps."""
        names = Names(walk.holder)
        text, first = self._text(walk, names)
        one = walk.item or text
        lines = list(self._lines(walk, one, walk.steps, names))
        if asked := self._presence(walk, one):
            lines = [f"if {asked}:", *_indented(lines)]
        if walk.item:
            lines = [f"for {one} in {text}:", *_indented(lines)]
        return [*first, *lines]

    def _text(self, walk: Walk, names: Names) -> tuple[str, list[str]]:
        """The value, and what comes before: where it has to be awaited itself, it has a name."""
        base, _, name = walk.text.rpartition(".")
        if walk.owner is None or not base:
            return walk.text, []
        if (walk.holder, walk.at) not in self.awaited and not self._comes_later(walk, name):
            return walk.text, []
        text = "await " + self.access.text(walk.holder, walk.anchor, walk.owner, base, name)
        if walk.item:
            return text, []
        variable = names.fresh(name)
        return variable, [f"{variable} = {text}"]

    def _presence(self, walk: Walk, text: str) -> str:
        """What is asked of the value before anything of it is loaded, or ''."""
        is_asked = not walk.sure and not (walk.stored and _ask_themselves(walk.steps))
        asked = [f"{text} is not None"] if is_asked else []
        if not walk.stored:
            asked.append(f"{self.draft(walk.holder.module).spell(INSPECTING)}({text}).persistent")
        return " and ".join(asked)

    def _lines(self, walk: Walk, text: str, steps: dict[str, Step], names: Names) -> Iterator[str]:
        asked = {n: self._asked(walk, text, n, step.among) for n, step in steps.items()}
        for question, those in groupby(steps, key=asked.__getitem__):
            lines = list(self._of_one(walk, text, {n: steps[n] for n in those}, names))
            yield from [f"if {question}:", *_indented(lines)] if question else lines

    def _of_one(self, walk: Walk, text: str, steps: dict[str, Step], names: Names) -> Iterator[str]:
        """The lines for attributes that one class has."""
        told: set[str] = set()
        writes = {name: self._at_once(step, name) for name, step in steps.items()}
        if self.access.refreshed in writes.values():
            # Who reads one of the columns that have expired loads all of them: none is left.
            columns = [n for n, step in steps.items() if n not in self.models.links(step.cls)]
            writes |= {n: self.access.refreshed for n in columns if writes[n] is not None}
        for name, step in steps.items():
            write = writes[name]
            if write is None:
                yield from self._step(walk, text, name, step, names)
            elif name not in told:
                alike = [n for n in steps if writes[n] == write]
                told.update(alike)
                yield write(walk.holder, walk.anchor, text, *alike)

    def _at_once(self, step: Step, name: str) -> Callable[..., str] | None:
        """What has one statement for several attributes: which expire and are left to others, or
        columns that are read here."""
        link = self.models.links(step.cls).get(name)
        if not step.outdated or step.below:
            return None
        if link is None and step.wanted and step.here:
            return self.access.refreshed
        if link is not None and link.lazy in RAISING and step.here:
            return self.access.refreshed
        return None if step.wanted else self.access.expired

    def _asked(self, walk: Walk, text: str, name: str, among: tuple[Class, ...]) -> str:
        """Is it an instance of what has the attribute? '' where it always is."""
        if not among:
            return ""
        if len(among) > _FEW:
            return f'hasattr(type({text}), "{name}")'
        draft = self.draft(walk.holder.module)
        spelled = [draft.spell_symbol(cls.name, cls.module) for cls in among]
        classes = f"({', '.join(spelled)})" if len(spelled) > 1 else spelled[0]
        return f"isinstance({text}, {classes})"

    def _step(self, walk: Walk, text: str, name: str, step: Step, names: Names) -> Iterator[str]:
        read = f"{text}.{name}"
        link = self.models.links(step.cls).get(name)
        raises = link is not None and link.lazy in RAISING
        if step.outdated:
            at_once = raises and step.here  # for a request it would be what was before its commit
            again = self.access.refreshed if at_once else self.access.expired
            yield again(walk.holder, walk.anchor, text, name)
        if raises and not step.below:
            return
        if raises:
            pass  # no read of it loads it
        elif step.wanted or (step.outdated and step.below) or self._comes_later(walk, name):
            read = "await " + self.access.text(walk.holder, walk.anchor, step.cls, text, name)
        if not step.below:
            if step.wanted or not step.outdated:
                yield read
            return
        if step.to_many:
            item = names.one_of(name)
            yield f"for {item} in {read}:"
        else:
            item = names.fresh(name)
            yield f"{item} = {read}"
            if _ask_themselves(step.below):
                yield from self._lines(walk, item, step.below, names)
                return
            yield f"if {item} is not None:"
        yield from _indented(list(self._lines(walk, item, step.below, names)))

    def _comes_later(self, walk: Walk, name: str) -> bool:
        """Is a relationship on the way loaded by the statement that the walk stands before?"""
        layout = self.colors.uses.layout(walk.holder)
        statement = layout.statement(walk.anchor)
        places = [
            index for holder, index in self.awaited
            if holder is walk.holder and layout.operations[index][6] == name
        ]  # fmt: skip
        return any(layout.statement(index) is statement for index in places)


class Names:
    """New variables of one function."""

    def __init__(self, holder: Function) -> None:
        self.taken = set(holder.facts.bound | holder.facts.names)

    def one_of(self, name: str) -> str:
        """A name for one of what ``name`` is the plural of."""
        return self.fresh(singular(name))

    def fresh(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name


def singular(name: str) -> str:
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("s", "")):
        if name.endswith(ending) and len(name) > len(ending) + 1 and not name.endswith("ss"):
            return name[: -len(ending)] + instead
    return f"{name}_item"


def _ask_themselves(steps: dict[str, Step]) -> bool:
    """Does each step ask for classes, of which None is no instance?"""
    return all(step.among for step in steps.values())


def _indented(lines: list[str]) -> list[str]:
    return [_INDENT + line for line in lines]
