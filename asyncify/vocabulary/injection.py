"""Containers of dependencies, which make objects of the program's classes.

https://python-dependency-injector.ets-labs.org/providers/index.html
"""

from __future__ import annotations

_KINDS = (
    "Factory", "Singleton", "ThreadSafeSingleton", "ThreadLocalSingleton",
    "ContextLocalSingleton", "Callable",
)  # fmt: skip

# What is given a class or function, and its arguments; calling the provider calls that.
PROVIDERS: frozenset[str] = frozenset(f"dependency_injector.providers.{x}" for x in _KINDS)

# The attribute of a provider that stands for what it makes.
PROVIDED = "provided"
