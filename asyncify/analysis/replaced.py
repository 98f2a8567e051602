"""What tests put in the place of a module's variables: the program uses that instead.

``monkeypatch.setattr(database, "engine", create_engine(url))``, ``patch("app.api.store", Fake())``
are assignments, for as long as the test runs. What they put there has the fate of what was there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify.analysis import values as v
from asyncify.analysis.program import Variable
from asyncify.vocabulary.testing import REPLACEMENT

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation


def replace(evaluation: Evaluation, arguments: list[v.Value], named: dict[str, v.Value]) -> v.Value:
    """Of a variable, by its name in a text or by its module and its name."""
    texts = [[a.value for a in given if isinstance(a, v.Literal)] for given in arguments[:2]]
    given = arguments[-1] if len(arguments) > 1 else v.UNKNOWN
    given = v.join([given, *(named[word] for word in REPLACEMENT if word in named)])
    kept = frozenset(
        atom for atom in given if isinstance(atom, (v.Known, v.Instance, v.NamedTuple))
    )
    if not kept or not texts:
        return v.UNKNOWN
    inference = evaluation.inference
    places = [inference.program.named(str(text)) for text in texts[0]]
    for atom in arguments[0]:
        if isinstance(atom, v.ModuleObject) and len(texts) > 1:
            places += [inference.program.resolve(atom.module, str(text)) for text in texts[1]]
    for place in places:
        if isinstance(place, Variable):
            inference.write(inference.slot("global", place.module, place.name), kept)
    return v.UNKNOWN
