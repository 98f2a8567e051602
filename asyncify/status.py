"""How far a program is on its way to async, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from asyncify.findings import Finding

# What a function is for: the order of a request's way to the database.
LAYERS = ("routes", "dependencies", "services", "data access", "commands and tasks", "tests")


@dataclass(frozen=True, slots=True)
class Standing:
    """The figures of a package, of a layer, or of the whole program. Functions are those that do
    database work: ``done`` are async, ``to_do`` would turn, ``islands`` stay sync inside
    ``run_sync`` or on sync sessions of their own, ``blocked`` can't turn. ``queries`` are of the
    legacy form."""

    name: str
    done: int = 0
    to_do: int = 0
    islands: int = 0
    blocked: int = 0
    queries: int = 0
    errors: int = 0
    warnings: int = 0

    @property
    def functions(self) -> int:
        """All that do database work."""
        return self.done + self.to_do + self.islands + self.blocked


@dataclass(frozen=True, slots=True)
class Status:
    """A program: its packages and layers by name, the sum, and why it should not migrate (empty
    where nothing speaks against it). ``unread`` is what is missing in all that."""

    packages: tuple[Standing, ...] = ()
    layers: tuple[Standing, ...] = ()
    total: Standing = Standing("all")
    against: tuple[str, ...] = ()
    unread: tuple[Finding, ...] = ()


COLUMNS = tuple(field.name for field in fields(Standing))[1:]


def summed(name: str, kinds: Iterable[str]) -> Standing:
    """What a list of columns comes to, one word for each thing that counts."""
    found = dict.fromkeys(COLUMNS, 0)
    for kind in kinds:
        found[kind] += 1
    return Standing(name, **found)
