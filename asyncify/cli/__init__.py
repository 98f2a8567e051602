"""The command line: arguments in, exit code out.

Everything that a command needs is imported inside it, so that ``--help`` and ``--version`` start at
once. One flag per configuration key is made from the table in ``asyncify.config``.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from asyncify import __version__
from asyncify.cli.options import (
    DONE,
    FAILED,
    LEFT_OVER,
    NAME,
    PHASE,
    Options,
    complain,
    flag,
    guarded,
    with_options,
)
from asyncify.cli.terminal import (
    is_terminal,
    open_closed_streams,
    print_diff,
    print_markdown,
    wants_color,
)
from asyncify.config import PHASES, Config, ConfigError, load_config, nearest

if TYPE_CHECKING:
    from asyncify.engine import Request
    from asyncify.findings import Finding
    from asyncify.loads import RecordedLoad
    from asyncify.outcome import FileChange, Outcome
    from asyncify.report import Report
    from asyncify.report.progress import ProgressBar

# More files than this are taken in by naming the whole program.
_PATHS_NAMED = 5

app = typer.Typer(
    name="asyncify",
    help="Migrate whole programs from sync to async SQLAlchemy.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
@with_options(PHASE)
def check(options: Options) -> int:
    """Say what would be migrated, and what is in the way."""
    from asyncify import engine
    from asyncify.source.write import unfinished

    request = _request(options)
    with _progress(options) as progress:
        outcome = engine.check(request, progress)
    findings = (*_reported(outcome, request.config), *unfinished(request.config.root))
    code = _exit_code(findings, failed=outcome.failed, left=outcome.pending)
    _print(_report("check", options, request.config, outcome, findings, code), options)
    return code


@app.command()
@with_options(
    PHASE,
    flag("diff", "Print a unified diff and write nothing."),
    flag("allow_dirty", "Write files with changes that git doesn't hold."),
)
def run(options: Options) -> int:
    """Migrate the program in place."""
    return _run(options)


def _run(options: Options) -> int:
    from asyncify import engine
    from asyncify.source.write import recover, unfinished

    request = _request(options)
    problems = (unfinished if options.diff else recover)(request.config.root)
    with _progress(options) as progress:
        outcome = engine.run(request, progress)
    if not (options.diff or problems):
        problems = _write(request.config, outcome, options)
    outcome = _what_is_left(outcome, problems, options)
    findings = (*_reported(outcome, request.config), *problems)
    code = _exit_code(findings, failed=outcome.failed or bool(problems))
    report = _report("run", options, request.config, outcome, findings, code, not problems)
    _print(report, options)
    return code


def _what_is_left(outcome: Outcome, problems: tuple[Finding, ...], options: Options) -> Outcome:
    """What was migrated, or stands in the diff, is not pending any more."""
    from asyncify.rules import PENDING

    if problems or not outcome.changes:
        return outcome
    left = tuple(x for x in outcome.findings if x.code not in PENDING and not x.fixed)
    return replace(outcome, findings=left, pending=options.diff)


def _there(options: Options) -> None:
    """Refuse paths that aren't there: what is above them would be read in their place."""
    missing = [f"{path}: There is no such file or folder." for path in options.paths
               if not path.exists()]  # fmt: skip
    if missing:
        raise ConfigError(missing)


def _answer(text: str, unread: tuple[Finding, ...], request: Request) -> int:
    """Print an answer, and on standard error what it doesn't cover."""
    typer.echo(text, nl=False)
    shown = _relative_to_here(request.config.root)
    for each in unread:
        site = each.site
        place = f"{shown(site.path)}:{site.line}:{site.column}"
        typer.echo(f"{place}: {each.code} {each.message}", err=True)
    return FAILED if unread else DONE


def _request(options: Options) -> Request:
    from asyncify.engine import Request
    from asyncify.report import FORMATS
    from asyncify.source.discover import find_root

    _one_of("--output-format", options.output_format, FORMATS)
    config = load_config(
        find_root(options.paths),
        options.flags,
        config_file=options.config,
        isolated=options.isolated,
        python=options.python,
    )
    jobs = options.jobs or os.cpu_count() or 1
    return Request(
        config=config,
        loads=_loads(options.loads),
        phase=_one_of("--phase", options.phase, ("", *PHASES)),
        paths=options.paths,
        jobs=jobs,
        cache=not options.no_cache,
        debug=options.debug,
    )


def _one_of(flag: str, given: str, allowed: Iterable[str]) -> str:
    """What a flag is given, if it is one of the words that it takes."""
    known = [word for word in allowed if word]
    if given and given not in known:
        guess = nearest(given, known)
        raise ConfigError([f'{flag}: is "{given}" but takes one of {", ".join(known)}{guess}'])
    return given


