"""Members: what reading an attribute gives.

What never changes is found once for an atom and a name; so are the slots that hold the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asyncify import facts as f
from asyncify.analysis import modules, queries, records
from asyncify.analysis import values as v
from asyncify.analysis.computed_names import shape
from asyncify.analysis.likely import is_mock, spelled
from asyncify.analysis.program import Class, Function, Module, Variable
from asyncify.analysis.slots import Group
from asyncify.vocabulary import flask
from asyncify.vocabulary.injection import PROVIDED
from asyncify.vocabulary.names import MAKING, SQLMODEL
from asyncify.vocabulary.rows import Member
from asyncify.vocabulary.testing import CLIENT_MEMBERS, CLIENTS

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation
    from asyncify.analysis.infer import Inference

# What stands behind an async object.
_SYNC_SIDES = {"sync_session", "sync_engine", "sync_connection"}
DISPATCHING = {"functools.singledispatch", "functools.singledispatchmethod"}
DISPATCH = "functools.singledispatch().dispatch"
OBJECT_MAKER = "object.__new__"  # what makes an object without its constructor
_KEEPING_ORIGIN = ("Session", "AsyncSession", "Connection", "AsyncConnection")


def read(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    """The operation that reads an attribute."""
    base, name = operation[5], operation[6]
    value = evaluation.values[base]
    if evaluation.names_super and is_super(evaluation, base):
        inherited = _inherited(evaluation, name)
        if inherited or any(isinstance(a, v.Client) for a in value):
            return inherited
    kept = evaluation.inference.kept
    held = kept.read(evaluation, base, name) if name in kept.names else v.UNKNOWN
    if held:
        return held
    evident = evaluation.inference.likely.evident.get(evaluation.function)
    if evident and spelled(evaluation.operations, base) in evident:
        value = _guessed(evaluation, base, "Session")
    if not value or any(map(is_mock, value)):  # a mock stands for what it is used as
        told = frozenset(atom for atom in value if not is_mock(atom))
        value = told or _guess(evaluation, base, name) or value
    found = _of_all(evaluation, value, name) if len(value) > 1 else v.UNKNOWN
    if len(value) == 1:
        (atom,) = value
        found = v.capped(of(evaluation, atom, name))
        if isinstance(atom, v.Foreign) and atom.name != v.SOME_CLASS:
            return found
    properties = evaluation.inference.query_properties
    return properties.read(evaluation, operation, found) if name in properties.names else found


def of(evaluation: Evaluation, atom: v.Atom, name: str) -> v.Value:
    """The attribute of one atom."""
    inference = evaluation.inference
    reader = _READERS.get(atom.__class__)
    if reader is None:
        return v.UNKNOWN
    if name[:1] == "_" and "__" in name[1:-2]:
        name = _own_name(atom, name)
    known = inference.attributes.setdefault(v.one(atom), {})
    found: Any = known.get(name)
    if found is None:
        found = reader(evaluation, atom, name)
        if found is None:
            return _unsettled(inference, atom, name)
        if not is_mock(atom):  # which is read as what its function uses it as
            known[name] = found
    if found.__class__ is Group:
        held = inference.read_group(found)
        made = inference.made_attributes
        if isinstance(atom, v.Instance) and (made.there or (made.sets and not held)):
            return _made(evaluation, atom, name, held)
        return held
    if found.__class__ is list:
        return v.join([read_property(inference, method) for method in found])
    return found  # type: ignore[no-any-return]


def _own_name(atom: v.Atom, name: str) -> str:
    """``users._Users__load``: what others call the private ``__load`` of a class, as tests do."""
    if isinstance(atom, (v.Instance, v.ClassObject)):
        for cls in atom.cls.ancestors:
            start = f"_{cls.name.lstrip('_')}__"
            if name.startswith(start):
                return f"__{name.removeprefix(start)}"
    return name


def by_name(evaluation: Evaluation, given: list[v.Value], place: int) -> v.Value:
    """``getattr(object, name)``; where only a table of the class may say which name that is, or how
    it begins or ends, it is any method that this names."""
    names = [a.value for a in given[1] if isinstance(a, v.Literal)]
    if names or place < 0:
        return v.join(
            of(evaluation, a, name) for name in names if isinstance(name, str) for a in given[0]
        )
    named = shape(evaluation.program, evaluation.inference.layout(evaluation.function), place)
    default = v.join(given[2:])
    found: list[v.Value] = [frozenset(a for a in default if isinstance(a, v.FunctionObject))]
    for atom in given[0]:
        if isinstance(atom, v.QueryValue):
            found.append(v.KnownMethod(atom, queries.COMPUTED).alone)
        if isinstance(atom, (v.Instance, v.ClassObject)):
            family = (*atom.cls.ancestors, *atom.cls.descendants())
            words = {o[5] for cls in family for o in cls.body.body.operations if o[0] == f.CONSTANT}
            found += [
                of(evaluation, atom, method)
                for method in dict.fromkeys(name for cls in family for name in cls.methods)
                if (named.fits(method) if named.is_known else method in words)
                and not method.startswith("__")
            ]
        elif isinstance(atom, v.ModuleObject):
            own = modules.own(evaluation.program, atom.module)
            found += [v.one(member) for name, member in own if named.fits(name)]
    return v.join(found)


def listed(evaluation: Evaluation, given: v.Value) -> v.Value:
    """``inspect.getmembers(object)``: pairs of names and methods, or functions of a module."""
    found: list[v.Value] = []
    for atom in given:
        if isinstance(atom, (v.Instance, v.ClassObject)):
            family = (*atom.cls.ancestors, *atom.cls.descendants())
            methods = dict.fromkeys(item for cls in family for item in cls.methods.items())
            found += [
                of(evaluation, atom, name) for name, method in methods
                if not name.startswith("__") and not evaluation.inference.is_property(method)
            ]  # fmt: skip
        elif isinstance(atom, v.ModuleObject):
            own = modules.own(evaluation.program, atom.module)
            found.append(modules.some(each for _, each in own))
    return v.collection(v.one(v.TupleValue((v.UNKNOWN, v.join(found)))))


def _made(evaluation: Evaluation, atom: v.Instance, name: str, held: v.Value) -> v.Value:
    """What an attribute of an object gives, where reading some makes what they give."""
    made = evaluation.inference.made_attributes
    if held:
        return made.given(atom, held)
    found = made.set(atom, name)
    wrapped = made.wrapped(atom) if not found else None
    if wrapped is None:
        return found or made.missing(atom, name)
    if (atom, name) in made.asking:  # they wrap one another
        return v.UNKNOWN
    made.asking.add((atom, name))
    found = v.join([of(evaluation, each, name) for each in wrapped if each != atom])
    made.asking.discard((atom, name))
    return found


def _of_all(evaluation: Evaluation, value: v.Value, name: str) -> v.Value:
    """The attribute of several atoms; kept where that of each is always the same."""
    attributes = evaluation.inference.attributes
    found = v.join([of(evaluation, atom, name) for atom in value])
    if all(attributes.get(v.one(atom), {}).get(name).__class__ is frozenset for atom in value):
        attributes.setdefault(value, {})[name] = found
    return found


def _of_foreign(evaluation: Evaluation, atom: v.Foreign, name: str) -> v.Value:
    symbol = evaluation.program.member(atom.name, name)
    if isinstance(symbol, Module):
        return evaluation.symbol(symbol)
    return v.foreign_member(atom.name, name)


def _of_foreign_instance(evaluation: Evaluation, atom: v.ForeignInstance, name: str) -> v.Value:
    whole = f"{atom.name}()" if "." in atom.name else atom.name
    return v.foreign_member(whole, name)


def _of_query(evaluation: Evaluation, atom: v.QueryValue, name: str) -> v.Value:
    return queries.attribute(atom, name)


def _of_known(evaluation: Evaluation, atom: v.Known, name: str) -> v.Value:
    if atom.kind == flask.EXTENSION:
        kind = flask.MEMBERS.get(name)
        return v.one(v.Known(kind, atom.origin)) if kind else v.UNKNOWN
    row = evaluation.inference.row(atom.kind, name)
    if row is None:
        return v.UNKNOWN
    if row.attribute:
        if name in _SYNC_SIDES:
            return v.UNKNOWN  # used where something stays sync on purpose
        return known_result(evaluation.inference, atom, row, None)
    return v.KnownMethod(atom, name).alone


def _of_module(evaluation: Evaluation, atom: v.ModuleObject, name: str) -> Any:
    if name == "__dict__":
        return modules.names(evaluation.program, atom.module)
    symbol = evaluation.program.member(atom.module, name)
    if isinstance(symbol, Variable):
        return evaluation.inference.global_group(symbol.module, symbol.name)
    if isinstance(symbol, Function) and symbol.signature_is_decorated:
        return None
    return evaluation.symbol(symbol)


def class_of(atom: v.Atom) -> v.Value:
    """The class of an object of the program, or one below it."""
    return v.ClassObject(atom.cls).alone if isinstance(atom, v.Instance) else v.UNKNOWN


def _of_instance(evaluation: Evaluation, atom: v.Instance, name: str) -> Any:
    if name == "__class__":
        return class_of(atom)
    if name == records.COPYING and records.is_tuple(atom.cls):
        return v.ClassObject(atom.cls).alone  # `step._replace(run=count)` makes another
    held = records.value_of(evaluation.inference, atom.cls, name)
    return _member(evaluation.inference, atom.cls, name, True) if held is None else held


def _of_client(evaluation: Evaluation, atom: v.Client, name: str) -> Any:
    found = _member(evaluation.inference, atom.cls, name, True) if atom.cls else v.UNKNOWN
    row = CLIENT_MEMBERS.get(name) if not found else None
    return v.one(v.Requesting(atom, name)) if row is not None and row.awaited else found


def _of_class(evaluation: Evaluation, atom: v.ClassObject, name: str) -> Any:
    if name in MAKING and not SQLMODEL.isdisjoint(atom.cls.foreign_bases):
        return atom.alone  # `Hero.model_validate(data)` makes what `Hero(...)` makes
    if name == PROVIDED and atom.cls.find(name) is None:
        return v.one(v.Instance(atom.cls))
    if name == "__subclasses__":
        below = frozenset(v.ClassObject(cls) for cls in atom.cls.subclasses)
        return v.one(v.Giving(v.collection(below))) if below else v.UNKNOWN
    if name == "__new__" and atom.cls.find(name) is None:
        return v.foreign(OBJECT_MAKER)
    made = records.member(evaluation.inference, atom.cls, name)
    if made:
        return made
    return _member(evaluation.inference, atom.cls, name, False)


def _member(inference: Inference, cls: Class, name: str, bound: bool) -> Any:
    """An attribute of an instance, or of a class: None where it depends on wrappers that decorators
    of the program put around methods."""
    if name == "__table__":
        return v.one(v.Known("Table"))
    methods = inference.methods(cls, name)
    if not methods:
        return inference.attribute_group(cls, name)
    if (bound and inference.is_property(methods[0])) or inference.is_class_property(methods[0]):
        return list(methods)
    if any(m.signature_is_decorated for m in methods):
        return None
    return _functions(inference, methods, bound)


def _functions(inference: Inference, methods: tuple[Function, ...], bound: bool) -> v.Value:
    return v.join(
        inference.function_value(m, bound or inference.is_class_method(m)) for m in methods
    )


def _unsettled(inference: Inference, atom: v.Atom, name: str) -> v.Value:
    """What decorators have put in the place of functions, as far as that is known by now."""
    if isinstance(atom, v.ModuleObject):
        symbol = inference.program.member(atom.module, name)
        assert isinstance(symbol, Function)
        return inference.function_value(symbol, False)
    if isinstance(atom, v.FunctionObject):
        return v.collection(registered(inference, v.one(atom)))  # `describe.registry`
    assert isinstance(atom, (v.Instance, v.ClassObject, v.Client)) and atom.cls is not None
    methods = inference.methods(atom.cls, name)
    return _functions(inference, methods, not isinstance(atom, v.ClassObject))


def read_property(inference: Inference, method: Function) -> v.Value:
    """What Python gives where it calls a method by itself."""
    if method.facts.is_async:
        return v.one(v.CoroutineValue(method))
    return inference.result(method)


def _of_named_tuple(evaluation: Evaluation, atom: v.NamedTuple, name: str) -> v.Value:
    return records.item(atom, name)


def _of_function(evaluation: Evaluation, atom: v.FunctionObject, name: str) -> Any:
    """What a function has been given (``count.repository = repository``), the function of a method,
    or what chooses one that is registered for types; it isn't settled which there are."""
    if name == "__wrapped__":
        return v.one(atom)
    if name == "__func__":
        return v.one(v.FunctionObject(atom.function, False, atom.given))
    if name.startswith("__"):
        return v.UNKNOWN
    if name not in ("dispatch", "registry") or not _chooses(evaluation.inference, atom.function):
        return Group((evaluation.inference.slot("attribute", atom.function, name),))
    return v.one(v.Foreign(DISPATCH)) if name == "dispatch" else None


