"""Import roots: which file an import means, found as Python and pytest would find it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from asyncify import facts as f

_SURE = 2  # siblings that a folder's files import: one may be named like a library


class ImportRoots:
    """The files of a program, as imports see them."""

    def __init__(
        self,
        files: Mapping[str, f.ModuleFacts],
        roots: tuple[str, ...],
        projects: tuple[str, ...] = (),
    ) -> None:
        self.paths = paths = frozenset(files)
        self.projects = projects  # folders of projects inside this one
        self.folders: set[str] = set()
        self._above: dict[str, set[str]] = {}  # first part of a dotted name -> folders that have it
        for path in paths:
            self._add_folders(path)
        self.configured = tuple(root.strip("/") or "." for root in roots)
        self._roots: dict[str, tuple[str, ...]] = {}
        packages = {p for p in self.folders if _join(p, "__init__.py") in paths}
        packages.difference_update(projects, tuple(self._started_in(files, packages)))
        self.packages = packages
        self.every_root = tuple(
            sorted(
                {_package_root(str(PurePosixPath(path).parent), packages) for path in paths},
                key=lambda root: (root.count("/") if root != "." else -1, root),
            )
        )

    def _add_folders(self, path: str) -> None:
        """The folders of a file, and in which folder an import of each part of its path starts."""
        last = path.removesuffix(".py")
        while True:
            folder, _, name = last.rpartition("/")
            folder = folder or "."
            self._above.setdefault(name, set()).add(folder)
            if folder in self.folders or folder == ".":
                self.folders.add(folder)
                return
            self.folders.add(folder)
            last = folder

    def _started_in(self, files: Mapping[str, f.ModuleFacts], packages: set[str]) -> Iterator[str]:
        """Folders that programs are started in, though they have an ``__init__.py``: their files
        import one another by their bare names, and nobody imports them as a package."""
        own: dict[str, list[str]] = {
            folder: [] for folder in sorted(packages)
            if folder != "." and (folder.rpartition("/")[0] or ".") not in packages
        }  # fmt: skip
        for path in files:
            folder = path.rpartition("/")[0]
            if folder in own:
                own[folder].append(path)
        for folder, paths in own.items():
            imports = [item for path in paths for item in files[path].imports]
            firsts = {item.module.partition(".")[0] for item in imports if not item.level}
            siblings = {
                n for n in firsts - sys.stdlib_module_names if folder in self._above.get(n, ())
            }
            if len(siblings) < _SURE or any(item.level for item in imports):
                continue
            bare = sum(item.module.partition(".")[0] in siblings for item in imports)
            name = folder.rpartition("/")[2]
            named = sum(
                item.module.partition(".")[0] == name and not item.level
                for facts in files.values() for item in facts.imports
            )  # fmt: skip
            if named < bare:  # tests may say it, which run in the folder above
                yield folder

    def name(self, path: str) -> str:
        folder = str(PurePosixPath(path).parent)
        root = _package_root(folder, self.packages)
        for configured in (*self.configured, *self._project(folder), "src", "."):
            inside = (
                configured == "." or folder == configured or folder.startswith(configured + "/")
            )
            if inside and (configured in self.configured or folder not in self.packages):
                root = configured
                break
        dotted_name = ".".join(_importable(path if root == "." else path[len(root) + 1 :]))
        return dotted_name.removesuffix(".__init__") if dotted_name != "__init__" else root

    def _project(self, folder: str) -> tuple[str, ...]:
        """Where the imports of the innermost project start that a folder belongs to."""
        chain = [folder, *(str(p) for p in PurePosixPath(folder).parents)]
        found = next((place for place in chain if place in self.projects), "")
        return (f"{found}/src", found) if found else ()

    def roots(self, path: str) -> tuple[str, ...]:
        folder = str(PurePosixPath(path).parent)
        if folder not in self._roots:
            chain = [str(p) for p in (PurePosixPath(folder), *PurePosixPath(folder).parents)]
            own = [p for p in reversed(chain) if p not in self.packages]
            project = reversed(self._project(folder))
            candidates = [*self.configured, *project, ".", "src", *own, *self.every_root]
            # What one project calls by a package's name may be a portion of it in another.
            candidates += [place for p in self.projects for place in (f"{p}/src", p)]
            self._roots[folder] = tuple(dict.fromkeys(candidates))
        return self._roots[folder]

    def find(self, name: str, importer: str, folder: str, level: int) -> str | None:
        relative = name.replace(".", "/")
        if level:
            parents = [folder, *(str(p) for p in PurePosixPath(folder).parents)]
            if level > len(parents):
                return None
            return self._file(parents[level - 1], relative)
        first = name.partition(".")[0]
        above = self._above.get(first)
        if above is None:
            return None
        standard = first in sys.stdlib_module_names
        for root in self.roots(importer):
            if root not in above:
                continue
            if standard and root not in (".", "src", *self.configured, *self.projects):
                continue
            found = self._file(root, relative)
            if found is not None:
                return found
        return None

    def has_folder(self, name: str, importer: str, level: int) -> bool:
        if level:
            return False
        relative = name.replace(".", "/")
        return any(_join(root, relative) in self.folders for root in self.roots(importer))

    def _file(self, root: str, relative: str) -> str | None:
        base = _join(root, relative) if relative else root
        for candidate in (_join(base, "__init__.py"), base + ".py"):
            if candidate in self.paths:
                return candidate
        return None


def _importable(path: str) -> list[str]:
    """The parts of a file's name, without folders that no import can name, such as
    ``my-backend``, and those around them: imports start below."""
    *folders, last = path.removesuffix(".py").split("/")
    while not all(folder.isidentifier() for folder in folders):
        del folders[0]
    return [*folders, last]


def _join(folder: str, name: str) -> str:
    return name if folder in (".", "") else f"{folder}/{name}"


def _package_root(folder: str, packages: set[str]) -> str:
    while folder in packages and folder != ".":
        folder = str(PurePosixPath(folder).parent)
    return folder
