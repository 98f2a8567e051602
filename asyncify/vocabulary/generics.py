"""Annotations of generators and context managers, and their async counterparts."""

from __future__ import annotations

from typing import NamedTuple


class Generic(NamedTuple):
    """The async counterpart of a generic type, and how many arguments it takes."""

    new: str
    arity: int


_GENERIC_ROWS = (
    ("Generator", "AsyncGenerator", 2),
    ("Iterator", "AsyncIterator", 1),
    ("Iterable", "AsyncIterable", 1),
)

# By dotted name. The counterpart comes from the same module.
GENERICS: dict[str, Generic] = {
    **{
        f"{module}.{name}": Generic(f"{module}.{new}", arity)
        for module in ("typing", "collections.abc", "typing_extensions")
        for name, new, arity in _GENERIC_ROWS
    },
    "typing.ContextManager": Generic("typing.AsyncContextManager", 1),
    "typing_extensions.ContextManager": Generic("typing_extensions.AsyncContextManager", 1),
    "contextlib.AbstractContextManager": Generic("contextlib.AbstractAsyncContextManager", 1),
}

# Those that are entered, with what they give.
MANAGERS = frozenset(name for name in GENERICS if name.endswith("ContextManager"))
