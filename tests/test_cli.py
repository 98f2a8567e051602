"""The command line: flags, streams and exit codes. The engine is replaced by given outcomes."""

from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
from typer.testing import CliRunner, Result

import asyncify
from asyncify import __version__, cli
from asyncify.config import KEYS, Config
from asyncify.engine import Request
from asyncify.findings import Finding
from asyncify.outcome import FileChange, Outcome, Summary
from asyncify.report.progress import ProgressBar
from asyncify.rules import RULES, SEVERITIES, finding
from asyncify.sites import Site

PROJECT = Path(__file__).parents[1]
SCHEMA = json.loads((PROJECT / "docs" / "output-schema.json").read_text())
CHANGE = FileChange("app/a.py", b"x = 1\r\n# \xe9", b"x = 2\r\n# \xe9")
DIFF = (
    b"diff --git a/app/a.py b/app/a.py\n--- a/app/a.py\n+++ b/app/a.py\n@@ -1,2 +1,2 @@\n"
    b"-x = 1\r\n+x = 2\r\n # \xe9\n\\ No newline at end of file\n"
)
INFO = finding("ASY108", Site("app/a.py", 1, 1), "Entered through run_sync.")
WARNING = finding("ASY105", Site("app/a.py", 1, 1), "Handed on.")
ERROR = finding("ASY101", Site("app/a.py", 1, 1), "It can't await.")
UNREADABLE = finding("ASY303", Site("app/a.py", 1, 1), "Invalid syntax.")
PENDING = finding("ASY001", Site("app/a.py", 1, 1), "`f` does sync I/O.")


