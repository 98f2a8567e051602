"""What takes a function: the rules hold for the libraries that are installed."""

from __future__ import annotations

import abc
import asyncio
import concurrent.futures
import contextlib
import dataclasses
import functools
import importlib.util
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import pytest

from asyncify.vocabulary import frameworks, generics
from asyncify.vocabulary.blocking import BLOCKING, BUILTINS
from asyncify.vocabulary.frameworks import Rule
from tests.test_vocabulary import resolve

fastapi = pytest.importorskip("fastapi")
testclient = pytest.importorskip("fastapi.testclient")
typer = pytest.importorskip("typer")
click = pytest.importorskip("click")
pydantic = pytest.importorskip("pydantic")

pytestmark = pytest.mark.filterwarnings("ignore")

RAN: list[Any] = []


@pytest.fixture(autouse=True)
def fresh() -> None:
    RAN.clear()


async def record(*arguments: Any, **keywords: Any) -> Any:
    """A function that turned: it runs only where it is awaited."""
    RAN.append(arguments or keywords or None)
    return arguments[0] if arguments else None


async def one(value: int) -> Any:
    return await record(value)


# Names


def installed(name: str) -> bool:
    return importlib.util.find_spec(name.partition(".")[0]) is not None


# Newer than the oldest Python that the tests run on.
NEW_IN_PYTHON = {"typing.override", "warnings.deprecated", "contextlib.aclosing"}


def test_names_exist() -> None:
    new = {row.new for row in frameworks.BOUNDARIES.values() if "." in row.new}
    every = {*frameworks.BOUNDARIES, *frameworks.METHODS, *frameworks.MAKERS, *new}
    every |= {*generics.GENERICS, *(each.new for each in generics.GENERICS.values())}
    found = {name for name in every - NEW_IN_PYTHON if installed(name)}
    assert {name for name in found if resolve(name.replace("()", "")) is None} == set()


def test_what_blocks_exists() -> None:
    every = {
        name for row in BLOCKING for name in (*row.names, row.new) if name[-2:] not in ("", ".*")
    }
    owners = {name.partition("().")[0] for name in every} - BUILTINS
    found = {name for name in owners if installed(name)}
    assert {name for name in found if resolve(name.removesuffix("()")) is None} == set()
    methods = {name for name in every if name.count("().") == 1}
    for name in sorted(methods):
        owner, _, method = name.partition("().")
        cls = resolve(owner) if installed(owner) else None
        assert not isinstance(cls, type) or hasattr(cls, method), name


def test_every_rule_is_said_once_and_with_its_reason() -> None:
    for row in frameworks.BOUNDARIES.values():
        assert row.source.startswith("https://"), row.name
        assert row.note or row.rule is not Rule.SYNC, row.name
        assert bool(row.new) is (row.rule is Rule.RENAME), row.name
    for methods in frameworks.METHODS.values():
        for name, row in methods.items():
            assert row.name == name
            assert row.note or row.rule is not Rule.SYNC, name


def test_lookup() -> None:
    found = frameworks.boundary("functools.lru_cache")
    assert found is not None and found.rule is Rule.STRIP
    assert frameworks.boundary("unknown.function") is None
    route = frameworks.method_boundary("fastapi.APIRouter", "get")
    assert route is not None and route.rule is Rule.AWAITED
    assert frameworks.method_boundary("fastapi.APIRouter", "unknown") is None
    assert frameworks.method_boundary("unknown.Class", "get") is None
    assert frameworks.constructor_boundary("fastapi.FastAPI", "lifespan") is not None


# FastAPI


def has(application: Any, name: str) -> bool:
    return callable(getattr(application, name, None))


VERBS = ("get", "post", "put", "patch", "delete", "options", "head", "trace")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("maker", ["FastAPI", "APIRouter"])
def test_routes_are_awaited(verb: str, maker: str) -> None:
    application = fastapi.FastAPI()
    router = application if maker == "FastAPI" else fastapi.APIRouter()

    @getattr(router, verb)("/")
    async def route() -> None:
        RAN.append(verb)

    if router is not application:
        application.include_router(router)
    assert frameworks.METHODS[f"fastapi.{maker}"][verb].rule is Rule.AWAITED
    testclient.TestClient(application).request(verb.upper(), "/")
    assert [verb] == RAN


@pytest.mark.parametrize("name", ["api_route", "add_api_route", "route", "add_route"])
def test_other_routes_are_awaited(name: str) -> None:
    from starlette.responses import Response

    application = fastapi.FastAPI()
    if not has(application, name):
        pytest.skip(f"this FastAPI has no {name}")

    async def route(request: fastapi.Request) -> Response:
        RAN.append(name)
        return Response()

    if name.startswith("add_"):
        getattr(application, name)("/", route)
    else:
        getattr(application, name)("/")(route)
    testclient.TestClient(application).get("/")
    assert [name] == RAN


