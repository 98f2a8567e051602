"""Extraction: what the facts of a text hold, in which order, and under which numbers."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from asyncify import facts as f
from asyncify.analysis.statements import statements_of
from asyncify.facts import ModuleFacts
from asyncify.source import order
from asyncify.source.extract import ExtractError, extract, lower_expression

SAMPLE_EVERY = 97
Found = tuple[str, int, str]  # kind of a node, its number, its name where it carries one

_KINDS = {
    f.NAME: "Name", f.ATTRIBUTE: "Attribute", f.CALL: "Call", f.SUBSCRIPT: "Subscript",
    f.AWAIT: "Await", f.LAMBDA: "Lambda", f.CONDITIONAL: "IfExp", f.YIELD: "Yield",
    f.YIELD_FROM: "Yield", f.WALRUS: "NamedExpr",
}  # fmt: skip
_STATEMENTS = {
    f.EXPRESSION: "Expr", f.ASSIGN: "Assign", f.ANNOTATED: "AnnAssign", f.AUGMENTED: "AugAssign",
    f.RETURN: "Return", f.IF: "If", f.FOR: "For", f.WHILE: "While", f.WITH: "With", f.TRY: "Try",
    f.RAISE: "Raise", f.ASSERT: "Assert", f.DELETE: "Delete",
}  # fmt: skip
_NAMED = {"Name", "Attribute", "Call", "FunctionDef", "ClassDef"}


def read(text: str) -> ModuleFacts:
    return extract(dedent(text).encode())


def shown(facts: ModuleFacts, function: int = 0) -> list[tuple[object, ...]]:
    """The operations of a body as their kinds and what they name."""
    return [
        (operation[0], operation[6 if operation[0] == f.ATTRIBUTE else 5])
        for operation in facts.functions[function].body().operations
        if operation[0] in (f.NAME, f.ATTRIBUTE, f.CONSTANT)
    ]


# The texts are small ones of every shape that the facts know.
TEXTS = {
    "empty": "",
    "functions": "def f(a: int, /, b=1, *c, d: str = 'x', **e) -> None:\n    return g(a, *c, **e)",
    "classes": "@d\nclass A(B, metaclass=M):\n    x: int = 1\n    def f(self): self.y = [self.x]",
    "flow": """
        async def f(p):
            global g
            for a, *b in p:
                if a: continue
                elif b: break
            else: pass
            while (n := p.get()): del p[n]
            async with p as q, r: await q
            try: x = y[1:2]
            except (A, B) as e: raise C from e
            finally: assert x, 'm'
        """,
    "comprehensions": "[a async for b in c() if d for a in b]; {k: v for k, v in x}",
    "generator expressions": "f(y for y in z); (f'{y}' for y in z if y)",
    "generators": "def f():\n    x = yield 1\n    yield from x if x else (lambda q=1: q)",
    "imports": "import a.b, c.d as e\nfrom ..f import g as h, i\nfrom j import *",
    "strings": "f'{a!r:>{b}} {c.d}' + 'text' % {**e, 'k': (1, 2.5, ...)}",
    "match": "match a:\n    case B.c | [d, *e]: f()\n    case G(h=1) as i if j: k()",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_facts_survive_being_bytes(text: str) -> None:
    facts = read(text)
    assert ModuleFacts.load(facts.dump()) == facts
    assert facts.dump() == read(text).dump()


def test_facts_of_another_schema_are_refused() -> None:
    import marshal

    stale = marshal.dumps((f.SCHEMA - 1, (), (), None, 1, False))
    with pytest.raises(ValueError, match="schema"):
        ModuleFacts.load(stale)


def test_operands_stand_before_what_uses_them() -> None:
    facts = read("a.b(c, *d, e=f.g)[h]")
    operations = facts.functions[0].body().operations
    assert [operation[0] for operation in operations] == [
        f.NAME, f.ATTRIBUTE, f.NAME, f.NAME, f.NAME, f.ATTRIBUTE, f.CALL, f.NAME, f.SUBSCRIPT,
    ]  # fmt: skip
    call = operations[6]
    assert (call[5], call[6], call[7]) == (1, (2, ~3), (("e", 5),))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a() if b() else c()", "abc"),
        ("{a: b, **c}", "abc"),
        ("f(a, *b, c=d, *e)", "fabde"),
        ("x = y = z", "z"),
        ("a < b < c", "abc"),
    ],
)
def test_operations_stand_in_source_order(text: str, names: str) -> None:
    assert shown(read(text)) == [(f.NAME, name) for name in names]


def test_operations_that_may_not_run_are_flagged() -> None:
    operations = read("a and b; [c for d in e]; (g for h in i)").functions[0].body().operations
    flags = {operation[5]: operation[4] for operation in operations if operation[0] == f.NAME}
    assert flags["a"] == flags["e"] == flags["i"] == 0
    assert flags["b"] == f.MAYBE
    assert flags["c"] == f.MAYBE | f.REPEATED
    assert flags["g"] == f.MAYBE | f.REPEATED | f.GENERATOR


def test_functions_know_where_they_stand() -> None:
    facts = read("class A:\n    def f(self):\n        return lambda: self\nasync def g(): yield")
    assert [(x.qualname, x.kind, x.parent) for x in facts.functions] == [
        ("", "module", -1),
        ("A", "class", 0),
        ("A.f", "def", 1),
        ("A.f.<locals>.<lambda>", "lambda", 2),
        ("g", "def", 0),
    ]
    assert (facts.functions[4].is_async, facts.functions[4].is_generator) == (True, True)
    assert not facts.functions[2].is_generator


def test_names_are_those_that_occur_and_those_that_are_bound() -> None:
    facts = read("def f(a):\n    b = a.c('d', e=1)\n    def g(): return h\n")
    function = facts.functions[1]
    assert {"a", "c", "d", "e"} <= function.names
    assert "h" not in function.names
    assert function.bound == {"a", "b", "g"}


def test_imports_and_exports_of_a_module() -> None:
    facts = read("import a.b\nfrom ..c import d as e\nfrom f import *\n__all__ = ['e', 'g']")
    assert [(x.local, x.module, x.name, x.level) for x in facts.imports if x.local] == [
        ("a", "a", None, 0),
        ("e", "c", "d", 2),
        ("*", "f", "*", 0),
    ]
    assert facts.exports == ("e", "g")


def test_statements_that_nothing_can_be_put_before() -> None:
    facts = read("if a: b\nc; d\nif e:\n    g\nelif h:\n    i\n")
    fixed = {
        (statement[1], statement[2]): statement[6]
        for statement in statements_of(facts.functions[0].body().statements)
    }
    assert [place for place, is_fixed in fixed.items() if is_fixed] == [(1, 7), (2, 4), (5, 1)]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (b"def f(:", "syntax"),
        (b"# coding: utf-8\n'\xff'", "decode"),
        (b"# coding: nonsense\n", "decode"),
        (b"a = 1\0", "syntax"),
        (b"(" * 5000 + b")" * 5000, "syntax"),
    ],
)
def test_what_python_cannot_read_gives_no_facts(source: bytes, kind: str) -> None:
    with pytest.raises(ExtractError) as caught:
        extract(source)
    assert caught.value.kind in (kind, "depth")


def test_long_chains_are_no_nesting() -> None:
    operations = extract(b"x = " + b" + ".join([b"a"] * 900)).functions[0].body().operations
    assert sum(operation[0] == f.NAME for operation in operations) == 900


def test_a_string_annotation_is_lowered_alone() -> None:
    lowered = lower_expression("Optional[A]")
    assert lowered is not None
    operations, value = lowered
    assert operations[value][0] == f.SUBSCRIPT
    assert lower_expression("not an expression") is None


# Numbers


def numbered(facts: ModuleFacts) -> Iterator[Found]:
    """Every node that the facts number."""
    for function in facts.functions:
        if function.kind != "module":
            kinds = {"class": "ClassDef", "def": "FunctionDef", "lambda": "Lambda"}
            yield kinds[function.kind], function.number, function.name
        body = function.body()
        for operations in (function.signature().operations, body.operations):
            for operation in operations:
                yield _found(operations, operation)
        for statement in statements_of(body.statements):
            if statement[0] in _STATEMENTS:
                yield _STATEMENTS[statement[0]], statement[3], ""


def _found(operations: tuple[f.Operation, ...], operation: f.Operation) -> Found:
    kind = operation[0]
    if kind == f.COMPREHENSION:
        return operation[5], operation[3], ""
    name = ""
    if kind in (f.NAME, f.ATTRIBUTE):
        name = operation[5 if kind == f.NAME else 6]
    elif kind == f.CALL:
        name = _found(operations, operations[operation[5]])[2]
        if operations[operation[5]][0] not in (f.NAME, f.ATTRIBUTE):
            name = ""
    return _KINDS.get(kind, ""), operation[3], name


def assert_numbers(source: bytes) -> None:
    """The numbers of the facts are those of the reference, and no call is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nodes = [each.node for each in order.enumerate_nodes(ast.parse(source))]
    known = {(node.kind, node.number): node.name for node in nodes}
    found = [each for each in numbered(extract(source)) if each[0] and each[1] >= 0]
    for kind, number, name in found:
        assert (kind, number) in known
        if kind in _NAMED:
            assert known[kind, number] == name
    # What a default calls is an operation of its function, and of the one around that runs it.
    calls = sorted({number for kind, number, _ in found if kind == "Call"})
    assert calls == [node.number for node in nodes if node.kind == "Call"]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_numbers_are_those_of_the_source_order(text: str) -> None:
    assert_numbers(dedent(text).encode())


def test_numbers_agree_on_installed_packages(pytestconfig: pytest.Config) -> None:
    folder = Path(pytest.__file__).parent.parent
    every = 1 if pytestconfig.getoption("--all-packages") else SAMPLE_EVERY
    files = [p for p in sorted(folder.rglob("*.py")) if "lib2to3" not in p.parts][::every]
    assert files
    for path in files:
        source = path.read_bytes()
        try:
            compile(source, str(path), "exec", ast.PyCF_ONLY_AST)
        except (SyntaxError, ValueError):
            continue
        assert_numbers(source)


def test_the_recursion_limit_is_given_back() -> None:
    limit = sys.getrecursionlimit()
    read("a = 1")
    assert sys.getrecursionlimit() == limit