def _loads(path: Path | None) -> tuple[RecordedLoad, ...]:
    from asyncify.loads import read_loads

    try:
        return read_loads(path) if path is not None else ()
    except ValueError as error:
        raise ConfigError([f"--loads: {path} {error}"]) from error


def _progress(options: Options) -> ProgressBar:
    from asyncify.report.progress import ProgressBar

    return ProgressBar(sys.stderr, enabled=is_terminal(sys.stderr) and not options.quiet)


def _reported(outcome: Outcome, config: Config) -> tuple[Finding, ...]:
    from asyncify.suppressions import select_findings

    return select_findings(outcome.findings, config)


def _write(config: Config, outcome: Outcome, options: Options) -> tuple[Finding, ...]:
    """Write the changes, unless git doesn't hold what they replace."""
    from asyncify.source.write import dirty_problems, write_changes

    refused = () if options.allow_dirty else dirty_problems(config.root, outcome.changes)
    return refused or write_changes(config.root, outcome.changes)


def _exit_code(findings: tuple[Finding, ...], *, failed: bool, left: bool = False) -> int:
    from asyncify.findings import Severity
    from asyncify.rules import FAILURES

    if failed or any(finding.code in FAILURES for finding in findings):
        return FAILED
    counts = any(finding.severity is not Severity.INFO for finding in findings)
    return LEFT_OVER if counts or left else DONE


def _report(
    command: str,
    options: Options,
    config: Config,
    outcome: Outcome,
    findings: tuple[Finding, ...],
    exit_code: int,
    is_written: bool = False,
) -> Report:
    from asyncify.report import Report

    return Report(
        command=command,
        findings=findings,
        summary=outcome.summary,
        pending=outcome.pending,
        exit_code=exit_code,
        shown=_relative_to_here(config.root),
        diff=_diff(config.root, outcome) if options.diff else None,
        written=is_written and not options.diff and bool(outcome.changes),
        color=wants_color(sys.stderr if options.diff else sys.stdout),
        detail=options.detail,
        changed=tuple(change.path for change in outcome.changes),
        take_in=_take_in(command, options, outcome, config),
    )


def _take_in(command: str, options: Options, outcome: Outcome, config: Config) -> str:
    """The command that also edits the files which had to be left out; empty where there are
    none."""
    import shlex

    if not outcome.left_out:
        return ""
    shown = _relative_to_here(config.root)
    if len(outcome.left_out) > _PATHS_NAMED:
        paths = [shown(".")]
    else:
        paths = [*map(str, options.paths), *map(shown, outcome.left_out)]
    flags = ["--phase", options.phase] if options.phase else []
    flags += ["--diff"] if options.diff else []
    return shlex.join(["asyncify", command, *flags, *paths])


def _relative_to_here(root: Path) -> Callable[[str], str]:
    """Paths relative to the root become paths relative to the working directory."""
    return lambda path: os.path.relpath(os.path.join(root, path))


def _diff(root: Path, outcome: Outcome) -> bytes:
    from asyncify.source.git import work_tree_of
    from asyncify.source.textdiff import unified_diff

    inner = root.relative_to(work_tree_of(root) or root)
    prefix = "".join(f"{part}/" for part in inner.parts)
    return b"".join(unified_diff(change, prefix) for change in _behind_links(root, outcome))


def _behind_links(root: Path, outcome: Outcome) -> Iterable[FileChange]:
    """The changes of what links lead to, once each: to git a link has no text to change."""
    top = os.path.realpath(root)
    by_target: dict[str, FileChange] = {}
    for change in outcome.changes:
        target = os.path.relpath(os.path.realpath(os.path.join(top, change.path)), top)
        by_target.setdefault(target, replace(change, path=target.replace(os.sep, "/")))
    return by_target.values()


def _print(report: Report, options: Options) -> None:
    from asyncify.report import HOLDS_DIFF, renderer

    text = renderer(options.output_format)(report)
    if report.diff is None or options.output_format in HOLDS_DIFF:
        sys.stdout.write(text)
        return
    sys.stderr.write(text)
    sys.stderr.flush()
    print_diff(report.diff)


@app.command()
@with_options()
def status(options: Options) -> int:
    """Say how far the program is, and whether it should migrate at all."""
    from asyncify import engine
    from asyncify.report.status import STATUS_FORMATS

    _one_of("--output-format", options.output_format, STATUS_FORMATS)
    _there(options)
    with _progress(options) as progress:
        request = _request(options)
        found = engine.status(request, progress)
    return _answer(STATUS_FORMATS[options.output_format](found), found.unread, request)


