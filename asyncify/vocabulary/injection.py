"""What makes and hands in the dependencies of functions: containers, and FastAPI's ``Depends``.

https://python-dependency-injector.ets-labs.org/providers/index.html
"""

from __future__ import annotations

_KINDS = (
    "Factory", "Singleton", "ThreadSafeSingleton", "ThreadLocalSingleton",
    "ContextLocalSingleton", "Callable",
)  # fmt: skip

# What is given a class or function, and its arguments; calling the provider calls that.
# What others are given, they only hand on.
PROVIDING = "dependency_injector.providers."
PROVIDERS: frozenset[str] = frozenset(f"{PROVIDING}{x}" for x in _KINDS)

# How a function of FastAPI names what it is given. Those of ``params`` are the classes of which
# the others make objects.
DEPENDS: frozenset[str] = frozenset(
    f"fastapi.{module}{name}"
    for module in ("", "param_functions.", "params.") for name in ("Depends", "Security")
)  # fmt: skip

# What Litestar is given such a function in, in a dict whose keys are the names of parameters.
# https://docs.litestar.dev/2/usage/dependency-injection.html
BY_NAME, BY_NAME_MODULE = "Provide", "litestar."

# Libraries whose annotations of this name say what their containers give: `FromDishka[Users]`.
# https://dishka.readthedocs.io/en/stable/integrations/fastapi.html
# https://maldoinc.github.io/wireup/latest/
_GIVING = {"FromDishka": ("dishka.",), "Injected": ("wireup.", "aioinject.")}

# The class of routes that call what is injected into without awaiting it, and its other half.
ROUTE_CLASS = "route_class"
PLAIN_ROUTES: frozenset[str] = frozenset({"dishka.integrations.fastapi.DishkaSyncRoute"})

# What makes a container that awaits nothing; one that is made otherwise awaits its providers.
PROVIDE, PLAIN_CONTAINER = "dishka.provide", "make_container"


def is_given(name: str) -> bool:
    """Is it an annotation that holds what a container gives?"""
    owner, _, last = name.rpartition(".")
    return last in _GIVING and f"{owner}.".startswith(_GIVING[last])


# The attribute of a provider that stands for what it makes.
PROVIDED = "provided"
