"""Planning of ``creator``: a sync function that makes the connections of an engine.

Connections of aiosqlite are made of those of SQLite, in threads of their own, so that such a
function still does. No other driver has anything like that.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.creators import KEYWORD, makes_files
from asyncify.analysis.places import MEMORY
from asyncify.analysis.program import Program
from asyncify.planning.factory_calls import FactoryCall

HELPER = "aiosqlite_creator"


def makes_connections(
    call: FactoryCall, creator: int, driver: str, line: str, program: Program
) -> bool:
    """Can the connections of an async engine be made by what is given as ``creator``? For a URL
    without a file both engines have pools that keep one connection, each in its way."""
    url, operations = call.argument(0, "url"), call.layout.operations
    if driver != "aiosqlite" or line == "1.4" or url is None:
        return False
    written = operations[url[1]]
    in_file = written[0] == f.CONSTANT and written[5] not in MEMORY
    if not in_file and call.argument(99, "poolclass") is None:
        return False
    return makes_files(program, call.function, operations, creator)


def give_creator(call: FactoryCall, helper: str) -> None:
    call.wrap.append((KEYWORD, f"{helper}({{argument}})"))
    call.rename.append((KEYWORD, "async_creator"))
