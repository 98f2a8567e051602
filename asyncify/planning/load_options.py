"""Loader options as text: ``selectinload(User.books).selectinload(Book.author)``."""

from __future__ import annotations

from collections.abc import Callable, Set

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_values import Source
from asyncify.analysis.model_bodies import Relationship
from asyncify.analysis.program import Class, Module, dotted
from asyncify.planning.draft import Draft
from asyncify.planning.load_depths import DEEP
from asyncify.planning.load_gets import Gets

_LOAD, _LEAD, _COLUMN = (
    f"sqlalchemy.orm.{name}" for name in ("selectinload", "defaultload", "undefer")
)
# https://docs.sqlalchemy.org/en/20/orm/self_referential.html
_ANY_DEPTH = ", recursion_depth=-1"

Path = tuple[str, ...]


class OptionTexts:
    """How the options of one query are written in its file."""

    def __init__(self, colors: Colors, draft: Callable[[Module], Draft], gets: Gets) -> None:
        self.gets = gets
        self.colors = colors
        self.inference = colors.inference
        self.models = self.inference.models
        self.draft = draft
        self._reaches: dict[tuple[Module, Module], bool] = {}

    def can_say(self, source: Source, path: Path) -> bool:
        """Can all that a path names be written where the query is?"""
        if not self._entity(source):
            return False
        for cls, name in self._steps(source, path):
            if cls is None or name not in self.models.links(cls) | dict.fromkeys(
                self.models.deferred(cls)
            ):
                return False
        owners = [cls for cls, _ in self._steps(source, path)][1:]
        return all(
            cls is not None and self._may_import(source.function.module, cls.module)
            for cls in owners
        )

    def can_go_on(self, demand: Demand) -> bool:
        """Can an option load it at every depth that is asked for?"""
        if not demand.depth:
            return True
        link = self.models.links(demand.entity.cls).get(demand.attribute)
        return (
            demand.depth == DEEP
            and self.inference.config.sqlalchemy_version != "1.4"
            and link is not None
            and link.target is not None
            and demand.attribute in self.models.links(link.target)
        )

    def options(
        self, source: Source, paths: set[Path], deep: Set[tuple[Source, Path]]
    ) -> list[str]:
        """The options that load all of the paths, those in ``deep`` at any depth. What leads to one
        and isn't asked for itself is loaded otherwise already, and stays so."""
        longest = sorted(p for p in paths if not any(q[: len(p)] == p and q != p for q in paths))
        return [self._option(source, path, paths, deep) for path in longest]

    def _option(
        self, source: Source, path: Path, paths: set[Path], deep: Set[tuple[Source, Path]]
    ) -> str:
        draft = self.draft(source.function.module)
        parts = []
        for position, (cls, name) in enumerate(self._steps(source, path)):
            assert cls is not None
            owner = self._entity(source) if not position else draft.spell_class(cls)
            link = self.models.links(cls).get(name)
            wanted = path[: position + 1] in paths
            function = (_LOAD if wanted else _LEAD) if link is not None else _COLUMN
            spelled = draft.spell(function) if not position else function.rpartition(".")[2]
            depth = _ANY_DEPTH if (source, path[: position + 1]) in deep else ""
            parts.append(f"{spelled}({owner}.{name}{depth})")
        return ".".join(parts)

    def _steps(self, source: Source, path: Path) -> list[tuple[Class | None, str]]:
        """The classes along a path, each with the attribute that is taken."""
        cls = self._class(source)
        out: list[tuple[Class | None, str]] = []
        for name in path:
            out.append((cls, name))
            link: Relationship | None = self.models.links(cls).get(name) if cls else None
            cls = link.target if link is not None else None
        return out

    def _class(self, source: Source) -> Class | None:
        if source.kind == "get":
            return self.gets.entity(source)
        evaluation = self.inference.evaluations.get(source.function)
        argument = self._argument(source)
        if evaluation is None or argument < 0:
            return None
        found = [a.cls for a in evaluation.values[argument] if isinstance(a, v.ClassObject)]
        return found[0] if len(found) == 1 else None

    def _argument(self, source: Source) -> int:
        operation = source.function.body.operations[source.operation]
        is_call = operation[0] == f.CALL
        index: int = operation[6][source.index] if is_call else operation[5]  # ``User.query``
        return index

    def _entity(self, source: Source) -> str:
        """The entity as the query names it."""
        if source.kind == "get":
            return self.gets.name(source)
        argument = self._argument(source)
        return dotted(source.function.body.operations, argument) if argument >= 0 else ""

    def _may_import(self, module: Module, other: Module) -> bool:
        """Does importing ``other`` make no circle?"""
        if other is module:
            return True
        key = module, other
        if key not in self._reaches:
            self._reaches[key] = self._imports(other, module)
        return not self._reaches[key]

    def _imports(self, first: Module, wanted: Module) -> bool:
        program = self.inference.program
        seen, pending = {first}, [first]
        while pending:
            module = pending.pop()
            if module is wanted:
                return True
            for item in module.facts.imports:
                names = [item.module]
                if item.name:
                    names.append(f"{item.module}.{item.name}")
                for name in names:
                    found = program.module_named(name, module, item.level)
                    if found is not None and found not in seen:
                        seen.add(found)
                        pending.append(found)
        return False
