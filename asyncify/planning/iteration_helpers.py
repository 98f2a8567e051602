"""Helpers of the support module for what goes through items by ``async for``.

They hand on, one by one, what they read, as the builtin or the function of ``itertools`` does that
each stands for. What nobody else has a name for is closed (``closing``), as the garbage collector
did with a plain generator. https://docs.python.org/3/library/itertools.html
"""

from __future__ import annotations

_ITERATED = '''

async def iterated(items: Any) -> AsyncIterator[Any]:
    """The items of what one goes through by ``for`` or by ``async for``."""
    if not isinstance(items, AsyncIterable):
        for item in items:
            yield item
        return
    iterator = items.__aiter__()
    try:
        async for item in iterator:
            yield item
    finally:
        if hasattr(iterator, "aclose"):
            await iterator.aclose()
'''
_ENUMERATE = '''

async def enumerate_awaited(
    items: Any, start: int = 0, *, closing: bool = False
) -> AsyncIterator[tuple[int, Any]]:
    """``enumerate``, of what one goes through by ``async for``."""
    iterator = items.__aiter__()
    try:
        async for item in iterator:
            yield start, item
            start += 1
    finally:
        if closing and hasattr(iterator, "aclose"):
            await iterator.aclose()
'''
_ZIP = '''

async def zip_awaited(*several: Any, closing: bool = False) -> AsyncIterator[tuple[Any, ...]]:
    """``zip``, of what one goes through by ``for`` or by ``async for``."""
    iterators: list[Any] = [
        items.__aiter__() if isinstance(items, AsyncIterable) else iter(items) for items in several
    ]
    try:
        while iterators:
            found = []
            for iterator in iterators:
                awaits = hasattr(iterator, "__anext__")
                found.append(await iterator.__anext__() if awaits else next(iterator))
            yield tuple(found)
    except (StopIteration, StopAsyncIteration):
        pass
    finally:
        for iterator in iterators if closing else ():
            if hasattr(iterator, "aclose"):
                await iterator.aclose()
'''
_CHAIN = '''

async def chain_awaited(*several: Any, closing: bool = False) -> AsyncIterator[Any]:
    """``itertools.chain``, of what one goes through by ``for`` or by ``async for``."""
    for items in several:
        if not isinstance(items, AsyncIterable):
            for item in items:
                yield item
            continue
        iterator = items.__aiter__()
        try:
            async for item in iterator:
                yield item
        finally:
            if closing and hasattr(iterator, "aclose"):
                await iterator.aclose()
'''
_ISLICE = '''

async def islice_awaited(
    items: Any, *bounds: int | None, closing: bool = False
) -> AsyncIterator[Any]:
    """``itertools.islice``, of what one goes through by ``async for``."""
    wanted, number = range(sys.maxsize)[slice(*bounds)], 0
    iterator = items.__aiter__()
    try:
        if wanted.stop:
            async for item in iterator:
                if number in wanted:
                    yield item
                number += 1
                if number >= wanted.stop:
                    break
    finally:
        if closing and hasattr(iterator, "aclose"):
            await iterator.aclose()
'''
_TAKEWHILE = '''

async def takewhile_awaited(
    predicate: Callable[[Any], Any], items: Any, closing: bool = False
) -> AsyncIterator[Any]:
    """``itertools.takewhile``, of what one goes through by ``async for``."""
    iterator = items.__aiter__()
    try:
        async for item in iterator:
            if not predicate(item):
                break
            yield item
    finally:
        if closing and hasattr(iterator, "aclose"):
            await iterator.aclose()
'''
_ITERATOR = (("collections.abc", "AsyncIterator"), ("typing", "Any"))
_EITHER = (("collections.abc", "AsyncIterable"), *_ITERATOR)
TEXTS = {
    "iterated": _ITERATED,
    "enumerate_awaited": _ENUMERATE,
    "zip_awaited": _ZIP,
    "chain_awaited": _CHAIN,
    "islice_awaited": _ISLICE,
    "takewhile_awaited": _TAKEWHILE,
}
IMPORTS = {
    "iterated": _EITHER,
    "enumerate_awaited": _ITERATOR,
    "zip_awaited": _EITHER,
    "chain_awaited": _EITHER,
    "islice_awaited": (("sys", ""), *_ITERATOR),
    "takewhile_awaited": (("collections.abc", "Callable"), *_ITERATOR),
}
