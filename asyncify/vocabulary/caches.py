"""Caches as modules keep them: containers, their methods, and what only looks at something."""

from __future__ import annotations

# What makes a container, by its last name. https://docs.python.org/3/library/stdtypes.html and
# https://cachetools.readthedocs.io/en/stable/
CONTAINERS = frozenset({
    "dict", "list", "set", "OrderedDict", "WeakValueDictionary",
    "TTLCache", "LRUCache", "LFUCache", "FIFOCache", "RRCache", "TLRUCache",
})  # fmt: skip

# What keeps threads apart. https://docs.python.org/3/library/threading.html#lock-objects
LOCKS = frozenset({"Lock", "RLock"})

# Methods of containers.
LOOKING_UP = frozenset({"get"})
CLEARING = frozenset({"clear", "discard"})
TAKING_OUT = frozenset({"pop", "popitem"})  # with a default it never raises
MOVING = frozenset({"move_to_end"})
FILLING = frozenset({"update", "append", "add", "extend"})

# Methods that change what a container holds.
MUTATING = frozenset({
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem",
    "remove", "reverse", "setdefault", "sort", "update",
})  # fmt: skip

# What has no effect and gives the same again, or the time.
PURE_FUNCTIONS = frozenset({
    "bool", "dict", "float", "frozenset", "hash", "int", "isinstance", "len", "list", "repr", "set",
    "sorted", "str", "timedelta", "tuple", "OrderedDict", "time", "monotonic",
})  # fmt: skip
PURE_METHODS = frozenset({
    "copy", "endswith", "get", "isoformat", "items", "join", "keys", "lower", "monotonic", "now",
    "perf_counter", "startswith", "strip", "time", "timestamp", "total_seconds", "upper", "utcnow",
    "values",
})  # fmt: skip
LOGGING = frozenset({"debug", "info", "log", "print"})

# Functions of tests that put something in the place of what a string names.
PATCHING = ("patch", "setattr", "delattr", "setitem")
