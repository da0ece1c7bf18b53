"""Bands that do not flicker, by hand and against the same rule in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cs_analysis.facts.health_bands import bands_with_memory, plain_bands
from cs_analysis.facts.health_rules import Rules, read_rules

NAN = float("nan")
R, Y, G = "red", "yellow", "green"
LINE = [{"value": 0, "points": 0}, {"value": 100, "points": 100}]


def rules(**score: Any) -> Rules:
    """Return rules with red up to 50, yellow up to 75 and green above."""
    return read_rules({"score": score, "measure": [{"feature": "a", "weight": 1, "line": LINE}]})


def bands(scores: list[float], **score: Any) -> list[str | None]:
    """Return the bands of one account on dates in a row."""
    keys = pd.DataFrame({"account_id": "a", "at": pd.date_range("2026-01-31", periods=len(scores), freq="ME")})
    return bands_with_memory(rules(**score), keys, np.array(scores)).tolist()


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([51], [Y]),  # nothing is remembered on the first date
        ([49, 51, 49, 51], [R, R, R, R]),  # within the margin of 2, never twice in a row
        ([49, 52, 49], [R, Y, Y]),  # 52 is 2 above the limit; 49 is only 1 below
        ([49, 51, 51], [R, R, Y]),  # the second date in a row
        ([49, 51, NAN, 51], [R, R, None, Y]),  # a date without a score is passed over
        ([49, NAN, 49], [R, None, R]),
        ([NAN, 60], [None, Y]),
        ([49, 80, 74], [R, G, G]),  # over two limits at once; 74 is 1 below the limit of green
        ([76, 74, 76, 74, 74], [G, G, G, G, Y]),
        ([60, 76, 49, 76, 49], [Y, Y, Y, Y, Y]),  # above, below, above: never twice on the same side
        ([60, 76, 90], [Y, Y, G]),
        ([50, 50.5, 76], [R, R, G]),
    ],
)
def test_when_a_band_changes(scores: list[float], expected: list[str | None]) -> None:
    assert bands(scores) == expected


def test_the_margin_and_the_number_of_dates_are_the_rules_own() -> None:
    scores = [49, 51, 51, 51]
    assert bands(scores, margin=1) == [R, Y, Y, Y]
    assert bands(scores, dates=1) == [R, Y, Y, Y]
    assert bands(scores, dates=3) == [R, R, R, Y]
    assert bands(scores, margin=0) == [R, Y, Y, Y]


def test_a_limit_belongs_to_the_band_that_says_so() -> None:
    assert plain_bands(rules(), np.array([0, 50, 50.001, 75, 75.001, 100, NAN])).tolist() == [0, 0, 1, 1, 2, 2, -1]


def in_plain_python(scores: list[float], *, margin: float, dates: int) -> list[str | None]:
    """Return the bands of one account by the rule as it is told."""
    limits = {R: (0.0, 50.0), Y: (50.0, 75.0), G: (75.0, 100.0)}
    found: list[str | None] = []
    band, outside = None, []
    for value in scores:
        if np.isnan(value):
            found.append(None)
            continue
        plain = R if value <= 50 else Y if value <= 75 else G
        if band is None:
            band = plain
        elif plain == band:
            outside = []
        else:
            low, high = limits[band]
            side = "above" if value > high else "below"
            outside = [*outside, side] if outside and outside[-1] == side else [side]
            if (value - high if side == "above" else low - value) >= margin or len(outside) >= dates:
                band, outside = plain, []
        found.append(band)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_many_accounts_at_once_equal_each_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"account_id": rng.integers(0, 30, 300), "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(300), "D")})
    rows["score"] = np.where(rng.random(300) < 0.1, NAN, np.round(60 + rng.normal(0, 14, 300), 1).clip(0, 100))
    rows = rows.sample(frac=1, random_state=seed)
    margin, dates = [(2, 2), (0, 1), (5, 3), (100 - 1, 2), (3, 100)][seed]
    found = pd.Series(bands_with_memory(rules(margin=margin, dates=dates), rows, rows["score"].to_numpy()), index=rows.index)
    for _, mine in rows.sort_values("at").groupby("account_id"):
        assert found[mine.index].tolist() == in_plain_python(mine["score"].tolist(), margin=margin, dates=dates)