class Engine(ModuleType):
    """An engine that gives what a test wants and keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__("asyncify.engine")
        self.Request = Request
        self.outcome = Outcome()
        self.requests: list[Request] = []
        self.during: Callable[[], None] = lambda: None

    def check(self, request: Request, progress: ProgressBar) -> Outcome:
        self.requests.append(request)
        progress("Reading", 1, 2)
        self.during()
        return self.outcome

    run = check


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setitem(sys.modules, "asyncify.engine", engine)
    monkeypatch.setattr(asyncify, "engine", engine, raising=False)
    return engine


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = Path(os.path.realpath(tmp_path))
    (root / "pyproject.toml").touch()
    (root / "app").mkdir()
    assert CHANGE.before is not None
    (root / "app" / "a.py").write_bytes(CHANGE.before)
    monkeypatch.chdir(root)
    return root


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


def commit(root: Path) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", *arguments], cwd=root, check=True)


@pytest.mark.parametrize(
    ("command", "findings", "pending", "failed", "expected"),
    [
        ("check", (), False, False, 0),
        ("check", (INFO,), False, False, 0),
        ("check", (PENDING,), True, False, 1),
        ("check", (WARNING,), False, False, 1),
        ("check", (ERROR,), False, False, 1),
        ("check", (UNREADABLE,), False, False, 2),
        ("check", (), False, True, 2),
        ("run", (), False, False, 0),
        ("run", (INFO,), True, False, 0),
        ("run", (WARNING,), False, False, 1),
        ("run", (ERROR,), False, False, 1),
        ("run", (UNREADABLE, ERROR), False, False, 2),
        ("run", (), False, True, 2),
        ("run --diff", (), False, False, 0),
        ("run --diff", (WARNING,), False, False, 1),
        ("run --diff", (UNREADABLE,), False, False, 2),
    ],
)
def test_exit_codes(
    engine: Engine,
    program: Path,
    command: str,
    findings: tuple[Finding, ...],
    pending: bool,
    failed: bool,
    expected: int,
) -> None:
    engine.outcome = Outcome(findings=findings, pending=pending, failed=failed)
    assert call(*command.split(), "app").exit_code == expected
    by_json = call(*command.split(), "app", "--output-format", "json")
    assert by_json.exit_code == json.loads(by_json.stdout)["exit_code"] == expected


def test_findings_go_to_standard_output(engine: Engine, program: Path) -> None:
    engine.outcome = Outcome(findings=(WARNING,), summary=Summary(files_read=1))
    result = call("check")
    assert result.stdout.startswith("app/a.py:1:1: ASY105 Handed on.\n")
    assert "Read 1 file" in result.stdout
    assert result.stderr == ""


def test_paths_are_relative_to_the_working_directory(
    engine: Engine, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.outcome = Outcome(findings=(WARNING,))
    monkeypatch.chdir(program / "app")
    assert call("check").stdout.startswith("a.py:1:1:")
    assert engine.requests[-1].config.root == program
    (program / "docs").mkdir()
    monkeypatch.chdir(program / "docs")
    assert call("check", "../app").stdout.startswith("../app/a.py:1:1:")


def test_run_writes(engine: Engine, program: Path) -> None:
    engine.outcome = Outcome(changes=(CHANGE,), summary=Summary(files_read=1, files_changed=1))
    result = call("run", "app")
    assert result.exit_code == 0
    assert "migrated: 1 file" in result.stdout
    assert (program / "app/a.py").read_bytes() == CHANGE.after


def test_check_writes_nothing(engine: Engine, program: Path) -> None:
    engine.outcome = Outcome(changes=(CHANGE,), pending=True)
    assert call("check", "app").exit_code == 1
    assert (program / "app/a.py").read_bytes() == CHANGE.before


def test_diff_is_bytes_on_standard_output_and_the_rest_on_standard_error(
    engine: Engine, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.outcome = Outcome(findings=(WARNING,), changes=(CHANGE,))
    monkeypatch.setenv("COLUMNS", "20")
    result = call("run", "--diff", "app")
    assert result.stdout_bytes == DIFF
    assert result.stderr.startswith("app/a.py:1:1: ASY105 Handed on.\n")
    assert (program / "app/a.py").read_bytes() == CHANGE.before


def test_git_applies_the_diff_wherever_the_command_ran(
    engine: Engine, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = program.parent / "repository"
    outer.mkdir()
    inner = program.rename(outer / "backend")
    commit(outer)
    engine.outcome = Outcome(changes=(CHANGE,))
    for folder in (outer, inner, inner / "app"):
        monkeypatch.chdir(folder)
        diff = call("run", "--diff", str(inner)).stdout_bytes
        assert b"--- a/backend/app/a.py\n" in diff
        subprocess.run(["git", "apply", "--check"], input=diff, cwd=outer, check=True)


def test_git_applies_the_diff_of_what_links_lead_to(engine: Engine, program: Path) -> None:
    (program / "link.py").symlink_to("app/a.py")
    commit(program)
    engine.outcome = Outcome(changes=(CHANGE, replace(CHANGE, path="link.py")))
    diff = call("run", "--diff").stdout_bytes
    assert diff.count(b"--- ") == 1
    subprocess.run(["git", "apply", "--check"], input=diff, cwd=program, check=True)


def test_json_holds_the_diff(engine: Engine, program: Path) -> None:
    engine.outcome = Outcome(findings=(WARNING,), changes=(CHANGE,))
    result = call("run", "--diff", "--output-format=json", "app")
    document = json.loads(result.stdout)
    jsonschema.validate(document, SCHEMA)
    assert document["diff"].encode(document["diff_encoding"]) == DIFF
    assert result.stderr == ""
    assert (program / "app/a.py").read_bytes() == CHANGE.before


def test_files_that_git_does_not_hold_refuse_the_run(engine: Engine, program: Path) -> None:
    commit(program)
    (program / "app/b.py").write_bytes(b"y = 1\n")
    engine.outcome = Outcome(changes=(CHANGE, FileChange("app/b.py", b"y = 1\n", b"y = 2\n")))
    result = call("run", "app")
    assert result.exit_code == 2
    assert "app/b.py:1:1: ASY502" in result.stdout
    assert "app/a.py:1:1" not in result.stdout
    assert "would migrate" in result.stdout or "nothing to migrate" in result.stdout
    assert (program / "app/a.py").read_bytes() == CHANGE.before
    assert call("run", "--diff", "app").exit_code == 0
    assert call("run", "--allow-dirty", "app").exit_code == 0
    assert (program / "app/b.py").read_bytes() == b"y = 2\n"


def test_an_interrupted_run_is_finished_before_the_engine_reads(
    engine: Engine, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asyncify.source import write

    monkeypatch.setattr(write, "_rename_all", lambda root, entries: None)
    monkeypatch.setattr(write, "_forget", lambda root: None)
    assert write.write_changes(program, (CHANGE,)) == ()
    monkeypatch.undo()
    monkeypatch.chdir(program)
    monkeypatch.setitem(sys.modules, "asyncify.engine", engine)
    monkeypatch.setattr(asyncify, "engine", engine, raising=False)
    assert "ASY503" in call("check").stdout
    assert call("check").exit_code == 2
    assert (program / "app/a.py").read_bytes() == CHANGE.before
    seen: list[bytes] = []
    engine.during = lambda: seen.append((program / "app/a.py").read_bytes())
    assert call("run").exit_code == 0
    assert seen == [CHANGE.after]


def test_ctrl_c_is_one_sentence(engine: Engine, program: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    engine.outcome, engine.during = Outcome(changes=(CHANGE,)), interrupt
    result = call("run")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted; nothing is half done.\n"
    assert (program / "app/a.py").read_bytes() == CHANGE.before


def test_an_error_in_the_engine_is_one_sentence_without_debug(
    engine: Engine, program: Path
) -> None:
    def fail() -> None:
        raise RuntimeError("broken")

    engine.during = fail
    result = call("check")
    assert result.exit_code == 2
    assert result.stderr == "internal error: RuntimeError: broken (--debug shows more)\n"
    assert isinstance(call("check", "--debug").exception, RuntimeError)


def test_what_the_system_refuses_is_one_sentence(engine: Engine, program: Path) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    engine.during = fail
    result = call("check")
    assert result.exit_code == 2
    assert result.stderr == "The system refuses: no space left on device (--debug shows more)\n"
    assert isinstance(call("check", "--debug").exception, OSError)


def test_findings_are_selected(engine: Engine, program: Path) -> None:
    engine.outcome = Outcome(findings=(WARNING, ERROR))
    assert call("check", "--ignore", "ASY1").exit_code == 0
    assert "ASY105" not in call("check", "--select", "ASY101").stdout


def test_wrong_keys_and_values_are_exit_code_2(engine: Engine, program: Path) -> None:
    (program / "pyproject.toml").write_text('[tool.asyncify]\nstile = "x"\n')
    result = call("check", "--delete-style", "marks")
    assert result.exit_code == 2
    assert result.stderr == (
        'pyproject.toml:2:1: unknown key "stile"; did you mean "style"?\n'
        '--delete-style: delete-style is "marks" but takes one of "await", "mark"; '
        'did you mean "mark"?\n'
    )
    assert engine.requests == []
    assert call("check", "--isolated").exit_code == 0


def test_a_wrong_format_is_exit_code_2(engine: Engine, program: Path) -> None:
    result = call("check", "--output-format", "jsn")
    assert result.exit_code == 2
    assert result.stderr.endswith('takes one of text, json, github; did you mean "json"?\n')


def test_an_unknown_flag_is_exit_code_2(program: Path) -> None:
    assert call("check", "--dif").exit_code == 2


def test_every_key_is_a_flag() -> None:
    for command in ("check", "run"):
        text = call(command, "--help").stdout
        assert all(f"--{key.name} " in text for key in KEYS)


def test_flags_reach_the_engine(engine: Engine, program: Path) -> None:
    config = program / "other.toml"
    config.write_text('style = "expression"\n')
    call("check", "app", "app/a.py", "--jobs=3", "--no-cache", f"--config={config}", "--sync=a,b")
    [request] = engine.requests
    assert request.paths == (Path("app"), Path("app/a.py"))
    assert (request.jobs, request.cache) == (3, False)
    assert (request.config.style, request.config.sync) == ("expression", ("a", "b"))


def test_defaults_reach_the_engine(engine: Engine, program: Path) -> None:
    call("run")
    [request] = engine.requests
    assert request == Request(Config(program), (Path(),), os.cpu_count() or 1)


@pytest.mark.parametrize("name", ["ASY101", "asy403"])
def test_explain_prints_the_page(name: str) -> None:
    result = call("explain", name)
    assert result.exit_code == 0
    assert result.stdout == RULES[name.upper()].page


@pytest.mark.parametrize("name", ["await-expression", "await_expression", "AwaitExpression"])
def test_explain_prints_the_page_of_a_transform(name: str) -> None:
    result = call("explain", name)
    assert result.exit_code == 0
    assert result.stdout.startswith("await-expression: Awaits an expression")
    assert "\nSource\n" in result.stdout


def test_explain_names_the_nearest() -> None:
    result = call("explain", "ASY99")
    assert result.exit_code == 2
    assert 'did you mean "ASY901"?' in result.stderr


def test_rules_lists_all() -> None:
    text = call("rules").stdout
    assert [line.split()[0] for line in text.splitlines() if line.startswith("ASY")] == [
        *SEVERITIES
    ]
    assert "Reports a comment `# asyncify: ignore[CODE]` on a line" in text
    document = json.loads(call("rules", "--output-format", "json").stdout)
    assert [rule["code"] for rule in document["rules"]] == [*SEVERITIES]
    assert call("rules", "--output-format", "xml").exit_code == 2


def test_version_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "asyncify", "--version"]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert result.stdout == f"asyncify {__version__}\n"


@pytest.mark.skipif(os.name != "posix", reason="a shell that closes streams")
def test_streams_that_the_shell_has_closed() -> None:
    command = f"exec {shlex.quote(sys.executable)} -m asyncify check --no-cache nothing.py >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=PROJECT).returncode == 2
    command = command.replace("check --no-cache nothing.py", "rules")
    assert subprocess.run(["sh", "-c", command], cwd=PROJECT).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    ["--version", "--help", "check --help", "explain ASY101", "explain make-async", "rules"],
)
def test_start_up_imports_nothing_heavy(arguments: str) -> None:
    program = (
        "import sys\n"
        "from asyncify.cli import app\n"
        "try:\n"
        f"    app({arguments.split()!r})\n"
        "finally:\n"
        "    heavy = {'libcst', 'sqlalchemy', 'rich', 'asyncify.engine', 'asyncify.source.write'}\n"
        "    assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, check=True)


class Terminal:
    """A stream that says it is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


@pytest.mark.parametrize(("seconds", "enabled"), [(0.5, True), (5.0, False), (5.0, True)])
def test_the_progress_bar_waits_for_a_second(
    monkeypatch: pytest.MonkeyPatch, seconds: float, enabled: bool
) -> None:
    from asyncify.report import progress as module

    clock = [0.0]
    monkeypatch.setattr(f"{module.__name__}.time.monotonic", lambda: clock[0])
    stream = Terminal()
    with ProgressBar(stream, enabled=enabled) as progress:  # type: ignore[arg-type]
        clock[0] = seconds
        progress("Reading", 3, 10)
    assert ("Reading" in stream.text) is (enabled and seconds > 1)


def test_the_progress_bar_appears_in_a_stage_that_counts_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from asyncify.report import progress as module

    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    stream = Terminal()
    with ProgressBar(stream, enabled=True) as progress:  # type: ignore[arg-type]
        progress("Deciding", 0, 0)
        time.sleep(0.5)
        assert "Deciding" in stream.text
    quick = Terminal()
    with ProgressBar(quick, enabled=True) as progress:  # type: ignore[arg-type]
        progress("Deciding", 0, 0)
    assert "Deciding" not in quick.text