@pytest.mark.parametrize("name", ["websocket", "add_api_websocket_route", "websocket_route"])
def test_websockets_are_awaited(name: str) -> None:
    application = fastapi.FastAPI()
    if not has(application, name):
        pytest.skip(f"this FastAPI has no {name}")

    async def socket(websocket: fastapi.WebSocket) -> None:
        RAN.append(name)
        await websocket.accept()
        await websocket.close()

    if name.startswith("add_"):
        getattr(application, name)("/", socket)
    else:
        getattr(application, name)("/")(socket)
    with testclient.TestClient(application).websocket_connect("/"):
        pass
    assert [name] == RAN


@pytest.mark.parametrize("name", ["Depends", "Security"])
def test_dependencies_are_awaited(name: str) -> None:
    application = fastapi.FastAPI()

    async def value() -> int:
        return 1

    async def values() -> AsyncIterator[int]:
        yield 2
        RAN.append("after")

    depends = getattr(fastapi, name)

    @application.get("/")
    async def route(first: int = depends(value), second: int = depends(values)) -> list[int]:
        return [first, second]

    async def override() -> int:
        return 3

    client = testclient.TestClient(application)
    assert client.get("/").json() == [1, 2]
    application.dependency_overrides[value] = override
    assert client.get("/").json() == [3, 2]
    assert RAN == ["after", "after"]


def test_the_rest_of_an_application_is_awaited() -> None:
    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        RAN.append("lifespan")
        yield

    application = fastapi.FastAPI(lifespan=lifespan)

    @application.middleware("http")
    async def middleware(request: Any, call_next: Any) -> Any:
        RAN.append("middleware")
        return await call_next(request)

    @application.exception_handler(KeyError)
    async def on_error(request: Any, error: Any) -> Any:
        RAN.append("handler")
        return fastapi.responses.JSONResponse({}, 500)

    async def letters() -> AsyncIterator[str]:
        yield "a"
        yield "b"

    @application.get("/")
    async def route(tasks: fastapi.BackgroundTasks) -> Any:
        tasks.add_task(record, "task")
        return fastapi.responses.StreamingResponse(letters(), background=tasks)

    @application.get("/error")
    async def error() -> None:
        raise KeyError

    with testclient.TestClient(application) as client:
        assert client.get("/").text == "ab"
        assert client.get("/error").status_code == 500
    assert RAN == ["lifespan", "middleware", ("task",), "middleware", "handler"]


# Decorators


async def twice(make: Callable[[], Awaitable[Any]]) -> list[Any]:
    return [await make(), await make()]


def test_caches_keep_the_coroutine() -> None:
    class Holder:
        @functools.cached_property
        async def value(self) -> int:
            return 1

    holder = Holder()
    for make in (functools.lru_cache(record), functools.cache(record), lambda: holder.value):
        with pytest.raises(RuntimeError, match="already awaited"):
            asyncio.run(twice(make))


def test_transparent_decorators_hand_the_coroutine_through() -> None:
    class Base(abc.ABC):
        @abc.abstractmethod
        async def abstract(self) -> str: ...

    class Holder(Base):
        @property
        async def value(self) -> str:
            return "property"

        @staticmethod
        async def static() -> str:
            return "static"

        @classmethod
        async def made(cls) -> str:
            return "class"

        async def abstract(self) -> str:
            return "abstract"

        partial = functools.partialmethod(record, 1)

    async def run() -> list[Any]:
        holder = Holder()
        return [
            await holder.value,
            await holder.static(),
            await Holder.made(),
            await holder.abstract(),
            await functools.partial(record, "partial")(),
            await functools.singledispatch(record)("dispatched"),
            await holder.partial() is holder,
        ]

    expected = ["property", "static", "class", "abstract", "partial", "dispatched", True]
    assert asyncio.run(run()) == expected


def test_context_managers_are_renamed() -> None:
    @contextlib.contextmanager  # type: ignore[arg-type]
    async def wrong() -> AsyncIterator[None]:
        yield

    with pytest.raises((TypeError, AttributeError)), wrong():
        pass

    @contextlib.asynccontextmanager
    async def right() -> AsyncIterator[str]:
        yield "value"

    async def run() -> str:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(record)
            return await stack.enter_async_context(right())

    assert asyncio.run(run()) == "value"
    assert RAN == [None]


# Threads


