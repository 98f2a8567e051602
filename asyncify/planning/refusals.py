"""Refusals: what a person is told of functions and components that stay sync, and why."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.program import Function
from asyncify.analysis.sides import ordered
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary import flask, wsgi
from asyncify.vocabulary.frameworks import Rule

_SOURCES = ("sessionmaker", "scoped_session", "Engine")
_LENT = "If it can give async ones, let a function of the program say so and run asyncify again."
_ADVICE = "Move the database work to a place that can await it, or name it in `sync`."
_THREAD = "Do it in a thread, `asyncio.to_thread`, or let the class have async sessions."


class Refusals:
    """The findings for what failed, for what stays apart, and for sources that can't turn."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference

    def findings(self) -> Iterator[Finding]:
        failed = ordered(self.coloring.failed)
        told: set[str] = set()
        beside = self._given_beside(failed)
        for function in failed:
            loop = self.colors.serving.get(function)
            if loop is not None and self.coloring.failed[function].reason.startswith(loop.reason):
                if loop.reason in told:
                    continue  # all that stands above an event loop stays sync for one reason
                told.add(loop.reason)
            if function in beside:
                continue
            if not self.coloring.failed[function].whole and not self._is_given_sync(function):
                others = sum(first is function for first in beside.values())
                yield self._failure(function, others)
        views = [fn for fn in failed if self.coloring.failed[fn].whole]
        if views and not self.inference.staying:
            yield self._views(views)
        yield from map(self._extension, sorted(self.inference.staying, key=_place))
        lent: dict[str, list[Function]] = {}
        for function in ordered(self.coloring.islands):
            root = self.coloring.sides.roots.get(function)
            if root is not None and root.code == "ASY106":
                lent.setdefault(root.reason, []).append(function)
            else:
                yield from self._island(function)
        yield from (self._lent(functions, reason) for reason, functions in lent.items())

    def _lent(self, functions: list[Function], reason: str) -> Finding:
        """What gets its session from a library: one finding for all that get it there."""
        first, others = functions[0], len(functions) - 1
        more = f" and {others} more stay" if others else " stays"
        text = f"`{first.qualname}`{more} sync. {reason}"
        return finding("ASY106", self._site(first), text, _LENT, self._chain(first))

    def _is_given_sync(self, function: Function) -> bool:
        """Is a hook of a library given a sync session in a program that is async throughout? Then
        it runs inside ``run_sync``, and there is nothing to do."""
        if not any(d.rule is Rule.SYNC for d in self.colors.bounds.decorators(function)):
            return False
        owners = [use.owner for use in self.colors.uses.doing_io(function)]
        given = all(isinstance(o, v.Known) and o.origin is None for o in owners)
        return bool(owners) and given and self._is_async_throughout

    @cached_property
    def _is_async_throughout(self) -> bool:
        """Are the factories and engines of the program all async, and are there any?"""
        kinds = {
            atom.kind for function, evaluation in self.inference.evaluations.items()
            if not is_alembic(function) for _, value in evaluation.objects for atom in value
            if isinstance(atom, v.Known) and atom.origin is not None
        }  # fmt: skip
        return kinds.isdisjoint(_SOURCES) and any(kind.startswith("async_") for kind in kinds)

    def _given_beside(self, failed: list[Function]) -> dict[Function, Function]:
        """What is given to the same call as another function, which is told of all of them: a
        place that takes objectives, or jobs, is one thing to mend."""
        firsts: dict[tuple[Function, int, str], Function] = {}
        beside: dict[Function, Function] = {}
        for function in failed:
            for caller, use in self.colors.callers().get(function, ()):
                if use.kind == "pass" and len(use.callees) > 1:
                    place = caller, use.operation, self.coloring.failed[function].reason
                    first = firsts.setdefault(place, function)
                    if first is not function:
                        beside.setdefault(function, beside.get(first, first))
        return beside

    def _failure(self, function: Function, given_beside: int) -> Finding:
        obstacle = self.coloring.failed[function]
        cause = self.coloring.causes.get(function)
        site = self._site(function)
        if cause is not None and function.facts.kind in ("module", "class"):
            site = Site(function.module.path, cause.line, cause.column)
        if is_alembic(function) and self._uses_what_turns(function):
            reason = f"`{function.qualname}` runs in Alembic, on an engine that turns async."
            advice = "Give Alembic a sync engine of its own, or use its async template."
            return finding("ASY203", site, reason, advice)
        chain = self._chain(function)
        members = self.staying() - 1
        others = f" {members} more functions of its component stay sync." if members > 0 else ""
        others = " Another function of its component stays sync." if members == 1 else others
        if given_beside:
            are = "s are" if given_beside > 1 else " is"
            others = f" {given_beside} more function{are} given to the same call.{others}"
        return finding(
            obstacle.code, site,
            f"`{function.qualname}` does database work ({' -> '.join(chain[1:]) or 'here'}). "
            f"{obstacle.reason}{others}",
            "" if obstacle.code == "ASY107" else _ADVICE,
            chain,
        )  # fmt: skip

    def _island(self, function: Function) -> Iterator[Finding]:
        roots = self.coloring.sides.roots
        obstacle = self.colors.obstacle(function)
        if function in roots:
            if roots[function].code:  # else it is a copy
                reason = f"`{function.qualname}` stays sync, on sync sessions of its own. "
                reason += roots[function].reason
                if function in self.coloring.sides.own:
                    reason += " So does its class: async code that calls it waits for the database."
                chain = self._chain(function)
                yield finding("ASY107", self._site(function), reason, chain=chain)
                yield from self._waiting(function)
        elif obstacle is not None and obstacle.code == "ASY107":
            reason = f"`{function.qualname}` stays sync. {obstacle.reason}"
            yield finding("ASY107", self._site(function), reason)

    def _waiting(self, root: Function) -> Iterator[Finding]:
        """The first place in each function that turns where it calls a class that stays sync: the
        event loop waits."""
        own = self.coloring.sides.own
        if root not in own or root.owner is None:
            return
        first: dict[Function, tuple[Site, Function]] = {}
        for method in (each for each in ordered(own) if each.owner is root.owner):
            for caller, use in self.colors.callers().get(method, ()):
                turns = caller in self.coloring.turned and not caller.facts.is_async
                if use.kind == "pass" or not turns:
                    continue  # a thread runs it
                site = Site(caller.module.path, use.line, use.column)
                if caller not in first or site < first[caller][0]:
                    first[caller] = site, method
        for caller, (site, method) in first.items():
            reason = f"`{method.qualname.partition(':')[2]}` does sync database I/O, and "
            reason += f"`{caller.qualname.partition(':')[2]}` turns async: the event loop "
            reason += "stands still until the database answers."
            yield finding("ASY405", site, reason, _THREAD)

    # -- WSGI

    def _views(self, views: list[Function]) -> Finding:
        """Views of Flask and the like on sessions of the program's own: one finding for all."""
        first, chain = views[0], self._chain(views[0])
        framework = wsgi.told(self.coloring.failed[first].reason)
        others = f" and {len(views) - 1} more views of {framework.name} do"
        more = others if len(views) > 1 else " does"
        reason = (
            f"`{first.qualname}`{more} database work ({' -> '.join(chain[1:]) or 'here'}). "
            f"{framework.reason}. The whole program stays sync."
        )
        return finding("ASY104", self._site(first), reason, framework.advice, chain)

    def _extension(self, origin: v.Origin) -> Finding:
        """Flask-SQLAlchemy: one finding where the extension is made."""
        function = origin.function
        place = next(
            (o for o in function.body.operations if o and o[0] == f.CALL and o[3] == origin.call),
            None,
        )
        site = Site(function.module.path, place[1], place[2]) if place else self._site(function)
        number = self.staying()
        reason = (
            f"Sessions come from Flask-SQLAlchemy here, which has no async form. {flask.REASON}: "
            f"{_counted(number)} sync, and so does every `Model.query`."
        )
        return finding("ASY104", site, reason, flask.ADVICE)

    # -- what is said of a function

    def _site(self, function: Function) -> Site:
        return Site(function.module.path, function.facts.line, function.facts.column)

    def _chain(self, function: Function) -> tuple[str, ...]:
        """The calls from what stays sync to the I/O."""
        chain = self.coloring.chain(function)
        return chain if len(chain) > 1 else self.colors.chain_down(function)

    def _uses_what_turns(self, function: Function) -> bool:
        owners = (use.owner for use in self.colors.uses.of(function))
        return any(isinstance(o, v.Known) and o.origin in self.coloring.alive for o in owners)

    def staying(self) -> int:
        """How many functions that do database work stay sync with the components that failed."""
        if not (self.coloring.failed or self.inference.staying):
            return 0
        staying = self.coloring.stays - self.coloring.entered
        return sum(
            function.facts.kind == "def" and self.colors.does_io(function) for function in staying
        )


def _counted(number: int) -> str:
    return f"{number} functions that use them stay" if number != 1 else "what uses them stays"


def _place(origin: v.Origin) -> tuple[str, int]:
    return origin.function.module.path, origin.call
