"""The catalogue: every transform's page, its examples, and the cases on disk."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import pytest
from asyncify_transforms import CATALOGUE, MODULES, Example

from asyncify import decisions
from asyncify.decisions import Decision
from tests.transform_cases import Case, cases, check

HEADINGS = ["What it does", "Why", "Example", "Leaves alone", "Safety", "Source"]
_CASES = list(cases())
_EXAMPLES = [
    pytest.param(example, id=f"{module.TRANSFORM.name}-{index}")
    for module in MODULES
    for index, example in enumerate(module.EXAMPLES)
]


def _decision_types() -> set[type[Decision]]:
    members = vars(decisions).values()
    return {
        member
        for member in members
        if isinstance(member, type) and issubclass(member, Decision) and member is not Decision
    }


def test_every_decision_has_its_transform() -> None:
    assert set(CATALOGUE) == _decision_types()
    assert len(CATALOGUE) == len(MODULES)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.TRANSFORM.name)
def test_page(module: ModuleType) -> None:
    """One sentence, then the same headings everywhere; the name is that of the module."""
    page = module.__doc__ or ""
    assert page.splitlines()[0].endswith(".")
    headings = [line for line in page.splitlines()[1:] if line and not line.startswith(" ")]
    assert headings == HEADINGS
    assert "https://" in page.partition("\nSource\n")[2]
    assert module.__name__.rpartition(".")[2] == module.TRANSFORM.name.replace("-", "_")
    assert len(module.EXAMPLES) >= 1


@pytest.mark.parametrize("example", _EXAMPLES)
def test_example(example: Example) -> None:
    assert example.before.strip(), "an example has code"
    before, after = example.before.encode(), example.after.encode()
    check(Case("example", before, example.decisions, after, path="example.py"))


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    check(case)


def test_cases_name_transforms() -> None:
    names = {module.TRANSFORM.name for module in MODULES}
    assert {case.name.partition("/")[0] for case in _CASES} <= names


@pytest.mark.parametrize(
    "case", [case for case in _CASES if case.after], ids=lambda case: case.name
)
def test_case_with_carriage_returns(case: Case) -> None:
    """What is inserted ends its lines as the file does."""
    assert case.after is not None
    before, after = case.before.replace(b"\n", b"\r\n"), case.after.replace(b"\n", b"\r\n")
    check(dataclasses.replace(case, before=before, after=after))
