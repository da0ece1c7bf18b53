"""Flows: bands as high as the numbers that moved, names that can be read."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import PathPatch, Rectangle

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.show import flow
from cs_analysis.stats.estimates import estimates, stack

PAIRS = {"from_persona": ["A", "A", "A", "B", "B"], "to_persona": ["A", "B", "left", "A", "B"]}
MOVES = estimates(PAIRS, metric="persona_migration", unit="share", estimate=[0.7, 0.2, 0.1, 0.25, 0.75], n=[100, 100, 100, 40, 40])


def bars(ax: plt.Axes) -> list[float]:
    return [float(patch.get_height()) for patch in ax.patches if isinstance(patch, Rectangle)]


def ends(ax: plt.Axes) -> np.ndarray:
    """Return where each band begins and ends at the left and at the right."""
    corners = [patch.get_path().vertices[[0, 7, 3, 4], 1] for patch in ax.patches if isinstance(patch, PathPatch)]
    return np.array(corners)


def many() -> pd.DataFrame:
    """Return moves between six states, from one account to a thousand."""
    names = ["A", "B", "C", "D", "never used", "unassigned"]
    counts = np.random.default_rng(1).integers(0, 12, (6, 6)) + np.diag([1000, 80, 50, 30, 20, 0])
    counts[5] = [0, 1, 0, 0, 0, 0]
    keys = {"from_persona": np.repeat(names, 6), "to_persona": names * 6}
    return estimates(keys, metric="moves", unit="count", estimate=counts.ravel(), n=np.repeat(counts.sum(axis=1), 6))


def test_bands_and_bars_are_as_high_as_the_numbers() -> None:
    ax = flow(MOVES)
    # 70, 20, 10 of 100 at A; 10 and 30 of 40 at B: 140 in all, 80 of them reach A, 50 B, and 10 leave.
    bands, heights = ends(ax), np.array(bars(ax))
    scale = heights[:2].sum() / 140
    assert bands[:, 1] - bands[:, 0] == pytest.approx(scale * np.array([70, 20, 10, 10, 30]))
    assert bands[:, 3] - bands[:, 2] == pytest.approx(bands[:, 1] - bands[:, 0])
    assert heights == pytest.approx(scale * np.array([100, 40, 80, 50, 10]))


def test_bands_fill_their_bars_without_overlap() -> None:
    ax = flow(many())
    tops = [(patch.get_x() < 0.5, float(patch.get_y()), float(patch.get_height())) for patch in ax.patches if isinstance(patch, Rectangle)]
    bands = ends(ax)
    for left, top, height in tops:
        begins, finishes = bands[:, [0, 1] if left else [2, 3]].T
        inside = (begins > top - 1e-9) & (finishes < top + height + 1e-9)
        places = sorted(zip(begins[inside], finishes[inside], strict=True))
        assert sum(end - start for start, end in places) == pytest.approx(height)
        assert all(start == pytest.approx(end) for (_, end), (start, _) in pairwise(places))


LONG = {"A": "Daily users with many reports and exports", "C": "Gelegenheitsadministratorinnen", "unassigned": "a state whose name is rather long to read"}
HEADS = ("Personas on 30 June 2026, before the change", "Personas on 30 September 2026, after the change")


@pytest.mark.parametrize(("table", "language"), [(MOVES, "de"), (many(), "tr"), (many().replace(LONG), "en")])
@pytest.mark.parametrize("size", [None, (5.5, 5.0)])
def test_texts_are_inside_and_apart(table: pd.DataFrame, language: str, size: tuple[float, float] | None) -> None:
    ax = flow(table, ends=HEADS, language=language, ax=plt.figure(figsize=size).add_axes((0, 0, 1, 1)) if size else None)
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert all(box.x0 >= ax.bbox.x0 - 1 and box.x1 <= ax.bbox.x1 + 1 and box.y0 >= ax.bbox.y0 - 1 and box.y1 <= ax.bbox.y1 + 1 for box in boxes)
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])


def test_states_have_names_sums_and_colours_and_few_have_a_dagger() -> None:
    ax = flow(MOVES, ends=("June", "September"), language="de")
    assert [text.get_text().replace("\xa0", " ") for text in ax.texts] == [
        *["70,0 %", "20,0 %", "10,0 %", "25,0 %", "75,0 %"],
        *["A  100", "B  40", "A  80", "B  50", "gegangen†  10"],
        *["June", "September"],
    ]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["† n unter 30"]
    shades = [patch.get_facecolor() for patch in ax.patches if isinstance(patch, Rectangle)]
    assert shades[:2] == shades[2:4]
    assert len(set(shades)) == 3


def test_long_names_break_and_stay_readable_at_both_sides() -> None:
    ax = flow(MOVES.replace({"A": LONG["A"]}))
    named = [text for text in ax.texts if "reports" in text.get_text()]
    assert [text.get_text().count("\n") > 0 for text in named] == [True, True]
    assert min(text.get_fontsize() for text in ax.texts) >= 8
    assert len({text.get_fontsize() for text in ax.texts[5:10]}) == 1


def test_counts_and_shares_make_the_same_picture() -> None:
    counts = MOVES.assign(unit="count", estimate=MOVES["estimate"] * MOVES["n"])
    assert ends(flow(counts)) == pytest.approx(ends(flow(MOVES)))


def test_who_stayed_is_pale_and_lies_behind() -> None:
    bands = [patch for patch in flow(MOVES).patches if isinstance(patch, PathPatch)]
    stayed = [True, False, False, False, True]
    assert [patch.get_alpha() < 0.5 for patch in bands] == stayed
    assert [patch.get_zorder() == 1 for patch in bands] == stayed


def test_it_draws_where_it_is_told_and_changes_nothing() -> None:
    _, ax = plt.subplots()
    before = MOVES.copy()
    assert flow(MOVES, ax=ax) is ax
    pd.testing.assert_frame_equal(MOVES, before)


def test_wrong_tables_are_refused() -> None:
    with pytest.raises(MissingColumnsError, match="from_persona"):
        flow(MOVES.drop(columns="from_persona"))
    with pytest.raises(ParameterError, match="one metric"):
        flow(stack([MOVES, MOVES.assign(metric="other")]))
    with pytest.raises(ParameterError, match="one row for each from_persona and to_persona"):
        flow(pd.concat([MOVES, MOVES]))
    with pytest.raises(ParameterError, match="shares or counts"):
        flow(MOVES.assign(unit="days"))
    with pytest.raises(ParameterError, match="no positive estimate"):
        flow(MOVES.assign(estimate=0.0))
