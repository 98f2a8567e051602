"""Link: the facts of all files become one ``Program`` of modules, functions and classes.

Names are resolved through imports, re-exports and star imports to what defines them. Nothing here
knows SQLAlchemy.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from asyncify import facts as f
from asyncify.analysis.import_roots import ImportRoots
from asyncify.analysis.lazy_modules import HOOK, lazy_modules
from asyncify.analysis.statements import names_assigned, statements_of
from asyncify.analysis.symbols import VARIABLE, Binding, Class, Function, Module, Symbol, Variable

__all__ = ["Binding", "Class", "Function", "Module", "Program", "Symbol", "Variable"]


class Program:
    """All modules, and the resolution of names between them."""

    def __init__(
        self,
        files: Iterable[tuple[str, f.ModuleFacts]],
        roots: tuple[str, ...] = (),
        projects: tuple[str, ...] = (),
        known: frozenset[str] = frozenset(),
        threading: frozenset[str] = frozenset(),
    ) -> None:
        """``known`` are dotted names of what libraries are known to have, ``threading`` those of
        the decorators that run a function in a thread."""
        self.modules: dict[str, Module] = {}  # by path
        self.classes: dict[Function, Class] = {}
        self._known = known
        self._known_modules = {name.rpartition(".")[0] for name in known}
        self._named: dict[tuple[str, str, int], Module | None] = {}
        self._resolved: dict[tuple[Module, str], Symbol | None] = {}
        facts = dict(files)
        self._layout = ImportRoots(facts, roots, projects)
        for path, module_facts in facts.items():
            self.modules[path] = Module(path, self._layout.name(path), module_facts)
        for module in self.modules.values():
            self._add_functions(module)
        self._by_name: dict[str, list[Function]] | None = None
        self._by_member: dict[str, list[Function]] = {}
        self._nameable: dict[tuple[Module, Function], bool] = {}
        self._renamed: dict[str, list[tuple[Module, str]]] | None = None
        self._assignments: dict[Module, dict[str, tuple[int, ...]]] = {}
        self._lazy: dict[Module, tuple[Module, ...]] = {}
        for cls in self.classes.values():
            self._add_bases(cls)
        for name in sorted(threading):
            self._mark_threaded(name)

    # -- building

    def _add_functions(self, module: Module) -> None:
        functions = module.functions
        for index, facts in enumerate(module.facts.functions):
            parent = functions[facts.parent] if facts.parent >= 0 else None
            owner = None
            if parent is not None:
                parent.has_children = True
                if parent.facts.kind == "class":
                    owner = self.classes[parent]
            function = Function(module, index, facts, parent, owner)
            functions.append(function)
            if facts.declared:
                module.bindings.update(dict.fromkeys(_made_global(function), VARIABLE))
            if facts.kind == "class":
                self.classes[function] = Class(module, function)
            elif owner is not None and facts.kind == "def":
                owner.methods[_key(owner, function)] = function
        bindings = module.bindings
        for name in functions[0].facts.bound:
            bindings[name] = VARIABLE
        for item in module.facts.imports:
            if item.name == "*":
                module.stars.append(item)
            elif item.local and item.local not in functions[0].facts.declared:
                known = bindings.get(item.local, VARIABLE).value
                if not (isinstance(known, f.Import) and self._is_fallback(module, known, item)):
                    bindings[item.local] = Binding("import", item)
        for function in functions:
            if function.facts.parent == 0 and function.facts.kind in ("def", "class"):
                value = self.classes.get(function, function)
                bindings[function.name] = Binding(function.facts.kind, value)

    def _is_fallback(self, module: Module, item: f.Import, other: f.Import) -> bool:
        """Is one import there for older lines of a library that lack the other? ``except
        ImportError: from sqlalchemy.orm import sessionmaker as async_sessionmaker``."""
        library = item.module.partition(".")[0]
        if item.level or other.level or library != other.module.partition(".")[0]:
            return False
        if any(name.partition(".")[0] == library for name in self._by_own_name):
            return False
        return any(
            _imports_at(statement[7], item.line)
            and any(_imports_at(handler[2], other.line) for handler in statement[8])
            for statement in statements_of(module.functions[0].body.statements)
            if statement[0] == f.TRY
        )

    def _mark_threaded(self, name: str) -> None:
        """Functions below ``@sync_to_async`` are coroutine functions for all who call them."""
        last = name.rpartition(".")[2]
        for module in dict.fromkeys(scope.module for scope in self.mentioning(last)):
            for function in module.functions:
                if function.facts.kind != "def" or function.facts.is_async:
                    continue
                operations, scope = function.signature.operations, function.parent or function
                for index in function.signature.decorators:
                    callee = operations[index][5] if operations[index][0] == f.CALL else index
                    if self.resolve_expression(scope, operations, callee) == name:
                        function.facts = function.facts._replace(is_async=True)
                        function.in_thread = True

    def _add_bases(self, cls: Class) -> None:
        signature = cls.body.signature
        parent = cls.body.parent
        assert parent is not None
        for index in signature.bases:
            symbol = self.resolve_expression(
                parent, signature.operations, index if index >= 0 else ~index
            )
            if isinstance(symbol, Class):
                cls.bases.append(symbol)
                symbol.subclasses.append(cls)
            elif isinstance(symbol, str):
                cls.bases.append(symbol)
            else:
                # A variable (`Base = declarative_base()`) stands for itself.
                name = dotted(signature.operations, index) if symbol is None else ""
                cls.bases.append(symbol if isinstance(symbol, Variable) else name)
        for base in self._bases_below(cls):
            cls.bases.append(base)
            base.subclasses.append(cls)

    def _bases_below(self, cls: Class) -> list[Class]:
        """The classes that a base which a call makes was given: ``declarative_base(cls=Mixin)``."""
        parent, signature = cls.body.parent, cls.body.signature
        found: list[Class] = []
        for number, index in enumerate(signature.bases):
            base = cls.bases[number]
            made: tuple[Any, Any, int] | None = (parent, signature.operations, index)
            if isinstance(base, Variable):
                made = self.variable_expression(base)
            elif base or index < 0:
                continue
            if made is not None:
                found += self._classes_given(*made)
        return [each for each in found if each is not cls and each not in cls.bases]

    def _classes_given(
        self, function: Function, operations: tuple[f.Operation, ...], index: int
    ) -> list[Class]:
        """The classes of the program among the arguments of a call."""
        if operations[index][0] != f.CALL:
            return []
        positional, keywords = operations[index][6:8]
        symbols = (
            self.resolve_expression(function, operations, argument)
            for argument in (*positional, *(value for _, value in keywords))
            if argument >= 0
        )
        return [symbol for symbol in symbols if isinstance(symbol, Class)]

    # -- resolving

    def module_named(self, name: str, importer: Module, level: int = 0) -> Module | None:
        """The module that an import statement in ``importer`` means, if it is in the program."""
        key = (name, importer.folder, level)
        if key not in self._named:
            path = self._layout.find(name, importer.path, importer.folder, level)
            self._named[key] = self.modules.get(path) if path else None
        return self._named[key]

    def spelling(self, module: Module, importer: Module) -> str:
        """The dotted name by which a file would import a module: its own, or behind the folders
        that the file's own imports, or those of others, begin with."""
        found = (f"{before}{module.name}" for before in (*self._before(importer), *self._lead))
        return next(
            (name for name in found if self.module_named(name, importer) is module), module.name
        )

    @cached_property
    def _lead(self) -> tuple[str, ...]:
        """What dotted names of files of the program begin with, before the files' own."""
        return tuple(dict.fromkeys(x for each in self.modules.values() for x in self._before(each)))

    def _before(self, importer: Module) -> Iterator[str]:
        """The same of one file, most of which have none: `shop.` in `shop.models.store`, where
        `shop` is no package."""
        for item in importer.facts.imports:
            for name in (item.module, f"{item.module}.{item.name}") if not item.level else ():
                target = self.module_named(name, importer)
                if target is not None and name.endswith(f".{target.name}"):
                    yield name.removesuffix(target.name)

    def imported_modules(self, module: Module) -> set[Module]:
        """The modules of the program that a module imports at its own level."""
        found: set[Module] = set()
        for item in module.facts.imports:
            package = self.module_named(item.module, module, item.level)
            if package is None:
                continue
            found.add(package)
            if item.name and package.is_package:
                inner = self.module_named(item.name, package, 1)
                found |= {inner} if inner is not None else set()
        return found

    def imported_inside(self, function: Function) -> Iterator[Module]:
        """The modules of the program that a function's own import statements mean."""
        for _, name, member, level in function.facts.imports:
            package = self.module_named(name, function.module, level)
            if package is not None:
                yield package
                inner = (
                    self.module_named(member, package, 1) if member and package.is_package else None
                )
                if inner is not None:
                    yield inner

    def resolve(self, module: Module, name: str) -> Symbol | None:
        """What a module-level name means, through imports and re-exports; None if unknown."""
        key = (module, name)
        if key not in self._resolved:
            self._resolved[key] = self._resolve(module, name, frozenset())
        return self._resolved[key]

    def named(self, whole: str) -> Symbol | None:
        """What a dotted name means that is written as a string: ``"app.services.Users"``."""
        owner, _, last = whole.rpartition(".")
        module = self._by_module_name.get(owner)
        if module is not None:
            return self.resolve(module, last)
        held = self.named(owner) if "." in owner else None
        method = held.methods.get(last) if isinstance(held, Class) else None
        if isinstance(held, Variable):
            method = self.method_of(held, last)
        return method or self._by_module_name.get(whole)

    def method_of(self, variable: Variable, name: str) -> Function | None:
        """A method of the object that a module has made: ``users = Users()``, ``users.current``."""
        place = self.variable_expression(variable)
        made = place[1][place[2]] if place is not None else ()
        if place is None or made[0] != f.CALL:
            return None
        cls = self.resolve_expression(place[0], place[1], made[5])
        return cls.find(name) if isinstance(cls, Class) else None

    @cached_property
    def _by_module_name(self) -> dict[str, Module]:
        """The modules by all the dotted names that they may be imported under."""
        found: dict[str, Module] = {}
        for module in self.modules.values():
            parts = module.path.removesuffix(".py").removesuffix("/__init__").split("/")
            for start in range(len(parts)):
                found.setdefault(".".join(parts[start:]), module)
        found.update(self._by_own_name)
        return found

    def _resolve(self, module: Module, name: str, _seen: frozenset[Any]) -> Symbol | None:
        key = (module.path, name)
        if key in _seen:
            return None
        seen = _seen | {key}
        binding = module.bindings.get(name)
        if binding is None:
            found = self._starred(module, name, seen) or self._lazily(module, name, seen)
            if found is None and module.is_package:
                return self.module_named(name, module, 1)
            return found
        if binding.kind == "import":
            return self.resolve_import(module, binding.value, seen)
        if binding.kind == "variable":
            return Variable(module, name)
        value: Symbol = binding.value
        return value

    def _starred(self, module: Module, name: str, seen: frozenset[Any]) -> Symbol | None:
        """What a name means that only ``from package import *`` may bring. The library's modules
        aren't seen: none of them has a builtin; of several, one that is known to have the name."""
        guesses: list[str] = []
        for star in reversed(module.stars):
            source = self.module_named(star.module, module, star.level)
            if source is not None:
                found = self._resolve(source, name, seen)
                if found is not None and not isinstance(found, str):
                    return found
                guesses += [found] if found is not None else []
            elif star.level == 0 and not hasattr(builtins, name):
                guesses.append(f"{star.module}.{name}")
        known = [guess for guess in guesses if guess in self._known]
        known += [g for g in reversed(guesses) if g.rpartition(".")[0] in self._known_modules]
        return next(iter((*known, *guesses)), None)

    def _lazily(self, module: Module, name: str, seen: frozenset[Any]) -> Symbol | None:
        """What a name means that the module's ``__getattr__`` gives."""
        if HOOK not in module.bindings or name == HOOK:
            return None
        if module not in self._lazy:
            self._lazy[module] = lazy_modules(module, self.module_named, self._assigned)
        found = (self._resolve(source, name, seen) for source in self._lazy[module])
        return next((x for x in found if x is not None), None)

    def resolve_import(
        self, module: Module, item: Any, _seen: frozenset[Any] = frozenset()
    ) -> Symbol | None:
        """What one imported name means. ``item`` has ``module``, ``name`` and ``level``."""
        target = self.module_named(item.module, module, item.level)
        if item.name is None:
            return target or item.module
        if target is not None:
            if item.name in target.bindings or target.stars or HOOK in target.bindings:
                found = self._resolve(target, item.name, _seen)
                if found is not None:
                    return found
            inner = f"{item.module}.{item.name}" if item.module else item.name
            return self.module_named(inner, module, item.level) or self._resolve(
                target, item.name, _seen
            )
        inner = f"{item.module}.{item.name}" if item.module else item.name
        found_module = self.module_named(inner, module, item.level)
        if found_module is not None:
            return found_module
        return inner if item.level == 0 else None

    def member(self, symbol: Symbol | None, name: str) -> Symbol | None:
        """What ``symbol.name`` means for a module or something foreign."""
        if isinstance(symbol, Module):
            found = self.resolve(symbol, name)
            if found is None:
                found = self.module_named(name, symbol, 1) if symbol.is_package else None
            return found
        if isinstance(symbol, str):
            whole = f"{symbol}.{name}"  # a folder without `__init__.py` is no module, but has some
            return self._by_own_name.get(whole, whole)
        return None

    @cached_property
    def _by_own_name(self) -> dict[str, Module]:
        return {module.name: module for module in self.modules.values()}

    def lookup(self, function: Function, name: str) -> Symbol | None:
        """What a free name means where ``function`` is defined: enclosing functions' nested
        definitions and imports first, then the module."""
        scope: Function | None = function
        while scope is not None and scope.facts.kind != "module":
            if name in scope.facts.bound and (scope is function or scope.facts.kind != "class"):
                binding = scope.local_bindings.get(name)
                if binding is not None:
                    found: Symbol = self.classes.get(binding.value, binding.value)
                    return found
                imported = self._local_import(scope, name)
                if imported is not None:
                    return imported
                if scope.facts.kind != "class" or not _only_annotated(scope, name):
                    return None
            scope = scope.parent
        return self.resolve(function.module, name)

    def _local_import(self, function: Function, name: str) -> Symbol | None:
        for local, module, imported, level in function.facts.imports:
            if local == name:
                item = f.Import(local, module, imported, level, 0, 0, 0)
                return self.resolve_import(function.module, item)
        return None

    def resolve_expression(
        self, function: Function, operations: tuple[f.Operation, ...], index: int
    ) -> Symbol | None:
        """What a name, a dotted name or a generic (``Base[T]``) in ``function`` refers to."""
        operation = operations[index]
        if operation[0] == f.NAME:
            return self.lookup(function, operation[5])
        if operation[0] == f.ATTRIBUTE:
            return self.member(
                self.resolve_expression(function, operations, operation[5]), operation[6]
            )
        if operation[0] == f.SUBSCRIPT:
            return self.resolve_expression(function, operations, operation[5])
        return None

    # -- module-level variables

    def variable_expression(
        self, variable: Variable
    ) -> tuple[Function, tuple[f.Operation, ...], int] | None:
        """The one expression that a module-level variable is assigned, if there is one."""
        found = self._assigned(variable.module).get(variable.name, ())
        body = variable.module.functions[0]
        return (body, body.body.operations, found[0]) if len(found) == 1 else None

    def values_assigned(self, variable: Variable) -> tuple[int, ...]:
        """The operations of its module's body that a variable is assigned."""
        return self._assigned(variable.module).get(variable.name, ())

    def _assigned(self, module: Module) -> dict[str, tuple[int, ...]]:
        """The operations that module-level variables are assigned."""
        if module not in self._assignments:
            table: dict[str, tuple[int, ...]] = {}
            for statement in statements_of(module.functions[0].body.statements):
                for name, value in names_assigned(statement):
                    table[name] = (*table.get(name, ()), value)
            self._assignments[module] = table
        return self._assignments[module]

    # -- indexes

    def mentioning(self, name: str) -> list[Function]:
        """The functions, class bodies and module bodies in which an identifier occurs."""
        if self._by_name is None:
            index: dict[str, list[Function]] = {}
            for module in self.modules.values():
                for function in module.functions:
                    for word in function.facts.names:
                        index.setdefault(word, []).append(function)
            self._by_name = index
        return self._by_name.get(name, [])

    def mentioning_member(self, name: str) -> list[Function]:
        """Those in which it may be the name of an attribute."""
        found = self._by_member.get(name)
        if found is None:
            found = [fn for fn in self.mentioning(name) if name in fn.facts.members]
            self._by_member[name] = found
        return found

    def methods_named(self, name: str) -> tuple[Function, ...]:
        """The methods of that name of all classes."""
        return self._methods_by_name.get(name, ())

    @cached_property
    def _methods_by_name(self) -> dict[str, tuple[Function, ...]]:
        found: dict[str, list[Function]] = {}
        for cls in self.classes.values():
            for method in cls.methods.values():
                found.setdefault(method.name, []).append(method)
        return {name: tuple(methods) for name, methods in found.items()}

    def may_name(self, candidate: Function, function: Function) -> bool:
        """May a name that occurs in ``candidate`` mean a module-level function of the program?"""
        module = candidate.module
        if module is function.module or module.stars:
            return True
        scope: Function | None = candidate
        while scope is not None and scope.parent is not None:
            if scope.imports_inside:
                return True
            scope = scope.parent
        key = (module, function)
        if key not in self._nameable:
            self._nameable[key] = self._reaches(module, function)
        return self._nameable[key]

    def _reaches(self, module: Module, function: Function) -> bool:
        """Does a module import the function, or a module or package through which it is reached?"""
        for local, binding in module.bindings.items():
            if binding.kind != "import":
                continue
            if local == function.name:
                return True
            symbol = self.resolve(module, local)
            if isinstance(symbol, Module) and (
                symbol is function.module
                or symbol.is_package
                or symbol.stars
                or function.name in symbol.bindings
            ):
                return True
        return False

    def imported_as(self, symbol: Function | Class) -> list[tuple[Module, str]]:
        """Where something is imported under another name: pairs of module and local name."""
        found = self._imports_renamed().get(symbol.name, ())
        return [(m, local) for m, local in found if self.resolve(m, local) is symbol]

    def imported_names(self, name: str) -> list[str]:
        """The other names under which something of that name is imported."""
        return sorted({local for _, local in self._imports_renamed().get(name, ())})

    def _imports_renamed(self) -> dict[str, list[tuple[Module, str]]]:
        if self._renamed is None:
            self._renamed = {}
            for module in self.modules.values():
                for item in module.facts.imports:
                    if item.name and item.local and item.name not in ("*", item.local):
                        self._renamed.setdefault(item.name, []).append((module, item.local))
        return self._renamed

    def functions(self) -> Iterator[Function]:
        for module in self.modules.values():
            yield from module.functions


