"""Models of installed packages: what turns queries them, and nobody reads how they are mapped.

    from their_models import Order          # a package of its own
    order = db.get(Order, 1)
    order.customer.name                     # may load lazily: nothing can be told of it

One finding for each package: the relationships that have to be loaded ahead, a person has to find.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, dotted
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site

_QUERYING = {"select", "query", "get", "get_one"}
_KNOWN = sys.stdlib_module_names | {"sqlalchemy", "sqlmodel", "alembic", "builtins"}
_ADVICE = (
    "Run the tests with `asyncify.recorder` before: it writes down what they load lazily. Have "
    "options of the queries load that."
)


def packaged(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """Tell of each package whose models are queried by what turns."""
    told: set[str] = set()
    for function in sorted(coloring.turned, key=lambda fn: (fn.module.path, fn.index)):
        if _QUERYING.isdisjoint(function.facts.names):
            continue
        for index, name in _queried(colors, function):
            package = name.partition(".")[0]
            if package not in told:
                told.add(package)
                operation = function.body.operations[index]
                site = Site(function.module.path, operation[1], operation[2])
                reason = f"`{name}` is mapped in `{package}`, which isn't read: what relationships "
                reason += "of its models load lazily isn't found."
                yield finding("ASY701", site, reason, _ADVICE)


def _queried(colors: Colors, function: Function) -> Iterator[tuple[int, str]]:
    """The classes of packages that a function asks a session for, and where."""
    evaluation = colors.inference.evaluations.get(function)
    operations = function.body.operations
    for operation in operations if evaluation is not None else ():
        if not operation or operation[0] != f.CALL or not operation[6] or operation[6][0] < 0:
            continue
        if dotted(operations, operation[5]).rpartition(".")[2] not in _QUERYING:
            continue
        assert evaluation is not None
        for atom in evaluation.values[operation[6][0]] or ():
            if isinstance(atom, v.Foreign) and _is_class(atom.name):
                yield operation[6][0], atom.name


def _is_class(name: str) -> bool:
    """Does a dotted name look like that of a class of a package?"""
    owner, _, last = name.rpartition(".")
    return bool(owner) and last[:1].isupper() and owner.partition(".")[0] not in _KNOWN
