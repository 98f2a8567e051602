"""Models: the mapped classes of the program, and how their relationships point.

Read from class bodies, and from the calls that map a class imperatively;
https://docs.sqlalchemy.org/en/21/orm/basic_relationships.html and
https://docs.sqlalchemy.org/en/21/orm/mapping_styles.html#imperative-mapping.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis.program import Class, Function, Program, Variable, dotted
from asyncify.vocabulary.loading import EXPRESSIONS, POLYMORPHIC_SETTINGS, PROXIES

Keywords = dict[str | None, int]

_RELATIONSHIPS = {"relationship", "relation", "dynamic_loader", "Relationship"}
_MAPPING = _RELATIONSHIPS | {"Column", "mapped_column", "Field", "Table"} | PROXIES
_COLLECTIONS = ("list", "List", "set", "Set", "Sequence", "Collection", "dict", "Dict")
_ADDED = ("column_property", "relationship", "deferred")
_MAPPERS = ("map_imperatively", "mapper")  # the second is that of 1.4
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
    ``cascades`` where deleting the parent deletes through it; ``joined`` for ``lazy="joined"``.
    ``lazy`` is the strategy as written (``select`` where none is, empty where it is no literal);
    ``back`` the name of the other side (``back_populates``, ``backref``); ``behind`` that side,
    where it is declared here alone; ``ordered`` says by what the database orders it: ``key``, where
    what comes last stands last, or ``other``."""

    name: str
    target: Class | None
    to_many: bool
    cascades: bool = False
    passive: bool = False
    joined: bool = False
    lazy: str = "select"
    back: str = ""
    behind: Relationship | None = None
    ordered: str = ""


@dataclass(slots=True)
class Model:
    """What one mapped class declares itself."""

    cls: Class
    table: str = ""
    primary_keys: set[str] = field(default_factory=set)
    foreign_tables: set[str] = field(default_factory=set)
    foreign_keys: dict[str, str] = field(default_factory=dict)  # column: table, "" if unknown
    relationships: dict[str, Relationship] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    deferred: set[str] = field(default_factory=set)
    expiring: set[str] = field(default_factory=set)  # the database sets them at an UPDATE
    defaulted: set[str] = field(default_factory=set)  # the database sets them at an INSERT
    queried: set[str] = field(default_factory=set)  # expressions of SQL: new instances have none
    proxies: dict[str, tuple[str, str]] = field(default_factory=dict)  # (relationship, attribute)


