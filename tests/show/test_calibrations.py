"""Calibration figures by their artists."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis import show
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.stats.estimates import estimates

LEFT, FORETOLD = [0.03, 0.05, 0.2], [0.02, 0.06, 0.25]


def table(**changes: object) -> pd.DataFrame:
    """Return three bins, the last one small, out of order."""
    keys = {"predicted": FORETOLD, "band_low": [0.0, 0.03, 0.1], "band_high": [0.05, 0.1, 0.4]}
    made = estimates(keys, metric="health_calibration", unit="share", estimate=LEFT, conf_low=[0.01, 0.02, 0.1], conf_high=[0.06, 0.09, 0.35], n=[200, 200, 12])
    return made.assign(**changes).iloc[[2, 0, 1]]


def points(ax) -> dict[float, tuple[float, str]]:
    """Return what is marked: foretold -> what came, and the colour of the marker's face."""
    marks = [line for line in ax.get_lines() if line.get_marker() == "o"]
    return {line.get_xdata()[0]: (line.get_ydata()[0], line.get_markerfacecolor()) for line in marks}


def test_points_lie_where_the_table_says_and_small_bins_are_hollow() -> None:
    found = points(show.calibration(table()))
    assert {across: up for across, (up, _) in found.items()} == dict(zip(FORETOLD, LEFT, strict=True))
    assert [found[across][1] == "white" for across in FORETOLD] == [False, False, True]


def test_both_axes_have_one_scale_with_the_diagonal_and_hold_everything() -> None:
    ax = show.calibration(table())
    assert ax.get_xlim() == ax.get_ylim()
    assert ax.get_xlim()[1] >= 0.4
    diagonal = next(line for line in ax.get_lines() if line.get_linestyle() == "--")
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())


def test_the_band_is_drawn_where_there_is_one_and_named() -> None:
    banded = show.calibration(table())
    assert len(banded.collections) > len(show.calibration(table().drop(columns=["band_low", "band_high"])).collections)
    assert [text.get_text() for text in banded.get_legend().get_texts()] == ["as foretold", "within chance", "n below 30"]
    assert show.calibration(table(), language="de").get_legend().get_texts()[0].get_text() == "wie vorhergesagt"


def test_a_bin_without_an_estimate_is_left_out() -> None:
    assert len(points(show.calibration(table(estimate=[0.03, np.nan, 0.2])))) == 2


def test_refusals() -> None:
    with pytest.raises(MissingColumnsError, match="predicted"):
        show.calibration(table().drop(columns="predicted"))
    with pytest.raises(ParameterError, match="metric"):
        show.calibration(table(metric=["a", "b", "a"]))


def test_a_reference_line_of_an_interval_plot() -> None:
    ratios = estimates({"feature": ["a", "b"]}, metric="churn_drivers", unit="ratio", estimate=[0.8, 1.3], conf_low=[0.6, 1.1], conf_high=[1.1, 1.5], n=80)
    lines = [line for line in show.interval_plot(ratios, key="feature", reference=1).get_lines() if list(line.get_xdata()) == [1, 1]]
    assert len(lines) == 1
    assert not [line for line in show.interval_plot(ratios, key="feature").get_lines() if list(line.get_xdata()) == [1, 1]]
