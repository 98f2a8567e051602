"""Generics: what `-> list[T]` means for the object whose method is called.

`class Orders(Repository[Order])`, `Repository(Order, db)` with `model: type[T]`, and
`repo: Repository[Order]` say what T is. The types keep no arguments of classes, so they are looked
up where a method that returns T is called; hardly any is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from asyncify import facts as f
from asyncify.analysis import declarations
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Variable, dotted
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.names import KINDS

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation
    from asyncify.analysis.infer import Inference

_MAKER = "TypeVar"
_NESTING = 4
Given = Mapping[str, v.Value]


class Expression(NamedTuple):
    """An expression and the function that it stands in."""

    function: Function
    operations: tuple[f.Operation, ...]
    place: int

    @property
    def operation(self) -> f.Operation:
        return self.operations[self.place]

    def at(self, index: int) -> Expression:
        return Expression(self.function, self.operations, index)


def returned(evaluation: Evaluation, operation: f.Operation, function: Function) -> v.Value:
    """What a call gives whose function returns something of a type variable; unknown where that
    isn't told."""
    names = _variables(evaluation.inference, function)
    if not names:
        return v.UNKNOWN
    given = _by_arguments(evaluation, operation, function, names)
    callee = evaluation.operations[operation[5]]
    if not given and function.owner is not None and callee[0] == f.ATTRIBUTE:
        given = _of_receiver(evaluation, callee[5], function.owner)
    return _declared(evaluation.inference, function, names, given)


def of_item(evaluation: Evaluation, operation: f.Operation, method: Function) -> v.Value:
    """What ``services[Orders]`` gives, by a ``__getitem__`` that returns something of a type
    variable."""
    names = _variables(evaluation.inference, method)
    if not names or method.owner is None:
        return v.UNKNOWN
    call = (f.CALL, *operation[1:5], -1, (operation[6],), ())
    given = _by_arguments(evaluation, call, method, names)
    if not given:
        given = _of_receiver(evaluation, operation[5], method.owner)
    return _declared(evaluation.inference, method, names, given)


def iterated(evaluation: Evaluation, method: Function, cls: Class, index: int) -> v.Value:
    """What a loop binds over an object of a class whose ``__iter__`` returns an iterator of a type
    variable; ``index`` is the operation that gives the object, or -1."""
    names = _variables(evaluation.inference, method)
    if not names or method.owner is None:
        return v.UNKNOWN
    given = _of_object(evaluation, index, cls, method.owner)
    return v.elements(_declared(evaluation.inference, method, names, given))


def _declared(
    inference: Inference, function: Function, names: tuple[str, ...], given: Given
) -> v.Value:
    """What a function returns where its type variables stand for these."""
    if not any(given.get(name) for name in names):
        return v.UNKNOWN
    signature = function.signature
    return declarations.annotation_value(
        inference, function.parent or function, signature.operations, signature.returns,
        given=given,
    )  # fmt: skip


# -- type variables


def _variables(inference: Inference, function: Function) -> tuple[str, ...]:
    """The type variables in what a function returns."""
    found: tuple[str, ...] | None = function.atoms.get("type variables")
    if found is None:
        signature = function.signature
        found = ()
        if signature.returns >= 0:
            returns = Expression(
                function.parent or function, signature.operations, signature.returns
            )
            found = tuple(_variables_in(inference, returns, _new_style(inference, function)))
        function.atoms["type variables"] = found
    return found


def _variables_in(inference: Inference, place: Expression, new_style: str) -> Iterator[str]:
    operation = place.operation
    if operation[0] == f.CONSTANT and isinstance(operation[5], str):
        inside = declarations.lowered(operation[5])
        if inside is not None:
            yield from _variables_in(inference, Expression(place.function, *inside), new_style)
    elif operation[0] == f.NAME:
        if operation[5] == new_style or _is_variable(inference, place):
            yield operation[5]
    elif operation[0] == f.SUBSCRIPT:
        yield from _variables_in(inference, place.at(operation[6]), new_style)
    elif operation[0] in (f.SEQUENCE, f.OPERATOR):
        for index in operation[6]:
            item = index if index >= 0 else ~index  # ``tuple[*Ts]``
            yield from _variables_in(inference, place.at(item), new_style)


def _is_variable(inference: Inference, place: Expression) -> bool:
    """Is a name that of a ``TypeVar``?"""
    program = inference.program
    symbol = program.resolve_expression(*place)
    made = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
    if made is None or made[1][made[2]][0] != f.CALL:
        return False
    return dotted(made[1], made[1][made[2]][5]).rpartition(".")[2] == _MAKER


def _new_style(inference: Inference, function: Function) -> str:
    """The T of ``class Repository[T]``, which the facts don't keep: the one name in what its
    methods return that nothing is called."""
    owner = function.owner
    if owner is None or any("Generic" in str(base) for base in owner.bases):
        return ""
    operations = function.signature.operations
    unknown = {
        operation[5] for operation in operations
        if operation and operation[0] == f.NAME and operation[5][:1].isupper()
        and inference.program.lookup(function.parent or function, operation[5]) is None
    }  # fmt: skip
    return unknown.pop() if len(unknown) == 1 else ""


