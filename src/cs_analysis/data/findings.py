"""What a check found: one `Finding` a broken rule, and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Literal

import pandas as pd

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One broken rule in one column.

    `first_row` counts the data rows of the source from 1 (a header line is not counted) and is 0 where no row is at fault;
    `rows` is the number of rows affected.
    """

    severity: Severity
    table: str
    column: str
    rule: str
    rows: int
    first_row: int
    example: str
    what_to_do: str


def findings_table(found: Iterable[Finding]) -> pd.DataFrame:
    """Return findings as a table, errors first, then in the order in which they were found."""
    names = [f.name for f in fields(Finding)]
    table = pd.DataFrame([asdict(f) for f in found], columns=names)
    return table.sort_values("severity", kind="stable", ignore_index=True)
