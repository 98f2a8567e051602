"""Tests: what pytest collects, and the clients that call an application without a server.

https://docs.pytest.org/en/stable/explanation/goodpractices.html#conventions-for-python-test-discovery
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

TEST_FILES = ("test_", "_test")  # how the names of collected files begin, or end
TEST_MODULES = frozenset({"test", "tests"})  # collected where they are named, as by Django
TEST_FOLDERS: frozenset[str] = frozenset({"test", "tests", "testing"})
TEST_FUNCTIONS = "test"
FIXTURES: frozenset[str] = frozenset(
    {"pytest.fixture", "pytest_asyncio.fixture", "pytest.yield_fixture"}
)

# How the names of its hooks begin, in a conftest.py and in plugins; pytest calls them plainly.
# https://docs.pytest.org/en/stable/reference/reference.html#hooks
HOOK_PREFIX = "pytest_"
PLAIN_FIXTURE = "pytest.fixture"
# What gives a fixture by its name, in the body of a test:
# https://docs.pytest.org/en/stable/reference/reference.html#pytest.FixtureRequest.getfixturevalue
REQUESTED = "getfixturevalue"
ASYNC_FIXTURE = "pytest_asyncio.fixture"
MARK = "pytest.mark.asyncio"
PARAMETRISING = "parametrize"
# What a fixture is given by its decorator, each in its turn, and by which parameter it gets it.
PARAMS, PARAM, ASKING = "params", "param", "request"
MARK_OF_ANYIO = "pytest.mark.anyio"
ANYIO_BACKEND = "anyio_backend"  # the fixture that every awaited one asks for, too
USING_ANYIO = f'pytest.mark.usefixtures("{ANYIO_BACKEND}")'  # what a test that stays plain says
AUTOUSE = "autouse"
SCOPE, SCOPES = "scope", ("function", "class", "module", "package", "session")
# The versions of pytest-asyncio whose marks name the loop, because no setting does for all tests:
# from the first up to the second. https://pytest-asyncio.readthedocs.io/en/stable/reference/changelog.html
LOOP_SCOPES_OF_MARKS = ((0, 24), (0, 26))
# From this one on it keeps the loop that tests share when a plain one runs `asyncio.run`.
KEEPS_LOOP = (1, 2)
LOOP_SCOPE = 'loop_scope="session"'

# Where a conftest names plugins, and the fixtures by which plugins that run async tests themselves
# give their loop: https://github.com/jupyter-server/pytest-jupyter
PLUGINS = "pytest_plugins"
LOOP_FIXTURES: dict[str, tuple[str, ...]] = {
    "jp_asyncio_loop": ("pytest_jupyter", "jupyter_server.pytest_plugin"),
}

# Clients that run the application in a loop of their own, in a thread.
CLIENTS: frozenset[str] = frozenset(
    {"fastapi.testclient.TestClient", "starlette.testclient.TestClient"}
)
# What takes their place, in the loop of the tests: https://www.python-httpx.org/async/
ASYNC_CLIENT = "httpx.AsyncClient"
TRANSPORT = "httpx.ASGITransport"


class ClientMember(NamedTuple):
    """A member of the client. ``awaited``: a call of it is awaited; ``new`` is another name for it;
    ``body`` says whether httpx's method takes one."""

    name: str
    awaited: bool = True
    new: str = ""
    body: bool = True

    @property
    def elsewhere(self) -> bool:
        """Is it read of something else from now on?"""
        return not self.awaited and bool(self.new)


# Anything else (``websocket_connect``, ``portal``) httpx's client doesn't have.
CLIENT_MEMBERS: dict[str, ClientMember] = {
    row.name: row
    for row in (
        *(ClientMember(name, body=False) for name in ("get", "options", "head", "delete")),
        *(ClientMember(name) for name in ("post", "put", "patch", "request", "send")),
        ClientMember("close", new="aclose"),
        ClientMember("app", awaited=False, new="_transport.app"),  # the transport has it
        *(
            ClientMember(name, awaited=False)
            for name in (
                "headers", "cookies", "base_url", "params", "auth", "timeout", "build_request",
                "event_hooks", "is_closed", "follow_redirects",
            )
        ),
    )
}  # fmt: skip
# What the sync client puts on a response: https://www.starlette.io/templates/#testing-template-responses
CLIENT_RESPONSE: frozenset[str] = frozenset({"template", "context"})
RENDERED = "RenderedTransport"
BODY_KEYWORDS: frozenset[str] = frozenset({"json", "data", "files", "content"})
REQUEST = "request"  # the method that takes a body with every verb
RENAMED_REQUEST_KEYWORDS: dict[str, str] = {"allow_redirects": "follow_redirects"}

