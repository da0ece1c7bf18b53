from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from cs_analysis.show import bars, curve, interval_plot, trend
from cs_analysis.show.limits import limits_of
from cs_analysis.stats.estimates import estimates

LIMITS = {"estimate": [10.0, 20.0, 30.0], "conf_low": [5.0, 12.0, 20.0], "conf_high": [15.0, np.inf, 40.0]}
MONTHS = pd.to_datetime(["2026-08-01", "2026-09-01", "2026-10-01"])


def market(**keys: object) -> pd.DataFrame:
    return estimates(keys, metric="market_potential", unit="count", **LIMITS, n=[100, 100, 100])


def spans(ax: Axes, *, along: int) -> list[list[float]]:
    return [segment[:, along].tolist() for segment in ax.collections[0].get_segments()]


@pytest.mark.parametrize("draw", [trend, bars])
def test_an_open_interval_is_an_arrow_from_its_point_to_the_edge(draw: Callable[..., Axes]) -> None:
    ax = draw(market(period=MONTHS))
    # The known side is a line from the lower limit to the point.
    assert spans(ax, along=1) == [[5, 15], [12, 20], [20, 40]]
    (arrow,) = [text for text in ax.texts if text.arrow_patch is not None]
    assert (arrow.xy[1], arrow.xycoords, arrow.xyann[1]) == (1, ("data", "axes fraction"), 20)
    low, high = ax.get_ylim()
    assert (low, 40 < high < 50) == (0, True)


def test_the_arrow_of_a_row_runs_to_the_right() -> None:
    ax = interval_plot(market(event=["a", "b", "c"]), key="event")
    assert spans(ax, along=0) == [[5, 15], [12, 20], [20, 40]]
    (arrow,) = [text for text in ax.texts if text.arrow_patch is not None]
    assert (arrow.xy, arrow.xycoords, arrow.xyann) == ((1, 1), ("axes fraction", "data"), (20, 1))


@pytest.mark.slow
@pytest.mark.parametrize(("low", "high", "edge"), [(12.0, np.nan, 1), (np.nan, 25.0, 0), (-np.inf, 25.0, 0)])
def test_a_side_that_is_missing_is_open_too(low: float, high: float, edge: int) -> None:
    ax = interval_plot(market(event=["a", "b", "c"]).assign(conf_low=[5, low, 20], conf_high=[15, high, 40]), key="event")
    assert [text.xy[0] for text in ax.texts if text.arrow_patch is not None] == [edge]


def test_rows_without_interval_have_no_arrow() -> None:
    ax = interval_plot(market(event=["a", "b", "c"]).assign(conf_low=np.nan, conf_high=np.nan), key="event")
    assert list(ax.texts) == []


def test_an_open_band_goes_on_beyond_the_axes_and_does_not_stretch_them() -> None:
    ax = curve(market(time_days=[1.0, 2.0, 3.0]))
    top = ax.get_ylim()[1]
    assert 40 < top < 50
    highest = [float(band.get_paths()[0].vertices[:, 1].max()) for band in ax.collections]
    assert highest[0] == 40
    assert highest[1] > 100 * top


def test_every_band_open_leaves_the_axes_to_the_points() -> None:
    ax = curve(market(time_days=[1.0, 2.0, 3.0]).assign(conf_high=np.inf))
    assert 30 < ax.get_ylim()[1] < 35


def test_a_long_trend_copes_with_open_limits() -> None:
    days = pd.date_range("2026-08-01", periods=60)
    table = estimates({"period": days}, metric="market_potential", unit="count", estimate=10.0, conf_low=5.0, conf_high=[np.inf] * 20 + [15.0] * 40, n=100)
    ax = trend(table)
    assert (ax.get_ylim()[0], 15 < ax.get_ylim()[1] < 16) == (0, True)


def test_limits_are_infinite_only_where_the_other_one_is_known() -> None:
    low, high = limits_of(pd.DataFrame({"conf_low": [np.nan, np.nan, 1], "conf_high": [2, np.nan, np.inf]}))
    assert np.array_equal(low, [-np.inf, np.nan, 1], equal_nan=True)
    assert np.array_equal(high, [2, np.nan, np.inf], equal_nan=True)
