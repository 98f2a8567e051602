"""Models: the mapped classes of the program, and how their relationships point.

Read from class bodies, and from the calls that map a class imperatively;
https://docs.sqlalchemy.org/en/21/orm/basic_relationships.html and
https://docs.sqlalchemy.org/en/21/orm/mapping_styles.html#imperative-mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis.model_bodies import (
    DECLARED,
    MADE_SUBCLASS,
    MAPPERS,
    RELATIONSHIPS,
    TABLE,
    TABLE_NAME,
    Model,
    Reader,
    Relationship,
    fetches_defaults,
    is_declared,
    mapped_class,
    name_of_other_side,
    table_name,
)
from asyncify.analysis.program import Class, Function, Module, Program, Variable
from asyncify.vocabulary.loading import (
    CONVERTING,
    DECORATING,
    ENUMS,
    MAPS_ANNOTATIONS,
    POLYMORPHIC_SETTINGS,
    PROXIES,
)

_MAPPING = {"Column", "mapped_column", "Mapped", "Field", "Table", DECLARED, TABLE}
_MAPPING |= RELATIONSHIPS | PROXIES
_OWN_TABLE = "table"  # the keyword of SQLModel's classes
_ADDED = ("column_property", "relationship", "deferred")


class Models:
    """The index over all classes, filled on demand."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._models: dict[Class, Model] = {}
        self._by_name: dict[str, list[Class]] | None = None
        self._all: dict[Class, dict[str, Relationship]] = {}
        self._tables: dict[Class, frozenset[str]] = {}
        self._columns: dict[Class, tuple[frozenset[str], ...]] = {}
        self._backrefs: dict[Class, dict[str, Relationship]] | None = None
        self.fetches_updates = True  # mappers that ask for defaults, after an UPDATE too

    def is_mapped(self, cls: Class) -> bool:
        """Has the class, or one that it inherits from, a table?"""
        mapped = any(self.declared(c).is_mapped for c in cls.ancestors)
        return mapped or any(isinstance(b, Variable) for c in cls.ancestors for b in c.bases)

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

    def tables(self, cls: Class) -> frozenset[str]:
        """The tables of a class and its bases."""
        found = self._tables.get(cls)
        if found is None:
            named = {self.declared(ancestor).table for ancestor in cls.ancestors}
            found = self._tables[cls] = frozenset(named - {""})
        return found

    def is_held_by_key(self, cls: Class, target: Class) -> bool:
        """Have the target's rows the key that says to which row of a class they belong?"""
        own = {table for table in self.foreign_keys(cls).values() if table}
        theirs = set(self.foreign_keys(target).values())
        return bool(theirs & self.tables(cls)) and not own & self.tables(target)

    def table_at(self, function: Function, operations: tuple[f.Operation, ...], index: int) -> str:
        """The name of the table that an expression stands for, or ''."""
        operation = operations[index]
        if operation[0] == f.CONSTANT:
            return str(operation[5])
        if operation[0] == f.ATTRIBUTE and operation[6] == TABLE:
            index = operation[5]
        symbol = self.program.resolve_expression(function, operations, index)
        if isinstance(symbol, Class):
            return self.declared(symbol).table
        found = self.program.variable_expression(symbol) if isinstance(symbol, Variable) else None
        made = found[1][found[2]] if found is not None else ()
        if found is None or not made or made[0] != f.CALL or not made[6] or made[6][0] < 0:
            return ""
        name = found[1][made[6][0]]
        return str(name[5]) if name[0] == f.CONSTANT else ""

    def dependents(self, cls: Class) -> set[Class]:
        """The classes whose rows go, or change, with those of a class."""
        tables = self.tables(cls)
        found = {
            each for each in self.program.classes.values()
            if tables and not tables.isdisjoint(self.declared(each).cascading)
        }  # fmt: skip
        found |= {link.target for link in self.links(cls).values() if link.cascades and link.target}
        return found - {cls}

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
        classes = {cls for function in mentioning for cls in self._declared_in(function)}
        return any(map(self._joins, classes))

    def _joins(self, cls: Class, seen: tuple[Class, ...] = ()) -> bool:
        """By itself, or by what it joins one of: a way back to a class isn't joined."""
        seen = (*seen, cls)
        return any(
            link.to_many or (link.target and link.target not in seen
                             and self._joins(link.target, seen))
            for link in self.links(cls).values() if link.joined
        )  # fmt: skip

    def links(self, cls: Class) -> dict[str, Relationship]:
        """All relationships of a class: its own, inherited ones, and those that ``backref`` of
        another class gives it."""
        found = self._all.get(cls)
        if found is None:
            backrefs = self.given_by_backref()
            found = self._all[cls] = {
                name: link
                for ancestor in reversed(cls.ancestors)
                for source in (self.declared(ancestor).relationships, backrefs.get(ancestor, {}))
                for name, link in source.items()
            }
        return found

    def given_by_backref(self) -> dict[Class, dict[str, Relationship]]:
        """The relationships that others declare for a class, by their names."""
        if self._backrefs is None:
            self._backrefs = {}
            bodies = self.program.mentioning("backref")
            for cls in {cls: None for body in bodies for cls in self._declared_in(body)}:
                mapped = [c for c in (cls, *cls.descendants()) if self.declared(c).table]
                for link in self.declared(cls).relationships.values():
                    if link.behind is not None and link.target is not None:
                        given = self._backrefs.setdefault(link.target, {})
                        given |= self._other_sides(link, link.behind, mapped or [cls])
        return self._backrefs

    def _other_sides(
        self, link: Relationship, behind: Relationship, mapped: list[Class]
    ) -> dict[str, Relationship]:
        """The other side of a relationship: one for each class where its name is computed."""
        if link.naming is None:
            return {link.back: replace(behind, target=mapped[0])}
        names = [name_of_other_side(link.naming, c, self.declared(c).table) for c in mapped]
        return {
            name: replace(behind, name=name, target=cls)
            for name, cls in zip(names, mapped, strict=True)
        }

    def _declared_in(self, body: Function, helpers: int = 2) -> Iterator[Class]:
        """The classes whose relationships a body may declare: its own, or that of a mixin's
        method; those that call it, those that it maps imperatively, or adds to."""
        cls = self.program.classes.get(body) if body.facts.kind == "class" else body.owner
        if cls is not None:
            yield cls
            return
        for caller in self.program.mentioning(body.name) if body.facts.kind == "def" else ():
            if caller.facts.kind == "class":  # what a helper declares for it
                yield self.program.classes[caller]
            elif helpers and caller.owner is None and caller is not body:
                yield from self._declared_in(caller, helpers - 1)
        yield from (cls for cls, (function, _) in self._mappings.items() if function is body)
        for cls, added in self._additions.items():
            if any(function is body for function, _, _ in added):
                yield cls

    def columns(self, cls: Class) -> frozenset[str]:
        """Names of columns."""
        return self._kept(cls)[0]

    def comes_later(self, cls: Class, name: str) -> bool:
        """Is an attribute a column of subclasses, which a query of the class doesn't load?"""
        having = [each for each in self.declaring(cls, name) if name in self.columns(each)]
        return bool(having) and not self.loads_subclasses(cls, having)

    def loads_subclasses(self, cls: Class, subclasses: Iterable[Class]) -> bool:
        """Do the mappings say what a query of a class loads of its subclasses?"""
        return any(
            each.body.facts.names & POLYMORPHIC_SETTINGS
            or each.body.facts.members & POLYMORPHIC_SETTINGS
            for each in (*subclasses, *cls.ancestors)
        )

    def declaring(self, cls: Class, name: str) -> list[Class]:
        """The subclasses that have an attribute which the class itself hasn't, without those that
        inherit it from one another."""
        if self._maps(cls, name):
            return []
        having = [each for each in cls.descendants() if self._maps(each, name)]
        return [each for each in having if not any(a in having for a in each.ancestors[1:])]

    def _maps(self, cls: Class, name: str) -> bool:
        return name in self.columns(cls) or name in self.links(cls)

    def deferred(self, cls: Class) -> frozenset[str]:
        """Columns that a query doesn't load."""
        return self._kept(cls)[1]

    def grouped(self, cls: Class, group: str) -> set[str]:
        """Those of them that are loaded together."""
        declared = (self.declared(ancestor) for ancestor in cls.ancestors)
        return {name for model in declared for name, of in model.groups.items() if of == group}

    def expiring(self, cls: Class) -> frozenset[str]:
        """Columns of which only the database knows the value after an UPDATE, and that nobody asks
        it for at once."""
        found = self._kept(cls)[2]
        if not found or not self.fetches_updates:
            return found
        if not any(fetches_defaults(ancestor) for ancestor in cls.ancestors):
            return found
        return found - {name for c in cls.ancestors for name in self.declared(c).updated}

    def _kept(self, cls: Class) -> tuple[frozenset[str], ...]:
        """The columns of a class and its bases: all, and those that are asked for by kind."""
        found = self._columns.get(cls)
        if found is None:
            models = [self.declared(c) for c in cls.ancestors]
            found = self._columns[cls] = (
                frozenset(name for model in models for name in model.columns),
                frozenset(name for model in models for name in model.deferred),
                frozenset(name for model in models for name in model.expiring),
                frozenset(name for model in models for name in model.aggregated),
            )
        return found

    def defaulted(self, cls: Class) -> set[str]:
        """Columns of which only the database knows the value after an INSERT."""
        return set().union(*(self.declared(ancestor).defaulted for ancestor in cls.ancestors))

    @cached_property
    def linking(self) -> frozenset[str]:
        """The names of all relationships."""
        declared = (self.declared(cls).relationships for cls in self.program.classes.values())
        return frozenset().union(*declared, *self.given_by_backref().values())

    @cached_property
    def enums(self) -> frozenset[str]:
        """The names of the program's enumerations."""
        return frozenset(
            cls.name for cls in self.program.classes.values() if cls.foreign_bases & ENUMS
        )

    @cached_property
    def decorated(self) -> frozenset[str]:
        """The names of the program's own column types that turn what they are given."""
        return frozenset(
            cls.name for cls in self.program.classes.values()
            if cls.foreign_bases & DECORATING and any(map(cls.find, CONVERTING))
        )  # fmt: skip

    def kind(self, cls: Class, name: str) -> str:
        """What kind of value the database gives for a column; '' where that isn't known."""
        return next((k for c in cls.ancestors if (k := self.declared(c).kinds.get(name))), "")

    def is_queried(self, cls: Class, name: str) -> bool:
        """Is a column an expression that only a SELECT computes?"""
        return any(name in self.declared(c).queried for c in cls.ancestors)

    def aggregated(self, cls: Class) -> frozenset[str]:
        """Those of them that select rows, of other classes or of others of its own."""
        return self._kept(cls)[3]

    def synonym(self, cls: Class, name: str) -> tuple[str, ...]:
        """The attributes that another one stands for, of the class or of a subclass."""
        found = (self.declared(c).synonyms.get(name, ()) for c in self._family(cls))
        return next(filter(None, found), ())

    @staticmethod
    def method(cls: Class, name: str) -> Function | None:
        """What runs where an instance's attribute is read; what declares one ran long ago."""
        found = cls.find(name)
        return None if found is not None and is_declared(found) else found

    def methods(self, cls: Class, name: str) -> list[Function]:
        """The same, with those of subclasses, of which an instance may be as well."""
        found = [cls.find(name), *(each.methods.get(name) for each in cls.descendants())]
        return [each for each in dict.fromkeys(found) if each is not None and not is_declared(each)]

    def having(self, cls: Class, name: str) -> list[Class]:
        """The subclasses that have a relationship which the class itself hasn't."""
        return [each for each in self.declaring(cls, name) if name in self.links(each)]

    def proxy(self, cls: Class, name: str) -> tuple[str, str] | None:
        """The relationship that an association proxy stands for, and what it reads of that; one
        of a subclass, too."""
        found = (self.declared(c).proxies.get(name) for c in self._family(cls))
        return next(filter(None, found), None)

    @staticmethod
    def _family(cls: Class) -> Iterator[Class]:
        yield from cls.ancestors
        yield from cls.descendants()

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
                Reader(self, model).read()
            if not model.table:
                model.table = self._named_by_base(cls)
            for body, name, value in self._additions.get(cls, ()):
                Reader(self, model, body).addition(name, value)
            if cls in self._mappings:
                function, call = self._mappings[cls]
                Reader(self, model, function).mapping(call)
        return self._models[cls]

    def may_have_table(self, cls: Class) -> bool:
        """Does the class's own body name what maps it?"""
        facts = cls.body.facts
        bound = TABLE_NAME in facts.bound or TABLE in facts.bound
        is_mapped = bound or not facts.names.isdisjoint(_MAPPING)
        return is_mapped or not cls.foreign_bases.isdisjoint(MAPS_ANNOTATIONS)

    def _named_by_base(self, cls: Class) -> str:
        """The table of a class whose base says what all tables are called; or, of SQLModel, that
        has one without saying how it is called."""
        names = cls.body.signature
        if any(name == _OWN_TABLE for name, _ in names.keywords):
            return cls.name.lower()
        for base in cls.ancestors[1:]:
            methods = [base.methods.get(TABLE_NAME), base.methods.get(MADE_SUBCLASS)]
            named = next((table_name(each, cls.name) for each in methods if each), "")
            if named:
                return named
        return ""

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
        for function in {fn: None for name in MAPPERS for fn in self.program.mentioning(name)}:
            for index, operation in enumerate(function.body.operations):
                cls = mapped_class(self.program, function, operation) if operation else None
                if cls is not None:
                    found[cls] = function, index
        return found

    def named(self, name: str, module: Module | None = None) -> Class | None:
        """The mapped class with this name: the only one, or that which a module means by it."""
        if self._by_name is None:
            self._by_name = {}
            for cls in self.program.classes.values():
                self._by_name.setdefault(cls.name, []).append(cls)
        last = name.rpartition(".")[2]
        found = self._by_name.get(last, [])
        if len(found) > 1:
            found = [c for c in found if TABLE_NAME in c.body.facts.bound] or found
        if len(found) > 1 and module is not None:
            meant = self.program.resolve(module, last)
            found = [c for c in found if c is meant]
        return found[0] if len(found) == 1 else None