# The keywords of the client: who takes them now, and under which name. An empty name: nobody has
# to, there is no other loop.
CLIENT_KEYWORDS: dict[str, tuple[str, str]] = {
    "app": ("", ""),
    "base_url": ("client", "base_url"),
    "headers": ("client", "headers"),
    "cookies": ("client", "cookies"),
    "follow_redirects": ("client", "follow_redirects"),
    "raise_server_exceptions": ("transport", "raise_app_exceptions"),
    "root_path": ("transport", "root_path"),
    "client": ("transport", "client"),
    "backend": ("", ""),
    "backend_options": ("", ""),
}
CLIENT_POSITIONS = ("app", "base_url", "raise_server_exceptions", "root_path")
# What the sync client does by itself.
CLIENT_DEFAULTS: tuple[tuple[str, str], ...] = (
    ("base_url", '"http://testserver"'),
    ("follow_redirects", "True"),
)
# Entering the sync client starts the application; the async one leaves that to whoever has it.
LIFESPAN = "{app}.router.lifespan_context({app})"
# What an application is called that is made where its client is entered.
APPLICATION_NAMES = ("app", "application", "client_app")
LIFESPAN_WORDS: tuple[str, ...] = (
    "lifespan", "on_event", "on_startup", "on_shutdown", "add_event_handler",
)  # fmt: skip

# Classes of tests: https://docs.python.org/3/library/unittest.html#unittest.IsolatedAsyncioTestCase
CASES: frozenset[str] = frozenset({"unittest.TestCase", "unittest.case.TestCase"})
ASYNC_CASES: frozenset[str] = frozenset(
    {"unittest.IsolatedAsyncioTestCase", "unittest.async_case.IsolatedAsyncioTestCase"}
)
ASYNC_CASE = "unittest.IsolatedAsyncioTestCase"
CASE_SUFFIX = "TestCase"  # how libraries call theirs
# What is called around every test, and what takes its place where it awaits.
LIFECYCLE: dict[str, str] = {"setUp": "asyncSetUp", "tearDown": "asyncTearDown"}
# The names that these have where their class has the other as well, which calls them: unittest
# calls `asyncSetUp` right behind `setUp`, and `tearDown` right behind `asyncTearDown`.
ENDING = ("tearDown",)
JOINED: dict[str, str] = {"setUp": "set_up", "tearDown": "tear_down"}
# What is called once, outside of any loop.
CLASS_LIFECYCLE: frozenset[str] = frozenset({"setUpClass", "tearDownClass"})
MODULE_LIFECYCLE: frozenset[str] = frozenset({"setUpModule", "tearDownModule"})
# What pytest calls by its name, plainly: how long what it sets up is there, and what of a fixture's
# request it is given. https://docs.pytest.org/en/stable/how-to/xunit_setup.html
XUNIT: dict[str, tuple[str, str]] = {
    f"{when}_{what}": row
    for when in ("setup", "teardown")
    for what, row in {
        "module": ("module", "module"), "class": ("class", "cls"),
        "method": ("function", "function"), "function": ("function", "function"),
    }.items()
}  # fmt: skip
XUNIT_AFTER = "teardown_"
XUNIT_DECORATORS: frozenset[str] = frozenset({"classmethod", "staticmethod"})
TEST_CLASSES = "Test"
# What gives a fixture's request a function that is called after its tests.
FINALIZING = "request.addfinalizer"
# What takes a function that is called after the test, and what takes one that is awaited.
CLEANUPS: dict[str, str] = {"addCleanup": "addAsyncCleanup"}

# What calls a function that it is given and expects an error or a warning: the position of the
# function. Without one it is a context manager.
EXPECTING: dict[str, int] = {
    "pytest.raises": 1, "pytest.warns": 1, "pytest.deprecated_call": 0,
    "assertRaises": 1, "assertRaisesRegex": 2, "assertWarns": 1, "assertWarnsRegex": 2,
}  # fmt: skip

# What runs a command in the test itself, by which method:
# https://click.palletsprojects.com/en/stable/testing/
COMMAND_RUNNERS: frozenset[str] = frozenset({"click.testing.CliRunner", "typer.testing.CliRunner"})
RUNNER_METHOD = "invoke"
# Methods that run a command which they are given: a context's have the runner's name, too.
# https://click.palletsprojects.com/en/stable/api/#click.Context.invoke
INVOKING: tuple[str, ...] = (RUNNER_METHOD, "forward")
# What a command of Click is run by itself: https://click.palletsprojects.com/en/stable/api/#commands
COMMAND_METHODS: tuple[str, ...] = ("callback", "main")

