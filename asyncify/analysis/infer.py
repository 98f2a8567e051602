"""Infer: types over the whole program.

Functions are evaluated one at a time; what flows between them is kept in slots
(``asyncify.analysis.slots``). Only functions that can matter are evaluated: those in which a name
of SQLAlchemy, or of something found to do database work, occurs, and those that they need.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.environments import let_environments_turn
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.evidence import Evidence
from asyncify.analysis.heat import Heat
from asyncify.analysis.kept import Kept
from asyncify.analysis.layout import Layout
from asyncify.analysis.likely import DISTINCTIVE, LikelySessions
from asyncify.analysis.made_attributes import SETATTR, MadeAttributes
from asyncify.analysis.own_queries import OwnQueries
from asyncify.analysis.patch import patch
from asyncify.analysis.program import Class, Function, Module, Program, Variable
from asyncify.analysis.query_properties import QueryProperties
from asyncify.analysis.signatures import Signatures
from asyncify.analysis.slots import Group, Slot
from asyncify.analysis.storing_factories import StoringFactories
from asyncify.analysis.stubs import stand_for_generators
from asyncify.config import Config
from asyncify.source.templates import Templates
from asyncify.vocabulary.common import REGISTERED
from asyncify.vocabulary.names import FUNCTIONS, KINDS, TABLES
from asyncify.vocabulary.rows import Member
from asyncify.vocabulary.special import is_special
from asyncify.vocabulary.tasks import TAKING_PATHS
from asyncify.vocabulary.testing import CLIENTS

# What reading an attribute gives: a value that is always the same; the slots that hold it; or
# the methods that Python calls.
Attributes = dict[str, v.Value | Group | list[Function]]


class Inference(Signatures):
    """The types of a program, computed on demand."""

    def __init__(self, program: Program, config: Config) -> None:
        super().__init__(program, config)
        self.kinds = frozenset((*KINDS.values(), *TABLES))
        self.heat = Heat(program, self.need, self.fixtures.names)
        self.likely = LikelySessions(program, config)
        self.kept = Kept(self)
        self.made_attributes = MadeAttributes(self)
        self.query_properties = QueryProperties(program)
        self.own_queries = OwnQueries(program)
        self.storing = StoringFactories(self)
        self.templates = Templates(config.root)
        self.related: set[tuple[v.Origin, v.Origin]] = set()  # a factory and its engine
        self.around: dict[Function, dict[Function, None]] = {}  # managers that decorate others
        self.decorating: dict[Function, Function] = {}  # decorators, and what each decorates
        self.unbound: set[v.Origin] = set()  # made on an engine that nobody knows
        self.staying: set[v.Origin] = set()  # what makes sessions that can't be async
        self.attributes: dict[v.Value, Attributes] = {}
        self.unused: set[tuple[v.Value, str]] = set()  # attributes that are no uses, of whatever
        self.results: dict[v.Value, v.Value] = {}  # of calls that always give the same
        self.holders: dict[str, v.Known | None] = {}  # classes of libraries, by what they are given
        self._layouts: dict[Function, Layout] = {}
        self._free_names: dict[Function, dict[str, Any]] = {}
        self._rows: dict[tuple[str, str], Member | None] = {}
        self._methods: dict[tuple[Class, str], tuple[Function, ...]] = {}
        self._attribute_groups: dict[tuple[Class, str], Group] = {}
        self._global_groups: dict[tuple[Module, str], Group] = {}

    def evaluate(self, function: Function) -> None:
        """Evaluate a function."""
        if function.facts.kind == "lambda" and function.parent is not None:
            self.need(function.parent)  # where it stands it is handed to whoever calls it
        evaluation = Evaluation(self, function)
        evaluation.run()
        self.evaluations[function] = evaluation

    def patch(self, function: Function, places: set[int]) -> bool:
        """Evaluate some operations again. False where that isn't enough."""
        evaluation = self.evaluations[function].again()
        if not patch(evaluation, places):
            return False
        self.evaluations[function] = evaluation
        return True

    def layout(self, function: Function) -> Layout:
        """Where the operations of a body stand."""
        found = self._layouts.get(function)
        if found is None:
            found = self._layouts[function] = Layout(function)
        return found

    def noticed(self, slot: Slot, value: v.Value) -> None:
        """A slot has grown by a value: who uses that may have to be evaluated."""
        self.heat.note(slot, value)
        if slot.kind == "parameter":
            self.give_hidden(slot, value)
        elif slot.kind == "global":
            self._keep_instances(slot, value)

    def _keep_instances(self, slot: Slot, value: v.Value) -> None:
        """``state["user"] = user``: who reads it from there may load what belongs to it."""
        if any(
            isinstance(a, v.Instance) and self.models.is_mapped(a.cls)
            for a in value | v.elements(value)
        ):
            for function in self.program.mentioning(slot.name):
                if self.program.resolve(function.module, slot.name) == Variable(
                    slot.owner, slot.name
                ):
                    self.need(function)

    # -- functions

    def methods_named(self, name: str) -> tuple[Function, ...]:
        """The methods of that name of all classes, but for what Python or a library calls."""
        return () if is_special(name) else self.program.methods_named(name)

    def methods(self, cls: Class, name: str) -> tuple[Function, ...]:
        """What a call of ``name`` on an instance may run: the class's own, and those of classes
        below it, which may come from a mixin beside it."""
        key = (cls, name)
        found = self._methods.get(key)
        if found is None:
            every = dict.fromkeys(_find(each, name) for each in (cls, *cls.descendants()))
            found = self._methods[key] = tuple(method for method in every if method is not None)
        return found

    def function_value(self, function: Function, bound: bool) -> v.Value:
        """A function as a value, with the wrappers that decorators of the program put around it."""
        value = v.FunctionObject(function, bound).alone
        if function.signature_is_decorated:
            parent = function.parent
            if parent is not None and parent.facts.kind != "def":
                self.need(parent)
            value = value.union(
                # `singledispatchmethod` calls methods of the same class.
                v.FunctionObject(a.function, True)
                if bound and _is_method_beside(a, function)
                else a
                for a in self.read(self.slot("wrapped", function))
            )
        return value

    def free_names(self, function: Function) -> dict[str, Any]:
        """What the free names of a function mean, filled by its evaluations: the next one needn't
        look them up again."""
        return self._free_names.setdefault(function, {})

    # -- classes and modules

    def fields(self, cls: Class) -> list[str]:
        """The fields of a class without constructor (a dataclass), in order: those of its bases
        first."""
        return list(dict.fromkeys(
            s[7][1] for each in reversed(cls.ancestors) for s in each.body.body.statements
            if s[0] == f.ANNOTATED and s[7][0] == f.TO_NAME
        ))  # fmt: skip

    def attribute_group(self, cls: Class, name: str) -> Group:
        """The slots of an attribute: that of the class, of its bases, of its subclasses and of the
        mixins that these have beside it. Whoever assigns it is evaluated."""
        key = cls, name
        group = self._attribute_groups.get(key)
        if group is None:
            family = cls.family
            group = Group(tuple(self.slot("attribute", each, name) for each in family))
            self._attribute_groups[key] = group
            for member in family:
                for function in (member.body, *member.methods.values()):
                    facts = function.facts
                    stored = facts.bound if facts.kind == "class" else facts.stores
                    if (
                        name in stored or SETATTR in facts.names
                        or (name in facts.members and not v.FILLING.isdisjoint(facts.members))
                    ):  # fmt: skip
                        self.demand(function)
        return group

    def attribute(self, cls: Class, name: str) -> v.Value:
        """An attribute: whatever any method of the class, its bases or subclasses assigns."""
        return self.read_group(self.attribute_group(cls, name))

    def held(self, cls: Class, name: str) -> v.Value:
        """An attribute as far as it is known: nobody is evaluated for it."""
        return v.UNKNOWN.union(*(self.slot("attribute", each, name).value for each in cls.family))

    def global_group(self, module: Module, name: str) -> Group:
        """The slot of a module's variable, as what an attribute of the module reads."""
        key = module, name
        group = self._global_groups.get(key)
        if group is None:
            self.demand(module.functions[0])
            group = self._global_groups[key] = Group((self.slot("global", module, name),))
        return group

    def global_value(self, module: Module, name: str) -> v.Value:
        self.demand(module.functions[0])
        return self.read(self.slot("global", module, name))

    def symbol_value(self, symbol: object) -> v.Value:
        """What a name of the program stands for."""
        if isinstance(symbol, Variable):
            return self.global_value(symbol.module, symbol.name)
        if isinstance(symbol, Function):
            return self.function_value(symbol, False)
        return v.ClassObject(symbol).alone if isinstance(symbol, Class) else v.UNKNOWN

    def row(self, kind: str, name: str) -> Member | None:
        """The vocabulary's row of a member."""
        key = kind, name
        if key not in self._rows:
            table = TABLES.get(kind)
            version = self.config.sqlalchemy_version
            self._rows[key] = table.member(name, version) if table is not None else None
        return self._rows[key]


