"""Planning of what sessions come from: engines, factories, references by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Module, Variable, dotted
from asyncify.analysis.use import SYNC_KINDS
from asyncify.analysis.use_calls import is_session_class
from asyncify.decisions import RenameReference, ReplaceExpression
from asyncify.findings import Finding
from asyncify.planning.annotations import AnnotationPlanner, is_generator
from asyncify.planning.callable_annotations import WORD
from asyncify.planning.disposal import undisposed, unremoved
from asyncify.planning.draft import Draft, reference
from asyncify.planning.driver_checks import widen_checks
from asyncify.planning.engines import EnginePlanner
from asyncify.planning.listeners import ListenerPlanner
from asyncify.planning.managers import plan_managers
from asyncify.planning.queries import QueryPlanner
from asyncify.planning.routed_binds import plan_routed
from asyncify.planning.scoped_factories import plan_on_factories
from asyncify.planning.side_twins import SidePlanner
from asyncify.planning.support import Support
from asyncify.planning.sync_engines import SyncEnginePlanner
from asyncify.planning.sync_names import EVENTS, SyncNames
from asyncify.planning.thread_wrappers import plan_wrappers
from asyncify.rules import finding
from asyncify.vocabulary.injection import PROVIDERS
from asyncify.vocabulary.names import CANONICAL, GREENLET_ALWAYS, KINDS
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import CLIENTS

# Functions that ask for a session, whoever made it.
_ASKING = {"sqlalchemy.orm.object_session"}
# Expressions that name several classes, for somebody to choose from.
_CHOICES = (f.CONDITIONAL, f.SEQUENCE, f.DICT, f.SUBSCRIPT, f.OPERATOR)
_ASYNC_ENGINES = ("create_async_engine", "async_engine_from_config", "AsyncEngine", "AsyncSession")
_NO_ENGINE = (
    "It isn't known where its session comes from, and what makes sessions in the program "
    "stays sync."
)

_FOR_LATER = PROVIDERS | {"functools.partial"}  # they call later what they are given


class InfrastructurePlanner:
    """Plans engines, factories and references in every file."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        queries: QueryPlanner,
        draft: Callable[[Module], Draft],
        sides: SidePlanner,
        support: Support,
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.findings: list[Finding] = []
        self.impediments: dict[Function, Obstacle] = {}
        self.draft = draft
        self.held = sides.held
        self.engines = EnginePlanner(colors, draft, support, self.findings)
        self.names = SyncNames(colors)
        self.annotations = AnnotationPlanner(colors, coloring, queries, self.names, draft)
        self.listeners = ListenerPlanner(colors, coloring, self.names, draft, self.impediments)
        self.sync_engines = SyncEnginePlanner(
            colors, coloring, draft, sides.variables.take, self.findings, self.impediments, support
        )

    def plan(self) -> None:
        if not self._replaces():
            return
        for module in self.names.modules():
            for function in module.functions:
                if not self._stays(function) and not self.colors.is_outside(function):
                    self._function(function)
                elif kept := self._held_for_others(function):
                    self._references(function, kept)
                elif function in self.coloring.entered:
                    self.listeners.decorators(function)
                elif self._has_listeners(function):
                    for index, operation in enumerate(function.body.operations):
                        if operation and operation[0] == f.CALL:
                            self.listeners.call(function, function.body.operations, index)
        self._functions_annotated()
        plan_on_factories(self.colors, self.coloring, self.draft)
        plan_managers(self.colors, self.coloring, self.draft)
        plan_wrappers(self.colors, self.coloring, self.draft)
        plan_routed(self.colors, self.coloring, self.draft)
        widen_checks(self.colors, self.draft)
        if not self.inference.config.alongside:
            self.sync_engines.plan()
            self.findings += undisposed(self.colors, self.engines.made)
            self.findings += unremoved(self.colors, self.engines.of_tasks)
            self._keep_unknown()

    def _replaces(self) -> bool:
        """Does anything async take the place of sync sessions? Where they all stay sync, beside a
        side that is async already, so does what is named after them."""
        coloring = self.coloring
        return bool(coloring.alive or coloring.sync) or any(
            not function.facts.is_async or self._blocks(function) for function in coloring.turned
        )

    def _blocks(self, function: Function) -> bool:
        """Is there sync I/O in it that nobody awaits yet?"""
        layout = self.colors.uses.layout(function)
        return any(
            isinstance(use.owner, v.Known) and use.owner.kind in SYNC_KINDS
            and not layout.is_awaited(use.operation)
            for use in self.colors.uses.doing_io(function)
        )  # fmt: skip

    def _keep_unknown(self) -> None:
        """Where all that makes sessions stays sync, so do those sessions of which nobody knows
        where they come from: there is no async one that they could be."""
        program = self.inference.program
        if self.engines.made or any(map(program.mentioning, _ASYNC_ENGINES)):
            return
        staying = self.coloring.islands | self.coloring.stays
        making = [function for function in staying if self._makes_session(function)]
        if not making or any(map(self.colors.is_outside, making)):
            return
        for function in self.coloring.turned:
            owners = [use.owner for use in self.colors.uses.doing_io(function)]
            if any(map(_is_unmade, owners)):
                self.impediments[function] = Obstacle("ASY106", _NO_ENGINE)

    def _makes_session(self, function: Function) -> bool:
        evaluation = self.inference.evaluations.get(function)
        return evaluation is not None and any(
            operation and operation[0] == f.CALL
            and any(isinstance(a, v.Known) and a.kind == "Session" for a in value)
            for operation, value in zip(evaluation.operations, evaluation.values, strict=True)
        )  # fmt: skip

    def _functions_annotated(self) -> None:
        """Annotations of functions, where no object of SQLAlchemy is named."""
        if self.coloring.sync:
            return
        visited = set(self.names.modules())
        program = self.inference.program
        words = [WORD, *sorted(self.annotations.functions.aliases)]
        annotated = dict.fromkeys(fn for word in words for fn in program.mentioning(word))
        generators = [fn for fn in self.coloring.turned if is_generator(fn)]
        generators.sort(key=lambda fn: (fn.module.path, fn.index))
        for function in dict.fromkeys((*annotated, *generators)):
            if self._stays(function) or self.colors.is_outside(function):
                continue
            if function.module not in visited and function.facts.kind != "module":
                self.annotations.signature(function)
            if function not in annotated:
                continue
            if function.module not in visited or function.facts.names.isdisjoint(self.names.words):
                self.annotations.assignments(function, self.colors.uses.layout(function))
        self.annotations.functions.name_types()

    def _has_listeners(self, function: Function) -> bool:
        """Does it say what listens, in a class of which nothing but listeners stays sync?"""
        coloring, owner = self.coloring, function.owner
        if EVENTS not in function.facts.names or owner is None or function in coloring.stays:
            return False
        return coloring.islands.isdisjoint(owner.methods.values())

    # -- what stays sync

    def _stays(self, function: Function) -> bool:
        """Does the function belong to what stays sync?"""
        coloring = self.coloring
        if function in coloring.islands or function in coloring.stays or is_alembic(function):
            return True
        owner = self.inference.program.classes.get(function) or function.owner
        if function.owner is not None and is_session_class(function.owner):
            return True  # what an async session has behind it
        if owner is not None:
            methods = owner.methods.values()
            sync = any(m in coloring.islands or m in coloring.stays for m in methods)
            if sync and coloring.turned.isdisjoint(methods):
                return True
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None or function.facts.kind != "def":
            return False
        origins = {
            a.origin for p in function.signature.parameters
            for a in evaluation.environment.get(p.name, ()) if isinstance(a, v.Known) and a.origin
        }  # fmt: skip
        return bool(origins) and origins <= coloring.stays_origins

    def _held_for_others(self, function: Function) -> list[int]:
        """The operations by which what stays sync makes what async code reads: a method, or the
        body of a module that others inject something of."""
        is_module = function.facts.kind == "module"
        if not (is_module or function.owner is not None) or function not in self.coloring.islands:
            return []
        injecting = self._aliases(function)[1]
        return sorted(injecting.union(self.held.for_others(function)))

    # -- references

    def _references(self, function: Function, indexes: list[int]) -> None:
        """Some expressions of a function whose others stay as they are."""
        operations, layout = function.body.operations, self.colors.uses.layout(function)
        for index in indexes:
            if operations[index] and operations[index][0] in (f.NAME, f.ATTRIBUTE):
                name = self.names.meant(function, operations, index)
                if name:
                    self._reference(function, layout, index, name)

    def _function(self, function: Function) -> None:
        if function.facts.kind != "module":
            self.annotations.signature(function)
            self.listeners.decorators(function)
            self._given_to_decorators(function)
        if function.facts.names.isdisjoint(self.names.words):
            return
        operations = function.body.operations
        layout = self.colors.uses.layout(function)
        skipped = self.annotations.assignments(function, layout) | self._aliases(function)[0]
        meant: dict[str, str] = {}  # by names that are no parts of others
        for index, operation in enumerate(operations):
            if not operation:
                continue
            if operation[0] in (f.NAME, f.ATTRIBUTE):
                name = meant.get(operation[5]) if operation[0] == f.NAME else None
                if name is None:
                    name = self.names.meant(function, operations, index)
                    if operation[0] == f.NAME:
                        meant[operation[5]] = name
                if name and index not in skipped:
                    self._reference(function, layout, index, name)
            elif operation[0] == f.CALL:
                self.listeners.call(function, operations, index)
                self._made_by_alias(function, layout, index)

    def _given_to_decorators(self, function: Function) -> None:
        """``@container.provides(Session)``: what is asked for by the class has its new name."""
        operations = function.signature.operations
        scope = function.parent or function
        for index in function.signature.decorators:
            call = operations[index]
            if call[0] != f.CALL:
                continue
            listened = self.names.listened(scope, operations, index)
            for given in (i for i in call[6] if i >= 0 and i not in listened):
                if operations[given][0] not in (f.NAME, f.ATTRIBUTE):
                    continue
                name = self.names.meant(scope, operations, given)
                new = self.names.replacement(name) if name and name not in CLIENTS else None
                canonical = CANONICAL.get(name, name)
                if new is not None and new != canonical and canonical not in GREENLET_ALWAYS:
                    group = self.coloring.groups.get(function, 0)
                    self._rename(function.module, operations, given, new, group)

    def _made_by_alias(self, function: Function, layout: Layout, call: int) -> None:
        """``SessionDep(engine)`` makes a session, where that is ``Annotated[Session, ...]``."""
        operation = layout.operations[call]
        callee = layout.operations[operation[5]]
        origin = v.Origin(function, operation[3])
        if callee[0] != f.NAME or origin not in self.coloring.alive:
            return
        if isinstance(self.inference.program.resolve(function.module, callee[5]), Variable):
            for atom in self.inference.evaluations[function].values[operation[5]]:
                if isinstance(atom, v.Foreign) and KINDS.get(atom.name) == "Session":
                    group = self.coloring.source_groups.get(origin, 0)
                    name = CANONICAL.get(atom.name, atom.name)
                    self.engines.construction(function, layout, call, name, group)

    def _aliases(self, function: Function) -> tuple[set[int], set[int]]:
        """The operations of aliases under which only what stays sync is injected, or meant, and
        those under which something async is injected."""
        sync, injecting = set[int](), set[int]()
        if function.facts.kind != "module":
            return sync, injecting
        injected, coloring = self.colors.divider.spread.injected, self.coloring
        staying = coloring.islands | coloring.stays
        for name in function.facts.bound:
            variable = Variable(function.module, name)
            given = injected.by_alias(variable)
            lent = not given and any(self.colors.lent.under(variable))
            stays = lent or (bool(given) and staying.issuperset(given))
            place = injected.expression(variable)
            if place is None:
                continue
            parts = self.colors.uses.layout(function).subtree(place[1])
            kept = parts if stays else self._staying_parts(variable, function, parts)
            sync |= kept
            if given:
                injecting |= parts - kept
        return sync, injecting

    def _staying_parts(
        self, variable: Variable, function: Function, parts: Iterable[int]
    ) -> set[int]:
        """The names in an alias that mean only what stays sync."""
        operations, staying = function.body.operations, self.annotations.staying
        return {
            index for index in parts if operations[index][0] in (f.NAME, f.ATTRIBUTE)
            and staying.abbreviates(variable, self.names.meant(function, operations, index))
        }  # fmt: skip

    def _is_member_read(self, layout: Layout, index: int, kind: str) -> bool:
        """Is a member that the async class has too read from a class, and not called? A test that
        puts a mock in its place and looks at it means one class."""
        row = self.inference.row(kind, layout.operations[index][6])
        parent = layout.parent(index)
        called = parent >= 0 and layout.operations[parent][0] == f.CALL
        called = called and layout.operations[parent][5] == index
        return row is not None and row.form is Form.AWAIT and not called

    def _reference(self, function: Function, layout: Layout, index: int, name: str) -> None:
        """A class or function of SQLAlchemy is named, and perhaps called."""
        if name in CLIENTS:
            return  # the calls that make one are planned with the clients
        operations = layout.operations
        parent = layout.parent(index)
        call = operations[parent] if parent >= 0 and operations[parent][0] == f.CALL else ()
        called = bool(call) and call[5] == index
        provided = bool(call) and call[6][:1] == (index,) and self._calls(function, call, PROVIDERS)
        group = self.coloring.groups.get(function, 0)
        canonical = CANONICAL.get(name, name)
        if called or provided:
            origin = v.Origin(function, call[3])
            asking = canonical in _ASKING and function in self.coloring.turned
            if origin not in self.coloring.alive and not asking:
                return  # nothing that turned uses it
            group = self.coloring.source_groups.get(origin, group)
        if canonical in GREENLET_ALWAYS or self._means_sync(function, layout, index, name):
            return
        new = self.names.replacement(name)
        if new is not None and new != canonical:
            if not called and self._names_both(function, layout, index, new):
                return
            if self._asks_unknown(function, layout, index, name):
                self._ask_for_both(function, layout, index, new)
                return
            self._rename(function.module, operations, index, new, group)
            if called:
                reason = f"Sessions come from this `{dotted(operations, index)}`, which is sync."
                site = self.draft(function.module).site(operations[index])
                self.findings.append(finding("ASY003", site, reason))
        if called:
            self.engines.construction(function, layout, parent, canonical, group)
        elif call and call[6][:1] == (index,) and self._calls(function, call, _FOR_LATER):
            self.engines.construction(function, layout, parent, canonical, group, skip=1)

    def _calls(self, function: Function, call: f.Operation, names: frozenset[str]) -> bool:
        """Is something of these names called?"""
        evaluation = self.inference.evaluations.get(function)
        callees = evaluation.values[call[5]] if evaluation is not None else v.UNKNOWN
        return any(isinstance(a, v.Foreign) and a.name in names for a in callees)

    def _names_both(self, function: Function, layout: Layout, index: int, new: str) -> bool:
        """Does the async class stand beside the sync one, as another choice: in a union, a table,
        in ``AsyncSession if is_async else Session``? Then each means itself."""
        operations, top = layout.operations, index
        while (above := layout.parent(top)) >= 0 and operations[above][0] in _CHOICES:
            top = above
        return top != index and any(
            operations[i] and operations[i][0] in (f.NAME, f.ATTRIBUTE)
            and self.names.foreign(function, operations, i) == new
            for i in layout.subtree(top)
        )  # fmt: skip

    def _asks_unknown(self, function: Function, layout: Layout, index: int, name: str) -> bool:
        """``isinstance(found, Session)`` of something that nobody knows, and may be of either."""
        evaluation, operations = self.inference.evaluations.get(function), layout.operations
        parent = layout.parent(index)
        if parent >= 0 and operations[parent][0] == f.SEQUENCE:
            index, parent = parent, layout.parent(parent)
        call = operations[parent] if parent >= 0 else ()
        if evaluation is None or call[:1] != (f.CALL,) or call[6][1:] != (index,):
            return False
        if dotted(operations, call[5]) != "isinstance" or call[6][0] < 0:
            return False
        given = evaluation.values[call[6][0]]
        return not any(isinstance(a, v.Known) and a.kind == KINDS.get(name) for a in given)

    def _ask_for_both(self, function: Function, layout: Layout, index: int, new: str) -> None:
        draft, operation = self.draft(function.module), layout.operations[index]
        draft.add(
            ReplaceExpression(
                node=reference(operation), site=draft.site(operation),
                group=self.coloring.groups.get(function, 0),
                template=f"({{node}}, {draft.spell(new)})",
            )
        )  # fmt: skip

    def _means_sync(self, function: Function, layout: Layout, index: int, name: str) -> bool:
        """Is the sync class meant where it is named, behind the async one too?"""
        operations, parent = layout.operations, layout.parent(index)
        if parent < 0:
            return False
        outer = operations[parent]
        if outer[0] == f.CALL and outer[5] != index:
            # Events are on the sync class, and what becomes of a factory's class is the engine
            # planner's to say.
            listening = self.names.is_listening(function, operations, outer[5])
            return listening or ("class_", index) in outer[7]
        # Session.object_session and the like have rows of their own.
        kind = KINDS.get(name) if outer[0] == f.ATTRIBUTE else None
        return kind is not None and not self._is_member_read(layout, parent, kind)

    def _rename(
        self, module: Module, operations: tuple[f.Operation, ...], index: int, new: str, group: int
    ) -> None:
        draft, operation = self.draft(module), operations[index]
        spelled, site = draft.spell(new), draft.site(operation)
        node = reference(operation)
        draft.add(RenameReference(node=node, site=site, group=group, new=spelled, whole=True))
        draft.drop(dotted(operations, index))


def _is_unmade(owner: v.Known | v.QueryValue | None) -> bool:
    """Is it, or the session that it was made on, made where nobody sees it?"""
    if isinstance(owner, v.QueryValue):
        return owner.source is None
    return owner is not None and owner.origin is None
