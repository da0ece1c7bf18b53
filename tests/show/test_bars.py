import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.show import bars
from cs_analysis.stats.estimates import estimates, stack

MONTHS = pd.to_datetime(["2026-08-01", "2026-09-01", "2026-10-01"])


def revenue(n: list[int], **keys: object) -> pd.DataFrame:
    return estimates({"period": MONTHS, **keys}, metric="mrr", unit="EUR", estimate=[900.0, 950.0, 1000.0], n=n)


def test_bars_stand_on_zero_and_reach_the_estimates() -> None:
    ax = bars(revenue([40, 41, 42]))
    assert [(bar.get_y(), bar.get_height()) for bar in ax.patches] == [(0, 900), (0, 950), (0, 1000)]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["Oct 2026", "Sep 2026", "Aug 2026"]
    assert ax.get_legend() is None


def test_small_n_is_pale_and_a_running_month_hatched() -> None:
    ax = bars(revenue([29, 30, 42]), unfinished=[MONTHS[-1]], language="de")
    small, sound, running = ax.patches
    assert (small.get_alpha(), sound.get_alpha()) == (0.4, 1.0)
    assert (running.get_hatch(), small.get_hatch()) == ("///", None)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["n unter 30", "noch nicht abgeschlossen"]


def test_groups_are_refused() -> None:
    table = stack([revenue([40, 41, 42], plan=["a"] * 3), revenue([40, 41, 42], plan=["b"] * 3)])
    with pytest.raises(ParameterError, match="one group; the table has a, b"):
        bars(table)


def test_a_month_without_an_estimate_keeps_its_place() -> None:
    table = revenue([40, 0, 42])
    table.loc[1, "estimate"] = np.nan
    ax = bars(table)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["Oct 2026", "Sep 2026", "Aug 2026"]
    assert [bar.get_height() for bar in ax.patches if np.isfinite(bar.get_height())] == [900, 1000]
    assert ax.get_legend() is None


def test_intervals_run_through_the_tops() -> None:
    ax = bars(revenue([40, 41, 42]).assign(conf_low=[800, 850, 900], conf_high=[1000, 1050, 1100]))
    assert [segment.tolist() for segment in ax.collections[0].get_segments()] == [[[0, 800], [0, 1000]], [[1, 850], [1, 1050]], [[2, 900], [2, 1100]]]


def test_bars_go_below_zero_where_amounts_do() -> None:
    table = revenue([40, 41, 42]).assign(estimate=[-50.0, 20.0, 10.0])
    assert bars(table).get_ylim()[0] < -50


def test_nothing_but_zeros_lies_on_the_axis() -> None:
    assert bars(revenue([40, 41, 42]).assign(estimate=0.0)).get_ylim() == (0, 1)


def test_it_draws_where_it_is_told_and_changes_no_setting() -> None:
    _, ax = plt.subplots()
    before = dict(mpl.rcParams)
    assert bars(revenue([40, 41, 42]), ax=ax) is ax
    assert dict(mpl.rcParams) == before
