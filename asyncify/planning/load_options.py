"""Loader options as text: ``selectinload(User.books).selectinload(Book.author)``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from typing import NamedTuple

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
from asyncify.vocabulary.loading import POLYMORPHIC_OPTIONS

_LOAD, _LEAD, _COLUMN, _SUBCLASSES = (
    f"sqlalchemy.orm.{name}"
    for name in ("selectinload", "defaultload", "undefer", "selectin_polymorphic")
)
# https://docs.sqlalchemy.org/en/20/orm/self_referential.html
_ANY_DEPTH = ", recursion_depth=-1"

Path = tuple[str, ...]


class Step(NamedTuple):
    """One attribute on a path: of the instances of ``cls``, those of ``having`` have it."""

    name: str
    cls: Class | None
    having: tuple[Class, ...]

    @property
    def is_divided(self) -> bool:
        """Do only subclasses have it?"""
        return bool(self.having) and self.cls not in self.having


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
        steps = self._steps(source, path)
        if any(not step.having for step in steps) or not self._can_divide(source, steps):
            return False
        named = {cls for step in steps[1:] for cls in (step.cls, *step.having) if cls is not None}
        named |= set(steps[0].having if steps[0].is_divided else ())
        return all(self._may_import(source.function.module, cls.module) for cls in named)

    def _can_divide(self, source: Source, steps: list[Step]) -> bool:
        """Can what subclasses have be loaded, if anything of theirs is asked for? Not where the
        query or the mapping says itself what is loaded of them."""
        divided = [step for step in steps if step.is_divided]
        if not divided:
            return True
        (step, *more), facts = divided, source.function.facts
        if step is steps[0] and not self._names_class(source):
            return False
        several = step is not steps[-1] and len(step.having) > 1
        if more or several or step.cls is None or facts.names & POLYMORPHIC_OPTIONS:
            return False
        return not self.models.loads_subclasses(step.cls, step.having)

    def _names_class(self, source: Source) -> bool:
        """Does the query select the class itself, by its name or as what a function or an object
        is given? What else stands for it (``aliased``) has subclasses of its own."""
        if source.kind == "get":
            return True
        function, argument = source.function, self._argument(source)
        if argument < 0:
            return False
        operations = function.body.operations
        symbol = self.inference.program.resolve_expression(function, operations, argument)
        kind, *_, name = operations[argument]
        if symbol is not None or kind != f.NAME:
            return isinstance(symbol, Class) or (symbol is None and kind == f.ATTRIBUTE)
        return any(parameter.name == name for parameter in function.signature.parameters)

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
        out: list[str] = []
        divided: dict[Path, list[Path]] = {}
        for path in longest:
            steps = self._steps(source, path)
            at = next((n for n, step in enumerate(steps) if step.is_divided), -1)
            if at < 0:
                out.append(self._option(source, path, paths, deep))
            else:
                divided.setdefault(path[:at], []).append(path)
        for start, ways in divided.items():
            options = list(self._of_subclasses(source, start, ways, paths, deep))
            if start:
                leading = self._option(source, start, paths, deep)
                options = [f"{leading}.options({', '.join(options)})"]
            out += options
        return out

    def _of_subclasses(
        self,
        source: Source,
        start: Path,
        ways: list[Path],
        paths: set[Path],
        deep: Set[tuple[Source, Path]],
    ) -> Iterator[str]:
        """The options for what only subclasses have of the instances that ``start`` leads to.
        https://docs.sqlalchemy.org/en/20/orm/queryguide/inheritance.html"""
        draft, at = self.draft(source.function.module), len(start)
        steps = [self._steps(source, way)[at] for way in ways]
        base = draft.spell_class(steps[0].cls) if start and steps[0].cls else self._entity(source)
        classes = dict.fromkeys(cls for step in steps for cls in step.having)
        spelled = ", ".join(draft.spell_class(cls) for cls in classes)
        yield f"{draft.spell(_SUBCLASSES)}({base}, [{spelled}])"
        for way, step in zip(ways, steps, strict=True):
            if way[at] in self.models.links(step.having[0]):
                yield self._option(source, way, paths, deep, at)

    def _option(
        self,
        source: Source,
        path: Path,
        paths: set[Path],
        deep: Set[tuple[Source, Path]],
        start: int = 0,
    ) -> str:
        """What loads a path, from the position ``start`` of it on."""
        draft = self.draft(source.function.module)
        parts: list[str] = []
        for position, step in enumerate(self._steps(source, path)):
            if position < start:
                continue
            cls, name = step.having[0], step.name
            is_entity = not position and not step.is_divided
            owner = self._entity(source) if is_entity else draft.spell_class(cls)
            link = self.models.links(cls).get(name)
            wanted = path[: position + 1] in paths
            function = (_LOAD if wanted else _LEAD) if link is not None else _COLUMN
            spelled = draft.spell(function) if not parts else function.rpartition(".")[2]
            depth = _ANY_DEPTH if (source, path[: position + 1]) in deep else ""
            parts.append(f"{spelled}({owner}.{name}{depth})")
        return ".".join(parts)

    def _steps(self, source: Source, path: Path) -> list[Step]:
        """The steps along a path."""
        cls = self._class(source)
        out: list[Step] = []
        for name in path:
            step = Step(name, cls, tuple(self._having(cls, name)) if cls is not None else ())
            out.append(step)
            link: Relationship | None = None
            if step.having:
                link = self.models.links(step.having[0]).get(name)
            cls = link.target if link is not None else None
        return out

    def _having(self, cls: Class, name: str) -> Iterable[Class]:
        """The classes whose instances have an attribute that is asked for: the class itself, or
        subclasses of it."""
        if name in self.models.links(cls) or name in self.models.deferred(cls):
            return (cls,)
        return self.models.declaring(cls, name)

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
