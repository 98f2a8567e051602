"""The rewrite: bytes in, bytes out, and no wrong edit whatever the plan says."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from asyncify_transforms import CATALOGUE

from asyncify.decisions import (
    AwaitExpression,
    Decision,
    FilePlan,
    ImportName,
    InsertStatements,
    MakeAsync,
    RenameReference,
    UpdateImports,
    UseSyncSession,
)
from asyncify.rewrite import RewriteResult, rewrite_file
from asyncify.sites import NodeRef, Site
from asyncify.source.order import enumerate_nodes

SITE = Site("example.py", 1, 1)
SAMPLE_EVERY = 397


def _rewrite(source: bytes, *decisions: Decision) -> RewriteResult:
    return rewrite_file(source, FilePlan("example.py", decisions), CATALOGUE)


def _rename(number: int, name: str, new: str) -> RenameReference:
    return RenameReference(node=NodeRef("Name", number, name), site=SITE, new=new)


def _sentences(result: RewriteResult) -> list[str]:
    assert result.text is None
    return [problem.sentence for problem in result.problems]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f'{a()=}'", "f'a()={await a()!r}'"),
        ("f'{ a() = !s} {b=}'", "f' a() = { await a()!s} {b=}'"),
        ("f'{a()=:>{w}}'", "f'a()={await a():>{w}}'"),
        ("f'{b=:>{a()}}'", "f'{b=:>{await a()}}'"),
        ("f'{a({1: 2})=}'", "f'a({{1: 2}})={await a({1: 2})!r}'"),
        ("rf'''{a(\"'\")=}'''", ""),
        ('f"""{a(\n1)=}"""', ""),
        ('f"""{a(\'"\')=}"""', 'f"""a(\'\\"\')={await a(\'"\')!r}"""'),
    ],
)
def test_a_string_shows_the_source_that_it_showed(before: str, after: str) -> None:
    source = f"async def f():\n    return {before}\n".encode()
    decision = AwaitExpression(node=NodeRef("Call", 0, "a"), site=SITE)
    result = _rewrite(source, decision)
    if after:
        assert result.text == f"async def f():\n    return {after}\n".encode()
    else:
        assert "shows the source" in _sentences(result)[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\xef\xbb\xbfx = a\n", b"\xef\xbb\xbfx = b\n"),
        (b"\xef\xbb\xbfx = a", b"\xef\xbb\xbfx = b"),
        (b"x = a\r\ny = 1\r\n", b"x = b\r\ny = 1\r\n"),
        (b"x = a\r\ny = 1\nz = 2\r\n", b"x = b\r\ny = 1\nz = 2\r\n"),
        (b"x = a", b"x = b"),
        (b"x = a  \n\n\n", b"x = b  \n\n\n"),
        (b"x = a\n\t# odd\n  # comments\n", b"x = b\n\t# odd\n  # comments\n"),
        (b"if 1:\n\tx = a\n\n  # odd\n  #b", b"if 1:\n\tx = b\n\n  # odd\n  #b"),
        (
            b"# -*- coding: latin-1 -*-\nx = a  # \xe9\n",
            b"# -*- coding: latin-1 -*-\nx = b  # \xe9\n",
        ),
        ("x = a  # ä\n".encode(), "x = b  # ä\n".encode()),
        (b"#!/bin/python\n# c\n\nx = a;\n", b"#!/bin/python\n# c\n\nx = b;\n"),
        (b"if 1:\n\tx = a\n\ty = '''\n\ta'''\n", b"if 1:\n\tx = b\n\ty = '''\n\ta'''\n"),
    ],
)
def test_bytes_outside_an_edit_are_kept(before: bytes, after: bytes) -> None:
    assert _rewrite(before, _rename(1, "a", "b")) == RewriteResult(after)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_new_lines_end_as_the_file_does(start: bytes) -> None:
    source = start + b"def f():\r\n    g()"
    node = NodeRef("Call", 0, "g")
    insert = InsertStatements(node=node, site=SITE, source="if a:\n    b()", where="after")
    expected = start + b"def f():\r\n    g()\r\n    if a:\r\n        b()"
    assert _rewrite(source, insert).text == expected


