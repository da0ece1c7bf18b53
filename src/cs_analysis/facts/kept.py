"""Tables that several questions of one dataset ask for: staged when first asked for, and kept as long as the dataset lives."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import ibis.expr.types as ir

from cs_analysis.data.dataset import Dataset
from cs_analysis.facts.groups import By, by_columns
from cs_analysis.facts.policy import RevenuePolicy, policy_of

Answer = TypeVar("Answer")

_kept: WeakKeyDictionary[Dataset, dict[Hashable, Any]] = WeakKeyDictionary()


class Staged(Protocol):
    """A function that stages a table of a dataset under a policy, with group columns."""

    def __call__(self, ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> ir.Table:
        """Return the staged table."""


def kept(make: Staged) -> Staged:
    """Return the function with its answers kept: a dataset is frozen, so the same question has the same answer."""

    @wraps(make)
    def answer(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> ir.Table:
        return once(ds, (make, tuple(by_columns(by)), policy_of(policy)), lambda: make(ds, by=by, policy=policy))

    return answer


def once(ds: Dataset, asked: Hashable, make: Callable[[], Answer]) -> Answer:
    """Return what `make` answers the first time that this is asked of the dataset; what it answers must not be changed afterwards."""
    answers = _kept.setdefault(ds, {})
    if asked not in answers:
        answers[asked] = make()
    found: Answer = answers[asked]
    return found
