"""Discovery: which files belong to the program, and which of them may be edited.

The program is the whole project, so that callers are known; the paths on the command line only
limit what is edited. Folders that never hold the project's own code (virtual environments,
caches, build results) and those that ``.gitignore`` names are not entered. Excluded code is read,
because it may call what turns, and never edited; so is a single file that git ignores beside code
that it doesn't, a developer's script or local settings.

Links to folders are not followed, as in git: a loop can't trap the walk, and no file has two names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from asyncify.config import DEFAULT_EXCLUDE, Config
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.source.git import work_tree_of
from asyncify.source.ignore import IgnoreRules

SKIPPED_FOLDERS = frozenset(
    {
        ".bzr",
        ".direnv",
        ".eggs",
        ".git",
        ".hg",
        ".hypothesis",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pyre",
        ".pytest_cache",
        ".pytype",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
        "__pycache__",
        "__pypackages__",
        "node_modules",
        "site-packages",
    }
)
# Build results, where builds put them and only there: some programs have packages of these names.
BUILD_FOLDERS = frozenset({"build", "dist", "_build"})
BUILDS = frozenset({"pyproject.toml", "setup.py", "setup.cfg", "package.json", "conf.py"})
ENVIRONMENT_MARKERS = ("pyvenv.cfg", "conda-meta")
NOT_EDITED = {".ipynb": "a notebook", ".pyi": "a stub file"}
# Other files of a project, some of which are Python by accident. A script may have any other name.
_OTHER_FILES = frozenset(
    {
        ".cfg", ".css", ".csv", ".html", ".ini", ".js", ".json", ".lock", ".md", ".rst", ".sh",
        ".sql", ".toml", ".txt", ".yaml", ".yml",
    }
)  # fmt: skip
_NOT_EDITED = tuple(NOT_EDITED)
_WALKED = (".py", ".pyw", *_NOT_EDITED)
_GENERATED_MARKERS = (b"@generated", b"DO NOT EDIT", b"Do not edit")
_GENERATED_LINES = 5


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the program; ``path`` is relative to the root, with forward slashes. ``location``
    is where it can be opened: thousands of Path objects take as long as reading the folders."""

    path: str
    location: str

    @property
    def absolute(self) -> Path:
        """``location`` as a path."""
        return Path(self.location)


@dataclass(frozen=True, slots=True)
class Discovered:
    """The files of the program in sorted order; ``editable`` names those that the command line
    selects, ``explicit`` those among them that it names one by one, ``excluded`` those that the
    configuration or git keeps from being edited (problems with reading these are nobody's concern).
    ``others`` are notebooks and stubs: never edited, but they may mention what turns. ``projects``
    are the folders below the root that have a pyproject.toml or the like: imports start there.
    ``idle`` are the globs of the configuration that exclude nothing."""

    program: tuple[SourceFile, ...] = ()
    editable: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    problems: tuple[Finding, ...] = ()
    explicit: frozenset[str] = frozenset()
    others: tuple[SourceFile, ...] = ()
    projects: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()


def find_root(paths: Iterable[Path]) -> Path:
    """The root of the program that ``paths`` belong to: the folder of the nearest pyproject.toml
    in the git work tree, else its root, else the folder that holds the paths."""
    absolute = [real_path(path) for path in paths] or [Path.cwd()]
    start = Path(os.path.commonpath([_nearest_folder(path) for path in absolute]))
    work_tree = work_tree_of(start)
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file():
            return folder
        if folder == work_tree:
            return folder
    return start


def real_path(path: Path) -> Path:
    """``path`` without links, except that a link to a file keeps its own name."""
    absolute = Path(os.path.abspath(path))
    if absolute.is_dir():
        return Path(os.path.realpath(absolute))
    return Path(os.path.realpath(absolute.parent), absolute.name)


def _nearest_folder(path: Path) -> Path:
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path


def is_generated(data: bytes) -> bool:
    """Whether a file says in its first lines that a program wrote it."""
    head = data[:2000]
    if not any(marker in head for marker in _GENERATED_MARKERS):
        return False
    lines = head.split(b"\n", _GENERATED_LINES)[:_GENERATED_LINES]
    comments = [line for line in lines if line.lstrip().startswith(b"#")]
    return any(marker in line for line in comments for marker in _GENERATED_MARKERS)


