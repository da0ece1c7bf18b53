import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.show import funnel
from cs_analysis.stats.estimates import estimates, stack

EVENTS = ["sign-up", "project", "export"]


def conversion(*shares: float, n: int | list[int] = 100, metric: str = "conversion", **keys: object) -> pd.DataFrame:
    steps = range(1, len(shares) + 1)
    limits = {"conf_low": np.array(shares) - 0.1, "conf_high": np.array(shares) + 0.1}
    return estimates({"step": steps, "event": EVENTS[: len(shares)], **keys}, metric=metric, unit="share", estimate=shares, **limits, n=n)


def words(ax: plt.Axes) -> list[str]:
    return [text.get_text().replace("\xa0", " ") for text in ax.texts]


def legend_of(ax: plt.Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []


def test_bars_run_from_the_first_step_down() -> None:
    ax = funnel(conversion(1.0, 0.5, 0.2).iloc[::-1])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["1  sign-up", "2  project", "3  export"]
    assert {round(bar.get_y() + bar.get_height() / 2, 6): bar.get_width() for bar in ax.patches} == {0: 1.0, 1: 0.5, 2: 0.2}
    bottom, top = ax.get_ylim()
    assert top < bottom
    assert ax.get_xlim() == (0, 1)


def test_each_bar_has_its_share_and_its_interval() -> None:
    ax = funnel(conversion(1.0, 0.5, 0.2), language="de")
    assert words(ax) == ["100,0 %", "50,0 %", "20,0 %"]
    spans = [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]
    assert np.allclose(spans, [[0.9, 1.1], [0.4, 0.6], [0.1, 0.3]])


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "↓ 50.0% (40.0% to 60.0%) of the previous step"),
        ("de", "↓ 50,0 % (40,0 % bis 60,0 %) des vorigen Schritts"),
        ("tr", "↓ önceki adımın %50,0 (%40,0 – %60,0) kadarı"),
    ],
)
def test_the_share_of_the_step_before_stands_between_the_bars(language: str, text: str) -> None:
    passed = conversion(1.0, 0.5, 0.4, metric="step_conversion")
    ax = funnel(stack([conversion(1.0, 0.5, 0.2), passed]), language=language)
    between = {annotation.xy[1]: annotation.get_text().replace("\xa0", " ") for annotation in ax.texts if "↓" in annotation.get_text()}
    assert between.keys() == {0.5, 1.5}
    assert between[0.5] == text


def test_groups_stand_side_by_side_with_their_names() -> None:
    parts = [conversion(1.0, 0.5, segment=["a"] * 2), conversion(1.0, 0.3, segment=["b"] * 2)]
    passed = [conversion(1.0, 0.5, segment=["a"] * 2, metric="step_conversion")]
    ax = funnel(stack([*parts, *passed]))
    assert legend_of(ax) == ["a", "b"]
    assert words(ax) == ["100.0%", "50.0%  (50.0% of the previous step)", "100.0%", "30.0%"]
    middles = sorted((bar.get_y() + bar.get_height() / 2, to_hex(bar.get_facecolor())) for bar in ax.patches)
    assert [color for _, color in middles] == [middles[0][1], middles[1][1]] * 2
    assert len({color for _, color in middles}) == 2
    assert all(low.get_y() >= high.get_y() + high.get_height() for high, low in zip(ax.patches[:2], ax.patches[2:], strict=True))


def test_the_naive_share_is_shown_only_when_asked_for() -> None:
    table = stack([conversion(1.0, 0.5), conversion(1.0, 0.3, metric="conversion_naive")])
    assert [bar.get_width() for bar in funnel(table).patches] == [1.0, 0.5]
    naive = funnel(table, metric="conversion_naive")
    assert [bar.get_width() for bar in naive.patches] == [1.0, 0.3]
    assert naive.get_xlabel() != funnel(table).get_xlabel()


def test_few_entrants_are_pale_and_rows_that_are_not_over_hatched() -> None:
    ax = funnel(conversion(1.0, 0.5, 0.2, n=[30, 29, 100]).assign(unfinished=[False, False, True]))
    sound, small, running = ax.patches
    assert (sound.get_alpha(), small.get_alpha()) == (1.0, 0.4)
    assert (running.get_hatch(), small.get_hatch()) == ("///", None)
    assert legend_of(ax) == ["n below 30", "not over yet"]


def test_a_step_without_an_estimate_keeps_its_place() -> None:
    table = conversion(1.0, 0.5, 0.2)
    table.loc[1, ["estimate", "conf_low", "conf_high"]] = np.nan
    ax = funnel(table)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["1  sign-up", "2  project", "3  export"]
    assert words(ax) == ["100.0%", "–", "20.0%"]


def test_nothing_known_leaves_the_steps() -> None:
    ax = funnel(conversion(np.nan, np.nan, n=0))
    assert words(ax) == ["–", "–"]
    assert legend_of(ax) == []


def test_steps_without_events_have_numbers() -> None:
    ax = funnel(conversion(1.0, 0.5).drop(columns="event"), language="tr")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["Adım 1", "Adım 2"]


def test_figures_grow_with_their_steps() -> None:
    long = estimates({"step": range(1, 41)}, metric="conversion", unit="share", estimate=np.linspace(1, 0.1, 40), n=100)
    assert funnel(long).figure.get_figheight() > 20 > funnel(conversion(1.0)).figure.get_figheight()


def test_it_draws_where_it_is_told_and_changes_neither_setting_nor_table() -> None:
    _, ax = plt.subplots()
    table, before = conversion(1.0, 0.5), dict(mpl.rcParams)
    assert funnel(table, ax=ax) is ax
    assert dict(mpl.rcParams) == before
    pd.testing.assert_frame_equal(table, conversion(1.0, 0.5))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (conversion(1.0, 0.5).assign(unit="EUR"), "shows shares of those who entered; the table's unit is EUR"),
        (stack([conversion(1.0), conversion(1.0)]), "one row for each step; it has several for step 1"),
        (conversion(1.0, 0.5).assign(step=1, plan=["a", "b"]), "step 1 has several"),
        (conversion(1.0, metric="step_conversion"), "must have rows of the metric 'conversion'; it has step_conversion"),
    ],
)
def test_wrong_tables_are_refused(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        funnel(table)


@pytest.mark.parametrize("column", ["step", "metric", "n"])
def test_a_missing_column_is_named(column: str) -> None:
    with pytest.raises(MissingColumnsError, match=column):
        funnel(conversion(1.0, 0.5).drop(columns=column))


@pytest.mark.slow
def test_an_open_interval_ends_at_all_of_them() -> None:
    ax = funnel(conversion(1.0, 0.5).assign(conf_high=[1.0, np.inf]))
    assert [text.xy[0] for text in ax.texts if text.arrow_patch is not None] == [1]
    (share,) = [text for text in ax.texts if text.get_text() == "50.0%"]
    assert share.xy == (1.0, 1)
