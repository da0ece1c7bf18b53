import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError
from cs_analysis.show import trend
from cs_analysis.show.trends import MAX_MARKERS
from cs_analysis.stats.estimates import estimates, stack

MONTHS = pd.to_datetime(["2026-08-01", "2026-09-01", "2026-10-01"])


def rates(*shares: float, n: int | list[int] = 100, **keys: object) -> pd.DataFrame:
    limits = {"conf_low": np.array(shares) / 2, "conf_high": np.array(shares) * 2}
    months = pd.date_range("2026-10-01", periods=len(shares), freq="-1MS")[::-1]
    return estimates({"period": months, **keys}, metric="logo_churn_rate", unit="share", estimate=shares, **limits, n=n)


def markers(ax: object) -> list[tuple[str, str, int]]:
    """Return marker, face and number of points of every line that has points."""
    return [
        (line.get_marker(), line.get_markerfacecolor(), len(line.get_xdata())) for line in ax.lines if line.get_marker() != "None" and len(line.get_xdata())
    ]


def test_points_and_intervals_are_those_of_the_table() -> None:
    ax = trend(rates(0.02, 0.03, 0.04))
    assert ax.lines[0].get_ydata().tolist() == [0.02, 0.03, 0.04]
    spans = [segment[:, 1].tolist() for segment in ax.collections[0].get_segments()]
    assert spans == [[0.01, 0.04], [0.015, 0.06], [0.02, 0.08]]


def test_small_n_is_hollow_and_explained() -> None:
    ax = trend(rates(0.02, 0.03, 0.04, n=[29, 30, 100]))
    full, hollow = markers(ax)
    assert (full[0], full[2]) == ("o", 2)
    assert hollow == ("o", "white", 1)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["n below 30"]


@pytest.mark.parametrize("by_column", [True, False])
def test_a_period_that_is_not_over_is_a_hollow_square_on_a_dotted_line(by_column: bool) -> None:
    table = rates(0.02, 0.03, 0.04)
    ax = trend(table.assign(unfinished=[False, False, True])) if by_column else trend(table, unfinished=[MONTHS[-1]])
    assert markers(ax)[-1] == ("s", "white", 1)
    dotted = next(line for line in ax.lines if line.get_linestyle() == ":")
    assert dotted.get_ydata().tolist() == [0.03, 0.04]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["not over yet"]


def test_only_an_unfinished_period_can_be_drawn() -> None:
    ax = trend(rates(0.04), unfinished=[MONTHS[-1]])
    assert markers(ax) == [("s", "white", 1)]


