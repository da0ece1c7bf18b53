"""Points, parts and scores from checked rules. Pure computing on a table of features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.account_features import FEATURES
from cs_analysis.facts.health_bands import bands_with_memory
from cs_analysis.facts.health_rules import Measure, Rules
from cs_analysis.facts.health_scaling import closed_rules

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

KEYS = ["account_id", "at"]
START, BEYOND = "(start)", "(beyond the scale)"
_GRID = 2.0**-32  # sums of numbers on this grid below 2^20 are exact in any order


class Scored(NamedTuple):
    """Scores of a table, row by row, from 0 to 100.

    `parts` has one column a measure; with `start` and `beyond` (what holding the score within 0 to 100 takes off) a row sums to `score` exactly.
    """

    inputs: Floats
    points: Floats
    known: Flags
    weights: Floats
    parts: Floats
    start: float
    beyond: Floats
    score: Floats


def score(rules: Rules, features: pd.DataFrame) -> pd.DataFrame:
    """Return one row a row of the features, in their order: `account_id, at, score, band, inputs, inputs_used`.

    The band has a memory: see `bands_with_memory`. `score` and `band` are missing where no input is known, or, under the policy "no_score", where one
    is not.

    Raises
    ------
    ParameterError, MissingColumnsError
        What the rules need is not in the table.
    """
    table = checked_features(rules, features)
    found = scored(rules, table)
    keys = table[KEYS]
    return keys.assign(
        score=found.score,
        band=bands_with_memory(rules, keys, found.score),
        inputs=sum(measure.weight > 0 for measure in rules.measures),
        inputs_used=found.known.sum(axis=1).astype("int64"),
    )


def parts(rules: Rules, features: pd.DataFrame) -> pd.DataFrame:
    """Return one row a row of the features and measure: `account_id, at, measure, value, points, part`; parts of a row sum to its score exactly.

    `points` are from 0 to 100 (in a sum: points above or below the start), `part` is what the measure adds to the score, missing where it adds
    nothing because its value is missing. Rules that start from points have a row "(start)", and "(beyond the scale)" for what was cut off.
    """
    table = checked_features(rules, features)
    found = scored(rules, table)
    columns = [(name, found.inputs[:, place], found.points[:, place], found.parts[:, place]) for place, name in enumerate(rules.features)]
    if rules.style == "sum":
        nothing = np.full(len(table), np.nan)
        starts = np.where(np.isnan(found.score), np.nan, found.start)
        columns = [(START, nothing, nothing, starts), *columns, (BEYOND, nothing, nothing, found.beyond)]
    keys = table[KEYS]
    long = [keys.assign(measure=name, value=value, points=points, part=part) for name, value, points, part in columns]
    return pd.concat(long).sort_index(kind="stable").reset_index(drop=True)


def checked_features(rules: Rules, features: pd.DataFrame) -> pd.DataFrame:
    """Return the keys and the measures' columns; a feature of `health_features` that the table lacks is missing in every row.

    Raises
    ------
    MissingColumnsError
        No `account_id` or `at`, or none of the measures.
    ParameterError
        An account twice at a date, a feature that is no number, or one that is nowhere.
    """
    if lacking := [name for name in KEYS if name not in features.columns]:
        raise MissingColumnsError(lacking, features.columns, table="features")
    _check_keys(features)
    present = [name for name in rules.features if name in features.columns]
    if not present or any(name not in FEATURES for name in rules.features if name not in present):
        raise MissingColumnsError([name for name in rules.features if name not in present], features.columns, table="features")
    for name in present:
        _check_numbers(name, features)
    return features[[*KEYS, *present]].reindex(columns=[*KEYS, *rules.features]).reset_index(drop=True)


def scored(rules: Rules, table: pd.DataFrame) -> Scored:
    """Return the scores of a checked table."""
    closed = closed_rules(rules, table)
    values = table[list(rules.features)].to_numpy("float64", na_value=np.nan)
    low, high = closed.scale
    unit, offset = 100 / (high - low), low if closed.style == "mean" else 0.0
    raw = np.column_stack([measure_points(measure, values[:, place], missing=np.nan) for place, measure in enumerate(closed.measures)])
    given = np.array([measure.weight for measure in closed.measures])
    known: Flags = ~np.isnan(values) & (given > 0)
    points = (raw - offset) * unit
    counted = np.where(known, points, [(_stand_in(closed, measure) - offset) * unit for measure in closed.measures])
    weights = _weights(given, known, closed)
    start = 0.0 if closed.style == "mean" else float(on_grid((closed.start - low) * unit))
    nothing = np.zeros(len(values))
    return _exact(Scored(values, points, known, weights, weights * np.nan_to_num(counted), start, nothing, nothing))


def measure_points(measure: Measure, values: Floats, *, missing: float) -> Floats:
    """Return the points of values on the scale of the rules; a value that meets no condition gets 0."""
    if measure.line:
        at, points = (np.array(column) for column in zip(*measure.line, strict=True))
        return np.where(np.isnan(values), missing, np.interp(values, at, points))
    found = np.select([part.span.holds(values) for part in measure.conditions], [part.points for part in measure.conditions], 0.0)
    return np.where(np.isnan(values), missing, found)


def _check_keys(features: pd.DataFrame) -> None:
    """Raise unless each row is an account at a date of its own."""
    empty = features[KEYS].isna().any(axis=1).to_numpy()
    if empty.any():
        raise ParameterError(f"every row of the features needs an account_id and a date `at`; row {int(empty.argmax()) + 1} lacks one. Fill it in or drop it.")
    if not pd.api.types.is_datetime64_any_dtype(features["at"]):
        raise ParameterError(f"`at` must hold dates; it is of type {features['at'].dtype}. Turn it into dates with pandas.to_datetime.")
    if (twice := features.duplicated(KEYS).to_numpy()).any():
        account, at = features.loc[twice, KEYS].iloc[0]
        raise ParameterError(f"features must have one row an account and date; account {account!r} has two at {at:%Y-%m-%d}. Drop one of them.")


def _check_numbers(name: str, features: pd.DataFrame) -> None:
    """Raise unless a feature is made of numbers."""
    column = features[name]
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        raise ParameterError(f"the feature {name!r} must be made of numbers; it is of type {column.dtype}. Turn it into numbers first.")
    values = column.to_numpy("float64", na_value=np.nan)
    if np.isinf(values).any():
        account = features["account_id"].iloc[int(np.argmax(np.isinf(values)))]
        raise ParameterError(f"the feature {name!r} must be finite; account {account!r} has {values[np.isinf(values)][0]}. Correct it or make it missing.")


def _stand_in(rules: Rules, measure: Measure) -> float:
    """Return the points that a missing value counts for."""
    if rules.missing == "worst":
        points = [*(part.points for part in measure.conditions), *(knot.points for knot in measure.line)]
        return min(points) if rules.style == "mean" else min(0.0, *points)
    return sum(rules.scale) / 2 if rules.style == "mean" else 0.0


def _weights(given: Floats, known: Flags, rules: Rules) -> Floats:
    """Return each measure's weight in each row; those of a mean sum to 1, or to 0 where there is no score."""
    there = np.asarray(known.any(axis=1) if rules.missing != "no_score" else (known | (given == 0)).all(axis=1))[:, None]
    counts: Flags = there & (known | (rules.missing in ("neutral", "worst")))
    weights = given * counts
    if rules.style == "sum":
        return weights
    total: Floats = weights.sum(axis=1, keepdims=True)
    return weights / np.where(total > 0, total, np.inf)


def on_grid(values: npt.ArrayLike) -> Floats:
    """Return numbers rounded to multiples of 2^-32: sums of such numbers are exact, in any order."""
    return np.round(np.asarray(values, dtype="float64") / _GRID) * _GRID


def summing_to(totals: Floats, pieces: Floats) -> Floats:
    """Return pieces on the grid whose rows sum to totals on the grid exactly: the largest piece takes what rounding leaves."""
    rounded = on_grid(pieces)
    rounded[np.arange(len(rounded)), np.abs(pieces).argmax(axis=1)] += totals - rounded.sum(axis=1)
    return rounded


def _exact(plain: Scored) -> Scored:
    """Return scores whose parts sum to them exactly."""
    there = np.asarray((plain.weights > 0).any(axis=1))
    total = on_grid(plain.start + plain.parts.sum(axis=1))
    held = np.clip(total, 0.0, 100.0)
    rounded = np.where(plain.weights > 0, summing_to(total - plain.start, plain.parts), np.nan)
    return plain._replace(parts=rounded, beyond=np.where(there, held - total, np.nan), score=np.where(there, held, np.nan))
