"""Picks: one instance of many, in a variable: ``first = users[0]``.

All instances of one place are one to the analysis. What is loaded of one that was picked isn't
loaded of the next, nor of those that a loop goes through behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asyncify.analysis import load_values as s

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

Table = dict[s.Key, frozenset[str]]


@dataclass(slots=True)
class Pick:
    """What was loaded of an instance when it was picked, and on the ways from it; what of that had
    expired when it was read."""

    loaded: Table
    expired: Table = field(default_factory=dict)


def picked(run: LoadEvaluation, value: s.Value) -> None:
    """A variable is about to hold an instance: note what is loaded if a container holds it, too."""
    keys = {atom.key for atom in value if isinstance(atom, s.Entity)}
    for held in run.environment.values() if keys else ():
        for atom in held:
            if isinstance(atom, s.Many):
                for entity in s.unordered(atom.items):
                    if entity.key in keys:
                        key, loaded = entity.key, run.state.loaded
                        known = {at: names for at, names in loaded.items() if _leads(key, at)}
                        run.picks[key] = Pick(known)


def another(run: LoadEvaluation, items: s.Value) -> None:
    """One of many is taken, after another one: what was loaded of that need not be of this one."""
    state = run.state
    for entity in s.unordered(items):
        pick = run.picks.pop(entity.key, None)
        if pick is None:
            continue
        for key, names in list(state.loaded.items()):
            kept = pick.loaded.get(key, frozenset())
            if _leads(entity.key, key) and not names <= kept:
                state.set_loaded(key, names & kept)
        for key, names in pick.expired.items():
            state.set_expired(key, names | state.expired.get(key, frozenset()))


def read_again(run: LoadEvaluation, key: s.Key, name: str) -> None:
    """An expired column has been read, of one instance."""
    for at, pick in run.picks.items():
        if _leads(at, key):
            pick.expired[key] = run.state.expired[key] | pick.expired.get(key, frozenset())
    run.state.read_again(key, name)


def _leads(start: s.Key, key: s.Key) -> bool:
    """Is it an instance, or on a way from it?"""
    return key[0] is start[0] and key[1][: len(start[1])] == start[1]
