"""Console scripts are found in whatever file says them."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncify.source.scripts import scripts_of

PYPROJECT = """\
[project]
name = "shop"
[project.scripts]
fill = "shop.fill:main"
[project.gui-scripts]
window = "shop.window:show [gui]"
[project.entry-points."shop.plugins"]
paper = "shop.paper:Paper.make"
module = "shop.paper"
"""
POETRY = """\
[tool.poetry]
name = "shop"
[tool.poetry.scripts]
fill = "shop.fill:main"
check = { reference = "shop:check", type = "console" }
"""
SETUP_CFG = """\
[options.entry_points]
console_scripts =
    fill = shop.fill:main
"""
SETUP_PY = "setup(entry_points={'console_scripts': ['fill = shop.fill:main']})\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pyproject.toml", PYPROJECT, "shop.fill:main shop.window:show shop.paper:Paper.make"),
        ("pyproject.toml", POETRY, "shop.fill:main shop:check"),
        ("pyproject.toml", '[project]\nscripts = {fill = "shop.fill:main"}\n', "shop.fill:main"),
        ("pyproject.toml", "[project.scripts\n", ""),
        ("setup.cfg", SETUP_CFG, "shop.fill:main"),
        ("setup.py", SETUP_PY, "shop.fill:main"),
    ],
    ids=["standard", "poetry", "inline", "broken", "setup.cfg", "setup.py"],
)
def test_scripts(name: str, text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert sorted(scripts_of(tmp_path)) == sorted(expected.split())
