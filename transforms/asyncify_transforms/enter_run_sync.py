"""Enters code that stays sync through run_sync.

What it does
    `export(path, db)` becomes `await db.run_sync(lambda sync_session: export(path, sync_session))`,
    and `export(db)` becomes `await db.run_sync(export)`.

Why
    Code that can't await (a constructor, a property that a template reads) keeps working in a
    greenlet: there its session is the sync one, and lazy loads work as before.

Example
    Before:
        async def archive(path, db):
            return export(path, db).name
    After:
        async def archive(path, db):
            return (await db.run_sync(lambda sync_session: export(path, sync_session))).name

Leaves alone
    The called function and all other arguments.

Safety
    Equal: SQLAlchemy runs the function to its end before `run_sync` returns. Refused where an
    argument that should be the session isn't there.

Source
    https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#asyncio-orm-avoid-lazyloads
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from asyncify.decisions import EnterRunSync
from asyncify_transforms._expressions import (
    awaited,
    find_argument,
    has_newline,
    parenthesised,
    without_parentheses,
)
from asyncify_transforms._transform import (
    Example,
    Place,
    Transform,
    awaited_before,
    documented,
    node,
)


def apply(decision: EnterRunSync, call: cst.Call, place: Place) -> cst.CSTNode | None:
    """The call inside a lambda, and that inside ``run_sync``."""
    if awaited_before(place):
        place.refuse("The call is awaited already.")
        return None
    arguments = _with_session(decision, call.args, place)
    if arguments is None:
        return None
    handed: Sequence[cst.Arg] = ()
    parameters = cst.Parameters([cst.Param(cst.Name(decision.parameter))])
    if decision.outside:
        given = {find_argument(call.args, key) for key in decision.substitutions}
        handed = [_in_parentheses(each) for n, each in enumerate(arguments) if n not in given]
        if given and handed and len(call.args) - 1 in given:  # the last of them had no comma
            handed[-1] = handed[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        sessions = [each for n, each in enumerate(arguments) if n in given]
        arguments, parameters = _handed_in(handed, sessions, parameters)
    inner = call.with_changes(args=arguments)
    inner = inner if has_newline(inner) else without_parentheses(inner)
    entered = inner.func if _hands_on(inner, decision) else cst.Lambda(parameters, inner)
    run_sync = cst.Call(
        cst.Attribute(cst.parse_expression(decision.session), cst.Name("run_sync")),
        [cst.Arg(entered), *handed],
    )
    result: cst.CSTNode = awaited(run_sync, place.parent, place.field)
    return result


def _in_parentheses(argument: cst.Arg) -> cst.Arg:
    """A generator needs its own where it isn't the only argument."""
    value = argument.value
    if not isinstance(value, cst.GeneratorExp) or value.lpar:
        return argument
    return argument.with_changes(value=parenthesised(value))


def _hands_on(call: cst.Call, decision: EnterRunSync) -> bool:
    """Does a function that has a name take the session first, and else what is handed in?"""
    rest = call.args[1:]
    if not isinstance(call.func, cst.Name) or not call.args:
        return False
    if rest and not (decision.outside and all(argument.star for argument in rest)):
        return False
    value = call.args[0].value
    is_plain = call.args[0].keyword is None and not call.args[0].star
    return is_plain and isinstance(value, cst.Name) and value.value == decision.parameter


def _handed_in(
    arguments: Sequence[cst.Arg], sessions: Sequence[cst.Arg], parameters: cst.Parameters
) -> tuple[list[cst.Arg], cst.Parameters]:
    """The arguments of the call in the lambda, and the lambda's parameters for them."""
    plain = cst.MaybeSentinel.DEFAULT
    inner = [each.with_changes(comma=plain) for each in sessions if each.keyword is None]
    if any(a.keyword is None and a.star != "**" for a in arguments):
        inner.append(cst.Arg(cst.Name("args"), star="*"))
        parameters = parameters.with_changes(star_arg=cst.Param(cst.Name("args")))
    inner += [each.with_changes(comma=plain) for each in sessions if each.keyword is not None]
    if any(a.keyword is not None or a.star == "**" for a in arguments):
        inner.append(cst.Arg(cst.Name("kwargs"), star="**"))
        parameters = parameters.with_changes(star_kwarg=cst.Param(cst.Name("kwargs")))
    return inner, parameters


def _with_session(
    decision: EnterRunSync, arguments: Sequence[cst.Arg], place: Place
) -> list[cst.Arg] | None:
    replaced = list(arguments)
    for key in decision.substitutions:
        index = find_argument(arguments, key)
        if index < 0:
            place.refuse(f"The call has no argument {key} that could take the sync session.")
            return None
        replaced[index] = replaced[index].with_changes(value=cst.Name(decision.parameter))
    return replaced


TRANSFORM = Transform("enter-run-sync", EnterRunSync, apply)
EXAMPLES = (
    documented(
        __doc__,
        EnterRunSync(**node("Call", 0, "export"), session="db", substitutions=(1,)),
    ),
    Example(
        "async def f(self):\n    load(1, session=self.db)\n",
        (
            EnterRunSync(
                **node("Call", 0, "load"),
                session="self.db",
                substitutions=("session",),
                parameter="db",
            ),
        ),
        "async def f(self):\n    await self.db.run_sync(lambda db: load(1, session=db))\n",
    ),
    Example(
        "async def f(db):\n    return export(db)\n",
        (EnterRunSync(**node("Call", 0, "export"), session="db", substitutions=(0,)),),
        "async def f(db):\n    return await db.run_sync(export)\n",
    ),
    Example(
        "async def f(db):\n    Job(1, owner=await find())\n",
        (EnterRunSync(**node("Call", 0, "Job"), session="db", parameter="_", outside=True),),
        "async def f(db):\n"
        "    await db.run_sync("
        "lambda _, *args, **kwargs: Job(*args, **kwargs), 1, owner=await find())\n",
    ),
    Example(
        "async def f(db):\n    return sorted(View(each) for each in await found(db))\n",
        (EnterRunSync(**node("Call", 0, "sorted"), session="db", parameter="_", outside=True),),
        "async def f(db):\n    return await db.run_sync("
        "lambda _, *args: sorted(*args), (View(each) for each in await found(db)))\n",
    ),
    Example(
        "async def f(db):\n    return paginate(db, await found(db), limit=2)\n",
        (
            EnterRunSync(
                **node("Call", 0, "paginate"), session="db", substitutions=(0,), outside=True
            ),
        ),
        "async def f(db):\n    return await db.run_sync(paginate, await found(db), limit=2)\n",
    ),
    Example(
        "async def f(db):\n    paginate(await found(db), session=db)\n",
        (
            EnterRunSync(
                **node("Call", 0, "paginate"),
                session="db",
                substitutions=("session",),
                outside=True,
                parameter="s",
            ),
        ),
        "async def f(db):\n"
        "    await db.run_sync(lambda s, *args: paginate(*args, session=s), await found(db))\n",
    ),
)
