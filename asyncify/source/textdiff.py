"""Unified diffs of bytes, in the form that ``git apply`` takes.

Lines end where git ends them, at a line feed: everything else, carriage returns and bytes of any
encoding included, is content.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asyncify.outcome import FileChange

_CONTEXT = 3
_NO_NEWLINE = b"\\ No newline at end of file\n"
_Opcode = tuple[str, int, int, int, int]
_ESCAPES = {0x22: b'\\"', 0x5C: b"\\\\", 0x09: b"\\t", 0x0A: b"\\n", 0x0D: b"\\r"}


def unified_diff(change: FileChange, prefix: str = "") -> bytes:
    """The diff of one file. ``prefix`` leads from the root of the git work tree to the root that
    the change's path is relative to (empty, or with a slash at its end), since ``git apply`` reads
    the paths from there, whatever folder it runs in."""
    if change.before == change.after:
        return b""
    # Names that aren't UTF-8 come from the file system as surrogates.
    name = (prefix + change.path).encode("utf-8", "surrogateescape")
    old, new = _quoted(b"a/" + name), _quoted(b"b/" + name)
    lines = [b"diff --git " + old + b" " + new + b"\n"]
    if change.before is None:
        lines.append(b"new file mode 100644\n")
    hunks = list(_hunks(_lines(change.before or b""), _lines(change.after)))
    if hunks:
        lines.append(b"--- " + (b"/dev/null" if change.before is None else _ended(old)) + b"\n")
        lines.append(b"+++ " + _ended(new) + b"\n")
    return b"".join(lines + hunks)


def _quoted(name: bytes) -> bytes:
    """A name as git spells it: in quotes where it has characters that would be misread."""
    if not any(byte < 0x20 or byte in _ESCAPES or byte == 0x7F for byte in name):
        return name
    return b'"' + b"".join(_escaped(byte) for byte in name) + b'"'


def _escaped(byte: int) -> bytes:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    return b"\\%03o" % byte if byte < 0x20 or byte == 0x7F else bytes((byte,))


def _ended(name: bytes) -> bytes:
    """A name with spaces ends with a tab, as git writes it."""
    return name + b"\t" if b" " in name and not name.startswith(b'"') else name


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    last = lines.pop()
    ended = [line + b"\n" for line in lines]
    return [*ended, last] if last else ended


def _hunks(before: list[bytes], after: list[bytes]) -> Iterator[bytes]:
    for group in _groups(before, after):
        first, last = group[0], group[-1]
        yield b"@@ -%s +%s @@\n" % (_range(first[1], last[2]), _range(first[3], last[4]))
        for kind, old_start, old_end, new_start, new_end in group:
            if kind == "equal":
                yield from _marked(b" ", before[old_start:old_end])
                continue
            yield from _marked(b"-", before[old_start:old_end])
            yield from _marked(b"+", after[new_start:new_end])


def _groups(before: list[bytes], after: list[bytes]) -> Iterator[Sequence[_Opcode]]:
    """The differences with their context. What is equal at both ends is cut off first: matching
    costs the square of what is left, and a hunk that ended without the context that is there would
    be one for the end of the file."""
    from difflib import SequenceMatcher

    start = _common(before, after)
    # Lines that are equal at both ends are counted once.
    behind = _common(before[start:][::-1], after[start:][::-1])
    old, new = len(before) - behind, len(after) - behind
    matcher = SequenceMatcher(None, before[start:old], after[start:new])
    above, below = min(start, _CONTEXT), min(behind, _CONTEXT)
    codes = [
        ("equal", start - above, start, start - above, start),
        *((kind, a + start, b + start, c + start, d + start)
          for kind, a, b, c, d in matcher.get_opcodes()),
        ("equal", old, old + below, new, new + below),
    ]  # fmt: skip
    group: list[_Opcode] = []
    for kind, a, b, c, d in codes:
        if kind == "equal" and b - a > 2 * _CONTEXT:
            yield [*group, (kind, a, a + _CONTEXT, c, c + _CONTEXT)]
            group, a, c = [], b - _CONTEXT, d - _CONTEXT
        if a < b or c < d:
            group.append((kind, a, b, c, d))
    if any(code[0] != "equal" for code in group):
        yield group


def _common(first: list[bytes], second: list[bytes]) -> int:
    """The number of equal lines at the start."""
    for number, (left, right) in enumerate(zip(first, second, strict=False)):
        if left != right:
            return number
    return min(len(first), len(second))


def _range(start: int, end: int) -> bytes:
    """A range of lines: an empty one names the line before it."""
    length = end - start
    if length == 1:
        return b"%d" % (start + 1)
    return b"%d,%d" % (start + 1 if length else start, length)


def _marked(mark: bytes, lines: list[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield mark + line
        if not line.endswith(b"\n"):
            yield b"\n" + _NO_NEWLINE
