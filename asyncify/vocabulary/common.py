"""Names of methods that say nothing of whose they are: those of Python's own objects, of
SQLAlchemy's, and of what most libraries have."""

from __future__ import annotations

import datetime
import io
import logging
import pathlib
import re
import threading
from collections import OrderedDict, deque

from asyncify.vocabulary.names import TABLES
from asyncify.vocabulary.sqlalchemy_query import QUERY

_TYPES = (
    str, bytes, bytearray, list, tuple, dict, set, frozenset, int, float, complex, type,
    memoryview, BaseException, OrderedDict, deque, io.StringIO, io.BytesIO, pathlib.Path,
    datetime.datetime, datetime.timedelta, logging.Logger, re.Pattern, re.Match, threading.Thread,
    threading.Lock().__class__, threading.Event, (lambda: (yield))().__class__,
)  # fmt: skip
_WORDS = """
    all apply ask call cancel check close connect create delete disconnect dispatch done emit
    enqueue error fetch filter find first get handle head info json last list load login logout
    main next notify open options order_by patch post process publish put query raise_for_status
    refresh register render request result run save search send shutdown start status stop submit
    subscribe text update validate wait warning write
"""
COMMON: frozenset[str] = frozenset(
    {name for each in _TYPES for name in dir(each)}
    | {row.name for table in TABLES.values() for row in table.members}
    | {row.name for row in QUERY.members}
    | set(_WORDS.split())
)
# Those that programs choose for objects of their own, too: everybody calls methods of dicts.
CHOSEN = COMMON - {name for each in (str, list, dict, set, io.StringIO) for name in dir(each)}
# What programs hang their own objects on.
NAMESPACES: tuple[str, ...] = ("flask.g.", "flask.current_app.", "flask.globals.g.")

# Attributes of classes that say by an argument whose instance, or which class, they will hold: the
# positions of a class, or of its dotted name; and whether it is an instance.
DESCRIBED: dict[str, tuple[tuple[str, ...], bool]] = {
    f"{module}.{name}": (("klass", "default_value"), is_instance)
    for module in ("traitlets", "traitlets.traitlets")
    for name, is_instance in (("Instance", True), ("Type", False))
}

# What describes a field of a class, and its arguments that make what the field has by default.
# https://docs.python.org/3/library/dataclasses.html#dataclasses.field
# https://www.attrs.org/en/stable/api.html#attrs.field
FIELD_MAKERS = (
    "dataclasses.field", "attr.ib", "attr.field", "attrs.field", "pydantic.Field", "sqlmodel.Field",
)  # fmt: skip
FACTORY_ARGUMENTS = ("default_factory", "factory")

# Attributes by which a library's object gives the function that one of its decorators was given:
# the class, and the decorators. https://github.com/modelcontextprotocol/python-sdk
REGISTERED: dict[str, tuple[str, frozenset[str]]] = {
    "fn": ("FastMCP", frozenset({"tool", "resource", "prompt"})),
    "endpoint": ("APIRouter", frozenset({"get", "post", "put", "patch", "delete"})),
}
