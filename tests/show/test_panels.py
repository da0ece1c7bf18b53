from functools import partial

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.show import bars, curve, funnel, heatmap, interval_plot, small_multiples, trend, waterfall
from cs_analysis.stats.estimates import estimates, stack

MONTHS = pd.to_datetime(["2026-08-01", "2026-09-01", "2026-10-01"])


def revenue(segment: str, *amounts: float, n: int = 100, months: pd.DatetimeIndex = MONTHS, **keys: object) -> pd.DataFrame:
    return estimates({"segment": segment, "period": months, **keys}, metric="mrr", unit="EUR", estimate=amounts, n=n)


def survival(segment: str, *, plan: str, days: float, share: float, n: int = 100) -> pd.DataFrame:
    return estimates({"segment": [segment], "plan": [plan], "time_days": [days]}, metric="survival", unit="share", estimate=share, n=n)


def titles(axes: list[plt.Axes]) -> list[str]:
    return [ax.get_title(loc="left") for ax in axes]


def legend_of(axes: list[plt.Axes]) -> list[str]:
    return [text.get_text() for legend in axes[0].figure.legends for text in legend.get_texts()]


def test_each_group_has_a_panel_under_its_name_on_the_same_scales() -> None:
    axes = small_multiples(stack([revenue("small", 1.0, 2.0, 3.0), revenue("large", 100.0, 200.0, 300.0)]), bars, by="segment")
    assert titles(axes) == ["small", "large"]
    assert [[bar.get_height() for bar in ax.patches] for ax in axes] == [[1, 2, 3], [100, 200, 300]]
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert axes[0].get_ylim()[1] > 300
    assert axes[0].get_xlim() == axes[1].get_xlim()


def test_what_a_group_lacks_keeps_its_place() -> None:
    late = revenue("late", 5.0, months=MONTHS[2:])
    early, second = small_multiples(stack([revenue("early", 1.0, 2.0, 3.0), late]), bars, by="segment")
    assert [text.get_text() for text in second.get_xticklabels()] == [text.get_text() for text in early.get_xticklabels()]
    assert {bar.get_x() + bar.get_width() / 2: bar.get_height() for bar in second.patches if np.isfinite(bar.get_height())} == {2.0: 5.0}
    assert legend_of([early, second]) == []


def test_names_of_axes_and_legend_stand_once() -> None:
    axes = small_multiples(stack([revenue("a", 1.0, 2.0, 3.0, n=20), revenue("b", 1.0, 2.0, 3.0)]), trend, by="segment", language="de")
    figure = axes[0].figure
    assert figure.get_supylabel() == "Monatsumsatz, wiederkehrend (MRR)"
    assert {ax.get_ylabel() for ax in axes} == {""}
    assert all(ax.get_legend() is None for ax in axes)
    assert legend_of(axes) == ["n unter 30"]


def test_a_group_of_lines_has_one_colour_everywhere_and_marks_come_last() -> None:
    parts = [
        survival("small", plan="basic", days=30.0, share=0.9, n=20),
        survival("small", plan="plus", days=30.0, share=0.8),
        survival("large", plan="plus", days=700.0, share=0.5),
    ]
    first, second = small_multiples(stack(parts), curve, by="segment")
    assert first.lines[1].get_color() == second.lines[0].get_color()
    assert legend_of([first, second]) == ["basic", "plus", "n below 30"]
    assert first.get_xticks().tolist() == second.get_xticks().tolist()


def test_names_of_places_stand_at_the_left_only() -> None:
    parts = [estimates({"segment": segment, "event": ["x", "y"]}, metric="adoption_rate", unit="share", estimate=[0.1, 0.2], n=100) for segment in "abcd"]
    axes = small_multiples(stack(parts), partial(interval_plot, key="event"), by="segment", columns=2)
    axes[0].figure.draw_without_rendering()
    assert [any(text.get_visible() and text.get_text() for text in ax.get_yticklabels()) for ax in axes] == [True, False, True, False]
    assert axes[0].get_ylim() == (1.5, -0.5)


