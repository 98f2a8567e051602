"""Planning of what Python asks special methods for, where these have turned."""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import ReplaceExpression
from asyncify.planning.draft import Draft, node_reference
from asyncify.planning.use_planning import UsePlanner
from asyncify.vocabulary.special import ASSERTED_IN, CALLED_BY, CONTAINS, TRUTH


class SpecialPlanner(UsePlanner):
    """``len(users)``, ``name in users`` and ``if users`` ask a method by its new name."""

    def special(self, use: Use, layout: Layout, draft: Draft) -> None:
        if not any(map(self.is_coroutine, use.callees)):
            return
        names = {self.colors.specials.name(c) for c in use.callees if self.is_coroutine(c)}
        if not all(map(self.is_coroutine, use.callees)) or len(names) > 1:
            reason = f"`{use.name}` (line {use.line}) may be one that isn't async."
            self.impediments[use.function] = Obstacle("ASY105", reason)
            return
        operation, (name,) = layout.operations[use.operation], names
        asked = self._asked_by(operation, layout)
        if asked:
            result = "{awaited}"
            if asked == TRUTH:
                result = f"bool({self._guarded(use, operation[6][0], layout)})"
            self.replace(use, draft, f"{{0}}.{name}()", result, True)
            return
        if operation[0] == f.CALL and self._is_asserted(use, operation, name, layout, draft):
            return
        template = f"{{node}}.{name}()"
        if operation[0] == f.OPERATOR:
            template = f"{{node.right}}.{name}({{node.left}})"
            result = "not {awaited}" if operation[5] == "NotIn" else "{awaited}"
            if operation[5] == "In" and not all(map(_says_bool, use.callees)):
                result = "bool({awaited})"
        else:
            result = self._guarded(use, use.operation, layout)
        draft.add(
            ReplaceExpression(
                node=node_reference(use.function, use.operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0), template=template,
                result=result, awaits=True,
            )
        )  # fmt: skip

    def _asked_by(self, operation: f.Operation, layout: Layout) -> str:
        """The method that ``len`` or ``bool`` asks for, and not one of a call's result; or ''."""
        if operation[0] != f.CALL:
            return ""
        callee = layout.operations[operation[5]]
        return CALLED_BY.get(callee[5], "") if callee[0] == f.NAME else ""

    def _is_asserted(
        self, use: Use, operation: f.Operation, name: str, layout: Layout, draft: Draft
    ) -> bool:
        """``self.assertIn(name, users)`` says of what is awaited that it is true."""
        callee = layout.operations[operation[5]]
        if callee[0] != f.ATTRIBUTE or callee[6] not in ASSERTED_IN or use.name != CONTAINS:
            return False
        base = dotted(layout.operations, callee[5])
        if not base or operation[7]:
            self.impede(use, f"`{callee[6]}` is called in a way that can't be awaited", "ASY101")
        told = "".join(f", {{{place}}}" for place in range(2, len(operation[6])))
        result = f"{base}.{ASSERTED_IN[callee[6]]}({{awaited}}{told})"
        self.replace(use, draft, f"{{1}}.{name}({{0}})", result, True)
        return True

    def _guarded(self, use: Use, index: int, layout: Layout) -> str:
        """The truth value of what may be None."""
        if not self._may_be_none(use.function, index, layout):
            return "{awaited}"
        spelled = dotted(layout.operations, index)
        if not spelled:
            self.impede(use, "What is asked for its truth value may be None", "ASY101")
        return f"{spelled} is not None and {{awaited}}"

    def _may_be_none(self, function: Function, index: int, layout: Layout) -> bool:
        """May there be no object where one is asked for its truth value?"""
        operation = layout.operations[index]
        made = [index] if operation[0] == f.CALL else []
        if operation[0] == f.NAME:
            for parameter in function.signature.parameters:
                if parameter.name == operation[5]:
                    return not _is_annotated_plainly(function, parameter)
            made = [
                s[8] for s in layout.statements if s[0] == f.ASSIGN
                and any(t[0] == f.TO_NAME and t[1] == operation[5] for t in s[7])
            ]  # fmt: skip
        return not made or not all(self._makes(function, layout.operations[i]) for i in made)

    def _makes(self, function: Function, operation: f.Operation) -> bool:
        """Is it a call of a class, or of a function that is annotated to return one?"""
        if operation[0] != f.CALL:
            return False
        callee = self.inference.evaluations[function].values[operation[5]]
        return bool(callee) and all(
            isinstance(a, v.ClassObject) or _gives_object(a) for a in callee
        )


def _is_annotated_plainly(function: Function, parameter: f.Parameter) -> bool:
    """Is a parameter annotated with a class alone, and has no default?"""
    return parameter.default < 0 and _is_class(function, parameter.annotation)


def _gives_object(atom: v.Atom) -> bool:
    """Is it a function that is annotated to return an object of a class?"""
    if not isinstance(atom, v.FunctionObject):
        return False
    return _is_class(atom.function, atom.function.signature.returns)


def _is_class(function: Function, annotation: int) -> bool:
    """Does an annotation name a class, and nothing else?"""
    operation = function.signature.operations[annotation] if annotation >= 0 else ()
    if operation[:1] == (f.CONSTANT,):
        return isinstance(operation[5], str) and operation[5].replace(".", "").isidentifier()
    return operation[:1] in ((f.NAME,), (f.ATTRIBUTE,))


def _says_bool(function: Function) -> bool:
    """Is a method annotated to give a truth value itself? Python makes one of anything else."""
    returns = function.signature.returns
    operation = function.signature.operations[returns] if returns >= 0 else ()
    return bool(operation) and operation[0] == f.NAME and operation[5] == "bool"
