"""Access to an attribute that isn't loaded: how it is awaited.

Through ``awaitable_attrs``, for which the base class gets ``AsyncAttrs`` (SQLAlchemy 2); else
inside ``run_sync`` of a session in hand, or in a greenlet: an instance may be in no session. All
run the statements that a sync session would.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.load_apart import Apart
from asyncify.analysis.program import Class, Function, Module, Variable, dotted
from asyncify.decisions import AddBase, EditArguments
from asyncify.planning.draft import Draft
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.loading import ASYNC_ATTRS, BASE_MAKERS, DECLARATIVE_BASES, SESSION_OF

_DEPTH = 2  # objects on the way to a session


class Access:
    """Templates for reads that are awaited, and the edits of base classes that they need."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
        support: Callable[[Draft, str], str],
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.draft = draft
        self.support = support
        self._named: dict[Function, list[tuple[int, str]]] = {}
        # What functions read by `awaitable_attrs`.
        self.awaited: dict[Function, set[str]] = {}

    def template(self, function: Function, index: int, cls: Class, name: str) -> str | None:
        """The template of an attribute's read."""
        if self._awaits(function, cls, name):
            return f"{{node.value}}.awaitable_attrs.{name}"
        session = self.session(function, index)
        if session:
            return f"{session}.run_sync(lambda _: {{node}})"
        if not self._leading(function, self._first(function, index)):
            return None
        return self._in_greenlet(function, "{node}")

    def _in_greenlet(self, function: Function, expression: str) -> str:
        """An expression that may load what belongs to an instance of any session, or of none."""
        return f"{self.support(self.draft(function.module), 'run_sync')}(lambda: {expression})"

    @staticmethod
    def runs_sync(template: str) -> bool:
        """Is the whole expression evaluated inside of ``run_sync``?"""
        return not template.startswith("{node.value}")

    def _first(self, function: Function, index: int) -> int:
        """The first of the instances along which an attribute is reached: ``hero`` of
        ``hero.team.heroes``."""
        evaluation = self.inference.evaluations.get(function)
        operations = function.body.operations
        found = index = operations[index][5]
        while evaluation is not None and operations[index][0] == f.ATTRIBUTE:
            index = operations[index][5]
            if evaluation.values[index] and self._is_mapped(function, index):
                found = index
        return int(found)

    def session_of(self, function: Function, index: int) -> str:
        """The session of an instance that has a name, where no other is in hand."""
        found = self._leading(function, index)
        return f"{self._session_of(function)}({found})" if found else ""

    def _leading(self, function: Function, index: int) -> str:
        """The name of the instance that leads to what is read: ``hero`` of
        ``hero.powers.count()``."""
        operations = function.body.operations
        named, found = "", ""
        while index >= 0 and operations[index][0] in (f.CALL, f.ATTRIBUTE, f.NAME):
            operation = operations[index]
            name = dotted(operations, index)
            mapped = self._is_mapped(function, index) if name else False
            found = name if mapped else found  # the innermost: on the way to another one may load
            named = named or (name if mapped is None else "")
            if operation[0] == f.CALL and operations[operation[5]][0] == f.ATTRIBUTE:
                operation = operations[operation[5]]  # the method itself is no instance
            index = operation[5] if operation[0] != f.NAME else -1
        return found or named

    def _is_mapped(self, function: Function, index: int) -> bool | None:
        """Is a value an instance of a model? None where nothing is known of it."""
        evaluation = self.inference.evaluations.get(function)
        value = evaluation.values[index] if evaluation is not None else v.UNKNOWN
        classes = [a.cls for a in value if isinstance(a, v.Instance)]
        return any(map(self.inference.models.is_mapped, classes)) if value else None

    def _session_of(self, function: Function) -> str:
        return self.draft(function.module).spell(SESSION_OF)

    def text(self, function: Function, index: int, cls: Class, value: str, name: str) -> str:
        """What is awaited to load an attribute of ``value``."""
        if self._awaits(function, cls, name):
            return f"{value}.awaitable_attrs.{name}"
        session = self.session(function, index)
        if not session:
            return self._in_greenlet(function, f"{value}.{name}")
        return f"{session}.run_sync(lambda _: {value}.{name})"

    def expired(self, function: Function, index: int, value: str, *names: str) -> str:
        """The statement that has relationships of ``value`` loaded again. ``refresh`` would leave
        one out that leads back to where the instance was loaded from."""
        session = self._session_by(function, index, value)
        return f"{session}.expire({value}, [{_listed(names)}])"

    def refreshed(self, function: Function, index: int, value: str, *names: str) -> str:
        """What has columns loaded at once, or a relationship that raises where it is read."""
        session = self._session_by(function, index, value)
        return f"await {session}.refresh({value}, [{_listed(names)}])"

    def _session_by(self, function: Function, index: int, value: str) -> str:
        """The session that an instance is in: by its name, unless others are made there as well."""
        evaluation, layout = (
            self.inference.evaluations.get(function),
            self.inference.layout(function),
        )
        apart = Apart(function, layout, evaluation.values if evaluation is not None else None)
        session = "" if apart.made else self.session(function, index)
        return session or f"{self._session_of(function)}({value})"

    def session(self, function: Function, index: int) -> str:
        """The name of a session that was used, or is a parameter, before the read."""
        if function not in self.inference.evaluations:
            return ""
        around = self.colors.uses.layout(function).enclosing(index)
        index = max([index, *(comprehension[8][0][1] for comprehension in around)])
        for position, name in reversed(self._sessions(function)):
            if position <= index:
                return name
        return (
            self._handed(function)
            or self._held(function, index)
            or self._held_by_parameter(function)
        )

    def _sessions(self, function: Function) -> list[tuple[int, str]]:
        """Where sessions are named in a function, and how."""
        found = self._named.get(function)
        if found is None:
            evaluation = self.inference.evaluations[function]
            found = self._named[function] = [
                (position, dotted(evaluation.operations, position))
                for position, value in evaluation.objects
                if evaluation.operations[position][0] in (f.NAME, f.ATTRIBUTE)
                and any(isinstance(a, v.Known) and a.kind == "Session" for a in value)
            ]
        return found

    def _handed(self, function: Function) -> str:
        for position, parameter in enumerate(function.signature.parameters):
            value = self.inference.parameter(function, position)
            if any(isinstance(a, v.Known) and a.kind == "Session" for a in value):
                return parameter.name
        return ""

    def _held(self, function: Function, index: int) -> str:
        """The session that the object itself holds, where it is used further down."""
        evaluation, parameters = self.inference.evaluations[function], function.signature.parameters
        if function.owner is None or not parameters:
            return ""
        for position in range(index, len(evaluation.operations)):
            operation = evaluation.operations[position]
            base = evaluation.operations[operation[5]] if operation[:1] == (f.ATTRIBUTE,) else ()
            if (
                base[:1] == (f.NAME,)
                and base[5] == parameters[0].name
                and any(
                    isinstance(a, v.Known) and a.kind == "Session"
                    for a in evaluation.values[position]
                )
            ):
                return dotted(evaluation.operations, position)
        return ""

    def _held_by_parameter(self, function: Function) -> str:
        """The session of an object that the function is given: `service.repository.session`."""
        for position, parameter in enumerate(function.signature.parameters):
            value = self.inference.parameter(function, position)
            ways = {
                self._way(atom.cls, function) if isinstance(atom, v.Instance) else ""
                for atom in value
            }
            if len(ways) == 1 and (way := ways.pop()):
                return f"{parameter.name}.{way}"
        return ""

    def _way(self, cls: Class, function: Function, depth: int = _DEPTH) -> str:
        """The attributes that lead from an object to its session, or ''; best those that the
        function speaks of itself."""
        names = {
            name for each in cls.ancestors for method in each.methods.values()
            for name in method.facts.stores
        }  # fmt: skip
        order = sorted(names, key=lambda name: (name not in function.facts.members, name))
        held = {name: self.inference.held(cls, name) for name in order}
        for name, value in held.items():
            if any(isinstance(atom, v.Known) and atom.kind == "Session" for atom in value):
                return name
        for name, value in held.items() if depth > 1 else ():
            ways = {
                self._way(atom.cls, function, depth - 1) if isinstance(atom, v.Instance) else ""
                for atom in value
            }
            if len(ways) == 1 and (way := ways.pop()):
                return f"{name}.{way}"
        return ""

    # -- the base class

    def _awaits(self, function: Function, cls: Class, name: str) -> bool:
        """Is an attribute read by ``awaitable_attrs``?"""
        found = self._has_awaitable(function, cls)
        if found:
            self.awaited.setdefault(function, set()).add(name)
        return found

    def _has_awaitable(self, function: Function, cls: Class) -> bool:
        """Have the models ``awaitable_attrs``, or can they get it?"""
        config = self.inference.config
        if config.sqlalchemy_version == "1.4" or not config.has_async_attrs:
            return False
        if any(base.endswith(f".{ASYNC_ATTRS}") for base in cls.foreign_bases):
            return True
        group = self.coloring.groups.get(function, 0)
        return any(
            self._extend_class(ancestor, group) or self._extend_variable(ancestor, group)
            for ancestor in reversed(cls.ancestors)
        )

    def _extend_class(self, cls: Class, group: int) -> bool:
        """``class Base(DeclarativeBase)`` gets the mixin."""
        foreign = {base.rpartition(".")[2] for base in cls.bases if isinstance(base, str)}
        if not foreign & DECLARATIVE_BASES or cls.module.path in self.colors.blocked:
            return False
        draft, facts = self.draft(cls.module), cls.body.facts
        node = NodeRef("ClassDef", facts.number, facts.name)
        if not any(isinstance(d, AddBase) and d.node == node for d in draft.decisions):
            base = draft.spell(f"sqlalchemy.ext.asyncio.{ASYNC_ATTRS}")
            site = Site(cls.module.path, facts.line, facts.column)
            draft.add(AddBase(node=node, site=site, group=group, base=base))
        return True

    def _extend_variable(self, cls: Class, group: int) -> bool:
        """``Base = declarative_base()`` gets it as ``cls``."""
        for base in cls.bases:
            if isinstance(base, Variable) and base.module.path not in self.colors.blocked:
                found = self.inference.program.variable_expression(base)
                if found is not None and self._extend_call(*found, group):
                    return True
        return False

    def _extend_call(
        self, function: Function, operations: tuple[f.Operation, ...], index: int, group: int
    ) -> bool:
        operation = operations[index]
        if operation[0] != f.CALL or operation[6] or "cls" in dict(operation[7]):
            return False
        name = dotted(operations, operation[5]).rpartition(".")[2]
        if name not in BASE_MAKERS:
            return False
        draft = self.draft(function.module)
        node = NodeRef("Call", operation[3], name)
        known = any(
            isinstance(d, EditArguments) and d.node == node and d.set_keywords
            for d in draft.decisions
        )
        if not known:
            mixin = draft.spell(f"sqlalchemy.ext.asyncio.{ASYNC_ATTRS}")
            draft.add(
                EditArguments(
                    node=node, site=draft.site(operation), group=group,
                    set_keywords=(("cls", mixin),),
                )
            )  # fmt: skip
        return True


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)