def discover(config: Config, paths: tuple[Path, ...]) -> Discovered:
    """The program at ``config.root`` and what ``paths`` select of it."""
    walk = _Walk(config)
    walk.enter(_Folder(os.fspath(config.root), ""))
    selection = _Selection(walk)
    for path in paths:
        selection.take(real_path(path))
    return Discovered(
        program=_sorted(walk.files),
        editable=frozenset(selection.editable),
        excluded=frozenset(walk.excluded - selection.editable),
        problems=(*walk.problems, *selection.problems),
        explicit=frozenset(selection.explicit),
        others=_sorted(walk.others),
        projects=tuple(sorted(walk.projects)),
        idle=tuple(_idle_globs(config, walk)),
    )


def _idle_globs(config: Config, walk: _Walk) -> Iterator[str]:
    """The globs that somebody wrote and nothing has the name of. What is there and isn't read
    (an environment, a folder that git ignores) is excluded all the same."""
    written = {*config.exclude, *config.extend_exclude} - {*DEFAULT_EXCLUDE, *SKIPPED_FOLDERS}
    if not written:
        return
    files = {*walk.files, *walk.others}
    folders = {folder for path in files for folder in _folders_above(path)}
    for glob in sorted(written):
        rules = IgnoreRules([glob.removeprefix("!")])
        if not rules or (config.root / glob.removeprefix("!").strip("/")).exists():
            continue
        if not (_any_named(rules, folders, True) or _any_named(rules, files, False)):
            yield glob


def _folders_above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _any_named(rules: IgnoreRules, paths: Iterable[str], are_folders: bool) -> bool:
    return any(rules.verdict(path, path.rpartition("/")[2], are_folders) for path in paths)


