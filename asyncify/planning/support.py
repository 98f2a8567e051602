"""The support module: the few helpers that rewritten code may need, written once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Set
from functools import cached_property

from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring
from asyncify.analysis.environments import runs_in_alembic
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Module
from asyncify.decisions import InsertStatements, NewFile
from asyncify.planning import driver_helpers, iteration_helpers
from asyncify.planning.draft import Draft
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.urls import DATABASES, async_drivername

_STANDARD = sys.stdlib_module_names | {"test"}  # which Python's list leaves out
_HEAD = '''"""Helpers for the asynchronous database layer."""

from __future__ import annotations

'''
_ASYNC_URL = '''
_ASYNC_DRIVERS = {drivers}


def async_url(url: str | URL) -> URL:
    """The same database through its asynchronous driver; an asynchronous URL stays as it is."""
    parsed = make_url(url)
    driver = _ASYNC_DRIVERS.get(parsed.drivername)
    if driver is None:
        return parsed
    if driver.endswith("+asyncpg"):
        parsed = parsed.set(query=_asyncpg_query(parsed.query))
    if driver.endswith("+aiomysql") and any(name.startswith("ssl") for name in parsed.query):
        raise ValueError("aiomysql takes no files for TLS in a URL: give it ssl= in connect_args")
    return parsed.set(drivername=driver)


def _asyncpg_query(query: Mapping[str, Any]) -> dict[str, Any]:
    """What asyncpg calls otherwise than libpq; it reads libpq's own words in a DSN."""
    given = {key: value for key, value in query.items() if not key.startswith("keepalives")}
    for name in ("connect_timeout", "channel_binding", "gssencmode"):
        if given.pop(name, None) is not None:
            warnings.warn(f"asyncpg takes no {name} in a URL: it is left out", stacklevel=3)
    words = {
        name: given.pop(name)
        for name in tuple(given)
        if name in ("application_name", "options") or (name.startswith("ssl") and name != "ssl")
    }
    if list(words) == ["sslmode"]:
        return {**given, "ssl": words["sslmode"]}
    return {**given, "dsn": f"postgresql://?{urlencode(words)}"} if words else given
'''
_RUN_ASYNC = '''

def run_async(function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """A plain function that runs a coroutine function to its end, for a command line. What a
    coroutine calls through SQLAlchemy's greenlets is awaited by that."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        work = function(*args, **kwargs)
        return await_only(work) if _loop_runs() else asyncio.run(_alone(work))

    return run


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
'''
_RUN_AT_IMPORT = '''

def run_at_import(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives, run in an event loop of its own. One may run here already, and
    waits: in another thread the work would wait for the import that is under way in this one."""
    outer = asyncio._get_running_loop()
    task = asyncio.current_task() if outer is not None else None
    if outer is not None and task is not None:
        asyncio._leave_task(outer, task)
    asyncio._set_running_loop(None)
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_alone(work))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        asyncio._set_running_loop(outer)
        if outer is not None and task is not None:
            asyncio._enter_task(outer, task)
'''
_ALONE = '''

async def _alone(work: Coroutine[Any, Any, Any]) -> Any:
    """The loop ends with the work; connections that belong to it must not stay in the pools."""
    used: set[Any] = set()

    def note(connection: Any, *_: Any) -> None:
        used.add(connection.engine)

    event.listen(Engine, "engine_connect", note)
    try:
        return await work
    finally:
        event.remove(Engine, "engine_connect", note)
        for engine in used:
            if engine.dialect.is_async and engine.dialect.name != "sqlite":  # that has no loop
                await AsyncEngine(engine).dispose()
'''
_RUN_SYNC = '''
T = TypeVar("T")