@pytest.mark.parametrize(
    "name",
    [
        *(row.name for row in frameworks.BOUNDARIES.values() if row.rule is Rule.THREAD),
        "run_in_executor",
    ],
)
def test_threads_are_only_for_plain_functions(name: str) -> None:
    if "." in name and not installed(name):
        pytest.skip(f"no {name}")

    async def call(function: Callable[[int], Any]) -> Any:
        if name == "run_in_executor":
            return await asyncio.get_running_loop().run_in_executor(None, function, 1)
        return await resolve(name)(function, 1)

    assert asyncio.run(call(lambda value: value + 1)) == 2
    assert asyncio.iscoroutine(asyncio.run(call(record)))
    assert RAN == []


def model_with(decorator: Any) -> None:
    class Model(pydantic.BaseModel):
        x: int

        @decorator("x")
        async def check(cls, value: int) -> int:
            return await record(value)

    Model(x=1)


@dataclasses.dataclass
class Made:
    value: Any = dataclasses.field(default_factory=record)


def in_loop(act: Callable[[asyncio.AbstractEventLoop], Any]) -> None:
    async def run() -> None:
        act(asyncio.get_running_loop())
        await asyncio.sleep(0.02)

    asyncio.run(run())


def started(thread: threading.Thread) -> None:
    thread.start()
    thread.join()


# Each gives ``record`` to something that calls it and doesn't await it.
PLAIN: dict[str, Callable[[], Any]] = {
    "threading.Thread": lambda: started(threading.Thread(target=record)),
    "threading.Timer": lambda: started(threading.Timer(0, record)),
    "submit": lambda: concurrent.futures.ThreadPoolExecutor(1).submit(record).result(),
    "map": lambda: list(concurrent.futures.ThreadPoolExecutor(1).map(record, [1])),
    "builtins.map": lambda: list(map(record, [1])),
    "builtins.filter": lambda: list(filter(record, [1])),
    "functools.reduce": lambda: functools.reduce(record, [1, 2]),
    "dataclasses.field": Made,
    "call_soon": lambda: in_loop(lambda loop: loop.call_soon(record)),
    "call_later": lambda: in_loop(lambda loop: loop.call_later(0, record)),
    "call_at": lambda: in_loop(lambda loop: loop.call_at(loop.time(), record)),
    "call_soon_threadsafe": lambda: in_loop(lambda loop: loop.call_soon_threadsafe(record)),
    "pydantic.field_validator": lambda: model_with(pydantic.field_validator),
    "pydantic.AfterValidator": lambda: pydantic.TypeAdapter(
        Annotated[int, pydantic.AfterValidator(one)]
    ).validate_python(1),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_callers_never_run_a_coroutine_function(name: str) -> None:
    rules = [frameworks.boundary(name)] if "." in name else methods_named(name)
    assert {row.rule for row in rules if row is not None} == {Rule.SYNC}
    PLAIN[name]()
    assert RAN == []


def methods_named(name: str) -> list[Any]:
    found = [
        methods[name] for cls, methods in frameworks.METHODS.items()
        if name in methods and not cls.startswith("gradio.")  # whose events have such names, too
    ]  # fmt: skip
    assert found
    return found


@pytest.mark.parametrize("name", ["builtins.sorted", "builtins.min", "builtins.max"])
def test_keys_are_not_awaited(name: str) -> None:
    row = frameworks.boundary(name)
    assert row is not None and (row.rule, row.keyword) == (Rule.SYNC, "key")
    with pytest.raises(TypeError):
        resolve(name)([1, 2], key=record)
    assert RAN == []


# Command lines


def test_commands_are_called_plainly() -> None:
    from click.testing import CliRunner
    from typer.testing import CliRunner as TyperRunner

    async def command() -> None:
        RAN.append("command")

    application = typer.Typer()
    application.command()(command)
    TyperRunner().invoke(application, [])
    CliRunner().invoke(click.command()(command), [])
    group = click.Group()
    group.command("run")(command)
    CliRunner().invoke(group, ["run"])
    assert RAN == []


# Annotations


@pytest.mark.parametrize(("name", "generic"), tuple(generics.GENERICS.items()), ids=str)
def test_generics_take_that_many_arguments(name: str, generic: generics.Generic) -> None:
    if not installed(name):
        pytest.skip(f"no {name}")
    found = resolve(generic.new)
    assert found[(int,) * generic.arity] is not None


def test_generators_keep_two_arguments() -> None:
    assert generics.GENERICS["typing.Generator"].arity == 2
    assert generics.GENERICS["collections.abc.Iterator"].new == "collections.abc.AsyncIterator"
