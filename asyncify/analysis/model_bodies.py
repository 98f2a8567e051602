"""What one class body declares of its mapping: columns, relationships, and what stands for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from asyncify import facts as f
from asyncify.analysis import model_helpers, model_kinds
from asyncify.analysis.program import Class, Function, Program, Variable, dotted
from asyncify.analysis.statements import names_assigned, statements_of
from asyncify.vocabulary.loading import (
    ADDED,
    DECLARING,
    DEFAULTS,
    EAGER_DEFAULTS,
    EXPRESSIONS,
    GROUP,
    JOINED_BY,
    MODULO,
    PROXIES,
    STANDING,
)

if TYPE_CHECKING:
    from asyncify.analysis.models import Models

Keywords = dict[str | None, int]
Naming = tuple[Function, int]  # a function's expression

RELATIONSHIPS = {"relationship", "relation", "dynamic_loader", "Relationship"}
_HANDED_ON = "sa_relationship_kwargs"
MAPPERS = ("map_imperatively", "mapper")  # the second is that of 1.4
TABLE_NAME, TABLE, DECLARED = "__tablename__", "__table__", "declared_attr"
MAPPER_ARGUMENTS = "__mapper_args__"
MADE_SUBCLASS = "__init_subclass__"
_COLLECTIONS = ("list", "List", "set", "Set", "Sequence", "Collection", "dict", "Dict")
_HELPERS = 3  # that call one another
_SQL_FUNCTIONS = {"func", "text", "sa", "sqlalchemy", "select"}
_TO_MANY_WRAPPERS = ("DynamicMapped", "WriteOnlyMapped")
_LAZY_WRAPPERS = {"DynamicMapped": "dynamic", "WriteOnlyMapped": "write_only"}
_LAZY: dict[object, str] = {
    True: "select", False: "joined", None: "noload",
    **{name: name for name in (
        "select", "joined", "selectin", "subquery", "immediate", "noload", "raise", "raise_on_sql",
        "dynamic", "write_only",
    )},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Relationship:
    """One relationship attribute. ``to_many`` is true where it is, or may be, a collection;
    ``cascades`` where deleting the parent deletes through it, ``expires`` where what refreshes the
    parent expires what it leads to; ``joined`` for ``lazy="joined"``.
    ``lazy`` is the strategy as written (``select`` where none is, empty where it is no literal);
    ``back`` the name of the other side (``back_populates``, ``backref``); ``behind`` that side,
    where it is declared here alone; ``between`` the table that links many to many, if it is known;
    ``naming`` computes the name of the other side, for each class that inherits the relationship;
    ``ordered`` says by what the database orders it: ``key``, where
    what comes last stands last, or ``other``; ``orphans``: what leaves it is deleted."""

    name: str
    target: Class | None
    to_many: bool
    cascades: bool = False
    passive: bool = False
    joined: bool = False
    lazy: str = "select"
    back: str = ""
    behind: Relationship | None = None
    expires: bool = False
    ordered: str = ""
    between: str = ""
    naming: Naming | None = None
    orphans: bool = False


class Given(NamedTuple):
    """The default of a column: its place in a body, or -1 where a helper is given it."""

    body: Function
    place: int
    operation: f.Operation


@dataclass(slots=True)
class Model:
    """What one mapped class declares itself."""

    cls: Class
    table: str = ""
    primary_keys: set[str] = field(default_factory=set)
    foreign_tables: set[str] = field(default_factory=set)
    foreign_keys: dict[str, str] = field(default_factory=dict)  # column: table, "" if unknown
    cascading: set[str] = field(default_factory=set)  # tables: with their rows those here change
    relationships: dict[str, Relationship] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    deferred: set[str] = field(default_factory=set)
    groups: dict[str, str] = field(default_factory=dict)  # deferred columns: what they load with
    expiring: set[str] = field(default_factory=set)  # the database sets them at an UPDATE
    updated: set[str] = field(default_factory=set)  # those of them that are columns
    defaulted: set[str] = field(default_factory=set)  # the database sets them at an INSERT
    kinds: dict[str, str] = field(default_factory=dict)  # of values that the database gives
    given: dict[str, Given] = field(default_factory=dict)  # what Python gives them
    queried: set[str] = field(default_factory=set)  # expressions of SQL: new instances have none
    aggregated: set[str] = field(default_factory=set)  # those of them that select rows
    proxies: dict[str, tuple[str, str]] = field(default_factory=dict)  # (relationship, attribute)
    synonyms: dict[str, tuple[str, ...]] = field(default_factory=dict)  # what reads others
    computed: set[str] = field(default_factory=set)  # what functions declare, for all that inherit

    @property
    def is_mapped(self) -> bool:
        """Has it a table? What a mixin declares by functions belongs to those that inherit it."""
        return bool(self.table) or not self.relationships.keys() <= self.computed


def is_declared(method: Function) -> bool:
    """Is it what declares an attribute of all classes that inherit it?"""
    signature = method.signature
    return method.signature_is_decorated and any(
        DECLARED in dotted(signature.operations, index).split(".") for index in signature.decorators
    )


def table_name(method: Function, name: str) -> str:
    """What ``def __tablename__(cls): return cls.__name__.lower() + "s"`` gives for a class, or
    ``__init_subclass__`` sets; what isn't understood is taken to put underscores between its
    words. '': it names none."""
    for statement in statements_of(method.body.statements):
        if statement[0] == f.ASSIGN and any(
            target[0] == f.TO_ATTRIBUTE and target[2] == TABLE_NAME for target in statement[7]
        ):
            return _text(method.body.operations, statement[8], name)
        if statement[0] == f.RETURN and statement[7] >= 0 and method.name == TABLE_NAME:
            return _text(method.body.operations, statement[7], name)
    return name if method.name == TABLE_NAME else ""


def name_of_other_side(naming: Naming, cls: Class, table: str) -> str:
    """What ``backref=cls.__tablename__ + "s"`` gives for a class that inherits it."""
    function, index = naming
    return _text(function.body.operations, index, cls.name, table)


def _text(operations: tuple[f.Operation, ...], index: int, name: str, table: str = "") -> str:
    operation = operations[index] if index >= 0 else ()
    if not operation:
        return name

    def texts(parts: Iterable[int]) -> list[str]:
        return [_text(operations, part, name, table) for part in parts]

    if operation[0] == f.CONSTANT:
        return str(operation[5])
    if operation[0] == f.OPERATOR and operation[5] == ADDED:
        return "".join(texts(operation[6]))
    if operation[0] == f.OPERATOR and operation[5] == MODULO:
        start, *parts = texts(operation[6])
        return start.replace("%s", parts[0], 1) if parts else start
    if operation[0] == f.CALL:
        callee = operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and callee[6] == "lower" and not operation[6]:
            return _text(operations, callee[5], name, table).lower()
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    if operation[0] == f.FORMAT:
        pairs = zip(texts(operation[5]), operation[7], strict=True)
        return str(operation[6]) + "".join(text + behind for text, behind in pairs)
    return table if operation[0] == f.ATTRIBUTE and operation[6] == TABLE_NAME else name


def fetches_defaults(cls: Class) -> bool:
    """``__mapper_args__ = {"eager_defaults": True}``: a flush asks what the database has set."""
    facts, operations = cls.body.facts, cls.body.body.operations
    if MAPPER_ARGUMENTS not in facts.bound or EAGER_DEFAULTS not in facts.members:
        return False
    return any(
        key >= 0 and operations[key][5:6] == (EAGER_DEFAULTS,) and operations[value][5:6] == (True,)
        for statement in cls.body.body.statements
        for name, given in names_assigned(statement)
        if name == MAPPER_ARGUMENTS and operations[given][0] == f.DICT
        for key, value in zip(*operations[given][5:7], strict=True)
    )


def _makes_sql(operations: tuple[f.Operation, ...], operation: f.Operation) -> bool:
    """``func.now()``"""
    is_call = operation[:1] == (f.CALL,)
    return is_call and dotted(operations, operation[5]).partition(".")[0] in _SQL_FUNCTIONS


class Reader:
    """Reads one class body, or a function in which the class is mapped."""

    def __init__(
        self,
        models: Models,
        model: Model,
        body: Function | None = None,
        operations: tuple[f.Operation, ...] = (),
        depth: int = 0,
    ) -> None:
        self.models = models
        self.model = model
        self.body = body or model.cls.body
        self.operations = operations or self.body.body.operations
        # What a helper is given stands in no body.
        self.is_own = self.operations is self.body.body.operations
        self.depth = depth  # of helpers
        self.helpers: list[Reader] = []  # what calls of helpers declare
        self.pending: list[tuple[str, int, list[str]]] = []  # relationships: name, call, annotation

    def read(self) -> None:
        for statement in self.body.body.statements:
            if statement[0] == f.ASSIGN:
                for target in statement[7]:
                    if target[0] == f.TO_NAME:
                        self.attribute(target[1], statement[8], -1)
            elif statement[0] == f.ANNOTATED and statement[7][0] == f.TO_NAME:
                self.attribute(statement[7][1], statement[9], statement[8])
        self.relate()
        for name, method in self.model.cls.methods.items():
            if name != TABLE_NAME and is_declared(method):
                Reader(self.models, self.model, method).declaration(name)

    def relate(self) -> None:
        """The relationships, whose direction the columns tell."""
        for reader in self.helpers:
            reader.relate()
        for name, call, annotation in self.pending:
            self.model.relationships[name] = self.relationship(name, call, annotation)

    def declaration(self, name: str) -> None:
        """``@declared_attr def owner(cls): return relationship(...)``"""
        self.model.computed.add(name)
        signature = self.body.signature
        annotated = self.words(signature.returns, signature.operations)
        for statement in self.body.body.statements:
            if statement[0] == f.RETURN and statement[7] >= 0:
                self.attribute(name, statement[7], -1, annotated)
        self.relate()

    def addition(self, name: str, value: int) -> None:
        """``User.age = column_property(...)`` in a module."""
        self.attribute(name, value, -1)
        self.relate()

    def mapping(self, call: int) -> None:
        """A class, its table and its further properties, in one call."""
        operation = self.operations[call]
        keywords = dict(operation[7])
        table = operation[6][1] if len(operation[6]) > 1 else keywords.get("local_table", -1)
        self.model.table = "?"  # mapped, whatever the table
        if table >= 0:
            symbol = self.models.program.resolve_expression(self.body, self.operations, table)
            found = (
                self.models.program.variable_expression(symbol)
                if isinstance(symbol, Variable) else None
            )  # fmt: skip
            if found is not None:
                Reader(self.models, self.model, found[0]).table(found[2])
        properties = self.operations[keywords["properties"]] if "properties" in keywords else None
        if properties is not None and properties[0] == f.DICT:
            for key, value in zip(properties[5], properties[6], strict=True):
                name = self.constant(key) if key >= 0 else None
                if isinstance(name, str):
                    self.attribute(name, value, -1)
        self.relate()

    def given_table(self, index: int) -> None:
        """A class has a table that is made elsewhere, or on the spot."""
        if self.operations[index][0] == f.CALL:
            self.table(index)
            return
        symbol = self.models.program.resolve_expression(self.body, self.operations, index)
        if isinstance(symbol, Variable):
            found = self.models.program.variable_expression(symbol)
            if found is not None:
                Reader(self.models, self.model, found[0]).table(found[2])

    def table(self, call: int) -> None:
        """``Table("users", metadata, Column("id", Integer, primary_key=True))``."""
        operation = self.operations[call]
        if operation[0] != f.CALL or not operation[6]:
            return
        name = self.constant(operation[6][0])
        self.model.table = name if isinstance(name, str) else self.model.table
        for argument in operation[6][1:]:
            column = self.operations[argument] if argument >= 0 else ()
            if column and column[0] == f.CALL and column[6]:
                name = self.constant(column[6][0])
                if isinstance(name, str) and dotted(self.operations, column[5]).endswith("Column"):
                    self.attribute(name, argument, -1)

    def attribute(
        self, name: str, value: int, annotation: int, annotated: list[str] | None = None
    ) -> None:
        operation = self.operations[value] if value >= 0 else None
        if name == TABLE_NAME and operation is not None and operation[0] == f.CONSTANT:
            self.model.table = str(operation[5])
            return
        if name == TABLE and value >= 0:
            self.model.table = "?"
            self.given_table(value)
            return
        if annotation >= 0:
            model_kinds.note(self, name, self.words(annotation))
        if operation is None or operation[0] != f.CALL:
            if annotation >= 0:
                self.model.columns.add(name)
            return
        callee = self.callee(operation)
        words = self.words(annotation) if annotated is None else annotated
        if callee in RELATIONSHIPS:
            self.pending.append((name, value, words))
            return
        if callee not in DECLARING and self.made(name, value, words):
            return
        if callee in STANDING:
            self.model.synonyms[name] = tuple(self.stands_for(operation))
            return
        if callee in PROXIES and len(operation[6]) > 1 and min(operation[6]) >= 0:
            link, target = (self.constant(index) for index in operation[6][:2])
            if isinstance(link, str) and isinstance(target, str):
                self.model.proxies[name] = link, target
                return
        self.model.columns.add(name)
        keywords = dict(operation[7])
        primary = keywords.get("primary_key", -1)
        if primary is not None and primary >= 0 and self.operations[primary][-1] is True:
            self.model.primary_keys.add(name)
        self.strategy(name, callee, keywords)
        if callee == EXPRESSIONS and model_kinds.selects(self.operations, operation[6]):
            self.model.aggregated.add(name)
        self._types(name, operation)

    def callee(self, operation: f.Operation) -> str:
        """What is called, by the name that its library has for it."""
        name = dotted(self.operations, operation[5]).rpartition(".")[2]
        if name in RELATIONSHIPS or name in DECLARING:
            return name
        program = self.models.program
        symbol = program.resolve_expression(self.body, self.operations, operation[5])
        return symbol.rpartition(".")[2] if isinstance(symbol, str) else name

    def made(self, name: str, call: int, words: list[str]) -> bool:
        """Does a helper of the program declare the attribute?"""
        if self.depth > _HELPERS:
            return False
        found = model_helpers.made(self.models.program, self.body, self.operations, call)
        if found is None:
            return False
        reader = Reader(self.models, self.model, found.body, found.operations, self.depth + 1)
        reader.attribute(name, found.call, -1, words)
        self.helpers.append(reader)
        return True

    def _types(self, name: str, operation: f.Operation) -> None:
        """What a column's type and its foreign key say."""
        foreign = dict(operation[7]).get("foreign_key", -1)
        if foreign >= 0:
            self.model.foreign_keys[name] = self.foreign(self.operations[foreign])
        for argument in (*operation[6], *self.own_types(dict(operation[7]))):
            inner = self.operations[argument]
            model_kinds.note(self, name, model_kinds.type_words(self, argument))
            if inner[0] != f.CALL:
                continue
            if dotted(self.operations, inner[5]).endswith("ForeignKey"):
                found = self.foreign(self.operations[inner[6][0]] if inner[6] else None)
                self.model.foreign_keys[name] = found
                if "ondelete" in dict(inner[7]):
                    self.model.cascading.add(found)

    def stands_for(self, operation: f.Operation) -> Iterator[str]:
        """The attributes that ``synonym("name")`` or ``composite(Point, "x", "y")`` reads."""
        for index in operation[6]:
            given = self.operations[index] if index >= 0 else ()
            if not given:
                continue
            if given[0] == f.CALL:  # composite(mapped_column("x"), mapped_column("y"))
                column = self.constant(given[6][0]) if given[6] and given[6][0] >= 0 else None
                if isinstance(column, str):
                    self.model.columns.add(column)
                    yield column
                continue
            is_text = given[0] == f.CONSTANT and isinstance(given[5], str)
            name = given[6] if given[0] == f.ATTRIBUTE else given[5]
            if is_text or (given[0] in (f.NAME, f.ATTRIBUTE) and name in self.model.columns):
                yield name

    def strategy(self, name: str, callee: str, keywords: Keywords) -> None:
        """Is a column deferred, or set by the database at an UPDATE?"""
        keywords = {**keywords, **self.own_column(keywords)}
        if callee == "deferred" or self.constant(keywords.get("deferred", -1)) is True:
            self.model.deferred.add(name)
            for word in GROUP & keywords.keys():
                self.model.groups[name] = str(self.constant(keywords[word]))
        if callee == EXPRESSIONS:
            self.model.queried.add(name)
            if self.constant(keywords.get("expire_on_flush", -1)) is not False:
                self.model.expiring.add(name)
        for word in DEFAULTS & keywords.keys():
            if not self.is_sql(index := keywords[word]):
                place = index if self.is_own else -1
                self.model.given[name] = Given(self.body, place, self.operations[index])
        if "server_default" in keywords:
            self.model.defaulted.add(name)
        if "server_onupdate" in keywords or self.is_sql(keywords.get("onupdate", -1)):
            self.model.expiring.add(name)
            self.model.updated.add(name)

    def is_sql(self, index: int) -> bool:
        """Is it an expression of SQL, or a variable of the class or the module that is one?"""
        operation = self.operations[index] if index >= 0 else ()
        if operation[:1] != (f.NAME,):
            return _makes_sql(self.operations, operation)
        return any(
            _makes_sql(body.body.operations, body.body.operations[value])
            for body in (self.body, self.body.module.functions[0])
            for statement in body.body.statements
            for name, value in names_assigned(statement) if name == operation[5]
        )  # fmt: skip

    def own_column(self, keywords: Keywords) -> Keywords:
        """The options of the column that SQLModel's ``Field`` is given."""
        column = self.operations[keywords.get("sa_column", 0)] if "sa_column" in keywords else ()
        if column and column[0] == f.CALL:
            return dict(column[7])
        options = keywords.get("sa_column_kwargs", -1)
        given = self.operations[options] if options >= 0 else ()
        if not given or given[0] != f.DICT:
            return {}
        return self.pairs(given)

    def own_types(self, keywords: Keywords) -> Iterator[int]:
        """What the column that SQLModel's ``Field`` is given is made with, or the type."""
        yield from (index for name, index in keywords.items() if name == "sa_type")
        column = self.operations[keywords.get("sa_column", 0)] if "sa_column" in keywords else ()
        if column and column[0] == f.CALL:
            yield from (index for index in column[6] if index >= 0)

    def foreign(self, operation: f.Operation | None) -> str:
        """The table that a foreign key refers to."""
        table = ""
        if operation is None:
            return table
        if operation[0] == f.CONSTANT and isinstance(operation[5], str):
            table = operation[5].rpartition(".")[0].rpartition(".")[2]
            self.model.foreign_tables.add(table)
        elif operation[0] == f.ATTRIBUTE:
            symbol = self.models.program.resolve_expression(
                self.body, self.operations, operation[5]
            )
            if isinstance(symbol, Class):
                table = self.models.declared(symbol).table
                self.model.foreign_tables.add(table)
        return table

    def relationship(self, name: str, call: int, text: list[str]) -> Relationship:
        operation = self.operations[call]
        keywords = self.options_of(operation)
        target = self.target(operation[6][0]) if operation[6] else None
        if "argument" in keywords:
            target = self.target(keywords["argument"])
        many: bool | None = None
        if text:
            target = target or self.annotated_target(text)
            many = bool(set(text) & {*_COLLECTIONS, *_TO_MANY_WRAPPERS})
            if not many and not target:
                many = None
        uselist = self.constant(keywords.get("uselist", -1))
        if uselist is not None:
            many = bool(uselist)
        if "secondary" in keywords:
            many = True
        if many is None:
            many = not self.points_to_one(target, keywords)
        found = self.with_options(name, target, many, keywords, self.lazy(call, keywords, text))
        if many and not {"secondary", "link_model"}.isdisjoint(keywords):
            index = keywords.get("secondary", keywords.get("link_model", -1))
            found = replace(found, between=self.models.table_at(self.body, self.operations, index))
        back, options, naming = self.other_side(keywords)
        if options is None:
            return replace(found, back=back)
        # The other side of what may be a collection may be one too where a third table links them.
        uselist = self.constant(options.get("uselist", -1))
        many = "secondary" in keywords or not many if uselist is None else bool(uselist)
        lazy = _LAZY.get(self.constant(options["lazy"]), "") if "lazy" in options else "select"
        behind = self.with_options(back, self.model.cls, many, options, lazy)
        behind = replace(behind, back=name, between=found.between)
        return replace(found, back=back, behind=behind, naming=naming)

    def with_options(
        self, name: str, target: Class | None, many: bool, options: Keywords, lazy: str
    ) -> Relationship:
        given = self.constant(options.get("cascade", -1))
        cascade = {name.strip() for name in given.split(",")} if isinstance(given, str) else set()
        if self.constant(options.get("cascade_delete", -1)) is True:  # SQLModel's
            cascade = {"all", "delete-orphan"}
        return Relationship(
            name,
            target,
            many,
            not cascade.isdisjoint(("all", "delete")),
            self.constant(options.get("passive_deletes", -1)) in (True, "all"),
            self.constant(options.get("lazy", -1)) in ("joined", False),
            lazy,
            expires=not cascade.isdisjoint(("all", "refresh-expire")),
            ordered=self.order(target, options.get("order_by", -1)),
            orphans="delete-orphan" in cascade,
        )

    def order(self, target: Class | None, index: int) -> str:
        """``order_by="Child.id"``"""
        if index < 0:
            return ""
        operation = self.operations[index]
        if operation[0] not in (f.CONSTANT, f.NAME, f.ATTRIBUTE):
            return "other"
        name = self.constant(index) if operation[0] == f.CONSTANT else operation[-1]
        name = name.rpartition(".")[2] if isinstance(name, str) else ""
        is_key = target is not None and self.models.has_primary_key(target, name)
        return "key" if is_key else "other"

    def lazy(self, call: int, keywords: dict[str | None, int], text: list[str]) -> str:
        """How the relationship loads, in SQLAlchemy's words."""
        wrapper = set(text) & _LAZY_WRAPPERS.keys()
        if wrapper:
            return _LAZY_WRAPPERS[wrapper.pop()]
        if dotted(self.operations, self.operations[call][5]).endswith("dynamic_loader"):
            return "dynamic"
        if "lazy" not in keywords:
            return "" if _HANDED_ON in keywords else "select"
        return _LAZY.get(self.constant(keywords["lazy"]), "")

    def options_of(self, operation: f.Operation) -> Keywords:
        """What a relationship is told: SQLModel's hands on a dict, which stays where it can't be
        read."""
        keywords: Keywords = dict(operation[7])
        given = self.operations[keywords[_HANDED_ON]] if _HANDED_ON in keywords else ()
        if given and given[0] == f.DICT:
            del keywords[_HANDED_ON]
            keywords |= self.pairs(given)
        return keywords

    def pairs(self, given: f.Operation) -> Keywords:
        """The values of a dict by its keys."""
        pairs = zip(given[5], given[6], strict=True)
        return {str(self.constant(key)): value for key, value in pairs if key >= 0}

    def other_side(self, keywords: Keywords) -> tuple[str, Keywords | None, Naming | None]:
        """The name of the other side, and its options where only ``backref`` declares it; or what
        computes the name."""
        back = self.constant(keywords.get("back_populates", -1))
        if isinstance(back, str):
            return back, None, None
        index, options = keywords.get("backref", -1), Keywords()
        if index >= 0 and self.operations[index][0] == f.CALL:
            arguments, options = self.operations[index][6], dict(self.operations[index][7])
            index = arguments[0] if arguments else options.get("name", -1)
        back = self.constant(index)
        if isinstance(back, str):
            return back, options, None
        computes = (
            index >= 0
            and self.is_own
            and self.operations[index][0] in (f.OPERATOR, f.FORMAT, f.CALL)
        )
        return ("", options, (self.body, index)) if computes else ("", None, None)

    def constant(self, index: int) -> object:
        if index < 0 or self.operations[index][0] != f.CONSTANT:
            return None
        value: object = self.operations[index][5]
        return value

    def target(self, index: int) -> Class | None:
        operation = self.operations[index]
        if operation[0] == f.CONSTANT and isinstance(operation[5], str):
            return self.models.named(operation[5], self.body.module)
        if operation[0] == f.LAMBDA:
            function = self.body.module.functions[operation[5]]
            value = function.body.statements[0][7]
            symbol = self.models.program.resolve_expression(
                function, function.body.operations, value
            )
            return symbol if isinstance(symbol, Class) else None
        symbol = self.models.program.resolve_expression(self.body, self.operations, index)
        return symbol if isinstance(symbol, Class) else self._mapped(operation)

    def _mapped(self, operation: f.Operation) -> Class | None:
        """The class behind ``lines = registry.map_imperatively(Line, lines_table)``: a variable of
        that function, or of the module."""
        if operation[0] != f.NAME:
            return None
        for function in (self.body, self.body.module.functions[0]):
            for statement in statements_of(function.body.statements):
                for name, value in names_assigned(statement):
                    made = function.body.operations[value]
                    if name == operation[5] and made:
                        return mapped_class(self.models.program, function, made)
        return None

    def words(
        self, annotation: int, operations: tuple[f.Operation, ...] | None = None
    ) -> list[str]:
        """The identifiers of an annotation, strings included."""
        operations = self.operations if operations is None else operations
        pending, out = [annotation] if annotation >= 0 else [], list[str]()
        while pending:
            operation = operations[pending.pop(0)]
            if operation[0] == f.NAME:
                out.append(operation[5])
            elif operation[0] == f.ATTRIBUTE:
                out.append(operation[6])
            elif operation[0] == f.CONSTANT and isinstance(operation[5], str):
                cleaned = "".join(c if c.isalnum() or c == "_" else " " for c in operation[5])
                out += cleaned.split()
            elif operation[0] == f.SUBSCRIPT:
                pending += [operation[5], operation[6]]
            elif operation[0] in (f.SEQUENCE, f.OPERATOR):
                pending += operation[6]
        return out

    def annotated_target(self, words: list[str]) -> Class | None:
        for word in words:
            found = self.models.named(word, self.body.module)
            if found is not None:
                return found
        return None

    def points_to_one(self, target: Class | None, keywords: Keywords) -> bool:
        """Has this table a foreign key to the target's, and the target's none to this one?"""
        if target is None:
            return False
        if target is self.model.cls and "remote_side" in keywords:
            words = self.words(keywords["remote_side"])
            return any(self.models.has_primary_key(target, word) for word in words)
        joined = [
            word for key in JOINED_BY if key in keywords for word in self.words(keywords[key])
        ]
        own = self.model.foreign_keys.keys() & set(joined)
        if bool(own) != bool(self.models.foreign_keys(target).keys() & set(joined)):
            return bool(own)
        tables = {self.models.declared(c).table for c in target.ancestors} - {""}
        if target is self.model.cls or not tables & self.model.foreign_tables:
            return False
        ours = {self.models.declared(c).table for c in self.model.cls.ancestors} - {""}
        return not any(self.models.declared(c).foreign_tables & ours for c in target.ancestors)


def mapped_class(program: Program, function: Function, operation: f.Operation) -> Class | None:
    """The class that ``registry.map_imperatively(User, users)`` maps; None for anything else."""
    operations = function.body.operations
    if operation[0] != f.CALL or not operation[6] or operation[6][0] < 0:
        return None
    if dotted(operations, operation[5]).rpartition(".")[2] not in MAPPERS:
        return None
    symbol = program.resolve_expression(function, operations, operation[6][0])
    return symbol if isinstance(symbol, Class) else None
