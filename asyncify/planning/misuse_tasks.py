"""Sessions in the hands of several tasks, or of what runs when their request is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, dotted
from asyncify.findings import Finding
from asyncify.planning.misuse_view import View, bound_in, end_of, targets
from asyncify.rules import finding
from asyncify.vocabulary import tasks as words
from asyncify.vocabulary.awaitables import COROUTINE_MEMBERS, KEEPING_NAMES

_SESSIONS = words.OF_ONE_TASK | {"Session"}
_DEEP = 4  # objects in objects
_OF_GROUPS = {
    name.rpartition(".")[2]
    for names in (
        words.TOGETHER, words.STARTING, words.STARTING_FUNCTIONS, words.AFTERWARDS, words.STREAMING
    )
    for name in names if "()." in name
}  # fmt: skip
_ADVICE = "Give every task a session of its own, or await one after the other."


class Tasks:
    """Follows sessions into what runs at another time."""

    def __init__(self, colors: Colors) -> None:
        self.colors = colors

    def of(self, view: View) -> Iterator[Finding]:
        for index, operation in view.calls():
            name = view.foreign(operation[5]) or self._of_group(view, operation)
            if not name:
                continue
            if name in words.TOGETHER:
                yield from self._together(view, index, operation)
            elif name in words.STARTING or name in words.STARTING_FUNCTIONS:
                yield from self._started(view, index, operation, name)
            elif name in words.AFTERWARDS:
                yield from self._afterwards(view, index, operation)
            elif name in words.STREAMING:
                yield from self._streamed(view, index, operation)

    # -- at the same time

    def _together(self, view: View, index: int, operation: f.Operation) -> Iterator[Finding]:
        used: Counter[str] = Counter()
        for argument in operation[6]:
            for call, repeated in self._coroutines(view, argument):
                for session in self._sessions(view, call):
                    used[session] += 2 if repeated(session) else 1
        shared = sorted(session for session, times in used.items() if times > 1)
        if shared:
            reason = f"Tasks that run at the same time share the session `{shared[0]}`."
            yield finding("ASY408", view.site(index), reason, _ADVICE)

    def _coroutines(self, view: View, argument: int) -> Iterator[tuple[int, _Repeats]]:
        """The calls that make the coroutines of an argument, and whether each is made often."""
        index = argument if argument >= 0 else ~argument
        operation = view.operations[index]
        if operation[0] == f.CALL and (argument >= 0 or self._is_map(view, operation)):
            yield index, _Repeats(frozenset(), argument < 0)
        elif operation[0] == f.COMPREHENSION:
            names = frozenset(name for g in operation[8] for name in targets(g[0]))
            for element in operation[10]:
                yield element, _Repeats(names, True)
        elif operation[0] == f.SEQUENCE:
            for part in operation[6]:
                yield from self._coroutines(view, part)
        elif operation[0] == f.NAME:
            yield from self._collected(view, operation[5], argument < 0)

    def _is_map(self, view: View, operation: f.Operation) -> bool:
        return dotted(view.operations, operation[5]) == "map" and bool(operation[6])

    def _collected(self, view: View, name: str, unpacked: bool) -> Iterator[tuple[int, _Repeats]]:
        """The coroutine that a variable holds, or what its list of coroutines was filled with."""
        single = -1  # of several that branches make, one is there
        for statement in view.layout.statements:
            if statement[0] == f.ASSIGN and any(
                t[0] == f.TO_NAME and t[1] == name for t in statement[7]
            ):
                value = view.operations[statement[8]]
                if value[0] in (f.COMPREHENSION, f.SEQUENCE):
                    yield from self._coroutines(view, statement[8])
                elif value[0] == f.CALL and not unpacked:
                    single = statement[8]
        if single >= 0:
            yield from self._coroutines(view, single)
        for index, operation in view.calls():
            callee = view.operations[operation[5]]
            kept = callee[0] == f.ATTRIBUTE and callee[6] in KEEPING_NAMES
            if kept and dotted(view.operations, callee[5]) == name and operation[6]:
                loop = self._loop(view, index)
                names = bound_in(loop) if loop is not None else set()
                if operation[6][-1] >= 0 and view.operations[operation[6][-1]][0] == f.CALL:
                    yield operation[6][-1], _Repeats(frozenset(names), loop is not None)

    def _loop(self, view: View, index: int) -> f.Statement | None:
        """The outermost loop around an operation."""
        path = view.path(view.layout.statement(index))[:-1]
        return next((s for s in path if s[0] in (f.FOR, f.WHILE)), None)

    def _started(
        self, view: View, index: int, operation: f.Operation, name: str
    ) -> Iterator[Finding]:
        if view.layout.is_awaited(index) or not operation[6] or operation[6][0] < 0:
            return
        call = operation[6][0]
        if name in words.STARTING_FUNCTIONS:
            sessions = self._given(view, operation) | self._of_function(view, call)
        elif view.operations[call][0] == f.CALL:
            sessions = self._sessions(view, call)
        else:
            return
        for session in sorted(sessions):
            if self._is_repeated(view, index, session) or self._is_used_beside(
                view, index, operation, session
            ):
                reason = f"This task shares the session `{session}` with what runs beside it."
                yield finding("ASY408", view.site(index), reason, _ADVICE)
                return
        if view.layout.is_statement(index) and "()." not in name:  # a group waits for its tasks
            for session in sorted(self._of_request(view, index, sessions)):
                reason = (
                    f"A task that nobody waits for gets the session `{session}` of the request."
                )
                yield self._outlives(view, index, reason)
                return

    def _is_repeated(self, view: View, index: int, session: str) -> bool:
        """Are many tasks started with the session, without waiting for each?"""
        root = session.partition(".")[0]
        for comprehension in view.layout.enclosing(index):
            if not any(root in targets(g[0]) for g in comprehension[8]):
                return True
        loop = self._loop(view, index)
        if loop is None or root in bound_in(loop):
            return False
        return self._awaited_at(view, index) < 0

    def _is_used_beside(self, view: View, index: int, operation: f.Operation, session: str) -> bool:
        """Is the session used again before somebody waits for the task?"""
        end = self._awaited_at(view, index)
        end = min(x for x in (end, self._group_end(view, operation), 1 << 30) if x >= 0)
        inside = view.layout.subtree(index)
        for later in range(index + 1, min(end, len(view.operations))):
            op = view.operations[later]
            named = op and later not in inside and dotted(view.operations, later) == session
            if named and self._does_io(view, later) and view.follows(index, later):
                return True
        return False

    def _does_io(self, view: View, index: int) -> bool:
        """Is the session here given on to something awaited, or used for I/O itself?"""
        above = view.layout.parent(index)
        while above >= 0 and view.operations[above][0] in (f.ATTRIBUTE, f.CALL):
            if view.operations[above][0] == f.CALL:
                called = view.operations[above]
                name = view.foreign(called[5]) or self._of_group(view, called)
                if view.layout.is_awaited(above) or name in words.STARTING:
                    return True
            above = view.layout.parent(above)
        return False

    def _awaited_at(self, view: View, index: int) -> int:
        """Where the name that a task got is mentioned next, other than to be kept, or -1."""
        statement = view.layout.statement(index)
        if statement is None or statement[0] != f.ASSIGN or statement[8] != index:
            return -1
        names = set().union(*(targets(target) for target in statement[7]))
        for later in range(index + 1, len(view.operations)):
            op = view.operations[later]
            if op and op[0] == f.NAME and op[5] in names and not self._is_kept(view.layout, later):
                return later
        return -1

    def _is_kept(self, layout: Layout, index: int) -> bool:
        parent = layout.parent(index)
        above = layout.operations[parent] if parent >= 0 else ()
        if not above:
            return False
        if above[0] == f.ATTRIBUTE:
            return above[6] in COROUTINE_MEMBERS
        callee = layout.operations[above[5]] if above[0] == f.CALL else ()
        return bool(callee and callee[0] == f.ATTRIBUTE and callee[6] in KEEPING_NAMES)

    def _group(self, view: View, operation: f.Operation) -> tuple[int, f.Statement | None]:
        """The group of tasks whose method a call is: what is entered, and where."""
        callee = view.operations[operation[5]]
        name = dotted(view.operations, callee[5]) if callee[0] == f.ATTRIBUTE else ""
        for statement in reversed(view.layout.statements if name else []):
            for value, target in statement[7] if statement[0] == f.WITH else ():
                if target is not None and name in targets(target):
                    return value, statement
        return -1, None

    def _of_group(self, view: View, operation: f.Operation) -> str:
        """The whole name of a method of a group of tasks."""
        callee = view.operations[operation[5]]
        if callee[0] != f.ATTRIBUTE or callee[6] not in _OF_GROUPS:
            return ""
        value, _ = self._group(view, operation)
        made = view.values[value] if value >= 0 else v.UNKNOWN
        name = next((a.name for a in made if isinstance(a, v.ForeignInstance)), "")
        return f"{name}().{view.operations[operation[5]][6]}" if name else ""

    def _group_end(self, view: View, operation: f.Operation) -> int:
        """Behind the last operation of the block whose group of tasks a call starts one in."""
        _, statement = self._group(view, operation)
        return end_of(statement) if statement is not None else -1

    # -- afterwards

    def _afterwards(self, view: View, index: int, operation: f.Operation) -> Iterator[Finding]:
        sessions = self._given(view, operation)
        if operation[6] and operation[6][0] >= 0:
            sessions |= self._of_function(view, operation[6][0])
        for session in sorted(self._of_request(view, index, sessions)):
            reason = f"A background task gets the session `{session}` of the request."
            yield self._outlives(view, index, reason)
            return

    def _streamed(self, view: View, index: int, operation: f.Operation) -> Iterator[Finding]:
        content = [i for name, i in operation[7] if name == "content"]
        content += [i for i in operation[6][:1] if i >= 0]
        for given in content:
            if view.operations[given][0] != f.CALL:
                continue
            for session in sorted(self._of_request(view, index, self._sessions(view, given))):
                reason = f"A response is streamed with the session `{session}` of the request."
                yield self._outlives(view, index, reason)
                return

    def _outlives(self, view: View, index: int, reason: str) -> Finding:
        reason += " It runs after the route has returned, when the session may be closed."
        return finding("ASY409", view.site(index), reason, "Let it open a session of its own.")

    def _of_request(self, view: View, index: int, sessions: set[str]) -> set[str]:
        """Those that end with the function, or with what called it."""
        parameters = {p.name for p in view.function.signature.parameters}
        if self.colors.bounds.is_route(view.function):
            parameters |= {s for s in sessions if self._is_lent(view, s, parameters)}
        entered: set[str] = set()
        for statement in view.path(view.layout.statement(index)):
            if statement[0] == f.WITH:
                entered |= {n for _, t in statement[7] if t is not None for n in targets(t)}
        return sessions & (parameters | entered)

    def _is_lent(self, view: View, session: str, parameters: set[str]) -> bool:
        """Is it the session of an object that the route is given, which was made with it:
        ``service.session`` of ``Service(db)``?"""
        holder, _, member = session.partition(".")
        if not member or holder not in parameters:
            return False
        evaluations = self.colors.inference.evaluations
        held = evaluations[view.function].environment.get(holder, ())
        classes = [atom.cls for atom in held if isinstance(atom, v.Instance)]
        makers = [cls.find("__init__") for cls in classes]
        return bool(makers) and all(
            maker in evaluations and any(
                isinstance(atom, v.Known) and atom.kind in _SESSIONS
                for parameter in maker.signature.parameters
                for atom in evaluations[maker].environment.get(parameter.name, ())
            )
            for maker in makers
        )  # fmt: skip

    # -- which sessions

    def _of_function(self, view: View, index: int) -> set[str]:
        """The sessions that a function works with which stands here to be called: it is inside of
        this one, or a method, or a `partial` of either."""
        operation = view.operations[index] if index >= 0 else ()
        if not operation or self._takes_turns(view, index):
            return set()
        if operation[0] == f.CALL and view.foreign(operation[5]) in words.PARTIALS and operation[6]:
            return self._given(view, operation) | self._of_function(view, operation[6][0])
        found = self._closed_over(view, index)
        if operation[0] == f.ATTRIBUTE:
            found |= self._of_object(view, index, operation)
        return found

    def _given(self, view: View, operation: f.Operation) -> set[str]:
        return {
            name for argument in view.arguments(operation)
            if (name := view.named(argument, _SESSIONS))
        }  # fmt: skip

    def _sessions(self, view: View, call: int) -> set[str]:
        """The sessions that the coroutine made by a call works with, by their names here."""
        operation = view.operations[call]
        if operation[0] != f.CALL or self._takes_turns(view, operation[5]):
            return set()
        if self._is_map(view, operation):
            return self._of_function(view, operation[6][0])
        found = self._given(view, operation) | self._closed_over(view, operation[5])
        callee = view.operations[operation[5]]
        if callee[0] == f.ATTRIBUTE:
            own = view.named(callee[5], words.OF_ONE_TASK)
            found |= {own} if own else self._of_object(view, operation[5], callee)
        return found

    def _callees(self, view: View, index: int) -> list[Function]:
        return [a.function for a in view.values[index] if isinstance(a, v.FunctionObject)]

    def _of_object(self, view: View, index: int, callee: f.Operation, depth: int = 0) -> set[str]:
        """Sessions that a method uses as attributes of its object, or of what that holds."""
        base = dotted(view.operations, callee[5])
        made = self._given_to_class(view, callee[5])
        found: set[str] = set()
        for function in self._callees(view, index) if base or made else ():
            parameters = function.signature.parameters
            if not function.is_method or not parameters or self._takes_turns(view, index):
                continue
            for name in self._used(function, depth):
                first, _, rest = name.partition(".")
                if first == parameters[0].name and rest:
                    found.add(made or self._made_with(view, base) or f"{base}.{rest}")
        return found

    def _made_with(self, view: View, name: str) -> str:
        """The one session that the object in a variable was made with: `users = Users(db)`."""
        return self._given_to_class(view, view.assigned_to(name))

    def _given_to_class(self, view: View, made: int) -> str:
        """The one session that an object is made with where it stands: `Users(db).all()`."""
        operation = view.operations[made] if made >= 0 else ()
        if not operation or operation[0] != f.CALL:
            return ""
        is_made = any(isinstance(atom, v.ClassObject) for atom in view.values[operation[5]])
        given = self._given(view, operation) if is_made else set()
        return given.pop() if len(given) == 1 else ""

    def _closed_over(self, view: View, index: int) -> set[str]:
        """Sessions of this function that a function inside it uses."""
        found: set[str] = set()
        for function in self._callees(view, index):
            if function.parent is view.function and view.function.facts.kind == "def":
                own = {p.name for p in function.signature.parameters} | function.facts.bound
                used = self._used(function)
                found |= {name for name in used if name.partition(".")[0] not in own}
        return found

    def _used(self, function: Function, depth: int = 0) -> set[str]:
        """The names of the sessions that a function does I/O with, or gives on."""
        if function not in self.colors.inference.evaluations or depth > _DEEP:
            return set()
        view = View(self.colors, function)
        found = set()
        for index, operation in enumerate(view.operations):
            if operation and operation[0] in (f.NAME, f.ATTRIBUTE):
                name = view.named(index, _SESSIONS)
                if name and self._does_io(view, index):
                    found.add(name)
            elif operation and operation[0] == f.CALL and view.layout.is_awaited(index):
                callee = view.operations[operation[5]]
                if callee[0] == f.ATTRIBUTE:  # a service's repository
                    found |= self._of_object(view, operation[5], callee, depth + 1)
        return found

    def _takes_turns(self, view: View, index: int) -> bool:
        """Does a function let one task in at a time?"""
        for function in self._callees(view, index):
            if function not in self.colors.inference.evaluations:
                continue
            inner = View(self.colors, function)
            for statement in inner.layout.statements:
                if statement[0] == f.WITH and statement[9]:
                    for value, _ in statement[7]:
                        names = (
                            a.name for a in inner.values[value] if isinstance(a, v.ForeignInstance)
                        )
                        if any(name in words.LOCKS for name in names):
                            return True
        return False


class _Repeats:
    """Is a coroutine made several times with one session? Not where the loop binds the session."""

    def __init__(self, bound: frozenset[str], often: bool) -> None:
        self.bound = bound
        self.often = often

    def __call__(self, session: str) -> bool:
        return self.often and session.partition(".")[0] not in self.bound