def _chooses(inference: Inference, function: Function) -> bool:
    """Does a function choose another one by the type of its argument?"""
    return not DISPATCHING.isdisjoint(inference.decorators(function))


def registered(inference: Inference, value: v.Value) -> v.Value:
    """The functions that it chooses from, and it itself."""
    functions = (a.function for a in value if isinstance(a, v.FunctionObject))
    found = [function for function in functions if _chooses(inference, function)]
    chosen = [inference.read(inference.slot("wrapped", function)) for function in found]
    return v.join([frozenset(map(v.FunctionObject, found)), *chosen])


_READERS: dict[type, Callable[[Evaluation, Any, str], Any]] = {
    v.NamedTuple: _of_named_tuple,
    v.Foreign: _of_foreign,
    v.Instance: _of_instance,
    v.ClassObject: _of_class,
    v.Known: _of_known,
    v.QueryValue: _of_query,
    v.ModuleObject: _of_module,
    v.ForeignInstance: _of_foreign_instance,
    v.Client: _of_client,
    v.FunctionObject: _of_function,
}


def known_result(
    inference: Inference, owner: v.Known, row: Member, origin: v.Origin | None
) -> v.Value:
    """What a member of an object of SQLAlchemy gives."""
    returns = row.returns
    if owner.kind.lower().startswith("async"):
        returns = row.async_returns or returns
    if returns == "self":
        return v.one(owner)
    if returns in inference.kinds:
        keeps = returns in _KEEPING_ORIGIN
        return v.one(v.Known(returns, owner.origin or (origin if keeps else None)))
    return v.one(v.ForeignInstance(returns)) if "." in returns else v.UNKNOWN


