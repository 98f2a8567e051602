"""Planning of clients of the application: the sync one in its thread becomes httpx's async one.

Requests are awaited, redirects are followed as before, and where entering the client started the
application, its lifespan is entered beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.crowded import keeps_its_loop
from asyncify.analysis.program import Class, Function, Module, Variable, dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    AwaitExpression,
    EditArguments,
    RenameReference,
    ReplaceCall,
    ReplaceExpression,
)
from asyncify.findings import Finding
from asyncify.planning.annotations import parts_of
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.planning.planner import Planner
from asyncify.planning.rendered import rendering_transport
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.testing import (
    APPLICATION_NAMES,
    ASYNC_CLIENT,
    BODY_KEYWORDS,
    CLIENT_DEFAULTS,
    CLIENT_KEYWORDS,
    CLIENT_MEMBERS,
    CLIENT_POSITIONS,
    CLIENTS,
    LIFESPAN,
    LIFESPAN_WORDS,
    RENAMED_REQUEST_KEYWORDS,
    REQUEST,
    TRANSPORT,
)

_ADVICE = "It keeps a loop of its own: give what it calls an engine without a pool (NullPool)."

_LONGEST = 100  # characters of a call that stay on one line


class ClientPlanner(Planner):
    """Plans requests, and the calls that make clients."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        super().__init__(colors, coloring, draft)
        self.clients = colors.clients

    # -- requests

    def request(self, use: Use, draft: Draft, support: Callable[[Draft, str], str]) -> None:
        """``client.get(...)`` is awaited; where something else may be there, if it can be."""
        call = self.clients.call(use)
        if not self.clients.awaited(use):
            return
        layout = self.colors.uses.layout(use.function)
        operation = layout.operations[call]
        node, site = call_reference(use.function, call), draft.site(operation)
        group = self.coloring.groups.get(use.function, 0)
        row = CLIENT_MEMBERS[use.name]
        keywords = {keyword for keyword, _ in operation[7] if keyword}
        is_own = layout.operations[use.operation][0] == f.ATTRIBUTE  # no ``getattr(client, verb)``
        has_body = not row.body and bool(keywords & BODY_KEYWORDS) and is_own
        renamed = tuple((k, n) for k, n in RENAMED_REQUEST_KEYWORDS.items() if k in keywords)
        if renamed:
            draft.add(EditArguments(node=node, site=site, group=group, rename_keywords=renamed))
        perhaps = support(draft, "maybe_await") if is_own and self._is_mixed(use) else ""
        if has_body or row.new:
            new = f'{REQUEST}("{use.name.upper()}", {{args}})' if has_body else f"{row.new}()"
            awaited = f"{perhaps}({{receiver}}.{new})" if perhaps else f"{{receiver}}.{new}"
            draft.add(ReplaceCall(node=node, site=site, group=group, awaited=awaited))
        elif not layout.is_awaited(call) and perhaps:
            template = f"{perhaps}({{node}})"
            draft.add(
                ReplaceExpression(node=node, site=site, group=group, template=template, awaits=True)
            )
        elif not layout.is_awaited(call):
            draft.add(AwaitExpression(node=node, site=site, group=group))

    def _is_mixed(self, use: Use) -> bool:
        """May a parameter be something else, as in a script that tests give their client: does its
        annotation, or a call, name ``requests.Session``?"""
        function, operations = use.function, use.function.body.operations
        receiver = operations[operations[use.operation][5]]
        name = receiver[5] if receiver[0] == f.NAME else ""
        for position, parameter in enumerate(function.signature.parameters):
            if parameter.name == name:
                fixtures = self.colors.inference.fixtures
                return fixtures.given(function, name) is None and (
                    self._is_annotated(function, parameter.annotation)
                    or self._is_given(function, position, name)
                )
        return False

    def _is_annotated(self, function: Function, annotation: int) -> bool:
        operations = function.signature.operations
        parts = parts_of(operations, annotation) if annotation >= 0 else ()
        return any(
            _is_other(self.colors.program.resolve_expression(function.parent or function, *part))
            for part in parts
        )

    def _is_given(self, function: Function, position: int, name: str) -> bool:
        for caller, call in self.colors.callers().get(function, ()):
            operations = caller.body.operations
            operation = operations[call.operation]
            if call.kind != "call" or operation[0] != f.CALL:
                continue
            positional = operation[6] if function.owner is None else ()
            index = dict(operation[7]).get(name, (*positional, *[-1] * 9)[position])
            made = operations[index] if index >= 0 else ()
            resolve = self.colors.program.resolve_expression
            if made and made[0] == f.CALL and _is_other(resolve(caller, operations, made[5])):
                return True
        return False

    def _reads(self) -> None:
        """What is read of clients, in functions that needn't turn for it."""
        for row in CLIENT_MEMBERS.values() if self.clients.turning else ():
            for function in (
                self.colors.program.mentioning_member(row.name) if row.elsewhere else ()
            ):
                for use in self.colors.uses.of(function):
                    if (use.kind, use.name) == ("client", row.name) and (
                        use.client in self.clients.turning
                    ):
                        self._read(use, self.draft(function.module))

    def _read(self, use: Use, draft: Draft) -> None:
        """``client.app``: what the other client has elsewhere."""
        operations = use.function.body.operations
        operation, new = operations[use.operation], CLIENT_MEMBERS[use.name].new
        if new and operation[0] == f.ATTRIBUTE:
            draft.add(
                ReplaceExpression(
                    node=reference(operation), site=draft.site(operation),
                    group=self.coloring.groups.get(use.function, 0),
                    template=f"{{node.value}}.{new}",
                )
            )  # fmt: skip

    # -- clients

    def plan(self) -> None:
        """Every client that turns is made by a call of the async one."""
        self._reads()
        for client in sorted(self.clients.turning, key=repr):
            if client.origin is not None:
                self._make(client.origin, client.cls)
        for cls in {c: None for client in self.clients.turning if client.cls is not None
                    for c in client.cls.ancestors}:  # fmt: skip
            self._class(cls)

    def _class(self, cls: Class) -> None:
        """The program's own class of clients is one of async clients."""
        draft, signature = self.draft(cls.module), cls.body.signature
        scope = cls.body.parent or cls.body
        for index in signature.bases:
            symbol = self.colors.program.resolve_expression(scope, signature.operations, index)
            if isinstance(symbol, str) and symbol in CLIENTS:
                operation = signature.operations[index]
                written = dotted(signature.operations, index)
                new = draft.spell(ASYNC_CLIENT, written)
                draft.add(
                    RenameReference(node=reference(operation), site=draft.site(operation), new=new)
                )
                draft.drop(written)

    def _make(self, origin: v.Origin, cls: Class | None) -> None:
        index = self._index(origin)
        layout = self.colors.uses.layout(origin.function)
        operation = layout.operations[index]
        draft = self.draft(origin.function.module)
        positions = CLIENT_POSITIONS[: len(operation[6])]
        given = {name: f"{{{n}}}" for n, name in enumerate(positions)}
        given |= {keyword: f"{{kw:{keyword}}}" for keyword, _ in operation[7]}
        hoisted, application = self._named(origin), given["app"]
        if hoisted:
            given["app"] = "{awaited}"
        parts: dict[str, list[str]] = {"transport": [f"app={given['app']}"], "client": []}
        for name, value in given.items():
            place, new = CLIENT_KEYWORDS[name]
            if place:
                parts[place].append(f"{new}={value}")
        defaults = [f"{k}={value}" for k, value in CLIENT_DEFAULTS if k not in given]
        of_module = origin.function.facts.kind == "module"
        made = (
            rendering_transport(origin.function, draft)
            if self._is_rendered and not of_module
            else draft.spell(TRANSPORT)
        )
        transport = f"{made}({', '.join(parts['transport'])})"
        arguments = ", ".join([f"transport={transport}", *defaults, *parts["client"]])
        written = dotted(layout.operations, operation[5])
        callee = written if cls is not None else draft.spell(ASYNC_CLIENT)
        call = f"{callee}({arguments})"
        draft.add(
            ReplaceCall(
                node=call_reference(origin.function, index), site=draft.site(operation),
                group=self.coloring.groups.get(origin.function, 0), awaits=False, hoist=hoisted,
                awaited=application if hoisted else call, result=call if hoisted else "{awaited}",
                longest=_LONGEST,
            )
        )  # fmt: skip
        if cls is None:
            draft.drop(written)

    @cached_property
    def _is_rendered(self) -> bool:
        """Do tests look at the templates that were rendered?"""
        return any(self.clients.reads_rendered(use) for use in self.clients.uses())

    def _index(self, origin: v.Origin) -> int:
        operations = origin.function.body.operations
        return next(
            index for index, operation in enumerate(operations)
            if operation and operation[0] == f.CALL and operation[3] == origin.call
        )  # fmt: skip

    # -- the lifespan

    def lifespan(self, use: Use) -> str:
        """What has to be entered before a client, so that the application starts; or ''."""
        if not self._has_lifespan() or use.client is None or use.client.origin is None:
            return ""
        app = self._application(use.function, use.client.origin)
        return LIFESPAN.format(app=app) if app else ""

    def _application(self, function: Function, origin: v.Origin) -> str:
        """The application of a client, as it is written where the client is made, or as a module's
        variable is written elsewhere; or ''."""
        operations = origin.function.body.operations
        operation = operations[self._index(origin)]
        argument = self._argument(operation)
        if argument < 0 or origin.function is function:
            return self._named(origin) or dotted(operations, argument) if argument >= 0 else ""
        symbol = self.colors.program.resolve_expression(origin.function, operations, argument)
        if not isinstance(symbol, Variable):
            return ""
        return self.draft(function.module).spell_symbol(symbol.name, symbol.module)

    def _named(self, origin: v.Origin) -> str:
        """The name that the application of a client gets in a statement before ``with``, where it
        is made in the very call that is entered first; or ''."""
        operations, index = origin.function.body.operations, self._index(origin)
        argument = self._argument(operations[index])
        statement = self.colors.uses.layout(origin.function).statement(index)
        if argument < 0 or dotted(operations, argument) or not self._has_lifespan():
            return ""
        if statement is None or statement[0] != f.WITH or statement[7][0][0] != index:
            return ""
        facts = origin.function.facts
        return next((n for n in APPLICATION_NAMES if n not in facts.bound | facts.names), "")

    @staticmethod
    def _argument(operation: f.Operation) -> int:
        """Where the application is given to the call that makes a client, or -1."""
        return int(operation[6][0] if operation[6] else dict(operation[7]).get("app", -1))

    def _has_lifespan(self) -> bool:
        program = self.colors.program
        return any(program.mentioning(word) for word in LIFESPAN_WORDS)

    # -- findings

    def findings(self) -> Iterator[Finding]:
        for _, (use, obstacle) in sorted(self.clients.stopped.items(), key=repr):
            if keeps_its_loop(self.colors, use.function):
                continue
            site = Site(use.function.module.path, use.line, use.column)
            reason = f"This client stays sync. {obstacle.reason}"
            yield finding("ASY603", site, reason, _ADVICE)
        for use in self.clients.uses():
            unstarted = use.kind == "enter client" and self.clients.turns(use)
            if unstarted and self._has_lifespan() and not self.lifespan(use):
                site = Site(use.function.module.path, use.line, use.column)
                reason = "Entering this client started the application; the async one doesn't."
                yield finding("ASY604", site, reason, "Enter the application's lifespan beside it.")


def _is_other(symbol: object) -> bool:
    """Is a class of a library, or what else makes clients there, none of the application's?"""
    return (
        isinstance(symbol, str)
        and symbol not in CLIENTS
        and symbol != ASYNC_CLIENT
        and symbol.partition(".")[0] not in ("typing", "typing_extensions", "builtins")
        and "." in symbol
    )
