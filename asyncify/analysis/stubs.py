"""Stubs: methods that are only there to be overridden.

What a stub gives is what those give that stand for it: where these are generators, so is the stub
to whoever calls it, though nothing in its body says so.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.program import Function, Program


def is_stub(function: Function) -> bool:
    """Is a method only there to be overridden?"""
    operations = function.body.operations
    return all(
        s[0] in (f.RAISE, f.FLOW) or (s[0] == f.EXPRESSION and operations[s[7]][0] == f.CONSTANT)
        for s in function.body.statements
    )


def stand_for_generators(program: Program) -> None:
    """From now on, stubs that nothing but generators override give generators."""
    for cls in program.classes.values():
        for name, method in cls.methods.items():
            if not method.facts.is_generator:
                continue
            for above in cls.ancestors[1:]:
                stub = above.methods.get(name)
                if stub is None or stub.facts.is_generator or stub.signature.decorators[1:]:
                    continue
                found = [each.methods[name] for each in above.descendants() if name in each.methods]
                if is_stub(stub) and all(fn.facts.is_generator or is_stub(fn) for fn in found):
                    stub.stands_for_generators = True
                    stub.facts = stub.facts._replace(
                        is_generator=True, is_async=method.facts.is_async
                    )
