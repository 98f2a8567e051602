"""Bodies, as load states see them: what of a function is the same in every run.

Most operations of most functions have nothing to do with mapped instances. The types tell which
ones can: those whose value may be an instance, and those that do something when they are called.
Everything else is only looked at where something flows into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import generics, load_failures, load_names, load_objects, load_readers
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.load_apart import Apart
from asyncify.analysis.load_schemas import Schema
from asyncify.analysis.load_sessions import session_of
from asyncify.analysis.program import Class, Function, Variable, dotted
from asyncify.analysis.special_uses import tested
from asyncify.analysis.statements import is_bound, statements_of, targets_of
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.names import FUNCTIONS
from asyncify.vocabulary.testing import INVOKING, is_test_path

if TYPE_CHECKING:
    from asyncify.analysis.loading import Loading

# What a type tells of an operation.
INSTANCE = 1  # its value is a mapped instance, or holds one
CALLED = 2  # calling it may do something
SESSION = 4  # it is a method of a session
BEGUN = 8  # it is a Query that a class begins: ``User.query``
PROPERTY = 16  # it is what a property of an object that isn't a model gives
IMPLICIT = 32  # it calls a special method of such an object
TESTED = 64  # somebody wants to know whether it is true
KEPT = 128  # it may be a `select` that a module or a class keeps
Callee = tuple[Function, bool]
_RUNS = {v.ClassObject: "__init__", v.Instance: "__call__"}  # by a call


class Telling:
    """What types tell; asked for each operation, and answered once for each type."""

    def __init__(self, loading: Loading) -> None:
        self.models = loading.models
        self._told: dict[v.Value, int] = {v.UNKNOWN: 0}
        self._models: dict[Class, bool] = {}

    def all(self, values: list[v.Value]) -> list[int]:
        told = self._told
        return [
            (told[value] if value in told else self.of(value)) if value else 0 for value in values
        ]

    def of(self, value: v.Value) -> int:
        found = self._told.get(value)
        if found is None:
            found = 0
            for atom in value:
                found |= self._atom(atom)
            self._told[value] = found
        return found

    def _atom(self, atom: v.Atom) -> int:
        if isinstance(atom, v.Instance):
            if self.is_model(atom.cls):
                return INSTANCE
            runs = any(atom.cls.find(name) is not None for name in ("__call__", "__getitem__"))
            return CALLED if runs else 0
        if isinstance(atom, v.Collection):
            return self.of(atom.items) & INSTANCE
        if isinstance(atom, v.FunctionObject):
            return CALLED
        if isinstance(atom, v.ClassObject):
            made = self.is_model(atom.cls) or atom.cls.find("__init__") is not None
            return CALLED if made else 0
        if isinstance(atom, v.QueryValue):
            return BEGUN if atom.is_begun_by_class else 0
        if isinstance(atom, v.KnownMethod):
            return CALLED | SESSION if session_of(atom) is not None else 0
        if isinstance(atom, v.Foreign):
            client = atom.name.rpartition("().")[0] in words.CLIENTS
            return CALLED if client or FUNCTIONS.get(atom.name) == "Select" else 0
        return 0

    def is_model(self, cls: Class) -> bool:
        """Has a class a table, or relationships, or those of a base?"""
        found = self._models.get(cls)
        if found is None:
            found = self._models[cls] = any(
                self.models.declared(c).table
                or self.models.declared(c).relationships
                or any(name == "table" for name, _ in c.body.signature.keywords)
                for c in cls.ancestors
            )
        return found

    def instances(self, value: v.Value, source: s.Source, nesting: int = 0) -> s.Value:
        """The instances that a type speaks of."""
        if not self.of(value) & INSTANCE:
            return s.NOTHING
        out: set[s.Atom] = set()
        for atom in value:
            if isinstance(atom, v.Instance) and self.is_model(atom.cls):
                out.add(s.Entity(source, (), atom.cls))
            elif isinstance(atom, v.Collection) and nesting < 3:
                out |= s.many(self.instances(atom.items, source, nesting + 1))
        return frozenset(out)


def _is_untold(value: v.Value) -> bool:
    """Does a type say nothing of what the program has put there?"""
    return all(isinstance(a, (v.Foreign, v.ForeignInstance)) for a in value)


class LoadBody:
    """One function's body."""

    def __init__(self, loading: Loading, function: Function) -> None:
        self.loading = loading
        self.function = function
        self.operations = function.body.operations
        evaluation = loading.inference.evaluations.get(function)
        self.types = evaluation.values if evaluation is not None else None
        if self.types is not None:
            self.hot = self._called_by_hand(loading.telling.all(self.types))
        else:  # it wasn't evaluated: anything may happen
            self.hot = self._called_by_hand([INSTANCE | CALLED] * len(self.operations))
        self._by_type: dict[int, s.Value] = {}
        self._told: dict[int, s.Value] = {}
        self._callees: dict[int, list[Callee]] = {}
        self._texts: dict[int, list[str]] = {}
        self._bound: dict[tuple[str, int], bool] = {}

    def _called_by_hand(self, hot: list[int]) -> list[int]:
        """Members of clients and factories have no type of their own, and do something."""
        called = set(self.loading.requests.get(self.function, ()))
        if not self.function.facts.members.isdisjoint(INVOKING):
            called |= {
                index for index, operation in enumerate(self.operations)
                if operation and operation[0] == f.ATTRIBUTE and operation[6] in INVOKING
            }  # fmt: skip
        if not self.function.facts.members.isdisjoint(words.FACTORY_GIVES):
            called |= {
                index for index, operation in enumerate(self.operations)
                if operation and operation[0] == f.ATTRIBUTE
                and operation[6] in words.FACTORY_GIVES
            }  # fmt: skip
        if self.function.owner is not None and self.function.has_children:
            called |= {  # `filter(lambda title: title in self.user.titles, titles)`
                operation[5] for operation in self.operations if operation[:1] == (f.CALL,)
                and any(i >= 0 and self.operations[i][0] == f.LAMBDA for i in operation[6])
            }  # fmt: skip
        if words.RETURNING in self.function.facts.members:
            called |= {
                index for index, operation in enumerate(self.operations)
                if operation and operation[0] == f.ATTRIBUTE and operation[6] == words.RETURNING
            }  # fmt: skip
        if self.loading.has_iterables:
            called |= set(self._going_through())
        read, implicit, held = self.properties, self.implicit_calls, self._selected
        kept = self._named_alike(self.loading.statements.names)
        if not (called or read or implicit or held or kept or self.tested):
            return hot
        return [
            told | (CALLED if n in called else 0) | (PROPERTY if n in read else 0)
            | (IMPLICIT if n in implicit else 0) | (INSTANCE if n in held else 0)
            | (TESTED if n in self.tested else 0) | (KEPT if n in kept else 0)
            for n, told in enumerate(hot)
        ]  # fmt: skip

    @cached_property
    def tested(self) -> frozenset[int]:
        """The operations of which the truth is asked for, if any class says what that is."""
        if not self.loading.has_truths:
            return frozenset()
        return frozenset(tested(self.loading.colors.uses.layout(self.function)))

    @cached_property
    def implicit_calls(self) -> load_objects.Calls:
        return load_objects.calls(self)

    def _named_alike(self, names: frozenset[str]) -> set[int]:
        """The operations that read one of these names, or an attribute of such a name."""
        if names.isdisjoint(self.function.facts.names):
            return set()
        return {
            n for n, operation in enumerate(self.operations)
            if (operation[:1] == (f.NAME,) and operation[5] in names)
            or (operation[:1] == (f.ATTRIBUTE,) and operation[6] in names)
        }  # fmt: skip

    @cached_property
    def _selected(self) -> set[int]:
        """The attributes of objects that may hold what a `select` gave, which has no type."""
        held = self.loading.held
        names = (held.selected | held.names) & self.function.facts.members
        return {
            n for n, operation in enumerate(self.operations)
            if operation[:1] == (f.ATTRIBUTE,) and operation[6] in names
            and self.types is not None and _is_untold(self.types[n])
        } if names else set()  # fmt: skip

    @cached_property
    def properties(self) -> dict[int, tuple[Function, ...]]:
        """The properties of objects that aren't models, by the operations that read them."""
        if self.types is None:
            found = {n: self.own_methods(n, properties=True) for n in range(len(self.operations))}
        else:
            uses = self.loading.colors.uses.of(self.function)
            found = {use.operation: use.callees for use in uses if use.kind == "property"}
        return {
            n: methods for n, methods in found.items()
            if methods and self.operations[n][0] == f.ATTRIBUTE
            and not any(fn.owner is None or self.loading.is_model(fn.owner) for fn in methods)
        }  # fmt: skip

    def own_methods(self, index: int, properties: bool = False) -> tuple[Function, ...]:
        """What ``self.total`` is, in a method whose types nobody has asked for."""
        owner, parameters = self.function.owner, self.function.signature.parameters
        operation = self.operations[index]
        if owner is None or not parameters or operation[:1] != (f.ATTRIBUTE,):
            return ()
        receiver = self.operations[operation[5]]
        is_own = receiver[0] == f.NAME and receiver[5] == parameters[0].name
        if not is_own or not self.function.is_method:
            return ()
        inference = self.loading.inference
        methods = inference.methods(owner, operation[6])
        return tuple(fn for fn in methods if not properties or inference.is_property(fn))

    def _going_through(self) -> Iterator[int]:
        """``enumerate(users)`` of an object with an ``__iter__``."""
        if self.types is None:
            return
        for operation in self.operations:
            if operation[:1] != (f.CALL,) or not any(
                isinstance(atom, v.Foreign) and atom.name in words.GOING_THROUGH
                for atom in self.types[operation[5]]
            ):
                continue
            given = [atom for i in operation[6] if i >= 0 for atom in self.types[i]]
            if any(isinstance(a, v.Instance) and a.cls.find("__iter__") for a in given):
                yield operation[5]

    @cached_property
    def apart(self) -> Apart:
        """The sessions that it makes."""
        return Apart(self.function, self.loading.inference.layout(self.function), self.types)

    @cached_property
    def named_first(self) -> dict[str, int]:
        """The first operation that names each variable."""
        out: dict[str, int] = {}
        for index, operation in enumerate(self.operations):
            if operation and operation[0] == f.NAME:
                out.setdefault(operation[5], index)
        return out

    @cached_property
    def loops_around(self) -> dict[str, list[list[frozenset[int]]]]:
        """By variables: for each statement that sets one, the loops that it is or stands in, as the
        ids of their statements."""
        statements = self.loading.inference.layout(self.function).statements
        loops = [
            frozenset(map(id, statements_of((each,))))
            for each in statements if each[0] in (f.FOR, f.WHILE)
        ]  # fmt: skip
        out: dict[str, list[list[frozenset[int]]]] = {}
        for statement in statements:
            around = [loop for loop in loops if id(statement) in loop]
            for name in {t[1] for t in targets_of(statement) if t[0] == f.TO_NAME}:
                out.setdefault(name, []).append(around)
        return out

    def is_bound(self, name: str, at: f.Statement) -> bool:
        """Has a variable been set when a statement is reached, as far as other statements do?"""
        key = name, id(at)
        if key not in self._bound:
            found = is_bound(self.function.body.statements, name, at)
            self._bound[key] = found is not False or name not in self.loops_around
        return self._bound[key]

    @cached_property
    def is_quiet(self) -> bool:
        """Can nothing happen in it unless it is given instances?"""
        return not any(self.hot)

    @cached_property
    def is_test(self) -> bool:
        """Does the function belong to the tests? They know what fails in them."""
        return is_test_path(self.function.module.path)

    @cached_property
    def closures(self) -> dict[int, list[Function]]:
        """The nested functions that operations name without calling them."""
        if self.types is None or not self.function.has_children:
            return {}
        return {
            n: [
                atom.function for atom in self.types[n]
                if isinstance(atom, v.FunctionObject) and atom.function.parent is self.function
            ]
            for n, o in enumerate(self.operations) if o and o[0] == f.NAME and n not in self.called
        }  # fmt: skip

    @cached_property
    def called(self) -> set[int]:
        """The operations whose values are called at once."""
        return {o[5] for o in self.operations if o and o[0] == f.CALL}

    @cached_property
    def succeeding(self) -> frozenset[int]:
        """The requests that succeed, as the function says itself."""
        return load_failures.succeeding(self.function)

    @cached_property
    def schemas(self) -> list[Schema]:
        return load_readers.response_schemas(self.loading.colors, self.function)

    def by_type(self, index: int) -> s.Value:
        """An instance of which nothing but its class is known."""
        if self.types is not None and not self.hot[index] & INSTANCE:
            return s.NOTHING
        found = self._by_type.get(index)
        if found is None:
            found = self._by_type[index] = self._instances(index)
        return found

    def told(self, index: int) -> s.Value:
        """What a call gives by the type variables of whom it is called on."""
        evaluation = self.loading.inference.evaluations.get(self.function)
        if evaluation is None:
            return s.NOTHING
        found = self._told.get(index)
        if found is None:
            operation = self.operations[index]
            value = v.UNKNOWN.union(
                *(generics.returned(evaluation, operation, fn)
                  for fn, bound in self.callees(operation[5]) if bound)
            )  # fmt: skip
            found = s.NOTHING
            if value:
                source = s.Source("other", self.function, index)
                found = self.loading.telling.instances(value, source)
            self._told[index] = found
        return found

    def iterated(self, index: int) -> s.Value:
        """What a loop over an object binds by its class's type variables."""
        evaluation = self.loading.inference.evaluations.get(self.function)
        if evaluation is None:
            return s.NOTHING
        value = v.UNKNOWN.union(
            *(generics.iterated(evaluation, method, atom.cls, index)
              for atom in evaluation.values[index] if isinstance(atom, v.Instance)
              if (method := atom.cls.find("__iter__")) is not None)
        )  # fmt: skip
        source = s.Source("other", self.function, index)
        return s.many(self.loading.telling.instances(value, source)) if value else s.NOTHING

    def _instances(self, index: int) -> s.Value:
        value = self.types[index] if self.types is not None else v.UNKNOWN
        holder = self._holder(index)
        if holder is None:
            source = s.Source("other", self.function, self._first_read(index))
            if self._is_elsewhere(index):
                source = s.Source("held", self.function.module.functions[0], -1)
            value = self._held(index) if _is_untold(value) else value
            return self.loading.telling.instances(value, source)
        name = self.operations[index][6]
        source = s.Source("held", holder.body, -1)
        s.Entity(source, (), holder)
        held = self.loading.held
        value = value or held.of(holder, name) or held.kept(self, self.operations[index][5], name)
        found = self.loading.telling.instances(value, s.Source("other", self.function, index))
        step = name if any(isinstance(atom, s.Entity) for atom in found) else name + s.EACH
        return s.mapped(found, lambda entity: (s.Entity(source, (step,), entity.cls),))

    def _held(self, index: int) -> v.Value:
        """What an attribute of an object holds that has no type: what a `select` gave."""
        operation, held = self.operations[index], self.loading.held
        if operation[0] != f.ATTRIBUTE or operation[6] not in held.selected | held.names:
            return v.UNKNOWN
        cls, name = self.class_of(operation[5]), operation[6]
        if cls is not None and self.loading.is_model(cls):
            return v.UNKNOWN
        found = held.of(cls, name) if cls is not None and name in held.selected else v.UNKNOWN
        return found or held.kept(self, operation[5], name)

    def _first_read(self, index: int) -> int:
        """Where the function first reads what it reads here, if that is the same all the time: an
        attribute of `self` that only constructors set."""
        text, parameters = dotted(self.operations, index), self.function.signature.parameters
        first, *names = text.split(".")
        own = parameters[0].name if parameters and self.function.is_method else ""
        if not names or first != own:
            return index
        mentioning = self.loading.inference.program.mentioning
        storing = [fn for name in names for fn in mentioning(name) if name in fn.facts.stores]
        if not all(function.is_constructor for function in storing):
            return index
        reads = (i for i, o in enumerate(self.operations) if o and o[0] == f.ATTRIBUTE)
        return next(i for i in reads if dotted(self.operations, i) == text)

    def _holder(self, index: int) -> Class | None:
        """Of ``self.order`` in a function that stays sync: the class of what holds the instance.
        Whoever calls the function can load it there before."""
        operation = self.operations[index]
        if operation[0] != f.ATTRIBUTE or self.function in self.loading.coloring.turned:
            return None
        base, name = self.operations[operation[5]], operation[6]
        parameters: set[str] = set()
        function: Function | None = self.function
        while function is not None and function.facts.kind in ("def", "lambda"):
            parameters |= {parameter.name for parameter in function.signature.parameters}
            function = function.parent  # `self` is seen by what is nested, too
        cls = self.class_of(operation[5])
        while base[0] == f.ATTRIBUTE:  # self.cache.last
            base = self.operations[base[5]]
        if base[0] != f.NAME or base[5] not in parameters or cls is None:
            return None
        if self.loading.is_model(cls) or cls.find(name) is not None:
            return None
        return None if self._is_put_there(cls, name) else cls

    def _is_elsewhere(self, index: int) -> bool:
        """In a function that stays sync: does a variable of a module hold it, ``state["user"]``, an
        object of a library, ``request.state.user``, or one of which nothing else is known? Whoever
        calls the function can't load it there, but may await the function."""
        function, inference = self.function, self.loading.inference
        if function in self.loading.coloring.turned or function.facts.kind != "def":
            return False
        operation, is_part = self.operations[index], False
        if self.read_name(index) in inference.kept.names:
            return True
        while operation[0] in (f.ATTRIBUTE, f.SUBSCRIPT):
            operation, is_part = self.operations[operation[5]], True
        if operation[0] != f.NAME:
            return False
        if is_part and any(p.name == operation[5] for p in function.signature.parameters):
            return True
        return isinstance(inference.program.lookup(function, operation[5]), Variable)

    def read_name(self, index: int) -> str:
        """The name of the attribute that an operation reads: ``a.b``, ``getattr(a, "b", None)``."""
        operation = self.operations[index]
        if operation[0] == f.ATTRIBUTE:
            return str(operation[6])
        if operation[0] != f.CALL or len(operation[6]) < 2 or operation[6][1] < 0:
            return ""
        callee, key = self.operations[operation[5]], self.operations[operation[6][1]]
        is_read = callee[:1] == (f.NAME,) and callee[5] in words.READING
        return str(key[5]) if is_read and key[0] == f.CONSTANT else ""

    def class_of(self, index: int) -> Class | None:
        """The class of an instance, or of ``self`` where the function has no types."""
        if self.types is not None:
            classes = {a.cls if isinstance(a, v.Instance) else None for a in self.types[index]}
            return classes.pop() if len(classes) == 1 else None
        operation, function = self.operations[index], self.function
        while function.facts.kind == "lambda" and function.parent is not None:
            if any(operation[5] == parameter.name for parameter in function.signature.parameters):
                return None
            function = function.parent  # whose `self` it is
        owner, parameters = function.owner, function.signature.parameters
        is_self = bool(parameters) and operation[0] == f.NAME and operation[5] == parameters[0].name
        is_plain = not function.signature_is_decorated
        is_plain = is_plain or self.loading.inference.is_property(function)
        if owner is not None and not is_plain:
            is_plain = function in self.loading.resolvers.get(owner, ())
        return owner if is_self and is_plain else None

    def _is_put_there(self, cls: Class, name: str) -> bool:
        """Does a function that stays sync put an instance there just before: this one, or one that
        it calls?"""
        called = self.function.facts.members
        methods = [
            method for each in cls.ancestors for method in each.methods.values()
            if method.name in called
        ]  # fmt: skip
        return any(
            name in method.facts.stores
            for method in (self.function, *methods)
            if method.name != "__init__" and method not in self.loading.coloring.turned
        )

    def callees(self, index: int) -> list[Callee]:
        """The functions that a call of an operation's value runs, by its type, and whether they
        are bound; in an order that is the same in every run."""
        found = self._callees.get(index)
        if found is None:
            types = self.types[index] if self.types is not None else v.UNKNOWN
            found = self.functions(index) or [
                (run, True) for a in types
                if isinstance(a, (v.ClassObject, v.Instance)) and not self.loading.is_model(a.cls)
                and (run := a.cls.find(_RUNS[type(a)])) is not None
            ]  # fmt: skip
            found.sort(key=lambda callee: (callee[0].module.path, callee[0].index))
            self._callees[index] = found
        return found

    def functions(self, index: int) -> list[Callee]:
        """The functions of the program that an operation's value is."""
        types = self.types[index] if self.types is not None else v.UNKNOWN
        found = [(a.function, a.bound) for a in types if isinstance(a, v.FunctionObject)]
        return sorted(found, key=lambda callee: (callee[0].module.path, callee[0].index))

    def texts(self, index: int) -> list[str]:
        """The names that an expression may give, where they are a closed set."""
        found = self._texts.get(index)
        if found is None:
            found = self._texts[index] = load_names.texts(self, index)
        return found

    def assigned(self, index: int) -> int:
        """The expression that a local variable is given, where that is only one; else -1."""
        operation = self.operations[index]
        if operation[0] != f.NAME or operation[5] not in self.function.facts.bound:
            return -1
        found = [
            statement[8] for statement in statements_of(self.function.body.statements)
            if statement[0] == f.ASSIGN and statement[7][0][:2] == (f.TO_NAME, operation[5])
        ]  # fmt: skip
        return found[0] if len(found) == 1 else -1

    @cached_property
    def conditionals(self) -> dict[int, list[tuple[int, int]]]:
        """Where conditional expressions begin: the ends of their body and of their test, which
        runs first. The outermost stands first."""
        out: dict[int, list[tuple[int, int]]] = {}
        for operation in reversed(self.operations):
            if operation and operation[0] == f.CONDITIONAL:
                layout = self.loading.colors.uses.layout(self.function)
                start = min(layout.subtree(operation[6]))
                out.setdefault(start, []).append((operation[6] + 1, operation[5] + 1))
        return out