# Mocks whose calls give no awaitable, and the one whose calls do:
# https://docs.python.org/3/library/unittest.mock.html#unittest.mock.AsyncMock
MOCKS: tuple[str, ...] = ("MagicMock", "Mock")
MOCKS_OF: tuple[str, ...] = ("unittest.mock.", "mock.", "pytest_mock.")  # what else they come from
RECORDED = frozenset({"unittest.mock.call", "mock.call"})
ASYNC_MOCK, PLAIN_MOCK = "unittest.mock.AsyncMock", "unittest.mock.MagicMock"
# Methods that make no object of a class which they are given: mocks of what it has, and what puts
# something in the place of one of its members.
OF_CLASSES: frozenset[str] = frozenset({
    *MOCKS, "AsyncMock", "NonCallableMock", "NonCallableMagicMock", "create_autospec", "spy",
    "setattr", "delattr", "object",
})  # fmt: skip
# What makes a mock of its first argument down to what its methods give, which is never a plain one
# for a coroutine; with the keywords that other mocks don't have.
AUTOSPEC = "create_autospec"
OF_AUTOSPEC: tuple[str, ...] = ("instance",)
# What an AsyncMock has for the same question; `assert_not_called` says more than `not_awaited`.
ASSERTIONS: dict[str, str] = {
    "assert_called": "assert_awaited",
    "assert_called_once": "assert_awaited_once",
    "assert_called_with": "assert_awaited_with",
    "assert_called_once_with": "assert_awaited_once_with",
    "assert_any_call": "assert_any_await",
    "assert_has_calls": "assert_has_awaits",
}
# Those that say nothing of the arguments.
PLAIN_ASSERTIONS = ("assert_called", "assert_called_once", "assert_not_called")
# Those that say which model a mocked query was made of, as far as an AsyncMock says it by itself.
ENTITY_ASSERTIONS: dict[str, str] = {
    "assert_called_with": "assert_awaited",
    "assert_called_once_with": "assert_awaited_once",
}
# What the mock of a session is one of, by a member that only that has; an empty one is any other.
MOCKED_SESSIONS: tuple[tuple[str, str], ...] = (
    ("exec", "sqlmodel.ext.asyncio.session.AsyncSession"),
    ("", "sqlalchemy.ext.asyncio.AsyncSession"),
)
BEGINNING = ("begin", "begin_nested")  # what of a session is entered
CONNECTING = ("connect", "begin")  # what an engine is entered by, which a plain mock allows
MOCKED_SPECS: frozenset[str] = frozenset({"spec", "spec_set"})
MOCKED_OVERRIDES = "dependency_overrides"
MOCK_RESULT = "return_value"
MOCK_ANSWERS: frozenset[str] = frozenset({MOCK_RESULT, "side_effect"})
QUERY_MEMBER = "query"
# What puts something in the place of a function, by the word that it is found by: how it is called,
# and whether what is replaced may be an object and the name of its attribute.
PATCHES: dict[str, tuple[str, bool]] = {
    "patch": ("patch", False),
    "object": ("patch.object", True),
    "setattr": ("monkeypatch.setattr", True),
}
# Those among pytest's own fixtures and those of pytest-mock of which calls are known.
OWN_FIXTURES: dict[str, str] = {
    "monkeypatch": "pytest.MonkeyPatch", "mocker": "pytest_mock.MockerFixture",
}  # fmt: skip
# What puts something in the place of a module's variable.
REPLACING: tuple[str, ...] = (
    "unittest.mock.patch", "unittest.mock.patch.object", "mock.patch", "mock.patch.object",
    "pytest.MonkeyPatch().setattr", "_pytest.monkeypatch.MonkeyPatch().setattr",
    "pytest_mock.MockerFixture().patch", "pytest_mock.MockerFixture().patch.object",
)  # fmt: skip
# What puts something in the place of each function that a keyword names.
PATCH_EACH = "patch.multiple"
PATCH_DEFAULT = "DEFAULT"  # a mock that it makes
# What puts something in the place of what a mapping has: all that is given, or by one key.
PATCH_ITEMS, SET_ITEM = "patch.dict", "monkeypatch.setitem"
NAMESPACE, NAMESPACE_OF = "__dict__", "vars"  # the mapping of a module's names
PATCHED: frozenset[str] = frozenset({"patch", "mock", "unittest"})  # imported names of decorators
REPLACEMENT = ("new", "new_callable", "value")


@lru_cache(maxsize=1 << 16)
def is_test_path(path: str) -> bool:
    """Is a file one of the tests, or of what they share?"""
    *folders, last = path.removesuffix(".py").split("/")
    return last == "conftest" or is_test_file(last) or not TEST_FOLDERS.isdisjoint(folders)


def is_collected(path: str) -> bool:
    """Does pytest look for fixtures in a file?"""
    last = path.removesuffix(".py").rpartition("/")[2]
    return last == "conftest" or last.startswith(TEST_FILES[0]) or last.endswith(TEST_FILES[1])


def is_test_file(name: str) -> bool:
    """Does the name of a module say that there are tests in it?"""
    return name.startswith(TEST_FILES[0]) or name.endswith(TEST_FILES[1]) or name in TEST_MODULES