@pytest.mark.parametrize("source", [b"", b"\n", b"# comment", b"\xef\xbb\xbf", b"x = 1"])
def test_no_decisions_no_change(source: bytes) -> None:
    assert _rewrite(source) == RewriteResult(source)


def test_another_name_is_a_problem() -> None:
    result = _rewrite(b"x = a\n", _rename(1, "b", "c"))
    assert _sentences(result) == ['Name 1 is named "a", not "b".']
    assert result.problems[0].decision == _rename(1, "b", "c")


def test_a_missing_node_is_a_problem() -> None:
    assert _sentences(_rewrite(b"x = a\n", _rename(2, "a", "c"))) == [
        "The file has no Name with number 2."
    ]


def test_an_unknown_kind_is_a_problem() -> None:
    decision = RenameReference(node=NodeRef("Nonsense", 0), site=SITE, new="x")
    assert _sentences(_rewrite(b"x = a\n", decision)) == ["The file has no Nonsense with number 0."]


def test_a_decision_without_transform_is_a_problem() -> None:
    plan = FilePlan("example.py", (_rename(0, "x", "y"),))
    result = rewrite_file(b"x = a\n", plan, {})
    assert _sentences(result) == ["There is no transform for RenameReference."]


def test_one_failure_fails_the_file() -> None:
    result = _rewrite(b"x = a\n", _rename(0, "x", "y"), _rename(1, "b", "c"))
    assert len(_sentences(result)) == 1


def test_decisions_at_one_node_apply_in_order() -> None:
    node = NodeRef("Name", 1, "a")
    sync = UseSyncSession(node=node, site=SITE)
    assert _rewrite(b"x = a\n", _rename(1, "a", "b"), sync).text == b"x = b.sync_session\n"
    renamed = RenameReference(node=node, site=SITE, new="session")
    assert _rewrite(b"x = a\n", sync, renamed).text == b"x = a.session\n"


def test_a_replaced_node_is_never_edited_blindly() -> None:
    call = NodeRef("Call", 0, "f")
    awaited = AwaitExpression(node=call, site=SITE)
    assert _sentences(_rewrite(b"async def g():\n    f()\n", awaited, awaited)) == [
        "The expression is awaited already."
    ]


def test_what_does_not_compile_is_a_problem() -> None:
    awaited = AwaitExpression(node=NodeRef("Call", 0, "f"), site=SITE)
    (sentence,) = _sentences(_rewrite(b"def g():\n    return f()\n", awaited))
    assert sentence == (
        "The rewritten file doesn't compile: 'await' outside async function: `return await f()`."
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"x = (\n", "LibCST can't read the file"),
        (b"# -*- coding: nonsense -*-\nx = 1\n", "LibCST can't read the file"),
        (b"x = '\xff'\n", "LibCST can't read the file"),
        (b"\x0cx = a\n", "doesn't keep every byte"),
        (b"x = a\ry = 1\r", "doesn't keep every byte"),
    ],
)
def test_unreadable_files_are_problems(source: bytes, words: str) -> None:
    (sentence,) = _sentences(_rewrite(source, _rename(1, "a", "b")))
    assert words in sentence


def test_text_that_the_encoding_lacks_is_a_problem() -> None:
    source = b"# -*- coding: ascii -*-\nx = a\n"
    (sentence,) = _sentences(_rewrite(source, _rename(1, "a", "\u00e4")))
    assert "can't be encoded as ascii" in sentence


def _nested_calls(depth: int) -> bytes:
    return b"async def g():\n    " + b"f(" * depth + b")" * depth + b"\n"


def test_nesting_a_hundred_deep() -> None:
    decisions = [
        AwaitExpression(node=NodeRef("Call", number, "f"), site=SITE) for number in range(90)
    ]
    result = _rewrite(_nested_calls(90), *decisions)
    assert result.text == _nested_calls(90).replace(b"f(", b"await f(")


