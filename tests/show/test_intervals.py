import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError
from cs_analysis.show import interval_plot
from cs_analysis.stats.estimates import estimates


def adoption(**more: object) -> pd.DataFrame:
    keys = {"event": ["export", "share", "invite"], **more}
    shares = {"estimate": [0.6, 0.4, 0.1], "conf_low": [0.5, 0.3, 0.05], "conf_high": [0.7, 0.5, 0.3]}
    return estimates(keys, metric="adoption_rate", unit="share", **shares, n=[100, 30, 29])


def test_rows_keep_the_tables_order_from_the_top() -> None:
    ax = interval_plot(adoption(), key="event")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["export", "share", "invite"]
    bottom, top = ax.get_ylim()
    assert top < bottom
    spans = [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]
    assert spans == [[0.5, 0.7], [0.3, 0.5], [0.05, 0.3]]


def test_small_n_is_hollow_and_explained() -> None:
    ax = interval_plot(adoption(), key="event", language="de")
    assert [line.get_markerfacecolor() == "white" for line in ax.lines] == [False, False, True]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["n unter 30"]


def test_other_keys_are_named_too() -> None:
    ax = interval_plot(adoption(segment=["a", "a", "b"]), key="event")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["export · a", "share · a", "invite · b"]


def test_a_key_that_is_not_there_is_refused() -> None:
    with pytest.raises(MissingColumnsError, match="feature"):
        interval_plot(adoption(), key="feature")


def test_a_row_without_an_estimate_keeps_its_place() -> None:
    table = adoption()
    table.loc[2, ["estimate", "conf_low", "conf_high"]] = np.nan
    ax = interval_plot(table, key="event")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["export", "share", "invite"]
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[0.6, 0]], [[0.4, 1]]]
    assert ax.get_legend() is None


def test_a_missing_group_is_the_whole() -> None:
    ax = interval_plot(adoption(segment=["a", None, "b"]), key="segment", language="tr")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a · export", "tümü · share", "b · invite"]


def test_differences_below_zero_stay_in_the_picture() -> None:
    table = adoption().assign(estimate=[-0.2, 0.0, 0.1], conf_low=[-0.3, -0.1, 0.0], conf_high=[-0.1, 0.1, 0.2])
    assert interval_plot(table, key="event").get_xlim()[0] < -0.3
    assert interval_plot(adoption(), key="event").get_xlim()[0] == 0


def test_it_draws_where_it_is_told_and_changes_no_setting() -> None:
    _, ax = plt.subplots()
    before = dict(mpl.rcParams)
    assert interval_plot(adoption(), key="event", ax=ax) is ax
    assert dict(mpl.rcParams) == before
