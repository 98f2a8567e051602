"""Evaluate: one function's body, run over abstract values.

Statements are taken in order; branches are joined, loops run twice. The value of every operation is
kept, so that the plan can ask what any expression is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

from asyncify import facts as f
from asyncify.analysis import (
    calls,
    declarations,
    definitions,
    heat,
    members,
    operators,
    patterns,
    protocols,
    records,
)
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Module, Variable, holder_of
from asyncify.analysis.slots import Slot
from asyncify.vocabulary.names import FACTORY

if TYPE_CHECKING:
    from asyncify.analysis.infer import Inference

Environment = dict[str, v.Value]


class Evaluation:
    """The result and the state of evaluating one function."""

    def __init__(self, inference: Inference, function: Function) -> None:
        self.inference = inference
        self.program = inference.program
        self.function = function
        self.operations = function.body.operations
        self.values: list[v.Value] = [v.UNKNOWN] * len(self.operations)
        self.environment: Environment = {}
        self.decorated: dict[Function, list[v.Value]] = {}  # the values of their decorators
        self.captures = function.has_children
        self.free_names = inference.free_names(function)
        self.is_scope = function.facts.kind in ("def", "lambda")
        self.names_super = function.owner is not None and "super" in function.facts.names
        self.bindings = 0  # grows with every change of the environment

    @cached_property
    def objects(self) -> tuple[tuple[int, v.Value], ...]:
        """The operations whose values hold an object of SQLAlchemy or a Query: few of all, and all
        that the colors and the plan look for. Asked for when the evaluation is done."""
        holds = self.inference.holds_objects
        return tuple(
            [(index, value) for index, value in enumerate(self.values) if value and holds(value)]
        )

    def again(self) -> Evaluation:
        """The same, for values that have grown."""
        other = copy(self)
        other.values = list(self.values)
        other.__dict__.pop("objects", None)
        return other

    # -- statements

    def run(self) -> None:
        self.seed()
        self.block(self.function.body.statements)

    def seed(self) -> None:
        """Parameters, as far as annotations, defaults and call sites say."""
        function, inference = self.function, self.inference
        for position, parameter in enumerate(function.signature.parameters):
            value = self.environment[parameter.name] = inference.parameter(function, position)
            if self.captures:
                inference.write(inference.slot("local", function, parameter.name), value)

    def block(self, statements: tuple[f.Statement, ...]) -> None:
        for statement in statements:
            if statement[4] != statement[5]:
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
        elif self.function.facts.kind == "class":
            records.begin(self, statement)

    def _note_annotation(self, statement: f.Statement) -> None:
        """``SessionDep = Annotated[Session, Depends(get_session)]``: whoever names it gets one."""
        target, value = statement[7][0], statement[8]
        if target[0] == f.TO_NAME and self.operations[value][0] in (f.SUBSCRIPT, f.OPERATOR):
            declared = declarations.annotation_value(
                self.inference, self.function, self.operations, value
            )
            slot = self.inference.slot("global", self.function.module, target[1])
            self.inference.heat.note(slot, declared)

    def on_annotated(self, statement: f.Statement) -> None:
        target, annotation, value = statement[7], statement[8], statement[9]
        declared = declarations.annotation_value(
            self.inference, self.function, self.operations, annotation
        )
        if declared and value >= 0 and self._waits_for(target, declared, value):
            declared = v.UNKNOWN
        given = self.values[value] if value >= 0 else v.UNKNOWN
        dependency = declarations.dependency_value(
            self.inference, self.function, self.operations, value
        )
        self.bind(target, dependency or _refined(self.inference, declared, given))

    def _waits_for(self, target: Any, declared: v.Value, value: int) -> bool:
        """``factory: Optional[sessionmaker] = None``: the factory that is put there says more than
        the annotation, which in 1.4 is the same for sync and async sessions."""
        operation = self.operations[value]
        return (
            operation[0] == f.CONSTANT and operation[5] is None
            and (target[0] == f.TO_ATTRIBUTE or self.function.parent is None)
            and all(isinstance(a, v.Known) and a.kind == FACTORY for a in declared)
        )  # fmt: skip

    def on_augmented(self, statement: f.Statement) -> None:
        if statement[7][0] == f.TO_NAME:
            name = statement[7][1]
            self.bind(statement[7], v.join((self.name(name), self.values[statement[8]])))
        elif statement[7][0] == f.TO_ATTRIBUTE:  # `self.observers += [log]`
            added = frozenset(a for a in self.values[statement[8]] if isinstance(a, v.Collection))
            self.bind(statement[7], added)

    def on_return(self, statement: f.Statement) -> None:
        if statement[7] >= 0:
            returned, value = (
                self.inference.slot("return", self.function),
                self.values[statement[7]],
            )
            self.inference.write(returned, value)
            if self.function in self.inference.kept.getters:
                self.inference.kept.context(value)
            if self.function.signature.returns >= 0 and not self.inference.holds_nothing(value):
                self.inference.return_hidden(self.function, value)

    def on_if(self, statement: f.Statement) -> None:
        self.branches(statement[8], statement[9])

    def on_for(self, statement: f.Statement) -> None:
        items = protocols.iterate(self, self.values[statement[8]], index=statement[8])
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
            found = protocols.told_apart(self.values[value], statement[9])
            entered = protocols.entered(self, found)
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
        for caught, name, block in statement[8]:
            self.environment = dict(after)
            if name:
                self.bindings += 1
                self.environment[name] = self.caught(caught)
            self.block(block)
            ends.append(self.environment)
        self.environment = dict(after)
        self.block(statement[9])
        for end in ends:
            self.environment = _joined(self.environment, end)
        self.block(statement[10])

    def caught(self, index: int) -> v.Value:
        """What a handler of exceptions gets: ``except (Closed, Late) as error``."""
        operation = self.operations[index] if index >= 0 else ()
        if not operation or operation[0] not in (_NAME, _ATTRIBUTE, f.SEQUENCE):
            return v.UNKNOWN
        parts = operation[6] if operation[0] == f.SEQUENCE else (index,)
        self.evaluate(_first(self.operations, min(parts, default=index)), index + 1)
        return frozenset(
            v.Instance(atom.cls) for part in parts for atom in self.values[part]
            if isinstance(atom, v.ClassObject)
        )  # fmt: skip

    def on_definition(self, statement: f.Statement) -> None:
        definitions.define(self, self.function.module.functions[statement[7]])

    def on_import(self, statement: f.Statement) -> None:
        for local, module, name, level in statement[7]:
            if local and local != "*" and (self.is_scope or local in self.function.facts.declared):
                item = f.Import(local, module, name, level, 0, 0, 0)
                symbol = self.program.resolve_import(self.function.module, item)
                if self._assigned_behind(statement, local):
                    self.environment[local] = self.symbol(symbol)  # nobody else sees it
                else:
                    self.assign(local, self.symbol(symbol))

    def _assigned_behind(self, statement: f.Statement, name: str) -> bool:
        """Does the module give the name that an import binds to something else, whatever happens:
        ``Session = sessionmaker(engine)``?"""
        binding = None if self.is_scope else self.function.module.bindings.get(name)
        if binding is None or binding.kind != "variable":
            return False
        statements = self.function.body.statements
        behind = itertools.dropwhile(lambda other: other is not statement, statements)
        return any(
            other[0] == f.ASSIGN and (f.TO_NAME, name) in [t[:2] for t in other[7]]
            for other in behind
        )

    def on_match(self, statement: f.Statement) -> None:
        blocks = []
        for names, _, block, reads in statement[8]:
            bound = dict.fromkeys(names, v.UNKNOWN)
            for path, name in reads:
                if name:
                    read = patterns.along(self, self.values[statement[7]], path)
                    bound[name] = v.join((bound[name], read))
            for name, value in bound.items():
                self.assign(name, value)
            blocks.append(block)
        self.branches(*blocks, ())

    # -- binding

    def assign(self, name: str, value: v.Value) -> None:
        self.bindings += 1
        self.environment[name] = value
        if not self.is_scope or self.captures or name in self.function.facts.declared:
            slot = self._kept(name)
            if slot is not None:
                self.inference.write(slot, value)

    def _kept(self, name: str) -> Slot | None:
        """The slot of a variable that others see."""
        function, inference = self.function, self.inference
        if name in function.facts.declared or not self.is_scope:
            outer = self._enclosing(name) if self.is_scope else None
            if outer is not None:  # a nonlocal one
                return outer
            if function.facts.kind == "class":
                return inference.slot("attribute", self.program.classes[function], name)
            return inference.slot("global", function.module, name)
        return inference.slot("local", function, name) if self.captures else None

    def bind(self, target: Any, value: v.Value) -> None:
        kind = target[0]
        if self.inference.query_properties.made and value:
            self.inference.query_properties.keep(self, target, value)
        if kind == f.TO_NAME:
            self.assign(target[1], value)
        elif kind == f.TO_ATTRIBUTE:
            self.store(self.values[target[1]], target[2], value)
            self.inference.kept.keep(self, target[1], target[2], value)
        elif kind == f.TO_SEQUENCE:
            for part, item in self.unpack(target, value):
                self.bind(part, item)
        elif kind == f.TO_SUBSCRIPT:
            keys = self.values[target[2]] if target[2] >= 0 else v.UNKNOWN
            if not self.inference.holds_nothing(value) or not self.inference.holds_nothing(keys):
                key = operators.key_of(self.operations[target[2]]) if target[2] >= 0 else None
                self.fill(target[1], value, key, keys)

    def unpack(self, target: Any, value: v.Value) -> Iterator[tuple[Any, v.Value]]:
        """The targets of a sequence, and what each of them is bound to."""
        names, value = target[1], records.as_tuples(self.inference, value)
        tuples = [a for a in value if isinstance(a, v.TupleValue) and len(a.items) == len(names)]
        for position, part in enumerate(names):
            if tuples and target[2] < 0:
                yield part, v.join(t.items[position] for t in tuples)
            elif position == target[2]:
                yield part, v.collection(v.elements(value))
            else:
                yield part, v.elements(value)

    def fill(
        self, base: int, value: v.Value, key: str | None = None, keys: v.Value = v.UNKNOWN
    ) -> None:
        """``container[key] = value``: the container may hold it from now on."""
        operation = self.operations[base]
        held = v.mapping(keys, value) if key is None else v.record({key: value})
        if operation[0] == f.ATTRIBUTE:
            self.store(self.values[operation[5]], operation[6], held)
            self.inference.kept.keep(self, operation[5], operation[6], held)
        elif operation[0] == f.SUBSCRIPT:  # handlers[kind].append(handler)
            self.fill(operation[5], held, operators.key_of(self.operations[operation[6]]))
        elif operation[0] == f.CALL:  # handlers.setdefault(kind, []).append(handler)
            method = self.operations[operation[5]]
            if method[0] == f.ATTRIBUTE and method[6] in v.GETTING:
                self.fill(method[5], held)
            self.store(operators.described(self, base), _DICT, held)  # vars(self)[key] = value
        elif operation[0] == f.NAME:
            name = operation[5]
            slot = None if name in self.environment else self._free(name)
            if isinstance(slot, Slot) and slot.kind == "global":
                self.inference.write(slot, held)
            else:
                self.assign(name, v.join((self.name(name), held)))

    def store(self, base: v.Value, attribute: str, value: v.Value) -> None:
        inference = self.inference
        if attribute == _DICT:  # self.__dict__.update(session=session)
            for name, held in v.keyed(value).items():
                self.store(base, name, held)
        for atom in base:
            if isinstance(atom, (v.Instance, v.ClassObject)):
                inference.write(inference.slot("attribute", atom.cls, attribute), value)
                if value and isinstance(atom, v.Instance):
                    for setter in inference.methods(atom.cls, f"{attribute}.setter"):
                        inference.called(setter, True, [value], {})
            elif isinstance(atom, v.ModuleObject):
                inference.write(inference.slot("global", atom.module, attribute), value)
            elif isinstance(atom, v.FunctionObject):
                inference.write(inference.slot("attribute", atom.function, attribute), value)

    # -- expressions

    def evaluate(self, index: int, end: int) -> None:
        """Names, constants and most attributes, three quarters of all operations, are read here:
        calling something for each would take longer than reading it."""
        operations, values, environment = self.operations, self.values, self.environment
        inference = self.inference
        quick = not self.names_super and self.function not in inference.likely.evident
        attributes, properties = inference.attributes, inference.query_properties.names
        tracked = operations is self.function.body.operations  # else they are those of decorators
        kept, rebound = inference.kept.names, self.function.rebound
        while index < end:
            operation = operations[index]
            kind = operation[0]
            if kind == _NAME:
                value = environment.get(operation[5])
                if value is None:
                    inference.place = index if tracked else -1
                    value = self.free(operation[5])
                elif operation[5] in rebound:
                    inference.place = -1  # what stands before decides, too: all is run again
                    value = self.name(operation[5])
                values[index] = value
            elif kind == _CONSTANT:
                values[index] = v.UNKNOWN if operation[5] is ... else v.literal(operation[5])
            elif kind == _ATTRIBUTE:
                known = attributes.get(values[operation[5]]) if quick else None
                found: Any = known.get(operation[6]) if known is not None else None
                name = operation[6]
                if found.__class__ is frozenset and name not in properties and name not in kept:
                    values[index] = found
                else:
                    inference.place = index if tracked else -1
                    values[index] = members.read(self, operation, index)
            elif kind == _COMPREHENSION:
                values[index] = self.comprehension(operation)
                index = operation[9]
                continue
            else:
                handler = _OPERATIONS[kind]
                if handler is not None:
                    inference.place = index if tracked else -1
                    values[index] = handler(self, operation, index)
            index += 1
        inference.place = -1

    def comprehension(self, operation: f.Operation) -> v.Value:
        first, element_end, generators, _, elements = operation[6:]
        outer = self.environment
        self.environment = dict(outer)
        for target, iterable, start, middle, end, _, _ in generators:
            self.evaluate(start, middle)
            items = protocols.iterate(self, self.values[iterable], index=iterable)
            self._bind_quietly(target, items)
            self.evaluate(middle, end)
        self.evaluate(first, element_end)
        self.environment = outer
        if operation[5] == "DictComp":
            return v.mapping(self.values[elements[0]], self.values[elements[-1]])
        return v.collection(self.values[elements[-1]])

    def _bind_quietly(self, target: Any, value: v.Value) -> None:
        """Bind a comprehension's variable, which nobody outside sees."""
        if target[0] == f.TO_NAME:
            self.environment[target[1]] = value
        elif target[0] == f.TO_SEQUENCE:
            for part, item in self.unpack(target, value):
                self._bind_quietly(part, item)

    def name(self, name: str) -> v.Value:
        value = self.environment.get(name)
        if value is None:
            return self.free(name)
        if name in self.function.rebound:
            return value | self.inference.read(self.inference.slot("local", self.function, name))
        return value

    def free(self, name: str) -> v.Value:
        """A name of an enclosing function, of the module, or imported."""
        found = self.free_names.get(name)
        if found is None:
            found = self.free_names[name] = self._free(name)
        if found.__class__ is frozenset:
            return found
        if found.__class__ is Slot:
            return self.inference.read(found)
        return self.symbol(found)

    def _free(self, name: str) -> Any:
        """The value of a free name where it is always the same, else the slot or the symbol that
        holds it."""
        outer = self._enclosing(name)
        if outer is not None:
            return outer
        symbol = self.program.resolve(self.function.module, name)
        if symbol is None:
            return v.foreign(name)
        if isinstance(symbol, Function) and symbol.signature_is_decorated:
            return symbol
        if isinstance(symbol, Variable):
            self.inference.demand(symbol.module.functions[0])
            return self.inference.slot("global", symbol.module, symbol.name)
        return self.symbol(symbol)

    def _enclosing(self, name: str) -> Slot | None:
        """The slot of a variable of a function around this one."""
        scope = holder_of(self.function, name)
        if scope is None:
            return None
        self._demand_nonlocal(scope, name)
        return self.inference.slot("local", scope, name)

    def _demand_nonlocal(self, scope: Function, name: str) -> None:
        """Evaluate what assigns a variable of a function around it."""
        for function in scope.module.functions[scope.index + 1 :]:
            if name in function.facts.declared and heat.is_inside(function, scope):
                self.inference.demand(function)

    def symbol(self, symbol: Any) -> v.Value:
        if isinstance(symbol, Function):
            return self.inference.function_value(symbol, False)
        if isinstance(symbol, Class):
            return v.ClassObject(symbol).alone
        if isinstance(symbol, Module):
            return v.ModuleObject(symbol).alone
        if isinstance(symbol, Variable):
            return self.inference.global_value(symbol.module, symbol.name)
        if isinstance(symbol, str):
            return v.foreign(declarations.normalised(symbol))
        return v.UNKNOWN


