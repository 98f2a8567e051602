"""Mains: what stands below ``if __name__ == "__main__"`` is moved into a function.

The lines stay where they are: ``def main():`` takes the place of the condition, which comes again
behind the last line. So whatever is found in them is found at the lines that a person sees. It is
done only where it changes nothing: a name that is assigned below the condition becomes a local one;
one that functions above ask for is declared global, and stays what it was. A script without a
condition gets one.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_GUARD = 'if __name__ == "__main__":'
_NAMES = ("main", "run_main", "_main")
_DYNAMIC = {"globals", "locals", "vars", "exec", "eval"}
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True, slots=True)
class Moved:
    """A text with a function in place of its last statement's block, and the function's line.
    ``added`` lines stand before it that weren't there, the function's own among them where nothing
    gave way to it, and ``deeper`` is by how many columns its lines were indented."""

    text: str
    line: int
    added: int = 0
    deeper: int = 0

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Where a line and a column of the text were before."""
        if line < self.line:
            return line, column
        return max(line - self.added, self.line - self.added + 1), max(column - self.deeper, 1)


def with_main_function(text: str) -> Moved | None:
    """The text with its main in a function.

    None where the last statement is no such condition, or the move could change what the program
    does. ``text`` has ``\\n`` for line ends.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    guard = tree.body[-1] if tree.body else None
    if not isinstance(guard, ast.If) or not _is_main_guard(guard.test) or guard.orelse:
        return None
    if guard.test.end_lineno != guard.lineno or guard.body[0].lineno == guard.lineno:
        return None
    name = _name(tree)
    if not name or not _is_plain([guard]):
        return None
    shared = _shared(text, tree, [guard])
    if shared & _annotated([guard]):
        return None  # such a name can't be declared
    lines = text.split("\n")
    blank = [""] * _missing_lines(lines, guard.lineno - 1)
    header = [*blank, f"def {name}(){_result(tree)}:"]
    moved = _moved(lines, guard, header, name, sorted(shared))
    return Moved(moved, guard.lineno + len(blank), len(blank) + bool(shared))


def with_script_function(text: str, start: int, once: bool = False) -> Moved | None:
    """The text with all from the statement at a line on in a function, which is called where the
    file is run. A statement that is the last one and does it ``once`` needs no function.

    None where classes or functions are defined behind it, or the move could change what the program
    does.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    tail = [s for s in tree.body if (s.end_lineno or s.lineno) >= start]
    name = _name(tree)
    if not name or not tail or not _is_plain(tail) or _shared(text, tree, tail):
        return None
    inside = list(_inside(tail))
    if any(isinstance(s, (*_SCOPES, ast.Import, ast.ImportFrom)) for s in tail):
        return None
    if any(
        isinstance(n, (ast.Constant, ast.JoinedStr)) and n.end_lineno != n.lineno for n in inside
    ):
        return None  # the lines of a string are its own
    lines = text.rstrip("\n").split("\n")
    first = tail[0].lineno - 1
    while first and lines[first - 1].startswith("#"):
        first -= 1
    header = [""] * _missing_lines(lines, first)
    body = [f"    {line}" if line.strip() else line for line in lines[first:]]
    if once and len(tail) == 1 and isinstance(tail[0], ast.Expr):
        header.append(_GUARD)
    else:
        header.append(f"def {name}(){_result(tree)}:")
        body += ["", "", _GUARD, f"    {name}()"]
    new = "\n".join([*lines[:first], *header, *body])
    end = "\n" if text.endswith("\n") else ""
    return Moved(new + end, first + len(header), len(header), 4)


def _name(tree: ast.Module) -> str:
    """A name for the function that means nothing yet, or ''."""
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    taken |= {name for node in ast.walk(tree) for name in _names_of(node)}
    return next((name for name in _NAMES if name not in taken), "")


def _missing_lines(lines: Sequence[str], first: int) -> int:
    """How many blank lines a function needs before it, at the line with an index."""
    above = range(min(first, 2))
    blank = next((n for n in above if lines[first - 1 - n].strip()), len(above))
    return 0 if not blank and first and lines[first - 1].startswith("#") else len(above) - blank


def _moved(
    lines: list[str], guard: ast.If, header: list[str], name: str, shared: Sequence[str]
) -> str:
    condition, body = lines[guard.lineno - 1], lines[guard.body[0].lineno - 1]
    indent = body[: len(body) - len(body.lstrip())]
    declared = [f"{indent}global {', '.join(shared)}"] if shared else []
    lines[guard.lineno - 1 : guard.lineno] = [*header, *declared]
    end = "\n" if not lines[-1] else ""
    return "\n".join(lines).rstrip("\n") + f"\n\n\n{condition}\n{indent}{name}()" + end


def _result(tree: ast.Module) -> str:
    """Does the file annotate what its functions give?"""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    annotated = any(isinstance(n, functions) and n.returns is not None for n in ast.walk(tree))
    return " -> None" if annotated else ""


def _is_main_guard(test: ast.expr) -> bool:
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return False
    if not isinstance(test.ops[0], ast.Eq):
        return False
    sides = (test.left, test.comparators[0])
    names = {side.id for side in sides if isinstance(side, ast.Name)}
    values = {side.value for side in sides if isinstance(side, ast.Constant)}
    return names == {"__name__"} and values == {"__main__"}


def _is_plain(tail: Sequence[ast.stmt]) -> bool:
    """Do the last statements mean the same in a function?"""
    inside = list(_inside(tail))
    if any(isinstance(node, (ast.Global, ast.Nonlocal)) for node in inside):
        return False
    if any(isinstance(node, ast.Name) and node.id in _DYNAMIC for node in inside):
        return False
    return not any(isinstance(node, ast.alias) and node.name == "*" for node in inside)


def _shared(text: str, tree: ast.Module, tail: Sequence[ast.stmt]) -> set[str]:
    """The names that the last statements assign, and others see: assigned above, too, or taken by
    functions from the module."""
    bound = {name for node in _inside(tail) for name in _names_of(node)}
    before = tree.body[: len(tree.body) - len(tail)]
    others = {name for statement in before for name in _of_module(statement)}
    others |= _BUILTINS | _globals_of(symtable.symtable(text, "main", "exec"), tail[0].lineno)
    return bound & others


def _annotated(tail: Sequence[ast.stmt]) -> set[str]:
    """The names that the last statements assign with an annotation."""
    return {
        node.target.id for node in _inside(tail)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }  # fmt: skip


def _inside(tail: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    for statement in tail:
        yield from ast.walk(statement)


def _of_module(node: ast.AST) -> Iterator[str]:
    """The names that a statement of the module assigns in the module's own scope."""
    yield from _names_of(node)
    if not isinstance(node, _SCOPES):
        for child in ast.iter_child_nodes(node):
            yield from _of_module(child)


def _globals_of(table: symtable.SymbolTable, before: int) -> set[str]:
    """The names that functions above a line take from the module, or give to it."""
    names: set[str] = set()
    for child in table.get_children():
        if child.get_lineno() < before:
            names |= {symbol.get_name() for symbol in child.get_symbols() if symbol.is_global()}
            names |= _globals_of(child, before)
    return names


def _names_of(node: ast.AST) -> set[str]:
    """The names that a node itself defines."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return {node.id}
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, ast.alias):
        return {(node.asname or node.name).partition(".")[0]}
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        return {node.name}
    if isinstance(node, ast.MatchMapping) and node.rest:
        return {node.rest}
    return set()
