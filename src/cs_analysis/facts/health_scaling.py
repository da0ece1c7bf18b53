"""Lines from the worst to the best value, made from a table of features: for plain weights, and for scores of equal weights or of one feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from cs_analysis.facts.health_rules import Better, Knot, Measure, Rules, read_rules

_TAILS = (0.05, 0.95)


def equal_rules(table: pd.DataFrame, *, features: Sequence[str] | None = None, better: Mapping[str, Better] | None = None) -> Rules:
    """Return rules that weigh features alike, each on a line between the 5 % and the 95 % value of this table; one feature makes a score of it alone.

    Made from the rows of the training dates, such rules know nothing of later ones.

    Parameters
    ----------
    table : DataFrame
        `account_id`, `at` and feature columns.
    features : list of str, optional
        Columns to use; default: all but `account_id` and `at` that are made of numbers.
    better : mapping, optional
        `{feature: "higher" or "lower"}`; default: what `health_features` takes for healthy, and more where it is silent.

    Raises
    ------
    ParameterError
        As `read_rules`.
    """
    numbers = table.drop(columns=["account_id", "at"], errors="ignore").select_dtypes(["number", "bool"])
    names = list(numbers.columns if features is None else features)
    directions = better or {}
    weights = {name: {"weight": 1, **({"better": directions[name]} if name in directions else {})} for name in names}
    return replace(closed_rules(read_rules(weights, columns=table.columns), table.reindex(columns=names)), name="equal weights")


def closed_rules(rules: Rules, table: pd.DataFrame) -> Rules:
    """Return rules whose open measures have lines made from this table."""
    if not any(measure.is_open for measure in rules.measures):
        return rules
    return replace(rules, measures=tuple(_closed(measure, table[measure.feature], rules.scale) if measure.is_open else measure for measure in rules.measures))


def _closed(measure: Measure, column: pd.Series, scale: tuple[float, float]) -> Measure:
    """Return a measure whose points go from the lowest at the one end to the highest at the other.

    The ends are the 5 % and the 95 % value; where these are one, the smallest and the largest; where all values are one, it is in the middle.
    """
    values = column.to_numpy("float64", na_value=np.nan)
    values = values[~np.isnan(values)]
    first, last = np.quantile(values, _TAILS) if len(values) else (0.0, 0.0)
    if first == last and len(values):
        first, last = values.min(), values.max()
    if first == last:
        first, last = first - 1, last + 1
    points = scale if measure.better == "higher" else scale[::-1]
    return replace(measure, line=(Knot(float(first), points[0]), Knot(float(last), points[1])))