def _guess(evaluation: Evaluation, base: int, attribute: str) -> v.Value:
    """The last resort: the configured names of sessions."""
    operation = evaluation.operations[base]
    name = operation[5] if operation[0] == f.NAME else ""
    if operation[0] == f.ATTRIBUTE:
        name = operation[6]
        if name in _SYNC_SIDES:
            return v.UNKNOWN  # used where something stays sync on purpose
    likely = evaluation.inference.likely
    if name and likely.holds(evaluation.function, name):
        awaited = likely.is_awaited(evaluation.function, name)
        return _guessed(evaluation, base, "AsyncSession" if awaited else "Session")
    return v.UNKNOWN


def _guessed(evaluation: Evaluation, base: int, kind: str) -> v.Value:
    value = evaluation.values[base] = v.one(v.Known(kind, None, False))
    return value


# -- super()


def super_object(evaluation: Evaluation) -> v.Value:
    """What ``super()`` gives."""
    owner = evaluation.function.owner
    if owner is None:
        return v.UNKNOWN
    if not owner.foreign_bases.isdisjoint(CLIENTS):
        return v.one(v.Client(None, owner))
    return v.join(v.one(v.Instance(b)) for b in owner.bases if isinstance(b, Class))


def super_of(arguments: list[v.Value]) -> v.Value:
    """``super(Base, app)``, outside of a method of the class too: what comes behind `Base` among
    the classes of `app`."""
    found = [
        cls.ancestors[place + 1 :]
        for cls in (a.cls for a in arguments[1] if isinstance(a, (v.Instance, v.ClassObject)))
        for place, each in enumerate(cls.ancestors)
        if v.ClassObject(each) in arguments[0]
    ]
    return v.join(v.one(v.Instance(behind[0])) for behind in found if behind)


def is_super(evaluation: Evaluation, index: int) -> bool:
    """Is an expression ``super()``?"""
    operation = evaluation.operations[index]
    if operation[0] != f.CALL or evaluation.function.owner is None:
        return False
    callee = evaluation.operations[operation[5]]
    return bool(callee[0] == f.NAME and callee[5] == "super")


def _inherited(evaluation: Evaluation, name: str) -> v.Value:
    """A method above this one: of a base, or of a sibling where a class has both for bases;
    never one that overrides it."""
    owner = evaluation.function.owner
    assert owner is not None
    below = {owner, *owner.descendants()}
    above = [base.find(name) for base in owner.bases if isinstance(base, Class)]
    for cls in below - {owner}:
        above += [c.methods.get(name) for c in cls.ancestors if c not in below]
    found = dict.fromkeys(method for method in above if method is not None)
    return v.join(evaluation.inference.function_value(method, True) for method in found)
