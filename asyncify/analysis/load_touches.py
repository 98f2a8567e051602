"""What a flush expires beyond what was set: columns with an ``onupdate``, and expressions of SQL,
of each row that changes; and these expressions of each instance whose collections have changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify.analysis import load_stores
from asyncify.analysis import load_values as s
from asyncify.analysis.model_bodies import Relationship

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation


def related(run: LoadEvaluation, entity: s.Entity, link: Relationship, value: s.Value) -> None:
    """A relationship of an instance is set to others."""
    _touched(run, entity, not link.to_many)
    put(run, link, value)


def put(run: LoadEvaluation, link: Relationship, value: s.Value) -> None:
    """Instances are put into a relationship: what it is the other side of changes with them. A
    collection of one that was never stored is there from then on."""
    for other in s.entities(value):
        back = run.loading.models.links(other.cls).get(link.back) if link.back else None
        if back is not None:
            _touched(run, other, not back.to_many)
            if back.to_many and other.is_new and other.source not in run.state.stored:
                run.state.load(other.key, (back.name,))
        elif link.to_many and not link.between:
            _touched(run, other, True)


def filled(run: LoadEvaluation, item: s.Entity, value: s.Value) -> None:
    """Instances come to the collection that holds an item."""
    for path, cls in list(item.source.entities):
        link = run.loading.models.links(cls).get(item.path[-1]) if item.path else None
        if link is not None and path == item.path[:-1]:
            related(run, s.Entity(item.source, path, cls), link, value)


def _touched(run: LoadEvaluation, entity: s.Entity, row: bool) -> None:
    """``row``: the row itself is updated."""
    models, state = run.loading.models, run.state
    expiring = models.expiring(entity.cls)
    if expiring and not row:
        expiring = frozenset(name for name in expiring if models.is_queried(entity.cls, name))
    is_new = entity.is_new
    if expiring and not (is_new and entity.source not in state.stored):
        known = state.changed.get(entity.key, frozenset())
        load_stores.compute(run, entity, known | expiring)
