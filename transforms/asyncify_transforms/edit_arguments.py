"""Changes the arguments of a call.

What it does
    Adds or replaces keywords (`expire_on_commit=False`), removes keywords (`autocommit=False`),
    renames them, wraps an argument in a template (`async_url(url)`), changes the content of a
    string literal (the driver in a URL), its quotes kept, what an f-string or a sum of strings
    begins with, or entries of a dict literal.

Why
    The async factories take other arguments than the sync ones.

Example
    Before:
        SessionLocal = sessionmaker(autocommit=False, bind=engine)
    After:
        SessionLocal = sessionmaker(bind=engine, expire_on_commit=False)

Leaves alone
    All other arguments, their order and their layout.

Safety
    Safe; an argument that isn't there makes the edit fail, except one that is to be removed.

Source
    https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.async_sessionmaker
"""

from __future__ import annotations

from functools import partial
from typing import Any

import libcst as cst

from asyncify.decisions import EditArguments
from asyncify_transforms._dicts import with_entry
from asyncify_transforms._expressions import (
    begun,
    find_argument,
    has_bare_newline,
    parenthesised,
    with_comments_of,
    without_argument,
    without_comments,
    without_parentheses,
)
from asyncify_transforms._templates import Values, fill
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: EditArguments, call: cst.Call, place: Place) -> cst.CSTNode | None:
    """Literals and wraps first, because they count positions as written; what is renamed leaves its
    name to what is set."""
    arguments = list(call.args)
    for key, content in decision.literals:
        if not _edit(arguments, key, lambda value, new=content: _literal(value, new), place):
            return None
    for key, old, text in decision.beginnings:
        if not _edit(arguments, key, partial(begun, old=old, new=text), place):
            return None
    for key, template in decision.wrap:
        if not _edit(arguments, key, lambda value, new=template: _wrapped(value, new), place):
            return None
    for old, new in decision.rename_keywords:
        index = find_argument(arguments, old)
        if index >= 0:
            arguments[index] = arguments[index].with_changes(keyword=cst.Name(new))
    for name, source in decision.set_keywords:
        arguments = _with_keyword(arguments, name, cst.parse_expression(source))
    for name, key, template in decision.entries:
        if not _edit(arguments, name, partial(with_entry, key=key, template=template), place):
            return None
    for name in decision.remove_keywords:
        index = find_argument(arguments, name)
        if index >= 0:
            arguments = without_argument(arguments, index)
    return call.with_changes(args=arguments)


def _edit(arguments: list[cst.Arg], key: int | str, change: Any, place: Place) -> bool:
    index = find_argument(arguments, key)
    value = None if index < 0 else change(arguments[index].value)
    if value is None:
        place.refuse(f"The call has no argument {key} that this edit fits.")
        return False
    arguments[index] = arguments[index].with_changes(value=value)
    return True


def _literal(value: Any, content: str) -> Any:
    if not isinstance(value, cst.SimpleString):
        return None
    quoted = f"{value.prefix}{value.quote}{content}{value.quote}"
    return value.with_changes(value=quoted)


def _wrapped(value: Any, template: str) -> Any:
    bare = without_parentheses(value)
    return fill(template, Values({"argument": value if has_bare_newline(bare) else bare}))


def _with_keyword(arguments: list[cst.Arg], name: str, value: Any) -> list[cst.Arg]:
    index = find_argument(arguments, name)
    if index >= 0:
        replaced = arguments[index].with_changes(value=value)
        return [*arguments[:index], replaced, *arguments[index + 1 :]]
    new = cst.Arg(
        value,
        keyword=cst.Name(name),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )
    if not arguments:
        return [new]
    return [*arguments[:-1], *_appended(arguments, new)]


def _appended(arguments: list[cst.Arg], new: cst.Arg) -> list[cst.Arg]:
    """The last argument and a new one behind it, laid out as the others are. What follows the last
    one, its comment for one, stays with it."""
    last = _in_brackets(arguments[-1])
    trailing = last.comma if isinstance(last.comma, cst.Comma) else None
    ending: Any = trailing.whitespace_after if trailing else last.whitespace_after_arg
    between = with_comments_of(ending, _between(arguments, ending))
    last = last.with_changes(
        comma=cst.Comma(whitespace_after=between), whitespace_after_arg=cst.SimpleWhitespace("")
    )
    closing = without_comments(ending)
    if trailing:
        return [last, new.with_changes(comma=cst.Comma(whitespace_after=closing))]
    return [last, new.with_changes(whitespace_after_arg=closing)]


