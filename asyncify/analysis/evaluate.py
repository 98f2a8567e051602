"""Evaluate: one function's body, run over abstract values.

Statements are taken in order; branches are joined, loops run twice. The value of every operation is
kept, so that the plan can ask what any expression is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from asyncify import facts as f
from asyncify.analysis import declarations, queries, query_properties
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Module, Variable
from asyncify.vocabulary import flask
from asyncify.vocabulary.common import DESCRIBED
from asyncify.vocabulary.names import BINDS, FUNCTIONS, KINDS
from asyncify.vocabulary.rows import Member
from asyncify.vocabulary.testing import CLIENTS

if TYPE_CHECKING:
    from asyncify.analysis.infer import Inference

Environment = dict[str, v.Value]

# What stands behind an async object.
_SYNC_SIDES = {"sync_session", "sync_engine", "sync_connection"}
# Methods of containers that put their last argument in, and that give an element.
_VIEWS = {"items", "values", "copy"}
_TAKING = {"get", "pop", "popleft", "setdefault"}
# Builtins that hand their argument's elements on.
_ITERATING = {"list", "tuple", "set", "frozenset", "sorted", "iter", "reversed", "filter"}


class Evaluation:
    """The result and the state of evaluating one function."""

    def __init__(self, inference: Inference, function: Function) -> None:
        self.inference = inference
        self.program = inference.program
        self.function = function
        self.operations = function.body.operations
        self.values: list[v.Value] = [v.UNKNOWN] * len(self.operations)
        self.environment: Environment = {}
        self.captures = function.has_children
        self.free_names = inference.free_names(function)
        self.is_scope = function.facts.kind in ("def", "lambda")
        self.bindings = 0  # grows with every change of the environment

    @cached_property
    def objects(self) -> tuple[tuple[int, v.Value], ...]:
        """The operations whose values hold an object of SQLAlchemy or a Query: few of all, and all
        that the colors and the plan look for. Asked for when the evaluation is done."""
        holds = self.inference.holds_objects
        return tuple(
            (index, value) for index, value in enumerate(self.values) if value and holds(value)
        )

    # -- statements

    def run(self) -> None:
        self.seed()
        self.block(self.function.body.statements)

    def seed(self) -> None:
        """Parameters, as far as annotations, defaults and call sites say."""
        for position, parameter in enumerate(self.function.signature.parameters):
            self.environment[parameter.name] = self.inference.parameter(self.function, position)
            if self.captures:
                self.inference.write(
                    ("local", self.function, parameter.name), self.environment[parameter.name]
                )

    def block(self, statements: tuple[f.Statement, ...]) -> None:
        for statement in statements:
            self.evaluate(statement[4], statement[5])
            handler = _STATEMENTS.get(statement[0])
            if handler is not None:
                handler(self, statement)

    def branches(self, *blocks: tuple[f.Statement, ...]) -> None:
        """Each block from here; afterwards the values of all of them joined."""
        before = self.environment
        ends: list[Environment] = []
        for block in blocks:
            if block:
                self.environment = dict(before)
                bindings = self.bindings
                self.block(block)
                if self.bindings != bindings:
                    ends.append(self.environment)
                    continue
            if not any(end is before for end in ends):
                ends.append(before)  # nothing was bound
        joined = ends[0]
        for end in ends[1:]:
            joined = _joined(joined, end)
        self.environment = joined

    def on_assign(self, statement: f.Statement) -> None:
        for target in statement[7]:
            self.bind(target, self.values[statement[8]])
        if self.function.parent is None:
            self._note_annotation(statement)

    def _note_annotation(self, statement: f.Statement) -> None:
        """``SessionDep = Annotated[Session, Depends(get_session)]``: whoever names it gets one."""
        target, value = statement[7][0], statement[8]
        if target[0] == f.TO_NAME and self.operations[value][0] in (f.SUBSCRIPT, f.OPERATOR):
            declared = declarations.annotation_value(
                self.inference, self.function, self.operations, value
            )
            self.inference.heat.note(("global", self.function.module, target[1]), declared)

    def on_annotated(self, statement: f.Statement) -> None:
        target, annotation, value = statement[7], statement[8], statement[9]
        declared = declarations.annotation_value(
            self.inference, self.function, self.operations, annotation
        )
        given = self.values[value] if value >= 0 else v.UNKNOWN
        dependency = declarations.dependency_value(
            self.inference, self.function, self.operations, value
        )
        self.bind(target, dependency or _refined(declared, given))

    def on_augmented(self, statement: f.Statement) -> None:
        if statement[7][0] == f.TO_NAME:
            name = statement[7][1]
            self.bind(statement[7], v.join((self.name(name), self.values[statement[8]])))

    def on_return(self, statement: f.Statement) -> None:
        if statement[7] >= 0:
            self.inference.returned(self.function, self.values[statement[7]])

    def on_if(self, statement: f.Statement) -> None:
        self.branches(statement[8], statement[9])

    def on_for(self, statement: f.Statement) -> None:
        items = self.iterate(self.values[statement[8]])
        before = dict(self.environment)
        for _ in range(2):
            self.bind(statement[7], items)
            first = dict(self.environment)
            self.block(statement[9])
            if self.environment == first:
                break  # once more would be the same
        self.environment = _joined(before, self.environment)
        self.block(statement[10])

    def on_while(self, statement: f.Statement) -> None:
        before = dict(self.environment)
        for _ in range(2):
            self.block(statement[8])
            self.evaluate(statement[4], statement[5])
        self.environment = _joined(before, self.environment)
        self.block(statement[9])

    def on_with(self, statement: f.Statement) -> None:
        for value, target in statement[7]:
            entered = self.entered(self.values[value])
            if target is not None:
                self.bind(target, entered)
                if len(statement[7]) > 1:  # a later item may use it
                    self.evaluate(statement[4], statement[5])
        self.block(statement[8])

    def on_try(self, statement: f.Statement) -> None:
        before = dict(self.environment)
        self.block(statement[7])
        after = _joined(before, self.environment)
        ends = []
        for _, name, block in statement[8]:
            self.environment = dict(after)
            if name:
                self.bindings += 1
                self.environment[name] = v.UNKNOWN
            self.block(block)
            ends.append(self.environment)
        self.environment = dict(after)
        self.block(statement[9])
        for end in ends:
            self.environment = _joined(self.environment, end)
        self.block(statement[10])

    def on_definition(self, statement: f.Statement) -> None:
        child = self.function.module.functions[statement[7]]
        if child.facts.kind == "def" and child.signature.decorators:
            self.decorate(child)
        symbol = self.program.classes.get(child, child)
        self.assign(child.name, self.symbol(symbol))

    def decorate(self, child: Function) -> None:
        """Hand a function through its decorators of the program: they receive it, and what they
        return is called in its place."""
        signature = child.signature
        saved = self.operations, self.values
        self.operations = signature.operations
        self.values = [v.UNKNOWN] * len(self.operations)
        self.evaluate(0, len(self.operations))
        decorators = [self.values[i] for i in reversed(signature.decorators)]
        self.operations, self.values = saved
        value = v.one(v.FunctionObject(child))
        for decorator in decorators:
            for atom in decorator:
                if isinstance(atom, v.FunctionObject):
                    made = self.inference.called(atom.function, atom.bound, [value], {})
                    wrappers = frozenset(a for a in made if isinstance(a, v.FunctionObject))
                    self.inference.write(("wrapped", child), wrappers)
                    for wrapper in wrappers:
                        self.inference.heat.aliases.setdefault(wrapper.function, set()).add(
                            child.name
                        )
                    value = v.join((value, wrappers))

    def on_import(self, statement: f.Statement) -> None:
        if not self.is_scope:
            return
        for local, module, name, level in statement[7]:
            if local and local != "*":
                item = f.Import(local, module, name, level, 0, 0, 0)
                symbol = self.program.resolve_import(self.function.module, item)
                self.assign(local, self.symbol(symbol))

    def on_match(self, statement: f.Statement) -> None:
        blocks = []
        for names, _, block in statement[8]:
            for name in names:
                self.bindings += 1
                self.environment[name] = v.UNKNOWN
            blocks.append(block)
        self.branches(*blocks, ())

    # -- binding

    def assign(self, name: str, value: v.Value) -> None:
        self.bindings += 1
        self.environment[name] = value
        function = self.function
        if name in function.facts.declared or not self.is_scope:
            if function.facts.kind == "class":
                self.inference.write(("attribute", self.program.classes[function], name), value)
            else:
                self.inference.write(("global", function.module, name), value)
        elif self.captures:
            self.inference.write(("local", function, name), value)

    def bind(self, target: Any, value: v.Value) -> None:
        kind = target[0]
        if self.inference.query_properties.made and value:
            self.inference.query_properties.keep(self, target, value)
        if kind == f.TO_NAME:
            self.assign(target[1], value)
        elif kind == f.TO_ATTRIBUTE:
            self.store(self.values[target[1]], target[2], value)
        elif kind == f.TO_SEQUENCE:
            self.unpack(target, value)
        elif kind == f.TO_SUBSCRIPT and not self.inference.is_plain(value):
            self.fill(target[1], value)

    def unpack(self, target: Any, value: v.Value) -> None:
        names = target[1]
        tuples = [a for a in value if isinstance(a, v.TupleValue) and len(a.items) == len(names)]
        for position, part in enumerate(names):
            if tuples and target[2] < 0:
                self.bind(part, v.join(t.items[position] for t in tuples))
            else:
                self.bind(part, v.elements(value))

    def fill(self, base: int, value: v.Value) -> None:
        """``container[key] = value``: the container may hold it from now on."""
        operation = self.operations[base]
        held = v.collection(value)
        if operation[0] == f.ATTRIBUTE:
            self.store(self.values[operation[5]], operation[6], held)
        elif operation[0] == f.NAME:
            name = operation[5]
            symbol = None if name in self.environment else self._free(name)
            if isinstance(symbol, Variable):
                self.inference.write(("global", symbol.module, symbol.name), held)
            else:
                self.assign(name, v.join((self.name(name), held)))

    def store(self, base: v.Value, attribute: str, value: v.Value) -> None:
        for atom in base:
            if isinstance(atom, (v.Instance, v.ClassObject)):
                self.inference.write(("attribute", atom.cls, attribute), value)
            elif isinstance(atom, v.ModuleObject):
                self.inference.write(("global", atom.module, attribute), value)

    # -- expressions

    def evaluate(self, first: int, end: int) -> None:
        """Names and constants, half of all operations, are read here: calling something for each
        would take longer than reading it."""
        operations, values = self.operations, self.values
        index = first
        while index < end:
            operation = operations[index]
            kind = operation[0]
            if kind == _NAME:
                value = self.environment.get(operation[5])
                values[index] = self.free(operation[5]) if value is None else value
            elif kind == _CONSTANT:
                constant = operation[5]
                values[index] = v.UNKNOWN if constant is ... else v.literal(constant)
            elif kind == _COMPREHENSION:
                values[index] = self.comprehension(operation)
                index = operation[9]
                continue
            else:
                handler = _OPERATIONS[kind]
                if handler is not None:
                    values[index] = handler(self, operation, index)
            index += 1

    def comprehension(self, operation: f.Operation) -> v.Value:
        first, element_end, generators, _, elements = operation[6:]
        saved = dict(self.environment)
        for target, iterable, start, middle, end, _, _ in generators:
            self.evaluate(start, middle)
            self._bind_quietly(target, self.iterate(self.values[iterable]))
            self.evaluate(middle, end)
        self.evaluate(first, element_end)
        self.environment = saved
        return v.collection(self.values[elements[-1]])

    def _bind_quietly(self, target: Any, value: v.Value) -> None:
        """Bind a comprehension's variable, which nobody outside sees."""
        if target[0] == f.TO_NAME:
            self.environment[target[1]] = value
        elif target[0] == f.TO_SEQUENCE:
            for position, part in enumerate(target[1]):
                tuples = [a for a in value if isinstance(a, v.TupleValue)]
                items = [t.items[position] for t in tuples if len(t.items) == len(target[1])]
                self._bind_quietly(part, v.join(items) if items else v.elements(value))

    def name(self, name: str) -> v.Value:
        value = self.environment.get(name)
        if value is not None:
            return value
        return self.free(name)

    def free(self, name: str) -> v.Value:
        """A name of an enclosing function, of the module, or imported."""
        found = self.free_names.get(name)
        if found is None:
            found = self.free_names[name] = self._free(name)
        if isinstance(found, frozenset):
            return found
        if isinstance(found, tuple):
            return self.inference.read(found)
        return self.symbol(found)

    def _free(self, name: str) -> Any:
        """The value of a free name where it is always the same, else the slot or the symbol that
        holds it."""
        scope = self.function.parent
        while scope is not None and scope.facts.kind != "module":
            if name in scope.facts.bound and scope.facts.kind != "class":
                return "local", scope, name
            scope = scope.parent
        symbol = self.program.resolve(self.function.module, name)
        if symbol is None:
            return v.foreign(name)
        if isinstance(symbol, Function) and symbol.signature_is_decorated:
            return symbol
        return symbol if isinstance(symbol, Variable) else self.symbol(symbol)

    def symbol(self, symbol: Any) -> v.Value:
        if isinstance(symbol, Function):
            return self.inference.function_value(symbol, False)
        if isinstance(symbol, Class):
            return self.inference.class_value(symbol)
        if isinstance(symbol, Module):
            return v.one(v.ModuleObject(symbol))
        if isinstance(symbol, Variable):
            return self.inference.global_value(symbol.module, symbol.name)
        if isinstance(symbol, str):
            return v.foreign(declarations.normalised(symbol))
        return v.UNKNOWN

    def on_attribute(self, operation: f.Operation, index: int) -> v.Value:
        base, attribute = operation[5], operation[6]
        value = self.values[base]
        if value and self.is_super(base):
            inherited = self.inherited(attribute)
            if inherited or any(isinstance(a, v.Client) for a in value):
                return inherited
        if len(value) == 1:
            (atom,) = value
            if atom.__class__ is v.Foreign and atom.name != v.SOME_CLASS:
                return v.foreign_member(atom.name, attribute)
            found = v.capped(self.attribute(atom, attribute))
        else:
            value = value or self.guess(base, attribute)
            found = v.join([self.attribute(atom, attribute) for atom in value])
        properties = self.inference.query_properties
        return properties.read(self, operation, found) if attribute in properties.names else found

    def guess(self, base: int, attribute: str) -> v.Value:
        """The last resort: the configured names of sessions."""
        operation = self.operations[base]
        name = operation[5] if operation[0] == f.NAME else ""
        if operation[0] == f.ATTRIBUTE:
            name = operation[6]
            if name in _SYNC_SIDES:
                return v.UNKNOWN  # used where something stays sync on purpose
        if name and self.inference.looks_like_session(self.function, name):
            value = v.one(v.Known("Session", None, False))
            self.values[base] = value
            return value
        return v.UNKNOWN

    def attribute(self, atom: v.Atom, name: str) -> v.Value:
        if isinstance(atom, v.Foreign):
            return v.foreign_member(atom.name, name)
        if isinstance(atom, v.Instance):
            return self.member(atom.cls, name, True)
        if isinstance(atom, v.ClassObject):
            return self.member(atom.cls, name, False)
        if isinstance(atom, v.Known):
            return self.known_member(atom, name)
        if isinstance(atom, v.QueryValue):
            return queries.attribute(atom, name)
        if isinstance(atom, v.ModuleObject):
            symbol = self.program.member(atom.module, name)
            return self.symbol(symbol)
        if isinstance(atom, v.ForeignInstance):
            whole = f"{atom.name}()" if "." in atom.name else atom.name
            return v.foreign_member(whole, name)
        if isinstance(atom, v.Client) and atom.cls is not None:
            return self.member(atom.cls, name, True)
        return v.UNKNOWN

    def member(self, cls: Class, name: str, bound: bool) -> v.Value:
        """An attribute of an instance, or of a class."""
        if name == "__table__":
            return v.one(v.Known("Table"))
        inference = self.inference
        key = cls, name, bound
        known = inference.members.get(key)
        if known is not None:
            return known
        methods = inference.methods(cls, name)
        if not methods:
            return inference.attribute(cls, name)
        if bound and inference.is_property(methods[0]):
            return v.join(self._read_property(m) for m in methods)
        value = v.join(
            inference.function_value(m, bound or inference.is_class_method(m)) for m in methods
        )
        if not any(m.signature_is_decorated for m in methods):
            inference.members[key] = value  # nothing is wrapped around it: it stays the same
        return value

    def _read_property(self, method: Function) -> v.Value:
        if method.facts.is_async:
            return v.one(v.CoroutineValue(method))
        return self.inference.result(method)

    def known_member(self, atom: v.Known, name: str) -> v.Value:
        if atom.kind == flask.EXTENSION:
            kind = flask.MEMBERS.get(name)
            return v.one(v.Known(kind, atom.origin)) if kind else v.UNKNOWN
        row = self.inference.row(atom.kind, name)
        if row is None:
            return v.UNKNOWN
        if row.attribute:
            if name in _SYNC_SIDES:
                return v.UNKNOWN  # used where something stays sync on purpose
            return self.known_result(atom, row, None)
        return v.one(v.KnownMethod(atom, name))

    def known_result(self, owner: v.Known, row: Member, origin: v.Origin | None) -> v.Value:
        """What a member of an object of SQLAlchemy gives."""
        returns = row.returns
        if owner.kind.lower().startswith("async"):
            returns = row.async_returns or returns
        if returns == "self":
            return v.one(owner)
        if returns in self.inference.kinds:
            keeps = returns in ("Session", "AsyncSession", "Connection", "AsyncConnection")
            return v.one(v.Known(returns, owner.origin or (origin if keeps else None)))
        return v.UNKNOWN

    # -- calls

    def on_call(self, operation: f.Operation, index: int) -> v.Value:
        function, positional, keywords = operation[5:]
        callees = self.values[function]
        if not callees:
            return self.contained(self.operations[function], positional)
        single = next(iter(callees)) if len(callees) == 1 else None
        if isinstance(single, v.Foreign):
            made = _made(single.name)
            if made is not None:
                return made
        arguments = [self.values[i] if i >= 0 else v.elements(self.values[~i]) for i in positional]
        named = {name: self.values[i] for name, i in keywords if name is not None}
        if any(i < 0 for i in positional):
            arguments = arguments[: next(n for n, i in enumerate(positional) if i < 0)]
        callee = self.operations[function]
        if callee[0] == f.NAME and callee[5] == "super" and not positional:
            return self.super_object()
        if single is not None:
            return v.capped(self.call(single, operation, arguments, named))
        return v.join([self.call(atom, operation, arguments, named) for atom in callees])

    def contained(self, method: f.Operation, positional: tuple[int, ...]) -> v.Value:
        """What is put into a container, and what is taken out of one: Queries, functions, objects
        of the program."""
        name = method[6] if method[0] == f.ATTRIBUTE else ""
        if positional and positional[-1] >= 0 and name in v.FILLING:
            given = self.values[positional[-1]]
            given = v.elements(given) if name in v.POURING else given
            if not self.inference.is_plain(given):
                self.fill(method[5], given)
        if name not in _TAKING and name not in _VIEWS:
            return v.UNKNOWN
        items = v.elements(self.values[method[5]])
        if self.inference.is_plain(items):
            return v.UNKNOWN
        if name == "items":
            return v.collection(v.one(v.TupleValue((v.UNKNOWN, items))))
        return v.collection(items) if name in _VIEWS else items

    def super_object(self) -> v.Value:
        owner = self.function.owner
        if owner is None:
            return v.UNKNOWN
        if not owner.foreign_bases.isdisjoint(CLIENTS):
            return v.one(v.Client(None, owner))
        return v.join(v.one(v.Instance(b)) for b in owner.bases if isinstance(b, Class))

    def is_super(self, index: int) -> bool:
        """Is an expression ``super()``?"""
        operation = self.operations[index]
        if operation[0] != f.CALL or self.function.owner is None:
            return False
        callee = self.operations[operation[5]]
        return bool(callee[0] == f.NAME and callee[5] == "super")

    def inherited(self, name: str) -> v.Value:
        """A method above this one: of a base, or of a sibling where a class has both for bases;
        never one that overrides it."""
        owner = self.function.owner
        assert owner is not None
        below = {owner, *owner.descendants()}
        above = [base.find(name) for base in owner.bases if isinstance(base, Class)]
        for cls in below - {owner}:
            above += [c.methods.get(name) for c in cls.ancestors if c not in below]
        found = dict.fromkeys(method for method in above if method is not None)
        return v.join(self.inference.function_value(method, True) for method in found)

    def call(
        self,
        atom: v.Atom,
        operation: f.Operation,
        arguments: list[v.Value],
        named: dict[str, v.Value],
    ) -> v.Value:
        if isinstance(atom, v.FunctionObject):
            if atom.given:
                arguments = [v.UNKNOWN] * atom.given + arguments
            return self.inference.called(atom.function, atom.bound, arguments, named)
        origin = v.Origin(self.function, operation[3])
        if isinstance(atom, v.ClassObject):
            made = self.construct(atom.cls, arguments, named)
            is_extension = not flask.EXTENSIONS.isdisjoint(atom.cls.foreign_bases)
            clients = [a for a in made if isinstance(a, v.Client)]
            made = frozenset(v.Client(origin, a.cls) for a in clients) or made
            return self.extension(origin) if is_extension else made
        if isinstance(atom, v.KnownMethod):
            return self.call_method(atom, operation, origin, arguments)
        if isinstance(atom, v.Known):
            row = self.inference.row(atom.kind, "__call__")
            return self.known_result(atom, row, origin) if row is not None else v.UNKNOWN
        if isinstance(atom, v.Instance):
            methods = self.inference.methods(atom.cls, "__call__")
            return v.join(self.inference.called(m, True, arguments, named) for m in methods)
        if isinstance(atom, v.Foreign):
            return self.call_foreign(atom.name, origin, arguments, named)
        return v.UNKNOWN

    def call_method(
        self,
        atom: v.KnownMethod,
        operation: f.Operation,
        origin: v.Origin,
        arguments: list[v.Value],
    ) -> v.Value:
        owner = atom.owner
        if isinstance(owner, v.QueryValue):
            return queries.method(self, owner, atom.name, operation)
        row = self.inference.row(owner.kind, atom.name)
        if row is None:
            return v.UNKNOWN
        if row.returns == "configured":
            self._relate(owner.origin, (self.values[i] for _, i in operation[7]))
            return v.UNKNOWN
        if row.returns == "Query":
            return queries.start(self, owner, operation, origin)
        if row.returns == query_properties.KIND:
            return self.inference.query_properties.make(self, owner, operation, origin)
        if row.returns in ("entity", "entities"):
            classes = (
                frozenset(a.cls for a in arguments[0] if isinstance(a, v.ClassObject))
                if arguments
                else ()
            )
            return frozenset(v.Instance(c) for c in classes)
        return self.known_result(owner, row, origin)

    def construct(self, cls: Class, arguments: list[v.Value], named: dict[str, v.Value]) -> v.Value:
        constructor = cls.find("__init__")
        if constructor is not None:
            self.inference.pass_arguments(constructor, True, arguments, named)
            given = (*arguments, *named.values())
            if any(isinstance(a, v.FunctionObject) for value in given for a in value):
                self.inference.need(constructor)  # it may keep a function, under another name
        else:
            for name, value in named.items():
                self.inference.write(("attribute", cls, name), value)
            for name, value in zip(self.inference.fields(cls), arguments, strict=False):
                self.inference.write(("attribute", cls, name), value)
        made = declarations.instance_of(cls)
        origin = frozenset(a for a in made if isinstance(a, v.Known))
        return origin or made

    def call_foreign(
        self, name: str, origin: v.Origin, arguments: list[v.Value], named: dict[str, v.Value]
    ) -> v.Value:
        kind = KINDS.get(name) or FUNCTIONS.get(name)
        if kind:
            return self.constructed(kind, origin, arguments, named)
        if name in CLIENTS:
            return v.one(v.Client(origin))
        if name in flask.EXTENSIONS:
            return self.extension(origin)
        if name in DESCRIBED:
            return declarations.described(self.inference, name, arguments, named)
        if name in _ITERATING and arguments:
            return v.collection(self.iterate(arguments[-1]))
        if name in ("next", "anext") and arguments:
            return self.iterate(arguments[0])
        if name == "functools.partial" and arguments:
            return self.partial(arguments, named)
        if name == "functools.reduce" and len(arguments) > 2:
            return self.reduced(*arguments[:3])
        if name in ("contextlib.closing", "typing.cast") and arguments:
            value = arguments[-1] if name == "typing.cast" else arguments[0]
            return v.one(v.Managed(value)) if name.endswith("closing") and value else value
        if name in ("asyncio.run", "anyio.run") and arguments:
            return self.awaited(arguments[0])
        if name in ("getattr",) and len(arguments) > 1:
            names = [a.value for a in arguments[1] if isinstance(a, v.Literal)]
            return v.join(
                self.attribute(a, n) for n in names if isinstance(n, str) for a in arguments[0]
            )
        if name in declarations.DEPENDS:
            return v.UNKNOWN
        return _unknown_call(name)

    def extension(self, origin: v.Origin) -> v.Value:
        """What makes the sessions of a Flask application, which stay sync."""
        self.inference.staying.add(origin)
        return v.one(v.Known(flask.EXTENSION, origin))

    def partial(self, arguments: list[v.Value], named: dict[str, v.Value]) -> v.Value:
        """``partial(f, a, b=c)``: the function, which has these arguments already."""
        made = []
        for atom in arguments[0]:
            if isinstance(atom, v.FunctionObject):
                given = [v.UNKNOWN] * atom.given + arguments[1:]
                self.inference.pass_arguments(atom.function, atom.bound, given, named)
                atom = replace(atom, given=len(given))
            made.append(v.one(atom))
        return v.join(made)

    def reduced(self, function: v.Value, items: v.Value, start: v.Value) -> v.Value:
        """``reduce(f, items, start)``: ``start``, and what ``f`` makes of it again and again."""
        value, item = start, self.iterate(items)
        for _ in range(2):
            made = [
                self.inference.called(
                    a.function, a.bound, [*([v.UNKNOWN] * a.given), value, item], {}
                )
                for a in function if isinstance(a, v.FunctionObject)
            ]  # fmt: skip
            value = v.join([value, *made])
        return value

    def _relate(self, origin: v.Origin | None, values: Iterable[v.Value]) -> None:
        """What is made at an origin is made of some values: a factory of its engine."""
        if origin is None:
            return
        for value in values:
            for atom in value:
                if isinstance(atom, v.Known) and atom.origin is not None and atom.origin != origin:
                    self.inference.related.add((origin, atom.origin))

    def constructed(
        self, kind: str, origin: v.Origin, arguments: list[v.Value], named: dict[str, v.Value]
    ) -> v.Value:
        """An object of SQLAlchemy made here. A session, or a factory given to a registry, keeps
        the origin of what it was made from."""
        if kind == "entity class":
            return arguments[0] if arguments else v.UNKNOWN
        if kind == "Inspection":
            return _inspectors(arguments[0]) if arguments else v.UNKNOWN
        source = origin
        self._relate(origin, (*arguments, *named.values()))
        if kind in ("scoped_session", "async_scoped_session", "Session", "AsyncSession"):
            given = [*arguments, *(named[k] for k in ("bind", "session_factory") if k in named)]
            found = [a.origin for g in given for a in g if isinstance(a, v.Known) and a.origin]
            source = found[0] if found else origin
        if kind == "sessionmaker":
            classes = named.get("class_", v.UNKNOWN)
            if any(
                isinstance(a, v.Foreign) and KINDS.get(a.name) == "AsyncSession" for a in classes
            ):
                kind = "async_sessionmaker"
        return v.one(v.Known(kind, source))

    # -- protocols

    def iterate(self, value: v.Value, seen: v.Value = v.UNKNOWN) -> v.Value:
        """What a loop over a value binds; ``seen`` are iterators whose iterator this is."""
        out = [v.elements(value)]
        for atom in value:
            if isinstance(atom, v.QueryValue):
                out.append(queries.item(atom))
            elif isinstance(atom, v.Generated):
                out.append(self.inference.read(("yield", atom.function)))
            elif isinstance(atom, v.Instance):
                name = "__next__" if atom in seen else "__iter__"
                for method in self.inference.methods(atom.cls, name):
                    made = self.inference.called(method, True, [], {})
                    out.append(made if atom in seen else self.iterate(made, seen | {atom}))
        return v.join(out)

    def entered(self, value: v.Value) -> v.Value:
        """What ``with value as target`` binds."""
        out = []
        for atom in value:
            if isinstance(atom, v.Managed):
                out.append(atom.items)
                if atom.function is not None:
                    out.append(self.inference.read(("yield", atom.function)))
            elif isinstance(atom, v.Known):
                row = self.inference.row(atom.kind, "__enter__")
                out.append(
                    self.known_result(atom, row, None) if row and row.returns else v.one(atom)
                )
            elif isinstance(atom, v.Client):
                out.append(v.one(atom))
            elif isinstance(atom, v.Instance):
                for name in ("__enter__", "__aenter__"):
                    for method in self.inference.methods(atom.cls, name):
                        out.append(self.inference.called(method, True, [], {}, awaited=True))
        return v.join(out)

    def awaited(self, value: v.Value) -> v.Value:
        out = []
        for atom in value:
            if isinstance(atom, v.CoroutineValue):
                out.append(self.inference.result(atom.function))
            else:
                out.append(v.one(atom))
        return v.join(out)

    def on_await(self, operation: f.Operation, index: int) -> v.Value:
        return self.awaited(self.values[operation[5]])

    def on_subscript(self, operation: f.Operation, index: int) -> v.Value:
        base = self.values[operation[5]]
        out = [v.elements(base)]
        for atom in base:
            if isinstance(atom, v.QueryValue):
                sliced = self.operations[operation[6]][0] == f.SLICE
                item = queries.item(atom)
                out.append(v.collection(item) if sliced else item)
            elif isinstance(atom, v.ClassObject):
                out.append(v.one(atom))  # a generic: Repository[User]
            elif isinstance(atom, v.Instance):
                out += map(self._read_property, self.inference.methods(atom.cls, "__getitem__"))
            elif isinstance(atom, (v.Foreign, v.Known)):
                out.append(v.one(atom))
        sliced = self.operations[operation[6]][0] == f.SLICE
        if sliced and any(isinstance(a, v.Collection) for a in base):
            return base
        return v.join(out)

    def on_lambda(self, operation: f.Operation, index: int) -> v.Value:
        function = self.function.module.functions[operation[5]]
        for name, value in self.environment.items():
            if value:
                self.inference.write(("local", self.function, name), value)
        return v.one(v.FunctionObject(function))

    def on_sequence(self, operation: f.Operation, index: int) -> v.Value:
        kind, parts = operation[5], operation[6]
        items = [self.values[i] if i >= 0 else v.elements(self.values[~i]) for i in parts]
        if not any(items):
            return v.UNKNOWN
        if kind == "tuple" and all(i >= 0 for i in parts):
            value = v.one(v.TupleValue(tuple(items)))
            return value if v.depth(value) < v.DEPTH else v.UNKNOWN
        return v.collection(v.join(items))

    def on_dict(self, operation: f.Operation, index: int) -> v.Value:
        return v.collection(v.join(self.values[i] for i in operation[6]))

    def on_boolean(self, operation: f.Operation, index: int) -> v.Value:
        return v.join(self.values[i] for i in operation[5])

    def on_conditional(self, operation: f.Operation, index: int) -> v.Value:
        return v.join((self.values[operation[6]], self.values[operation[7]]))

    def on_operator(self, operation: f.Operation, index: int) -> v.Value:
        if operation[5] == "Add":
            return v.join(
                frozenset(a for a in self.values[i] if isinstance(a, v.Collection))
                for i in operation[6]
            )
        return v.UNKNOWN

    def on_yield(self, operation: f.Operation, index: int) -> v.Value:
        if operation[5] >= 0:
            self.inference.write(("yield", self.function), self.values[operation[5]])
        return v.UNKNOWN

    def on_yield_from(self, operation: f.Operation, index: int) -> v.Value:
        self.inference.write(("yield", self.function), self.iterate(self.values[operation[5]]))
        return v.UNKNOWN

    def on_walrus(self, operation: f.Operation, index: int) -> v.Value:
        self.assign(operation[5], self.values[operation[6]])
        return self.values[operation[6]]


