"""Every command of the guide, run in its order on the program that comes with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = {"asyncify": "asyncify", "pytest": "pytest"}


def commands() -> list[str]:
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    return [line for block in BLOCK.findall(guide) for line in block.splitlines()]


def environment(folder: Path) -> dict[str, str]:
    """One in which the commands are those of this checkout."""
    for name, module in PROGRAMS.items():
        file = folder / name
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        file.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "transforms")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{
            f"GIT_{who}_{what}": "a@b"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }


def test_every_command_of_the_guide(tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copytree(ROOT / "fixtures" / "guide", program)
    (tmp_path / "bin").mkdir()
    known = environment(tmp_path / "bin")
    (program / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n.asyncify_cache/\n")
    start = ["git init --quiet .", "git add --all", "git commit --quiet --message start"]
    said: dict[str, str] = {}
    for command in (*start, *commands()):
        done = subprocess.run(
            command, shell=True, cwd=program, env=known, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        said[command] = done.stdout
    assert "Order.lines" in said["pytest --quiet -p asyncify.recorder"]
    assert said["asyncify status ."].startswith("Done: all ")
    log = subprocess.run(
        ["git", "log", "--format=%s"], cwd=program, capture_output=True, text=True, check=True
    )
    assert len(log.stdout.splitlines()) == 4
    assert "async def of_customer" in (program / "shop" / "orders.py").read_text()
