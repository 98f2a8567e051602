"""Special methods that Python calls by itself, and what they are called where they are awaited."""

from __future__ import annotations

LENGTH, CONTAINS, TRUTH, ITERATE = "__len__", "__contains__", "__bool__", "__iter__"
# By their names, those that a coroutine method may have, in the order of preference.
AWAITED_AS = {
    LENGTH: ("length", "size", "async_length"),
    CONTAINS: ("contains", "has", "async_contains"),
    TRUTH: ("is_true", "holds_any", "async_truth"),
}
# Builtins that call one.
CALLED_BY = {"len": LENGTH, "bool": TRUTH}
# What asks an object for its truth value, asks for its length where that is all it has.
ASKED_FOR_TRUTH = (TRUTH, LENGTH)
# Methods of what isn't known that go through what they are given.
READING_METHODS = frozenset({"join", "extend", "update", "extendleft"})
# Methods of unittest's classes that ask what they are given second whether it contains what they
# are given first, and what says the same of the answer; those that ask an object for nothing.
ASSERTED_IN = {"assertIn": "assertTrue", "assertNotIn": "assertFalse"}
ASKING_NOTHING = frozenset({
    "assertIs", "assertIsNot", "assertIsNone", "assertIsNotNone", "assertIsInstance",
    "assertNotIsInstance", "assertEqual", "assertNotEqual",
})  # fmt: skip
OPERATORS = {  # and the names of their methods
    "Add": "add", "BitAnd": "and", "BitOr": "or", "BitXor": "xor", "Div": "truediv",
    "FloorDiv": "floordiv", "LShift": "lshift", "MatMult": "matmul", "Mod": "mod", "Mult": "mul",
    "Pow": "pow", "RShift": "rshift", "Sub": "sub",
}  # fmt: skip
ITEM, SET_ITEM, DELETE_ITEM = "__getitem__", "__setitem__", "__delitem__"
# The method of a session by which a class of the program's own chooses the engine.
ROUTING = "get_bind"

# What Python calls by itself, other than the operators, with its library (copy, pickle, sys, os):
# https://docs.python.org/3/reference/datamodel.html#special-method-names
_PYTHONS = (
    "new", "init", "del", "repr", "str", "bytes", "format", "lt", "le", "eq", "ne", "gt", "ge",
    "hash", "bool", "getattr", "getattribute", "setattr", "delattr", "dir", "get", "set",
    "delete", "set_name", "init_subclass", "mro_entries", "prepare", "instancecheck",
    "subclasscheck", "class_getitem", "subclasshook", "call", "len", "length_hint", "getitem",
    "setitem", "delitem", "missing", "iter", "reversed", "contains", "next", "neg", "pos",
    "abs", "invert", "complex", "int", "float", "index", "round", "trunc", "floor", "ceil",
    "divmod", "rdivmod", "enter", "exit", "await", "aiter", "anext", "aenter", "aexit",
    "buffer", "release_buffer", "annotate", "copy", "deepcopy", "replace", "reduce",
    "reduce_ex", "getnewargs", "getnewargs_ex", "getstate", "setstate", "sizeof", "fspath",
    "post_init",
)  # fmt: skip
PYTHONS = frozenset(f"__{name}__" for name in _PYTHONS) | frozenset(
    f"__{prefix}{name}__" for name in OPERATORS.values() for prefix in ("", "r", "i")
)
# What libraries call of the objects that they are given, by the names or how these begin.
LIBRARIES = (
    "__json__", "__html__", "__acl__", "__rich", "__attrs_", "__get_validators__", "__pydantic_",
    "__get_pydantic_", "__array", "__arrow_", "__dataframe__", "__clause_element__", "__declare_",
    "__table", "__mapper", "__sa_", "__modify_schema__", "__conform__", "__composite_values__",
    "__repr_", "__pretty__", "__strawberry_",
)  # fmt: skip


def is_special(name: str) -> bool:
    """Is it what Python calls by itself, or a library: ``__len__``, ``__json__``? A program may
    have others of its own, and call them by their names."""
    return name.endswith("__") and (name in PYTHONS or name.startswith(LIBRARIES))
