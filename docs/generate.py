"""Writes the pages of docs/rules and docs/transforms from what ``asyncify explain`` prints.

python docs/generate.py           write the pages
python docs/generate.py --check   only say which are out of date, and exit 1 if any is
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import dedent

from asyncify.rules import RULES, Rule
from asyncify.rules.transforms import transform_pages

DOCS = Path(__file__).resolve().parent
NOTE = "<!-- Written by docs/generate.py. Edit the source of `asyncify explain {name}` instead. -->"
# A line at the margin with an indented one below it; what is indented belongs to it.
HEADING = re.compile(r"^(\S.*)\n(?=    )", re.MULTILINE)
INDENT = re.compile(r"^    ", re.MULTILINE)
EXAMPLE = re.compile(r"^(?P<name>Before|After):\n(?P<code>(?:    .*\n|\n)+)", re.MULTILINE)


def pages() -> dict[str, str]:
    """Every generated page by its path below docs."""
    transforms = transform_pages()
    found = {"rules/README.md": rule_index(RULES.values())}
    found |= {f"rules/{code}.md": page(code, rule.page) for code, rule in RULES.items()}
    found["transforms/README.md"] = transform_index(transforms)
    found |= {
        f"transforms/{name}.md": page(name, f"# {name}\n\n{markdown(text)}")
        for name, text in transforms.items()
    }
    return found


def page(name: str, text: str) -> str:
    return f"{NOTE.format(name=name)}\n\n{text.strip()}\n"


def markdown(docstring: str) -> str:
    """A transform's docstring, with its headings and its examples marked up."""
    with_headings = HEADING.sub(r"## \1\n\n", docstring)
    return EXAMPLE.sub(fenced, INDENT.sub("", with_headings) + "\n")


def fenced(example: re.Match[str]) -> str:
    code = dedent(example["code"]).strip("\n")
    return f"{example['name']}:\n\n```python\n{code}\n```\n\n"


def rule_index(rules: Iterable[Rule]) -> str:
    """The list of all codes."""
    lines = [
        "# Findings",
        "",
        "Only errors and warnings count for the exit code. `asyncify explain CODE` prints a page.",
        "",
        "| code | name | severity |",
        "|---|---|---|",
        *(
            f"| [{rule.code}]({rule.code}.md) | {rule.name} | {rule.severity.value} |"
            for rule in rules
        ),
    ]
    return page("CODE", "\n".join(lines))


def transform_index(transforms: Mapping[str, str]) -> str:
    """The list of all transforms."""
    lines = [
        "# Transforms",
        "",
        "Each carries out one kind of decision. `asyncify explain TRANSFORM` prints its page.",
        "",
        *(
            f"- [{name}]({name}.md): {text.partition(chr(10))[0]}"
            for name, text in transforms.items()
        ),
    ]
    return page("TRANSFORM", "\n".join(lines))


def outdated() -> list[str]:
    """Pages that differ from what they should be, that are missing, or that nothing makes."""
    wanted = pages()
    there = {
        path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
        for folder in ("rules", "transforms")
        for path in (DOCS / folder).glob("*.md")
    }
    return sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))


def write() -> None:
    """Make the pages what they should be."""
    wanted = pages()
    for name in outdated():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        if name in wanted:
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        stale = outdated()
        print("\n".join(stale) or "All pages are up to date.")
        return int(bool(stale))
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
