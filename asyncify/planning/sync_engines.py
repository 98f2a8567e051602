"""Planning of engines that something sync goes on using.

``create_all`` at import moves into the lifespan of the application where there is one; it, and
libraries that take an engine, get a sync engine beside the async one where it can't.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Module, Variable, dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    EditArguments,
    ImportName,
    InsertStatements,
    KeepSyncTwin,
    RemoveStatement,
    RenameReference,
    ReplaceExpression,
)
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.planning.engine_urls import made_of, names_variable, url_reads
from asyncify.planning.support import Support
from asyncify.planning.tables_at_import import create_in_fixture, create_in_loop, creating
from asyncify.rules import finding
from asyncify.vocabulary.testing import is_test_path

_WORDS = {"Engine": "an engine", "SyncEngine": "an engine", "sessionmaker": "a session factory"}
_REPLACED = (f.NAME, f.ATTRIBUTE, f.CALL)
_NAMES_DRIVER = (
    "The URL of this engine names the async driver from now on: what is sync can't use it."
)
_MOVE = "Move it into {}."
_LIFESPAN = "the application's lifespan"
_READ_BEFORE = "Take the URL from where the engine is made, before it is converted."
# What sends requests to an application, and may not start it.
_CLIENTS = ("TestClient", "AsyncClient", "ASGITransport")
_APPLICATIONS = {"fastapi.FastAPI", "fastapi.applications.FastAPI"}


class SyncEnginePlanner:
    """Writes the decisions about what takes an engine and can't await."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
        twin: Callable[[Variable], str],
        findings: list[Finding],
        impediments: dict[Function, Obstacle],
        support: Support,
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.program = self.inference.program
        self.draft = draft
        self.twin_of = twin
        self.findings = findings
        self.impediments = impediments
        self.support = support
        self._sync_twins: set[v.Origin] = set()

    def plan(self) -> None:
        """Everywhere, ``create_all`` at import first."""
        self._metadata_at_import()
        for function in list(self.inference.evaluations):
            if function in self.coloring.stays:
                continue
            for use in self.colors.uses.of(function):
                if use.takes_engine:
                    self._keep(function, use)
        self._keep_below()
        for function, index, origin in url_reads(self.colors, self.coloring):
            name, home = self._twin_of(function, index, origin)
            imported = bool(name) and self._is_imported(function, index)
            if not names_variable(self.colors, function, index):
                self._read_beside(function, index, self._twin(origin), origin.function.module)
            elif imported or self._can_replace(function, index, name, origin):
                self._replace(function, index, name, home)

    def _keep_below(self) -> None:
        """A factory that stays sync makes its sessions on the sync engine, where that which it
        names turns."""
        alive, inference = self.coloring.alive, self.inference
        apart = self.coloring.stays_origins
        for made, engine in sorted(inference.related, key=lambda pair: pair[0].call):
            if engine not in alive or made in alive or engine in apart:
                continue
            if made.function in self.coloring.sides.quiet:
                continue  # all that it has is sync
            evaluation = inference.evaluations.get(made.function)
            for operation in made.function.body.operations if evaluation is not None else ():
                if operation and operation[0] == f.CALL and operation[3] == made.call:
                    for index in (*operation[6], *(i for _, i in operation[7])):
                        self._put_below(made.function, index, engine)

    def _put_below(self, function: Function, index: int, engine: v.Origin) -> None:
        value = self.inference.evaluations[function].values[index]
        if not any(isinstance(a, v.Known) and a.origin == engine for a in value):
            return
        name, home = self._twin_of(function, index, engine)
        if self._is_imported(function, index) or self._can_replace(function, index, name, engine):
            self._replace(function, index, name, home)

    def _read_beside(self, function: Function, index: int, name: str, home: Module) -> None:
        """The URL of an engine that is handed around is read from the sync one beside it."""
        operation, draft = function.body.operations[index], self.draft(function.module)
        is_free = name not in function.facts.bound and operation[0] in _REPLACED
        if not name or not is_free:
            site = draft.site(operation)
            self.findings.append(finding("ASY204", site, _NAMES_DRIVER, _READ_BEFORE))
            return
        if home is not function.module:
            name = draft.spell_symbol(name, home)
        node = call_reference(function, index) if operation[0] == f.CALL else reference(operation)
        draft.add(ReplaceExpression(node=node, site=draft.site(operation), template=name))

    def _metadata_at_import(self) -> None:
        for function in list(self.inference.evaluations):
            if function.facts.kind != "module" or function in self.coloring.stays:
                continue
            uses = [
                use for use in self.colors.uses.of(function)
                if use.kind == "metadata" and not self._stays_with(use)
            ]  # fmt: skip
            if uses and not self._move(function, uses):
                for use in uses:
                    self._keep(function, use)

    def _stays_with(self, use: Use) -> bool:
        """Is its engine a sync one, as before?"""
        owner = use.owner
        if not isinstance(owner, v.Known) or owner.origin in self.coloring.stays_origins:
            return True
        return owner.origin is not None and owner.origin not in self.coloring.alive

    def _move(self, function: Function, uses: list[Use]) -> bool:
        """Have ``create_all`` wait until a loop runs, if something in the same module can."""
        layout = self.colors.uses.layout(function)
        if not all(self._is_plain(use, layout) for use in uses):
            return False
        body = {id(statement) for statement in function.body.statements}
        if any(id(layout.statement(use.operation)) not in body for use in uses):
            return self._run(function, uses)  # under a condition, or in a try: it stays there
        return (
            self._move_to_lifespan(function, uses, layout)
            or create_in_fixture(self.colors, self.coloring, self.draft, function, uses)
            or self._run(function, uses)
        )

    def _run(self, function: Function, uses: list[Use]) -> bool:
        """A loop of its own creates tables in memory, where no sync engine would find them."""
        origins = [use.owner.origin for use in uses if isinstance(use.owner, v.Known)]
        if not all(o in self.coloring.alive and self._is_in_memory(o) for o in origins):
            return False
        if not create_in_loop(self.colors, self.draft, self._run_at_import, function, uses):
            return False
        for use in uses:
            site = self.draft(function.module).site(function.body.operations[use.operation])
            if not is_test_path(site.path):
                reason = f"`{use.name}` runs at import, in an event loop of its own."
                self.findings.append(finding("ASY206", site, reason, _MOVE.format(_LIFESPAN)))
        return True

    def _run_at_import(self, draft: Draft) -> str:
        return self.support.name(draft, "run_at_import")

    def _is_in_memory(self, origin: v.Origin | None) -> bool:
        operations = origin.function.body.operations if origin is not None else ()
        return origin is not None and any(
            operation and operation[0] == f.CALL and operation[3] == origin.call
            and self.colors.places.in_memory(origin.function, index)
            for index, operation in enumerate(operations)
        )  # fmt: skip

    def _move_to_lifespan(self, function: Function, uses: list[Use], layout: Layout) -> bool:
        """``create_all`` goes into the lifespan of the application made in the same module."""
        app = self._application(function, layout)
        if app < 0 or self._tested_without_lifespan(uses) or self._works_at_import():
            return False
        draft = self.draft(function.module)
        manager = draft.spell("contextlib.asynccontextmanager")
        iterator = draft.spell("collections.abc.AsyncIterator")
        lines = [f"@{manager}", f"async def lifespan(app: FastAPI) -> {iterator}[None]:"]
        callee = layout.operations[app][5]
        lines[1] = lines[1].replace("FastAPI", dotted(layout.operations, callee))
        for use in uses:
            lines += creating(layout, use)
            node, removed = (
                call_reference(function, use.operation),
                layout.operations[use.operation],
            )
            draft.add(RemoveStatement(node=node, site=draft.site(removed)))
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
        return int(found[0])

    def _tested_without_lifespan(self, uses: list[Use]) -> bool:
        """Is there a test client that may never start the application, and nothing else that
        creates these tables? Then creating them must not wait for the start."""
        origins = {use.owner.origin for use in uses if isinstance(use.owner, v.Known)}
        created = any(
            use.kind == "metadata" and isinstance(use.owner, v.Known)
            and (use.owner.origin is None or use.owner.origin in origins)
            for function in self.inference.evaluations if function.facts.kind != "module"
            for use in self.colors.uses.of(function)
        )  # fmt: skip
        return not created and any(map(self.program.mentioning, _CLIENTS))

    def _works_at_import(self) -> bool:
        """Does a file do other database work when it is imported? It needs the tables before the
        application starts."""
        for body in self.inference.evaluations:
            if body.facts.kind != "module" or is_test_path(body.module.path) or is_alembic(body):
                continue
            layout = self.colors.uses.layout(body)
            for use in self.colors.uses.of(body):
                is_guarded = id(layout.statement(use.operation)) in layout.guarded
                if use.kind != "metadata" and not is_guarded and (
                    use.does_io or any(map(self.colors.does_io, use.callees))
                ):  # fmt: skip
                    return True
        return False

    def _is_plain(self, use: Use, layout: Layout) -> bool:
        """A statement of its own that only names the engine."""
        operation = layout.operations[use.operation]
        arguments = (*operation[6], *(i for _, i in operation[7]))
        return (
            layout.is_statement(use.operation) and len(arguments) == 1
            and bool(dotted(layout.operations, arguments[0]))
            and bool(dotted(layout.operations, operation[5]))
        )  # fmt: skip

    def _keep(self, function: Function, use: Use) -> None:
        """The engines that a call is given become sync ones."""
        owner = use.owner if isinstance(use.owner, v.Known) else None
        origin = owner.origin if owner is not None else None
        kind = owner.kind if owner is not None and use.takes_engine else "Engine"
        if origin is not None and origin not in self.coloring.alive:
            return
        operation = function.body.operations[use.operation]
        values = self.inference.evaluations[function].values
        for index in (*operation[6], *(i for _, i in operation[7])):
            if any(isinstance(a, v.Known) and a.kind == kind for a in values[index]):
                if kind != "sessionmaker" and self._keep_bound(function, index, use, origin):
                    return
                name, home = self._twin_of(function, index, origin)
                imported = use.takes_engine and bool(name) and self._is_imported(function, index)
                if not imported and not self._can_replace(function, index, name, origin):
                    reason = f"{_WORDS[kind].capitalize()} is given to `{use.name}` "
                    reason += f"(line {use.line}), which is not async."
                    self.impediments[function] = Obstacle("ASY203", reason)
                    return
                self._replace(function, index, name, home)
                self._tell(use, name)

    def _keep_bound(
        self, function: Function, index: int, use: Use, factory: v.Origin | None
    ) -> bool:
        """``read_sql(statement, session.bind)``: the engine that its factory is made with."""
        engines = made_of(self.colors, factory) if factory is not None else []
        if len(engines) != 1 or engines == [factory]:
            return False
        name = self._twin(engines[0])
        if not name or name in function.facts.bound:
            return False
        self._read_beside(function, index, name, engines[0].function.module)
        self._tell(use, name)
        return True

    def _twin_of(
        self, function: Function, index: int, origin: v.Origin | None
    ) -> tuple[str, Module]:
        """The name of the sync engine that stands for one, and the file that has it."""
        variable = self.colors.divider.twins.variable(function, index)
        name = self.twin_of(variable) if variable is not None else ""
        if variable is not None and name:
            return name, variable.module
        if origin is None:
            return "", function.module
        return self._twin(origin), origin.function.module

    def _can_replace(
        self, function: Function, index: int, name: str, origin: v.Origin | None
    ) -> bool:
        """Is an engine named by what other places name too?"""
        target = function.body.operations[index]
        if not name or target[0] not in (f.NAME, f.ATTRIBUTE):
            return False
        local = target[0] == f.NAME and target[5] in function.facts.bound
        if local and function.facts.kind == "module":
            variable = self.colors.divider.twins.variable(function, index)
            return variable is not None and variable.module is function.module
        if target[0] == f.ATTRIBUTE:
            base = self.inference.evaluations[function].values[target[5]]
            local = not any(isinstance(a, v.ModuleObject) for a in base)
        return not local or (origin is not None and function is origin.function)

    def _is_imported(self, function: Function, index: int) -> bool:
        """Does a file import the name, and have it from nowhere else?"""
        operation = function.body.operations[index]
        if operation[0] != f.NAME or function.facts.kind != "module":
            return False
        symbol = self.program.lookup(function, operation[5])
        return isinstance(symbol, Variable) and symbol.module is not function.module

    def _replace(self, function: Function, index: int, name: str, home: Module) -> None:
        operations = function.body.operations
        target, draft = operations[index], self.draft(function.module)
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

    def _tell(self, use: Use, name: str) -> None:
        draft = self.draft(use.function.module)
        site = draft.site(use.function.body.operations[use.operation])
        if use.kind == "metadata":
            reason = f"`{use.name}` runs at import, where nothing can be awaited; it keeps a "
            reason += f"sync engine, `{name}`."
            advice = _MOVE.format("a fixture" if is_test_path(site.path) else _LIFESPAN)
            self.findings.append(finding("ASY206", site, reason, advice))
        else:
            kind = use.owner.kind if isinstance(use.owner, v.Known) else "Engine"
            reason = f"`{use.name}` takes {_WORDS[kind]} and is not async; it gets a sync one, "
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
