"""Obstacles: why a function can't turn.

By what it is, by who calls it, by its decorators, and by the configuration.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.around_tests import fixture_obstacle
from asyncify.analysis.boundaries import fits, rule_of
from asyncify.analysis.callers import Callers
from asyncify.analysis.clients import Clients
from asyncify.analysis.configured import is_named
from asyncify.analysis.divider import Divider
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.factories import Factories
from asyncify.analysis.heat import is_inside
from asyncify.analysis.infer import Inference
from asyncify.analysis.lambdas import Lambdas
from asyncify.analysis.lent import Lent
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function
from asyncify.analysis.properties import Properties
from asyncify.analysis.serving import Servers
from asyncify.analysis.signed import given_plainly
from asyncify.analysis.specials import Specials
from asyncify.analysis.stand_ins import StandIns
from asyncify.analysis.uses import (
    Use,
    is_session_class,
)
from asyncify.vocabulary import wsgi
from asyncify.vocabulary.frameworks import CACHE_MEMBERS, NAMESPACE_DEFAULTS, Rule
from asyncify.vocabulary.serving import TAILS
from asyncify.vocabulary.special import is_special
from asyncify.vocabulary.testing import FIXTURES, HOOK_PREFIX, is_test_path

# Protocols that have an async form of their own, or whose result Python hands through.
_TURNING_DUNDERS = {
    "__enter__": "__aenter__", "__exit__": "__aexit__", "__call__": "__call__",
    "__aenter__": "__aenter__", "__aexit__": "__aexit__", "__aiter__": "__aiter__",
    "__anext__": "__anext__", "__getitem__": "__getitem__",
}  # fmt: skip


class Obstacles(Callers):
    """What keeps functions sync."""

    clients: Clients
    lambdas: Lambdas
    divider: Divider
    factories: Factories

    def __init__(self, inference: Inference, blocked: frozenset[str] = frozenset()) -> None:
        super().__init__(inference, blocked)
        self.impediments: dict[Function, Obstacle] = {}
        self.rendered: set[Function] = set()  # those that templates call
        self.properties = Properties(inference)
        self.specials = Specials(self)
        self.stand_ins = StandIns(inference.program)
        self.lent = Lent(inference, self.uses)
        self.servers = Servers(inference)
        self.run_at_import: set[Function] = set()  # the bodies of modules that may start loops
        self._obstacles: dict[Function, Obstacle | None] = {}
        self._entries: dict[Function, bool] = {}

    def obstacle(self, function: Function) -> Obstacle | None:
        """Why a function can't turn, or None."""
        if function not in self._obstacles:
            self._obstacles[function] = self._obstacle(function)
        return self._obstacles[function]

    def _obstacle(self, function: Function) -> Obstacle | None:
        facts = function.facts
        if function in self.impediments:
            return self.impediments[function]
        if facts.kind != "module" and function.module.path in self.blocked:
            return Obstacle("ASY306", "Its file can't be rewritten.")
        if is_alembic(function):
            return Obstacle("ASY107", "Alembic runs it, on a sync connection of its own.")
        if self.is_configured_sync(function):
            return Obstacle("ASY107", "The configuration keeps it sync.")
        if self.is_outside(function):
            return Obstacle("ASY107", "It is outside of what `only` names.")
        if facts.is_generator and self._is_given_to_iter(function):
            reason = "A plain `__iter__` returns it to Python, which can't await."
            return Obstacle("ASY101", reason)
        kept = self.inference.query_properties.kept_in(function)
        if kept:
            return Obstacle("ASY103", kept)
        if facts.kind == "module":
            return self._module_obstacle(function)
        if facts.kind == "class":
            return Obstacle(
                "ASY103", "The body of a class runs at import, where nothing can be awaited."
            )
        if facts.kind == "lambda":
            return self.lambdas.obstacle(function) or self._given_away(function)
        if facts.is_async:
            return None
        return self._of_function(function)

    def _of_function(self, function: Function) -> Obstacle | None:
        """Why a plain function or method can't turn: who calls it, and how."""
        if function.owner is not None and is_session_class(function.owner):
            reason = "It is a method of a session class of the program, which async sessions wrap."
            return Obstacle("ASY203", reason)
        called = self.bounds.called_by_base(function)
        if called is not None and called[1].rule in (Rule.SYNC, Rule.OWN_LOOP):
            return self._called_plainly(called[1].rule, called[0])
        extended = self.bounds.extends_base(function)
        if extended:
            return self._called_plainly(Rule.SYNC, extended)
        decorated = self.inference.decorating.get(function)
        if decorated is not None:
            reason = f"It decorates `{decorated.name}` where that is defined: nobody can await it."
            return Obstacle("ASY105", reason)
        name = function.name
        if is_special(function.name) and name not in _TURNING_DUNDERS:
            return None if function in self.factories.made else self.specials.obstacle(function)
        if name == "__getitem__":
            return self.properties.item_obstacle(function, self.callers().get(function, ()))
        if self.inference.is_property(function):
            return self.properties.obstacle(function)
        if name.startswith(HOOK_PREFIX) and self._is_hook(function):
            return self._called_plainly(Rule.SYNC, "pytest")
        return (
            self._decorated(function) or self._lent(function) or self.cases.obstacle(function)
            or fixture_obstacle(function, self) or self._given_away(function)
            or self.places.generator_obstacle(function) or self.serving.get(function)
        )  # fmt: skip

    @cached_property
    def serving(self) -> dict[Function, Obstacle]:
        """The functions that run an event loop of their own until the program ends, and those who
        call them, plain function by plain function."""
        found: dict[Function, Obstacle] = {}
        pending: list[Function] = []
        for name in sorted(TAILS):
            for function in self.program.mentioning(name):
                obstacle = self.servers.obstacle(function)
                if obstacle is not None and function not in found:
                    found[function] = obstacle
                    pending.append(function)
        direct = frozenset(found)
        while pending:
            function = pending.pop()
            if function.facts.is_async:
                continue
            for caller, use in self.callers().get(function, ()):
                is_plain = use.kind == "call" and not caller.facts.is_async
                if is_plain and caller not in found and not is_test_path(caller.module.path):
                    below, is_direct = found[function], function in direct
                    reason = f"Below it, in `{function.qualname}`, {below.reason}"
                    found[caller] = replace(below, reason=reason) if is_direct else below
                    pending.append(caller)
        return found

    def _is_hook(self, function: Function) -> bool:
        """Is it what pytest calls of a conftest, or of a plugin, and no fixture?"""
        module = function.module
        is_plugin = module.name.rpartition(".")[2] == "conftest" or any(
            item.module.partition(".")[0] in ("pytest", "_pytest") for item in module.facts.imports
        )
        decorators = {d.name for d in self.bounds.decorators(function)}
        return is_plugin and FIXTURES.isdisjoint(decorators)

    def _decorated(self, function: Function) -> Obstacle | None:
        """Does a decorator of a library call the function without awaiting it?"""
        for decorator in self.bounds.decorators(function):
            if decorator.rule in (Rule.SYNC, Rule.OWN_LOOP):
                return self._called_plainly(decorator.rule, f"@{decorator.name}")
            if decorator.rule is Rule.STRIP and self._is_cache_used(function):
                return Obstacle("ASY101", f"The cache that `@{decorator.name}` keeps is used.")
        commands = self._wrapped_commands(function)
        if commands and not self.is_entry(function):
            reason = f"It stands for the command `{commands[0].qualname}`, which isn't awaited"
            return Obstacle("ASY105", f"{reason}, and for other functions.")
        if self.cases.runs_once(function):
            for caller, use in self.callers().get(function, ()):
                if use.kind == "call" and caller.facts.kind != "module":
                    reason = f"It runs in a loop of its own, and `{caller.qualname}` calls it too."
                    return Obstacle("ASY105", reason)
        return None

    def _lent(self, function: Function) -> Obstacle | None:
        lender = self.lent.lender(function)
        reason = f"The session comes from `{lender}` and stays what it is."
        return Obstacle("ASY106", reason) if lender else None

    def _called_plainly(self, rule: Rule, caller: str) -> Obstacle:
        """What a library calls without awaiting it, or in an event loop of its own."""
        if rule is Rule.OWN_LOOP and not self._has_one_loop:
            return Obstacle("ASY104", wsgi.framework(caller).reason, whole=True)
        return Obstacle("ASY105", f"`{caller}` calls it without awaiting it.")

    @cached_property
    def _has_one_loop(self) -> bool:
        """Is there a framework in the program that serves its requests in one event loop?"""
        return any(
            item.module.partition(".")[0] in wsgi.ASYNC_FRAMEWORKS
            for module in self.program.modules.values() for item in module.facts.imports
        )  # fmt: skip

    def _is_cache_used(self, function: Function) -> bool:
        """Does anybody clear the cache of a function, or look at it?"""
        return any(
            function.name in user.facts.names for name in CACHE_MEMBERS
            for user in self.program.mentioning_member(name)
        )  # fmt: skip

    def is_entry(self, function: Function) -> bool:
        """Does a command line call the function? Where a decorator of the program puts a wrapper in
        the place of a command, the wrapper is called."""
        found = self._entries.get(function)
        if found is None:
            found = self._entries[function] = self._is_entry(function)
        return found

    def _is_entry(self, function: Function) -> bool:
        wrapped = self._wrapped(function)
        if wrapped:
            return all(map(self._is_command, wrapped))
        return self._is_command(function) and not any(
            self.wraps(caller, function) for caller, _ in self.callers().get(function, ())
        )

    def _is_command(self, function: Function) -> bool:
        return (
            function in self._scripts or self.cases.runs_once(function)
            or any(d.rule is Rule.ENTRY for d in self.bounds.decorators(function))
            or self._is_run(function)
        )  # fmt: skip

    def _is_run(self, function: Function) -> bool:
        """Is it what ``typer.run(main)`` makes a command of?"""
        return function.facts.kind == "def" and any(
            use.kind == "pass" and rule_of(use.name) is Rule.ENTRY
            for _, use in self.callers().get(function, ())
        )

    @cached_property
    def _scripts(self) -> set[Function]:
        """What is installed as a command."""
        found = set()
        for name in self.inference.config.scripts:
            path, _, function = name.partition(":")
            for module in self.program.modules.values():
                symbol = self.program.resolve(module, function) if module.name == path else None
                if isinstance(symbol, Function) and symbol.facts.kind == "def":
                    found.add(symbol)
        return found

    def _wrapped_commands(self, function: Function) -> list[Function]:
        return [wrapped for wrapped in self._wrapped(function) if self._is_command(wrapped)]

    def _wrapped(self, function: Function) -> list[Function]:
        """The functions in whose place a decorator of the program puts this one."""
        if function.parent is None or function.parent.facts.kind != "def":
            return []
        called = (c for use in self.uses.of(function) if use.kind == "call" for c in use.callees)
        return [callee for callee in called if self.wraps(function, callee)]

    def wraps(self, wrapper: Function, function: Function, below: int = -1) -> bool:
        """Is it defined in a decorator of the function, or in what makes that decorator; in one
        that stands below another?"""
        outer, decorators = wrapper.parent, self.bounds.own_decorators(function)
        while outer is not None and outer.facts.kind == "def":
            if decorators.get(outer, -1) > below:
                return True
            outer = outer.parent
        return False

    def replacing(self, function: Function) -> list[Function]:
        """The wrappers that decorators of the program put in the place of a function which a
        library calls plainly: it calls them, `@app.task` above `@with_session`."""
        place = self._library(function)
        if place is None:
            return []
        own = self.bounds.own_decorators(function)
        made = [w for each, position in own.items() if position > place for w in self._made(each)]
        callers = [c for c, use in self.callers().get(function, ()) if use.kind == "call"]
        return list(dict.fromkeys([*made, *(c for c in callers if self.wraps(c, function, place))]))

    def _made(self, decorator: Function) -> list[Function]:
        """The wrappers that a decorator gives, or what it makes."""
        given = self.inference.given("return", decorator)
        inside = [
            atom.function for atom in given
            if isinstance(atom, v.FunctionObject) and is_inside(atom.function, decorator)
        ]  # fmt: skip
        return [wrapper for each in inside for wrapper in (self._made(each) or [each])]

    def _library(self, function: Function) -> int | None:
        """Which of its decorators, from the top, hands a function to a library that calls it
        plainly; -1 if it is given away by its name, None if it isn't."""
        for position, decorator in enumerate(self.bounds.decorators(function)):
            if decorator.rule in (Rule.SYNC, Rule.OWN_LOOP):
                return position
        for _, use in self.callers().get(function, ()):
            if use.kind == "pass" and not fits(use.name):
                return self._registering(use, function)
        return None

    def _registering(self, use: Use, function: Function) -> int:
        """Which of its decorators hands a function on where a use stands, or -1."""
        own, place = self.bounds.own_decorators(function), use.function.parent
        found = own.get(use.function, -1)
        while found < 0 and place is not None:
            found, place = own.get(place, -1), place.parent
        return found

    def _given_away(self, function: Function) -> Obstacle | None:
        """Is the function handed to something that calls it without awaiting?"""
        for _, use in self.callers().get(function, ()):
            if use.kind == "pass" and self.places.is_decoration(use):
                continue  # as below `@`: an unknown decorator is a warning
            if self.cases.awaits(use.function, use.name):
                continue
            if use.kind == "pass" and not fits(use.name) and not self.is_entry(function):
                if self._is_called_back(function, use) or self._replaces(function, use):
                    continue
                if rule_of(use.name) is Rule.OWN_LOOP:
                    return self._called_plainly(Rule.OWN_LOOP, use.name)
                name = use.name or "something unknown"
                return Obstacle(
                    "ASY105", f"It is given to `{name}` (line {use.line}), which may not await it."
                )
        signed = given_plainly(function, self.inference)
        if signed is not None:
            reason = f"It is given to `{signed.name}` (line {signed.line}), which may not await it."
            return Obstacle("ASY105", reason)
        return None

    def _replaces(self, wrapper: Function, use: Use) -> bool:
        """Is it given away in the place of what it wraps? That has the obstacle, and others that
        it wraps have none."""
        return any(
            self.wraps(wrapper, other, self._registering(use, other))
            for other in use.callees if other is not wrapper
        )  # fmt: skip

    def _is_called_back(self, function: Function, use: Use) -> bool:
        """Does argparse keep the function for the program, which calls it: ``args.func(args)``?"""
        if self._method(use) != NAMESPACE_DEFAULTS:
            return False
        return any(
            call.kind == "call" and self._method(call)
            for _, call in self.callers().get(function, ())
        )

    def _method(self, use: Use) -> str:
        """The attribute that is called, or ''."""
        operations = use.function.body.operations
        operation = operations[use.operation]
        callee = operations[operation[5]] if operation[0] == f.CALL else operation
        return str(callee[6]) if callee[0] == f.ATTRIBUTE else ""

    def is_configured_sync(self, function: Function) -> bool:
        return is_named(function, self.inference.config.sync)

    def _is_given_to_iter(self, generator: Function) -> bool:
        """Does an ``__iter__`` return what a generator function gives?"""
        for caller, use in self.callers().get(generator, ()):
            if caller.name == "__iter__" and use.kind == "call" and not caller.facts.is_generator:
                statement = self.uses.layout(caller).statement(use.operation)
                if statement is not None and statement[0] == f.RETURN:
                    return bool(statement[7] == use.operation)
        return False

    def is_outside(self, function: Function) -> bool:
        """Is a function outside of what ``only`` names? What makes sessions serves both sides, and
        the body of a module makes what it stands for."""
        only = self.inference.config.only
        if not only or function.facts.kind == "module" or is_named(function, only):
            return False
        return is_test_path(function.module.path) or not self.divider.spread.makes(function)

    def _module_obstacle(self, function: Function) -> Obstacle | None:
        """A module's body can't await, but what stands below ``if __name__ == "__main__"`` is an
        entry point, and pytest imports its files before it has an event loop; ``create_all`` at
        import has a form of its own."""
        layout = self.uses.layout(function)
        for use in self.uses.of(function):
            if use.kind == "refused":
                return Obstacle("ASY203", use.name)
            # Giving a function away runs nothing: `Annotated[Session, Depends(get_session)]`.
            relevant = (use.does_io or use.callees) and use.kind not in ("metadata", "pass")
            if self.places.imported_session(use) is not None:
                continue
            statement = layout.statement(use.operation)
            if not relevant or statement is None:
                continue
            runs = [c for c in use.callees if use.kind != "call" or not c.facts.is_generator]
            if use.callees and not any(self.does_io(c) for c in runs):
                continue
            runs_alone = (
                id(statement) in layout.guarded or is_test_path(function.module.path)
                or function in self.run_at_import or function.module.runs_loop
            )  # fmt: skip
            if use.kind != "call" or not runs_alone:
                return Obstacle("ASY103", "It runs at import, where nothing can be awaited.")
        return None

    def may_run_at_import(self, body: Function) -> bool:
        """Has the body of a module nothing to await but calls, which a loop of their own can run?
        From now on they are no obstacle."""
        if body.facts.kind != "module" or body in self.run_at_import or is_alembic(body):
            return False
        self.run_at_import.add(body)
        if self._module_obstacle(body) is not None or any(
            use.kind == "call" and self.places.obstacle(use) for use in self.uses.of(body)
        ):
            self.run_at_import.discard(body)
            return False
        self._obstacles.pop(body, None)
        return True
