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
            reason = (
                f'{spelled(config, key)} names "{pattern}", which is nothing in the program{guess}'
            )
            yield finding("ASY504", site_of(config, key), reason)
    for function in named(program, config.also_async):
        obstacle = colors.obstacle(function)
        if function.facts.kind == "def" and obstacle is not None:
            sentence = f"names `{function.qualname}`, which can't turn. {obstacle.reason}"
            site, key = site_of(config, "also-async"), spelled(config, "also-async")
            yield finding("ASY504", site, f"{key} {sentence}")


def idle_globs(config: Config, globs: tuple[str, ...]) -> Iterator[Finding]:
    """One finding for each glob that excludes nothing."""
    for glob in globs:
        key = "exclude" if glob in config.exclude else "extend-exclude"
        reason = f'{spelled(config, key)} names "{glob}", which no file or folder is called.'
        yield finding("ASY504", site_of(config, key), reason)


def site_of(config: Config, key: str) -> Site:
    """The place of a key in the configuration file; the program's folder for a flag."""
    lines = dict(config.lines)
    return Site(config.file, lines[key], 1) if key in lines else Site(".", 1, 1)


def spelled(config: Config, key: str) -> str:
    """A key as it was written: in a file, or as a flag."""
    return f"`{key}`" if key in dict(config.lines) else f"`--{key}`"
