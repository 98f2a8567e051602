"""Who calls a function that is handed to a library, and may it be a coroutine function?

A function that turns async while its caller goes on calling it plainly does nothing at all, often
without a word. So each library function that takes or decorates one has a rule here; what has none
is unknown, and a function that is given to it stays sync.
"""

from __future__ import annotations

from asyncify.vocabulary.boundary_rules import Boundary, Rule
from asyncify.vocabulary.framework_functions import BOUNDARIES
from asyncify.vocabulary.framework_objects import APPLICATIONS, CONSTRUCTORS, MAKERS, METHODS

__all__ = [
    "APPLICATIONS",
    "ASYNC_DECORATING",
    "BOUNDARIES",
    "CACHE_MEMBERS",
    "CHOICES_KEYWORD",
    "CONSTRUCTORS",
    "CONTEXT",
    "CONTEXT_GETTER",
    "CONTEXT_METHOD",
    "CONTEXT_VALUE",
    "DECORATING",
    "EXECUTING",
    "MAKERS",
    "MANAGER",
    "MANAGERS",
    "METHODS",
    "NAMESPACE_DEFAULTS",
    "PASSED_ATTRIBUTE",
    "PASSING",
    "PASSING_CONTEXT",
    "PLAIN_THREADS",
    "RESOLVERS",
    "RESOLVER_CONTEXT",
    "RESOLVING",
    "RESOLVING_PLAINLY",
    "ROOTS",
    "THREAD_KEYWORDS",
    "Boundary",
    "Rule",
    "boundary",
    "constructor_boundary",
    "method_boundary",
]

# What runs a function in a thread with positional arguments: the keywords are its own.
# https://anyio.readthedocs.io/en/stable/api.html#anyio.to_thread.run_sync
PLAIN_THREADS: frozenset[str] = frozenset({"anyio.to_thread.run_sync"})

# What makes context managers of generator functions.
# https://docs.python.org/3/library/contextlib.html#contextlib.contextmanager
MANAGER = "contextlib.contextmanager"
# The classes of managers that can decorate; https://docs.python.org/3/library/contextlib.html
DECORATING, ASYNC_DECORATING = "contextlib.ContextDecorator", "contextlib.AsyncContextDecorator"
MANAGERS = frozenset({MANAGER, "contextlib.asynccontextmanager"})

# What gives a function the object that Click's context keeps for the commands, in this attribute.
# https://click.palletsprojects.com/en/stable/complex/#contexts
PASSED_ATTRIBUTE = "obj"
PASSING: frozenset[str] = frozenset({"click.pass_obj", "click.make_pass_decorator"})
PASSING_CONTEXT, CONTEXT = "click.pass_context", "click.Context"

# What argparse keeps for an attribute of the namespace: `parser.set_defaults(func=run)`.
# https://docs.python.org/3/library/argparse.html#sub-commands
NAMESPACE_DEFAULTS = "set_defaults"

# What takes a container for the words to choose from: of a dict that is its keys.
# https://docs.python.org/3/library/argparse.html#choices
CHOICES_KEYWORD = "choices"

# The decorators of resolvers, and what runs those of a schema plainly, or awaits them.
# https://strawberry.rocks/docs/types/schema
RESOLVERS = "strawberry."
RESOLVING_PLAINLY = "execute_sync"
RESOLVING = "execute"
# What resolvers read of what they are given, and whence it comes: a method of the views, a keyword
# of the routers, or a keyword of who executes. https://strawberry.rocks/docs/types/resolvers
RESOLVER_CONTEXT = ("info", "context")
CONTEXT_METHOD, CONTEXT_GETTER, CONTEXT_VALUE = "get_context", "context_getter", "context_value"
EXECUTING = frozenset({RESOLVING, RESOLVING_PLAINLY, "subscribe"})

# What the decorators of functools that keep results put on a function.
CACHE_MEMBERS = ("cache_clear", "cache_info", "cache_parameters", "__wrapped__")

# Keywords of a package that say whether a plain function runs in a thread.
# https://docs.litestar.dev/2/topics/sync-vs-async.html
THREAD_KEYWORDS: dict[str, str] = {"litestar": "sync_to_thread"}

# The packages of all these.
ROOTS: frozenset[str] = frozenset(
    name.partition(".")[0] for name in (*BOUNDARIES, *METHODS, *CONSTRUCTORS)
)


def boundary(name: str) -> Boundary | None:
    """The rule of a function or decorator by its dotted name, or None: unknown."""
    return BOUNDARIES.get(name)


def method_boundary(class_name: str, method: str) -> Boundary | None:
    """The rule of a method of a library's class, by the dotted name of the class, or None."""
    return METHODS.get(class_name, {}).get(method)


def constructor_boundary(class_name: str, keyword: str) -> Boundary | None:
    """The rule of a keyword of a library's class, or None."""
    return CONSTRUCTORS.get(class_name, {}).get(keyword)
