"""Planning of sessions that are made on the bind of another one.

``db.get_bind()`` gives the sync engine, behind an async session too: ``db.bind`` is the async one,
or the async connection that the session was given.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.infer import Inference
from asyncify.analysis.kept_methods import assignment, binder, reads
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.routed_binds import routing
from asyncify.decisions import ReplaceCall
from asyncify.planning.draft import call_reference
from asyncify.planning.factory_calls import FactoryCall
from asyncify.vocabulary.special import ROUTING

_BIND = "bind"
_SYNC_BINDS = {"SyncEngine", "SyncConnection"}
_SESSIONS = {"Session", "scoped_session"}
_MADE = {"Session", "sessionmaker"}


class SessionBindPlanner:
    """Gives sessions that turn the async bind of the session that they take it from."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self._replaced: set[tuple[Function, int]] = set()

    def stays_sync(self, call: FactoryCall) -> bool:
        """Is a session, or a factory, given a sync engine or connection that can't be replaced?"""
        bind = call.argument(0, _BIND)
        evaluation = self.inference.evaluations.get(call.function)
        if bind is None or bind[1] < 0 or evaluation is None:
            return False
        kinds = {a.kind for a in evaluation.values[bind[1]] if isinstance(a, v.Known)}
        return bool(kinds & _SYNC_BINDS) and not self._give(call, *bind)

    def _give(self, call: FactoryCall, argument: int | str, index: int) -> bool:
        """``db.get_bind()``, there or in a variable that is assigned once, becomes ``db.bind``."""
        operation = call.layout.operations[index]
        if operation[0] != f.NAME:
            return self._replace(call, call.function, index)
        owner = binder(call.function, operation[5])
        statement = assignment(owner, operation[5]) if owner is not None else None
        if owner is None or statement is None:
            return False
        if all(self._makes_session(*read) for read in reads(owner, operation[5])):
            return self._replace(call, owner, statement[8])
        session = self._receiver(owner, statement[8])
        if not session or binder(call.function, session.partition(".")[0]) is not owner:
            return False
        call.wrap.append((argument, f"{session}.{_BIND}"))
        return True

    def _replace(self, call: FactoryCall, function: Function, index: int) -> bool:
        if not self._is_got(function, index):
            return False
        if (function, index) not in self._replaced:
            self._replaced.add((function, index))
            node, site = (
                call_reference(function, index),
                call.draft.site(function.body.operations[index]),
            )
            awaited = f"{{receiver}}.{_BIND}"
            edit = ReplaceCall(
                node=node, site=site, group=call.group, awaited=awaited, awaits=False
            )
            call.draft.add(edit)
        return True

    def _receiver(self, function: Function, index: int) -> str:
        """How the session is named that a bind is got from."""
        operations = function.body.operations
        is_got = self._is_got(function, index)
        return dotted(operations, operations[operations[index][5]][5]) if is_got else ""

    def _is_got(self, function: Function, index: int) -> bool:
        """``db.get_bind()`` of a session that doesn't choose: it takes what it was given."""
        operations, evaluation = function.body.operations, self.inference.evaluations.get(function)
        operation = operations[index]
        if evaluation is None or operation[0] != f.CALL or operation[6] or operation[7]:
            return False
        callee = operations[operation[5]]
        if callee[0] != f.ATTRIBUTE or callee[6] != ROUTING or any(routing(self.inference)):
            return False
        owners = evaluation.values[callee[5]]
        return any(isinstance(a, v.Known) and a.kind in _SESSIONS for a in owners)

    def _makes_session(self, function: Function, index: int) -> bool:
        """Is what a variable holds read there to make sessions on it?"""
        evaluation = self.inference.evaluations.get(function)
        for place, operation in enumerate(function.body.operations if evaluation else ()):
            if operation and operation[0] == f.CALL:
                given = (*operation[6][:1], *(i for key, i in operation[7] if key == _BIND))
                if index in given and evaluation is not None:
                    made = evaluation.values[place]
                    return any(isinstance(a, v.Known) and a.kind in _MADE for a in made)
        return False
