"""Attributes that are read after a commit has expired them: the read can't load, and raises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Class, Function, dotted
from asyncify.analysis.uses import Use
from asyncify.findings import Finding
from asyncify.planning.misuse_rows import selected_class
from asyncify.planning.misuse_view import View, assigned, end_of, targets, value_of
from asyncify.rules import finding
from asyncify.vocabulary.loading import VALIDATING
from asyncify.vocabulary.names import KINDS
from asyncify.vocabulary.tasks import BEGINNING, COMMITTING, EXPIRE_OPTION, FORGETTING, SERIALIZING

_FACTORIES = ("sessionmaker", "async_sessionmaker")
_STRAIGHT = frozenset({f.WITH, f.TRY})
_ADVICE = f"Make sessions with `{EXPIRE_OPTION}=False`, or refresh it first."


class Commit(NamedTuple):
    """A commit: the operation behind which it is done, and the line that asks for it."""

    function: Function
    operation: int
    line: int


class Expiry:
    """Reads of mapped attributes behind a commit, where the factory leaves expiry on."""

    def __init__(self, colors: Colors) -> None:
        self.colors = colors
        self.models = colors.inference.models
        self._expiring: dict[v.Origin, bool] = {}
        self._by_hand: bool | None = None

    def of(self, view: View) -> Iterator[Finding]:
        if not view.function.facts.is_async or view.function.facts.names.isdisjoint(
            COMMITTING | BEGINNING
        ):
            return
        for commit in self._commits(view):
            yield from self._reads(view, commit)
            if self._returns(view, commit):
                yield from self._reads_of_callers(commit)
            yield from self._read_by_others(view, commit)

    def _commits(self, view: View) -> Iterator[Commit]:
        """The commits of sessions that expire what they hold, at the ends of blocks too."""
        function, operations = view.function, view.operations
        for use in self.colors.uses.of(function):
            commits = use.kind == "member" and use.is_async and use.name in COMMITTING
            is_run = commits and view.layout.is_awaited(use.operation)
            if is_run and self._expires(view, use.operation):
                yield Commit(function, use.operation, use.line)
        for statement in view.layout.statements:
            for entered, _ in statement[7] if statement[0] == f.WITH and statement[9] else ():
                callee = (
                    operations[operations[entered][5]] if operations[entered][0] == f.CALL else ()
                )
                begins = bool(callee) and callee[0] == f.ATTRIBUTE and callee[6] in BEGINNING
                if begins and self._expires(view, entered):
                    yield Commit(function, end_of(statement) - 1, operations[entered][1])

    def _read_by_others(self, view: View, commit: Commit) -> Iterator[Finding]:
        """What a route returns for a response model, and what a schema is filled from."""
        for value, reader in (*self._responses(view), *_validated(view)):
            operation = view.operations[value]
            if operation[0] != f.NAME or not self._classes(view, value):
                continue
            if self._is_expired(view, commit.operation, value, operation[5]):
                reason = (
                    f"`{operation[5]}` has expired with the commit in line {commit.line}: {reader} "
                    "reads its attributes, which would have to load them, and raises."
                )
                yield finding("ASY411", view.site(value), reason, _ADVICE)

    def _responses(self, view: View) -> Iterator[tuple[int, str]]:
        decorators = self.colors.bounds.decorators(view.function)
        if any(d.name.startswith(SERIALIZING) for d in decorators):
            for statement in view.layout.statements:
                if statement[0] == f.RETURN and statement[7] >= 0:
                    yield statement[7], "the response"

    def _reads(self, view: View, commit: Commit) -> Iterator[Finding]:
        """The first read of each variable that holds what was in the session."""
        seen: set[str] = set()
        for index in range(commit.operation + 1, len(view.operations)):
            operation = view.operations[index]
            if not operation or operation[0] != f.ATTRIBUTE:
                continue
            base = view.operations[operation[5]]
            if base[0] != f.NAME or base[5] in seen or not self._is_column(view, operation):
                continue
            if not self._is_expired(view, commit.operation, operation[5], base[5]):
                continue
            seen.add(base[5])
            reason = (
                f"`{base[5]}` has expired with the commit in line {commit.line}: reading "
                f"`{operation[6]}` would have to load it, and raises."
            )
            yield finding("ASY411", view.site(index), reason, _ADVICE)

    def _returns(self, view: View, commit: Commit) -> bool:
        """Does a function return what has expired with its commit?"""
        values = [s[7] for s in view.layout.statements if s[0] == f.RETURN and s[7] >= 0]
        return any(
            view.operations[value][0] == f.NAME
            and not _awaits(view, commit.operation, value)
            and self._is_expired(view, commit.operation, value, view.operations[value][5])
            for value in values
        )

    def _reads_of_callers(self, commit: Commit) -> Iterator[Finding]:
        """The first read in each function that awaits one which returns what has expired."""
        function = commit.function
        for caller, use in self.colors.callers().get(function, ()):
            if use.kind != "call" or set(use.callees) != {function} or caller == function:
                continue
            view = View(self.colors, caller)
            statement = view.layout.statement(use.operation)
            awaited = view.layout.is_awaited(use.operation)
            if statement is None or statement[0] != f.ASSIGN or not awaited:
                continue
            if statement[8] != view.layout.parent(use.operation):
                continue
            for name in (t[1] for t in statement[7] if t[0] == f.TO_NAME):
                yield from self._read_behind(view, use, name, commit)

    def _read_behind(self, view: View, call: Use, name: str, commit: Commit) -> Iterator[Finding]:
        for index in range(call.operation + 1, len(view.operations)):
            operation = view.operations[index]
            if not operation:
                continue
            if operation[0] == f.CALL and any(
                dotted(view.operations, i) == name for i in view.arguments(operation)
            ):
                return  # refreshed, merged, or looked at by somebody
            base = view.operations[operation[5]] if operation[0] == f.ATTRIBUTE else ()
            if not base or base[0] != f.NAME or base[5] != name:
                continue
            is_read = self._is_column(view, operation) and not _awaits(view, call.operation, index)
            if is_read and view.follows(call.operation, index, _STRAIGHT):
                reason = (
                    f"`{name}` has expired with the commit of `{commit.function.name}` (line "
                    f"{commit.line}): reading `{operation[6]}` would have to load it, and raises."
                )
                yield finding("ASY411", view.site(index), reason, _ADVICE)
            return

    def _is_column(self, view: View, operation: f.Operation) -> bool:
        classes = self._classes(view, operation[5])
        return bool(classes) and all(operation[6] in self.models.attributes(c) for c in classes)

    def _classes(self, view: View, index: int) -> list[Class]:
        """The mapped classes that something is of; empty where it may be anything else."""
        classes = [a.cls for a in view.values[index] if isinstance(a, v.Instance)]
        operation = view.operations[index]
        if not classes and operation[0] == f.NAME and operation[5] in view.function.facts.bound:
            selected = selected_class(view, operation[5])
            classes = [selected] if selected is not None else []
        return classes if all(map(self.models.is_mapped, classes)) else []

    def _is_expired(self, view: View, commit: int, read: int, name: str) -> bool:
        """Was it in the session at the commit, and nothing done to it since?"""
        if not view.follows(commit, read, _STRAIGHT):
            return False
        inside, forgotten = False, False
        for index in range(read):
            operation = view.operations[index]
            if not operation or operation[0] != f.CALL:
                continue
            given = any(dotted(view.operations, i) == name for i in view.arguments(operation))
            if given and index > commit:
                return False  # refreshed, merged, or looked at by somebody
            if given and self._of_session(view, operation):
                forgotten = view.operations[operation[5]][6] in FORGETTING
                inside = not forgotten
        return not forgotten and self._is_bound_before(view, commit, read, name, inside)

    def _of_session(self, view: View, operation: f.Operation) -> bool:
        """Is it the call of a method of an async session?"""
        return any(
            isinstance(a, v.KnownMethod) and isinstance(a.owner, v.Known)
            and a.owner.kind.startswith("Async")
            for a in view.values[operation[5]]
        )  # fmt: skip

    def _is_bound_before(self, view: View, commit: int, read: int, name: str, inside: bool) -> bool:
        """Is the variable bound before the commit only, to what comes from a session or was given
        to one (``inside``)?"""
        for statement in view.layout.statements:
            names = {t[1] for t in assigned(statement) if t[0] == f.TO_NAME}
            if name not in names:
                continue
            if statement[4] > commit:
                if statement[4] < read:
                    return False
                continue
            value = value_of(statement)
            calls = view.layout.subtree(value) if value >= 0 else set()
            loaded = any(
                view.operations[i] and view.operations[i][0] == f.CALL
                and (self._of_session(view, view.operations[i]) or self._adds(view, i))
                for i in calls
            )  # fmt: skip
            inside = inside or loaded or selected_class(view, name) is not None
        return inside

    def _adds(self, view: View, call: int) -> bool:
        """Is it an awaited function of the program that returns what it gave to its session?"""
        callees = view.values[view.operations[call][5]]
        functions = [a.function for a in callees if isinstance(a, v.FunctionObject)]
        if len(functions) != 1 or not view.layout.is_awaited(call):
            return False
        if functions[0] not in self.colors.inference.evaluations:
            return False
        inner = View(self.colors, functions[0])
        given = {
            dotted(inner.operations, i) for _, operation in inner.calls()
            if self._of_session(inner, operation) for i in inner.arguments(operation)
        }  # fmt: skip
        returned = [s[7] for s in inner.layout.statements if s[0] == f.RETURN and s[7] >= 0]
        return bool(returned) and all(dotted(inner.operations, i) in given for i in returned)

    # -- factories

    def _expires(self, view: View, call: int) -> bool:
        """Do all sessions whose method is called come from factories that leave expiry on?"""
        callee = view.operations[view.operations[call][5]]
        if callee[0] != f.ATTRIBUTE:
            return False  # a method that was given a name
        made = self._made_here(view, callee[5])
        if made is not None:
            return not self._is_chosen_elsewhere() and _leaves_default(made)
        known = [a for a in view.values[callee[5]] if isinstance(a, v.Known)]
        return bool(known) and all(a.origin and self._leaves_on(a.origin) for a in known)

    def _made_here(self, view: View, index: int) -> f.Operation | None:
        """The call that makes a session without a factory: `AsyncSession(engine)`."""
        name = dotted(view.operations, index)
        bound = [
            value for statement in view.layout.statements if statement[0] == f.WITH
            for value, target in statement[7] if target is not None and name in targets(target)
        ]  # fmt: skip
        made = bound[0] if len(bound) == 1 else view.assigned_to(name)
        operation = view.operations[made] if made >= 0 else ()
        is_call = bool(operation) and operation[0] == f.CALL
        is_session = is_call and KINDS.get(view.foreign(operation[5])) == "AsyncSession"
        return operation if is_session else None

    def _leaves_on(self, origin: v.Origin) -> bool:
        if origin not in self._expiring:
            self._expiring[origin] = not self._is_chosen_elsewhere() and self._is_on(origin)
        return self._expiring[origin]

    def _is_on(self, origin: v.Origin) -> bool:
        if origin.function not in self.colors.inference.evaluations:
            return False
        view = View(self.colors, origin.function)
        for _, operation in view.calls():
            if operation[3] == origin.call and KINDS.get(view.foreign(operation[5])) in _FACTORIES:
                given = dict(operation[7])
                if None in given or any(i < 0 for i in operation[6]):
                    return False
                chosen = given.get(EXPIRE_OPTION)
                if chosen is not None:
                    return view.operations[chosen][:1] == (f.CONSTANT,) and (
                        view.operations[chosen][5] is True
                    )
                own = given.get("class_")
                return own is None or KINDS.get(view.foreign(own)) == "AsyncSession"
        return False

    def _is_chosen_elsewhere(self) -> bool:
        """Is the option given anywhere but to a factory: to a session, or to `configure`?"""
        if self._by_hand is None:
            self._by_hand = any(
                any(name == EXPIRE_OPTION for name, _ in operation[7])
                and not KINDS.get(view.foreign(operation[5]))
                for function in self.colors.program.mentioning(EXPIRE_OPTION)
                if function in self.colors.inference.evaluations
                for view in (View(self.colors, function),) for _, operation in view.calls()
            )  # fmt: skip
        return self._by_hand


def _leaves_default(operation: f.Operation) -> bool:
    """Is a session made without a word of expiry, and of options that aren't seen?"""
    return not {None, EXPIRE_OPTION} & {name for name, _ in operation[7]}


def _validated(view: View) -> Iterator[tuple[int, str]]:
    for _, operation in view.calls():
        callee = view.operations[operation[5]]
        if (
            callee[0] == f.ATTRIBUTE
            and callee[6] in VALIDATING
            and min(operation[6], default=-1) >= 0
        ):
            yield operation[6][0], f"`{callee[6]}`"


def _awaits(view: View, call: int, later: int) -> bool:
    """Is anything awaited between a call that is itself, and an operation behind it? That may have
    loaded the object again."""
    own = view.layout.parent(call)
    between = range(call + 1, later)
    return any(
        index != own and view.operations[index] and view.operations[index][0] == f.AWAIT
        for index in between
    )