def parameters(inference: Inference, cls: Class) -> tuple[str, ...]:
    """The type variables of a class, in order."""
    found: dict[str, None] = {}
    for base in _bases(cls):
        if base.operation[0] == f.SUBSCRIPT:
            found |= dict.fromkeys(_variables_in(inference, base.at(base.operation[6]), ""))
    return tuple(found)


def _bases(cls: Class) -> list[Expression]:
    signature, scope = cls.body.signature, cls.body.parent or cls.body
    return [Expression(scope, signature.operations, i if i >= 0 else ~i) for i in signature.bases]


# -- what they stand for


def _zipped(inference: Inference, owner: Class, values: list[v.Value]) -> Given:
    names = parameters(inference, owner)
    if not names and len(values) == 1:  # class Repository[T]
        names = tuple(dict.fromkeys(
            name for method in owner.methods.values() for name in _variables(inference, method)
        ))[:1]  # fmt: skip
    return dict(zip(names, values, strict=False))


def _subscripted(inference: Inference, place: Expression, given: Given) -> list[v.Value]:
    """The arguments of ``Repository[Order]``."""
    key = place.operation[6]
    inner = place.operations[key]
    parts = inner[6] if inner[0] == f.SEQUENCE else (key,)
    return [
        declarations.annotation_value(
            inference, place.function, place.operations, part, given=given
        )
        for part in parts
    ]  # fmt: skip


def _inherited(inference: Inference, cls: Class, owner: Class, given: Given, depth: int) -> Given:
    """What the type variables of ``owner`` are in a class below it."""
    if cls is owner:
        return given
    for expression in _bases(cls) if depth < _NESTING else ():
        base = inference.program.resolve_expression(*expression)
        if not isinstance(base, Class) or owner not in base.ancestors:
            continue
        values = (
            _subscripted(inference, expression, given)
            if expression.operation[0] == f.SUBSCRIPT
            else []
        )
        return _inherited(inference, base, owner, _zipped(inference, base, values), depth + 1)
    return {}


def _of_receiver(evaluation: Evaluation, index: int, owner: Class) -> Given:
    """What the type variables of a class are for the objects that a method is taken from."""
    out: dict[str, v.Value] = {}
    for atom in evaluation.values[index]:
        if isinstance(atom, v.Instance) and owner in atom.cls.ancestors:
            for name, value in _of_object(evaluation, index, atom.cls, owner).items():
                out[name] = out.get(name, v.UNKNOWN) | value
    return out


def _of_object(evaluation: Evaluation, index: int, cls: Class, owner: Class) -> Given:
    """The same for one of the classes that it may be an object of."""
    inference = evaluation.inference
    found = _inherited(inference, cls, owner, {}, 0)
    if any(found.values()):
        return found
    place = Expression(evaluation.function, evaluation.operations, index)
    for origin in _origins(evaluation, place) if index >= 0 else ():
        found = _inherited(inference, cls, owner, _told(inference, origin, cls), 0)
        if any(found.values()):
            return found
    return _of_subclasses(inference, cls, owner)


def _of_subclasses(inference: Inference, cls: Class, owner: Class) -> Given:
    """What the type variables of a generic class are inside of it: what any class below it says."""
    out: dict[str, v.Value] = {}
    for below in cls.descendants():
        for name, value in _inherited(inference, below, owner, {}, 0).items():
            out[name] = v.join([out.get(name, v.UNKNOWN), value])
    return out


def _told(inference: Inference, place: Expression, cls: Class) -> Given:
    """What ``Repository(Order, db)`` or the annotation ``Repository[Order]`` says."""
    operation = place.operation
    if operation[0] == f.SUBSCRIPT:
        return _zipped(inference, cls, _subscripted(inference, place, {}))
    if operation[0] != f.CALL:
        return {}
    if place.operations[operation[5]][0] == f.SUBSCRIPT:
        return _told(inference, place.at(operation[5]), cls)
    constructor = cls.find("__init__")
    if constructor is None:
        return {}
    out: dict[str, v.Value] = {}
    for name, index in _given_to(constructor, operation, True):
        variable = _class_parameter(inference, constructor, name)
        symbol = inference.program.resolve_expression(place.function, place.operations, index)
        if variable and isinstance(symbol, Class):
            out[variable] = declarations.instance_of(symbol)
    return out


def _origins(evaluation: Evaluation, place: Expression) -> Iterator[Expression]:
    """The expressions that say what an object is: a call, an annotation, a name's value."""
    operation, function = place.operation, place.function
    if operation[0] in (f.CALL, f.SUBSCRIPT):
        yield place
    elif operation[0] == f.NAME:
        yield from _of_name(evaluation, function, operation[5])
    elif operation[0] == f.ATTRIBUTE:
        program = evaluation.inference.program
        symbol = program.resolve_expression(*place)  # ``crud.orders``
        made = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
        if made is not None:
            yield Expression(*made)
        for atom in evaluation.values[operation[5]]:
            for cls in atom.cls.ancestors if isinstance(atom, v.Instance) else ():
                yield from kept_as(cls, operation[6])