class Models:
    """The index over all classes, filled on demand."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._models: dict[Class, Model] = {}
        self._by_name: dict[str, list[Class]] | None = None
        self._all: dict[Class, dict[str, Relationship]] = {}
        self._columns: dict[Class, tuple[frozenset[str], frozenset[str], frozenset[str]]] = {}
        self._backrefs: dict[Class, dict[str, Relationship]] | None = None

    def is_mapped(self, cls: Class) -> bool:
        """Has the class, or one that it inherits from, a table?"""
        return any(
            self.declared(c).table or self.declared(c).relationships for c in cls.ancestors
        ) or any(isinstance(b, Variable) for c in cls.ancestors for b in c.bases)

    def relationship(self, cls: Class, name: str) -> Relationship | None:
        """The relationship that a class has under ``name``, inherited ones included."""
        for ancestor in cls.ancestors:
            found = self.declared(ancestor).relationships.get(name)
            if found is not None:
                return found
        return None

    def foreign_keys(self, cls: Class) -> dict[str, str]:
        """The columns of a class that refer to others, with the tables of these."""
        found: dict[str, str] = {}
        for ancestor in cls.ancestors:
            found |= self.declared(ancestor).foreign_keys
        return found

    def tables(self, cls: Class) -> set[str]:
        """The tables of a class and its bases."""
        return {self.declared(ancestor).table for ancestor in cls.ancestors} - {""}

    def is_held_by_key(self, cls: Class, target: Class) -> bool:
        """Have the target's rows the key that says to which row of a class they belong?"""
        own = {table for table in self.foreign_keys(cls).values() if table}
        theirs = set(self.foreign_keys(target).values())
        return bool(theirs & self.tables(cls)) and not own & self.tables(target)

    def relationships(self, cls: Class) -> dict[str, Relationship]:
        out: dict[str, Relationship] = {}
        for ancestor in reversed(cls.ancestors):
            out |= self.declared(ancestor).relationships
        return out

    def joins_collections(self, entities: Iterable[Class | None]) -> bool:
        """Does any of the classes (None: whichever), or one below it, join a collection whenever
        it is loaded?"""
        if None in entities:
            return self._any_joins_collections
        return any(
            self._joins(each)
            for cls in entities if cls is not None
            for each in (cls, *cls.descendants())
        )  # fmt: skip

    @cached_property
    def _any_joins_collections(self) -> bool:
        mentioning = self.program.mentioning("relationship")
        classes = (self.program.classes.get(function) for function in mentioning)
        return any(self._joins(cls) for cls in classes if cls is not None)

    def _joins(self, cls: Class) -> bool:
        return any(r.joined and r.to_many for r in self.relationships(cls).values())

    def links(self, cls: Class) -> dict[str, Relationship]:
        """All relationships of a class: its own, inherited ones, and those that ``backref`` of
        another class gives it."""
        found = self._all.get(cls)
        if found is None:
            backrefs = self._given_by_backref()
            found = self._all[cls] = {
                name: link
                for ancestor in reversed(cls.ancestors)
                for source in (self.declared(ancestor).relationships, backrefs.get(ancestor, {}))
                for name, link in source.items()
            }
        return found

    def _given_by_backref(self) -> dict[Class, dict[str, Relationship]]:
        if self._backrefs is None:
            self._backrefs = {}
            for body in self.program.mentioning("backref"):
                cls = self.program.classes.get(body) if body.facts.kind == "class" else None
                for link in self.declared(cls).relationships.values() if cls else ():
                    if link.behind is not None and link.target is not None:
                        self._backrefs.setdefault(link.target, {})[link.back] = link.behind
        return self._backrefs

    def columns(self, cls: Class) -> frozenset[str]:
        """Names of columns."""
        return self._kept(cls)[0]

    def comes_later(self, cls: Class, name: str) -> bool:
        """Is an attribute a column of subclasses, which a query of the class doesn't load?"""
        having = [each for each in cls.descendants() if name in self.declared(each).columns]
        bodies = [each.body.facts for each in (*having, *cls.ancestors)] if having else []
        return bool(having) and not any(
            facts.names & POLYMORPHIC_SETTINGS or facts.members & POLYMORPHIC_SETTINGS
            for facts in bodies
        )

    def deferred(self, cls: Class) -> frozenset[str]:
        """Columns that a query doesn't load."""
        return self._kept(cls)[1]

    def expiring(self, cls: Class) -> frozenset[str]:
        """Columns of which only the database knows the value after an UPDATE."""
        return self._kept(cls)[2]

    def _kept(self, cls: Class) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """The columns of a class and its bases: all, and those that are asked for by kind."""
        found = self._columns.get(cls)
        if found is None:
            models = [self.declared(c) for c in cls.ancestors]
            found = self._columns[cls] = (
                frozenset(name for model in models for name in model.columns),
                frozenset(name for model in models for name in model.deferred),
                frozenset(name for model in models for name in model.expiring),
            )
        return found

    def defaulted(self, cls: Class) -> set[str]:
        """Columns of which only the database knows the value after an INSERT."""
        return set().union(*(self.declared(ancestor).defaulted for ancestor in cls.ancestors))

    def is_queried(self, cls: Class, name: str) -> bool:
        """Is a column an expression that only a SELECT computes?"""
        return any(name in self.declared(c).queried for c in cls.ancestors)

    def proxy(self, cls: Class, name: str) -> tuple[str, str] | None:
        """The relationship that an association proxy stands for, and what it reads of that."""
        found = (self.declared(c).proxies.get(name) for c in cls.ancestors)
        return next(filter(None, found), None)

    def has_primary_key(self, cls: Class, name: str) -> bool:
        return any(name in self.declared(c).primary_keys for c in cls.ancestors)

    def attributes(self, cls: Class) -> set[str]:
        """Names of columns and relationships."""
        names: set[str] = set()
        for ancestor in cls.ancestors:
            model = self.declared(ancestor)
            names |= model.columns | set(model.relationships)
        return names

    def declared(self, cls: Class) -> Model:
        """What the class's own body declares."""
        if cls not in self._models:
            model = self._models[cls] = Model(cls)
            if self.may_have_table(cls):
                _Reader(self, model).read()
            for body, name, value in self._additions.get(cls, ()):
                _Reader(self, model, body).addition(name, value)
            if cls in self._mappings:
                function, call = self._mappings[cls]
                _Reader(self, model, function).mapping(call)
        return self._models[cls]

    def may_have_table(self, cls: Class) -> bool:
        """Does the class's own body name what maps it?"""
        facts = cls.body.facts
        return "__tablename__" in facts.bound or not facts.names.isdisjoint(_MAPPING)

    @cached_property
    def _additions(self) -> dict[Class, list[tuple[Function, str, int]]]:
        """What modules add to classes below their bodies: ``User.age = column_property(...)``."""
        found: dict[Class, list[tuple[Function, str, int]]] = {}
        for body in {fn: None for name in _ADDED for fn in self.program.mentioning(name)}:
            if body.facts.kind != "module" or not body.facts.stores:
                continue
            for statement in body.body.statements:
                for target in statement[7] if statement[0] == f.ASSIGN else ():
                    if target[0] != f.TO_ATTRIBUTE:
                        continue
                    operations = body.body.operations
                    cls = self.program.resolve_expression(body, operations, target[1])
                    if isinstance(cls, Class):
                        found.setdefault(cls, []).append((body, target[2], statement[8]))
        return found

    @cached_property
    def _mappings(self) -> dict[Class, tuple[Function, int]]:
        """Where classes are mapped imperatively: ``registry.map_imperatively(User, users)``."""
        found = {}
        for function in {fn: None for name in _MAPPERS for fn in self.program.mentioning(name)}:
            operations = function.body.operations
            for index, operation in enumerate(operations):
                if not operation or operation[0] != f.CALL or not operation[6]:
                    continue
                if dotted(operations, operation[5]).rpartition(".")[2] not in _MAPPERS:
                    continue
                cls = self.program.resolve_expression(function, operations, operation[6][0])
                if isinstance(cls, Class):
                    found[cls] = function, index
        return found

    def named(self, name: str) -> Class | None:
        """The mapped class with this name, if there is exactly one."""
        if self._by_name is None:
            self._by_name = {}
            for cls in self.program.classes.values():
                self._by_name.setdefault(cls.name, []).append(cls)
        found = self._by_name.get(name.rpartition(".")[2], [])
        if len(found) > 1:
            found = [c for c in found if "__tablename__" in c.body.facts.bound] or found
        return found[0] if len(found) == 1 else None