def _inspectors(given: v.Value) -> v.Value:
    """What ``inspect`` gives for engines and connections."""
    return frozenset(
        v.Known("Inspector", a.origin) for a in given if isinstance(a, v.Known) and a.kind in BINDS
    )


def _refined(declared: v.Value, given: v.Value) -> v.Value:
    """An annotation, or what is known of the value itself."""
    if not declared:
        return given
    better = frozenset(a for a in given if isinstance(a, v.Known))
    if better:
        return better  # what it was made by knows more, and is never wrong
    if any(isinstance(a, v.QueryValue) for a in given):
        return given
    if declarations.is_callable(declared):
        return declarations.functions(given) or declared
    return declared


def _joined(left: Environment, right: Environment) -> Environment:
    out = dict(left)
    for name, value in right.items():
        other = out.get(name)
        if other is None:
            out[name] = value
        elif other is value:
            out[name] = v.capped(value)
        else:
            out[name] = v.join((other, value))
    return out


# Calls of these foreign functions depend on their arguments.
_SPECIAL = {
    *KINDS, *FUNCTIONS, *CLIENTS, *flask.EXTENSIONS, *DESCRIBED, *_ITERATING,
    *declarations.DEPENDS,
    "next", "anext", "super", "getattr", "functools.partial", "functools.reduce",
    "contextlib.closing", "typing.cast", "asyncio.run", "anyio.run",
}  # fmt: skip


