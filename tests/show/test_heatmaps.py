from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.show import heatmap
from cs_analysis.show.heatmaps import _luminance
from cs_analysis.stats.estimates import estimates, stack

MONTHS = pd.to_datetime(["2026-09-01", "2026-10-01"])
KEYS = {"cohort": [MONTHS[1], MONTHS[0], MONTHS[0]], "age": [0, 1, 0]}
AXES = {"rows": "cohort", "columns": "age"}


def retention(*shares: float, n: int | list[int] = 90, unit: str = "share") -> pd.DataFrame:
    return estimates(KEYS, metric="cohort_retention", unit=unit, estimate=shares, n=n)


def values(ax: plt.Axes) -> list[list[float | None]]:
    return ax.collections[0].get_array().tolist()


def words(ax: plt.Axes) -> dict[tuple[float, float], str]:
    return {text.get_position(): text.get_text().replace("\xa0", " ") for text in ax.texts}


def legend_of(ax: plt.Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []


def test_cells_stand_in_order_and_hold_the_estimates() -> None:
    ax = heatmap(retention(1.0, 0.6, 0.9), **AXES, language="de")
    # September above October, age from the left; October has no second month.
    assert values(ax) == [[0.9, 0.6], [1.0, None]]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["September 2026", "Oktober 2026"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Alter", "Kohorte")
    assert words(ax) == {(0.5, 1.5): "100,0 %", (1.5, 0.5): "60,0 %", (0.5, 0.5): "90,0 %"}
    bottom, top = ax.get_ylim()
    assert top < bottom
    assert legend_of(ax) == []


def test_a_missing_estimate_is_a_blank_cell_and_an_unfinished_one_hatched() -> None:
    ax = heatmap(retention(1.0, np.nan, 0.9).assign(unfinished=[False, True, False]), **AXES, language="tr")
    assert values(ax) == [[0.9, None], [1.0, None]]
    assert [(patch.get_xy(), patch.get_hatch()) for patch in ax.patches if isinstance(patch, Rectangle)] == [((1, 0), "///")]
    assert len(words(ax)) == 2
    assert legend_of(ax) == ["henüz bitmedi"]


def test_few_cases_are_in_italics_with_a_dagger() -> None:
    ax = heatmap(retention(1.0, 0.6, 0.9, n=[90, 29, 30]), **AXES)
    assert {text.get_text(): text.get_style() for text in ax.texts} == {"100.0%": "normal", "60.0%†": "italic", "90.0%": "normal"}
    assert legend_of(ax) == ["† n below 30"]


@pytest.mark.slow
def test_where_there_is_no_room_only_the_daggers_remain() -> None:
    keys = {"cohort": ["a"] * 40, "age": range(40)}
    ax = heatmap(estimates(keys, metric="cohort_retention", unit="share", estimate=np.linspace(1, 0.1, 40), n=[29, *[90] * 39]), **AXES)
    assert [text.get_text() for text in ax.texts] == ["†"]
    assert 2 <= len(ax.get_xticklabels()) < 40
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_texts_stay_inside_their_cells_and_can_be_read() -> None:
    keys = {"cohort": ["a cohort of a long name"] * 9, "age": range(9)}
    ax = heatmap(estimates(keys, metric="cohort_retention", unit="share", estimate=np.linspace(1, 0.2, 9), n=20), **AXES)
    ax.figure.draw_without_rendering()
    assert len(ax.texts) == 9
    assert all(text.get_window_extent().width < ax.bbox.width / 9 for text in ax.texts)
    mesh = ax.collections[0]
    pairs = [(_luminance(mesh.to_rgba(value)), _luminance(text.get_color())) for value, text in zip(mesh.get_array().ravel(), ax.texts, strict=True)]
    # Contrast of the web's accessibility guidelines; no colour can do better than 4.6 against both black and white.
    assert min((max(pair) + 0.05) / (min(pair) + 0.05) for pair in pairs) > 4.3


def test_darker_is_more_also_in_grey() -> None:
    ax = heatmap(retention(1.0, 0.6, 0.9), **AXES)
    assert ax.collections[0].get_clim() == (0, 1)
    greys = [_luminance(ax.collections[0].to_rgba(value)) for value in np.linspace(0, 1, 11)]
    assert all(np.diff(greys) < 0)


@pytest.mark.parametrize(
    ("amounts", "limits"),
    [((-20.0, 50.0, 10.0), (-50, 50)), ((-20.0, -50.0, -10.0), (-50, 0)), ((20.0, 50.0, 10.0), (0, 50)), ((0.0, 0.0, 0.0), (0, 1)), ((np.nan,) * 3, (0, 1))],
)
def test_the_scale_runs_from_zero_or_to_both_sides_of_it(amounts: tuple[float, ...], limits: tuple[float, float]) -> None:
    ax = heatmap(retention(*amounts, unit="EUR"), **AXES)
    assert ax.collections[0].get_clim() == limits
    assert len(ax.texts) == np.isfinite(amounts).sum()


def test_the_colour_bar_names_metric_and_unit() -> None:
    bar = heatmap(retention(1.0, 0.6, 0.9), **AXES, limits=(0.5, 1), language="de").collections[0].colorbar
    bar.ax.figure.draw_without_rendering()
    assert bar.ax.get_ylabel() == "Bindung (Retention)"
    shown = [text.get_text().replace("\xa0", " ") for text in bar.ax.get_yticklabels()]
    assert (shown[0], shown[-1]) == ("50 %", "100 %")


def test_words_keep_the_tables_order_and_the_whole_comes_last() -> None:
    keys = {"segment": ["small", None, "large"], "period": MONTHS[0]}
    ax = heatmap(estimates(keys, metric="nps", unit="points", estimate=[10.0, 20.0, -30.0], n=90), rows="segment", columns="period")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["small", "large", "all"]
    assert [text.get_text() for text in ax.texts] == ["10", "20", "−30"]
    assert values(ax) == [[10.0], [-30.0], [20.0]]


def test_categories_have_their_own_order() -> None:
    size = pd.Categorical(["small", "large"], categories=["large", "small"], ordered=True)
    table = estimates({"size": size, "age": [0, 0]}, metric="cohort_retention", unit="share", estimate=[0.1, 0.2], n=90)
    assert values(heatmap(table, rows="size", columns="age")) == [[0.2], [0.1]]


def test_it_draws_where_it_is_told_and_changes_neither_setting_nor_table() -> None:
    _, ax = plt.subplots()
    table, before = retention(1.0, 0.6, 0.9), dict(mpl.rcParams)
    assert heatmap(table, **AXES, ax=ax) is ax
    assert dict(mpl.rcParams) == before
    pd.testing.assert_frame_equal(table, retention(1.0, 0.6, 0.9))


def test_wrong_tables_are_refused() -> None:
    table = retention(1.0, 0.6, 0.9)
    with pytest.raises(MissingColumnsError, match=r"'ages'.*Did you mean 'age'"):
        heatmap(table, rows="cohort", columns="ages")
    with pytest.raises(ParameterError, match="two key columns, not 'age' twice"):
        heatmap(table, rows="age", columns="age")
    double = stack([table.assign(plan="a"), table.assign(plan="b")])
    with pytest.raises(ParameterError, match=r"one row for each cohort and age; it has several for cohort .*Choose by its other keys: plan"):
        heatmap(double, **AXES)
    with pytest.raises(ParameterError, match=r"limits must be two rising numbers such as \(0, 1\), not \(1, 0\)"):
        heatmap(table, **AXES, limits=(1, 0))
