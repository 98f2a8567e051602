"""The pages of the transforms: the docstrings of the modules in the catalogue.

The catalogue imports LibCST, so it is searched without being imported: only the docstrings are
wanted, and each stands in the file of its transform.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path


def transform_pages() -> Mapping[str, str]:
    """Name to page, sorted; a module whose name starts with an underscore is no transform."""
    spec = find_spec("asyncify_transforms")
    folders = spec.submodule_search_locations if spec is not None else None
    pages: dict[str, str] = {}
    for folder in folders or ():
        for path in sorted(Path(folder).glob("[!_]*.py")):
            docstring = ast.get_docstring(ast.parse(path.read_bytes()))
            if docstring and is_page(docstring):
                pages[path.stem.replace("_", "-")] = docstring
    return pages


def is_page(docstring: str) -> bool:
    """Whether a docstring has the headings of a transform; helper modules don't."""
    return "\nExample\n" in docstring and "\nSource\n" in docstring