@lru_cache(maxsize=1 << 16)
def _made(name: str) -> v.Value | None:
    """What calling something foreign gives, where it doesn't depend on the arguments."""
    return None if name in _SPECIAL else _unknown_call(name)


def _unknown_call(name: str) -> v.Value:
    return v.foreign_instance(name) if "." in name and "()" not in name else v.UNKNOWN


_NAME, _CONSTANT, _COMPREHENSION = f.NAME, f.CONSTANT, f.COMPREHENSION

_STATEMENTS: dict[int, Callable[[Evaluation, f.Statement], None]] = {
    f.ASSIGN: Evaluation.on_assign,
    f.ANNOTATED: Evaluation.on_annotated,
    f.AUGMENTED: Evaluation.on_augmented,
    f.RETURN: Evaluation.on_return,
    f.IF: Evaluation.on_if,
    f.FOR: Evaluation.on_for,
    f.WHILE: Evaluation.on_while,
    f.WITH: Evaluation.on_with,
    f.TRY: Evaluation.on_try,
    f.FUNCTION: Evaluation.on_definition,
    f.CLASS: Evaluation.on_definition,
    f.IMPORT: Evaluation.on_import,
    f.MATCH: Evaluation.on_match,
}

_OPERATIONS: list[Callable[[Evaluation, f.Operation, int], v.Value] | None] = [
    None,  # names and constants are read where operations are run through
    None,
    Evaluation.on_attribute,
    Evaluation.on_call,
    Evaluation.on_subscript,
    Evaluation.on_await,
    Evaluation.on_lambda,
    None,  # comprehensions bind their own names
    Evaluation.on_sequence,
    Evaluation.on_dict,
    Evaluation.on_boolean,
    Evaluation.on_conditional,
    Evaluation.on_operator,
    None,
    Evaluation.on_yield,
    Evaluation.on_yield_from,
    Evaluation.on_walrus,
    None,
]