async def run_sync(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """What a blocking function of SQLAlchemy gives, while the event loop goes on."""
    result: T = await greenlet_spawn(function, *args, **kwargs)
    return result
'''
_MAYBE_AWAIT = '''

async def maybe_await(value: Any) -> Any:
    """A value, or what awaiting it gives: for functions as values, of which some are async."""
    return await value if isawaitable(value) else value
'''
_IN_TEMPLATE = '''

class InTemplate:
    """An object for a template that is rendered inside ``run_sync``: what it calls is awaited."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._original, name)
        if isawaitable(value):
            return await_only(value)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            return await_only(result) if isawaitable(result) else result

        return call

    def __iter__(self) -> Any:
        async def listed() -> list[Any]:
            return [item async for item in self._original]

        items = self._original
        return iter(await_only(listed()) if hasattr(items, "__aiter__") else items)
'''
_CLOSING = '''

Closed = TypeVar("Closed")


@asynccontextmanager
async def closing_awaited(thing: Closed) -> AsyncIterator[Closed]:
    """``contextlib.closing``, for what has a ``close`` that is awaited."""
    try:
        yield thing
    finally:
        closing: Any = thing.close()  # type: ignore[attr-defined]
        if isawaitable(closing):
            await closing
'''
_REDUCE = '''

async def reduce_awaited(function: Callable[[Any, Any], Any], items: Any, *start: Any) -> Any:
    """``functools.reduce``, for a function whose results are awaited."""
    iterator = iter(items)
    if not start and (start := tuple(islice(iterator, 1))) == ():
        raise TypeError("reduce() of empty iterable with no initial value")
    value = start[0]
    for item in iterator:
        value = function(value, item)
        if isawaitable(value):
            value = await value
    return value
'''
_SUBSTITUTED = '''

async def substituted(pattern: Any, repl: Any, string: Any, count: int = 0, flags: int = 0) -> Any:
    """What ``re.sub`` gives, with a function that may be async."""
    parts, end = [], 0
    for number, match in enumerate(re.compile(pattern, flags).finditer(string)):
        if count and number >= count:
            break
        made = repl(match)
        made = await made if isawaitable(made) else made
        parts += [string[end : match.start()], string[:0] if made is None else made]
        end = match.end()
    return string[:0].join([*parts, string[end:]])
'''
_SLICED = '''

def sliced(statement: Any, start: int | None, stop: int | None) -> Any:
    """What ``query[start:stop]`` selects; the bounds are those that Query takes."""
    if start is not None and stop is not None and stop <= start:
        return statement.limit(0)
    if (start or 0) < 0 or (stop or 0) < 0:
        raise IndexError("negative indexes are not accepted by SQL index / slice operators")
    return statement.slice(start, stop)
'''
_NTH = '''

def nth(statement: Any, index: int) -> Any:
    """What ``query[index]`` selects; the index is one that Query takes."""
    if index < 0:
        raise IndexError("negative indexes are not accepted by SQL index / slice operators")
    return statement.slice(index, index + 1)
'''
_SERVE_UVICORN = '''

async def serve_uvicorn(*args: Any, **kwargs: Any) -> None:
    """``uvicorn.run`` where a loop runs already; other processes, if asked for, run their own."""
    config = uvicorn.Config(*args, **kwargs)
    if config.should_reload or config.workers > 1:
        uvicorn.run(*args, **kwargs)
    else:
        await uvicorn.Server(config).serve()
'''
# What each helper imports: pairs (module, name); a module alone without a name.
_IMPORTS = {
    "async_url": (
        ("warnings", ""),
        ("collections.abc", "Mapping"),
        ("typing", "Any"),
        ("urllib.parse", "urlencode"),
        ("sqlalchemy.engine", "URL"),
        ("sqlalchemy.engine", "make_url"),
    ),
    "run_async": (
        ("asyncio", ""),
        ("collections.abc", "Callable"),
        ("collections.abc", "Coroutine"),
        ("functools", "wraps"),
        ("typing", "Any"),
        ("sqlalchemy", "event"),
        ("sqlalchemy.engine", "Engine"),
        ("sqlalchemy.ext.asyncio", "AsyncEngine"),
        ("sqlalchemy.util", "await_only"),
    ),
    "run_at_import": (
        ("asyncio", ""),
        ("collections.abc", "Coroutine"),
        ("typing", "Any"),
        ("sqlalchemy", "event"),
        ("sqlalchemy.engine", "Engine"),
        ("sqlalchemy.ext.asyncio", "AsyncEngine"),
    ),
    "run_sync": (
        ("collections.abc", "Callable"),
        ("typing", "Any"),
        ("typing", "TypeVar"),
        ("sqlalchemy.util", "greenlet_spawn"),
    ),
    "maybe_await": (("inspect", "isawaitable"), ("typing", "Any")),
    "InTemplate": (
        ("inspect", "isawaitable"),
        ("typing", "Any"),
        ("sqlalchemy.util", "await_only"),
    ),
    "closing_awaited": (
        ("collections.abc", "AsyncIterator"),
        ("contextlib", "asynccontextmanager"),
        ("inspect", "isawaitable"),
        ("typing", "Any"),
        ("typing", "TypeVar"),
    ),
    "reduce_awaited": (
        ("collections.abc", "Callable"),
        ("inspect", "isawaitable"),
        ("itertools", "islice"),
        ("typing", "Any"),
    ),
    "serve_uvicorn": (("typing", "Any"), ("uvicorn", "")),
    "substituted": (("re", ""), ("inspect", "isawaitable"), ("typing", "Any")),
    "sliced": (("typing", "Any"),),
    "nth": (("typing", "Any"),),
    **driver_helpers.IMPORTS,
    **iteration_helpers.IMPORTS,
}
_TEXTS = {
    **driver_helpers.TEXTS,
    **iteration_helpers.TEXTS,
    "run_async": _RUN_ASYNC, "run_at_import": _RUN_AT_IMPORT, "_alone": _ALONE,
    "run_sync": _RUN_SYNC, "maybe_await": _MAYBE_AWAIT, "InTemplate": _IN_TEMPLATE,
    "closing_awaited": _CLOSING, "reduce_awaited": _REDUCE,
    "serve_uvicorn": _SERVE_UVICORN, "substituted": _SUBSTITUTED, "sliced": _SLICED, "nth": _NTH,
}  # fmt: skip
_RUNS = {"run_async", "run_at_import"}  # those that end a loop: `_alone`


class Support:
    """Keeps which helpers are needed, and where they are imported from."""

    def __init__(self, inference: Inference, coloring: Coloring) -> None:
        self.inference = inference
        self.coloring = coloring
        self.program = inference.program
        self.config = inference.config
        self._needed: set[str] = set()

    def name(self, draft: Draft, helper: str) -> str:
        """How a helper is written in a file, which imports it."""
        self._needed.add(helper)
        return draft.spell(f"{self._module_name()}.{helper}")

    def gathered(self) -> Set[str]:
        """What is needed so far, to be given to `restore`."""
        return frozenset(self._needed)

    def restore(self, gathered: Set[str]) -> None:
        """Forget what was named since."""
        self._needed = set(gathered)

    def settle(self, drafts: Iterable[Draft]) -> None:
        """Helpers that no decision names any more aren't needed."""
        for helper in sorted(self._needed):
            name, used = f"{self._module_name()}.{helper}", False
            for draft in drafts:
                if draft.adds(name):
                    named = any(helper in repr(decision) for decision in draft.decisions)
                    used = used or named
                    if not named:
                        draft.withdraw(name)
            if not used:
                self._needed.discard(helper)

    def files(self) -> tuple[NewFile, ...]:
        """The support module, if anything in it is needed and it isn't there yet."""
        if not self._needed:
            return ()
        path = self._path()
        if path in self.program.modules:
            return ()
        return (NewFile(path, self._text()),)

    def complete(self, draft: Callable[[Module], Draft]) -> None:
        """Add what is needed to the module that an earlier run has written."""
        module = self.program.modules.get(self._path()) if self._needed else None
        if module is None:
            return
        bound = module.functions[0].facts.bound
        missing = self._needed - bound
        functions = [fn for fn in module.functions if fn.facts.kind == "def" and not fn.owner]
        last = max(functions, key=lambda fn: fn.facts.line, default=None)
        if not missing or last is None:
            return
        edited, facts = draft(module), last.facts
        for name in sorted(missing):
            for owner, imported in _IMPORTS[name]:
                edited.spell(f"{owner}.{imported}" if imported else owner)
        edited.add(
            InsertStatements(
                node=NodeRef("FunctionDef", facts.number, facts.name),
                site=Site(module.path, facts.line, facts.column),
                source=self._parts(missing, bound), where="after",
            )
        )  # fmt: skip

    def _text(self) -> str:
        return _HEAD + _import_lines(self._needed) + self._parts(self._needed)

    def _parts(self, names: set[str], known: Set[str] = frozenset()) -> str:
        text, names = "", names | ({"_alone"} if names & _RUNS else set()) - known
        if "async_url" in names:
            text = _ASYNC_URL.replace("{drivers}", self._drivers())
        for name in (name for name in _TEXTS if name in names):
            text += f"\n{_TEXTS[name]}" if text and name == "run_sync" else _TEXTS[name]
        return text

    def _drivers(self) -> str:
        """The map from sync to async drivers, as source."""
        chosen = dict(self.config.async_driver)
        line = self.config.sqlalchemy_version
        lines = []
        for backend, database in DATABASES.items():
            for driver in database.sync_drivers:
                name = f"{backend}+{driver}" if driver else backend
                new = async_drivername(name, line, chosen)
                if new is not None and new != name:
                    lines.append(f'    "{name}": "{new}",\n')
        return "{\n" + "".join(lines) + "}"

    # -- where it stands

    def _path(self) -> str:
        folder = self._home.folder
        name = f"{self.config.helper_module}.py"
        return name if folder == "." else f"{folder}/{name}"

    @cached_property
    def _home(self) -> Module:
        """The module that makes the engine; the application's before those of tests, and what
        others import before scripts, beside which nobody else could import it."""
        makers = {
            a.origin.function.module
            for evaluation in self.inference.evaluations.values()
            for _, value in evaluation.objects
            for a in value
            if isinstance(a, v.Known) and a.kind in ("Engine", "AsyncEngine") and a.origin
            and (a.kind == "AsyncEngine" or a.origin in self.coloring.alive)
            and not runs_in_alembic(a.origin.function.module)
        }  # fmt: skip

        candidates = list(makers or self._importable())
        imported = self._imported(candidates) if len(candidates) > 1 else set()

        def rank(module: Module) -> tuple[bool, bool, int, str]:
            *packages, last = module.name.split(".")
            is_test = bool({"test", "tests", "testing"} & {*packages, last})
            is_test = is_test or last.startswith(("test_", "conftest"))
            return is_test, module not in imported, module.path.count("/"), module.path

        return min(candidates, key=rank)

    def _imported(self, modules: list[Module]) -> set[Module]:
        """Those of the modules that another one imports."""
        lasts = {module.name.rpartition(".")[2] for module in modules}
        found: set[Module | None] = set()
        for other in self.program.modules.values():
            for item in other.facts.imports:
                behind = ".".join(filter(None, (item.module, item.name)))  # `from . import name`
                for name in {item.module, behind}:
                    if name.rpartition(".")[2] in lasts:
                        found.add(self.program.module_named(name, other, item.level))
        return {module for module in modules if module in found}

    def _importable(self) -> list[Module]:
        modules = list(self.program.modules.values())
        return [module for module in modules if not runs_in_alembic(module)] or modules

    def _module_name(self) -> str:
        """How the module is imported: beside its home, as others import that."""
        home, name = self._home, self.config.helper_module
        for other in self.program.modules.values():
            for item in other.facts.imports:
                if item.level or self.program.module_named(item.module, other, 0) is not home:
                    continue
                package = item.module if home.is_package else item.module.rpartition(".")[0]
                return f"{package}.{name}" if package else name
        if self._runs_alone(home):
            return name
        package = home.name if home.is_package else home.name.rpartition(".")[0]
        is_package = f"{home.folder}/__init__.py" in self.program.modules
        if not is_package and package.partition(".")[0] in _STANDARD:
            return name  # a folder `test` that is no package doesn't hide Python's own
        return f"{package}.{name}" if package else name

    def _runs_alone(self, home: Module) -> bool:
        """Is it a script outside of packages that imports nothing but what stands beside it? It is
        run where it stands, `python tools/script.py`, so that imports begin in its folder."""
        return (
            bool(self.inference.layout(home.functions[0]).guarded)
            and f"{home.folder}/__init__.py" not in self.program.modules
            and all(m.folder == home.folder for m in self.program.imported_modules(home))
        )


def _import_lines(helpers: set[str]) -> str:
    """The imports of the helpers: the standard library's, and below them SQLAlchemy's."""
    names: dict[str, set[str]] = {}
    for helper in helpers:
        for module, name in _IMPORTS[helper]:
            names.setdefault(module, set()).add(name)
    blocks: tuple[list[str], list[str]] = ([], [])
    for module in sorted(names, key=lambda module: (names[module] != {""}, module)):
        found = ", ".join(sorted(names[module], key=_name_order))
        line = f"from {module} import {found}\n" if found else f"import {module}\n"
        blocks[module.startswith("sqlalchemy")].append(line)
    return "\n".join("".join(block) for block in blocks if block)


def _name_order(name: str) -> tuple[bool, str]:
    """Constants before classes before functions would be isort's; here none is a constant."""
    return name[:1].islower(), name