def holder_of(function: Function, name: str) -> Function | None:
    """The enclosing function whose variable a name is that a function doesn't hold itself."""
    scope = function.parent
    while scope is not None and scope.facts.kind != "module":
        facts = scope.facts
        if facts.kind != "class" and name in facts.bound and name not in facts.declared:
            return scope
        scope = scope.parent
    return None


def _made_global(function: Function) -> set[str]:
    """The names of its module that a function assigns; a nonlocal one is another function's, which
    is told that it isn't alone in assigning it."""
    names = set(function.facts.declared) & function.facts.bound
    for name in sorted(names):
        holder = holder_of(function, name)
        if holder is not None:
            holder.rebound |= {name}
            names.remove(name)
    return names


def _only_annotated(scope: Function, name: str) -> bool:
    """Does a class body declare a name without a value? ``Post: Post`` means the outer one."""
    found = [
        s for s in scope.body.statements if s[0] == f.ANNOTATED and s[7][:2] == (f.TO_NAME, name)
    ]
    return bool(found) and all(s[9] < 0 for s in found)


# What stands beside a property of the same name.
# https://docs.sqlalchemy.org/en/20/orm/extensions/hybrid.html
_BESIDE = ("setter", "deleter", "expression", "comparator", "update_expression")


def _key(owner: Class, function: Function) -> str:
    """The name that a class has a method by; the setter of a property, or the expression of a
    hybrid one, which has the same name, stands beside that as ``name.setter``."""
    name = function.facts.name
    if name not in owner.methods or not function.signature_is_decorated:
        return name
    signature = function.signature
    found = {dotted(signature.operations, index) for index in signature.decorators}
    last = found & {f"{name}.{kind}" for kind in _BESIDE}
    return last.pop() if last else name


def dotted(operations: tuple[f.Operation, ...], index: int) -> str:
    """``a.b.c`` for a chain of names as written, else an empty string."""
    operation = operations[index]
    if operation[0] == f.NAME:
        return str(operation[5])
    parts: list[str] = []
    while operation[0] == f.ATTRIBUTE:
        parts.append(operation[6])
        operation = operations[operation[5]]
    if operation[0] != f.NAME:
        return ""
    return ".".join([operation[5], *reversed(parts)])


def _callee(operations: tuple[f.Operation, ...], index: int) -> int:
    operation = operations[index]
    return operation[5] if operation[0] == f.CALL else index


def _imports_at(block: tuple[f.Statement, ...], line: int) -> bool:
    return any(s[0] == f.IMPORT and s[1] == line for s in block)
