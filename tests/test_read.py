"""Reading: facts by content, kept between runs, the same from one process and from several."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from asyncify.facts import ModuleFacts
from asyncify.findings import Finding
from asyncify.source import parallel, read
from asyncify.source.discover import SourceFile
from asyncify.source.extract import extract
from asyncify.source.read import FactsCache, Reader

Results = dict[str, ModuleFacts | Finding]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "program"
    folder.mkdir()
    for number in range(6):
        (folder / f"m{number}.py").write_text(f"def f{number}(a):\n    return a.b({number})\n")
    return folder


def sources(root: Path) -> list[SourceFile]:
    return [SourceFile(path.name, str(path)) for path in sorted(root.glob("*.py"))]


def results(root: Path, *, jobs: int = 1, cache: bool = True) -> Results:
    reader = Reader(root, jobs, cache)
    return {file.path: found for file, found in reader.read(sources(root), lambda *_: None)}


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The texts that were not in the cache."""
    seen: list[bytes] = []

    def record(data: bytes) -> ModuleFacts:
        seen.append(data)
        return extract(data)

    monkeypatch.setattr(parallel, "extract", record)
    return seen


def test_every_file_has_facts_in_order(root: Path) -> None:
    found = results(root, cache=False)
    assert list(found) == [f"m{number}.py" for number in range(6)]
    assert all(isinstance(facts, ModuleFacts) for facts in found.values())


def test_unchanged_files_are_not_extracted_again(root: Path, extracted: list[bytes]) -> None:
    first = results(root)
    assert len(extracted) == 6
    extracted.clear()
    assert results(root) == first
    assert extracted == []


def test_a_changed_file_is_extracted_alone(root: Path, extracted: list[bytes]) -> None:
    results(root)
    extracted.clear()
    (root / "m3.py").write_text("x = 1\n")
    found = results(root)["m3.py"]
    assert extracted == [b"x = 1\n"]
    assert isinstance(found, ModuleFacts)
    assert found.functions[0].bound == {"x"}


def test_content_and_not_names_are_the_key(root: Path, extracted: list[bytes]) -> None:
    results(root)
    extracted.clear()
    (root / "m3.py").rename(root / "other.py")
    assert "other.py" in results(root)
    assert extracted == []


def test_files_that_went_are_forgotten(root: Path) -> None:
    results(root)
    for number in range(5):
        (root / f"m{number}.py").unlink()
    (root / "m5.py").write_text("x = 1\n")
    results(root)
    assert len(FactsCache(root).load()) == 1


def test_nothing_is_kept_without_a_cache(root: Path) -> None:
    results(root, cache=False)
    assert not FactsCache(root).path.exists()


@pytest.mark.parametrize("damage", [b"", b"\0\1\2 not facts", b"N", b"[\1\0\0\0N"])
def test_a_broken_cache_is_no_cache(root: Path, extracted: list[bytes], damage: bytes) -> None:
    first = results(root)
    FactsCache(root).path.write_bytes(damage)
    extracted.clear()
    assert results(root) == first
    assert len(extracted) == 6
    assert len(FactsCache(root).load()) == 6


def test_a_cut_cache_is_no_cache(root: Path, extracted: list[bytes]) -> None:
    first = results(root)
    path = FactsCache(root).path
    path.write_bytes(path.read_bytes()[:-40])
    extracted.clear()
    assert results(root) == first
    assert len(extracted) == 6


@pytest.mark.parametrize("name", ["SCHEMA", "__version__"])
def test_another_version_starts_anew(
    root: Path, extracted: list[bytes], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    results(root)
    extracted.clear()
    monkeypatch.setattr(read, name, "another")
    results(root)
    assert len(extracted) == 6


def test_programs_have_caches_of_their_own(root: Path, tmp_path: Path) -> None:
    assert FactsCache(root).path != FactsCache(tmp_path).path


def test_a_cache_that_cannot_be_written_is_none(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(results(root)) == 6


def test_a_file_that_went_is_a_finding(root: Path) -> None:
    files = [*sources(root), SourceFile("gone.py", str(root / "gone.py"))]
    found = {
        file.path: result for file, result in Reader(root, 1, True).read(files, lambda *_: None)
    }
    assert isinstance(found["m0.py"], ModuleFacts)
    finding = found["gone.py"]
    assert isinstance(finding, Finding)
    assert (finding.code, finding.site.path) == ("ASY301", "gone.py")
    assert "no such file" in finding.reason


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs permissions that hold")
def test_a_file_that_may_not_be_read_is_a_finding(root: Path) -> None:
    (root / "m1.py").chmod(0)
    finding = results(root)["m1.py"]
    assert isinstance(finding, Finding)
    assert finding.code == "ASY301"


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"def f(:\n", "ASY303"), (b"# coding: nonsense\n", "ASY302"), (b"x = '\xff'\n", "ASY302")],
)
def test_what_gives_no_facts_is_a_finding_every_time(root: Path, data: bytes, code: str) -> None:
    (root / "m1.py").write_bytes(data)
    for _ in range(2):
        found = results(root)
        finding = found.pop("m1.py")
        assert isinstance(finding, Finding)
        assert finding.code == code
        assert all(isinstance(facts, ModuleFacts) for facts in found.values())


def test_processes_find_what_one_finds(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "m1.py").write_bytes(b"def f(:\n")
    monkeypatch.setattr(parallel, "PARALLEL_BYTES", 1)
    monkeypatch.setattr(parallel, "_CHUNK_BYTES", 50)
    alone = results(root, cache=False)
    assert results(root, jobs=2, cache=False) == alone
    assert isinstance(alone["m1.py"], Finding)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked")
def test_what_an_ended_process_leaves_is_done_here(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = os.getpid()

    def ended(source: bytes) -> ModuleFacts:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return extract(source)

    alone = results(root, cache=False)
    monkeypatch.setattr(parallel, "PARALLEL_BYTES", 1)
    monkeypatch.setattr(parallel, "_CHUNK_BYTES", 50)
    monkeypatch.setattr(parallel, "extract", ended)
    assert results(root, jobs=3, cache=False) == alone


def test_progress_counts_to_the_end(root: Path) -> None:
    (root / "m1.py").write_bytes(b"def f(:\n")
    steps: list[tuple[str, int, int]] = []
    reader = Reader(root, 1, False)
    list(reader.read(sources(root), lambda *step: steps.append(step)))
    assert steps == [("Reading", done, 6) for done in range(1, 7)]