def _of_name(evaluation: Evaluation, function: Function, name: str) -> Iterator[Expression]:
    signature = function.signature
    for parameter in signature.parameters:
        if parameter.name == name and parameter.annotation >= 0:
            scope = function.parent or function
            yield Expression(scope, signature.operations, parameter.annotation)
    if name in function.facts.bound:
        for statement in statements_of(function.body.statements):
            for target, value in _assigned(statement):
                if target[:2] == (f.TO_NAME, name):
                    yield Expression(function, function.body.operations, value)
        return
    program = evaluation.inference.program
    symbol = program.lookup(function, name)
    made = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
    if made is not None:
        yield Expression(*made)


def kept_as(cls: Class, attribute: str) -> Iterator[Expression]:
    """What the methods of a class assign to an attribute of ``self``."""
    for method in cls.methods.values():
        if attribute in method.facts.stores:
            for statement in statements_of(method.body.statements):
                for target, value in _assigned(statement):
                    if target[0] == f.TO_ATTRIBUTE and target[2] == attribute:
                        yield Expression(method, method.body.operations, value)


def held(inference: Inference, cls: Class, attribute: str) -> v.Value:
    """What annotations say of an attribute: its own, or that of the parameter which a method puts
    there."""
    found = v.UNKNOWN
    for body in (each.body for each in cls.ancestors):
        for statement in body.body.statements:
            if statement[0] == f.ANNOTATED and statement[7][:2] == (f.TO_NAME, attribute):
                operations, place = body.body.operations, statement[8]
                found |= declarations.annotation_value(inference, body, operations, place)
    for place in (place for each in cls.ancestors for place in kept_as(each, attribute)):
        function, operation = place.function, place.operation
        annotations = [
            parameter.annotation for parameter in function.signature.parameters
            if operation[:1] == (f.NAME,) and parameter.name == operation[5]
        ]  # fmt: skip
        found = found.union(*(inference.declared(function, each) for each in annotations))
    return found


def _assigned(statement: f.Statement) -> Iterator[tuple[f.Operation, int]]:
    if statement[0] == f.ASSIGN:
        for target in statement[7]:
            yield target, statement[8]
    elif statement[0] == f.ANNOTATED:
        yield statement[7], statement[8]
        if statement[9] >= 0:
            yield statement[7], statement[9]


# -- functions


def _given_to(function: Function, operation: f.Operation, bound: bool) -> Iterator[tuple[str, int]]:
    """The parameters that a call gives something, with the operations that it gives."""
    names = [p.name for p in function.signature.parameters if p.kind in "pa"][bound:]
    for name, index in zip(names, operation[6], strict=False):
        if index < 0:
            return
        yield name, index
    for keyword, index in operation[7]:
        if keyword is not None:
            yield keyword, index


def _class_parameter(inference: Inference, function: Function, name: str) -> str:
    """The T of a parameter that is annotated ``type[T]``."""
    operation, place = _annotation(function, name)
    if operation is None or operation[0] != f.SUBSCRIPT or place is None:
        return ""
    base = dotted(place.operations, operation[5]).rpartition(".")[2]
    if base not in ("type", "Type"):
        return ""
    new_style = next(
        (
            found for method in (function.owner.methods.values() if function.owner else ())
            if (found := _new_style(inference, method))
        ),
        "",
    )  # fmt: skip
    variables = [*_variables_in(inference, place.at(operation[6]), new_style)]
    return variables[0] if len(variables) == 1 else ""


def _annotation(function: Function, name: str) -> tuple[f.Operation | None, Expression | None]:
    signature = function.signature
    for parameter in signature.parameters:
        if parameter.name == name and parameter.annotation >= 0:
            scope = function.parent or function
            place = Expression(scope, signature.operations, parameter.annotation)
            return place.operation, place
    return None, None


def _by_arguments(
    evaluation: Evaluation, operation: f.Operation, function: Function, names: tuple[str, ...]
) -> Given:
    """What a call's arguments say: a class for ``type[T]``, an object for ``T``."""
    inference = evaluation.inference
    bound = function.owner is not None and "staticmethod" not in inference.decorators(function)
    out: dict[str, v.Value] = {}
    for name, index in _given_to(function, operation, bound):
        value = evaluation.values[index]
        variable = _class_parameter(inference, function, name)
        classes = [a.cls for a in value if isinstance(a, v.ClassObject)]
        if variable and len(classes) == 1:
            out[variable] = declarations.instance_of(classes[0])
            continue
        kinds = {KINDS[a.name] for a in value if isinstance(a, v.Foreign) and a.name in KINDS}
        if variable and len(kinds) == 1:  # a class of SQLAlchemy: `ContextLocal.of_type(Session)`
            out[variable] = v.one(v.Known(kinds.pop()))
            continue
        annotation, _ = _annotation(function, name)
        if annotation is not None and annotation[0] == f.NAME and annotation[5] in names:
            instances = frozenset(a for a in value if isinstance(a, v.Instance))
            if len(instances) == 1:
                out[annotation[5]] = instances
    return out
