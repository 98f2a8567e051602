"""Names in the configuration that mean nothing in the program, or what can't be done."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.configured import named, unknown
from asyncify.config import Config
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site


def misnamed(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """One finding for each name in ``sync`` and ``also-async`` that has no effect."""
    config, program = colors.inference.config, colors.program
    for key, patterns in (
        ("sync", config.sync), ("also-async", config.also_async), ("only", config.only),
    ):  # fmt: skip
        for pattern, nearest in unknown(program, patterns):
            guess = f'; did you mean "{nearest}"?' if nearest else "."
            reason = f'`{key}` names "{pattern}", which is nothing in the program{guess}'
            yield finding("ASY504", site_of(config, key), reason)
    for function in named(program, config.also_async):
        obstacle = colors.obstacle(function)
        if function.facts.kind == "def" and obstacle is not None:
            reason = f"`also-async` names `{function.qualname}`, which can't turn."
            yield finding("ASY504", site_of(config, "also-async"), f"{reason} {obstacle.reason}")


def site_of(config: Config, key: str) -> Site:
    """The place of a key in the configuration file; the file's beginning for a flag."""
    path, lines = config.file or "pyproject.toml", dict(config.lines)
    return Site(path, lines.get(key, 1), 1)
