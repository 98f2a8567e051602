"""Signatures: what annotations, defaults and decorators say of a function, and how it is called.

What they say for good is found once; all else is asked for whenever the function is evaluated or
called.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import callables, declarations, handed_in
from asyncify.analysis import values as v
from asyncify.analysis.fixtures import Fixtures
from asyncify.analysis.models import Models
from asyncify.analysis.overrides import by_dependency
from asyncify.analysis.program import Class, Function, Program, dotted
from asyncify.analysis.slots import Flow, Slot
from asyncify.config import Config
from asyncify.vocabulary.frameworks import MANAGERS

_PROPERTIES = {
    "property", "functools.cached_property", "cached_property", "abc.abstractproperty",
    "sqlalchemy.ext.hybrid.hybrid_property", "hybrid_property",
    "sqlalchemy.util.memoized_property",
}  # fmt: skip
_ANYTHING = {"typing.Any", "object"}
_SEVERAL = 60  # functions: nobody evaluates more of them to learn what a parameter is


class Shape:
    """How a function is called. ``given`` are the slots of the parameters that positional arguments
    are for, ``given_bound`` those behind the object that a method is taken from; ``named`` those
    that a keyword can mean, ``others`` those that take what is left. ``constant`` is what a call
    gives, where that is always the same."""

    __slots__ = (
        "constant", "given", "given_bound", "is_manager", "named", "others", "returned", "yielded",
    )  # fmt: skip

    def __init__(self, inference: Signatures, function: Function) -> None:
        parameters = function.signature.parameters
        slots = [inference.slot("parameter", function, i) for i in range(len(parameters))]
        pairs = tuple(zip(parameters, slots, strict=True))
        self.given = tuple(slot for parameter, slot in pairs if parameter.kind in "pa")
        skips = function.owner is not None and "staticmethod" not in inference.decorators(function)
        self.given_bound = self.given[1:] if skips else self.given
        self.named = tuple((p.name, slot) for p, slot in pairs if p.kind in "ak")
        self.others = tuple((p.kind, slot) for p, slot in pairs if p.kind in ("*", "**"))
        self.is_manager = inference.is_manager(function)
        self.returned = inference.slot("return", function)
        self.yielded = inference.slot("yield", function)
        self.constant: v.Value | None = None


class Signatures(Flow):
    """The signatures of a program's functions."""

    def __init__(self, program: Program, config: Config) -> None:
        super().__init__()
        self.program = program
        self.config = config
        self.models = Models(program)
        self.fixtures = Fixtures(self)
        self.fulfilled: dict[Class, dict[Class, None]] = {}  # protocols and classes, both ways
        self.dependencies: set[Function] = set()  # what FastAPI calls and injects
        self._providing: set[Function] = set()
        self._injected = 0  # how often something was injected: such values grow
        self._declared: dict[tuple[Function, int], v.Value] = {}
        self._decorators: dict[Function, tuple[str, ...]] = {}
        self._shapes: dict[Function, Shape] = {}
        self._fixed: dict[Slot, v.Value] = {}  # parameters that are always the same
        self._hidden: dict[Function, v.Value] = {}  # what functions return, unsaid by annotations
        self._strange: set[Slot] = set()  # first parameters of methods that take other objects
        self._sought: set[Function] = set()
        self._defaults: set[Slot] = set()  # of the parameters whose defaults were read

    def shape(self, function: Function) -> Shape:
        """How a function is called."""
        found = self._shapes.get(function)
        if found is None:
            found = self._shapes[function] = Shape(self, function)
        return found

    # -- decorators

    def decorators(self, function: Function) -> tuple[str, ...]:
        """Decorators as dotted names: foreign ones whole, the program's as written."""
        found = self._decorators.get(function)
        if found is None:
            signature = function.signature
            scope = function.parent or function
            names = []
            for index in signature.decorators:
                operation = signature.operations[index]
                callee = operation[5] if operation[0] == f.CALL else index
                foreign = declarations.foreign_name(scope, signature.operations, callee, self)
                names.append(foreign or dotted(signature.operations, callee))
            found = self._decorators[function] = tuple(names)
        return found

    def is_property(self, function: Function) -> bool:
        return function.signature_is_decorated and (
            any(
                d in _PROPERTIES or d.endswith((".setter", ".getter", ".deleter", ".expression"))
                for d in self.decorators(function)
            )
            or self._is_described(function, 1)
            or self.is_class_property(function)
        )

    def is_class_property(self, function: Function) -> bool:
        """Is it below a decorator of the program that has it called with the class, where it is
        read: ``def __get__(self, instance, owner): return self.getter(owner)``?"""
        return self._is_described(function, 2)

    def _is_described(self, function: Function, position: int) -> bool:
        """Does a descriptor that decorates a function call it where it is read, with what
        ``__get__`` gets at a position: the object or the class?"""
        if function.owner is None or not function.signature_is_decorated:
            return False
        found: bool | None = function.atoms.get(("described", position))
        if found is None:
            operations, scope = function.signature.operations, function.parent or function
            found = function.atoms["described", position] = any(
                isinstance(symbol, Class) and _gives_of(symbol, position)
                for symbol in (
                    self.program.resolve_expression(scope, operations, index)
                    for index in function.signature.decorators
                )
            )
        return found

    def is_class_method(self, function: Function) -> bool:
        decorators = set(self.decorators(function))
        return bool({"classmethod", "staticmethod"} & decorators) or (
            self.is_class_property(function)
        )

    def is_manager(self, function: Function) -> bool:
        return not MANAGERS.isdisjoint(self.decorators(function))

    # -- parameters

    def declared(self, function: Function, annotation: int) -> v.Value:
        """The value of an annotation of a function's signature. Only what is injected into it may
        grow; all others are kept."""
        if annotation < 0:
            return v.UNKNOWN
        key = function, annotation
        value = self._declared.get(key)
        if value is None:
            injected = self._injected
            scope = function.parent or function
            value = declarations.annotation_value(
                self, scope, function.signature.operations, annotation
            )
            if injected == self._injected:
                self._declared[key] = value
        return value

    def parameter(self, function: Function, position: int) -> v.Value:
        """What a parameter is: by its annotation, its default and the call sites."""
        slot = self.slot("parameter", function, position)
        fixed = self._fixed.get(slot)
        if fixed is not None:
            return fixed
        value = self._parameter(function, position, slot)
        return handed_in.fitting(self, function, function.signature.parameters[position], value)

    def _parameter(self, function: Function, position: int, slot: Slot) -> v.Value:
        parameter = function.signature.parameters[position]
        if parameter.kind in ("*", "**"):
            packed = self.slot("packed", function, position)
            return v.collection(self.read(slot)) | self.read(packed)
        own = self._receiver(function, position)
        if own and slot not in self._strange:
            if not self._declares_other(function, parameter.annotation, own):
                self._fixed[slot] = own
                return own
            self._strange.add(slot)
        injected = self._default(function, parameter.default)
        if injected is None and parameter.default >= 0 and slot not in self._defaults:
            self._flow_in(function, parameter.default, slot)
        declared = self.declared(function, parameter.annotation)
        declared = handed_in.meant(self, function, parameter, declared)
        if injected and not (declared and self.holds_nothing(injected)):
            return v.join((injected, self.read(slot)))
        kinds = {a.kind for a in declared if isinstance(a, v.Known)}
        is_client = any(isinstance(a, v.Client) for a in declared)
        if declared and not kinds and not is_client:
            return self._said(function, parameter, slot, declared, injected is None)
        passed = self.read(slot)
        passed = self.fixtures.value(function, parameter.name) or passed
        if is_client:
            return frozenset(a for a in passed if isinstance(a, v.Client)) or declared
        if kinds:
            better = frozenset(a for a in passed if isinstance(a, v.Known) and a.kind in kinds)
            queries = frozenset(a for a in passed if isinstance(a, v.QueryValue))
            return (queries if "Query" in kinds else v.UNKNOWN) or better or declared
        if not passed and not declared and self.is_open(function, parameter.annotation):
            self._seek(function)
        return passed

    def _said(
        self,
        function: Function,
        parameter: f.Parameter,
        slot: Slot,
        declared: v.Value,
        alone: bool,
    ) -> v.Value:
        """A parameter whose annotation says what it is; where it doesn't say all, with what is
        given. ``alone``: nothing is injected."""
        if declarations.names_callables(declared):
            passed = self.fixtures.value(function, parameter.name) or self.read(slot)
            return declarations.called(declared, passed)
        if v.declares_queries(declared) or declarations.is_bare(declared):
            given = self.read(slot)
            return declared if self.holds_nothing(given) else given
        if declarations.is_protocol(declared):
            passed = self.fixtures.value(function, parameter.name) or self.read(slot)
            if not passed:
                self._seek(function)
            return declarations.unsaid(self, declared, passed)
        if self._is_given_by_pytest(function, parameter.name, declared):
            given = self.fixtures.value(function, parameter.name)
            return declared if self.holds_nothing(given) else given
        unsaid = declarations.hidden(declared, slot.value)
        if unsaid:
            return declared | unsaid
        if alone and (function, parameter.annotation) in self._declared:
            self._fixed[slot] = declared
        return declared

    def give_hidden(self, slot: Slot, value: v.Value) -> None:
        """A parameter of a function that was evaluated is given what its annotation doesn't say."""
        function = slot.owner
        annotation = function.signature.parameters[slot.name].annotation
        declared = self._declared.get((function, annotation))
        if declared and function in self.evaluations and declarations.hidden(declared, value):
            self._fixed.pop(slot, None)
            self.again((function,))

    def _is_given_by_pytest(self, function: Function, name: str, declared: v.Value) -> bool:
        """Does a fixture give a parameter, of which the annotation knows no class of the program?
        Nobody checks what tests annotate."""
        return (
            all(isinstance(a, v.ForeignInstance) for a in declared)
            and self.fixtures.given(function, name) is not None
        )

    def _default(self, function: Function, default: int) -> v.Value | None:
        """What is injected for a default, None where it is no dependency."""
        operations = function.signature.operations
        if default < 0 or operations[default][0] != f.CALL:
            return None
        scope = function.parent or function
        return declarations.dependency_value(self, scope, operations, default)

    def _flow_in(self, function: Function, default: int, slot: Slot) -> None:
        """``factory=SessionLocal``: what a parameter is where nothing is passed for it. What a
        variable of a function around holds may grow, all else is read once."""
        operation = function.signature.operations[default]
        scope = function.parent or function
        if (
            operation[0] == f.NAME
            and scope.facts.kind == "def"
            and operation[5] in scope.facts.bound
        ):
            self.write(slot, self.read(self.slot("local", scope, operation[5])))
            return
        self._defaults.add(slot)
        found = self._in_signature(function, default)
        if found:
            self.write(slot, found)

    def _in_signature(self, function: Function, index: int) -> v.Value:
        """What stands in a signature: a name, an object that is made there, several of them."""
        scope, operations = function.parent or function, function.signature.operations
        operation = operations[index]
        if operation[0] in (f.NAME, f.ATTRIBUTE):
            return self.symbol_value(self.program.resolve_expression(scope, operations, index))
        if operation[0] == f.LAMBDA:
            return self.symbol_value(function.module.functions[operation[5]])
        if operation[0] == f.SEQUENCE:
            elements: tuple[int, ...] = operation[6]
            parts = [self._in_signature(function, part) for part in elements if part >= 0]
            return v.collection(v.join(parts)) if any(parts) else v.UNKNOWN
        if operation[0] == f.CALL:
            symbol = self.program.resolve_expression(scope, operations, operation[5])
            if isinstance(symbol, Class):
                return declarations.instance_of(symbol)
            return self._getter(symbol, [operations[i] for i in operation[6] if i >= 0])
        return v.UNKNOWN

    def _getter(self, maker: object, given: list[f.Operation]) -> v.Value:
        """``key=attrgetter("name")``"""
        constants = [v.literal(each[5]) for each in given if each[0] == f.CONSTANT]
        if maker == "operator.attrgetter":
            return callables.attribute_getter(self, constants)
        return callables.item_getter(constants) if maker == "operator.itemgetter" else v.UNKNOWN

    def fulfils(self, cls: Class, protocol: Class) -> None:
        """A class is given where a protocol is asked for, which isn't among those above it."""
        self.fulfilled.setdefault(protocol, {})[cls] = None
        self.fulfilled.setdefault(cls, {})[protocol] = None

    def symbol_value(self, symbol: object) -> v.Value:
        """What a name of the program stands for."""
        raise NotImplementedError

    def methods_named(self, name: str) -> tuple[Function, ...]:
        """The methods of that name of all classes, but for what Python or a library calls."""
        raise NotImplementedError

    def is_open(self, function: Function, annotation: int) -> bool:
        """Does an annotation allow anything? An `int` is unknown as well, but nobody has to be
        evaluated to learn that: in a large program that would be half of all functions."""
        if annotation < 0:
            return True
        scope, operations = function.parent or function, function.signature.operations
        return declarations.foreign_name(scope, operations, annotation, self) in _ANYTHING

    def _receiver(self, function: Function, position: int) -> v.Value:
        if position:
            return v.UNKNOWN
        if not function.is_method or function.owner is None:
            decorated = function.facts.kind == "def" and function.signature.decorators
            return declarations.bound_to(self, function) if decorated else v.UNKNOWN
        decorators = self.decorators(function)
        if "staticmethod" in decorators:
            return v.UNKNOWN
        if function.name == "__init_subclass__":
            return v.join(v.one(v.ClassObject(cls)) for cls in function.owner.descendants())
        if "classmethod" in decorators or function.name == "__new__":
            return v.join(v.one(v.ClassObject(cls)) for cls in self._meant_by(function.owner))
        return v.join((v.one(v.Instance(function.owner)), declarations.instance_of(function.owner)))

    def _declares_other(self, function: Function, annotation: int, own: v.Value) -> bool:
        """``def count(db: Session)`` in a class of functions without ``staticmethod``."""
        if annotation < 0 or any(isinstance(a, (v.Known, v.ClassObject)) for a in own):
            return False
        return any(isinstance(a, v.Known) for a in self.declared(function, annotation))

    def _meant_by(self, owner: Class) -> list[Class]:
        """The classes that a class method may be called on: of a mixin, those that have it."""
        if self.models.is_mapped(owner):
            return [owner]
        mapped = [cls for cls in owner.descendants() if self.models.is_mapped(cls)]
        return mapped if 0 < len(mapped) < v.WIDTH else [owner]

    def _seek(self, function: Function) -> None:
        """Evaluate those who may call an un-annotated function: what they pass is its type."""
        if function in self._sought:
            return
        self._sought.add(function)
        names = [function.name]
        if function.name == "__init__" and function.owner is not None:
            names = [cls.name for cls in (function.owner, *function.owner.descendants())]
            for cls in function.owner.descendants():  # `super().__init__(User)`
                if cls.own_constructor is not None:
                    self.need(cls.own_constructor)
        for name in names:
            mentions = self.program.mentioning(name)
            if len(mentions) <= _SEVERAL:
                for caller in mentions:
                    self.need(caller)

    # -- calls

    def pass_arguments(
        self, function: Function, bound: bool, arguments: list[v.Value], named: dict[str, v.Value]
    ) -> None:
        """The arguments of a call flow into the parameters."""
        shape = self.shape(function)
        for slot, value in zip(
            shape.given_bound if bound else shape.given, arguments, strict=False
        ):
            if value:
                self.write(slot, value)
        if not bound and shape.given is not shape.given_bound:
            first = function.signature.parameters[0].name
            given = arguments[0] if arguments else named.get(first, v.UNKNOWN)
            self._give_receiver(function, shape.given[:1], given)
        if named:
            for name, slot in shape.named:
                if name in named:
                    self.write(slot, named[name])
        if shape.others:
            self._pass_others(shape, bound, arguments, named)

    def _give_receiver(self, function: Function, slots: tuple[Slot, ...], value: v.Value) -> None:
        """``Users.count(db)``: a class of functions without ``staticmethod``. Their first parameter
        is what they are given."""
        owner = function.owner
        if not slots or slots[0] in self._strange or self.is_class_method(function):
            return
        if any(
            isinstance(a, (v.Known, v.QueryValue, v.Client, v.FunctionObject))
            or (isinstance(a, v.Instance) and owner not in a.cls.ancestors)
            for a in value
        ):
            self._strange.add(slots[0])
            self._fixed.pop(slots[0], None)
            if function in self.evaluations:
                self.again((function,))

    def skipped(self, caller: Function, operation: f.Operation, callee: Function) -> int:
        """How many parameters of a function a call leaves to the object that it is called on."""
        if not callee.is_method or "staticmethod" in self.decorators(callee):
            return 0
        evaluation = self.evaluations.get(caller)
        atoms = evaluation.values[operation[5]] if evaluation and operation[0] == f.CALL else ()
        return int(not any(
            isinstance(a, v.FunctionObject) and a.function is callee and not a.bound for a in atoms
        ))  # fmt: skip

    def taken(self, atom: v.Atom, operation: f.Operation) -> Iterator[int]:
        """The arguments of a call of a function of the program for which it takes a container."""
        bound = not isinstance(atom, v.FunctionObject) or atom.bound
        function = atom.function if isinstance(atom, v.FunctionObject) else None
        if isinstance(atom, v.ClassObject):
            function = atom.cls.find("__init__")
        if function is None or (isinstance(atom, v.FunctionObject) and atom.given):
            return
        shape, parameters = self.shape(function), function.signature.parameters
        given = zip(shape.given_bound if bound else shape.given, operation[6], strict=False)
        named = dict(shape.named)
        pairs = [*given, *((named[name], i) for name, i in operation[7] if name in named)]
        for slot, argument in pairs:
            declared = self.declared(function, parameters[slot.name].annotation)
            if declarations.is_container(declared):
                yield argument

    def _pass_others(
        self, shape: Shape, bound: bool, arguments: list[v.Value], named: dict[str, v.Value]
    ) -> None:
        """What ``*args`` and ``**kwargs`` take."""
        known = {name for name, _ in shape.named} | {v.UNPACKED}
        others = {name: value for name, value in named.items() if name not in known}
        given = len(shape.given_bound if bound else shape.given)
        behind = arguments[given:]
        unpacked = named.get(v.UNPACKED, v.UNKNOWN)
        for kind, slot in shape.others:
            values = [*behind, unpacked] if kind == "*" else [*others.values()]
            values = [value for value in values if not self.is_plain(value)]
            for value in values:
                self.write(slot, value)
            if values:  # `handler(*args, **kwargs)` asks which is which
                items = tuple(map(self._without_constants, behind[: v.WIDTH]))
                packed = v.one(v.TupleValue(items)) if kind == "*" else v.record(others)
                self.write(self.slot("packed", slot.owner, slot.name), packed)

    def called(
        self,
        function: Function,
        bound: bool,
        arguments: list[v.Value],
        named: dict[str, v.Value],
        awaited: bool = False,
    ) -> v.Value:
        """What a call gives; the arguments flow into the parameters."""
        self.pass_arguments(function, bound, arguments, named)
        shape = self._shapes[function]
        if shape.is_manager:
            return self.managed(function)
        if function.facts.is_generator:
            self.demand(function)
            return v.one(v.Generated(function))
        if function.facts.is_async and not awaited:
            return v.one(v.CoroutineValue(function))
        return self.result(function)

    def managed(self, function: Function) -> v.Value:
        """The context manager that a generator function defines."""
        return v.one(v.Managed(self._yield_declared(function), function))

    def result(self, function: Function) -> v.Value:
        """What a function returns, by its annotation and its ``return`` statements."""
        shape = self.shape(function)
        if shape.constant is not None:
            return shape.constant
        returns = function.signature.returns
        declared = self.declared(function, returns)
        if declared and not any(isinstance(a, (v.Known, v.Client)) for a in declared):
            if declarations.names_callables(declared):
                self.demand(function)
                return declarations.called(declared, self.read(shape.returned))
            if v.declares_queries(declared) or declarations.is_bare(declared):
                self.demand(function)
                given = self.read(shape.returned)
                return declared if self.holds_nothing(given) else given
            if self._may_have_keys(declared):
                self.demand(function)
                given = self.read(shape.returned)
                if v.keyed(given):
                    return given
            if declarations.is_protocol(declared):
                self.demand(function)
                return declarations.unsaid(self, declared, self.read(shape.returned))
            if declarations.may_be_generator(function.signature.operations, returns):
                self.demand(function)
            hidden = self._hidden.get(function)
            if hidden:
                given = self.read(shape.returned)
                return given if self.holds_objects(hidden) else declared | hidden
            if (function, returns) in self._declared:
                shape.constant = declared
            return declared
        if not declared and self._gives_constants(function):
            shape.constant = self._hidden.get(function, v.UNKNOWN)
            return shape.constant
        self.demand(function)
        given = self.read(shape.returned)
        return given if self.holds_objects(given) else declared or given

    def return_hidden(self, function: Function, value: v.Value) -> None:
        """``-> list[User]``: what is returned may be a Query or a generator, whatever the
        annotation says, or nothing that it says. Who calls the function has to know."""
        declared = self.declared(function, function.signature.returns)
        if not declared and not self._gives_constants(function):
            return  # what is returned counts anyhow
        queries = frozenset(a for a in value if isinstance(a, v.QueryValue))
        unsaid = queries | declarations.hidden(declared, value)
        known = self._hidden.get(function, v.UNKNOWN)
        if not unsaid <= known:
            self._hidden[function] = known | unsaid
            self.shape(function).constant = None
            names = (function.name, *self.program.imported_names(function.name))
            users = (fn for name in names for fn in self.program.mentioning(name))
            self.again([fn for fn in users if fn in self.evaluations])

    def _may_have_keys(self, declared: v.Value) -> bool:
        """Does an annotation say that it is a dict, of objects that matter or of anything?"""
        return (
            self.holds_objects(declared) and any(isinstance(a, v.Collection) for a in declared)
        ) or declarations.is_dict(declared)

    def _gives_constants(self, function: Function) -> bool:
        """Does the annotation say that what a function returns isn't worth knowing?"""
        signature = function.signature
        return declarations.is_constant(
            self, function.parent or function, signature.operations, signature.returns
        )

    def provided(self, dependency: Function | Class) -> v.Value:
        """What FastAPI injects for a dependency: what it yields or returns, and objects of other
        classes that tests put in its place."""
        given = self._provided(dependency)
        replaced = self._overrides.get(dependency, ())
        others = (declarations.hidden(given, self._provided(override)) for override in replaced)
        found = (a for value in others for a in value if isinstance(a, v.Instance))
        return given.union(found) if given else given

    def _provided(self, dependency: Function | Class) -> v.Value:
        self._injected += 1
        if isinstance(dependency, Class):
            return declarations.instance_of(dependency)
        self.dependencies.add(dependency)
        self.demand(dependency)
        if dependency.facts.is_generator:
            given = self.read(self.shape(dependency).yielded)
            return given if self.holds_objects(given) else self._yield_declared(dependency) or given
        if dependency in self._providing:
            return v.UNKNOWN  # its own annotation is an alias of what it provides
        self._providing.add(dependency)
        given = self.result(dependency)
        self._providing.discard(dependency)
        return given

    @cached_property
    def _overrides(self) -> dict[Function | Class, list[Function | Class]]:
        return by_dependency(self.program)

    def _yield_declared(self, function: Function) -> v.Value:
        self.demand(function)
        return v.elements(self.declared(function, function.signature.returns))


def _gives_of(descriptor: Class, position: int) -> bool:
    """Does ``__get__`` call what the descriptor was made of with one of its parameters?"""
    getter, constructor = descriptor.find("__get__"), descriptor.find("__init__")
    if getter is None or len(getter.signature.parameters) <= position:
        return False
    name, operations = getter.signature.parameters[position].name, getter.body.operations
    kept = constructor.facts.stores if constructor is not None else frozenset[str]()
    return any(
        operation and operation[0] == f.CALL and operations[operation[5]][0] == f.ATTRIBUTE
        and (operations[operation[5]][6] in kept or position > 1)
        and [operations[i][5:6] for i in operation[6] if i >= 0] == [(name,)]
        for operation in operations
    )  # fmt: skip
