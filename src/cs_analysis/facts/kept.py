"""Tables that several questions of one dataset ask for: staged when first asked for, and kept as long as the dataset lives."""

from __future__ import annotations

from collections.abc import Hashable
from functools import wraps
from typing import Protocol
from weakref import WeakKeyDictionary

import ibis.expr.types as ir

from cs_analysis.data.dataset import Dataset
from cs_analysis.facts.groups import By, by_columns
from cs_analysis.facts.policy import RevenuePolicy, policy_of

_kept: WeakKeyDictionary[Dataset, dict[Hashable, ir.Table]] = WeakKeyDictionary()


class Staged(Protocol):
    """A function that stages a table of a dataset under a policy, with group columns."""

    def __call__(self, ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> ir.Table:
        """Return the staged table."""


def kept(make: Staged) -> Staged:
    """Return the function with its answers kept: a dataset is frozen, so the same question has the same answer."""

    @wraps(make)
    def answer(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> ir.Table:
        tables, asked = _kept.setdefault(ds, {}), (make, tuple(by_columns(by)), policy_of(policy))
        if asked not in tables:
            tables[asked] = make(ds, by=by, policy=policy)
        return tables[asked]

    return answer