def _refined(inference: Inference, declared: v.Value, given: v.Value) -> v.Value:
    """An annotation, or what is known of the value itself."""
    if not declared:
        return given
    better = frozenset(a for a in given if isinstance(a, v.Known))
    if better and (better == given or not all(isinstance(a, v.Instance) for a in declared)):
        return better  # what it was made by knows more, and is never wrong
    if any(isinstance(a, v.QueryValue) for a in given):
        return given
    if any(isinstance(a, v.QueryValue) for a in v.elements(given)):
        return given
    if declarations.names_callables(declared):
        return declarations.called(declared, given)
    if declarations.is_bare(declared):
        return given or declared
    if declarations.is_protocol(declared):
        return declarations.unsaid(inference, declared, given)
    return declared | declarations.hidden(declared, given)


def _joined(left: Environment, right: Environment) -> Environment:
    out = dict(left)
    for name, value in right.items():
        other = out.get(name)
        if other is value:
            if len(value) > v.WIDTH and not v.fits(value):
                out[name] = v.UNKNOWN
        elif other is None:
            out[name] = value
        else:
            out[name] = v.join((other, value))
    return out


_DICT = "__dict__"
_NAME, _CONSTANT, _ATTRIBUTE, _COMPREHENSION = f.NAME, f.CONSTANT, f.ATTRIBUTE, f.COMPREHENSION


def _first(operations: tuple[f.Operation, ...], index: int) -> int:
    """Where the evaluation of a dotted name begins."""
    while operations[index][:1] == (_ATTRIBUTE,):
        index = operations[index][5]
    return index


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
    None,  # names, constants and attributes are read where operations are run through
    None,
    None,
    calls.call,
    operators.subscript,
    operators.awaited,
    operators.defined,
    None,  # comprehensions bind their own names
    operators.sequence,
    operators.mapping,
    operators.boolean,
    operators.conditional,
    operators.binary,
    None,
    operators.yielded,
    operators.yielded_from,
    operators.walrus,
    None,
]
