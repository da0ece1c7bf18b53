"""A fingerprint of what a dataset shows: equal for equal rows as known at `as_of`, whatever their order or file format."""

from __future__ import annotations

import hashlib

from cs_analysis.data import sql
from cs_analysis.data.dataset import Dataset, engine_of


def fingerprint(ds: Dataset) -> str:
    """Return 16 hexadecimal digits over all visible rows; rows and values after `as_of` do not enter."""
    digest = hashlib.sha256()
    for name in sorted(ds.tables):
        handle = ds.tables[name]
        cells = ", ".join(f"CAST({sql.name(column)} AS VARCHAR)" for column in sorted(handle.columns))
        totals = engine_of(ds).rows(f"SELECT count(*), sum(hash({cells})) FROM {sql.name(handle._view)}")[0]
        digest.update(f"{name}:{sorted(handle.columns)}:{totals}".encode())
    return digest.hexdigest()[:16]
