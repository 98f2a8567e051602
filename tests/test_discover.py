"""Discovery: what belongs to the program, what of it is edited, and what git would ignore."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncify.config import Config
from asyncify.source.discover import Discovered, discover, find_root, is_generated

GIT_ENVIRONMENT = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def make(root: Path, *paths: str) -> None:
    """Create files; a path with ``=`` gives the content too."""
    for path in paths:
        name, _, content = path.partition("=")
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content.replace("|", "\n"))


def found(root: Path, *paths: str, **settings: tuple[str, ...]) -> Discovered:
    selected = tuple(root / path for path in paths) or (root,)
    return discover(Config(root, **settings), selected)  # type: ignore[arg-type]


def program(root: Path, *paths: str, **settings: tuple[str, ...]) -> list[str]:
    return [file.path for file in found(root, *paths, **settings).program]


def editable(root: Path, *paths: str, **settings: tuple[str, ...]) -> list[str]:
    return sorted(found(root, *paths, **settings).editable)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    return Path(os.path.realpath(tmp_path))


def test_program_is_whole_and_sorted_whatever_is_selected(root: Path) -> None:
    make(root, "b/z.py", "a.py", "b/a.py", "c/d/e.py", "b/notes.txt", "run.pyw")
    assert program(root, "b") == ["a.py", "b/a.py", "b/z.py", "c/d/e.py", "run.pyw"]
    assert editable(root, "b") == ["b/a.py", "b/z.py"]
    assert editable(root, "b/z.py", "c") == ["b/z.py", "c/d/e.py"]
    assert found(root).program[1].absolute == root / "b/a.py"


def test_globs_that_exclude_nothing_are_named(root: Path) -> None:
    make(
        root, ".gitignore=local/", "local/a.py", "shop/old/a.py", "shop/b_pb2.py", "env/pyvenv.cfg"
    )
    globs = ("old", "odl/", "shop/*.py", "shop/*_pb3.py", "local", ".venv", "env/", "!b_pb2.py")
    assert found(root, extend_exclude=globs).idle == ("odl/", "shop/*_pb3.py")
    assert found(root, exclude=("a.py", "vendor")).idle == ()


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/x.py",
        ".tox/py311/x.py",
        ".nox/x.py",
        ".eggs/x.py",
        ".mypy_cache/x.py",
        "__pycache__/x.py",
        "node_modules/gyp/x.py",
        "lib/site-packages/x.py",
        "build/lib/app/x.py",
        "docs/_build/x.py",
        "dist/x.py",
        "app.egg-info/x.py",
    ],
)
def test_folders_that_never_hold_own_code_are_not_entered(root: Path, path: str) -> None:
    make(root, "app.py", "docs/conf.py", path)
    assert path not in program(root)


def test_environments_are_known_by_their_marker(root: Path) -> None:
    make(root, "app.py", "myenv/pyvenv.cfg", "myenv/x.py", "other/conda-meta/y", "other/x.py")
    assert program(root) == ["app.py"]


def test_packages_named_as_build_folders_are_taken(root: Path) -> None:
    make(root, "build/__init__.py", "build/x.py", "app/features/build/x.py")
    assert program(root) == ["app/features/build/x.py", "build/__init__.py", "build/x.py"]


@pytest.mark.parametrize(
    "path", ["vendor/x.py", "app/_vendor/x.py", "third_party/y/x.py", "app/rows_pb2.py"]
)
def test_vendored_and_generated_code_is_read_but_not_edited(root: Path, path: str) -> None:
    make(root, "app.py", path)
    result = found(root)
    assert path in [file.path for file in result.program]
    assert result.excluded == {path}
    assert result.editable == {"app.py"}
    assert path in editable(root, exclude=())
    assert path in editable(root, path)


def test_extend_exclude_adds_to_the_default(root: Path) -> None:
    make(root, "app.py", "legacy/old.py", "vendor/x.py", "tests/data/x.py")
    assert editable(root, extend_exclude=("legacy", "tests/data/")) == ["app.py"]


def test_a_file_given_explicitly_is_always_taken(root: Path) -> None:
    make(root, ".gitignore=secret.py|out/", "secret.py", "out/x.py", "script", "app.py")
    assert program(root) == ["app.py", "secret.py"]
    assert editable(root, "secret.py", "out/x.py", "script") == ["out/x.py", "script", "secret.py"]
    assert "script" in program(root, "script")


def test_a_folder_given_explicitly_is_taken_though_it_is_ignored(root: Path) -> None:
    make(root, ".gitignore=out/|*_tmp.py", "out/a.py", "out/b_tmp.py", "vendor/v.py", "app.py")
    assert editable(root, "out") == ["out/a.py"]
    assert editable(root, "vendor") == ["vendor/v.py"]
    assert found(root, "vendor").excluded == frozenset()


def test_links_to_folders_are_not_followed_and_links_to_files_are(root: Path) -> None:
    make(root, "app/a.py")
    (root / "app" / "loop").symlink_to(root, target_is_directory=True)
    (root / "app" / "b.py").symlink_to(root / "app" / "a.py")
    (root / "app" / "lock.py").symlink_to("nowhere")
    assert program(root) == ["app/a.py", "app/b.py"]
    assert editable(root, "app/loop/app") == ["app/a.py", "app/b.py"]


def test_links_out_of_the_program_and_of_git_are_read_only(root: Path) -> None:
    make(root, "app.py")
    for name in ("held", "loose"):
        make(root.parent / name, "shared.py")
        (root / f"{name}.py").symlink_to(root.parent / name / "shared.py")
    (root.parent / "held" / ".git").mkdir()
    assert program(root) == ["app.py", "held.py", "loose.py"]
    assert editable(root) == ["app.py", "held.py"]
    assert editable(root, "loose.py") == ["loose.py"]


def test_named_pipes_are_not_taken(root: Path) -> None:
    make(root, "a.py")
    os.mkfifo(root / "pipe.py")
    assert program(root) == ["a.py"]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("nowhere.py", "There is no such file or folder."),
        ("nowhere/at/all", "There is no such file or folder."),
        ("empty", "There is no Python file in this folder."),
        ("book.ipynb", "This is a notebook, which is not edited."),
        ("stub.pyi", "This is a stub file, which is not edited."),
        ("pyproject.toml", "This is not a Python file."),
        ("pipe.py", "This is neither a file nor a folder."),
    ],
)
def test_what_cannot_be_taken_is_a_problem(root: Path, path: str, sentence: str) -> None:
    make(root, "app.py", "empty/readme", "book.ipynb", "stub.pyi", "pyproject.toml")
    os.mkfifo(root / "pipe.py")
    result = found(root, path, "app.py")
    assert [(item.site.path, item.code, item.reason) for item in result.problems] == [
        (path, "ASY301", sentence)
    ]
    assert result.editable == {"app.py"}


def test_an_unreadable_folder_is_a_problem(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, "app.py", "closed/x.py")
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = found(root)
    assert [file.path for file in result.program] == ["app.py"]
    assert [(item.site.path, item.reason) for item in result.problems] == [
        ("closed", "The folder can't be read: permission denied.")
    ]


def test_names_that_are_not_text_are_taken(root: Path) -> None:
    (root / os.fsdecode(b"caf\xe9.py")).touch()
    assert program(root) == [os.fsdecode(b"caf\xe9.py")]


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        (["backend/app/x.py"], "backend"),
        (["backend"], "backend"),
        (["backend/app", "backend/tests"], "backend"),
        (["backend/app", "tools"], ""),
        (["backend/gone.py"], "backend"),
        (["tools/deep"], ""),
    ],
)
def test_root_is_the_nearest_pyproject(root: Path, selected: list[str], expected: str) -> None:
    make(
        root, "backend/pyproject.toml", "backend/app/x.py", "backend/tests/y.py", "tools/deep/z.py"
    )
    assert find_root([root / path for path in selected]) == root / expected


def test_root_is_the_work_tree_or_the_path_without_a_pyproject(tmp_path: Path) -> None:
    base = Path(os.path.realpath(tmp_path)) / "tree"
    make(base, "app/sub/x.py")
    assert find_root([base / "app" / "sub" / "x.py"]) == base / "app" / "sub"
    (base / ".git").mkdir()
    assert find_root([base / "app" / "sub" / "x.py"]) == base
    (base.parent / "pyproject.toml").touch()
    assert find_root([base / "app" / "sub" / "x.py"]) == base  # that one is of another program


def test_ignore_files_above_and_below_the_root_hold(tmp_path: Path) -> None:
    base = Path(os.path.realpath(tmp_path))
    make(
        base,
        ".git/info/exclude=private.py",
        ".gitignore=*_local.py|/backend/gen/",
        "backend/.gitignore=!keep_local.py",
        "backend/sub/.gitignore=/only_here.py",
    )
    kept = ["keep_local.py", "sub/deep/only_here.py", "sub/gen/a.py"]
    ignored = ["a_local.py", "private.py", "gen/a.py", "sub/only_here.py", "sub/b_local.py"]
    make(base / "backend", *kept, *ignored)
    assert editable(base / "backend", ".") == kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"# @generated by protoc\nx = 1\n", True),
        (b'"""Doc."""\n# Code generated by x. DO NOT EDIT.\n', True),
        (b'MARKERS = ("@generated", "DO NOT EDIT")\n', False),
        (b"\n\n\n\n\n\n# DO NOT EDIT\n", False),
        (b"", False),
    ],
)
def test_generated_files_say_so_in_a_comment(text: bytes, expected: bool) -> None:
    assert is_generated(text) is expected


# --- git is the judge of ignore rules ---------------------------------------------------------

NAMES = ("a.py", "ab.py", "b.py", "#a.py", "!a.py", "a b.py", "x[1].py")
FOLDERS = ("", "a/", "b/", "a/b/", "a/b/a/", "ab/", "b/a/")
TREE = tuple(f"{folder}{name}" for folder in FOLDERS for name in NAMES)


@pytest.fixture(scope="module")
def work_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = Path(os.path.realpath(tmp_path_factory.mktemp("ignored")))
    subprocess.run(["git", "init", "-q", base], check=True, env=GIT_ENVIRONMENT)
    make(base, *TREE)
    return base


def kept_by_git(base: Path) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard", "--", "*.py"],
        cwd=base,
        env=GIT_ENVIRONMENT,
        capture_output=True,
        check=True,
    )
    return sorted(os.fsdecode(listed.stdout).split("\0")[:-1])


@pytest.mark.parametrize(
    "lines",
    [
        "a",
        "a/",
        "/a",
        "/a/",
        "a/b",
        "/a/b/",
        "*.py",
        "*.py\n!a.py",
        "a/*\n!a/a.py",
        "a/**",
        "**/b",
        "a/**/a",
        "**/a/b",
        "a**",
        "?.py",
        "[ab].py",
        "[!a].py",
        "[^a]*.py",
        "[a-b]b.py",
        "[]a].py",
        "[a.py",
        "x\\[1\\].py",
        "\\#a.py",
        "#a.py",
        "\\!a.py",
        "!a.py",
        "a b.py",
        "a.py   ",
        "a\\ b.py",
        "*\n!*/\n!a.py",
        "b\n!b/a.py",
        "a.py\r",
        "\ufeffa.py",
        "/*\n!/a\n/a/*\n!/a/b",
        "/",
        "**",
        "**/",
        "a//b",
        "[[:alpha:]].py",
        "[+--].py",
    ],
)
def test_ignore_rules_are_those_of_git(work_tree: Path, lines: str) -> None:
    (work_tree / ".gitignore").write_bytes(lines.encode())
    assert editable(work_tree) == kept_by_git(work_tree)


# A slash inside brackets, which nobody writes, is left out: git and its manual disagree on it.
lines_of_text = st.text(alphabet=st.sampled_from("aab/*?!.[]p\\y -"), min_size=1, max_size=9)
patterns = st.lists(
    lines_of_text.filter(lambda line: not {"[", "/"}.issubset(line)), min_size=1, max_size=4
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=patterns)
def test_any_ignore_rules_are_those_of_git(work_tree: Path, lines: list[str]) -> None:
    (work_tree / ".gitignore").write_text("\n".join(lines) + "\n")
    assert editable(work_tree) == kept_by_git(work_tree)
