"""New names by option: classes that the configuration renames, and session factories whose old name
is kept as a function that warns.

A name is renamed everywhere or nowhere: where it is defined, imported, used, annotated, listed in
``__all__`` and named in a string that is a path to it. Where the new name means something else
already, or a file that mentions the old one can't be edited, nothing is renamed and a finding says
so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Class, Function, Module, Variable
from asyncify.analysis.sides import source_beside_name
from asyncify.analysis.statements import statements_of
from asyncify.analysis.symbols import Symbol
from asyncify.decisions import (
    CopyFunction,
    Decision,
    EditAnnotation,
    EditArguments,
    InsertStatements,
    RenameName,
    RenameReference,
)
from asyncify.findings import Finding
from asyncify.planning.annotations import parts_of
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.planning.named_texts import call_of, is_of_logger, texts_naming
from asyncify.planning.settings import site_of, spelled
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.names import ASYNC_FACTORY, ASYNC_SESSION, FACTORY

_WRAPPER = '''

def {old}(**options: {any}) -> {session}:
    """Deprecated: its sessions are awaited, and come from {new}."""
    warnings.warn(
        "{old} gives sessions that are awaited: use {new}.",
        DeprecationWarning,
        stacklevel=2,
    )
    return {new}(**options)
'''


_Annotation = tuple[Function, tuple[f.Operation, ...], int, int]


def _annotations(function: Function) -> Iterator[_Annotation]:
    """Where each is looked up, its operations, its root and its number in the file."""
    signature, scope = function.signature, function.parent or function
    for parameter in signature.parameters:
        yield scope, signature.operations, parameter.annotation, parameter.annotation_number
    yield scope, signature.operations, signature.returns, signature.returns_number
    for statement in statements_of(function.body.statements):
        if statement[0] == f.ANNOTATED:
            yield function, function.body.operations, statement[8], statement[10]


class Renames:
    """Plans new names, after everything that may give references another name itself."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        self.program = colors.program
        self.inference = colors.inference
        self.config = colors.inference.config
        self.coloring = coloring
        self.blocked = colors.blocked
        self.draft = draft
        self.findings: list[Finding] = []
        self._made: dict[Function, list[Decision]] = {}  # what a copy of it needs as well

    def plan(self) -> None:
        for name, new in self.config.rename_classes:
            self._classes(name, new)
        if self.config.factory_names == "deprecate":
            for module in list(self.program.modules.values()):
                self._factories(module)
        for module in {function.module for function in self._made}:
            self._copies(module)

    def _copies(self, module: Module) -> None:
        """Sync copies of functions stand beside them, and name what they name."""
        draft = self.draft(module)
        for copy in [d for d in draft.decisions if isinstance(d, CopyFunction)]:
            given = {d.node for d in copy.decisions}
            more = [
                d for function, made in self._made.items() for d in made
                if d.node not in given and self._is_in(function, module, copy.node.number)
            ]  # fmt: skip
            if more:
                del draft.decisions[copy]
                draft.add(replace(copy, decisions=(*copy.decisions, *more)))

    @staticmethod
    def _is_in(function: Function, module: Module, number: int) -> bool:
        """Is it the function of that number in the file, or inside it?"""
        inner: Function | None = function
        while inner is not None:
            if inner.module is module and inner.facts.kind == "def" and (
                inner.facts.number == number
            ):  # fmt: skip
                return True
            inner = inner.parent
        return False

    # -- classes

    def _classes(self, name: str, new: str) -> None:
        owner, _, last = name.replace(":", ".").rpartition(".")
        found = [
            cls for cls in self._named(last)
            if not owner or f".{cls.module.name}".endswith(f".{owner}")
        ]  # fmt: skip
        if not found and not self._named(new):
            self._refuse(f'names "{name}", which is no class of the program.')
        for cls in found:
            reason = self._obstacle(cls.module, cls.name, new)
            if reason:
                self._refuse(f"names `{cls.qualname}`, which can't be renamed: {reason}")
                continue
            site = Site(cls.module.path, cls.body.facts.line, cls.body.facts.column)
            node = NodeRef("ClassDef", cls.body.facts.number, cls.name)
            self.draft(cls.module).add(RenameName(node=node, site=site, old=cls.name, new=new))
            self._references(cls, cls.name, new)
            self._texts(cls, (cls.name, new))
            for script in self.config.scripts:
                if self.program.named(script.replace(":", ".")) == cls:
                    self._refuse(f"leaves `{script}` among the entry points: name `{new}` there.")

    def _texts(self, symbol: Symbol, names: tuple[str, str]) -> None:
        """Calls that are given a path to a symbol, wherever they stand; other texts that are one
        are said, as nobody knows who reads them. A factory's old name goes on working."""
        old, new = names
        for function in self.program.functions():
            scope, draft = function.parent or function, self.draft(function.module)
            for where, operations in (
                (scope, function.signature.operations), (function, function.body.operations),
            ):  # fmt: skip
                found = list(texts_naming(self.program, where, operations, symbol, old))
                own = operations is function.body.operations
                alone = self._alone(function, old) if own else []
                for index in (*found, *(i for i in alone if i not in found)):
                    call, site = call_of(operations, index), draft.site(operations[index])
                    call = call if index in found else -1
                    if call >= 0:
                        node = self._call(operations, call)
                        self._add(function, RenameName(node=node, site=site, old=old, new=new))
                    elif isinstance(symbol, Class):
                        self._refuse(
                            f"leaves `{operations[index][5]}` in {site.path}:{site.line} as it is: "
                            f"name `{new}` there, where the text is for finding the class."
                        )

    @staticmethod
    def _alone(function: Function, old: str) -> list[int]:
        """Texts that are nothing but the name: what ``__name__`` is compared with, or a key."""
        if function.facts.kind == "module" and old in (function.module.facts.exports or ()):
            return []
        operations = function.body.operations
        annotated = {
            index for s in statements_of(function.body.statements) if s[0] == f.ANNOTATED
            for index in range(s[4], s[8] + 1)
        }  # fmt: skip
        return [
            index for index, operation in enumerate(operations)
            if operation and operation[0] == f.CONSTANT and operation[5] == old
            and index not in annotated and not is_of_logger(operations, index)
        ]  # fmt: skip

    def _named(self, name: str) -> list[Class]:
        """The classes of modules under a name."""
        return [
            cls for cls in self.program.classes.values()
            if cls.name == name and self.program.resolve(cls.module, name) is cls
        ]  # fmt: skip

    def _obstacle(self, module: Module, old: str, new: str) -> str:
        for function in (module.functions[0], *self.program.mentioning(old)):
            if new in function.facts.bound or new in function.module.bindings:
                return f"`{function.module.path}` has a `{new}` already."
            if function.module.path in self.blocked:
                return f"`{function.module.path}` can't be edited."
        return ""

    def _refuse(self, reason: str) -> None:
        key = "rename-classes"
        sentence = f"{spelled(self.config, key)} {reason}"
        self.findings.append(finding("ASY504", site_of(self.config, key), sentence))

    # -- factories

    def _factories(self, module: Module) -> None:
        """The module-level factories that make async sessions from now on."""
        body = module.functions[0]
        if FACTORY not in body.facts.names:
            return
        for statement in body.body.statements:
            targets: tuple[Any, ...] = statement[7] if statement[0] == f.ASSIGN else ()
            if len(targets) == 1 and targets[0][0] == f.TO_NAME:
                self._factory(body, statement, targets[0])

    def _factory(self, body: Function, statement: f.Statement, target: tuple[Any, ...]) -> None:
        operations, old = body.body.operations, str(target[1])
        call = operations[statement[8]]
        variable, draft = Variable(body.module, old), self.draft(body.module)
        if call[0] != f.CALL or self.program.variable_expression(variable) is None:
            return
        made = operations[call[5]]
        if made[0] not in (f.NAME, f.ATTRIBUTE) or not self._turns(draft, call, made):
            return
        new = source_beside_name(old)
        if "async" in old.lower() or self._obstacle(body.module, old, new):
            return
        site = draft.site(call)
        node = NodeRef("Name", target[2], old)
        draft.add(RenameReference(node=node, site=site, new=new))
        source = _WRAPPER.format(
            old=old, new=new, any=draft.spell("typing.Any"), session=draft.spell(ASYNC_SESSION)
        )
        draft.spell("warnings")
        draft.add(
            InsertStatements(
                node=call_reference(body, statement[8]), site=site, source=source, where="after"
            )
        )
        self._references(variable, old, new)
        self._texts(variable, (old, new))

    @staticmethod
    def _turns(draft: Draft, call: f.Operation, made: f.Operation) -> bool:
        """Does the call make a factory of async sessions from now on? 1.4 has no class for it."""
        renamed, node = reference(made), ("Call", call[3])
        return any(
            (isinstance(d, RenameReference) and d.node == renamed
             and d.new.endswith(ASYNC_FACTORY))
            or (isinstance(d, EditArguments) and (d.node.kind, d.node.number) == node
                and "class_" in dict(d.set_keywords))
            for d in draft.decisions
        )  # fmt: skip

    # -- references

    def _references(self, symbol: Symbol, old: str, new: str) -> None:
        for function in self.program.mentioning(old):
            scope = function.parent or function
            self._used(function, scope, function.signature.operations, symbol, (old, new))
            self._used(function, function, function.body.operations, symbol, (old, new))
            self._annotated(function, symbol, old, new)
            self._listed(function, symbol, old, new)
        for module in list(self.program.modules.values()):
            self._imports(module, symbol, old, new)

    def _imports(self, module: Module, symbol: Symbol, old: str, new: str) -> None:
        for item in module.facts.imports:
            if item.name == old and self.program.resolve_import(module, item) == symbol:
                site = Site(module.path, item.line, item.column)
                keeps = self._hands_on(module, symbol, new)
                self._import(self.draft(module), item.number, site, (old, new), keeps)
        inside = [fn for fn in module.functions[1:] if fn.imports_inside]
        for statement in (s for fn in inside for s in statements_of(fn.body.statements)):
            if statement[0] != f.IMPORT:
                continue
            for local, source, name, level in statement[7]:
                item = f.Import(local, source, name, level, *statement[1:4])
                if name == old and self.program.resolve_import(module, item) == symbol:
                    site = Site(module.path, statement[1], statement[2])
                    self._import(self.draft(module), statement[3], site, (old, new))

    def _hands_on(self, module: Module, symbol: Symbol, new: str) -> bool:
        """Is a factory only imported here so that others find it, under the old name too?"""
        return isinstance(symbol, Variable) and not any(
            isinstance(d, RenameReference) and d.new == new for d in self.draft(module).decisions
        )

    @staticmethod
    def _import(
        draft: Draft, number: int, site: Site, names: tuple[str, str], keeps: bool = False
    ) -> None:
        old, new = names
        node = NodeRef("ImportFrom", number)
        draft.add(RenameName(node=node, site=site, old=old, new=new, keeps=keeps))
        if draft.drops(old):
            draft.drop(new)

    def _used(
        self,
        function: Function,
        scope: Function,
        operations: tuple[f.Operation, ...],
        symbol: Symbol,
        names: tuple[str, str],
    ) -> None:
        draft, (old, new) = self.draft(function.module), names
        renamed = {d.node for d in draft.decisions if isinstance(d, RenameReference)}
        for index, operation in enumerate(operations):
            if not operation:
                continue
            if (
                self._is_named(operation, old)
                and self.program.resolve_expression(scope, operations, index) == symbol
                and reference(operation) not in renamed
            ):
                site = draft.site(operation)
                decision = RenameReference(node=reference(operation), site=site, new=new)
                self._add(function, decision)

    def _add(self, function: Function, decision: Decision) -> None:
        self.draft(function.module).add(decision)
        self._made.setdefault(function, []).append(decision)

    @staticmethod
    def _is_named(operation: f.Operation, old: str) -> bool:
        place = {f.NAME: 5, f.ATTRIBUTE: 6}.get(operation[0])
        return place is not None and bool(operation[place] == old)

    @staticmethod
    def _call(operations: tuple[f.Operation, ...], index: int) -> NodeRef:
        operation = operations[index]
        callee = operations[operation[5]]
        name = callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
        return NodeRef("Call", operation[3], name)

    def _annotated(self, function: Function, symbol: Symbol, old: str, new: str) -> None:
        """The names inside annotations that are strings."""
        for where, operations, index, number in _annotations(function):
            if index >= 0 and self._in_string(where, operations, index, symbol, old):
                site = self.draft(function.module).site(operations[index])
                self._annotation(function, number, site, (old, new))

    def _in_string(
        self,
        scope: Function,
        operations: tuple[f.Operation, ...],
        index: int,
        symbol: Symbol,
        old: str,
    ) -> bool:
        return any(
            inside is not operations
            and self._is_named(inside[part], old)
            and self.program.resolve_expression(scope, inside, part) == symbol
            for inside, part in parts_of(operations, index)
        )

    def _annotation(
        self, function: Function, number: int, site: Site, names: tuple[str, str]
    ) -> None:
        """One decision for each annotation: with what is renamed in it already."""
        draft, node = self.draft(function.module), NodeRef("Annotation", number)
        alone = EditAnnotation(node=node, site=site, renames=(names,))
        self._made.setdefault(function, []).append(alone)
        for decision in list(draft.decisions):
            if isinstance(decision, EditAnnotation) and decision.node == node:
                del draft.decisions[decision]
                draft.add(replace(decision, renames=(*decision.renames, names)))
                return
        draft.add(alone)

    def _listed(self, function: Function, symbol: Symbol, old: str, new: str) -> None:
        """The lists of a module's names."""
        if function.facts.kind != "module" or self.program.resolve(function.module, old) != symbol:
            return
        for number, site in self._lists(function):
            node, keeps = NodeRef("Assign", number), isinstance(symbol, Variable)
            self.draft(function.module).add(
                RenameName(node=node, site=site, old=old, new=new, keeps=keeps)
            )

    @staticmethod
    def _lists(body: Function) -> Iterator[tuple[int, Site]]:
        for statement in body.body.statements:
            if statement[0] == f.ASSIGN and any(
                t[0] == f.TO_NAME and t[1] == "__all__" for t in statement[7]
            ):
                yield statement[3], Site(body.module.path, statement[1], statement[2])
