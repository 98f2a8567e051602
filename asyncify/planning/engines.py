"""Planning of the calls that make engines and session factories: URLs, keywords, drivers.

What has no async form is never dropped in silence: the engine stays sync with whatever uses it
where the async one would fail, and what a program works without is dropped and told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.creators import KEYWORD
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Module, Variable, dotted
from asyncify.analysis.sides import home
from asyncify.decisions import (
    CopyFunction,
    KeepSyncTwin,
    RenameReference,
    ReplaceString,
)
from asyncify.findings import Finding
from asyncify.planning.connect_arguments import Mapping, map_argument, map_query
from asyncify.planning.connection_creators import HELPER, give_creator, makes_connections
from asyncify.planning.draft import Draft, reference
from asyncify.planning.driver_helpers import HELPERS
from asyncify.planning.factory_calls import FactoryCall
from asyncify.planning.own_style import bound_metadata
from asyncify.planning.session_binds import SessionBindPlanner
from asyncify.planning.session_scopes import scope_function
from asyncify.planning.support import Support
from asyncify.planning.url_beginnings import scheme
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.connect_arguments import CONNECT_ARGUMENTS
from asyncify.vocabulary.tasks import OF_TASKS
from asyncify.vocabulary.urls import (
    async_drivername,
    async_url,
    engine_keyword,
    engine_loss,
    pool_class,
    session_keyword,
)

_SESSIONS = ("sqlalchemy.orm.sessionmaker", "sqlalchemy.orm.Session", "sqlmodel.Session")
_WITH_EXEC = {"sqlmodel.Session", "sqlmodel.orm.session.Session"}
_PLAIN_SESSIONS = {"sqlalchemy.orm.Session", "sqlalchemy.orm.session.Session", *_WITH_EXEC}
_ASYNC_WITH_EXEC = "sqlmodel.ext.asyncio.session.AsyncSession"
_MAKERS = {"sqlalchemy.create_engine", "sqlalchemy.engine_from_config", "sqlmodel.create_engine"}
_CONTEXTS = {"ssl.create_default_context", "ssl.SSLContext"}
_ADVICE = "Look it up in the driver's documentation, or choose another one in `async-driver`."
_BOUND_ADVICE = "Give the engine to what needs it, and take `bind` away."


class EnginePlanner:
    """Plans the calls of factories. ``unfit`` are the ones whose async form would fail."""

    def __init__(
        self,
        colors: Colors,
        draft: Callable[[Module], Draft],
        support: Support,
        findings: list[Finding],
    ) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.program = self.inference.program
        self.config = self.inference.config
        self.line = self.config.sqlalchemy_version
        self.chosen = dict(self.config.async_driver)
        self.draft = draft
        self.support = support
        self.findings = findings
        self.unfit: dict[v.Origin, Finding] = {}
        self.impediments: dict[Function, Obstacle] = {}
        self.made: list[tuple[v.Origin, Site]] = []
        self.of_tasks: list[tuple[v.Origin, Site]] = []  # registries with a session for each task
        self._waiting: list[FactoryCall] = []
        self.binds = SessionBindPlanner(self.inference)

    def construction(
        self, function: Function, layout: Layout, call: int, name: str, group: int, skip: int = 0
    ) -> None:
        """Plan the arguments of one call of a factory."""
        draft = self.draft(function.module)
        evaluation = self.inference.evaluations.get(function)
        made = evaluation.values[call] if evaluation is not None else v.UNKNOWN
        if any(isinstance(a, v.Known) and a.kind.startswith("async_") for a in made):
            return  # 1.4: sessionmaker(class_=AsyncSession)
        site = draft.site(layout.operations[call])
        edited = FactoryCall(function, layout, call, draft, site, group, skip)
        if name in _MAKERS and not skip:
            self.made.append((v.Origin(function, edited.operation[3]), site))
        if name in _SESSIONS:
            self._on_sync_bind(edited)
            self._session(edited, name)
        elif name == "sqlalchemy.orm.scoped_session":
            if edited.argument(1, "scopefunc") is None:
                scope = scope_function(self.program, self.support.coloring, function.module)
                edited.keywords.append(("scopefunc", draft.spell(scope)))
                if scope == OF_TASKS:
                    origins = [a.origin for a in made if isinstance(a, v.Known) and a.origin]
                    self.of_tasks += [(origin, site) for origin in origins]
        elif name == "sqlalchemy.create_engine" and self._single_setting(edited) is not None:
            self._waiting.append(edited)
            return
        elif name == "sqlalchemy.create_engine":
            self._engine(edited)
        elif name == "sqlalchemy.engine_from_config":
            self._engine_from_config(edited)
        edited.finish()

    def finish(self) -> None:
        """Plan the engines whose URL is a literal elsewhere, once it is known which are kept for
        the sync side as well: their twins read the same literal."""
        for call in self._waiting:
            self._engine(call)
            call.finish()
        self._waiting.clear()

    def _is_kept(self, call: FactoryCall) -> bool:
        """Is what makes an engine there a second time, as it was?"""
        copied = {
            (d.node.kind, d.node.number) for d in call.draft.decisions
            if isinstance(d, (KeepSyncTwin, CopyFunction))
        }  # fmt: skip
        place = call.index
        while place >= 0:
            operation = call.layout.operations[place]
            if operation[0] == f.CALL and ("Call", operation[3]) in copied:
                return True
            place = call.layout.parent(place)
        return ("FunctionDef", home(call.function).facts.number) in copied

    def _refuse(self, call: FactoryCall, reason: str) -> None:
        """The async engine would not do: this one stays sync, and whatever uses it."""
        origin = v.Origin(call.function, call.operation[3])
        text = f"{reason}; it stays sync, with what uses it."
        self.unfit.setdefault(origin, finding("ASY204", call.site, text, _ADVICE))

    def bound(self) -> None:
        """Engines that 1.4 has bound to metadata stay sync."""
        for engine, function, index in bound_metadata(self.colors):
            if engine.origin is not None and engine.origin not in self.colors.unfit:
                operation = function.body.operations[index]
                site = Site(function.module.path, operation[1], operation[2])
                text = "An engine that metadata is bound to can't be async"
                text += "; it stays sync, with what uses it."
                self.unfit.setdefault(engine.origin, finding("ASY204", site, text, _BOUND_ADVICE))

    # -- sessions

    def _session(self, call: FactoryCall, name: str) -> None:
        call.keywords.append(("expire_on_commit", "False"))
        for keyword, value in call.given():
            action = session_keyword(keyword, self.line, _text(call.layout.operations[value]))
            if keyword == "class_":
                action = self._session_class(call, value)
            if action == "drop":
                call.remove.append(keyword)
            elif action == "rename":
                call.rename.append(("class_", "sync_session_class"))
            elif action == "refuse":
                self._refuse(call, f"`{keyword}` has no form for async sessions")
        if (
            self.line == "1.4"
            and name.endswith("sessionmaker")
            and "class_" not in dict(call.keywords)
        ):
            cls = call.draft.spell("sqlalchemy.ext.asyncio.AsyncSession")
            call.keywords.append(("class_", cls))
            call.remove = [keyword for keyword in call.remove if keyword != "class_"]

    def _on_sync_bind(self, call: FactoryCall) -> None:
        """``Session(engine.sync_engine)`` can't turn."""
        if self.binds.stays_sync(call) and call.function.facts.kind == "def":
            line = call.operation[1]
            reason = f"The session of line {line} is on a sync engine or connection."
            self.impediments[call.function] = Obstacle("ASY203", reason)

    def _session_class(self, call: FactoryCall, value: int) -> str:
        """A class of the program's own stays the sync session behind the async one."""
        name = foreign_name(call.function, call.layout.operations, value, self.inference)
        if name not in _PLAIN_SESSIONS:
            evaluation = self.inference.evaluations.get(call.function)
            meant = evaluation.values[value] if evaluation is not None else ()
            is_alias = any(isinstance(a, v.Foreign) and a.name in _PLAIN_SESSIONS for a in meant)
            return "" if is_alias else "rename"  # what the alias stands for is edited there
        call.draft.drop(dotted(call.layout.operations, value))
        if name not in _WITH_EXEC:
            return "drop"
        call.keywords.append(("class_", call.draft.spell(_ASYNC_WITH_EXEC)))
        return ""

    # -- engines

    def _engine(self, call: FactoryCall) -> None:
        mapping, driver = Mapping(), ""
        url = call.argument(0, "url")
        if url is not None:
            driver = mapping.driver = self._url(call, *url, mapping)
        self._engine_keywords(call, driver, mapping)
        self._report(call, driver, mapping)

    def _engine_from_config(self, call: FactoryCall) -> None:
        """``url`` overrides the dict's: ``engine_from_config`` takes every keyword."""
        config, prefix = call.argument(0, "configuration"), call.argument(1, "prefix")
        written = call.layout.operations[prefix[1]] if prefix is not None else ()
        start = _string(written) if written else "sqlalchemy."
        written_url = self._in_dict(call, config[1], f"{start}url") if config and start else None
        if written_url is not None:
            new = self._mapped(call, written_url, Mapping())
            if new and new != written_url:
                call.keywords.append(("url", json.dumps(new)))
            return
        url = self._configured_url(call, config[1], f"{start}url") if config and start else ""
        if not url or call.argument(9, "url") is not None:
            self._refuse(call, "Where the URL of `engine_from_config` comes from isn't known")
            return
        helper = self.support.name(call.draft, "async_url")
        call.keywords.append(("url", f"{helper}({url})"))

    def _in_dict(self, call: FactoryCall, index: int, key: str) -> str | None:
        """The URL that is written in a dict, right there or in a variable of the module."""
        body, operations = call.function, call.layout.operations
        symbol = self.program.resolve_expression(body, operations, index)
        if isinstance(symbol, Variable) and symbol.module is body.module:
            found = self.program.variable_expression(symbol)
            _, operations, index = found if found is not None else (body, operations, index)
        operation = operations[index]
        if operation[0] != f.DICT:
            return None
        pairs = zip(operation[5], operation[6], strict=True)
        values = {_string(operations[name]): value for name, value in pairs if name >= 0}
        return _string(operations[values[key]]) if key in values else None

    def _configured_url(self, call: FactoryCall, index: int, key: str) -> str:
        """What reads the URL from a dict, or where Alembic's configuration has it."""
        operations = call.layout.operations
        source = dotted(operations, index)
        if source:
            return f'{source}["{key}"]'
        operation = operations[index]
        callee = operations[operation[5]] if operation[0] == f.CALL else operation
        if callee[0] != f.ATTRIBUTE or callee[6] != "get_section":
            return ""
        source = dotted(operations, callee[5])
        return f'{source}.get_main_option("{key}")' if source else ""

    def _url(self, call: FactoryCall, argument: int | str, index: int, mapping: Mapping) -> str:
        """Map the URL, or have the helper do it. The async driver is returned if it is known."""
        constant = call.layout.operations[index]
        text = _string(constant)
        if text is not None:
            new = self._mapped(call, text, mapping)
            if new and new != text:
                call.literals.append((argument, new))
            return self._driver(text)
        if (name := scheme(call.layout.operations, index)) and self._beginning(
            call, argument, name
        ):
            return self._driver(name)
        setting = self._setting(call.function, constant)
        known = self._driver(setting[3]) if setting is not None else ""
        if setting is None or not self._read_once(setting[0]) or self._is_kept(call):
            helper = self.support.name(call.draft, "async_url")
            call.wrap.append((argument, f"{helper}({{argument}})"))
            return known
        _, body, value, url = setting
        if name := scheme(body.body.operations, value):
            beginning = async_drivername(name, self.line, self.chosen)
            if beginning and beginning != name:
                self._replace_setting(call, body, value, f"{beginning}://", f"{name}://")
            return known
        new = self._mapped(call, url, mapping)
        if new and new != url:
            self._replace_setting(call, body, value, new)
        return known

    def _beginning(self, call: FactoryCall, argument: int | str, name: str) -> bool:
        """``f"sqlite:///{path}"``: only what it begins with names the driver."""
        new = async_drivername(name, self.line, self.chosen)
        if new is not None and new != name:
            call.beginnings.append((argument, f"{name}://", f"{new}://"))
        return new is not None

    def _driver(self, url: str) -> str:
        name = async_drivername(url.partition("://")[0], self.line, self.chosen) or ""
        return name.partition("+")[2] or {"postgresql": "psycopg"}.get(name, "")

    def _mapped(self, call: FactoryCall, url: str, mapping: Mapping) -> str:
        new = async_url(url, self.line, self.chosen)
        if new is None:
            name = url.partition("://")[0]
            self._refuse(call, f"The URL `{name}://` has no async driver here")
            return ""
        return map_query(self._driver(url), new, mapping)

    def _single_setting(self, call: FactoryCall) -> Variable | None:
        """The literal that nothing but a call's URL reads."""
        url = call.argument(0, "url")
        operation = call.layout.operations[url[1]] if url is not None else ()
        setting = self._setting(call.function, operation) if operation else None
        return setting[0] if setting is not None and self._read_once(setting[0]) else None

    def _setting(
        self, function: Function, operation: f.Operation
    ) -> tuple[Variable, Function, int, str] | None:
        """A variable of the same module that is a literal: where that is, and its text; of one that
        is put together what names the driver."""
        if operation[0] != f.NAME:
            return None
        symbol = self.program.lookup(function, operation[5])
        if not isinstance(symbol, Variable) or symbol.module is not function.module:
            return None
        found = self.program.variable_expression(symbol)
        if found is None:
            return None
        text = _string(found[1][found[2]]) or scheme(found[1], found[2])
        return (symbol, found[0], found[2], text) if text else None

    def _replace_setting(
        self, call: FactoryCall, body: Function, value: int, new: str, old: str = ""
    ) -> None:
        for statement in self.colors.uses.layout(body).statements:
            if statement[0] not in (f.ASSIGN, f.ANNOTATED):
                continue
            kind, place = ("Assign", 8) if statement[0] == f.ASSIGN else ("AnnAssign", 9)
            if statement[place] == value:
                site = Site(body.module.path, statement[1], statement[2])
                node = NodeRef(kind, statement[3])
                call.draft.add(ReplaceString(node=node, site=site, new=new, old=old))

    def _read_once(self, variable: Variable) -> bool:
        """Does only one expression of the program read a variable?"""
        reads = 0
        for function in self.program.mentioning(variable.name):
            for operation in (*function.body.operations, *function.signature.operations):
                # A name, an attribute, or a string that may name it.
                reads += bool(operation) and (
                    (operation[0] in (f.NAME, f.CONSTANT) and operation[5] == variable.name)
                    or (operation[0] == f.ATTRIBUTE and operation[6] == variable.name)
                )
        imported = sum(
            item.name == variable.name
            for module in self.program.modules.values() for item in module.facts.imports
        )  # fmt: skip
        return reads <= 1 and not imported

    # -- keywords

    def _engine_keywords(self, call: FactoryCall, driver: str, mapping: Mapping) -> None:
        """Keywords, pool classes and driver arguments by the tables."""
        self._unpacked(call)
        for keyword, value in call.given():
            written = _text(call.layout.operations[value])
            action = engine_keyword(keyword, self.line, written)
            if keyword == "poolclass":
                action = self._pool(call, value)
            elif keyword == "connect_args":
                self._connect_args(call, driver, value, mapping)
            if action == "drop":
                call.remove.append(keyword)
                loss = engine_loss(keyword, self.line, written)
                mapping.lost += [(keyword, loss)] if loss else []
            elif keyword == KEYWORD and makes_connections(
                call, value, driver, self.line, self.program
            ):
                give_creator(call, self.support.name(call.draft, HELPER))
            elif action == "refuse":
                self._refuse(call, f"`{keyword}` has no form for an async engine")

    def _unpacked(self, call: FactoryCall) -> None:
        """Keywords in a dict that is unpacked: nothing can be changed in them."""
        for keyword, value in call.operation[7]:
            entries = () if keyword else self._written(call.function, call.layout.operations, value)
            for key, operations, entry in entries:
                action = engine_keyword(key, self.line, _text(operations[entry]))
                if key and action not in ("keep", "value"):
                    self._refuse(call, f"`{key}`, in a dict, has no form for an async engine")

    def _pool(self, call: FactoryCall, index: int) -> str:
        operations = call.layout.operations
        row = pool_class(foreign_name(call.function, operations, index, self.inference), self.line)
        if row is None or row.action != "rename":
            return row.action if row is not None else "keep"
        operation = operations[index]
        if operation[0] in (f.NAME, f.ATTRIBUTE):
            site, new = call.draft.site(operation), call.draft.spell(row.new)
            node = reference(operation)
            call.draft.add(RenameReference(node=node, site=site, new=new, whole=True))
            call.draft.drop(dotted(operations, index))
        return "keep"

    # -- arguments of drivers

    def _connect_args(self, call: FactoryCall, driver: str, index: int, mapping: Mapping) -> None:
        """The entries of a dict that is written where the engine is made; those of one that is
        written elsewhere are only looked at."""
        here = call.layout.operations[index][0] == f.DICT
        found = list(self._written(call.function, call.layout.operations, index))
        keys = {key for key, _, _ in found if key}
        driver = mapping.driver = driver or self._driver_of(keys)
        if not driver and keys:
            reason = "Which driver takes `connect_args` isn't known here: nothing in it is changed."
            self.findings.append(finding("ASY204", call.site, reason, _ADVICE))
        for key, operations, value in found if driver else ():
            if key and not self._is_context(call.function, driver, key, operations, value):
                map_argument(driver, key, _value(operations[value]), mapping)
        if mapping.helper or (mapping.entries and not here and driver in HELPERS):
            mapping.helper = True
            mapping.entries.clear()
        elif here:
            call.entries += [("connect_args", *entry) for entry in mapping.entries]
        else:
            mapping.refused += [(key, "the dict isn't written here") for key, _ in mapping.entries]

    def _written(
        self, function: Function, operations: tuple[f.Operation, ...], index: int
    ) -> Iterator[tuple[str, tuple[f.Operation, ...], int]]:
        """The entries of a dict as far as they are written somewhere: keys and values."""
        operation = operations[index]
        if operation[0] == f.DICT:
            for key, value in zip(operation[5], operation[6], strict=True):
                yield (_string(operations[key]) or "" if key >= 0 else ""), operations, value
        elif operation[0] == f.CALL:  # dict(name=value)
            for keyword, value in operation[7]:
                yield keyword or "", operations, value
        elif operation[0] == f.CONDITIONAL:
            yield from self._written(function, operations, operation[6])
            yield from self._written(function, operations, operation[7])
        elif operation[0] == f.NAME:
            for body, values in self._assigned(function, operation[5]):
                yield from self._written(function, body, values)

    def _assigned(
        self, function: Function, name: str
    ) -> Iterator[tuple[tuple[f.Operation, ...], int]]:
        """What a variable is assigned: one of the function itself, or of a module."""
        if name in function.facts.bound:
            layout = self.colors.uses.layout(function)
            for statement in layout.statements:
                targets = statement[7] if statement[0] == f.ASSIGN else ()
                if any(target[0] == f.TO_NAME and target[1] == name for target in targets):
                    yield layout.operations, statement[8]
            return
        symbol = self.program.lookup(function, name)
        found = self.program.variable_expression(symbol) if isinstance(symbol, Variable) else None
        if found is not None:
            yield found[1], found[2]

    def _is_context(
        self,
        function: Function,
        driver: str,
        key: str,
        operations: tuple[f.Operation, ...],
        value: int,
    ) -> bool:
        """Is the argument ``ssl`` what every driver takes, an ``ssl.SSLContext``?"""
        if key != "ssl" or driver == "asyncmy":
            return False
        if operations[value][0] == f.NAME:
            assigned = next(self._assigned(function, operations[value][5]), None)
            if assigned is None:
                return False
            operations, value = assigned
        if operations[value][0] != f.CALL:
            return False
        callee = operations[value][5]
        return foreign_name(function, operations, callee, self.inference) in _CONTEXTS

    def _driver_of(self, keys: set[str]) -> str:
        """The one driver that has all these arguments, of those that a URL could come to."""
        drivers = {"asyncpg", "aiomysql", "aiosqlite"} | set(self.chosen.values())
        for database, usual in (("postgresql", "asyncpg"), ("mysql", "aiomysql")):
            if self.chosen.get(database, usual) != usual:
                drivers.discard(usual)
        fitting = [name for name in sorted(drivers) if keys <= CONNECT_ARGUMENTS[name].keys()]
        return fitting[0] if len(fitting) == 1 else ""

    def _report(self, call: FactoryCall, driver: str, mapping: Mapping) -> None:
        """Bring in what came from a URL; tell what is lost, and what can't be had."""
        given = call.argument(99, "connect_args")
        if mapping.helper:
            self._translated(call, given is not None, mapping)
        elif mapping.added and given is None:
            call.keywords.append(("connect_args", "{}"))
        for template in mapping.added if not mapping.helper else ():
            call.entries.append(("connect_args", "", template))
        for name, why in mapping.refused:
            self._refuse(call, f"`{name}` isn't taken by {driver or 'the async driver'}: {why}")
        for name, why in mapping.lost:
            reason = f"`{name}` goes, the async driver doesn't take it: {why}."
            self.findings.append(finding("ASY204", call.site, reason, _ADVICE))

    def _translated(self, call: FactoryCall, given: bool, mapping: Mapping) -> None:
        """Have a helper say at run time what the async driver calls the arguments."""
        helper = self.support.name(call.draft, HELPERS[mapping.driver])
        raw = ", ".join([*mapping.raw, *(template[1:-1] for template in mapping.added)])
        if given:
            entries = "{**{argument}, " + raw + "}" if raw else "{argument}"
            call.wrap.append(("connect_args", f"{helper}({entries})"))
        else:
            call.keywords.append(("connect_args", f"{helper}({{{raw}}})"))


def _string(operation: f.Operation) -> str | None:
    """A string literal."""
    constant = operation[0] == f.CONSTANT and isinstance(operation[5], str)
    return str(operation[5]) if constant else None


def _value(operation: f.Operation) -> object:
    """A literal's value, else ``...``."""
    return operation[5] if operation[0] == f.CONSTANT else ...


def _text(operation: f.Operation) -> str:
    """A constant as it is written, else ''."""
    constant = operation[0] == f.CONSTANT and operation[5] is not ...
    return repr(operation[5]) if constant else ""
