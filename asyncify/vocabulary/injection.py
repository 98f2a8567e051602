"""What makes and hands in the dependencies of functions: containers, and FastAPI's ``Depends``.

https://python-dependency-injector.ets-labs.org/providers/index.html
"""

from __future__ import annotations

_KINDS = (
    "Factory", "Singleton", "ThreadSafeSingleton", "ThreadLocalSingleton",
    "ContextLocalSingleton", "Callable",
)  # fmt: skip

# What is given a class or function, and its arguments; calling the provider calls that.
PROVIDERS: frozenset[str] = frozenset(f"dependency_injector.providers.{x}" for x in _KINDS)

# How a function of FastAPI names what it is given. Those of ``params`` are the classes of which
# the others make objects.
DEPENDS: frozenset[str] = frozenset(
    f"fastapi.{module}{name}"
    for module in ("", "param_functions.", "params.") for name in ("Depends", "Security")
)  # fmt: skip

# What Litestar is given such a function in, in a dict whose keys are the names of parameters.
# https://docs.litestar.dev/2/usage/dependency-injection.html
BY_NAME, BY_NAME_MODULE = "Provide", "litestar."

# The attribute of a provider that stands for what it makes.
PROVIDED = "provided"