def _sorted(files: dict[str, str]) -> tuple[SourceFile, ...]:
    return tuple(SourceFile(path, files[path]) for path in sorted(files))


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to be read: ``prefix`` is its path relative to the root, empty or with a slash at
    its end; ``rules`` are the ignore files that hold in it, the innermost last; ``is_build`` says
    that it stands where builds put their results."""

    absolute: str
    prefix: str
    rules: tuple[IgnoreRules, ...] = ()
    excluded: bool = False
    is_build: bool = False


@dataclass
class _Walk:
    """Reads folders and collects their Python files, as path to absolute path; ``others`` are the
    notebooks and stubs."""

    config: Config
    files: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    excluded: set[str] = field(default_factory=set)
    problems: list[Finding] = field(default_factory=list)
    projects: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.root = os.fspath(self.config.root)
        self._exclude = IgnoreRules((*self.config.exclude, *self.config.extend_exclude))
        self._outer_rules = tuple(_rules_above(self.config.root))

    def enter(self, start: _Folder) -> None:
        """Read a folder and all below it; the start itself is taken whatever it is."""
        pending = [_Folder(start.absolute, start.prefix, self._rules_above(start), start.excluded)]
        while pending:
            folder = pending.pop()
            entries = self._entries(folder)
            names = {entry.name for entry in entries}
            if folder.prefix != start.prefix and _is_foreign(folder, names):
                continue
            if folder.prefix and _is_project(names):
                self.projects.add(folder.prefix[:-1])
            may_build = not folder.prefix or not names.isdisjoint(BUILDS)
            rules = folder.rules
            if ".gitignore" in names:
                rules = (*rules, *_rules_in(folder.absolute, cut=len(folder.prefix)))
            for entry in entries:
                inner = self._visit(entry, folder, rules)
                if inner is not None:
                    is_build = may_build and entry.name in BUILD_FOLDERS
                    pending.append(replace(inner, is_build=True) if is_build else inner)

    def _rules_above(self, start: _Folder) -> tuple[IgnoreRules, ...]:
        """The ignore files between the root and a folder below it."""
        rules = list(self._outer_rules)
        parts = start.prefix.split("/")[:-1]
        for number in range(len(parts)):
            prefix = "".join(f"{part}/" for part in parts[:number])
            rules += _rules_in(os.path.join(self.root, prefix), cut=len(prefix))
        return tuple(rules)

    def _entries(self, folder: _Folder) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder.absolute) as entries:
                return list(entries)
        except OSError as error:
            reason = f"The folder can't be read: {(error.strerror or str(error)).lower()}."
            self.problems.append(finding("ASY301", Site(folder.prefix[:-1] or ".", 1, 1), reason))
            return []

    def _visit(
        self, entry: os.DirEntry[str], folder: _Folder, rules: tuple[IgnoreRules, ...]
    ) -> _Folder | None:
        """Take a Python file, or give the folder that is to be read next."""
        name = entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if is_folder:
            if name in SKIPPED_FOLDERS or name.endswith(".egg-info"):
                return None
        elif not name.endswith(_WALKED):
            return None
        path = folder.prefix + name
        ignored = _is_ignored(path, name, is_folder, rules)
        if ignored and (is_folder or name.endswith(_NOT_EDITED)):
            return None
        excluded = folder.excluded or ignored or _leads_out(entry, self.root)
        excluded = excluded or bool(self._exclude.verdict(path, name, is_folder))
        if is_folder:
            return _Folder(entry.path, f"{path}/", rules, excluded)
        if not _is_file(entry):
            return None
        if name.endswith(_NOT_EDITED):
            if not excluded:
                self.others[path] = entry.path
        else:
            self.files[path] = entry.path
            (self.excluded.add if excluded else self.excluded.discard)(path)
        return None


def _leads_out(entry: os.DirEntry[str], root: str) -> bool:
    """Whether a link leads out of the program, to where no git could bring the file back."""
    if not entry.is_symlink():
        return False
    target = Path(os.path.realpath(entry.path))
    return not target.is_relative_to(os.path.realpath(root)) and work_tree_of(target.parent) is None


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False


def _is_project(names: set[str]) -> bool:
    """Whether a folder with these entries is that of a project. A package may have a module that is
    called setup."""
    return "pyproject.toml" in names or (
        not names.isdisjoint({"setup.py", "setup.cfg"}) and "__init__.py" not in names
    )


def _is_foreign(folder: _Folder, names: set[str]) -> bool:
    """Whether a folder holds an environment or the results of a build."""
    if any(marker in names for marker in ENVIRONMENT_MARKERS):
        return True
    return folder.is_build and "__init__.py" not in names


def _is_ignored(path: str, name: str, is_folder: bool, rules: tuple[IgnoreRules, ...]) -> bool:
    for level in reversed(rules):
        verdict = level.verdict(path, name, is_folder)
        if verdict is not None:
            return verdict
    return False


def _rules_above(root: Path) -> Iterator[IgnoreRules]:
    """The ignore files of the work tree above the root, the outermost first."""
    work_tree = work_tree_of(root)
    if work_tree is None:
        return
    inner = root.relative_to(work_tree)
    yield from _rules_in(work_tree, inserted=_prefix(inner), name=".git/info/exclude")
    for folder in reversed(inner.parents) if inner.parts else ():
        inserted = _prefix(inner.relative_to(folder))
        yield from _rules_in(work_tree / folder, inserted=inserted)


def _prefix(path: Path) -> str:
    return "".join(f"{part}/" for part in path.parts)


def _rules_in(
    folder: str | Path, inserted: str = "", cut: int = 0, name: str = ".gitignore"
) -> Iterator[IgnoreRules]:
    """The rules of one ignore file, where there is one that says something."""
    try:
        with open(os.path.join(folder, name), encoding="utf-8-sig", errors="replace") as file:
            rules = IgnoreRules(file, inserted=inserted, cut=cut)
    except OSError:
        return
    if rules:
        yield rules


@dataclass
class _Selection:
    """What the paths on the command line select."""

    walk: _Walk
    editable: set[str] = field(default_factory=set)
    explicit: set[str] = field(default_factory=set)
    problems: list[Finding] = field(default_factory=list)

    def take(self, path: Path) -> None:
        relative = os.path.relpath(path, self.walk.root).replace(os.sep, "/")
        try:
            path.stat()
        except OSError as error:
            self._refuse(relative, _missing(error))
            return
        if path.is_dir():
            self._take_folder(path, "" if relative == "." else f"{relative}/")
        elif path.suffix in NOT_EDITED:
            self._refuse(relative, f"This is {NOT_EDITED[path.suffix]}, which is not edited.")
        elif path.suffix in _OTHER_FILES:
            self._refuse(relative, "This is not a Python file.")
        elif not path.is_file():  # reading a pipe would wait for ever
            self._refuse(relative, "This is neither a file nor a folder.")
        else:
            self.walk.files.setdefault(relative, os.fspath(path))
            self.editable.add(relative)
            self.explicit.add(relative)

    def _take_folder(self, path: Path, prefix: str) -> None:
        inside = self._inside(prefix)
        if not inside:
            # The folder itself is ignored, excluded or skipped; naming it takes it in.
            self.walk.enter(_Folder(os.fspath(path), prefix))
            inside = self._inside(prefix)
        if not inside and not self.walk.problems:
            self._refuse(prefix.rstrip("/") or ".", "There is no Python file in this folder.")
        self.editable.update(inside)

    def _inside(self, prefix: str) -> set[str]:
        excluded = self.walk.excluded
        return {_ for _ in self.walk.files if _.startswith(prefix) and _ not in excluded}

    def _refuse(self, path: str, reason: str) -> None:
        self.problems.append(finding("ASY301", Site(path, 1, 1), reason))


def _missing(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no such file or folder."
    return f"This can't be read: {(error.strerror or str(error)).lower()}."