class _Reader:
    """Reads one class body, or a function in which the class is mapped."""

    def __init__(self, models: Models, model: Model, body: Function | None = None) -> None:
        self.models = models
        self.model = model
        self.body = body or model.cls.body
        self.operations = self.body.body.operations
        self.pending: list[tuple[str, int, int]] = []

    def read(self) -> None:
        for statement in self.body.body.statements:
            if statement[0] == f.ASSIGN:
                for target in statement[7]:
                    if target[0] == f.TO_NAME:
                        self.attribute(target[1], statement[8], -1)
            elif statement[0] == f.ANNOTATED and statement[7][0] == f.TO_NAME:
                self.attribute(statement[7][1], statement[9], statement[8])
        for name, call, annotation in self.pending:
            self.model.relationships[name] = self.relationship(name, call, annotation)

    def addition(self, name: str, value: int) -> None:
        """``User.age = column_property(...)`` in a module."""
        self.attribute(name, value, -1)
        for link, call, annotation in self.pending:
            self.model.relationships[link] = self.relationship(link, call, annotation)

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
                _Reader(self.models, self.model, found[0]).table(found[2])
        properties = self.operations[keywords["properties"]] if "properties" in keywords else None
        if properties is not None and properties[0] == f.DICT:
            for key, value in zip(properties[5], properties[6], strict=True):
                name = self.constant(key) if key >= 0 else None
                if isinstance(name, str):
                    self.attribute(name, value, -1)
        for name, value, annotation in self.pending:
            self.model.relationships[name] = self.relationship(name, value, annotation)

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

    def attribute(self, name: str, value: int, annotation: int) -> None:
        operation = self.operations[value] if value >= 0 else None
        if name == "__tablename__" and operation is not None and operation[0] == f.CONSTANT:
            self.model.table = str(operation[5])
            return
        if operation is None or operation[0] != f.CALL:
            if annotation >= 0:
                self.model.columns.add(name)
            return
        callee = dotted(self.operations, operation[5]).rpartition(".")[2]
        if callee in _RELATIONSHIPS:
            self.pending.append((name, value, annotation))
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
        foreign = keywords.get("foreign_key", -1)
        if foreign >= 0:
            self.model.foreign_keys[name] = self.foreign(self.operations[foreign])
        for argument in operation[6]:
            inner = self.operations[argument]
            if inner[0] == f.CALL and dotted(self.operations, inner[5]).endswith("ForeignKey"):
                found = self.foreign(self.operations[inner[6][0]] if inner[6] else None)
                self.model.foreign_keys[name] = found

    def strategy(self, name: str, callee: str, keywords: Keywords) -> None:
        """Is a column deferred, or set by the database at an UPDATE?"""
        keywords = {**keywords, **self.own_column(keywords)}
        if callee == "deferred" or self.constant(keywords.get("deferred", -1)) is True:
            self.model.deferred.add(name)
        update = self.operations[keywords["onupdate"]] if "onupdate" in keywords else None
        if callee == EXPRESSIONS:
            self.model.queried.add(name)
        if "server_default" in keywords:
            self.model.defaulted.add(name)
        if "server_onupdate" in keywords or (
            update is not None
            and update[0] == f.CALL
            and dotted(self.operations, update[5]).partition(".")[0] in _SQL_FUNCTIONS
        ):
            self.model.expiring.add(name)

    def own_column(self, keywords: Keywords) -> Keywords:
        """The options of the column that SQLModel's ``Field`` is given."""
        column = self.operations[keywords.get("sa_column", 0)] if "sa_column" in keywords else ()
        if column and column[0] == f.CALL:
            return dict(column[7])
        options = keywords.get("sa_column_kwargs", -1)
        given = self.operations[options] if options >= 0 else ()
        if not given or given[0] != f.DICT:
            return {}
        pairs = zip(given[5], given[6], strict=True)
        return {str(self.constant(key)): value for key, value in pairs if key >= 0}

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

    def relationship(self, name: str, call: int, annotation: int) -> Relationship:
        operation = self.operations[call]
        keywords = dict(operation[7])
        target = self.target(operation[6][0]) if operation[6] else None
        if "argument" in keywords:
            target = self.target(keywords["argument"])
        many: bool | None = None
        if annotation >= 0:
            text = self.words(annotation)
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
        found = self.with_options(
            name, target, many, keywords, self.lazy(call, keywords, annotation)
        )
        back, options = self.other_side(keywords)
        if options is None:
            return replace(found, back=back)
        # The other side of what may be a collection may be one too where a third table links them.
        uselist = self.constant(options.get("uselist", -1))
        many = "secondary" in keywords or not many if uselist is None else bool(uselist)
        lazy = _LAZY.get(self.constant(options["lazy"]), "") if "lazy" in options else "select"
        behind = self.with_options(back, self.model.cls, many, options, lazy)
        return replace(found, back=back, behind=replace(behind, back=name))

    def with_options(
        self, name: str, target: Class | None, many: bool, options: Keywords, lazy: str
    ) -> Relationship:
        cascade = self.constant(options.get("cascade", -1))
        return Relationship(
            name,
            target,
            many,
            isinstance(cascade, str) and ("delete" in cascade or "all" in cascade),
            self.constant(options.get("passive_deletes", -1)) in (True, "all"),
            self.constant(options.get("lazy", -1)) in ("joined", False),
            lazy,
            ordered=self.order(target, options.get("order_by", -1)),
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

    def lazy(self, call: int, keywords: dict[str | None, int], annotation: int) -> str:
        """How the relationship loads, in SQLAlchemy's words."""
        wrapper = set(self.words(annotation)) & _LAZY_WRAPPERS.keys() if annotation >= 0 else set()
        if wrapper:
            return _LAZY_WRAPPERS[wrapper.pop()]
        if dotted(self.operations, self.operations[call][5]).endswith("dynamic_loader"):
            return "dynamic"
        if "sa_relationship_kwargs" in keywords:
            return self.lazy_in(self.operations[keywords["sa_relationship_kwargs"]])
        if "lazy" not in keywords:
            return "select"
        return _LAZY.get(self.constant(keywords["lazy"]), "")

    def lazy_in(self, options: f.Operation) -> str:
        """The strategy in a dict of SQLModel's ``Relationship``."""
        if options[0] != f.DICT:
            return ""
        for key, value in zip(options[5], options[6], strict=True):
            if self.constant(key) == "lazy":
                return _LAZY.get(self.constant(value), "")
        return "select"

    def other_side(self, keywords: Keywords) -> tuple[str, Keywords | None]:
        """The name of the other side, and its options where only ``backref`` declares it."""
        back = self.constant(keywords.get("back_populates", -1))
        if isinstance(back, str):
            return back, None
        index, options = keywords.get("backref", -1), Keywords()
        if index >= 0 and self.operations[index][0] == f.CALL:
            arguments, options = self.operations[index][6], dict(self.operations[index][7])
            index = arguments[0] if arguments else options.get("name", -1)
        back = self.constant(index)
        return (back, options) if isinstance(back, str) else ("", None)

    def constant(self, index: int) -> object:
        if index < 0 or self.operations[index][0] != f.CONSTANT:
            return None
        value: object = self.operations[index][5]
        return value

    def target(self, index: int) -> Class | None:
        operation = self.operations[index]
        if operation[0] == f.CONSTANT and isinstance(operation[5], str):
            return self.models.named(operation[5])
        if operation[0] == f.LAMBDA:
            function = self.body.module.functions[operation[5]]
            value = function.body.statements[0][7]
            symbol = self.models.program.resolve_expression(
                function, function.body.operations, value
            )
            return symbol if isinstance(symbol, Class) else None
        symbol = self.models.program.resolve_expression(self.body, self.operations, index)
        return symbol if isinstance(symbol, Class) else None

    def words(self, annotation: int) -> list[str]:
        """The identifiers of an annotation, strings included."""
        pending, out = [annotation], []
        while pending:
            operation = self.operations[pending.pop(0)]
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
            found = self.models.named(word)
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
        tables = {self.models.declared(c).table for c in target.ancestors} - {""}
        if target is self.model.cls or not tables & self.model.foreign_tables:
            return False
        own = {self.models.declared(c).table for c in self.model.cls.ancestors} - {""}
        return not any(self.models.declared(c).foreign_tables & own for c in target.ancestors)
