"""Programs made from the vocabulary's rows, to run them.

A program is written once, in async spelling; its sync spelling is the same without ``await`` and
``async``. Only the use under test is spelled from its row.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from asyncify.vocabulary.rows import Argument, Form, Member, QueryMember, Table
from asyncify.vocabulary.sqlalchemy_query import QUERY
from asyncify.vocabulary.sqlalchemy_query_runs import FIRST_OF_STATEMENT, SLICE, STREAM

Function = Callable[..., Any]


def to_sync(source: str) -> str:
    """A program written in async spelling, in sync spelling."""
    return re.sub(r"\b(await|async) ", "", source)


def define(source: str, names: dict[str, Any]) -> Function:
    """The function named ``program`` of a source."""
    space = dict(names)
    exec(compile(source, "<program>", "exec"), space)
    function: Function = space["program"]
    return function


def fill(template: str, values: dict[str, str]) -> str:
    """A template with its placeholders filled."""
    filled = re.sub(r", {args}" if not values.get("args") else r"(?!)", "", template)
    return re.sub(r"{(\w+)}", lambda found: values[found.group(1)], filled)


def in_parentheses(source: str) -> str:
    """An argument as an operand: in parentheses where it isn't a name, a literal or a call."""
    simple = (ast.Name, ast.Constant, ast.Attribute, ast.Call, ast.Subscript)
    return source if isinstance(ast.parse(source, mode="eval").body, simple) else f"({source})"


# Members


@dataclass(frozen=True)
class Use:
    """The use of a member: ``arguments`` is None for an attribute."""

    table: Table
    row: Member
    receiver: str
    arguments: str | None

    def sync(self) -> str:
        """The sync expression."""
        call = "" if self.arguments is None else f"({self.arguments})"
        return f"{self.receiver}.{self.row.name}{call}"

    def values(self) -> dict[str, str]:
        given = self.arguments or ""
        if self.row.form is Form.ON_CONNECTION:
            given = re.sub("^engine(, )?", "", given)
        numbered = {str(index): each for index, each in enumerate(given.split(", "))}
        return {**numbered, "receiver": self.receiver, "args": given, "connection": "connection"}

    def expression(self) -> str:
        """The async expression of a row that is one."""
        row, values = self.row, self.values()
        call = "" if self.arguments is None else f"({self.arguments})"
        if row.form is Form.RUN_SYNC:
            on = fill(self.table.run_sync_on, values)
            return f"await {on}.run_sync(lambda bind: bind.{row.name}{call})"
        if row.form is Form.GREENLET:
            given = f", {self.arguments}" if self.arguments else ""
            return f"await run_sync({self.receiver}.{row.name}{given})"
        if row.form is Form.SYNC_OBJECT:
            return f"{fill(self.table.sync_object, values)}.{row.name}{call}"
        if row.form in (Form.TEMPLATE, Form.ON_CONNECTION):
            awaited = fill(row.awaited, values)
            return fill(row.result, {"awaited": f"(await {awaited})" if row.awaits else awaited})
        return f"{'await ' * (row.form is Form.AWAIT)}{self.sync()}"


# Queries


@dataclass(frozen=True)
class Step:
    """One step of a chain; ``arguments`` is None for an attribute."""

    name: str
    arguments: tuple[str, ...] | None = ()

    def written(self) -> str:
        """The step on a Query."""
        if self.name == "__iter__":
            return ""
        if self.name == "__getitem__":
            return f"[{':'.join(self.arguments or ())}]"
        return f".{self.name}" + ("" if self.arguments is None else f"({self.joined()})")

    def joined(self) -> str:
        return ", ".join(self.arguments or ())

    def row(self, streamed: bool) -> QueryMember:
        """The row of the step."""
        if self.name == "__getitem__" and len(self.arguments or ()) > 1:
            return SLICE
        row = STREAM if streamed and self.name == "__iter__" else QUERY.member(self.name)
        assert row is not None, self.name
        return row


def steps(text: str) -> tuple[Step, ...]:
    """The steps of a chain such as ``.filter(User.id > 1).all()``."""
    node: ast.expr = ast.parse("chain" + text, mode="eval").body
    found: list[Step] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Attribute)
            plain = [ast.unparse(each) for each in node.args]
            named = [f"{each.arg}={ast.unparse(each.value)}" for each in node.keywords]
            found.append(Step(node.func.attr, (*plain, *named)))
            node = node.func.value
        elif isinstance(node, ast.Subscript):
            found.append(Step("__getitem__", bounds(node.slice)))
            node = node.value
        else:
            assert isinstance(node, ast.Attribute)
            found.append(Step(node.attr, None))
            node = node.value
    return tuple(reversed(found))