def _in_brackets(argument: cst.Arg) -> cst.Arg:
    """A generator expression needs brackets of its own once it isn't the only argument."""
    value = argument.value
    if not isinstance(value, cst.GeneratorExp) or value.lpar:
        return argument
    return argument.with_changes(value=parenthesised(value))


def _between(arguments: list[cst.Arg], ending: Any) -> Any:
    """The whitespace between two arguments of this call."""
    for argument in arguments[:-1]:
        if isinstance(argument.comma, cst.Comma):
            return argument.comma.whitespace_after
    if isinstance(ending, cst.ParenthesizedWhitespace):
        indentation = cst.SimpleWhitespace(ending.last_line.value + "    ")
        return ending.with_changes(last_line=indentation)
    return cst.SimpleWhitespace(" ")


TRANSFORM = Transform("edit-arguments", EditArguments, apply)
EXAMPLES = (
    documented(
        __doc__,
        EditArguments(
            **node("Call", 0, "sessionmaker"),
            remove_keywords=("autocommit",),
            set_keywords=(("expire_on_commit", "False"),),
        ),
    ),
    Example(
        "show(a for a in all)\n",
        (EditArguments(**node("Call", 0, "show"), set_keywords=(("session", "db"),)),),
        "show((a for a in all), session=db)\n",
    ),
    Example(
        "engine = create_engine(\n    url,\n    echo=True,  # loud\n)\n",
        (
            EditArguments(
                **node("Call", 0, "create_engine"),
                wrap=((0, "async_url({argument})"),),
                set_keywords=(("pool_size", "5"), ("echo", "False")),
            ),
        ),
        "engine = create_engine(\n    async_url(url),\n    echo=False,  # loud\n"
        "    pool_size=5,\n)\n",
    ),
    Example(
        "engine = create_engine(r'sqlite:///a.db')\n",
        (
            EditArguments(
                **node("Call", 0, "create_engine"), literals=((0, "sqlite+aiosqlite:///a.db"),)
            ),
        ),
        "engine = create_engine(r'sqlite+aiosqlite:///a.db')\n",
    ),
    Example(
        "make(f'sqlite:///{a}')\nmake('sqlite:///%s' % a, url='sqlite:///' + a + '.db')\n"
        "make('sqlite:///{}'.format(a), 'sqlite:'\n     f'///{a}')\n",
        (
            EditArguments(**node("Call", 0, "make"), beginnings=((0, "sqlite:", "sqlite+x:"),)),
            EditArguments(
                **node("Call", 1, "make"),
                beginnings=((0, "sqlite:", "sqlite+x:"), ("url", "sqlite:", "sqlite+x:")),
            ),
            EditArguments(
                **node("Call", 2, "make"),
                beginnings=((0, "sqlite:", "sqlite+x:"), (1, "sqlite:", "sqlite+x:")),
            ),
        ),
        "make(f'sqlite+x:///{a}')\nmake('sqlite+x:///%s' % a, url='sqlite+x:///' + a + '.db')\n"
        "make('sqlite+x:///{}'.format(a), 'sqlite+x:'\n     f'///{a}')\n",
    ),
    Example(
        "make(**options)\nmake()\n",
        (
            EditArguments(**node("Call", 0, "make"), set_keywords=(("a", "1"),)),
            EditArguments(**node("Call", 1, "make"), set_keywords=(("a", "1"),)),
        ),
        "make(**options, a=1)\nmake(a=1)\n",
    ),
    Example(
        "engine = create_engine(\n    url,\n    connect_args={\n        'sslmode': mode,\n"
        "        'application_name': name,\n        'keepalives': 1,  # alive\n    },\n)\n",
        (
            EditArguments(
                **node("Call", 0, "create_engine"),
                entries=(
                    ("connect_args", "sslmode", '{"ssl": {argument}}'),
                    (
                        "connect_args",
                        "application_name",
                        '{"server_settings": {"application_name": {argument}}}',
                    ),
                    ("connect_args", "keepalives", "{}"),
                    ("connect_args", "", '{"server_settings": {"jit": "off"}}'),
                ),
                rename_keywords=(("class_", "sync_session_class"),),
            ),
        ),
        "engine = create_engine(\n    url,\n    connect_args={\n        'ssl': mode,\n"
        '        \'server_settings\': {"application_name": name, "jit": "off"},\n    },\n)\n',
    ),
    Example(
        "engine = create_engine(url)\n",
        (
            EditArguments(
                **node("Call", 0, "create_engine"),
                set_keywords=(("connect_args", "{}"),),
                entries=(("connect_args", "", '{"timeout": 10}'),),
            ),
        ),
        'engine = create_engine(url, connect_args={"timeout": 10})\n',
    ),
)
