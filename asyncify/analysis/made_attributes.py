"""Made attributes: what descriptors, ``__getattr__`` and ``setattr`` give for an attribute.

None is written where the attribute is: a descriptor stands in the class under its name, and gives
whatever its ``__get__`` returns; ``__getattr__`` is asked for what the object hasn't got, and most
often hands that on to an object that it wraps; ``setattr(self, name, query)`` keeps something under
a name that may be read from a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.looked_up import GETATTR
from asyncify.analysis.program import Class, Function

if TYPE_CHECKING:
    from asyncify.analysis.infer import Inference

_GET, _MISSING = "__get__", "__getattr__"
SETATTR = "setattr"
UNNAMED = ""  # the slot of what a class keeps under names that nobody has written down


class MadeAttributes:
    """Answers what reading an attribute makes; ``there`` says whether any class makes some."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        classes = inference.program.classes.values()
        self.there = any(name in cls.methods for cls in classes for name in (_GET, _MISSING))
        self.sets = bool(inference.program.mentioning(SETATTR))
        self._wrapped: dict[Function, str] = {}
        self.asking: set[tuple[v.Instance, str]] = set()  # what is being read of what they wrap

    def given(self, owner: v.Instance, held: v.Value) -> v.Value:
        """What an attribute gives, of what is kept under its name."""
        return v.join([self._given(owner, atom) for atom in held])

    def _given(self, owner: v.Instance, atom: v.Atom) -> v.Value:
        method = atom.cls.find(_GET) if isinstance(atom, v.Instance) else None
        if not isinstance(method, Function):
            return v.one(atom)
        found = v.one(v.ClassObject(owner.cls))
        return self.inference.called(method, True, [v.one(owner), found], {})

    def wrapped(self, owner: v.Instance) -> v.Value | None:
        """The objects that are asked for what an object hasn't got; None where none is known."""
        name = self.wrapped_as(owner.cls)
        return self.inference.attribute(owner.cls, name) if name else None

    def wrapped_as(self, cls: Class) -> str:
        """The attribute with those objects, or ''."""
        method = cls.find(_MISSING)
        if not isinstance(method, Function):
            return ""
        if method not in self._wrapped:
            self._wrapped[method] = _handing_on(method)
        return self._wrapped[method]

    def missing(self, owner: v.Instance, name: str) -> v.Value:
        """What ``__getattr__`` returns for a name."""
        method = owner.cls.find(_MISSING)
        if not isinstance(method, Function) or name.startswith("__"):
            return v.UNKNOWN
        return self.inference.called(method, True, [v.literal(name)], {})

    def set(self, owner: v.Instance, name: str) -> v.Value:
        """What ``setattr`` may have kept under a name that nobody assigns."""
        if not self.sets or name.startswith("__"):
            return v.UNKNOWN
        return self.inference.attribute(owner.cls, UNNAMED)

    def keep(self, owner: v.Instance, value: v.Value) -> None:
        """``setattr(owner, name, value)``, of any name. Only what has methods of the program is
        kept: it is known by these. Attributes of models are columns and relationships."""
        kept = frozenset(a for a in value if isinstance(a, (v.Instance, v.FunctionObject)))
        if kept and not self.inference.models.is_mapped(owner.cls):
            self.inference.heat.instances([owner.cls])  # no name tells who reads it
            self.inference.write(self.inference.slot("attribute", owner.cls, UNNAMED), kept)


def _handing_on(method: Function) -> str:
    """``return getattr(self.inner, name)``: the attribute whose object is asked, or ''."""
    parameters = [p.name for p in method.signature.parameters]
    operations = method.body.operations
    for operation in operations:
        if not operation or operation[0] != f.CALL or len(operation[6]) < 2:
            continue
        callee = operations[operation[5]]
        if callee[0] != f.NAME or callee[5] != GETATTR or min(operation[6][:2]) < 0:
            continue
        base, asked = (operations[i] for i in operation[6][:2])
        if base[0] != f.ATTRIBUTE or asked[0] != f.NAME or asked[5] not in parameters[1:]:
            continue
        owner = operations[base[5]]
        if owner[0] == f.NAME and owner[5] == parameters[0]:
            return str(base[6])
    return ""
