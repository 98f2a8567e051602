"""Who imports what: the modules that need whatever some modules need."""

from __future__ import annotations

from collections.abc import Collection

from asyncify.analysis.program import Module, Program


def with_importers(program: Program, paths: Collection[str]) -> frozenset[str]:
    """Some files and all that import one of them, in however many steps."""
    importers: dict[Module, list[Module]] = {}
    for module in program.modules.values():
        imported = set(program.imported_modules(module))
        for function in module.functions:
            if function.imports_inside:
                imported.update(program.imported_inside(function))
        for other in imported:
            importers.setdefault(other, []).append(module)
    pending = [module for module in program.modules.values() if module.path in paths]
    found = set(pending)
    while pending:
        fresh = [m for m in importers.get(pending.pop(), ()) if m not in found]
        found.update(fresh)
        pending += fresh
    return frozenset(module.path for module in found)
