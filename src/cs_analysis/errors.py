"""Every exception the package raises on purpose. All of them are `ValueError`s."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class CSAnalysisError(ValueError):
    """Base of all errors of this package: what must hold, where it does not, what to do."""


class ContractError(CSAnalysisError):
    """The tables break the data contract.

    Attributes
    ----------
    violations : DataFrame
        One row a broken rule, as `check_dataset` returns it.
    """

    def __init__(self, message: str, violations: pd.DataFrame) -> None:
        super().__init__(message)
        self.violations = violations


class MissingTableError(CSAnalysisError):
    """A metric needs a table that the dataset does not have."""

    def __init__(self, table: str, present: Iterable[str]) -> None:
        known = ", ".join(sorted(present)) or "none"
        super().__init__(f"this needs the table '{table}', which the dataset does not have (present: {known}). Add {table}.csv or {table}.parquet.")
        self.table = table


class MissingColumnsError(CSAnalysisError):
    """A table lacks columns that the caller named or the metric needs."""

    def __init__(self, missing: Iterable[str], present: Iterable[str], *, table: str) -> None:
        present = list(present)
        names = list(missing)
        hints = [close[0] for name in names if (close := get_close_matches(name, present, n=1))]
        hint = f" Did you mean {', '.join(repr(h) for h in hints)}?" if hints else ""
        super().__init__(f"the table '{table}' has no column {', '.join(repr(n) for n in names)} (present: {', '.join(present)}).{hint}")
        self.missing = names


class ParameterError(CSAnalysisError):
    """An argument is outside what the function accepts."""


class NotEnoughDataError(CSAnalysisError):
    """The data are fine but too few, or of a kind, for the question asked."""


class ConvergenceError(CSAnalysisError):
    """A model's maximum could not be reached or lies on a boundary."""


class ReportError(CSAnalysisError):
    """A report could not be run; the last good one is left in place."""
