"""Calls on objects of which nothing is known: whose method may that be?

A registry, the state of an application, a container of dependencies or a parameter without an
annotation hide what an object is. Then the method's name is all there is: it is one of the
program's methods of that name, if these take such arguments, unless libraries have the name too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from asyncify import facts as f
from asyncify.analysis import looked_up
from asyncify.analysis import values as v
from asyncify.analysis.computed_names import shape
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.infer import Inference
from asyncify.analysis.members import is_super
from asyncify.analysis.program import Function
from asyncify.vocabulary.common import COMMON, NAMESPACES, REGISTERED
from asyncify.vocabulary.tasks import OF_METHODS

_IMPORT = "importlib.import_module"
_FEW = 8  # more methods of one name say nothing


class ByName:
    """The methods of a program, by name."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self._registered: dict[str, tuple[Function, ...]] = {}
        self._functions: dict[str, tuple[Function, ...]] | None = None

    def names(self, name: str) -> bool:
        """May a member of that name be a function of the program?"""
        return bool(self.inference.methods_named(name) or self.registered(name))

    def registered(self, name: str) -> tuple[Function, ...]:
        """What a library's object may give as an attribute of that name: the functions that its
        decorators were given."""
        if name not in REGISTERED:
            return ()
        if name not in self._registered:
            kind, decorators = REGISTERED[name]
            program = self.inference.program
            words = decorators if program.mentioning(kind) else ()
            modules = {function.module: None for function in program.mentioning(kind)}
            self._registered[name] = tuple(
                function for module in modules for function in module.functions
                if words and function.facts.kind == "def" and any(
                    decorator.rpartition(".")[2] in words and "." in decorator
                    for decorator in self.inference.decorators(function)
                )
            )  # fmt: skip
        return self._registered[name]

    def functions(self, name: str) -> tuple[Function, ...]:
        """The functions of modules that have a name."""
        if self._functions is None:
            found: dict[str, list[Function]] = {}
            for module in self.inference.program.modules.values():
                for function in module.functions:
                    if function.facts.parent == 0 and function.facts.kind == "def":
                        found.setdefault(function.name, []).append(function)
            self._functions = {name: tuple(functions) for name, functions in found.items()}
        return self._functions.get(name, ())

    def candidates(self, evaluation: Evaluation, operation: f.Operation) -> tuple[Function, ...]:
        """What a call of a method may run, where neither it nor its object is known."""
        callee = evaluation.operations[operation[5]]
        if callee[0] != f.ATTRIBUTE:
            return self._looked_up(evaluation, operation)
        if imports(evaluation.values[callee[5]]):
            found = tuple(
                fn for fn in self.functions(callee[6])
                if self._is_awaited(fn) and self._takes(fn, operation)
            )  # fmt: skip
            return found if len(found) <= _FEW else ()
        methods = self._methods(evaluation, operation)
        if methods is None:
            return ()
        found = tuple(method for method in methods if self._is_awaited(method))
        given = self.registered(callee[6])
        return found + self._named(given, callee, evaluation) if len(found) <= _FEW else ()

    def managers(self, evaluation: Evaluation, index: int) -> tuple[Function, ...]:
        """What ``with store.folder(key)`` may enter, where nothing is known of the store."""
        return self._given(evaluation, index, is_manager=True)

    def generators(self, evaluation: Evaluation, index: int) -> tuple[Function, ...]:
        """What ``for row in store.rows()`` may go through, where nothing is known of the store."""
        return self._given(evaluation, index, is_manager=False)

    def _given(
        self, evaluation: Evaluation, index: int, *, is_manager: bool
    ) -> tuple[Function, ...]:
        """The generators of the program that a call by name may make, and nothing else of it but
        what these override."""
        operation = evaluation.operations[index]
        if operation[0] != f.CALL or evaluation.operations[operation[5]][0] != f.ATTRIBUTE:
            return ()
        methods = self._methods(evaluation, operation) or ()
        found = tuple(
            method for method in methods if method.facts.is_generator
            and not method.facts.is_async and self.inference.is_manager(method) == is_manager
        )  # fmt: skip
        others = (method for method in methods if method not in found)
        is_sure = found and all(
            method.owner is not None
            and not set(found).isdisjoint(self.inference.methods(method.owner, method.name))
            for method in others
        )
        return found if is_sure and len(found) <= _FEW else ()

    def _methods(
        self, evaluation: Evaluation, operation: f.Operation
    ) -> tuple[Function, ...] | None:
        """The methods of the name that is called, which take such arguments; None where the call
        can't be one of theirs."""
        callee = evaluation.operations[operation[5]]
        found = self.inference.methods_named(callee[6])
        if not (found or self.registered(callee[6])):
            return None
        if not is_hidden(evaluation.values[operation[5]]):
            return None
        if evaluation.values[callee[5]] and not evaluation.values[operation[5]]:
            return None  # something known, which has no such member
        if is_super(evaluation, callee[5]):
            return None
        if callee[6] in COMMON:
            name = _plain(_identifier(evaluation.operations[callee[5]]))
            found = tuple(
                method for method in found if method.owner and name and any(
                    _plain(cls.name) == name and cls.find(method.name) is method
                    for cls in (method.owner, *method.owner.descendants())
                )
            )  # fmt: skip
        return tuple(method for method in found if self._takes(method, operation))

    def _looked_up(self, evaluation: Evaluation, operation: f.Operation) -> tuple[Function, ...]:
        """``getattr(service, action)(...)``, and of a module that is imported by its name."""
        known = evaluation.values[operation[5]]
        given = looked_up.lookup(evaluation, operation[5])
        found: Iterable[Function] = ()
        if given is not None and imports(evaluation.values[given[6][0]]):
            found = self._in_modules(evaluation, given)
        elif is_imported(known):
            found = self._few([fn for name in _members(known) for fn in self.functions(name)])
        elif given is not None and not known:
            found = looked_up.methods(evaluation, given)
        taking = dict.fromkeys(
            fn for fn in found if self._is_awaited(fn) and self._takes(fn, operation)
        )
        return tuple(taking)

    def _in_modules(self, evaluation: Evaluation, given: f.Operation) -> Sequence[Function]:
        """``getattr(import_module(name), "handle")``"""
        program = evaluation.program
        layout = evaluation.inference.layout(evaluation.function)
        named = shape(program, layout, given[6][1])
        places = looked_up.calls(evaluation, given[6][0], _IMPORT.rpartition(".")[2])
        within = [shape(program, layout, call[6][0]) for call in places if call[6]]
        self.functions("")
        found = tuple(
            function for name, functions in (self._functions or {}).items()
            if named.fits(name) for function in functions
            if not within or any(each.fits(function.module.name) for each in within)
        )  # fmt: skip
        return self._few(found)

    @staticmethod
    def _few(found: Sequence[Function]) -> Sequence[Function]:
        return found if len(found) <= _FEW else ()

    def _named(
        self, given: tuple[Function, ...], callee: f.Operation, evaluation: Evaluation
    ) -> tuple[Function, ...]:
        """``tool.fn(...)``: those of the decorator that the object is called as, if it is."""
        called = _plain(_identifier(evaluation.operations[callee[5]])) if given else ""
        own = tuple(
            function for function in given
            if any(d.endswith(f".{called}") for d in self.inference.decorators(function))
        )  # fmt: skip
        return own or given

    def _is_awaited(self, method: Function) -> bool:
        """May a call of a method be awaited once it turns?"""
        return not method.facts.is_generator and (
            not method.signature_is_decorated or self._is_plain(method)
        )

    def _takes(self, method: Function, operation: f.Operation) -> bool:
        """Can a method be called with such arguments?"""
        parameters = [p for p in method.signature.parameters if p.kind in ("p", "a")]
        if method.owner is not None and "staticmethod" not in self.inference.decorators(method):
            parameters = parameters[1:]
        kinds = {p.kind for p in method.signature.parameters}
        names = {p.name for p in method.signature.parameters}
        keywords = {name for name, _ in operation[7]}
        if None in keywords or any(index < 0 for index in operation[6]):
            return True
        if len(operation[6]) > len(parameters) and "*" not in kinds:
            return False
        if not keywords <= names and "**" not in kinds:
            return False
        wanted = [p.name for p in parameters[len(operation[6]) :] if p.default < 0]
        return keywords >= set(wanted)

    def _is_plain(self, method: Function) -> bool:
        return OF_METHODS.issuperset(self.inference.decorators(method))


def imports(value: v.Value) -> bool:
    """Is it a module that is imported by a name which nobody knows?"""
    return any(isinstance(a, v.ForeignInstance) and a.name == _IMPORT for a in value)


def is_imported(value: v.Value) -> bool:
    """Is it something of such a module?"""
    return any(isinstance(a, v.Foreign) and a.name.startswith(f"{_IMPORT}().") for a in value)


def _members(value: v.Value) -> Iterator[str]:
    """The names of what is one of such a module's."""
    for atom in value:
        if isinstance(atom, v.Foreign):
            name = atom.name.removeprefix(f"{_IMPORT}().")
            if name.isidentifier():
                yield name


def is_hidden(value: v.Value) -> bool:
    """Is nothing known of a method, or only that a library's object leads to it:
    ``request.app.state.users.create``?"""
    return all(
        isinstance(atom, v.Foreign)
        and (("." in atom.name.rpartition("().")[2] and "()." in atom.name)
             or atom.name.startswith(NAMESPACES))
        for atom in value
    )  # fmt: skip


def _identifier(operation: f.Operation) -> str:
    """The last name of an expression."""
    if operation[0] == f.NAME:
        return str(operation[5])
    return str(operation[6]) if operation[0] == f.ATTRIBUTE else ""


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