@app.command()
@with_options(first=(NAME,))
def why(options: Options) -> int:
    """Print the shortest chain from a function to its I/O, and who is forced by it."""
    from asyncify import engine
    from asyncify.report.turning import explained

    _one_of("--output-format", options.output_format, ("text",))
    _there(options)
    with _progress(options) as progress:
        request = _request(options)
        turning = engine.turning(request, progress)
    name = turning.find(options.name)
    if not name:
        guess = nearest(options.name, sorted(turning.names))
        raise ConfigError([f"{options.name}: no function of the program has this name{guess}"])
    return _answer(explained(turning, name), turning.unread, request)


@app.command()
@with_options()
def graph(options: Options) -> int:
    """Print the call graph of what turns, for Graphviz, or as JSON."""
    from asyncify import engine
    from asyncify.report.turning import GRAPH_FORMATS

    _one_of("--output-format", options.output_format, GRAPH_FORMATS)
    _there(options)
    with _progress(options) as progress:
        request = _request(options)
        turning = engine.turning(request, progress)
    return _answer(GRAPH_FORMATS[options.output_format](turning), turning.unread, request)


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the example goes.")
    ] = Path("asyncify-demo"),
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Migrate the example, and start no server.")
    ] = False,
) -> None:
    """Migrate a job service that comes with asyncify, and compare both under load."""
    paths = (folder / "after",)
    options = Options(paths, {}, no_cache=True, allow_dirty=True)
    sys.exit(guarded(lambda options: _demo(folder, no_serve, options), options))


def _demo(folder: Path, no_serve: bool, options: Options) -> int:
    from asyncify import reference
    from asyncify.reference.demo import STATEMENT_MS, DemoError, measure, missing
    from asyncify.report.demo import places, tables

    before, after, diff = folder / "before", folder / "after", folder / "changes.diff"
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError([f"{folder}: there is something in it already; name another folder."])
    lacking = () if no_serve else missing()
    if lacking:
        raise ConfigError([
            f"demo: {', '.join(lacking)} can't be imported. `pip install "
            "'asyncify-sqlalchemy[demo]'` installs what serving needs; --no-serve goes without."
        ])  # fmt: skip
    for target in (before, after):
        reference.copy(reference.SYNC, target)
    code = _run(options)
    diff.write_bytes(reference.difference(before, after))
    typer.echo(places(str(before), str(after), str(diff)), nl=False)
    if no_serve or code == FAILED:
        return code
    try:
        measured = measure((("before: sync", before), ("after: async", after)))
    except DemoError as error:
        raise ConfigError([str(error)]) from error
    typer.echo("\n" + tables(measured, STATEMENT_MS), nl=False)
    return code


@app.command()
def explain(
    name: Annotated[str, typer.Argument(metavar="CODE|TRANSFORM", help="What to explain.")],
) -> None:
    """Print the page of a finding code or of a transform."""
    from asyncify.rules import RULES

    if name.upper() in RULES:
        return print_markdown(RULES[name.upper()].page)
    transforms = _transforms()
    for transform, page in transforms.items():
        if _plain(transform) == _plain(name):
            return typer.echo(f"{transform}: {page}")
    complain(
        f'"{name}" is neither a finding code nor a transform{nearest(name, [*RULES, *transforms])}'
    )
    sys.exit(FAILED)


def _plain(name: str) -> str:
    """``await-expression``, ``await_expression`` and ``AwaitExpression`` are the same."""
    return name.lower().replace("-", "").replace("_", "")


def _transforms() -> Mapping[str, str]:
    """The pages of the transforms by name: the docstrings of their modules."""
    from asyncify.rules.transforms import transform_pages

    return transform_pages()


@app.command()
def rules(
    output_format: Annotated[
        str, typer.Option(metavar="text|json", help="How the list is printed.")
    ] = "text",
) -> None:
    """List all finding codes and transforms."""
    from asyncify.report.catalogue import CATALOGUE_FORMATS
    from asyncify.rules import RULES

    render = CATALOGUE_FORMATS.get(output_format)
    if render is None:
        guess = nearest(output_format, CATALOGUE_FORMATS)
        complain(f'--output-format: is "{output_format}" but takes one of text, json{guess}')
        sys.exit(FAILED)
    sys.stdout.write(render(list(RULES.values()), _transforms()))


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"asyncify {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Migrate whole programs from sync to async SQLAlchemy."""


def main() -> NoReturn:
    """The console script."""
    gc.disable()  # its memory goes when it ends, which is soon:
    atexit.register(gc.freeze)  # nobody has to look through it for cycles at last
    open_closed_streams()
    app(prog_name="asyncify")
    sys.exit(DONE)
