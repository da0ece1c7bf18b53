"""Array types, and the helpers for ragged rows: several rows an owner, without a loop over owners."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

DAY: Final = 86_400
"""Seconds of a day."""

NEVER: Final = 2**62
"""The instant, in seconds, of something that does not happen; every comparison with a real instant holds as it should."""


def spread(counts: Ints) -> tuple[Ints, Ints]:
    """Return, for `counts[i]` rows of owner i, each row's owner and its position 0, 1, ... within the owner."""
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - np.repeat(first, counts)


def position(owner: Ints) -> Ints:
    """Return each row's position 0, 1, ... within its owner, for rows sorted by owner."""
    rows = np.arange(len(owner))
    starts = np.ones(len(owner), dtype=bool)
    starts[1:] = owner[1:] != owner[:-1]
    return rows - np.maximum.accumulate(np.where(starts, rows, 0))


def running_total(values: Ints, place: Ints) -> Ints:
    """Return the cumulative sum of whole numbers within each owner, `place` being the row's position in it.

    Whole numbers only: sums of floats would depend on the owners that come before.
    """
    total = np.cumsum(values)
    first = np.arange(len(place)) - place
    return np.asarray(total - (total - values)[first])


def running_days(days: Floats, place: Ints) -> Floats:
    """Return the cumulative sum of days within each owner, kept to the millionth of a day."""
    return running_total(np.rint(days * 1e6).astype(np.int64), place) / 1e6


def in_order(owner: Ints, instant: Ints) -> Ints:
    """Return the row order that sorts by owner, then by instant; ties keep their order."""
    return np.lexsort((instant, owner))


def take(record: Record, rows: Ints) -> Record:
    """Return the given rows of a dataclass whose fields are all columns."""
    return replace(record, **{column.name: getattr(record, column.name)[rows] for column in fields(record)})


def pick(table: Any, rows: Ints, columns: Ints) -> Any:
    """Return `table[rows[i], columns[i]]` for every i."""
    return np.asarray(table)[rows, columns]
