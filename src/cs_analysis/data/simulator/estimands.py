"""True values as sums over accounts: each block gives its share, the truth adds the shares up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.simulator.arrays import DAY, Floats
from cs_analysis.data.simulator.scenario import Scenario


@dataclass(frozen=True)
class Share:
    """What one block adds to a true value: over all blocks, value = sum of `total` / sum of `weight`, row by row of `keys`."""

    metric: str
    unit: str
    total: Any
    weight: Any
    keys: Mapping[str, Any] = field(default_factory=dict)

    def plus(self, other: Share) -> Share:
        """Return the sum of two blocks' shares of the same estimand."""
        return Share(self.metric, self.unit, np.add(self.total, other.total), np.add(self.weight, other.weight), self.keys)

    def table(self) -> pd.DataFrame:
        """Return keys, metric, unit and value; the value is missing where nobody was there to have one."""
        total, weight = np.broadcast_arrays(np.atleast_1d(np.asarray(self.total, dtype=float)), np.asarray(self.weight, dtype=float))
        value = np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0)
        keys = {
            name: np.broadcast_to(np.asarray(key, dtype=object) if isinstance(key, str) else np.asarray(key), value.shape) for name, key in self.keys.items()
        }
        return pd.DataFrame({**keys, "metric": self.metric, "unit": self.unit, "value": value})


def mean_of(metric: str, unit: str, values: Any, **keys: Any) -> Share:
    """Return the share of a mean over accounts or rows."""
    return Share(metric, unit, float(np.sum(values)), float(np.size(values)), keys)


def known(metric: str, unit: str, value: Any, **keys: Any) -> Share:
    """Return a true value that is a parameter or follows from parameters alone."""
    return Share(metric, unit, value, 1.0, keys)


def day_grid(scenario: Scenario) -> Floats:
    """Return the days 0, 1, ... up to the length of the history."""
    return np.arange((scenario.ends - scenario.begins) // DAY + 1, dtype=float)


def week_grid(scenario: Scenario) -> Floats:
    """Return the days 0, 7, ... up to the length of the history: after whole weeks, working time and real time agree."""
    return day_grid(scenario)[::7]


def tables_of(shares: Iterable[Share]) -> pd.DataFrame:
    """Return the estimands table: all keys first (missing where they do not apply), then metric, unit and value."""
    tables = [share.table() for share in shares]
    values = ["metric", "unit", "value"]
    keys = list(dict.fromkeys(name for table in tables for name in table.columns if name not in values))
    return pd.concat(tables, ignore_index=True)[[*keys, *values]]