def test_groups_stand_beside_each_other() -> None:
    table = stack([rates(0.02, 0.03, segment=["small"] * 2), rates(0.05, 0.06, segment=["large"] * 2)])
    ax = trend(table)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["small", "large"]
    first, second = (line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None")
    # Two groups and months of 30 days: a tenth of a month apart.
    assert pd.Timestamp(second) - pd.Timestamp(first) == pd.Timedelta(days=3)


def test_the_last_period_is_always_named_and_never_too_many() -> None:
    ax = trend(rates(*np.linspace(0.02, 0.03, 30)))
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names[-1] == "Oct 2026"
    assert len(names) <= 9


def test_long_series_have_a_line_without_points() -> None:
    days = pd.date_range("2026-01-01", periods=MAX_MARKERS + 1)
    counts = np.arange(MAX_MARKERS + 1) + 10
    ax = trend(estimates({"period": days}, metric="active_users", unit="count", estimate=counts, n=counts))
    assert markers(ax) == []
    pale, solid = ax.lines
    # 10 to 29 users are small numbers: 20 rows, and one more where the stretch ends.
    assert (len(pale.get_xdata()), pale.get_linestyle(), solid.get_linestyle()) == (21, "--", "-")


def test_zero_is_in_the_picture_except_for_scores() -> None:
    assert trend(rates(0.02, 0.03)).get_ylim()[0] == 0
    scores = estimates({"period": MONTHS}, metric="nps", unit="points", estimate=[-20, -30, -25], n=100)
    assert trend(scores).get_ylim()[1] < 0


def test_zones_and_missing_estimates_do_no_harm() -> None:
    table = rates(0.02, np.nan, 0.04)
    table["period"] = table["period"].dt.tz_localize("Europe/Berlin")
    assert trend(table, unfinished=[table["period"].iloc[-1]]).lines[0].get_ydata()[0] == 0.02


def test_a_table_without_periods_is_refused() -> None:
    with pytest.raises(MissingColumnsError, match="period"):
        trend(rates(0.02).drop(columns="period"))


def test_a_line_breaks_where_an_estimate_is_missing() -> None:
    ax = trend(rates(0.02, np.nan, 0.04))
    assert np.isnan(ax.lines[0].get_ydata()).tolist() == [False, True, False]
    assert markers(ax)[0][2] == 2


def test_unfinished_periods_are_found_with_and_without_a_zone() -> None:
    table = rates(0.02, 0.03, 0.04)
    zoned = table.assign(period=table["period"].dt.tz_localize("Europe/Istanbul"))
    assert markers(trend(zoned, unfinished=[MONTHS[-1]]))[-1] == ("s", "white", 1)
    assert markers(trend(table, unfinished=[MONTHS[-1].tz_localize("Europe/Istanbul")]))[-1] == ("s", "white", 1)


def test_negative_values_stay_in_the_picture() -> None:
    table = estimates({"period": MONTHS}, metric="net_new_mrr", unit="EUR", estimate=[-500.0, 200.0, 300.0], n=100)
    assert trend(table).get_ylim()[0] < -500


def test_months_without_anything_lie_on_the_axis() -> None:
    ax = trend(estimates({"period": MONTHS}, metric="joined_and_left", unit="count", estimate=[0, 0, 0], n=100))
    ax.figure.draw_without_rendering()
    assert ax.get_ylim() == (0, 1)
    assert [text.get_text() for text in ax.get_yticklabels() if text.get_text()] == ["0", "1"]


def test_one_month_is_one_point_under_its_name() -> None:
    ax = trend(rates(0.04))
    assert [text.get_text() for text in ax.get_xticklabels()] == ["Oct 2026"]
    assert markers(ax) == [("o", ax.lines[0].get_color(), 1)]


def test_a_group_without_any_estimate_is_not_in_the_legend() -> None:
    table = stack([rates(0.02, 0.03, segment=["small"] * 2), rates(np.nan, np.nan, n=0, segment=["none"] * 2)])
    assert [text.get_text() for text in trend(table).get_legend().get_texts()] == ["small"]


@pytest.mark.parametrize("keys", [{}, {"segment": ["a", "b", "a"]}])
def test_a_table_without_any_estimate_gives_empty_axes(keys: dict[str, list[str]]) -> None:
    ax = trend(rates(np.nan, np.nan, np.nan, n=0, **keys))
    assert markers(ax) == []
    assert ax.get_legend() is None


def test_missing_limits_leave_the_point() -> None:
    ax = trend(rates(0.02, 0.03, 0.04).assign(conf_low=[0.01, np.nan, 0.02], conf_high=[0.04, np.nan, 0.08]))
    spans = [segment[:, 1].tolist() for segment in ax.collections[0].get_segments() if len(segment)]
    assert spans == [[0.01, 0.04], [0.02, 0.08]]
    assert markers(ax)[0][2] == 3


def test_groups_that_are_dates_have_the_names_of_periods() -> None:
    cohorts = pd.to_datetime(["2026-01-01", "2026-02-01"])
    table = stack([rates(0.02, 0.03, cohort=[cohorts[0]] * 2), rates(0.05, 0.06, cohort=[cohorts[1]] * 2)])
    assert [text.get_text() for text in trend(table, language="de").get_legend().get_texts()] == ["Januar 2026", "Februar 2026"]


def test_facts_stand_on_their_period_in_every_group() -> None:
    table = stack([rates(0.02, 0.03, segment=["small"] * 2), rates(0.05, 0.06, segment=["large"] * 2)]).assign(conf_low=np.nan, conf_high=np.nan)
    first, second = (line.get_xdata().tolist() for line in trend(table).lines if line.get_marker() == "None")
    assert first == second