def _is_method_beside(atom: v.Atom, function: Function) -> TypeGuard[v.FunctionObject]:
    if not isinstance(atom, v.FunctionObject):
        return False
    return atom.function.is_method and atom.function.owner is function.owner


def _find(cls: Class, name: str) -> Function | None:
    """A method of a class, ``__call__ = run`` too."""
    for each in cls.ancestors if name == "__call__" else ():
        if name in each.methods or name not in each.body.facts.bound:
            continue
        body = each.body.body
        for statement in body.statements:
            if statement[0] == f.ASSIGN and (f.TO_NAME, name) in [t[:2] for t in statement[7]]:
                value = body.operations[statement[8]]
                return each.methods.get(value[5]) if value[0] == f.NAME else None
    return cls.find(name)


def infer(program: Program, config: Config) -> Inference:
    """Types of all that the vocabulary's names reach."""
    stand_for_generators(program)
    if config.alembic == "async":
        let_environments_turn(program)
    inference = Inference(program, config)
    names = {name.rpartition(".")[2] for name in (*KINDS, *FUNCTIONS)}
    # What makes sessions comes first, and with it whoever calls that: it hands them on, and a
    # function that is evaluated before it is called has to be evaluated again.
    inference.heat.names(sorted(_MAKERS))
    inference.settle()
    clients = client_classes(program)
    inference.heat.names(sorted((names & _SEEDS) | _MORE_SEEDS | {body.name for body in clients}))
    inference.heat.instances(inference.storing.classes)
    for body in clients:
        for method in program.classes[body].methods.values():
            inference.need(method)  # what it overrides is called by the library
    held = {name for name, (kind, _) in REGISTERED.items() if program.mentioning(kind)}
    inference.heat.members(sorted(DISTINCTIVE | held | TAKING_PATHS))
    inference.settle()
    evidence = Evidence(inference)
    evidence.ask()
    inference.settle()
    while evidence.supply():
        inference.settle()
    evidence.withdraw()
    return inference


def client_classes(program: Program) -> list[Function]:
    """The program's own classes of clients of the application: their bodies."""
    words = sorted({name.rpartition(".")[2] for name in CLIENTS})
    return [
        body for word in words for body in program.mentioning(word)
        if body.facts.kind == "class" and program.classes[body].foreign_bases & CLIENTS
    ]  # fmt: skip


_MAKERS = {
    "scoped_session", "async_scoped_session", "sessionmaker", "async_sessionmaker",
    "create_engine", "create_async_engine", "engine_from_config", "SQLAlchemy",
}  # fmt: skip
_SEEDS = {
    "Session",
    "AsyncSession",
    "Engine",
    "AsyncEngine",
    "Connection",
    "AsyncConnection",
    "Query",
}
_MORE_SEEDS = {
    "create_all",
    "drop_all",
    "run_sync",
    "sync_session",
    "Depends",
    "TestClient",
    "import_module",
    "globals",
    "methodcaller",
    "attrgetter",
    "itemgetter",
}
