"""Gives a class whose constructor turned a class method that makes its objects.

What it does
    The coroutine method that the constructor has become stays, and above it stands a class method
    with the same parameters: it makes an object, awaits that method, and returns the object.

Why
    Python calls `__init__` by itself and can't await it.

Example
    Before:
        class Report:
            async def _initialize(self, db: AsyncSession, limit=10) -> None:
                self.total = await count(db, limit)
    After:
        class Report:
            @classmethod
            async def create(cls, db: AsyncSession, limit=10) -> "Report":
                self = cls.__new__(cls)
                await self._initialize(db, limit)
                return self

            async def _initialize(self, db: AsyncSession, limit=10) -> None:
                self.total = await count(db, limit)

Leaves alone
    The constructor's body, its comments and its docstring.

Safety
    Safe together with its group: every place that makes an object is written as a call of the class
    method in the same run. Called without it, the class complains about its arguments, or the
    object has no attributes.

Source
    https://docs.python.org/3/reference/datamodel.html#object.__init__
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import AddFactory
from asyncify_transforms._transform import Example, Place, Transform, documented, node

_BLANK = cst.EmptyLine(indent=False)


def apply(decision: AddFactory, function: cst.FunctionDef, place: Place) -> cst.CSTNode | None:
    """The class method, with the coroutine method behind it."""
    parameters = function.params
    first = (*parameters.posonly_params, *parameters.params)[0].name.value
    arguments = ", ".join(_arguments(parameters))
    made, taken = f"{first} = cls.__new__(cls)", _taken(parameters)
    if decision.takes:
        made = f"{first} = cls(*args, **kwargs)"
        taken = _anything(decision.takes)
    body = [made, f"await {first}.{decision.initialize}({arguments})", f"return {first}"]
    returns = cst.Annotation(cst.parse_expression(decision.returns)) if decision.returns else None
    factory = cst.FunctionDef(
        name=cst.Name(decision.create),
        params=taken,
        body=cst.IndentedBlock([cst.parse_statement(line) for line in body]),
        decorators=[cst.Decorator(cst.Name("classmethod"))],
        asynchronous=cst.Asynchronous(),
        returns=returns,
        leading_lines=[line for line in function.leading_lines if line.comment is None][:1],
        whitespace_before_params=function.whitespace_before_params,
    )
    comments = [line for line in function.leading_lines if line.comment is not None]
    method = function.with_changes(leading_lines=[_BLANK, *comments])
    return factory if place.insert([method], "after") else None


def _taken(parameters: cst.Parameters) -> cst.Parameters:
    """The same parameters, of a class method."""
    given = cst.Param(cst.Name("cls"))
    if parameters.posonly_params:
        posonly = [_in_place(given, parameters.posonly_params[0]), *parameters.posonly_params[1:]]
        return parameters.with_changes(posonly_params=posonly).deep_clone()
    plain = [_in_place(given, parameters.params[0]), *parameters.params[1:]]
    return parameters.with_changes(params=plain).deep_clone()


def _anything(annotation: str) -> cst.Parameters:
    """Whatever the class takes."""
    function = cst.parse_statement(f"def f(cls, *args: {annotation}, **kwargs: {annotation}): pass")
    assert isinstance(function, cst.FunctionDef)
    return function.params


def _in_place(parameter: cst.Param, other: cst.Param) -> cst.Param:
    """A parameter with the comma and the room of another."""
    return parameter.with_changes(
        comma=other.comma, whitespace_after_param=other.whitespace_after_param
    )


def _arguments(parameters: cst.Parameters) -> list[str]:
    """How a function gives another all that it is given itself, but for the object."""
    plain = [p.name.value for p in (*parameters.posonly_params, *parameters.params)][1:]
    if isinstance(parameters.star_arg, cst.Param):
        plain.append(f"*{parameters.star_arg.name.value}")
    plain += [f"{p.name.value}={p.name.value}" for p in parameters.kwonly_params]
    if parameters.star_kwarg is not None:
        plain.append(f"**{parameters.star_kwarg.name.value}")
    return plain


_DECISION = AddFactory(
    **node("FunctionDef", 0, "_initialize"),
    create="create", initialize="_initialize", returns='"Report"',
)  # fmt: skip
TRANSFORM = Transform("add-factory", AddFactory, apply)
EXAMPLES = (
    documented(__doc__, _DECISION),
    Example(
        "class Report:\n    db: Session\n\n    async def _initialize(self): pass\n",
        (
            AddFactory(
                **node("FunctionDef", 0, "_initialize"),
                create="create",
                initialize="_initialize",
                takes="Any",
            ),
        ),
        "class Report:\n    db: Session\n\n    @classmethod\n"
        "    async def create(cls, *args: Any, **kwargs: Any):\n"
        "        self = cls(*args, **kwargs)\n        await self._initialize()\n"
        "        return self\n\n    async def _initialize(self): pass\n",
    ),
    Example(
        "class Report:\n    limit = 1\n\n    # counts\n"
        "    async def _initialize(this, /, *names, db, **more): pass\n",
        (
            AddFactory(
                **node("FunctionDef", 0, "_initialize"), create="make", initialize="_initialize"
            ),
        ),
        "class Report:\n    limit = 1\n\n    @classmethod\n"
        "    async def make(cls, /, *names, db, **more):\n"
        "        this = cls.__new__(cls)\n"
        "        await this._initialize(*names, db=db, **more)\n        return this\n\n"
        "    # counts\n    async def _initialize(this, /, *names, db, **more): pass\n",
    ),
)
