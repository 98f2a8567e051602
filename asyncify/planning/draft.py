"""The draft of one file's plan: decisions gathered so far, and the names that they need."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from asyncify import facts as f
from asyncify.analysis.program import Class, Function, Module, Program, dotted
from asyncify.analysis.statements import statements_of
from asyncify.decisions import Decision, ImportName, UpdateImports
from asyncify.sites import NodeRef, Site

Gathered = tuple[dict[Decision, None], dict[str, ImportName], dict[str, None], set[str]]
_GUARDS = {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


@dataclass(slots=True)
class Draft:
    """Decisions and imports for one file."""

    program: Program
    module: Module
    decisions: dict[Decision, None] = field(default_factory=dict)
    _added: dict[str, ImportName] = field(default_factory=dict)
    _removed: dict[str, None] = field(default_factory=dict)
    _used_names: frozenset[str] | None = None
    _imported: dict[str, str] | None = None
    _needed: set[str] = field(default_factory=set)
    _sources: dict[Module, str] = field(default_factory=dict)  # as imports would name modules
    _type_checked: frozenset[str] | None = None

    def add(self, decision: Decision) -> None:
        self.decisions[decision] = None

    def exchange(self, old: Decision, new: Decision) -> None:
        """Put a decision in the place of another: those for one node are carried out in order."""
        self.decisions = {new if each is old else each: None for each in self.decisions}

    def gathered(self) -> Gathered:
        """What there is so far, to be given to `restore`."""
        return self.decisions.copy(), self._added.copy(), self._removed.copy(), self._needed.copy()

    def restore(self, gathered: Gathered) -> None:
        """Forget what was added since."""
        self.decisions, self._added, self._removed, self._needed = gathered

    def site(self, operation: f.Operation) -> Site:
        return Site(self.module.path, operation[1], operation[2])

    def spell(self, name: str, instead_of: str = "") -> str:
        """How a foreign name is written in this file; an import is added where there is none.

        ``instead_of`` is the name that it replaces: imported below ``if TYPE_CHECKING``, so is the
        new one, unless it is needed elsewhere too.
        """
        spelled = self._spell(name)
        item = self._added.get(name)
        if item is not None:
            only_checked = instead_of.partition(".")[0] in self._checked()
            if only_checked and name not in self._needed:
                self._added[name] = replace(item, type_checking=True)
            else:
                self._needed.add(name)
                if item.type_checking:
                    self._added[name] = replace(item, type_checking=False)
        return spelled

    def _checked(self) -> frozenset[str]:
        """Names that are imported below ``if TYPE_CHECKING``."""
        if self._type_checked is None:
            body = self.module.functions[0].body
            found: set[str] = set()
            for statement in statements_of(body.statements):
                if statement[0] == f.IF and dotted(body.operations, statement[7]) in _GUARDS:
                    for inner in statements_of(statement[8]):
                        if inner[0] == f.IMPORT:
                            found |= {local for local, *_ in inner[7]}
            self._type_checked = frozenset(found)
        return self._type_checked

    def _spell(self, name: str) -> str:
        local = self._known_spellings().get(name)
        if local is not None:
            return local
        if name in self._added:
            return self._added[name].alias or self._added[name].name or name
        owner, _, last = name.rpartition(".")
        if not owner:
            self._added[name] = ImportName(name)
            return name
        module_alias = self._known_spellings().get(owner)
        if module_alias is not None and owner.count(".") == 0:
            return f"{module_alias}.{last}"
        added = {item.alias or item.name for item in self._added.values()}
        is_free = last not in self._taken() and last not in added
        alias = "" if is_free else f"{owner.partition('.')[0]}_{last}"
        self._added[name] = ImportName(owner, last, alias)
        return alias or last

    def free(self, name: str) -> str:
        """A name like this one that nothing in the file has."""
        taken = self._taken()
        while name in taken:
            name += "_"
        return name

    def spell_class(self, cls: Class) -> str:
        """How a class of the program is written in this file."""
        return self.spell_symbol(cls.name, cls.module)

    def spell_symbol(self, name: str, module: Module) -> str:
        """How what ``module`` binds to ``name`` is written here, imported where it isn't yet."""
        known = known_spelling(self.program, self.module, name, module)
        if known:
            return known
        for item in self.module.facts.imports:
            source = self.program.module_named(item.module, self.module, item.level)
            if item.name and source is module:
                return self._import("." * item.level + item.module, name, module)
        spelled = self._sources.get(module)
        if spelled is None:
            spelled = self._relative(module) or self._beside(module)
            spelled = spelled or self.program.spelling(module, self.module)
            self._sources[module] = spelled
        return self._import(spelled, name, module)

    def _import(self, source: str, name: str, module: Module) -> str:
        """Import a name of the program's, under another where the file means something else by
        it."""
        added = self._added.get(f"{source}.{name}")
        if added is not None:
            return added.alias or name
        alias = "" if self._is_free(name, module) else f"{source.rpartition('.')[2]}_{name}"
        self.add_import(ImportName(source, name, alias))
        return alias or name

    def _is_free(self, name: str, module: Module) -> bool:
        """Does nothing in the file have a name but what is imported from the module itself?"""
        if any(name == (item.alias or item.name) for item in self._added.values()):
            return False
        return all(
            any(
                local == name == imported
                and self.program.module_named(source, self.module, level) is module
                for local, source, imported, level in function.facts.imports
            )
            for function in self.module.functions if name in function.facts.bound
        )  # fmt: skip

    def _beside(self, module: Module) -> str:
        """How the files of the same folder name another module, or '': scripts import what stands
        beside them from where they stand."""
        for other in self.program.modules.values():
            if other.folder != self.module.folder:
                continue
            for item in other.facts.imports:
                if not item.level and self.program.module_named(item.module, other) is module:
                    return item.module
        return ""

    def _relative(self, module: Module) -> str:
        """How a file that imports relatively would name another module, or ''."""
        for level in sorted({item.level for item in self.module.facts.imports if item.level}):
            parts = module.name.split(".")
            for start in range(len(parts)):
                name = ".".join(parts[start:])
                if self.program.module_named(name, self.module, level) is module:
                    return "." * level + name
        return ""

    def add_import(self, item: ImportName) -> None:
        self._added[f"{item.module}.{item.name}" if item.name else item.module] = item

    def drop(self, local: str) -> None:
        """A name whose import may go, if nothing uses it after the edits."""
        root = local.partition(".")[0]
        if root:
            self._removed[root] = None

    def adds(self, name: str) -> bool:
        """Is a foreign name imported from now on?"""
        return name in self._added

    def withdraw(self, name: str) -> None:
        """A foreign name isn't needed after all."""
        self._added.pop(name, None)

    def forget(self) -> None:
        """Nothing happens in this file after all: its imports stay."""
        self._added.clear()
        self._removed.clear()

    def drops(self, local: str) -> bool:
        """May the import of a name go?"""
        return local in self._removed

    def _known_spellings(self) -> dict[str, str]:
        if self._imported is None:
            self._imported = {}
            for item in self.module.facts.imports:
                if item.level or item.name == "*" or not item.local:
                    continue
                if self.module.bindings.get(item.local) is None:
                    continue
                whole = f"{item.module}.{item.name}" if item.name else item.module
                self._imported.setdefault(whole, item.local)
        return self._imported

    def _taken(self) -> frozenset[str]:
        """All names that the file binds anywhere."""
        if self._used_names is None:
            bound: set[str] = set()
            for function in self.module.functions:
                bound |= function.facts.bound
            self._used_names = frozenset(bound)
        return self._used_names

    def finish(self) -> tuple[Decision, ...]:
        """All decisions in source order, imports last."""
        ordered = sorted(
            self.decisions, key=lambda d: (d.site.line, d.site.column, d.node.kind, d.node.number)
        )
        if self._added or self._removed:
            removed = tuple(self._removed)
            imports = UpdateImports(
                node=NodeRef("Module", 0),
                site=Site(self.module.path, 1, 1),
                add=tuple(self._added.values()),
                remove=removed,
            )
            ordered.append(imports)
        return tuple(ordered)


