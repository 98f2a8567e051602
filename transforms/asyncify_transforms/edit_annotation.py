"""Replaces names in an annotation, in strings too.

What it does
    `Session` becomes `AsyncSession` wherever it stands in the annotation: in Optional, in a union,
    in a string, in the first part of Annotated. A generic that takes fewer arguments under its new
    name is cut (`Generator[Session, None, None]` becomes `AsyncGenerator[AsyncSession, None]`).
    `Callable[[Session], User]` whose functions all turn becomes
    `Callable[[AsyncSession], Awaitable[User]]`.

Why
    Annotations are what people and type checkers read, and FastAPI resolves some of them.

Example
    Before:
        def get_db() -> Generator[Session, None, None]:
            yield make()
    After:
        def get_db() -> AsyncGenerator[AsyncSession, None]:
            yield make()

Leaves alone
    Strings that are no types: those in Literal, and in the metadata of Annotated.

Safety
    Safe: only the names that are given are replaced, and only as whole dotted names.

Source
    https://docs.python.org/3/library/typing.html
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import EditAnnotation
from asyncify_transforms._expressions import code, dotted, dotted_node, with_parentheses_of
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: EditAnnotation, annotation: Any, place: Place) -> cst.CSTNode | None:
    """The annotation with its names replaced; refused where none of them occurs."""
    editor = _Editor(decision)
    bare = isinstance(annotation, cst.Subscript)
    result: cst.CSTNode = editor.edit(annotation if bare else annotation.annotation)
    if not editor.replaced:
        names = ", ".join(name for name, _ in decision.renames)
        place.refuse(f"The annotation holds none of: {names}.")
        return None
    if bare:
        return result
    return cst.ensure_type(annotation, cst.Annotation).with_changes(annotation=result)


class _Editor:
    """Rewrites one annotation. ``replaced`` tells whether any name was."""

    def __init__(self, decision: EditAnnotation) -> None:
        self.renames = dict(decision.renames)
        self.arity = dict(decision.arity)
        self.awaitable = decision.awaitable
        self.replaced = False

    def edit(self, node: Any, typed: bool = True) -> Any:
        """The expression with names replaced; ``typed`` is false where strings are no types."""
        new = self.renames.get(dotted(node))
        if new is not None:
            self.replaced = True
            is_name = new.replace(".", "").isidentifier()
            made = dotted_node(new) if is_name else cst.parse_expression(new)
            return with_parentheses_of(made, node)
        if isinstance(node, cst.Subscript):
            return self._subscript(node, typed)
        if isinstance(node, cst.SimpleString):
            return self._string(node) if typed else node
        if isinstance(node, cst.ConcatenatedString):
            return node
        return self._children(node, typed)

    def _children(self, node: Any, typed: bool) -> Any:
        fields = _EXPRESSION_FIELDS.get(node.__class__, ())
        changes: dict[str, Any] = {}
        for name in fields:
            child = getattr(node, name)
            if isinstance(child, cst.CSTNode):
                new: Any = self.edit(child, typed)
                if new is not child:
                    changes[name] = new
            elif isinstance(child, (list, tuple)):
                items = [self.edit(item, typed) for item in child]
                if any(left is not right for left, right in zip(items, child, strict=True)):
                    changes[name] = items
        return node.with_changes(**changes) if changes else node

    def _subscript(self, node: cst.Subscript, typed: bool) -> Any:
        generic = dotted(node.value).rpartition(".")[2]
        awaitable = self.awaitable if generic == "Callable" and len(node.slice) == 2 else ""
        if awaitable:
            self.awaitable = ""  # not those that are given to it
        elements: list[cst.SubscriptElement] = []
        for index, element in enumerate(node.slice):
            holds_types = generic != "Literal" and not (generic == "Annotated" and index)
            elements.append(self.edit(element, typed and holds_types))
        if awaitable:
            elements[1] = _awaited(elements[1], awaitable)
            self.awaitable, self.replaced = awaitable, True
        new_name = self.renames.get(dotted(node.value), "")
        length = self.arity.get(new_name, len(elements))
        if length == 0:
            return self.edit(node.value)
        if length < len(elements):
            last = elements[length - 1].with_changes(comma=node.slice[-1].comma)
            elements[length - 1 :] = [last]
        return node.with_changes(value=self.edit(node.value, typed), slice=elements)

    def _string(self, node: cst.SimpleString) -> cst.SimpleString:
        start = len(node.prefix) + len(node.quote)
        text = node.value[start : -len(node.quote)]
        try:
            expression = cst.parse_expression(text)
        except (cst.ParserSyntaxError, ValueError):
            return node
        edited = self.edit(expression)
        if edited is expression:
            return node
        return node.with_changes(value=node.value[:start] + code(edited) + node.quote)


def _awaited(element: cst.SubscriptElement, awaitable: str) -> cst.SubscriptElement:
    """``T`` becomes ``Awaitable[T]``."""
    inside = cst.ensure_type(element.slice, cst.Index)
    whole = cst.Subscript(dotted_node(awaitable), [cst.SubscriptElement(inside)])
    return element.with_changes(slice=cst.Index(whole))


# Where names stand that are expressions; what an attribute or a keyword is called is none.
_EXPRESSION_FIELDS: dict[type[cst.CSTNode], tuple[str, ...]] = {
    cst.Arg: ("value",),
    cst.Attribute: ("value",),
    cst.BinaryOperation: ("left", "right"),
    cst.Call: ("func", "args"),
    cst.Dict: ("elements",),
    cst.DictElement: ("key", "value"),
    cst.Element: ("value",),
    cst.Index: ("value",),
    cst.Lambda: ("body",),
    cst.List: ("elements",),
    cst.Slice: ("lower", "upper", "step"),
    cst.StarredElement: ("value",),
    cst.SubscriptElement: ("slice",),
    cst.Tuple: ("elements",),
}

_SESSION = (("Session", "AsyncSession"),)
TRANSFORM = Transform("edit-annotation", EditAnnotation, apply)
EXAMPLES = (
    documented(
        __doc__,
        EditAnnotation(
            **node("Annotation"),
            renames=(*_SESSION, ("Generator", "AsyncGenerator")),
            arity=(("AsyncGenerator", 2),),
        ),
    ),
    Example(
        'def f(a: "Optional[Session]", b: orm.Session | None, c: Session = make(Session)): ...\n',
        (
            EditAnnotation(**node("Annotation", 0), renames=_SESSION),
            EditAnnotation(**node("Annotation", 1), renames=(("orm.Session", "AsyncSession"),)),
            EditAnnotation(**node("Annotation", 2), renames=_SESSION),
        ),
        'def f(a: "Optional[AsyncSession]", b: AsyncSession | None, '
        "c: AsyncSession = make(Session)): ...\n",
    ),
    Example(
        "def f(run: Optional[Callable[[Callable[[A], B]], C]]): ...\nHook = Callable[[A], None]\n",
        (
            EditAnnotation(**node("Annotation"), renames=(), awaitable="Awaitable"),
            EditAnnotation(**node("Subscript", 3), renames=(), awaitable="Awaitable"),
        ),
        "def f(run: Optional[Callable[[Callable[[A], B]], Awaitable[C]]]): ...\n"
        "Hook = Callable[[A], Awaitable[None]]\n",
    ),
    Example(
        'db: Annotated["Session", \'Session\', Literal["Session"]] = 1\n',
        (EditAnnotation(**node("Annotation"), renames=_SESSION),),
        'db: Annotated["AsyncSession", \'Session\', Literal["Session"]] = 1\n',
    ),
)