def test_blocks_nested_deeply() -> None:
    depth = 95  # CPython allows no more than 100 levels of indentation
    lines = ["async def g():", *(" " * level + "if a:" for level in range(1, depth))]
    source = "\n".join([*lines, " " * depth + "x = f()", ""]).encode()
    hoisted = AwaitExpression(node=NodeRef("Call", 0, "f"), site=SITE, hoist="r")
    result = _rewrite(source, hoisted)
    assert result.text is not None
    lines = result.text.decode().splitlines()
    assert lines[-2:] == [" " * depth + "r = await f()", " " * depth + "x = r"]


def test_nesting_beyond_python_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncify.rewrite._RECURSION_LIMIT", 0)
    limit = sys.getrecursionlimit()
    source = b"x = " + b"+".join([b"a"] * 900) + b"\n"
    assert _sentences(_rewrite(source, _rename(1, "a", "b"))) == [
        "The code is nested too deeply to be rewritten."
    ]
    assert sys.getrecursionlimit() == limit


def test_the_hoisted_line_takes_over_comments_and_blank_lines() -> None:
    source = b"async def g():\n    a()\n\n    # why\n    x = f()  # what\n"
    hoisted = AwaitExpression(node=NodeRef("Call", 1, "f"), site=SITE, hoist="r")
    assert _rewrite(source, hoisted).text == (
        b"async def g():\n    a()\n\n    # why\n    r = await f()\n    x = r  # what\n"
    )


def test_edits_of_one_block_do_not_shift_one_another() -> None:
    source = b"async def g():\n    f(1)\n    f(2)\n    f(3)\n"
    decisions: list[Decision] = []
    for number in range(3):
        node = NodeRef("Call", number, "f")
        decisions.append(AwaitExpression(node=node, site=SITE))
        where = "before" if number % 2 else "after"
        decisions.append(
            InsertStatements(node=node, site=SITE, source=f"n{number} = 1", where=where)
        )
    assert _rewrite(source, *decisions).text == (
        b"async def g():\n    await f(1)\n    n0 = 1\n    n1 = 1\n    await f(2)\n"
        b"    await f(3)\n    n2 = 1\n"
    )


def test_imports_are_edited_last() -> None:
    """Whether a name is still used is a question to the rewritten file."""
    source = b"from m import a\n\nx = a\n"
    imports = UpdateImports(
        node=NodeRef("Module", 0), site=SITE, add=(ImportName("n", "b"),), remove=("a",)
    )
    assert _rewrite(source, imports).text == b"from m import a\nfrom n import b\n\nx = a\n"
    renamed = _rename(1, "a", "b")
    assert _rewrite(source, imports, renamed).text == b"from n import b\n\nx = b\n"


def test_functions_in_class_bodies_can_hoist() -> None:
    source = b"class A:\n    def f(self):\n        return g().x\n"
    decisions = (
        MakeAsync(node=NodeRef("FunctionDef", 0, "f"), site=SITE),
        AwaitExpression(node=NodeRef("Call", 0, "g"), site=SITE, hoist="r"),
    )
    assert _rewrite(source, *decisions).text == (
        b"class A:\n    async def f(self):\n        r = await g()\n        return r.x\n"
    )


def test_real_code_changes_only_where_it_is_edited(request: pytest.FixtureRequest) -> None:
    """Every fifth name gets another one; taken away again, the bytes are those of before."""
    files = sorted(Path(pytest.__file__).parent.parent.rglob("*.py"))
    step = SAMPLE_EVERY // 10 if request.config.getoption("--all-packages") else SAMPLE_EVERY
    rewritten = 0
    for path in files[::step]:
        source = path.read_bytes()
        try:
            compile(source, str(path), "exec", dont_inherit=True)
            numbered = list(enumerate_nodes(ast.parse(source)))
        except (SyntaxError, ValueError, RecursionError):
            continue
        names = [n.node for n in numbered if n.node.kind == "Name"][::5]
        decisions = [_rename(n.number, n.name, f"renamed_{n.name}") for n in names]
        result = _rewrite(source, *decisions)
        if result.text is None:  # renaming may break what only a compiler checks
            assert all("doesn't compile" in problem.sentence for problem in result.problems), path
            continue
        assert result.text.replace(b"renamed_", b"") == source.replace(b"renamed_", b""), path
        assert result.text.count(b"renamed_") >= len(decisions), path
        rewritten += 1
    assert rewritten
