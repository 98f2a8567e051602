"""Caches as modules keep them: containers, their methods, and what only looks at something."""

from __future__ import annotations

# What makes a container, by its last name. https://docs.python.org/3/library/stdtypes.html and
# https://cachetools.readthedocs.io/en/stable/
CONTAINERS = frozenset({
    "dict", "list", "set", "OrderedDict", "WeakValueDictionary",
    "TTLCache", "LRUCache", "LFUCache", "FIFOCache", "RRCache", "TLRUCache",
})  # fmt: skip

# Methods of containers.
LOOKING_UP = frozenset({"get"})
CLEARING = frozenset({"clear", "discard"})
TAKING_OUT = frozenset({"pop"})  # with a default it never raises
FILLING = frozenset({"update", "append", "add", "extend"})

# What has no effect and gives the same again, or the time.
PURE_FUNCTIONS = frozenset({
    "bool", "dict", "float", "frozenset", "hash", "int", "isinstance", "len", "list", "repr", "set",
    "sorted", "str", "tuple", "OrderedDict", "time", "monotonic",
})  # fmt: skip
PURE_METHODS = frozenset({
    "copy", "get", "isoformat", "items", "join", "keys", "lower", "monotonic", "now",
    "perf_counter", "strip", "time", "timestamp", "total_seconds", "upper", "utcnow", "values",
})  # fmt: skip
LOGGING = frozenset({"debug", "info", "log", "print"})

# Functions of tests that put something in the place of what a string names.
PATCHING = ("patch", "setattr", "delattr", "setitem")
