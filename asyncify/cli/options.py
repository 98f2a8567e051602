"""The flags of the commands: one for each key of the configuration, and those that all have."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from asyncify.config import KEYS, ConfigError, Key

DONE, LEFT_OVER, FAILED, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True, slots=True)
class Options:
    """The flags that aren't configuration. ``flags`` are those that are: key to words."""

    paths: tuple[Path, ...]
    flags: Mapping[str, list[str]]
    output_format: str = "text"
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    jobs: int = 0
    no_cache: bool = False
    config: Path | None = None
    isolated: bool = False
    python: Path | None = None
    loads: Path | None = None
    phase: str = ""
    diff: bool = False
    allow_dirty: bool = False
    name: str = ""

    @property
    def detail(self) -> int:
        """What the reports call detail."""
        return self.verbose - self.quiet


def with_options(
    *own: inspect.Parameter, first: tuple[inspect.Parameter, ...] = ()
) -> Callable[[Callable[[Options], int]], Any]:
    """A command of ``Options`` becomes one whose signature has every flag, as Typer reads it;
    ``own`` are the flags that only this command has, ``first`` its arguments before the paths."""

    def decorate(command: Callable[[Options], int]) -> Any:
        @wraps(command)
        def with_flags(**given: Any) -> None:
            sys.exit(guarded(command, _options(given)))

        parameters = [*first, *_COMMON[:1], *own, *_COMMON[1:], *map(_key_parameter, KEYS)]
        with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_flags.__annotations__ = {_.name: _.annotation for _ in parameters}
        return with_flags

    return decorate


def parameter(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def flag(name: str, meaning: str, *spellings: str) -> inspect.Parameter:
    spellings = spellings or (f"--{name.replace('_', '-')}",)
    return parameter(name, Annotated[bool, typer.Option(*spellings, help=meaning)], False)


def _key_parameter(key: Key) -> inspect.Parameter:
    option = typer.Option(
        f"--{key.name}",
        help=key.meaning,
        metavar=key.placeholder,
        rich_help_panel="Configuration",
        show_default=False,
    )
    kind: Any = list[str] if key.repeats else str
    return parameter(key.field, Annotated[kind | None, option], None)


def _options(given: dict[str, Any]) -> Options:
    flags: dict[str, list[str]] = {}
    for key in KEYS:
        value = given.pop(key.field)
        if value:
            flags[key.name] = value if key.repeats else [value]
    paths = tuple(given.pop("paths") or (Path(),))
    return Options(paths, flags, **given)


_COMMON = (
    parameter(
        "paths",
        Annotated[
            list[Path] | None,
            typer.Argument(metavar="PATH", help="Files and folders; default: this folder."),
        ],
        None,
    ),
    parameter(
        "output_format",
        Annotated[str, typer.Option(metavar="text|json|github", help="How findings are printed.")],
        "text",
    ),
    flag("quiet", "Print only errors and warnings.", "--quiet", "-q"),
    flag("verbose", "Print more.", "--verbose", "-v"),
    flag("debug", "Print tracebacks."),
    parameter(
        "jobs",
        Annotated[int, typer.Option("--jobs", "-j", min=0, help="Processes; 0: one per core.")],
        0,
    ),
    flag("no_cache", "Neither read nor write the cache."),
    parameter(
        "config",
        Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="Read this instead of the nearest pyproject.toml."),
        ],
        None,
    ),
    flag("isolated", "Ignore every configuration file."),
    parameter(
        "python",
        Annotated[
            Path | None,
            typer.Option(metavar="PATH", help="Interpreter of the program's environment."),
        ],
        None,
    ),
    parameter(
        "loads",
        Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="What asyncify.recorder wrote: loads to await."),
        ],
        None,
    ),
)


def guarded(command: Callable[[Options], int], options: Options) -> int:
    """Run a command; whatever goes wrong is one sentence, unless ``--debug`` asks for more."""
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes that the terminal's encoding can't show.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return command(options)
    except ConfigError as error:
        for problem in error.problems:
            complain(problem)
        return FAILED
    except KeyboardInterrupt:
        complain("Interrupted; nothing is half done.")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk behind standard output, a working directory that went
        if options.debug:
            raise
        complain(
            f"The system refuses: {(error.strerror or str(error)).lower()} (--debug shows more)"
        )
        return FAILED
    except Exception as error:
        if options.debug:
            raise
        complain(f"internal error: {type(error).__name__}: {error} (--debug shows more)")
        return FAILED


def complain(sentence: str) -> None:
    typer.echo(sentence, err=True)


PHASE = parameter(
    "phase",
    Annotated[
        str,
        typer.Option(metavar="queries|expire|flip", help="Only this step of the migration."),
    ],
    "",
)


NAME = parameter(
    "name",
    Annotated[str, typer.Argument(metavar="NAME", help="pkg.module:Class.method")],
    inspect.Parameter.empty,
)