def test_a_hole_in_the_last_row_is_empty() -> None:
    axes = small_multiples(stack([revenue(name, 1.0, 2.0, 3.0) for name in "abcde"]), bars, by="segment", columns=3)
    assert len(axes) == len(axes[0].figure.axes) == 5


def test_one_colour_bar_serves_all_and_two_scales_are_refused() -> None:
    parts = [
        estimates({"segment": segment, "cohort": ["x"], "age": [0]}, metric="retention", unit="share", estimate=share, n=100)
        for segment, share in (("a", 0.5), ("b", 0.8))
    ]
    draw = partial(heatmap, rows="cohort", columns="age")
    axes = small_multiples(stack(parts), partial(draw, limits=(0, 1)), by="segment")
    assert len(axes[0].figure.axes) == 3
    with pytest.raises(ParameterError, match=r"one colour scale, and theirs differ. Give it: .*limits="):
        small_multiples(stack(parts), draw, by="segment")


def test_other_figures_can_be_panels_too() -> None:
    steps = [
        estimates({"plan": plan, "step": [1, 2]}, metric=metric, unit="share", estimate=[1.0, 0.5], n=100)
        for plan in ("a", "b")
        for metric in ("conversion", "step_conversion")
    ]
    assert titles(small_multiples(stack(steps), funnel, by="plan")) == ["a", "b"]
    month = [
        estimates({"period": [start] * 3, "movement": ["opening", "new", "closing"]}, metric="mrr", unit="EUR", estimate=[5.0, 1.0, 6.0], n=9)
        for start in MONTHS
    ]
    assert titles(small_multiples(stack(month), waterfall, by="period", language="tr")) == ["Ağustos 2026", "Eylül 2026", "Ekim 2026"]


def test_several_keys_make_panels_and_a_missing_group_is_the_whole() -> None:
    table = stack([revenue("a", 1.0, 2.0, 3.0, plan="x"), revenue("a", 1.0, 2.0, 3.0, plan=None)])
    assert titles(small_multiples(table, bars, by=["segment", "plan"])) == ["a · x", "a · all"]


def test_marked_periods_stay_marked() -> None:
    table = revenue("a", 1.0, 2.0, 3.0).assign(unfinished=[False, False, True])
    (ax,) = small_multiples(stack([table]), bars, by="segment")
    assert [bar.get_hatch() for bar in ax.patches] == [None, None, "///"]
    assert legend_of([ax]) == ["not over yet"]


def test_long_names_are_broken_and_nothing_leaves_the_figure() -> None:
    name = "a segment with a long name that goes on and on and on and on"
    axes = small_multiples(stack([revenue(f"{name} {number}", 1.0, 2.0, 3.0) for number in range(3)]), trend, by="segment")
    figure = axes[0].figure
    figure.draw_without_rendering()
    assert all("\n" in title for title in titles(axes))
    assert max(ax.get_tightbbox().x1 for ax in axes) <= figure.bbox.x1 + 1


def test_settings_and_table_are_left_alone() -> None:
    table, before = revenue("a", 1.0, 2.0, 3.0), dict(mpl.rcParams)
    small_multiples(table, trend, by="segment")
    assert dict(mpl.rcParams) == before
    pd.testing.assert_frame_equal(table, revenue("a", 1.0, 2.0, 3.0))


def test_wrong_calls_are_refused() -> None:
    table = revenue("a", 1.0, 2.0, 3.0)
    with pytest.raises(MissingColumnsError, match="segments"):
        small_multiples(table, trend, by="segments")
    with pytest.raises(ParameterError, match="columns must be 1 or more, not 0"):
        small_multiples(table, trend, by="segment", columns=0)
    with pytest.raises(ParameterError, match="at least one row"):
        small_multiples(table.iloc[:0], trend, by="segment")
