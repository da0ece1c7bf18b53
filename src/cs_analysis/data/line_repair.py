"""A delimited file with broken lines, gone through line by line: the good rows to one file, the others to another."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

_STRAY_QUOTE = "A quotation mark stands inside a value or is not closed"
_TOO_MANY = "There are more fields than in the header"
_TOO_FEW = "There are fewer fields than in the header"
_EXAMPLE_CHARACTERS = 200


@dataclass(frozen=True)
class Fault:
    """One reason why rows could not be cut into cells; `first_row` counts data rows from 1."""

    reason: str
    rows: int
    first_row: int
    example: str


def repair_lines(text: IO[str], good: Path, bad: Path, *, skip: int, width: int, delimiter: str) -> list[Fault]:
    """Return the faults of a file's rows, parted into `good` (row number, cells) and `bad` (row number, line, reason).

    A row whose quotation mark is not closed would swallow the rows after it: only its first line is given up, and reading
    goes on with the next.
    """
    faults: dict[str, Fault] = {}
    with good.open("w", encoding="utf-8", newline="") as kept, bad.open("w", encoding="utf-8", newline="") as rejected:
        keep, reject = (csv.writer(handle, lineterminator="\n").writerow for handle in (kept, rejected))
        keep(range(width + 1))
        reject(("_row", "line", "reason"))
        for row, (cells, line, reason) in enumerate(_records(text, skip=skip, width=width, delimiter=delimiter)):
            if row and not reason:
                keep((row, *cells))
            elif row:
                reject((row, line, reason))
                before = faults.get(reason, Fault(reason, 0, row, line[:_EXAMPLE_CHARACTERS]))
                faults[reason] = replace(before, rows=before.rows + 1)
    return list(faults.values())


def _records(text: IO[str], *, skip: int, width: int, delimiter: str) -> Iterator[tuple[list[str], str, str]]:
    """Yield each record, the header first, as its cells, its line and what is wrong with it (empty if nothing is)."""
    for _ in range(skip):
        next(text)
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells, reason = [], _STRAY_QUOTE
        else:
            reason = "" if len(cells) == width else _TOO_MANY if len(cells) > width else _TOO_FEW
        if reason != _STRAY_QUOTE and _is_empty(cells, width):
            continue
        if reason:
            lines.give_back()
        yield cells, lines.taken[0].rstrip("\r\n"), reason


def _is_empty(cells: list[str], width: int) -> bool:
    return not any(cells) or (width > 1 and len(cells) == 1 and cells[0].isspace())


class _Lines:
    """The lines of a file with a memory of those that the present record took, to give back all but the first."""

    def __init__(self, handle: IO[str]) -> None:
        self._handle = handle
        self._again: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._handle)
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """Put the lines after the first one back in front of the rest of the file."""
        self._again.extendleft(reversed(self.taken[1:]))
