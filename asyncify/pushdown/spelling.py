"""Spelling: how what the new text names is called in a module, and the imports that it needs."""

from __future__ import annotations

import ast
import builtins

from asyncify.analysis.program import Class, Module, Program
from asyncify.pushdown.syntax import Refused, Source


class Speller:
    """The names of one module."""

    def __init__(self, program: Program, module: Module) -> None:
        self.program = program
        self.module = module
        self.imports: dict[str, str] = {}  # names to import, and the modules that have them
        self.spelled: set[str] = set()  # names that were given

    def sqlalchemy(self, name: str) -> str:
        """``func``, ``select`` and their like."""
        found = self._sqlalchemy(name)
        self.spelled.add(found.partition(".")[0])
        return found

    def _sqlalchemy(self, name: str) -> str:
        wanted = f"sqlalchemy.{name}"
        for local, binding in self.module.bindings.items():
            if binding.kind == "import":
                symbol = self.program.resolve(self.module, local)
                if symbol == wanted:
                    return local
                if symbol == "sqlalchemy":
                    return f"{local}.{name}"
        return self._imported(name, "sqlalchemy")

    def cls(self, cls: Class) -> str:
        """A mapped class."""
        found = self._cls(cls)
        self.spelled.add(found)
        return found

    def _cls(self, cls: Class) -> str:
        if self.program.resolve(self.module, cls.name) is cls:
            return cls.name
        for local, binding in self.module.bindings.items():
            if binding.kind == "import" and self.program.resolve(self.module, local) is cls:
                return local
        return self._imported(cls.name, self._home(cls))

    def _home(self, cls: Class) -> str:
        """The module to import a class from: one that others come from, if it has the class."""
        for item in self.module.facts.imports:
            source = self.program.module_named(item.module, self.module, item.level)
            if source is None or not item.name or item.level:
                continue
            if self.program.resolve(source, cls.name) is cls:
                return item.module
        return cls.module.name

    def same(self, name: str, other: Module) -> None:
        """See to it that a name of another module means the same here."""
        if name not in other.bindings and hasattr(builtins, name):
            if name in self.module.bindings:
                raise Refused(f"`{name}` isn't the builtin in `{self.module.path}`")
            return
        binding = other.bindings.get(name)
        if binding is None or binding.kind != "import":
            raise Refused(f"`{name}` belongs to `{other.path}`")
        item = binding.value
        if item.name is None or item.level or item.local != item.name:
            if self.program.resolve(self.module, name) != self.program.resolve(other, name):
                raise Refused(f"`{name}` isn't imported in `{self.module.path}`")
            return
        if name in self.module.bindings:
            if self.program.resolve(self.module, name) != self.program.resolve(other, name):
                raise Refused(f"`{name}` is another in `{self.module.path}`")
            return
        self._imported(name, item.module)

    def _imported(self, name: str, source: str) -> str:
        known = self.imports.get(name)
        if (known is not None and known != source) or (
            known is None and name in self.module.bindings
        ):
            raise Refused(f"`{name}` is another in `{self.module.path}`")
        self.imports[name] = source
        return name


def add_imports(text: str, imports: dict[str, str]) -> str:
    """The text with names imported, in an import of the same module where there is one."""
    for source in sorted(set(imports.values())):
        names = {name for name, where in imports.items() if where == source}
        text = _with_import(text, source, names)
    return text


def _with_import(text: str, source: str, names: set[str]) -> str:
    parsed = Source("", text)
    lines = parsed.lines
    tops = [s for s in parsed.tree.body if isinstance(s, (ast.Import, ast.ImportFrom))]
    for node in tops:
        if isinstance(node, ast.ImportFrom) and node.module == source and not node.level:
            segment = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            if "#" in segment or any(alias.name == "*" for alias in node.names):
                continue
            every = {ast.unparse(alias) for alias in node.names} | names
            lines[node.lineno - 1 : node.end_lineno] = _import(source, every)
            return "\n".join(lines)
    future = [n for n in tops if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
    others = [n for n in tops if n not in future]
    place = _place(source, others, future, parsed.tree)
    lines[place:place] = _import(source, names)
    return "\n".join(lines)


def _place(
    source: str, others: list[ast.Import | ast.ImportFrom], future: list[ast.ImportFrom],
    tree: ast.Module,
) -> int:  # fmt: skip
    """The line before which an import goes: behind the imports of the same package, else where
    the order of names has it among those that aren't the standard library's."""
    top = source.partition(".")[0]
    for node in reversed(others):
        name = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        if name and name.partition(".")[0] == top:
            return node.end_lineno or 0
    if top in _FIRST:
        return others[0].lineno - 1 if others else _behind(future, tree)
    if others:
        return others[-1].end_lineno or 0
    return _behind(future, tree)


_FIRST = frozenset({"datetime", "math", "typing", "decimal"})


def _behind(future: list[ast.ImportFrom], tree: ast.Module) -> int:
    if future:
        return future[-1].end_lineno or 0
    first = tree.body[0] if tree.body else None
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return (first.end_lineno or 0) if first is not None and is_docstring else 0


def _import(source: str, names: set[str]) -> list[str]:
    ordered = sorted(names, key=lambda name: (not name[:1].isupper(), name))
    line = f"from {source} import {', '.join(ordered)}"
    if len(line) <= 88:
        return [line]
    return [f"from {source} import (", *(f"    {name}," for name in ordered), ")"]


def without_unused_imports(before: str, after: str) -> str:
    """The text without the imported names that only what has gone had used."""
    for name in sorted(_imported_names(before)):
        if _uses(before, name) and not _uses(after, name):
            after = _without_import(after, name)
    return after


def _imported_names(text: str) -> set[str]:
    return {
        alias.asname or alias.name for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__" for alias in node.names
    }  # fmt: skip


def _uses(text: str, name: str) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id == name)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str) and name in node.value)
        for node in ast.walk(ast.parse(text))
    )


def mentions(text: str, name: str) -> bool:
    """Does a text name something, other than where it defines it?"""
    return any(
        (isinstance(node, ast.Name) and node.id == name)
        or (isinstance(node, ast.Attribute) and node.attr == name)
        or (isinstance(node, ast.alias) and name in (node.name, node.asname))
        or (isinstance(node, ast.Constant) and isinstance(node.value, str) and name in node.value)
        for node in ast.walk(ast.parse(text))
    )


def without_function(text: str, name: str) -> str:
    """The text without a function of the module, and the blank lines before it."""
    parsed = Source("", text)
    for node in parsed.tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            first = parsed.first_line(node)
            while first and not parsed.lines[first - 1].strip():
                first -= 1
            del parsed.lines[first : node.end_lineno]
            return "\n".join(parsed.lines)
    return text


def _without_import(text: str, name: str) -> str:
    parsed = Source("", text)
    for node in parsed.tree.body:
        if not isinstance(node, ast.ImportFrom):
            continue
        kept = {ast.unparse(a) for a in node.names if (a.asname or a.name) != name}
        segment = "\n".join(parsed.lines[node.lineno - 1 : node.end_lineno])
        if len(kept) == len(node.names) or "#" in segment:
            continue
        new = _import("." * node.level + (node.module or ""), kept) if kept else []
        parsed.lines[node.lineno - 1 : node.end_lineno] = new
        return "\n".join(parsed.lines)
    return text
