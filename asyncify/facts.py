"""Facts: what one file says on its own, in plain data.

Facts hold no syntax tree, no path and no module name, so they can be cached by content and sent
between processes. A function's signature and body are kept in a compact form that is decoded only
when the analysis asks for it.

Compact form
    An *operation* is a tuple ``(kind, line, column, number, flags, *payload)``. Operations stand in
    source order in one list per body; a value is referred to by its operation's index. ``number``
    is the node's number in source order for its kind (see ``asyncify.sites.NodeRef``), ``flags``
    says in which context it is evaluated.
    A *statement* is a tuple ``(kind, line, column, number, first, end, fixed, *payload)``: the
    operations ``first`` up to ``end`` are those of the statement's own expressions (of a compound
    statement: its header's). ``fixed`` tells that nothing can be put before it: it stands on its
    block's header line, behind a semicolon, or is an ``elif``.
"""

from __future__ import annotations

import marshal
from dataclasses import dataclass
from typing import Any, NamedTuple

SCHEMA = 11

# Operations: kind, then the payload.
NAME = 0  # name
CONSTANT = 1  # value: str, None, True, False, an int, or ... for any other constant
ATTRIBUTE = 2  # base, attribute
CALL = 3  # function, positional arguments (index, or ~index if starred), keywords ((name|None, i))
SUBSCRIPT = 4  # base, index
AWAIT = 5  # value
LAMBDA = 6  # number of the function in the file
COMPREHENSION = 7  # kind, element first, element end, generators, end; element value(s)
SEQUENCE = 8  # kind ("list", "tuple", "set"), elements (~index if starred)
DICT = 9  # keys (-1: unpacked), values
BOOLEAN = 10  # operands, symbol
CONDITIONAL = 11  # test, body, orelse
OPERATOR = 12  # symbol, operands
FORMAT = 13  # operands, the text that it begins with, the texts behind each operand
YIELD = 14  # value or -1
YIELD_FROM = 15  # value
WALRUS = 16  # name, value
SLICE = 17  # lower, upper, step (-1 where absent)

# Flags: the context in which an operation is evaluated.
MAYBE = 1  # operand of and/or, branch of a conditional expression: may not be evaluated
REPEATED = 2  # inside a comprehension, other than its first iterable
GENERATOR = 4  # inside a generator expression, other than its first iterable
NESTED = 8  # an argument of something: its value is not the statement's value

# Statements: kind, then the payload.
EXPRESSION = 0  # value
ASSIGN = 1  # targets, value
ANNOTATED = 2  # target, annotation, value or -1, annotation number
AUGMENTED = 3  # target, value
RETURN = 4  # value or -1
IF = 5  # test, body, orelse
FOR = 6  # target, iterable, body, orelse, is_async
WHILE = 7  # test, body, orelse
WITH = 8  # items ((value, target or None)), body, is_async
TRY = 9  # body, handlers ((type or -1, name or None, body)), orelse, final
FUNCTION = 10  # number of the function in the file
CLASS = 11  # number of the class body in the file
IMPORT = 12  # bindings ((local, module, name or None, level, star))
RAISE = 13  # value or -1
ASSERT = 14  # test, message or -1
DELETE = 15  # targets
# subject, cases ((bound names, class names, body, reads: (path, bound name or ""))); the body of
# a case with a guard is an IF
MATCH = 16
GLOBAL = 17  # names
FLOW = 18  # "pass", "break", "continue"

# Targets of assignments.
TO_NAME = 0  # name, number
TO_ATTRIBUTE = 1  # base, attribute, number
TO_SUBSCRIPT = 2  # base, index
TO_SEQUENCE = 3  # targets, index of the starred one or -1

Operation = tuple[Any, ...]
Statement = tuple[Any, ...]


class Parameter(NamedTuple):
    """One parameter. ``kind`` is ``p`` positional only, ``a`` either, ``*`` variadic, ``k`` keyword
    only, ``**`` variadic keywords. ``annotation`` and ``default`` are operations of the signature
    or -1; ``annotation_number`` counts annotations in the file."""

    name: str
    kind: str
    annotation: int
    annotation_number: int
    default: int


class Signature(NamedTuple):
    """Decorators, parameters, bases and annotations, evaluated where the function is defined."""

    operations: tuple[Operation, ...]
    decorators: tuple[int, ...]
    parameters: tuple[Parameter, ...]
    returns: int
    returns_number: int
    bases: tuple[int, ...]
    keywords: tuple[tuple[str | None, int], ...]


class Body(NamedTuple):
    """A function's statements and operations."""

    operations: tuple[Operation, ...]
    statements: tuple[Statement, ...]


class FunctionFacts(NamedTuple):
    """A function, lambda, class body or module body.

    ``kind`` is ``module``, ``class``, ``def`` or ``lambda``; ``parent`` the number of the
    enclosing one (-1 for the module); ``number`` that of its FunctionDef, ClassDef or Lambda node.
    ``names`` are the identifiers that occur in it (not in nested functions); ``members`` those of
    them that may name an attribute: behind a dot, or as a string; ``stores`` the attributes that it
    assigns, or assigns items of; ``bound`` the names that it binds; ``declared`` its ``global`` and
    ``nonlocal`` names, and what a module has imported and assigns anew;
    ``imports`` what is imported in it, as in an import statement (a module's are in its facts).
    """

    name: str
    qualname: str
    kind: str
    parent: int
    number: int
    line: int
    column: int
    is_async: bool
    is_generator: bool
    names: frozenset[str]
    members: frozenset[str]
    stores: frozenset[str]
    bound: frozenset[str]
    declared: tuple[str, ...]
    imports: tuple[tuple[str, str, str | None, int], ...]
    signature_code: bytes
    body_code: bytes

    def signature(self) -> Signature:
        """Decode the signature."""
        operations, decorators, parameters, *rest = marshal.loads(self.signature_code)
        return Signature(operations, decorators, tuple(map(Parameter._make, parameters)), *rest)

    def body(self) -> Body:
        """Decode the body."""
        return Body(*marshal.loads(self.body_code))


class Import(NamedTuple):
    """One imported name at module level: ``from ..module import name as local`` has ``level`` 2;
    ``name`` is None for ``import module``, and ``*`` for a star import."""

    local: str
    module: str
    name: str | None
    level: int
    line: int
    column: int
    number: int


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """One file. ``functions[0]`` is the module's own body. ``exports`` is ``__all__`` where it is a
    literal, else None. ``directives`` tells that the text holds ``asyncify:`` comments."""

    functions: tuple[FunctionFacts, ...]
    imports: tuple[Import, ...]
    exports: tuple[str, ...] | None
    lines: int
    directives: bool

    def dump(self) -> bytes:
        """The facts as bytes, for the cache and for other processes."""
        return marshal.dumps(
            (
                SCHEMA,
                tuple(map(tuple, self.functions)),
                tuple(map(tuple, self.imports)),
                self.exports,
                self.lines,
                self.directives,
            )
        )

    @classmethod
    def load(cls, data: bytes) -> ModuleFacts:
        """The inverse of ``dump``. Raises ValueError for another schema."""
        schema, functions, imports, exports, lines, directives = marshal.loads(data)
        if schema != SCHEMA:
            raise ValueError(f"facts of schema {schema}, not {SCHEMA}")
        return cls(
            tuple(map(FunctionFacts._make, functions)),
            tuple(map(Import._make, imports)),
            exports,
            lines,
            directives,
        )
