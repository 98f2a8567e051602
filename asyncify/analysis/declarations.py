"""Annotations, and other expressions that are read without running them, become values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Program, Variable
from asyncify.source.extract import lower_expression
from asyncify.vocabulary import flask
from asyncify.vocabulary.classes import BINDING, BOUND_TO
from asyncify.vocabulary.common import DESCRIBED
from asyncify.vocabulary.injection import DEPENDS, is_given
from asyncify.vocabulary.names import KINDS
from asyncify.vocabulary.testing import CLIENTS

if TYPE_CHECKING:
    from asyncify.analysis.signatures import Signatures

_UNIONS = {"typing.Optional", "typing.Union", "typing_extensions.Optional"}
_TRANSPARENT = {
    "typing.Final", "typing.ClassVar", "typing.Required", "typing.NotRequired",
    "sqlalchemy.orm.Mapped", "sqlalchemy.orm.DynamicMapped", "sqlalchemy.orm.WriteOnlyMapped",
    "strawberry.Private", "strawberry.private.Private",
}  # fmt: skip
_COLLECTIONS = {
    "list", "set", "frozenset", "typing.List", "typing.Set", "typing.Sequence", "typing.Iterable",
    "typing.Iterator", "typing.Generator", "typing.Collection", "typing.FrozenSet",
    "typing.AsyncGenerator", "typing.AsyncIterator", "typing.AsyncIterable", "typing.Deque",
    "collections.deque",
}  # fmt: skip
_GENERATED = {"Iterable", "Iterator", "Generator"}
_MAPPINGS = {
    "dict",
    "typing.Dict",
    "typing.Mapping",
    "collections.defaultdict",
    "typing.DefaultDict",
}
_MANAGERS = {
    "typing.ContextManager", "typing.AsyncContextManager", "contextlib.AbstractContextManager",
    "contextlib.AbstractAsyncContextManager",
}  # fmt: skip
_CALLABLES = {"typing.Callable", "callable"}
_SPELLINGS = (
    ("typing_extensions.", "typing."), ("collections.abc.", "typing."),
    ("rich_click.", "click."),
)  # fmt: skip
_PROTOCOLS = {"typing.Protocol", "typing_extensions.Protocol"}
ENUMERATIONS = {"enum.Enum", "enum.StrEnum", "enum.IntEnum"}
_ASSIGNING = (f.ASSIGN, f.ANNOTATED)
_CONSTANTS = {"int", "str", "bool", "float", "bytes", "complex", "bytearray"}
_OBJECTS = (v.Instance, v.Known, v.FunctionObject, v.ClassObject)
_NOTHING: Mapping[str, v.Value] = {}


@lru_cache(maxsize=4096)
def lowered(text: str) -> tuple[tuple[f.Operation, ...], int] | None:
    """The operations of an expression inside a string, and the one that it is."""
    return lower_expression(text)


def normalised(name: str) -> str:
    """One spelling for the names of ``typing``, ``collections.abc``, builtins, and of what a
    library takes over from another."""
    for given, meant in _SPELLINGS:
        if name.startswith(given):
            return meant + name[len(given) :]
    return name


def foreign_name(
    function: Function, operations: tuple[f.Operation, ...], index: int, inference: Signatures
) -> str:
    """The dotted name of something foreign that an expression refers to, else ''."""
    symbol = inference.program.resolve_expression(function, operations, index)
    if isinstance(symbol, str):
        return normalised(symbol)
    # A builtin; `def list(self) -> list[T]` doesn't mean itself.
    if (symbol is None or isinstance(symbol, Function)) and operations[index][0] == f.NAME:
        return str(operations[index][5])
    return ""


def annotation_value(
    inference: Signatures,
    function: Function,
    operations: tuple[f.Operation, ...],
    index: int,
    nesting: int = 0,
    given: Mapping[str, v.Value] = _NOTHING,
) -> v.Value:
    """The value that something annotated so has; ``function`` is where the names are looked up,
    ``given`` what type variables stand for."""
    if index < 0 or nesting > 8:
        return v.UNKNOWN
    operation = operations[index]
    kind = operation[0]
    if kind == f.NAME and operation[5] in given:
        return given[operation[5]]
    if kind == f.CONSTANT:
        if not isinstance(operation[5], str):
            return v.UNKNOWN
        inside = lowered(operation[5])
        if inside is None:
            return v.UNKNOWN
        return annotation_value(inference, function, *inside, nesting + 1, given)
    if kind in (f.NAME, f.ATTRIBUTE):
        symbol = inference.program.resolve_expression(function, operations, index)
        return _named(inference, symbol, nesting)
    if kind == f.SUBSCRIPT:
        return _subscript(inference, function, operations, operation, nesting, given)
    if kind == f.OPERATOR and operation[5] == "BitOr":
        return _of_one_side(
            v.join(
                annotation_value(inference, function, operations, i, nesting + 1, given)
                for i in operation[6]
            )
        )
    return v.UNKNOWN


def _of_one_side(value: v.Value) -> v.Value:
    """``Session | AsyncSession`` is written by somebody who tells them apart: it says nothing of
    which it is."""
    kinds = {a.kind for a in value if isinstance(a, v.Known)} if len(value) > 1 else set()
    if not any(f"Async{kind}" in kinds for kind in kinds):
        return value
    return frozenset(a for a in value if not isinstance(a, v.Known))


def is_constant(
    inference: Signatures, function: Function, operations: tuple[f.Operation, ...], index: int
) -> bool:
    """Does an annotation allow only constants and containers of them: text, numbers, None?"""
    if index < 0:
        return False
    operation = operations[index]
    kind = operation[0]
    if kind == f.CONSTANT:
        if not isinstance(operation[5], str):
            return operation[5] is None
        inside = lowered(operation[5])
        return inside is not None and is_constant(inference, function, *inside)
    if kind == f.NAME:
        name = operation[5]
        return name in _CONSTANTS and inference.program.resolve(function.module, name) is None
    parts: tuple[int, ...] = ()
    if kind == f.OPERATOR:
        parts = operation[6]
    elif kind == f.SUBSCRIPT:
        name = foreign_name(function, operations, operation[5], inference)
        if name == "typing.Literal":
            return True
        if name in _UNIONS or name in _COLLECTIONS or name in _MAPPINGS:
            inner = operations[operation[6]]
            parts = inner[6] if inner[0] == f.SEQUENCE else (operation[6],)
    return bool(parts) and all(is_constant(inference, function, operations, i) for i in parts)


def _named(inference: Signatures, symbol: object, nesting: int) -> v.Value:
    if isinstance(symbol, str):
        kind = KINDS.get(symbol)
        if normalised(symbol) == "typing.Any":
            return v.UNKNOWN  # says nothing
        if symbol in CLIENTS:
            return v.one(v.Client())
        if symbol in flask.EXTENSIONS:
            return v.one(v.Known(flask.EXTENSION))
        return v.one(v.Known(kind)) if kind else v.one(v.ForeignInstance(normalised(symbol)))
    if isinstance(symbol, Class):
        return instance_of(symbol)
    if isinstance(symbol, Variable):
        found = inference.program.variable_expression(symbol)
        if found is not None:
            function, operations, index = found
            return annotation_value(inference, function, operations, index, nesting + 1)
    return v.UNKNOWN


def bound_to(inference: Signatures, function: Function) -> v.Value:
    """The object that a decorator gives a function first: `@app.task(bind=True, base=OurTask)`."""
    operations, scope = function.signature.operations, function.parent or function
    for index in function.signature.decorators:
        keywords = dict(operations[index][7]) if operations[index][0] == f.CALL else {}
        if BINDING not in keywords or operations[keywords[BINDING]][5:6] != (True,):
            continue
        for keyword, base in BOUND_TO.items():
            made = keywords.get(keyword, -1)
            cls = inference.program.resolve_expression(scope, operations, made) if made >= 0 else ""
            above = cls.foreign_bases if isinstance(cls, Class) else ()
            if isinstance(cls, Class) and any(x.rpartition(".")[2] == base for x in above):
                return v.join((v.one(v.Instance(cls)), instance_of(cls)))
    return v.UNKNOWN


def instance_of(cls: Class) -> v.Value:
    """An instance of a class of the program; subclasses of Session and the like are those."""
    found: v.Value | None = cls.atoms.get(instance_of)
    if found is None:
        found = cls.atoms[instance_of] = v.one(_instance(cls))
    return found


def _instance(cls: Class) -> v.Atom:
    for base in cls.foreign_bases:
        if base in KINDS:
            return v.Known(KINDS[base])
        if base in CLIENTS:
            return v.Client(None, cls)
    return v.Instance(cls)


def _subscript(
    inference: Signatures,
    function: Function,
    operations: tuple[f.Operation, ...],
    operation: f.Operation,
    nesting: int,
    given: Mapping[str, v.Value],
) -> v.Value:
    base, index = operation[5], operation[6]
    inner = operations[index]
    parts: tuple[int, ...] = inner[6] if inner[0] == f.SEQUENCE else (index,)
    name = foreign_name(function, operations, base, inference)

    def argument(position: int) -> v.Value:
        if position >= len(parts):
            return v.UNKNOWN
        return annotation_value(
            inference, function, operations, parts[position], nesting + 1, given
        )

    if name == "typing.Annotated":
        injected = _depends_in(inference, function, operations, parts[1:])
        if injected and not inference.holds_nothing(injected):
            return injected
        return argument(0) or injected  # of what the program put there only this may tell
    if name in _CALLABLES and len(parts) == 2:
        given_back = argument(1)
        called = annotation_value(inference, function, operations, base, nesting + 1, given)
        return called | v.one(v.Giving(given_back)) if _gives_session(given_back) else called
    if name in ("tuple", "typing.Tuple") and not (
        len(parts) == 2 and operations[parts[1]][0] == f.CONSTANT
    ):
        return v.one(v.TupleValue(tuple(argument(i) for i in range(len(parts)))))
    found = _standard(name, len(parts), argument)
    if found is not None:
        return found
    return annotation_value(inference, function, operations, base, nesting + 1, given)


def _standard(name: str, number: int, argument: Callable[[int], v.Value]) -> v.Value | None:
    """What a generic of the standard library stands for, by its arguments."""
    if name in _UNIONS:
        return _of_one_side(v.join(argument(i) for i in range(number)))
    if name in _TRANSPARENT or is_given(name):
        return argument(0)
    if name in _COLLECTIONS or name in ("tuple", "typing.Tuple"):
        return v.collection(argument(0))
    if name in _MAPPINGS:
        return v.collection(argument(1))
    if name in _MANAGERS:
        items = argument(0)
        return v.one(v.Managed(items)) if items else v.UNKNOWN
    if name == "contextvars.ContextVar":
        return v.one(v.ForeignInstance(name)) | v.collection(argument(0))
    if name in ("type", "typing.Type"):
        known = frozenset(v.ClassObject(a.cls) for a in argument(0) if isinstance(a, v.Instance))
        return known or v.one(v.Foreign(v.SOME_CLASS))
    if name in ("typing.Coroutine", "typing.Awaitable"):
        return argument(number - 1)
    return None


def _gives_session(value: v.Value) -> bool:
    """Is a session among what a call gives, or what is entered there gives?"""
    return any(
        isinstance(a, v.Known) or (isinstance(a, v.Managed) and _gives_session(a.items))
        for a in value
    )


def _depends_in(
    inference: Signatures,
    function: Function,
    operations: tuple[f.Operation, ...],
    parts: tuple[int, ...],
) -> v.Value:
    for index in parts:
        value = dependency_value(inference, function, operations, index)
        if value is not None:
            return value
    return v.UNKNOWN


def is_callable(declared: v.Value) -> bool:
    """Does an annotation say no more than that something is called?"""
    return any(
        (isinstance(a, v.ForeignInstance) and a.name in _CALLABLES)
        or (isinstance(a, v.Instance) and _names_functions(a.cls))
        for a in declared
    )


def _names_functions(cls: Class) -> bool:
    """Is it an enumeration whose members may be functions? Python makes none of those a member: who
    reads one has the function."""
    if ENUMERATIONS.isdisjoint(cls.foreign_bases):
        return False
    body = cls.body.body
    held = (s[8] if s[0] == f.ASSIGN else s[9] for s in body.statements if s[0] in _ASSIGNING)
    return any(index >= 0 and body.operations[index][0] == f.NAME for index in held)


def names_callables(declared: v.Value) -> bool:
    """Does an annotation say no more than that something is called, be it what containers have?"""
    return any(map(is_callable, _within(declared)))


def called(declared: v.Value, given: v.Value) -> v.Value:
    """What is called, of what a place has that is annotated so."""
    if is_callable(declared):
        return functions(given) or declared
    return given if any(map(functions, _within(v.elements(given)))) else declared


def _within(value: v.Value) -> Iterator[v.Value]:
    """A value, what is in it, and so on: ``dict[str, list[Callable]]``."""
    while value:  # values are nested to a depth that is limited
        yield value
        value = v.elements(value)


def is_bare(declared: v.Value) -> bool:
    """Is an annotation a container of which it doesn't say what is in it: ``queue: deque``, or does
    it have such ones: ``rules: dict[str, Iterable]``?"""
    return any(
        isinstance(a, v.ForeignInstance) and (a.name in _COLLECTIONS or a.name in _MAPPINGS)
        for value in _within(declared) for a in value
    )  # fmt: skip


def is_container(declared: v.Value) -> bool:
    """Does an annotation say that something is iterated over, and nothing else?"""
    return bool(declared) and all(
        isinstance(a, v.Collection) or (isinstance(a, v.ForeignInstance) and a.name in _COLLECTIONS)
        for a in declared
    )


def may_be_generator(operations: tuple[f.Operation, ...], annotation: int) -> bool:
    """``Iterable[User]``, ``Optional[Iterator[User]]``: does it take a generator, by its words?"""
    pending = [annotation]
    while pending:
        operation = operations[pending.pop()]
        kind = operation[0]
        if (kind == f.NAME and operation[5] in _GENERATED) or (
            kind == f.ATTRIBUTE and operation[6] in _GENERATED
        ):
            return True
        if kind == f.SUBSCRIPT:
            pending += operation[5:7]
        elif kind in (f.SEQUENCE, f.OPERATOR):
            pending += [index for index in operation[6] if index >= 0]
    return False


def is_protocol(declared: v.Value) -> bool:
    """Does an annotation name a protocol, which classes fulfil without saying so?"""
    return any(
        isinstance(a, v.Instance) and not _PROTOCOLS.isdisjoint(a.cls.foreign_bases)
        for a in declared
    )


def unsaid(inference: Signatures, declared: v.Value, given: v.Value) -> v.Value:
    """What is annotated with a protocol, and the objects that are one unsaid: their classes are
    as if they were below it."""
    found = frozenset(a for a in given - declared if isinstance(a, v.Instance))
    for atom in declared:
        if isinstance(atom, v.Instance) and not _PROTOCOLS.isdisjoint(atom.cls.foreign_bases):
            for other in found:
                if isinstance(other, v.Instance) and atom.cls not in other.cls.ancestors:
                    inference.fulfils(other.cls, atom.cls)
    if any(map(_is_callback, declared)):
        return declared.union(found, (a for a in given if isinstance(a, v.FunctionObject)))
    return declared | found


def _is_callback(atom: v.Atom) -> bool:
    """Is it a protocol of what is called, which functions fulfil?

    https://typing.python.org/en/latest/spec/callables.html#callback-protocols
    """
    return (
        isinstance(atom, v.Instance)
        and not _PROTOCOLS.isdisjoint(atom.cls.foreign_bases)
        and "__call__" in atom.cls.methods
    )


def hidden(declared: v.Value, given: v.Value) -> v.Value:
    """What is given that an annotation doesn't say: generators, which are gone through like any
    iterable, objects of which nobody can tell that from the annotation, and the classes that are
    given for ``type[Base]``."""
    if not given:
        return given
    said = v.elements(declared)
    inside = frozenset(
        a for a in v.elements(given)
        if isinstance(a, (v.Instance, v.ClassObject)) and not _is_said(said, a)
    )  # fmt: skip
    return v.collection(inside).union(
        a for a in given
        if a.__class__ is v.Generated or (isinstance(a, _OBJECTS) and not _is_said(declared, a))
    )  # fmt: skip


def _is_said(declared: v.Value, atom: v.Atom) -> bool:
    """Is an object what an annotation says?"""
    if isinstance(atom, v.ClassObject) and any(_is_above(a, atom) for a in declared):
        return False
    if isinstance(atom, v.FunctionObject) and any(map(_is_callback, declared)):
        return False
    if not isinstance(atom, v.Instance):
        return any(isinstance(a, (*_OBJECTS, v.Foreign, v.Giving)) for a in declared)
    return any(
        isinstance(a, v.Instance) and (a.cls in atom.cls.ancestors or atom.cls in a.cls.ancestors)
        for a in declared
    )


def _is_above(atom: v.Atom, other: v.ClassObject) -> bool:
    """Is it any class, one that another is below, or a protocol, which others may fulfil unsaid?"""
    if isinstance(atom, v.ClassObject):
        is_protocol = not _PROTOCOLS.isdisjoint(atom.cls.foreign_bases)
        return atom is not other and (is_protocol or atom.cls in other.cls.ancestors)
    return atom == v.Foreign(v.SOME_CLASS)


def is_dict(declared: v.Value) -> bool:
    """Does an annotation say that something is a dict, and not of what?"""
    return any(isinstance(a, v.ForeignInstance) and a.name in _MAPPINGS for a in declared)


def functions(value: v.Value) -> v.Value:
    """What of a value is called: functions of the program, and objects that may be callable."""
    kinds = (v.FunctionObject, v.KnownMethod, v.Known, v.Instance, v.ClassObject)
    found = frozenset(a for a in value if isinstance(a, kinds))
    return found and found | {a for a in value if isinstance(a, v.Foreign)}


def dependency_target(
    inference: Signatures, function: Function, operations: tuple[f.Operation, ...], index: int
) -> int:
    """The operation that is named in ``Depends(f)``; -1 where an operation is no such call."""
    operation = operations[index] if index >= 0 else ()
    if not operation or operation[0] != f.CALL:
        return -1
    if foreign_name(function, operations, operation[5], inference) not in DEPENDS:
        return -1
    arguments = [i for i in operation[6] if i >= 0]
    arguments += [i for name, i in operation[7] if name == "dependency"]
    return arguments[0] if arguments else -1


def dependency_function(
    inference: Signatures, function: Function, operations: tuple[f.Operation, ...], index: int
) -> Function | Class | None:
    """The function or class in ``Depends(f)``, where an operation is such a call; of an object
    that is called, its method."""
    target = dependency_target(inference, function, operations, index)
    if target < 0:
        return None
    program, place = inference.program, (function, operations, target)
    symbol = program.resolve_expression(*place) or _method(program, *place)
    if isinstance(symbol, Variable):  # require_admin = Requires(Role.ADMIN)
        place = program.variable_expression(symbol) or place
    made = place[1][place[2]]
    if made[0] == f.CALL:
        cls = program.resolve_expression(place[0], place[1], made[5])
        return cls.find("__call__") if isinstance(cls, Class) else None
    return symbol if isinstance(symbol, (Function, Class)) else None


def _method(
    program: Program, function: Function, operations: tuple[f.Operation, ...], index: int
) -> Function | None:
    """``users.current``, of an object that a module has made."""
    operation = operations[index]
    if operation[0] != f.ATTRIBUTE:
        return None
    owner = program.resolve_expression(function, operations, operation[5])
    return program.method_of(owner, operation[6]) if isinstance(owner, Variable) else None


def dependency_value(
    inference: Signatures, function: Function, operations: tuple[f.Operation, ...], index: int
) -> v.Value | None:
    """What FastAPI injects for ``Depends(f)``; None where the operation is no such call."""
    target = dependency_function(inference, function, operations, index)
    return inference.provided(target) if target is not None else None


def described(
    inference: Signatures, name: str, arguments: list[v.Value], named: dict[str, v.Value]
) -> v.Value:
    """``Instance(klass="app.services.Users")``: an attribute that says what it will hold."""
    keywords, is_instance = DESCRIBED[name]
    given = [*arguments[:1], *(named[keyword] for keyword in keywords if keyword in named)]
    classes = [_class_named(inference, atom) for value in given for atom in value]
    return v.join(
        instance_of(cls) if is_instance else v.one(v.ClassObject(cls))
        for cls in classes if cls is not None
    )  # fmt: skip


def _class_named(inference: Signatures, atom: v.Atom) -> Class | None:
    """A class, or that of a dotted name."""
    if isinstance(atom, v.ClassObject):
        return atom.cls
    if not isinstance(atom, v.Literal) or not isinstance(atom.value, str):
        return None
    symbol = inference.program.named(atom.value)
    return symbol if isinstance(symbol, Class) else None
