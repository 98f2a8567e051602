"""Which requests may expire all that a test holds on a session that it shares with the program.

    @router.post("/teams")
    def create_team(...):
        try: db.commit()
        except IntegrityError: db.rollback()     # expires what the test has made, too

What rolls back is followed up to the routes: a ``GET`` doesn't run what only a ``POST`` does.
Whatever else leads there (a dependency, a middleware) may be run by any request. One of which the
test says that it succeeds has not rolled back because of a failure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_values as s
from asyncify.analysis.colors import Colors
from asyncify.analysis.load_failures import expires_by_failing
from asyncify.analysis.program import Function
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.boundary_rules import Rule
from asyncify.vocabulary.testing import is_test_path

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation
    from asyncify.analysis.loading import Loading

ANY = "any"
_CALLS = {
    "call",
    "property",
    "iterate",
    "enter manager",
    "apply",
    "expect",
}


def expiring(loading: Loading, succeeding: bool) -> frozenset[str]:
    """The verbs of requests that may run what expires everything; `ANY` where each may.
    ``succeeding``: though they succeed."""
    if not loading.is_shared:
        return frozenset()
    return _verbs(loading.colors, [
        fn for fn in loading.coloring.turned
        if fn.facts.members & words.EXPIRING_ALL and not _is_of_tests(fn)
        and not (succeeding and expires_by_failing(fn))
    ])  # fmt: skip


def may_expire(run: LoadEvaluation, name: str, index: int) -> bool:
    """May the request that a client's method makes? What writes may redirect to what reads."""
    is_certain = index in run.body.succeeding
    verbs = run.loading.expiring_successes if is_certain else run.loading.expiring_requests
    if ANY in verbs or name not in words.VERBS:
        return bool(verbs)
    return not verbs.isdisjoint({name} | words.READING_REQUESTS)


def made(run: LoadEvaluation, callee: int, name: str) -> list[str]:
    """The verbs of the requests that a call makes: of a client's method, or of a function that the
    caller has handed in."""
    if callee in run.loading.requests.get(run.function, ()):
        return [name]
    asking = (a for a in run.values[callee] if isinstance(a, s.Asking))
    return sorted({verb for atom in asking for verb in atom.verbs})


def handed(run: LoadEvaluation, operation: f.Operation) -> dict[int, s.Value]:
    """The lambdas among the arguments of a call that only make requests: what calls them is handed
    others by its other callers."""
    if not run.loading.expiring_requests:
        return {}
    found = {}
    for argument in (*operation[6], *(index for _, index in operation[7])):
        if argument >= 0 and run.operations[argument][0] == f.LAMBDA:
            function = run.function.module.functions[run.operations[argument][5]]
            places = run.loading.requests.get(function, ())
            uses = run.loading.colors.uses.of(function) if places else ()
            if places and all(use.kind == "client" for use in uses):
                verbs = (function.body.operations[place][6] for place in places)
                found[argument] = s.one(s.Asking(frozenset(verbs)))
    return found


def _verbs(colors: Colors, functions: Iterable[Function]) -> frozenset[str]:
    """The verbs of the routes that lead to some functions. A command is run by no request."""
    pending, verbs = list(functions), set[str]()
    seen, callers = set(pending), colors.callers() if pending else {}
    while pending and ANY not in verbs:
        function = pending.pop()
        if any(d.rule is Rule.ENTRY for d in colors.bounds.decorators(function)):
            continue
        own = _routed(colors, function)
        above = callers.get(function, ())
        handed = any(u.kind not in _CALLS for caller, u in above if not _is_of_tests(caller))
        unknown = not own and (bool(colors.bounds.decorators(function)) or not above)
        verbs |= {ANY} if handed or (unknown and not _is_of_tests(function)) else own
        new = dict.fromkeys(caller for caller, _ in above if caller not in seen)
        seen.update(new)
        pending += new
    return frozenset(verbs)


def _is_of_tests(function: Function) -> bool:
    return is_test_path(function.module.path)


def _routed(colors: Colors, function: Function) -> set[str]:
    """The verbs that a function answers, if its decorators say no more than that."""
    names = [d.name.rpartition(".") for d in colors.bounds.decorators(function)]
    if not all(owner.startswith(words.ROUTING) and verb in words.VERBS for owner, _, verb in names):
        return set()
    return {verb for _, _, verb in names}
