"""Writing: all files or none, whatever happens, and the diffs that say the same."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asyncify.outcome import FileChange
from asyncify.source import write as module
from asyncify.source.textdiff import unified_diff
from asyncify.source.write import JOURNAL, dirty_problems, recover, unfinished, write_changes

if sys.platform != "win32":
    import fcntl

GIT_ENVIRONMENT = {
    **os.environ,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}
FILES = {"a.py": b"a = 1\n", "sub/b.py": b"b = 1\r\n", "c.py": b"c = 1"}
CHANGES = tuple(FileChange(path, text, text.replace(b"1", b"2")) for path, text in FILES.items())
BEFORE = dict(FILES)
AFTER = {change.path: change.after for change in CHANGES}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = Path(os.path.realpath(tmp_path)) / "program"
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text)
    return root


def tree(root: Path) -> dict[str, bytes]:
    """Every file below the root: nothing may be left behind."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def git(root: Path, *arguments: str, data: bytes = b"", check: bool = True) -> bytes:
    result = subprocess.run(
        ["git", *arguments], cwd=root, env=GIT_ENVIRONMENT, input=data, capture_output=True
    )
    assert result.returncode == 0 or not check, result.stderr
    return result.stdout + result.stderr


def committed(root: Path) -> Path:
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "all")
    return root


def test_all_files_are_written_and_nothing_is_left_behind(root: Path) -> None:
    assert write_changes(root, CHANGES) == ()
    assert tree(root) == AFTER


def test_new_files_are_written(root: Path) -> None:
    change = FileChange("new/deep/helper.py", None, b"x = 1\n")
    assert write_changes(root, (*CHANGES, change)) == ()
    assert tree(root) == {**AFTER, change.path: change.after}


