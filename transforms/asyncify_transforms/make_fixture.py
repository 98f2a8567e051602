"""Makes a fixture of what pytest calls around tests by its name.

What it does
    Writes the decorator of a fixture that nobody has to ask for above the function. What runs after
    the tests begins with a `yield`. The method, class or module that pytest would have given it is
    taken from the request, if it is used.

Why
    pytest calls `setup_method` and its like plainly, and a coroutine would be lost. It leaves a
    fixture of that name alone, and runs it at the same place: before the other fixtures that the
    class or the module has for all of its tests, and the other way round after them.

Example
    Before:
        class TestBooks:
            async def teardown_method(self, method):
                await self.db.close()
    After:
        class TestBooks:
            @pytest.fixture(autouse=True)
            async def teardown_method(self):
                yield
                await self.db.close()

Leaves alone
    The name, so that classes below it override it as before. `async` and `await` are edits of their
    own.

Safety
    Equal, but for other fixtures with `autouse=True` beside it: those whose names come before its
    own run before it from now on.

Source
    https://docs.pytest.org/en/stable/how-to/xunit_setup.html
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import MakeFixture
from asyncify_transforms._statements import inserted, parsed
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: MakeFixture, function: cst.FunctionDef, place: Place) -> cst.CSTNode | None:
    """The function with its decorators, parameters and first statements."""
    above = [cst.Decorator(cst.parse_expression(each)) for each in decision.decorators]
    known = {
        each.name.value: each for each in (*function.params.posonly_params, *function.params.params)
    }
    kept = [
        known.get(name, cst.Param(cst.Name(name))).with_changes(comma=cst.MaybeSentinel.DEFAULT)
        for name in decision.parameters
    ]
    body = inserted(function.body, parsed(decision.source)) if decision.source else function.body
    return function.with_changes(
        decorators=[*above, *function.decorators], params=cst.Parameters(kept), body=body
    )


TRANSFORM = Transform("make-fixture", MakeFixture, apply)
EXAMPLES = (
    documented(
        __doc__,
        MakeFixture(
            **node("FunctionDef", 0, "teardown_method"), parameters=("self",), source="yield",
            decorators=("pytest.fixture(autouse=True)",),
        ),
    ),
    Example(
        "class A:\n    # all\n    @classmethod\n    def setup_class(cls): cls.x = 1\n",
        (
            MakeFixture(
                **node("FunctionDef", 0, "setup_class"), parameters=("cls",),
                decorators=('pytest.fixture(scope="class", autouse=True)',),
            ),
        ),
        "class A:\n    # all\n    @pytest.fixture(scope=\"class\", autouse=True)\n"
        "    @classmethod\n    def setup_class(cls): cls.x = 1\n",
    ),
    Example(
        'def setup_function(function: object):\n    """Doc."""\n    print(function)\n',
        (
            MakeFixture(
                **node("FunctionDef", 0, "setup_function"), parameters=("request",),
                source="function = request.function",
                decorators=("pytest.fixture(autouse=True)",),
            ),
        ),
        "@pytest.fixture(autouse=True)\ndef setup_function(request):\n"
        '    """Doc."""\n    function = request.function\n    print(function)\n',
    ),
)  # fmt: skip