def known_spelling(program: Program, here: Module, name: str, module: Module) -> str:
    """How a file writes what ``module`` binds to ``name``, or '' where that isn't imported yet."""
    if module is here:
        return name
    wanted = program.resolve(module, name)
    for local in sorted(here.bindings):
        found = program.resolve(here, local)
        if found is not None and found == wanted:
            return local
        if found is module:
            return f"{local}.{name}"
    return ""


def reference(operation: f.Operation, name: str = "") -> NodeRef:
    """The node of an operation."""
    kind = operation[0]
    if kind == f.CALL:
        return NodeRef("Call", operation[3], name)
    if kind == f.ATTRIBUTE:
        return NodeRef("Attribute", operation[3], operation[6])
    if kind == f.NAME:
        return NodeRef("Name", operation[3], operation[5])
    if kind == f.SUBSCRIPT:
        return NodeRef("Subscript", operation[3])
    if kind == f.COMPREHENSION:
        return NodeRef(operation[5], operation[3])
    if kind == f.OPERATOR and operation[3] >= 0:
        return NodeRef("Comparison", operation[3])
    if kind in (f.YIELD, f.YIELD_FROM):
        return NodeRef("Yield", operation[3])
    if kind == f.AWAIT:
        return NodeRef("Await", operation[3])
    raise ValueError(f"no node is counted for operation {kind}")


def call_reference(function: Function, index: int) -> NodeRef:
    """The node of a call, with the name that is called."""
    return node_of(function.body.operations, index)


def node_reference(function: Function, index: int) -> NodeRef:
    """The node of any counted operation."""
    return node_of(function.body.operations, index)


def node_of(operations: tuple[f.Operation, ...], index: int) -> NodeRef:
    """The node of any counted operation, in a body or in a signature."""
    operation = operations[index]
    if operation[0] != f.CALL:
        return reference(operation)
    callee = operations[operation[5]]
    name = callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
    return NodeRef("Call", operation[3], name)
