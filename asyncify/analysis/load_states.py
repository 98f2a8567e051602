"""Load states: what of the instances is loaded at one place of a function.

States are copied at every branch and rarely changed in it: copies share their tables until one
changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from asyncify.analysis.load_histories import NO_HISTORY
from asyncify.analysis.load_values import ALL, EVERYTHING, FAILED, UNLIKE, Key, Source
from asyncify.analysis.program import Class, Function

Table = dict[Key, frozenset[str]]
_NO_NAMES: frozenset[str] = frozenset()
_EVERYTHING = frozenset((EVERYTHING,))
_MADE = ("query", "get", "new", "made")
_READ = ("query", "get")


def _is_of(key: Key, items: list[Key]) -> bool:
    """Is it one of the instances, or on a way from them?"""
    return any(key[0] == of and key[1][: len(path)] == path for of, path in items)


class State:
    """What is known at one place of a function. The tables are read by everybody, and changed by
    the methods alone.

    ``changed`` are the attributes that expire at the next flush; ``born`` the sources that were
    made or queried on the way here; ``kept`` new ones that were added to a session, ``stored``
    those that were flushed. ``flushes`` and ``expires``: did the session flush, or expire
    everything, on the way here? ``recovers``: did it so after a failure that was handled?
    ``computes`` are columns of which only the database knows the value from then on; ``renewed``
    instances of which all that was loaded before has been forgotten; ``lapsed`` those of
    which something has been, or to which others have come, since they were loaded. ``written`` are
    the classes whose rows were written on the way here, None standing for all; ``aged`` those with
    the sources that had been queried by then; ``history`` is what commits left behind. ``read``
    is what a parameter was asked for and not given since, and ``unsure`` what it was before a
    flush: a new instance keeps no empty collection. ``swept`` is what a rollback expired in this
    turn of a loop, and whether only after a failure: what the turn reads of its item again, the
    others haven't.
    """

    __slots__ = (
        "_own", "aged", "born", "changed", "computes", "expired", "expires", "flushes", "history",
        "kept", "lapsed", "loaded", "read", "recovers", "renewed", "stored", "swept", "unsure",
        "written",
    )  # fmt: skip

    def __init__(self) -> None:
        self.loaded: Table = {}
        self.expired: Table = {}
        self.changed: Table = {}
        self.born: frozenset[Source] = frozenset()
        self.kept: frozenset[Source] = frozenset()
        self.stored: frozenset[Source] = frozenset()
        self.flushes = False
        self.expires = False
        self.recovers = False
        self.computes: frozenset[tuple[Class, str]] = frozenset()
        self.renewed: frozenset[Key] = frozenset()
        self.lapsed: frozenset[Key] = frozenset()
        self.swept: frozenset[tuple[Key, bool]] = frozenset()
        self.written: frozenset[Class | None] = frozenset()
        self.aged: frozenset[tuple[Source, Class | None]] = frozenset()
        self.history = NO_HISTORY
        self.read: frozenset[tuple[Key, str]] = frozenset()
        self.unsure: frozenset[tuple[Key, str]] = frozenset()
        self._own = True  # are the tables those of this state alone?

    def copy(self) -> State:
        out = State.__new__(State)
        out.loaded, out.expired, out.changed = self.loaded, self.expired, self.changed
        out.born, out.kept, out.stored = self.born, self.kept, self.stored
        out.flushes, out.expires, out.recovers = self.flushes, self.expires, self.recovers
        out.computes, out.renewed, out.lapsed = self.computes, self.renewed, self.lapsed
        out.written, out.aged, out.history = self.written, self.aged, self.history
        out.read, out.unsure, out.swept = self.read, self.unsure, self.swept
        out._own = self._own = False
        return out

    def _change(self) -> None:
        """The tables are about to be changed."""
        if not self._own:
            self.loaded, self.expired = dict(self.loaded), dict(self.expired)
            self.changed = dict(self.changed)
            self._own = True

    def joined(self, other: State) -> State:
        """What holds on both ways: loaded is what is on each, expired what is on any."""
        out = self.copy()
        if self.loaded is not other.loaded:
            out.loaded = {
                key: self._loaded(key, other) & other._loaded(key, self)
                for key in {**self.loaded, **other.loaded}
            }
        out.expired = _united(self.expired, other.expired)
        out.changed = _united(self.changed, other.changed)
        out.born |= other.born
        out.kept |= other.kept
        out.stored |= other.stored
        out.flushes = self.flushes or other.flushes
        out.expires = self.expires or other.expires
        out.recovers = self.recovers or other.recovers
        out.computes |= other.computes
        out.renewed |= other.renewed
        out.lapsed |= other.lapsed
        if self.written is not other.written:
            out.written |= other.written
        if self.aged is not other.aged:
            out.aged |= other.aged
        out.history = self.history.joined(other.history)
        if self.loaded is not other.loaded:
            out.history = out.history.lending(_once(self.loaded, other.loaded))
        out.swept |= other.swept
        out.read |= other.read
        out.unsure |= other.unsure
        return out

    def _loaded(self, key: Key, other: State) -> frozenset[str]:
        """What is loaded here; an instance that only the other way makes is not there at all."""
        found = self.loaded.get(key)
        if found is None:
            made = key[0].kind in _MADE and key[0] not in self.born
            found = other.loaded[key] if made else _NO_NAMES
        return found

    def sweep(self, keys: Iterable[Key], failed: bool) -> None:
        """All of a session's instances expire."""
        keys = list(keys)
        self.expire(keys, failed)
        self.swept |= {(key, failed) for key in keys}

    def next_item(self, items: list[Key]) -> None:
        """A turn of a loop is over, and its item another one."""
        for failed in (True, False):
            swept = {key for key, only in self.swept if only is failed}
            self.expire({key for key in swept if _is_of(key, items)}, failed)

    def after_turns(self, skipped: State, items: list[Key]) -> State:
        """After a loop: with what its turns did to the items, and what holds without any turn."""
        out = self.joined(skipped)
        keys = {*self.loaded, *self.expired, *self.changed} if items else ()
        for key in keys:
            if _is_of(key, items):
                out.take(key, self)
        return out

    def at_return(self, other: State, mine: Iterable[Source], others: Iterable[Source]) -> State:
        """Behind returns: of what the function has made, and only one of them gives, what that one
        left of it counts."""
        out, mine, others = self.joined(other), set(mine), set(others)
        given = [(self, mine - others), (other, others - mine)] if mine != others else []
        for state, sources in given:
            own = {source for source in sources if source.kind in _MADE and source in state.born}
            for key in {*out.loaded, *out.expired, *out.changed} if own else ():
                if key[0] in own:
                    out.take(key, state)
            if own:
                gone = {key for key in out.lapsed if key[0] in own}
                out.lapsed = (out.lapsed - gone) | {k for k in state.lapsed if k[0] in own}
        return out

    def take(self, key: Key, state: State) -> None:
        """What another state knows of an instance holds."""
        self.set_loaded(key, state.loaded.get(key, _NO_NAMES))
        self.set_expired(key, state.expired.get(key, _NO_NAMES))
        self.set_changed(key, state.changed.get(key, _NO_NAMES))

    def load(self, key: Key, names: Iterable[str]) -> None:
        known = self.loaded.get(key)
        if known is None or not known.issuperset(names):
            self._change()
            self.loaded[key] = (known or _NO_NAMES).union(names)

    def set_loaded(self, key: Key, names: frozenset[str]) -> None:
        self._change()
        self.loaded[key] = names

    def set_expired(self, key: Key, names: frozenset[str]) -> None:
        self._change()
        self.expired[key] = names

    def refreshed(self, key: Key) -> None:
        """Nothing of an instance has expired any more."""
        if key in self.expired:
            self._change()
            del self.expired[key]

    def read_again(self, key: Key, name: str) -> None:
        """An expired column has been read: all that is expired is loaded at once. What may be
        expired with everything may as well not be: then the others are, still."""
        expired = self.expired[key]
        self.set_expired(key, _NO_NAMES if name in expired else expired - ALL)

    def set_changed(self, key: Key, names: frozenset[str]) -> None:
        self._change()
        self.changed[key] = names

    def is_expired(self, key: Key, name: str) -> bool:
        """Has a column to be read again? ``refresh`` of one loads that one only."""
        found = self.expired.get(key)
        if found is None:
            return False
        return name in found or (
            not ALL.isdisjoint(found) and name not in self.loaded.get(key, _NO_NAMES)
        )

    def forget(self, source: Source) -> None:
        """The source gives new instances from now on."""
        for name in ("loaded", "expired", "changed"):
            gone = [key for key in getattr(self, name) if key[0] is source]
            if gone:
                self._change()
                for key in gone:
                    del getattr(self, name)[key]
        if source in self.stored:
            self.stored -= {source}
        if self.lapsed:
            self.lapsed = frozenset(key for key in self.lapsed if key[0] is not source)
        if source not in self.born:
            self.born |= {source}
        if self.aged:
            self.aged = frozenset(pair for pair in self.aged if pair[0] is not source)
        self.history = self.history.forgetting(source)

    def forget_below(self, key: Key) -> None:
        """An instance has given up what it held, which nobody else need hold: what its
        relationships give from now on may be loaded anew, with nothing of its own."""
        source, path = key
        for at in list(self.loaded):
            if at[0] is source and len(at[1]) > len(path) and at[1][: len(path)] == path:
                self.set_loaded(at, _NO_NAMES)

    def write(self, cls: Class | None) -> None:
        """Rows of a class, or nobody knows of which, are written."""
        self.written |= {cls}
        self.aged |= {(source, cls) for source in self.born if source.kind in _READ}

    def is_stale(self, source: Source, classes: Iterable[Class]) -> bool:
        """May rows of one of these classes have been written since the source was queried?"""
        if not self.written:
            return False
        written = self.written
        if source in self.born:
            written = frozenset(cls for aged, cls in self.aged if aged is source)
        return None in written or any(
            cls in of.ancestors or of in cls.ancestors
            for cls in written if cls is not None for of in classes
        )  # fmt: skip

    def follow(self, old: Source, new: Source) -> None:
        """What is known of the instances of one source is that of another's."""
        self._change()
        for table in (self.loaded, self.expired, self.changed):
            table.update({(new, key[1]): names for key, names in table.items() if key[0] is old})
        self.kept |= {new} if old in self.kept else frozenset()
        self.stored |= {new} if old in self.stored else frozenset()
        self.lapse((new, path) for source, path in self.lapsed if source is old)
        self.aged |= {(new, cls) for source, cls in self.aged if source is old}

    def flush(self) -> None:
        self.flushes = True
        self.stored |= self.kept
        if self.read:
            self.unsure |= self.read
            self.read = frozenset()
        if self.changed:
            self._change()
            self.expired = _united(self.expired, self.changed)
            self.changed = {}

    def expire(self, keys: Iterable[Key], failed: bool = False) -> None:
        self._change()
        keys = list(keys)
        self.lapse(keys)
        for key in keys:
            known = self.expired.get(key, _NO_NAMES)
            self.expired[key] = known | {FAILED} if failed else _EVERYTHING
            self.loaded[key] = _NO_NAMES

    def lapse(self, keys: Iterable[Key]) -> None:
        """What options have loaded of these instances may be gone."""
        lapsed = self.lapsed.union(keys)
        if len(lapsed) > len(self.lapsed):
            self.lapsed = lapsed

    def has_lapsed(self, key: Key) -> bool:
        """Has an instance, or one on the way to it?"""
        source, path = key
        return any(of is source and path[: len(start)] == start for of, start in self.lapsed)

    def put(self, key: Key, others: list[Key]) -> None:
        """A relationship is given other instances: what is loaded of all of them is loaded."""
        if others:
            known = [self.loaded.get(other, _NO_NAMES) for other in others]
            self.set_loaded(key, known[0].intersection(*known))
            self._change_with(key, others)

    def mix(self, key: Key, others: Iterable[Key]) -> None:
        """Other instances come to those of a collection: only what is loaded of all is loaded."""
        known = self.loaded.get(key, _NO_NAMES)
        for other in others:
            if other != key:
                self.lapse((key,))
                known &= self.loaded.get(other, _NO_NAMES)
        self.set_loaded(key, known)
        self._change_with(key, others)

    def _change_with(self, key: Key, others: Iterable[Key]) -> None:
        """What others are set to that the database turns is read where they have been put."""
        names = {name for other in others for name in self.changed.get(other, _NO_NAMES)}
        turned = frozenset(name for name in names if name.startswith(UNLIKE))
        known = self.changed.get(key, _NO_NAMES)
        if not known.issuperset(turned):
            self.set_changed(key, known | turned)

    def narrowed(self, sources: set[Source], function: Function) -> State:
        """The state without what the callers of the function can't ask for: they know instances
        of those sources, and what they have given."""

        def known(source: Source) -> bool:
            return source in sources or (source.kind == "given" and source.function is function)

        out = State()
        out.loaded = {key: names for key, names in self.loaded.items() if known(key[0])}
        out.expired = {key: names for key, names in self.expired.items() if known(key[0])}
        if self.changed:
            out.changed = {key: names for key, names in self.changed.items() if known(key[0])}
        out.born = frozenset(source for source in self.born if source in sources)
        out.kept = frozenset(source for source in self.kept if known(source))
        out.stored = frozenset(source for source in self.stored if known(source))
        out.renewed = frozenset(key for key in self.renewed if known(key[0]))
        out.lapsed = frozenset(key for key in self.lapsed if known(key[0]))
        out.flushes, out.expires, out.recovers = self.flushes, self.expires, self.recovers
        out.computes, out.written = self.computes, self.written
        out.aged = frozenset(pair for pair in self.aged if pair[0] in sources)
        out.history = self.history.narrowed(known)
        return out


def _united(one: Table, other: Table) -> Table:
    if one is other or not other:
        return one
    out = dict(one)
    for key, names in other.items():
        known = out.get(key)
        out[key] = known | names if known else names
    return out


def _once(
    one: Mapping[Key, frozenset[str]], other: Mapping[Key, frozenset[str]]
) -> set[tuple[Key, str]]:
    """What is loaded on one of two ways: behind them it may be."""
    return {
        (key, name) for key in {**one, **other}
        for name in one.get(key, _NO_NAMES) ^ other.get(key, _NO_NAMES)
    }  # fmt: skip
