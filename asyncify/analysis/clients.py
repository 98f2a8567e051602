"""Clients of the application: which of them have to run in the loop of the tests.

A sync client runs the application in a loop of its own, in a thread, for every request a new one.
An engine that tests and application share, or that two requests share, belongs to one loop. So
where the application turns its clients turn with it, unless one is used in a way that the async
client has no form for: that one stays, with a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.infer import client_classes
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Class, Function, Module
from asyncify.analysis.uses import Use
from asyncify.vocabulary.testing import (
    CLIENT_KEYWORDS,
    CLIENT_MEMBERS,
    CLIENT_RESPONSE,
    CLIENTS,
    is_test_path,
)

if TYPE_CHECKING:
    from asyncify.analysis.colors import Coloring, Colors

_TAKING = {"functools.partial", "callable", "getattr", "hasattr"}  # what is given methods to keep
_IMPORTING = frozenset({"import_module", "__import__"})


class Clients:
    """``turning`` are the clients that turn, as values; ``stopped`` those that would have to and
    can't, with the use that stops them and why."""

    def __init__(self, colors: Colors) -> None:
        self.colors = colors
        self.turning: frozenset[v.Client] = frozenset()
        self.stopped: dict[v.Client, tuple[Use, Obstacle]] = {}
        self._decided = False

    def turns(self, use: Use) -> bool:
        return use.client in self.turning

    def awaited(self, use: Use) -> bool:
        """Is a use of a client that turns one that is awaited, or entered?"""
        if use.kind == "enter client":
            return self.turns(use)
        if use.kind != "client" or not self.turns(use):
            return False
        row = CLIENT_MEMBERS.get(use.name)
        return row is not None and row.awaited and self.call(use) >= 0

    def call(self, use: Use) -> int:
        """The call of the member, or -1 where it is only read."""
        layout = self.colors.uses.layout(use.function)
        parent = layout.parent(use.operation)
        if parent < 0 or layout.operations[parent][0] != f.CALL:
            return -1
        return parent if layout.operations[parent][5] == use.operation else -1

    def uses(self) -> Iterator[Use]:
        for function in list(self.colors.inference.evaluations):
            for use in self.colors.uses.of(function):
                if use.client is not None:
                    yield use

    def decide(self, coloring: Coloring) -> bool:
        """Say which clients turn, with an application that turns; True where that is news."""
        turned = {
            function.module for function in coloring.turned
            if not function.facts.is_async and not is_test_path(function.module.path)
        }  # fmt: skip
        uses = list(self.uses()) if turned else []
        made = self._all_made() if turned else frozenset[v.Client]()
        places = {use.function.module for use in uses}
        places |= {client.origin.function.module for client in made if client.origin is not None}
        if not self._reaches(places, turned):
            news, self.turning, self.stopped = bool(self.turning), frozenset(), {}
            return news
        found = frozenset(use.client for use in uses if use.client is not None) | made
        if self._decided:
            found &= self.turning
        self._decided = True
        self.stopped = {}
        for use in uses:
            obstacle = self._obstacle(use)
            if use.function in coloring.stays:
                reason = f"`{use.function.name}`, which uses it, stays sync."
                obstacle = Obstacle("ASY603", reason)
            if obstacle is not None and use.client is not None:
                self.stopped.setdefault(use.client, (use, obstacle))
        self._spread(uses)
        found -= self.stopped.keys()
        news = found != self.turning
        self.turning = found
        return news

    def _reaches(self, places: set[Module], turned: set[Module]) -> bool:
        """Does anything turn in what a module with a client imports, or has from a conftest? An
        application that is async already has nothing that turns but scripts beside it."""
        program = self.colors.program
        tests = (m for m in program.modules.values() if m.name.rpartition(".")[2] == "conftest")
        seen = places | {module for module in tests if places}
        scripts = {module for module in turned if self._is_script(module)}
        pending = list(seen)
        while pending and turned.isdisjoint(seen):
            module = pending.pop()
            found = set(program.imported_modules(module))
            for function in module.functions:
                if function.imports_inside:
                    found.update(program.imported_inside(function))
                if not turned <= scripts and not _IMPORTING.isdisjoint(function.facts.names):
                    return True  # whatever that is, it is no script
            pending += found - seen
            seen |= found
        return not turned.isdisjoint(seen)

    def _is_script(self, module: Module) -> bool:
        """Does something stand below its ``if __name__ == "__main__"``?"""
        return any(
            function.facts.kind == "module" and self.colors.uses.layout(function).guarded
            for function in module.functions
        )

    def _spread(self, uses: list[Use]) -> None:
        """One expression may hold several clients: they turn together, and so do those of a
        class of the program."""
        places: dict[tuple[Function, int], list[Use]] = {}
        classes: dict[Class, list[Use]] = {}
        for use in uses:
            places.setdefault((use.function, use.operation), []).append(use)
            if use.client is not None and use.client.cls is not None:
                classes.setdefault(use.client.cls, []).append(use)
        together = [found for found in places.values() if len(found) > 1]
        together += classes.values()
        size = -1
        while size != len(self.stopped):
            size = len(self.stopped)
            for found in together:
                stopped = next((u for u in found if u.client in self.stopped), None)
                if stopped is None or stopped.client is None:
                    continue
                for use in found:
                    if use.client is not None:
                        self.stopped.setdefault(use.client, self.stopped[stopped.client])

    def _obstacle(self, use: Use) -> Obstacle | None:
        """Why the async client can't take the place of the sync one at a use."""
        if use.kind == "client" and use.name not in CLIENT_MEMBERS:
            return Obstacle("ASY603", f"httpx's client has no `{use.name}`.")
        reason = self._unlike(use.client) if use.client is not None else ""
        if reason:
            return Obstacle("ASY603", reason)
        is_io = use.kind == "enter client" or (
            CLIENT_MEMBERS[use.name].awaited and self.call(use) >= 0
        )
        if not is_io:
            return self._handed(use) if use.kind == "client" else None
        return self.colors.places.obstacle(use) or self._above(use.function)

    def _handed(self, use: Use) -> Obstacle | None:
        """Why what makes requests can't be handed to a library: ``pool.map(client.get, urls)``."""
        layout = self.colors.uses.layout(use.function)
        parent = layout.parent(use.operation)
        if (
            parent < 0
            or layout.operations[parent][0] != f.CALL
            or not CLIENT_MEMBERS[use.name].awaited
        ):
            return None
        callee = self.colors.inference.evaluations[use.function].values[
            layout.operations[parent][5]
        ]
        foreign = [a.name for a in callee if isinstance(a, v.Foreign)]
        if all(isinstance(a, (v.FunctionObject, v.ClassObject)) for a in callee) and callee:
            return None
        if foreign and set(foreign) <= _TAKING:
            return None
        return Obstacle("ASY603", f"`{use.name}` is handed to what calls it without `await`.")

    def reads_rendered(self, use: Use) -> bool:
        """Is the template that was rendered read of the response to a request?"""
        if use.kind != "client" or CLIENT_RESPONSE.isdisjoint(use.function.facts.members):
            return False
        layout = self.colors.uses.layout(use.function)
        call = self.call(use)
        statement = layout.statement(call)
        names = set()
        if statement is not None and statement[0] in (f.ASSIGN, f.ANNOTATED):
            targets = statement[7] if statement[0] == f.ASSIGN else (statement[7],)
            names = {target[1] for target in targets if target[0] == f.TO_NAME}
        for operation in layout.operations:
            if operation and operation[0] == f.ATTRIBUTE and operation[6] in CLIENT_RESPONSE:
                base = layout.operations[operation[5]]
                if operation[5] == call or (base[0] == f.NAME and base[5] in names):
                    return True
        return False

    def _above(self, function: Function) -> Obstacle | None:
        """Why a function, or one that calls it, can't turn."""
        seen = {function}
        pending = [function]
        while pending:
            current = pending.pop()
            if current.facts.kind == "module":
                return Obstacle(
                    "ASY103", "It is used outside of functions, where nothing can be awaited."
                )
            obstacle = self.colors.obstacle(current)
            if obstacle is not None:
                return obstacle
            for caller, use in self.colors.callers().get(current, ()):
                if caller not in seen and use.runs(current) and not self._is_started(use):
                    seen.add(caller)
                    pending.append(caller)
        return None

    def _is_started(self, use: Use) -> bool:
        """Is it called below ``if __name__ == "__main__"``, where a loop can be started?"""
        layout = self.colors.uses.layout(use.function)
        statement = layout.statement(use.operation)
        return statement is not None and id(statement) in layout.guarded

    def _all_made(self) -> frozenset[v.Client]:
        """Every client that is made somewhere, whoever has it then."""
        words = {name.rpartition(".")[2] for name in CLIENTS}
        words |= {body.name for body in client_classes(self.colors.program)}
        evaluations = self.colors.inference.evaluations
        program = self.colors.program
        functions = {fn for word in words for fn in program.mentioning(word) if fn in evaluations}
        values = {value for function in functions for value in evaluations[function].values}
        return frozenset(
            atom for value in values for atom in value
            if isinstance(atom, v.Client) and atom.origin is not None
        )  # fmt: skip

    def _unlike(self, client: v.Client) -> str:
        """Why a client has no async form: by its class, or by the call that makes it; or ''."""
        for cls in client.cls.ancestors if client.cls is not None else ():
            if "__init__" in cls.methods:
                return f"`{cls.name}` has a constructor of its own."
            for name, method in cls.methods.items():
                row = CLIENT_MEMBERS.get(name)
                if row is not None and row.awaited and not self._requests(method):
                    return f"`{cls.name}.{name}` answers by itself."
        return self._made(client.origin) if client.origin is not None else ""

    def _requests(self, method: Function) -> bool:
        """Does a method make a request, so that it turns?"""
        return method.facts.is_async or any(
            use.kind == "client" and use.name in CLIENT_MEMBERS and CLIENT_MEMBERS[use.name].awaited
            for use in self.colors.uses.of(method)
        )

    def _made(self, origin: v.Origin) -> str:
        """Why the call that makes a client has no async form, or ''."""
        for operation in origin.function.body.operations:
            if operation and operation[0] == f.CALL and operation[3] == origin.call:
                unknown = [k for k, _ in operation[7] if k not in CLIENT_KEYWORDS]
                if unknown or any(i < 0 for i in operation[6]):
                    return "What the client is given isn't known here."
        return ""
