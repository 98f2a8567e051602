"""The list of all rules and transforms, for people and for other programs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

from asyncify.rules import Rule

# To the first full stop or colon that isn't part of code: `# asyncify: skip-file` has one.
_SENTENCE_END = re.compile(r"(?:`[^`]*`|(?![.:](?:\s|$))[^`])*")


def _text(rules: Sequence[Rule], transforms: Mapping[str, str]) -> str:
    width = max(len(rule.name) for rule in rules)
    lines = [
        f"{rule.code}  {rule.severity.value:<7}  {rule.name:<{width}}  {_first_sentence(rule)}"
        for rule in rules
    ]
    lines += ["", "Transforms:", *(f"{name}  {_title(page)}" for name, page in transforms.items())]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _json(rules: Sequence[Rule], transforms: Mapping[str, str]) -> str:
    document = {
        "rules": [
            {
                "code": rule.code,
                "name": rule.name,
                "severity": rule.severity.value,
                "summary": _first_sentence(rule),
                "page": rule.page,
            }
            for rule in rules
        ],
        "transforms": [
            {"name": name, "summary": _title(page), "page": page}
            for name, page in transforms.items()
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _first_sentence(rule: Rule) -> str:
    """What the rule does, without the details that follow a colon."""
    text = " ".join(rule.section("What it does").split())
    end = _SENTENCE_END.match(text)
    return (end.group() if end else text).rstrip(".") + "."


def _title(page: str) -> str:
    return page.partition("\n")[0]


CATALOGUE_FORMATS: Mapping[str, Callable[[Sequence[Rule], Mapping[str, str]], str]] = {
    "text": _text,
    "json": _json,
}