def bounds(index: ast.expr) -> tuple[str, ...]:
    if not isinstance(index, ast.Slice):
        return (ast.unparse(index),)
    return tuple("" if each is None else ast.unparse(each) for each in (index.lower, index.upper))


@dataclass
class Statement:
    """A chain of Query as it becomes a statement.

    ``entity`` is the query's one entity, or empty for rows. ``unique`` is what the plan finds out:
    whether Query would have uniqued.
    """

    source: str
    entity: str
    unique: bool
    streamed: bool = False
    used: set[str] = field(default_factory=set)
    get_keywords: list[str] = field(default_factory=list)

    def take(self, step: Step) -> None:
        """Apply a step that isn't the last."""
        row = step.row(self.streamed)
        self.used.add(row.name)
        arguments = self.consume(row, step)
        if row.get_keyword:
            self.get_keywords.append(fill(row.get_keyword, self.values(row, arguments)))
        template = row.template if self.entity else row.rows_template or row.template
        if row.select_name:
            call = "" if arguments is None else f"({', '.join(arguments)})"
            self.source = f"{self.source}.{row.select_name}{call}"
        else:
            self.source = fill(template, self.values(row, arguments))
        self.streamed = self.streamed or row.name == "yield_per"

    def consume(self, row: QueryMember, step: Step) -> list[str] | None:
        """The arguments that are left to the call; the others go into the statement."""
        if step.arguments is None:
            return None
        left = list(step.arguments)
        for argument in reversed(row.arguments):
            given = find(argument, left)
            if given is None:
                continue
            left.remove(given)
            value = given.removeprefix(f"{argument.keyword}=")
            if value == argument.default:
                continue
            assert argument.template and argument.literal in ("", value), given
            filled = {"receiver": self.source, "argument": value}
            self.source = fill(argument.template, filled)
        return left

    def values(self, row: QueryMember, arguments: Sequence[str] | None) -> dict[str, str]:
        given = list(arguments or ())
        numbered = {str(index): in_parentheses(operand(each)) for index, each in enumerate(given)}
        for index, name in enumerate(row.parameters):
            numbered |= {
                str(index): in_parentheses(operand(each)) for each in given if each.startswith(name)
            }
        return {
            "receiver": self.source,
            "session": "session",
            "entity": self.entity,
            "args": ", ".join(given),
            **numbered,
        }

    def end(self, step: Step) -> str:
        """The expression that the last step makes of the statement."""
        row = step.row(self.streamed)
        if row.name == "first" and "from_statement" in self.used:
            row = FIRST_OF_STATEMENT
        self.used.add(row.name)
        arguments = self.consume(row, step)
        awaited, result = row.entity if self.entity else row.rows
        if not awaited:
            self.take(step)
            return self.source
        values = self.values(row, arguments)
        if row.name == "get":
            values["0"] = ", ".join([values["0"], *self.get_keywords])
        values["awaited"] = f"(await {fill(awaited, values)})"
        values["unique"] = ".unique()" if self.unique else ""
        return fill(result, values)


def operand(argument: str) -> str:
    """The value of an argument, given by position or by keyword."""
    if not argument:
        return "None"
    return re.sub(r"^\w+=(?!=)", "", argument)


def find(argument: Argument, given: Sequence[str]) -> str | None:
    """An argument of a call, found by its keyword or its position."""
    for index, each in enumerate(given):
        if each.startswith(f"{argument.keyword}="):
            return each
        if index == argument.position and not re.match(r"\w+=(?!=)", each):
            return each
    return None


def as_statement(
    start: str, entity: str, unique: bool, chain: Sequence[Step]
) -> tuple[str, set[str]]:
    """The async expression of a chain, and the rows that it used."""
    last = chain[-1].row(streamed=False)
    rows_only = any(step.name in ("tuples", "only_return_tuples") for step in chain)
    statement = Statement(f"{last.starts}({start})", entity, unique)
    for step in chain[:-1]:
        statement.take(step)
    statement.entity = "" if rows_only else statement.entity
    return statement.end(chain[-1]), statement.used
