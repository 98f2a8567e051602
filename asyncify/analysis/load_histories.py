"""Histories: what commits have left behind, that a sync session would have loaded again.

    children = parent.children               # loaded
    db.add(Child(parent_id=parent.id))       # by the key: the list doesn't know of it
    db.commit()                              # a sync session expires the list here
    parent.children                          # with expire_on_commit=False: the old one

What is set through the relationship, or through its other side, is in the list by itself. So it is
noted which rows came, went or moved otherwise, and what had been loaded by the commit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from asyncify.analysis.model_bodies import Relationship
from asyncify.analysis.program import Class

Pair = tuple[Class, str]  # a relationship
Key = tuple[Any, tuple[str, ...]]  # that of an instance (`asyncify.analysis.load_states`)


@dataclass(frozen=True, slots=True)
class Write:
    """Rows of a class came (``new``), moved to others (``moved``), went (``gone``), were put into a
    collection, at its end (``put``) or elsewhere (``inserted``), or all of that, for all that is
    known (``bulk``).

    ``cls`` is None where nobody knows which; ``tables`` those that the rows refer to by keys that
    were set, None: any; ``links`` the relationships that were set. ``between`` is the table of a
    many-to-many relationship, where rows of that alone were written. ``into``: where the instances
    come from whose collection it was; ``left`` the collection that they have left, which knows.
    """

    cls: Class | None
    kind: str
    tables: frozenset[str] | None = None
    links: frozenset[str] = frozenset()
    between: str = ""
    into: Any = None
    left: Relationship | None = None


class History(NamedTuple):
    """``dirty`` are the writes since the last commit, ``past`` those before it; ``pairs`` the
    relationships, by class, that had been loaded when something of them was committed, ``distant``
    those that callees had loaded of instances that nobody need hold any more; ``read`` those, by
    instance, that have been loaded since; ``gone`` instances that were deleted; ``lent`` the
    relationships, by instance, that callees may have loaded by queries of their own, or one of two
    ways, and
    ``elsewhere`` those of which something was committed since. ``commits``: was there a commit at
    all?"""

    dirty: frozenset[Write] = frozenset()
    past: frozenset[Write] = frozenset()
    pairs: frozenset[Pair] = frozenset()
    distant: frozenset[Pair] = frozenset()
    read: frozenset[tuple[Key, str]] = frozenset()
    gone: frozenset[Key] = frozenset()
    lent: frozenset[tuple[Key, str]] = frozenset()
    elsewhere: frozenset[tuple[Key, str]] = frozenset()
    commits: bool = False

    def joined(self, other: History) -> History:
        """What may have happened on one of two ways."""
        if self is other or other is NO_HISTORY:
            return self
        if self is NO_HISTORY:
            return other
        return History(
            self.dirty | other.dirty, self.past | other.past, self.pairs | other.pairs,
            self.distant | other.distant, self.read & other.read, self.gone | other.gone,
            self.lent | other.lent, self.elsewhere | other.elsewhere,
            self.commits or other.commits,
        )  # fmt: skip

    def writing(self, write: Write) -> History:
        return self if write in self.dirty else self._replace(dirty=self.dirty | {write})

    def lending(self, pairs: set[tuple[Key, str]]) -> History:
        """Relationships that may be loaded, by instance."""
        return self if self.lent.issuperset(pairs) else self._replace(lent=self.lent | pairs)

    def forgetting(self, source: object) -> History:
        """The source gives other instances from now on."""
        if not self.read and not self.gone and not self.lent:
            return self
        return self._replace(
            read=frozenset(pair for pair in self.read if pair[0][0] is not source),
            gone=frozenset(key for key in self.gone if key[0] is not source),
            lent=frozenset(pair for pair in self.lent if pair[0][0] is not source),
            elsewhere=frozenset(pair for pair in self.elsewhere if pair[0][0] is not source),
        )

    def moved(self, own: Callable[[Key], list[Key]]) -> History:
        """A callee's history, about the caller's instances."""
        if not self.read and not self.gone and not self.lent:
            return self
        return self._replace(
            read=frozenset((key, name) for of, name in self.read for key in own(of)),
            gone=frozenset(key for of in self.gone for key in own(of)),
            lent=frozenset((key, name) for of, name in self.lent for key in own(of)),
            elsewhere=frozenset((key, name) for of, name in self.elsewhere for key in own(of)),
        )

    def narrowed(self, known: Callable[[Any], bool]) -> History:
        """Without what callers can't ask for."""
        if not self.read and not self.gone and not self.lent:
            return self
        return self._replace(
            read=frozenset(pair for pair in self.read if known(pair[0][0])),
            gone=frozenset(key for key in self.gone if known(key[0])),
            lent=frozenset(pair for pair in self.lent if known(pair[0][0])),
            elsewhere=frozenset(pair for pair in self.elsewhere if known(pair[0][0])),
        )


NO_HISTORY = History()
