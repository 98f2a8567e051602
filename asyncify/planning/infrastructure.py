"""Planning of what sessions come from: engines, factories, annotations, references by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Module, Variable, dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    EditAnnotation,
    EditArguments,
    ImportName,
    InsertStatements,
    KeepSyncTwin,
    RemoveStatement,
    RenameReference,
    UseSyncSession,
)
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.planning.engines import EnginePlanner
from asyncify.planning.queries import QueryPlanner
from asyncify.planning.support import Support
from asyncify.rules import finding
from asyncify.sites import NodeRef
from asyncify.source.extract import lower_expression
from asyncify.vocabulary.names import CANONICAL, GREENLET_ALWAYS, KINDS, async_name
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import ASYNC_CLIENT, CLIENTS

_WORDS = {name.rpartition(".")[2] for name in CANONICAL}
_OTHER_WORDS = {"event", "Query", *(name.rpartition(".")[2] for name in CLIENTS)}
_LISTENERS = {
    "sqlalchemy.event.listen", "sqlalchemy.event.listens_for", "sqlalchemy.event.remove",
    "sqlalchemy.event.contains",
}  # fmt: skip
# What events are listened for on, behind the async object.
_SYNC_TARGETS = {
    "Engine": "sync_engine", "Session": "sync_session", "Connection": "sync_connection",
}  # fmt: skip
# Functions that ask for a session, whoever made it.
_ASKING = {"sqlalchemy.orm.object_session"}
_GENERATORS = {
    "Generator": ("AsyncGenerator", 2), "Iterator": ("AsyncIterator", 1),
    "Iterable": ("AsyncIterable", 1),
}  # fmt: skip
_APPLICATIONS = {"fastapi.FastAPI", "fastapi.applications.FastAPI"}
_MODULES = ("typing", "collections.abc", "typing_extensions")


class InfrastructurePlanner:
    """Plans engines, factories and references in every file."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        queries: QueryPlanner,
        draft: Callable[[Module], Draft],
        twin: Callable[[Variable], str],
        support: Support,
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.twin_of = twin
        self.inference = colors.inference
        self.program = self.inference.program
        self.config = self.inference.config
        self.line = self.config.sqlalchemy_version
        self.findings: list[Finding] = []
        self.impediments: dict[Function, Obstacle] = {}
        self.queries = queries
        self.draft = draft
        self.engines = EnginePlanner(colors, draft, support, self.findings)
        self._sync_twins: set[v.Origin] = set()
        self._sync_factories: dict[v.Origin, str] = {}

    def plan(self) -> None:
        for module in self.program.modules.values():
            words = _WORDS | _OTHER_WORDS
            if not any(function.facts.names & words for function in module.functions):
                continue
            for function in module.functions:
                if not self._stays(function):
                    self._function(function)
                elif function in self.coloring.entered:
                    self._listeners(function)
        self._metadata_at_import()
        for function in list(self.inference.evaluations):
            for use in self.colors.uses.of(function):
                if use.takes_engine and function not in self.coloring.stays:
                    self._keep_sync_engine(function, use)

    # -- what stays sync

    def _stays(self, function: Function) -> bool:
        """Does the function belong to what stays sync?"""
        coloring = self.coloring
        if function in coloring.islands or function in coloring.stays:
            return True
        owner = function.owner
        if owner is not None:
            methods = set(owner.methods.values())
            if methods & (coloring.islands | coloring.stays) and not methods & coloring.turned:
                return True
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None or function.facts.kind != "def":
            return False
        origins = {
            a.origin for p in function.signature.parameters
            for a in evaluation.environment.get(p.name, ()) if isinstance(a, v.Known) and a.origin
        }  # fmt: skip
        return bool(origins) and origins <= coloring.stays_origins

    # -- references

    def _function(self, function: Function) -> None:
        if function.facts.kind != "module":
            self._signature(function)
        if not function.facts.names & (_WORDS | _OTHER_WORDS):
            return
        operations = function.body.operations
        layout = self.colors.uses.layout(function)
        skipped = self._annotated(function, layout)
        for index, operation in enumerate(operations):
            if operation and operation[0] in (f.NAME, f.ATTRIBUTE) and index not in skipped:
                name = self._sync_name(function, operations, index)
                if name:
                    self._reference(function, layout, index, name)
            if operation and operation[0] == f.CALL:
                self._listener(function, operations, index)

    def _sync_name(
        self, function: Function, operations: tuple[f.Operation, ...], index: int
    ) -> str:
        """The dotted name of a sync class or function that an expression refers to, or ''."""
        last = operations[index][5] if operations[index][0] == f.NAME else operations[index][6]
        found = ""
        if last in _WORDS or last in _OTHER_WORDS or operations[index][0] == f.NAME:
            found = foreign_name(function, operations, index, self.inference)
        known = self._async_name(found) or found in CANONICAL
        return found if known else ""

    def _async_name(self, name: str) -> str | None:
        """What replaces a sync class or function of that name, or None."""
        if name in CLIENTS:
            return ASYNC_CLIENT if self.colors.clients.turning else None
        return async_name(name, self.line)

    def _signature(self, function: Function) -> None:
        signature = function.signature
        scope = function.parent or function
        draft = self.draft
        turned = function in self.coloring.turned
        for position, parameter in enumerate(signature.parameters):
            if parameter.annotation >= 0:
                self._annotation(
                    scope, signature.operations, parameter.annotation,
                    parameter.annotation_number, function,
                    value=self.inference.read(("parameter", function, position)),
                )  # fmt: skip
        if signature.returns >= 0:
            generator = turned and function.facts.is_generator
            self._annotation(
                scope, signature.operations, signature.returns, signature.returns_number,
                function, generator, self.inference.read(("return", function)),
            )  # fmt: skip
        for index, operation in enumerate(signature.operations):
            if operation and operation[0] == f.CALL:
                self._listener(function, signature.operations, index, draft(function.module))

    def _listeners(self, function: Function) -> None:
        """A listener stays as it is; what it listens to may turn."""
        for index, operation in enumerate(function.signature.operations):
            if operation and operation[0] == f.CALL:
                draft = self.draft(function.module)
                self._listener(function, function.signature.operations, index, draft)

    def _annotated(self, function: Function, layout: Layout) -> set[int]:
        """Plan annotated assignments; the operations inside annotations are returned."""
        skipped: set[int] = set()
        for statement in layout.statements:
            if statement[0] == f.ANNOTATED:
                skipped |= layout.subtree(statement[8])
                self._annotation(
                    function, layout.operations, statement[8], statement[10], function,
                    value=self._assigned(function, statement),
                )  # fmt: skip
        return skipped

    def _assigned(self, function: Function, statement: f.Statement) -> v.Value:
        """What an annotated assignment gives its target, or a class's field is given."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is not None and statement[9] >= 0:
            return evaluation.values[statement[9]]
        owner = self.program.classes.get(function)
        if owner is not None and statement[7][0] == f.TO_NAME:
            return self.inference.attribute(owner, statement[7][1])
        return v.UNKNOWN

    def _serves_both(self, function: Function) -> bool:
        """Do both sides make instances of the class that a function belongs to?"""
        owner, sides = function.owner, self.coloring.sides
        if owner is None or function in self.coloring.turned:
            return False
        methods = {
            m for cls in (*owner.ancestors, *owner.descendants()) for m in cls.methods.values()
        }
        return bool(methods & sides.synced)

    def _names_one(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int, name: str
    ) -> bool:
        """Does an annotation name a class already?"""
        return any(
            foreign_name(scope, parts, part, self.inference) == name
            for parts, part in _parts(operations, index)
        )

    def _annotation(
        self,
        scope: Function,
        operations: tuple[f.Operation, ...],
        index: int,
        number: int,
        function: Function,
        generator: bool = False,
        value: v.Value = v.UNKNOWN,
    ) -> None:
        """One annotation; ``value`` is what is known of what it annotates."""
        draft = self.draft(scope.module)
        renames: dict[str, str] = {}
        arity: dict[str, int] = {}
        for part_operations, part in _parts(operations, index):
            written = dotted(part_operations, part)
            name = self._sync_name(scope, part_operations, part)
            new = self._async_name(name) if name else None
            if new is not None and self._serves_both(function):
                if not self._names_one(scope, operations, index, new):
                    renames[written] = f"{draft.spell(new, written)} | {written}"
            elif new is not None:
                renames[written] = draft.spell(new, written)
                draft.drop(written)
            elif self._is_query(scope, part_operations, part) and self._selects(function, value):
                statement = self._statement(value)
                module = "sqlalchemy.sql" if self.line == "1.4" else "sqlalchemy"
                renames[written] = draft.spell(f"{module}.{statement}", written)
                if statement != "Select":
                    arity[renames[written]] = 0  # neither Update nor Delete is generic
                draft.drop(written)
            elif generator:
                self._generator(scope, part_operations, part, written, draft, renames, arity)
        if renames:
            operation = operations[index]
            draft.add(
                EditAnnotation(
                    node=NodeRef("Annotation", number), site=draft.site(operation),
                    group=self.coloring.groups.get(function, 0),
                    renames=tuple(renames.items()), arity=tuple(arity.items()),
                )
            )  # fmt: skip

    def _is_query(self, scope: Function, operations: tuple[f.Operation, ...], index: int) -> bool:
        """Does an annotation name the class Query?"""
        symbol = self.program.resolve_expression(scope, operations, index)
        return isinstance(symbol, str) and KINDS.get(symbol) == "Query"

    def _selects(self, function: Function, value: v.Value) -> bool:
        """Do all queries that a function handles, or a class holds, become statements?"""
        evaluation = self.inference.evaluations.get(function)
        values = evaluation.values if evaluation is not None else ()
        found = {
            atom for each in (value, *values) for atom in each if isinstance(atom, v.QueryValue)
        }
        return bool(found) and all(self.queries.converts(atom) for atom in found)

    def _statement(self, value: v.Value) -> str:
        """The class of the statements that some queries become."""
        kinds = {
            self.queries.flows[atom.origin].dml or "select"
            for atom in value if isinstance(atom, v.QueryValue)
        }  # fmt: skip
        return kinds.pop().capitalize() if len(kinds) == 1 else "Select"

    def _generator(
        self,
        scope: Function,
        operations: tuple[f.Operation, ...],
        index: int,
        written: str,
        draft: Draft,
        renames: dict[str, str],
        arity: dict[str, int],
    ) -> None:
        """``Generator[X, None, None]`` of what became an async generator."""
        symbol = self.program.resolve_expression(scope, operations, index)
        if not isinstance(symbol, str):
            return
        owner, _, last = symbol.rpartition(".")
        if owner in _MODULES and last in _GENERATORS:
            new, count = _GENERATORS[last]
            renames[written] = draft.spell(f"{owner}.{new}", written)
            arity[renames[written]] = count
            draft.drop(written)

    def _is_member_read(self, layout: Layout, index: int, kind: str) -> bool:
        """Is a member that the async class has too read from a class, and not called? A test that
        puts a mock in its place and looks at it means one class."""
        row = self.inference.row(kind, layout.operations[index][6])
        parent = layout.parent(index)
        called = parent >= 0 and layout.operations[parent][0] == f.CALL
        called = called and layout.operations[parent][5] == index
        return row is not None and row.form is Form.AWAIT and not called

    def _reference(self, function: Function, layout: Layout, index: int, name: str) -> None:
        if name in CLIENTS:
            return  # the calls that make one are planned with the clients
        operations = layout.operations
        operation = operations[index]
        parent = layout.parent(index)
        called = parent >= 0 and operations[parent][0] == f.CALL and operations[parent][5] == index
        group = self.coloring.groups.get(function, 0)
        canonical = CANONICAL.get(name, name)
        if called:
            origin = v.Origin(function, operations[parent][3])
            asking = canonical in _ASKING and function in self.coloring.turned
            if origin not in self.coloring.alive and not asking:
                return  # nothing that turned uses it
            group = self.coloring.source_groups.get(origin, group)
        if canonical in GREENLET_ALWAYS:
            return  # it runs in a greenlet as it is
        if parent >= 0 and operations[parent][0] == f.CALL and not called:
            callee = foreign_name(function, operations, operations[parent][5], self.inference)
            if callee in _LISTENERS:
                return  # events are on the sync class
            if ("class_", index) in operations[parent][7]:
                return  # what becomes of a factory's class is the engine planner's to say
        if (
            parent >= 0 and operations[parent][0] == f.ATTRIBUTE and KINDS.get(name)
            and not self._is_member_read(layout, parent, KINDS[name])
        ):  # fmt: skip
            return  # Session.object_session and the like have rows of their own
        new = async_name(name, self.line)
        draft = self.draft(function.module)
        if new is not None and new != CANONICAL.get(name, name):
            spelled = draft.spell(new)
            site = draft.site(operation)
            draft.add(
                RenameReference(node=reference(operation), site=site, group=group, new=spelled)
            )
            draft.drop(dotted(operations, index))
            if called:
                reason = f"Sessions come from this `{dotted(operations, index)}`, which is sync."
                self.findings.append(finding("ASY003", site, reason))
        if called:
            self.engines.construction(function, layout, parent, CANONICAL.get(name, name), group)

    # -- events

    def _listener(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        index: int,
        draft: Draft | None = None,
    ) -> None:
        """``event.listens_for(engine, ...)`` goes to ``engine.sync_engine``."""
        operation = operations[index]
        scope = function.parent or function if draft is not None else function
        if (
            not operation[6]
            or foreign_name(scope, operations, operation[5], self.inference) not in _LISTENERS
        ):
            return
        target = operations[operation[6][0]]
        if target[0] not in (f.NAME, f.ATTRIBUTE):
            return
        atoms = self._targets(scope, function, operations, operation[6][0], draft is not None)
        draft = draft or self.draft(function.module)
        for atom in sorted(atoms, key=lambda a: (a.kind, repr(a.origin))):
            if atom.kind in _SYNC_TARGETS:
                name = _SYNC_TARGETS[atom.kind]
                draft.add(
                    UseSyncSession(node=reference(target), site=draft.site(target), attribute=name)
                )
                return
            if atom.kind in ("sessionmaker", "scoped_session"):
                self._listened_factory(function, atom, operations, operation[6][0], draft)
                return

    def _targets(
        self,
        scope: Function,
        function: Function,
        operations: tuple[f.Operation, ...],
        index: int,
        signature: bool,
    ) -> set[v.Known]:
        """What an event is listened for on."""
        if not signature:
            evaluation = self.inference.evaluations.get(function)
            value = evaluation.values[index] if evaluation is not None else v.UNKNOWN
            return {a for a in value if isinstance(a, v.Known)}
        outer = self.inference.evaluations.get(scope)
        operation = operations[index]
        if outer is not None and operation[0] == f.NAME and operation[5] in outer.environment:
            return {a for a in outer.environment[operation[5]] if isinstance(a, v.Known)}
        symbol = self.program.resolve_expression(scope, operations, index)
        if not isinstance(symbol, Variable):
            return set()
        value = self.inference.global_value(symbol.module, symbol.name)
        return {a for a in value if isinstance(a, v.Known)}

    def _listened_factory(
        self,
        function: Function,
        atom: v.Known,
        operations: tuple[f.Operation, ...],
        index: int,
        draft: Draft,
    ) -> None:
        """Events of a factory are those of the sync factory that the async one makes its sync
        sessions with."""
        name = self._sync_factory(atom.origin) if atom.origin is not None else ""
        target = operations[index]
        if not name:
            reason = "Events are listened for on a session factory that isn't a plain variable."
            self.impediments[function] = Obstacle("ASY203", reason)
            return
        home = atom.origin.function.module if atom.origin is not None else function.module
        if target[0] == f.NAME and home is not draft.module:
            found = next((i for i in draft.module.facts.imports if i.local == target[5]), None)
            module = "." * found.level + found.module if found is not None else home.name
            draft.add_import(ImportName(module, name))
            draft.drop(target[5])
        new = name if target[0] == f.NAME else f"{dotted(operations, target[5])}.{name}"
        draft.add(RenameReference(node=reference(target), site=draft.site(target), new=new))

    def _sync_factory(self, origin: v.Origin) -> str:
        """The name of a sync factory beside the async one, made where that is made."""
        if origin in self._sync_factories:
            return self._sync_factories[origin]
        layout = self.colors.uses.layout(origin.function)
        for index, operation in enumerate(layout.operations):
            if not operation or operation[0] != f.CALL or operation[3] != origin.call:
                continue
            statement = layout.statement(index)
            if statement is None or statement[0] != f.ASSIGN or statement[7][0][0] != f.TO_NAME:
                break
            name = f"sync_{statement[7][0][1]}"
            draft = self.draft(origin.function.module)
            factory = draft.spell("sqlalchemy.orm.sessionmaker")
            node, site = call_reference(origin.function, index), draft.site(operation)
            draft.add(InsertStatements(node=node, site=site, source=f"{name} = {factory}()"))
            keywords = (("sync_session_class", name),)
            draft.add(EditArguments(node=node, site=site, set_keywords=keywords))
            self._sync_factories[origin] = name
            return name
        return ""

    # -- create_all at import

    def _metadata_at_import(self) -> None:
        for function in list(self.inference.evaluations):
            if function.facts.kind != "module" or function in self.coloring.stays:
                continue
            uses = [
                use for use in self.colors.uses.of(function)
                if use.kind == "metadata" and not self._stays_with(use)
            ]  # fmt: skip
            if uses and not self._move_to_lifespan(function, uses):
                for use in uses:
                    self._keep_sync_engine(function, use)

    def _stays_with(self, use: Use) -> bool:
        owner = use.owner
        return not isinstance(owner, v.Known) or owner.origin in self.coloring.stays_origins

    def _move_to_lifespan(self, function: Function, uses: list[Use]) -> bool:
        """``create_all`` goes into the lifespan of the application made in the same module."""
        layout = self.colors.uses.layout(function)
        app = self._application(function, layout)
        if app < 0 or not all(self._is_plain(use, layout) for use in uses):
            return False
        draft = self.draft(function.module)
        manager = draft.spell("contextlib.asynccontextmanager")
        iterator = draft.spell("collections.abc.AsyncIterator")
        lines = [f"@{manager}", f"async def lifespan(app: FastAPI) -> {iterator}[None]:"]
        callee = layout.operations[app][5]
        lines[1] = lines[1].replace("FastAPI", dotted(layout.operations, callee))
        for use in uses:
            operation = layout.operations[use.operation]
            engine = (*operation[6], *(i for _, i in operation[7]))[0]
            method = dotted(layout.operations, operation[5])
            lines.append(f"    async with {dotted(layout.operations, engine)}.begin() as conn:")
            lines.append(f"        await conn.run_sync({method})")
            node = call_reference(function, use.operation)
            draft.add(RemoveStatement(node=node, site=draft.site(operation)))
        source = "\n".join([*lines, "    yield"]) + "\n"
        node, site = call_reference(function, app), draft.site(layout.operations[app])
        draft.add(InsertStatements(node=node, site=site, source=source))
        draft.add(EditArguments(node=node, site=site, set_keywords=(("lifespan", "lifespan"),)))
        return True

    def _application(self, function: Function, layout: Layout) -> int:
        """The one ``app = FastAPI(...)`` of a module that has no lifespan yet, or -1."""
        found = []
        for statement in function.body.statements:
            if statement[0] != f.ASSIGN or layout.operations[statement[8]][0] != f.CALL:
                continue
            call = layout.operations[statement[8]]
            name = foreign_name(function, layout.operations, call[5], self.inference)
            if name in _APPLICATIONS:
                found.append(statement[8])
                if any(keyword in ("lifespan", "on_startup") for keyword, _ in call[7]):
                    return -1
        names = function.facts.names | function.facts.bound
        if len(found) != 1 or names & {"on_event", "add_event_handler", "lifespan"}:
            return -1
        return -1 if self._tested_without_lifespan() else found[0]

    def _tested_without_lifespan(self) -> bool:
        """Is there a test client that never starts the application, and nothing else that creates
        the tables? Then creating them must not wait for the start."""
        clients = self.program.mentioning("TestClient")
        created = [
            function for function in self.inference.evaluations
            if function.facts.kind != "module"
            and any(use.kind == "metadata" for use in self.colors.uses.of(function))
        ]  # fmt: skip
        return bool(clients) and not created

    def _is_plain(self, use: Use, layout: Layout) -> bool:
        """A statement of its own that only names the engine."""
        operation = layout.operations[use.operation]
        arguments = (*operation[6], *(i for _, i in operation[7]))
        return (
            layout.is_statement(use.operation) and len(arguments) == 1
            and bool(dotted(layout.operations, arguments[0]))
            and bool(dotted(layout.operations, operation[5]))
        )  # fmt: skip

    def _keep_sync_engine(self, function: Function, use: Use) -> None:
        origin = use.owner.origin if isinstance(use.owner, v.Known) else None
        if origin is not None and origin not in self.coloring.alive:
            return
        operations = function.body.operations
        for index in (*operations[use.operation][6], *(i for _, i in operations[use.operation][7])):
            value = self.inference.evaluations[function].values[index]
            if not any(isinstance(a, v.Known) and a.kind == "Engine" for a in value):
                continue
            variable = self.colors.divider.twins.variable(function, index)
            name = self.twin_of(variable) if variable is not None else ""
            if variable is not None and name:
                home = variable.module
            else:
                name = self._twin(origin) if origin is not None else ""
                home = origin.function.module if origin is not None else function.module
            target = operations[index]
            draft = self.draft(function.module)
            local = target[0] == f.NAME and target[5] in function.facts.bound
            if target[0] == f.ATTRIBUTE:
                base = self.inference.evaluations[function].values[target[5]]
                local = not any(isinstance(a, v.ModuleObject) for a in base)
            if (
                not name
                or target[0] not in (f.NAME, f.ATTRIBUTE)
                or (local and (origin is None or function is not origin.function))
            ):
                reason = (
                    f"An engine is given to `{use.name}` (line {use.line}), which is not async."
                )
                self.impediments[function] = Obstacle("ASY203", reason)
                return
            if target[0] == f.NAME and home is not function.module:
                source = next(i for i in function.module.facts.imports if i.local == target[5])
                draft.add_import(ImportName("." * source.level + source.module, name))
                draft.drop(target[5])
            draft.add(
                RenameReference(
                    node=reference(target), site=draft.site(target),
                    new=name if target[0] == f.NAME else f"{dotted(operations, target[5])}.{name}",
                )
            )  # fmt: skip
            site = draft.site(operations[use.operation])
            if use.kind == "metadata":
                reason = f"`{use.name}` runs at import, where nothing can be awaited; it keeps a "
                reason += f"sync engine, `{name}`."
                advice = "Move it into the application's lifespan."
                self.findings.append(finding("ASY206", site, reason, advice))
            else:
                reason = f"`{use.name}` takes an engine and is not async; it gets a sync engine, "
                advice = "It blocks the event loop while it works."
                self.findings.append(finding("ASY107", site, f"{reason}`{name}`.", advice))

    def _twin(self, origin: v.Origin) -> str:
        """A sync engine beside the one that turns, for what can't await."""
        name = self.colors.places.twin(origin)
        if name and origin not in self._sync_twins:
            self._sync_twins.add(origin)
            draft = self.draft(origin.function.module)
            for index, operation in enumerate(origin.function.body.operations):
                if operation and operation[0] == f.CALL and operation[3] == origin.call:
                    node = call_reference(origin.function, index)
                    draft.add(KeepSyncTwin(node=node, site=draft.site(operation), name=name))
        return name


def _parts(
    operations: tuple[f.Operation, ...], index: int
) -> Iterator[tuple[tuple[f.Operation, ...], int]]:
    """The names inside an annotation, strings included, outermost first."""
    operation = operations[index]
    kind = operation[0]
    if kind in (f.NAME, f.ATTRIBUTE):
        yield operations, index
    elif kind == f.CONSTANT and isinstance(operation[5], str):
        lowered = lower_expression(operation[5])
        if lowered is not None:
            yield from _parts(*lowered)
    elif kind == f.SUBSCRIPT:
        yield from _parts(operations, operation[5])
        yield from _parts(operations, operation[6])
    elif kind in (f.SEQUENCE, f.OPERATOR):
        for part in operation[6]:
            yield from _parts(operations, part if part >= 0 else ~part)
