"""``ast`` and LibCST number the same nodes the same way, on hand-written and on real code."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import libcst as cst
import pytest

from asyncify.rewrite import tree
from asyncify.source import order

SAMPLE_EVERY = 97

_SNIPPETS = {
    "parameters": "def f(a: A, /, b: B = C(), *c: D, d: E = F(), g=G(), **h: H) -> I: J()",
    "decorators before the function": "@a(1)\n@b.c\nclass X(d(2), *g, e=f(3), **h): i()",
    "keywords between arguments": "f(a(), *b(), c=d(), *e(), **g(), h=i())",
    "conditional expression": "a() if b() else c()",
    "dictionaries": "{a(): b(), **c(), d(): e()}",
    "lists": "[a(b) for b in c() if d() for e in f()]",
    "sets and dictionaries": "{a(): b() for c in d()}; {x for y in z}",
    "generators": "sum(a() for b in c()); (d for e in f)",
    "strings": "f'{a()!r:>{b(1)}} {c.d=}' 'x' f'{e[0]}'",
    "constants are no names": "None, True, False, ..., a",
    "targets": "a, b.c, d[e], *f = g = h; i: J = k; l += m; del n, o.p; (q := r())",
    "loops": "for a in b():\n    c()\nelse:\n    d()\nwhile e():\n    f()\nelse:\n    g()",
    "elif": "if a():\n    b()\nelif c():\n    d()\nelse:\n    if e():\n        f()",
    "errors": "try:\n    a()\nexcept B as c:\n    d()\nfinally:\n    raise g from h",
    "with": "with a() as b, c() as d.e:\n    f()",
    "lambda": "lambda a, b=c(), *d, **e: f(a)",
    "imports": "import a.b\nfrom c.d import e as f\nfrom . import g\na.b.h()",
    "scopes": "def f():\n    global a\n    nonlocal b\n    return a.c",
    "match": """
        match a():
            case B.c | -1 | None:
                d()
            case E(f.G, h=I.j) as k if l():
                m()
            case {n.o: p, **q}:
                r()
            case [s, *t]:
                u()
        """,
    "async": """
        async def f():
            async with a() as b:
                async for c in d():
                    await e(yield_)
            return [g async for h in i()]
        """,
    "yields": "def f():\n    a = yield b()\n    yield\n    yield from c()",
    "asserts": "assert a(), b()",
}


def _from_ast(source: bytes) -> list[object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [numbered.node for numbered in order.enumerate_nodes(ast.parse(source))]


def _from_libcst(source: bytes) -> list[object]:
    return [reference for reference, _ in tree.enumerate_nodes(cst.parse_module(source))]


@pytest.mark.parametrize("source", _SNIPPETS.values(), ids=_SNIPPETS)
def test_both_trees_agree_on_syntax(source: str) -> None:
    text = dedent(source).encode()
    assert _from_ast(text) == _from_libcst(text) != []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`ast` reads it from Python 3.12 on")
@pytest.mark.parametrize(
    "source",
    [
        "def f[T: a(), *U, **V](x: b()) -> c(): ...",
        "class A[T: a](b(), c=d): ...",
        "type X[T] = a[T]",
    ],
)
def test_both_trees_agree_on_type_parameters(source: str) -> None:
    assert _from_ast(source.encode()) == _from_libcst(source.encode()) != []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="`ast` reads it from Python 3.11 on")
def test_both_trees_agree_on_exception_groups() -> None:
    source = b"try:\n    a()\nexcept* B as c:\n    d()\n"
    assert _from_ast(source) == _from_libcst(source) != []


def test_numbers_count_per_kind_and_from_the_outside() -> None:
    numbered = list(order.enumerate_nodes(ast.parse("a.b(c.d())\n")))
    calls = [n for n in numbered if n.node.kind == "Call"]
    assert [(n.node.number, n.node.name, n.line, n.column) for n in calls] == [
        (0, "b", 1, 0),
        (1, "d", 1, 4),
    ]
    assert [n.node.name for n in numbered if n.node.kind == "Name"] == ["a", "c"]


def test_names_that_are_no_expressions_are_not_counted() -> None:
    source = dedent(
        """
        from a import b as c
        def f(g, h=1):
            global i
            k.l(m=2)
        """
    ).encode()
    names = [node.name for node in _from_ast(source) if node.kind == "Name"]  # type: ignore[attr-defined]
    assert names == ["k"]
    assert _from_ast(source) == _from_libcst(source)


def test_nesting_does_not_exhaust_the_walk() -> None:
    deep = ast.Name("x", ast.Load(), lineno=1, col_offset=0)
    expression: ast.expr = deep
    for _ in range(50_000):
        expression = ast.Await(expression, lineno=1, col_offset=0)
    module = ast.Module([ast.Expr(expression, lineno=1, col_offset=0)], [])
    assert sum(1 for _ in order.enumerate_nodes(module)) == 50_002
    while isinstance(expression, ast.Await):  # so that freeing the tree doesn't recurse either
        expression = expression.value


def test_every_class_of_libcst_is_known() -> None:
    """A new class with children that are expressions or statements must get its fields."""
    known = {node_class.__name__ for node_class in tree.FIELDS}
    leaves = {
        "Ellipsis", "Float", "Imaginary", "Integer", "Name", "SimpleString", "FormattedStringText",
        "TemplatedStringText", "Break", "Continue", "Pass", "Global", "Nonlocal", "Import",
        "ImportFrom", "ImportAlias", "ImportStar", "LazyImport", "LazyImportFrom", "NameItem",
        "MatchSingleton", "MatchStar", "ParamSlash", "ParamSpec", "ParamStar", "TypeVarTuple",
    }  # fmt: skip
    structural = (
        cst.BaseExpression, cst.BaseStatement, cst.BaseSmallStatement, cst.BaseSuite,
        cst.MatchPattern, cst.BaseElement, cst.BaseDictElement, cst.BaseSlice,
    )  # fmt: skip
    for name in dir(cst):
        node_class = getattr(cst, name)
        if not isinstance(node_class, type) or not issubclass(node_class, structural):
            continue
        if name.startswith("Base") or name in {"MatchPattern", "MatchSequence"}:
            continue
        assert name in known | leaves, name


def _installed_files() -> list[Path]:
    packages = Path(pytest.__file__).parent.parent
    return sorted(packages.rglob("*.py"))


def _readable(files: list[Path]) -> Iterator[tuple[Path, bytes]]:
    """What this Python can read: some packages carry files for others, or broken ones."""
    for path in files:
        source = path.read_bytes()
        try:
            _from_ast(source)
        except (SyntaxError, ValueError, RecursionError):
            continue
        yield path, source


def test_both_trees_agree_on_installed_packages(request: pytest.FixtureRequest) -> None:
    """A sample; all of them with ``--all-packages``. The parse gives back the same bytes, too."""
    files = _installed_files()
    step = 1 if request.config.getoption("--all-packages") else SAMPLE_EVERY
    compared = 0
    for path, source in _readable(files[::step]):
        module = cst.parse_module(source)
        numbered = [reference for reference, _ in tree.enumerate_nodes(module)]
        assert numbered == _from_ast(source), path
        assert module.bytes == source, path
        compared += 1
    assert compared
