"""What the analysis found, as bytes that another process of the same program reads.

Functions and classes are named by their place: both processes have them. What is made once of them
(sources, instances) is asked for again by whoever reads it.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from asyncify.analysis.program import Class, Function, Program


def dump(value: object) -> bytes:
    """The value as bytes."""
    stream = io.BytesIO()
    _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(value)
    return stream.getvalue()


def load(program: Program, data: bytes) -> Any:
    """The inverse, in the program that it was found in."""
    return _Unpickler(program, io.BytesIO(data)).load()


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> tuple[str, int, bool] | None:
        kind = value.__class__
        if kind is Function:
            return value.module.path, value.index, False  # type: ignore[attr-defined]
        if kind is Class:
            body = value.body  # type: ignore[attr-defined]
            return body.module.path, body.index, True
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, program: Program, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.program = program

    def persistent_load(self, place: tuple[str, int, bool]) -> Function | Class:
        path, index, is_class = place
        function = self.program.modules[path].functions[index]
        return self.program.classes[function] if is_class else function