def test_nothing_to_write(root: Path) -> None:
    assert write_changes(root, ()) == ()
    assert tree(root) == BEFORE


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no such locks")
@pytest.mark.parametrize("writes", [lambda root: write_changes(root, CHANGES), recover])
def test_runs_take_turns(root: Path, writes: Callable[[Path], object]) -> None:
    other = os.open(root, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    (root / JOURNAL).write_text("[]")
    before = tree(root)
    waiting = threading.Thread(target=writes, args=(root,))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    assert tree(root) == before
    os.close(other)
    waiting.join(10)
    assert tree(root) == (BEFORE if writes is recover else AFTER)


def test_mode_is_kept(root: Path) -> None:
    (root / "a.py").chmod(0o751)
    assert write_changes(root, CHANGES) == ()
    assert stat.S_IMODE((root / "a.py").stat().st_mode) == 0o751


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_owner_is_kept(root: Path) -> None:
    os.chown(root / "a.py", 12345, 23456)
    assert write_changes(root, CHANGES) == ()
    status = (root / "a.py").stat()
    assert (status.st_uid, status.st_gid) == (12345, 23456)


def test_an_owner_that_cannot_be_kept_refuses_everything(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(module, "_keep_owner_and_mode", refuse)
    [problem] = write_changes(root, CHANGES)
    assert problem.code == "ASY503"
    assert tree(root) == BEFORE


def test_links_are_followed(root: Path) -> None:
    outside = root.parent / "outside.py"
    outside.write_bytes(b"o = 1\n")
    (root / "link.py").symlink_to(outside)
    change = FileChange("link.py", b"o = 1\n", b"o = 2\n")
    assert write_changes(root, (change,)) == ()
    assert (root / "link.py").is_symlink()
    assert outside.read_bytes() == b"o = 2\n"
    assert sorted(path.name for path in root.parent.iterdir()) == ["outside.py", "program"]


def test_a_file_of_two_names_is_written_once_or_not_at_all(root: Path) -> None:
    (root / "alias.py").symlink_to("a.py")
    same = FileChange("alias.py", BEFORE["a.py"], AFTER["a.py"])
    other = FileChange("alias.py", BEFORE["a.py"], b"a = 3\n")
    [problem] = write_changes(root, (*CHANGES, other))
    assert problem.reason == "It is the same file as a.py, changed otherwise."
    assert (root / "a.py").read_bytes() == BEFORE["a.py"]
    assert write_changes(root, (*CHANGES, same)) == ()
    assert (root / "a.py").read_bytes() == AFTER["a.py"]


@pytest.mark.parametrize(
    ("path", "text", "before"),
    [("a.py", b"edited\n", b"a = 1\n"), ("new.py", b"here\n", None), ("gone.py", None, b"x\n")],
)
def test_a_file_that_changed_meanwhile_refuses_everything(
    root: Path, path: str, text: bytes | None, before: bytes | None
) -> None:
    if text is not None:
        (root / path).write_bytes(text)
    expected = tree(root)
    [problem] = write_changes(root, (*CHANGES[1:], FileChange(path, before, b"new\n")))
    assert (problem.code, problem.site.path) == ("ASY503", path)
    assert problem.reason == "It has changed since it was read, so nothing was written."
    assert tree(root) == expected


def test_a_read_only_file_refuses_everything(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "c.py")
    [problem] = write_changes(root, CHANGES)
    assert (problem.site.path, problem.reason) == (
        "c.py",
        "It is read-only, so nothing was written.",
    )
    assert tree(root) == BEFORE


@pytest.mark.parametrize("step", range(len(CHANGES) + 1))
def test_a_full_disk_refuses_everything(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    fail_at(monkeypatch, "_write_synced", step, OSError(28, "No space left on device"))
    [problem] = write_changes(root, CHANGES)
    assert problem.reason.endswith("so nothing was written: no space left on device.")
    assert tree(root) == BEFORE


@pytest.mark.parametrize("step", range(1, len(CHANGES) + 1))
def test_a_rename_that_fails_is_undone(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    replace = os.replace
    calls = iter(range(100))

    def fail(source: Path, target: Path) -> None:
        # The first call puts the journal in place.
        if next(calls) == step:
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    [problem] = write_changes(root, CHANGES)
    assert problem.site.path == CHANGES[step - 1].path
    assert tree(root) == BEFORE


def fail_at(monkeypatch: pytest.MonkeyPatch, name: str, step: int, error: BaseException) -> None:
    """The call number ``step`` of a function of the module raises."""
    function = getattr(module, name)
    calls = iter(range(1000))

    def failing(*arguments: object) -> object:
        if next(calls) == step:
            raise error
        return function(*arguments)

    monkeypatch.setattr(module, name, failing)


KILLED = """
import os, sys
from pathlib import Path
from asyncify.source import write as module
from tests.test_write import CHANGES

step, signals = int(sys.argv[2]), sys.argv[3]
calls = iter(range(1000))

def counted(function):
    def wrapper(*arguments):
        if next(calls) == step:
            os.kill(os.getpid(), int(signals))
        return function(*arguments)
    return wrapper

module._write_synced = counted(module._write_synced)
module.os.replace = counted(os.replace)
module.write_changes(Path(sys.argv[1]), CHANGES)
"""
# One synced write for the journal and one for each file, and as many renames.
STEPS = 2 * (len(CHANGES) + 1)


def killed(root: Path, step: int, number: signal.Signals) -> int:
    command = [sys.executable, "-c", KILLED, str(root), str(step), str(int(number))]
    project = Path(__file__).parents[1]
    # A shell's background jobs ignore SIGINT, and so would whatever they start.
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.run(command, cwd=project, capture_output=True, preexec_fn=heeding).returncode


@pytest.mark.parametrize("step", range(STEPS))
def test_a_killed_run_is_finished_or_undone_by_the_next(root: Path, step: int) -> None:
    assert killed(root, step, signal.SIGKILL) == -signal.SIGKILL
    left = tree(root)
    assert bool(unfinished(root)) is (JOURNAL in left)
    assert recover(root) == ()
    # Before the last new text reached the disk nothing was renamed; after that, all can be.
    assert tree(root) == (AFTER if step > len(CHANGES) + 1 else BEFORE)
    assert recover(root) == ()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", range(STEPS))
def test_an_interrupted_run_leaves_nothing_half_done(
    root: Path, step: int, number: signal.Signals
) -> None:
    assert killed(root, step, number) != 0
    assert tree(root) == (AFTER if step >= len(CHANGES) + 2 else BEFORE)


def test_a_file_edited_after_the_interruption_is_kept_and_the_rest_undone(root: Path) -> None:
    # Killed with one file renamed and two to go.
    killed(root, STEPS - 2, signal.SIGKILL)
    assert (root / "a.py").read_bytes() == AFTER["a.py"]
    (root / "c.py").write_bytes(b"edited\n")
    assert recover(root) == ()
    assert tree(root) == {**BEFORE, "c.py": b"edited\n"}


def test_a_broken_journal_is_a_problem_and_stays(root: Path) -> None:
    (root / JOURNAL).write_bytes(b"{")
    [problem] = recover(root)
    assert problem.code == "ASY503"
    assert (root / JOURNAL).exists()


# --- what git holds ---------------------------------------------------------------------------


def dirty(root: Path) -> list[str]:
    return [problem.site.path for problem in dirty_problems(root, CHANGES)]


def test_outside_git_there_is_no_guard(root: Path) -> None:
    assert dirty(root) == []


def test_committed_files_are_clean_though_their_time_changed(root: Path) -> None:
    committed(root)
    os.utime(root / "a.py", (1, 1))
    assert dirty(root) == []
    assert [problem.site.path for problem in dirty_problems(root / "sub", ())] == []


def test_modified_untracked_and_ignored_files_are_dirty(root: Path) -> None:
    (root / ".gitignore").write_text("c.py\n")
    committed(root)
    assert dirty(root) == ["c.py"]
    (root / "a.py").write_bytes(b"a = 3\n")
    git(root, "rm", "-q", "--cached", "sub/b.py")
    assert dirty(root) == ["a.py", "c.py", "sub/b.py"]


def test_staged_changes_are_held_and_hidden_ones_are_not(root: Path) -> None:
    committed(root)
    (root / "a.py").write_bytes(b"a = 3\n")
    git(root, "add", "a.py")
    assert dirty(root) == []
    git(root, "update-index", "--assume-unchanged", "c.py")
    assert dirty(root) == ["c.py"]


def test_the_guard_looks_at_what_links_lead_to(root: Path) -> None:
    other = root.parent / "other"
    other.mkdir()
    (other / "x.py").write_bytes(b"x = 1\n")
    committed(other)
    (other / "x.py").write_bytes(b"x = 2\n")
    (root / "link.py").symlink_to(other / "x.py")
    change = FileChange("link.py", b"x = 2\n", b"x = 3\n")
    assert [problem.site.path for problem in dirty_problems(root, (change,))] == ["link.py"]


def test_new_files_need_no_guard(root: Path) -> None:
    committed(root)
    assert dirty_problems(root, (FileChange("new.py", None, b""),)) == ()


def test_a_git_that_refuses_is_a_problem(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / ".git").write_text("gitdir: nowhere\n")
    [problem] = dirty_problems(root, CHANGES)
    assert "git refused: fatal: not a git repository" in problem.reason
    monkeypatch.setenv("PATH", os.devnull)
    [problem] = dirty_problems(root, CHANGES)
    assert "git can't be run" in problem.reason


# --- diffs ------------------------------------------------------------------------------------

TEXTS = [
    (b"a\nb\nc\n", b"a\nB\nc\n"),
    (b"a\r\nb\r\n", b"a\r\nB\r\n"),
    (b"a", b"b"),
    (b"a\n", b"a"),
    (b"a", b"a\n"),
    (b"", b"a\n"),
    (b"a\n", b""),
    (b"\xef\xbb\xbfa\n", b"\xef\xbb\xbfb\n"),
    (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", b"# -*- coding: latin-1 -*-\ny = '\xe9'\n"),
    (b"a\rb\rc", b"a\rB\rc"),
    (b"a\n\x0cb\n\xc2\x85\n", b"a\n\x0cc\n\xc2\x85\n"),
    (b"1\n" * 60, b"1\n" * 20 + b"2\n" + b"1\n" * 30 + b"3\n"),
    (b"--- a\n+++ b\n", b"+++ b\n--- a\n"),
]
NAMES = (
    "with space.py",
    'q"uote.py',
    "back\\slash.py",
    "t\tab.py",
    "n\nl.py",
    "é.py",
    "a b/c.py",
)


def assert_git_applies(root: Path, change: FileChange, folder: str = ".") -> None:
    """git takes the diff in ``folder`` and gets the new text from it."""
    diff = unified_diff(change)
    git(root / folder, "apply", "--check", data=diff)
    git(root / folder, "apply", "--whitespace=nowarn", data=diff)
    assert (root / change.path).read_bytes() == change.after


@pytest.mark.parametrize(("before", "after"), TEXTS)
def test_git_applies_the_diff(root: Path, before: bytes, after: bytes) -> None:
    (root / "a.py").write_bytes(before)
    committed(root)
    assert_git_applies(root, FileChange("a.py", before, after))


@pytest.mark.parametrize("name", NAMES)
def test_git_applies_the_diff_of_any_name(root: Path, name: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(b"a\n")
    committed(root)
    assert_git_applies(root, FileChange(name, b"a\n", b"b\n"))
    assert_git_applies(root, FileChange(f"new {name}", None, b"b\n"))


def test_git_applies_the_diff_in_a_subfolder(root: Path) -> None:
    committed(root)
    assert_git_applies(root, CHANGES[1], "sub")
    inner = FileChange("b.py", AFTER["sub/b.py"], b"b = 3\n")
    git(root / "sub", "apply", "--check", data=unified_diff(inner, "sub/"))


def test_no_change_is_no_diff() -> None:
    assert unified_diff(FileChange("a.py", b"a\n", b"a\n")) == b""
    assert unified_diff(FileChange("a.py", None, b"")) == (
        b"diff --git a/a.py b/a.py\nnew file mode 100644\n"
    )


def test_the_form_of_a_diff() -> None:
    change = FileChange("a b.py", b"1\n2\n3\n4\n5\n6", b"1\n2\n3\n4\nfive\n6")
    assert unified_diff(change, "app/").decode() == (
        "diff --git a/app/a b.py b/app/a b.py\n"
        "--- a/app/a b.py\t\n"
        "+++ b/app/a b.py\t\n"
        "@@ -2,5 +2,5 @@\n"
        " 2\n 3\n 4\n-5\n+five\n 6\n\\ No newline at end of file\n"
    )


lines = st.lists(st.sampled_from([b"a", b"b", b"c\r", b"", b"\xff"]), max_size=14)


@settings(max_examples=60, deadline=None)
@example(before=[b"a"] * 4, after=[b"a"] * 5, ended=False)
@example(before=[b"a"] * 5, after=[b"b", *[b"a"] * 4], ended=False)
@given(before=lines, after=lines, ended=st.booleans())
def test_patch_applies_any_diff(
    tmp_path_factory: pytest.TempPathFactory, before: list[bytes], after: list[bytes], ended: bool
) -> None:
    root = tmp_path_factory.mktemp("diff")
    old = b"\n".join(before) + b"\n" * ended
    new = b"\n".join(after)
    (root / "a.py").write_bytes(old)
    change = FileChange("a.py", old, new)
    if old != new:
        assert_git_applies(root, change)


def test_a_large_file_is_compared_at_once() -> None:
    before = b"".join(b"x%d = %d\n" % (number, number % 7) for number in range(200_000))
    after = before.replace(b"x100000 =", b"y =").replace(b"x100500 =", b"z =")
    assert unified_diff(FileChange("a.py", before, after)).count(b"\n@@ ") == 2
