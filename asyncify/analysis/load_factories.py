"""Factories of a suite: which instances they make.

https://factoryboy.readthedocs.io/en/stable/orms.html#sqlalchemy
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.program import Class
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.loading import Gives

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation


def made(run: LoadEvaluation, base: int, name: str, index: int) -> s.Value | None:
    """What ``UserFactory.create()`` gives, or None where it is a call of something else."""
    for atom in run.types(base):
        if isinstance(atom, v.ClassObject) and atom.cls.foreign_bases & words.FACTORIES:
            model = _model(run, atom.cls)
            if model is not None and run.loading.is_model(model):
                one = s.one(_instance(run, atom.cls, model, index))
                return s.many(one) if words.FACTORY_GIVES[name] is Gives.MANY else one
    return None


def _instance(run: LoadEvaluation, factory: Class, model: Class, index: int) -> s.Entity:
    """A new instance has the relationships that its factory sets."""
    source = s.Source("new", run.function, index)
    run.state.forget(source)
    run.state.kept -= {source}
    given = {name for cls in factory.ancestors for name in cls.body.facts.bound}
    run.state.load((source, ()), given & run.loading.models.links(model).keys())
    if factory.foreign_bases & words.STORING_FACTORIES:
        run.state.kept |= {source}
    return s.Entity(source, (), model)


def _model(run: LoadEvaluation, factory: Class) -> Class | None:
    """The class that ``class Meta: model = User`` names."""
    for cls in factory.ancestors:
        for body in cls.module.functions:
            if body.parent is not cls.body or body.name != words.FACTORY_SETTINGS:
                continue
            for statement in body.body.statements:
                if statement[0] == f.ASSIGN and statement[7][0][:2] == (
                    f.TO_NAME, words.FACTORY_MODEL
                ):  # fmt: skip
                    symbol = run.loading.inference.program.resolve_expression(
                        body, body.body.operations, statement[8]
                    )
                    return symbol if isinstance(symbol, Class) else None
    return None
