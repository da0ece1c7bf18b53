import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.show import curve
from cs_analysis.stats.estimates import estimates, stack


def survival(days: list[float], shares: list[float], n: list[int], **keys: object) -> pd.DataFrame:
    limits = {"conf_low": np.array(shares) - 0.1, "conf_high": np.minimum(np.array(shares) + 0.1, 1)}
    return estimates({**keys, "time_days": days}, metric="survival", unit="share", estimate=shares, **limits, n=n)


def test_steps_start_with_everybody_and_end_with_the_table() -> None:
    ax = curve(survival([30, 60], [0.9, 0.8], [100, 90]))
    (line,) = ax.lines
    assert line.get_drawstyle() == "steps-post"
    assert line.get_xydata().tolist() == [[0, 1], [30, 0.9], [60, 0.8]]


def test_an_incidence_starts_at_nothing() -> None:
    table = survival([30], [0.2], [100]).assign(metric="adoption_curve")
    assert curve(table).lines[0].get_xydata().tolist() == [[0, 0], [30, 0.2]]


def test_a_missing_end_is_not_drawn() -> None:
    (line,) = curve(survival([30, 60, 90], [0.9, 0.8, np.nan], [100, 90, 80])).lines
    assert line.get_xdata().max() == 60


@pytest.mark.slow
def test_few_at_risk_are_dashed_paler_and_explained() -> None:
    ax = curve(survival([30, 60, 90], [0.9, 0.8, 0.7], [100, 29, 20]))
    solid, dashed = ax.lines
    # A step lasts until the next row: the solid part reaches to day 60, where the number at risk falls below 30.
    assert solid.get_xdata().tolist() == [0, 30, 60]
    assert dashed.get_xdata().tolist() == [60, 90]
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
    assert dashed.get_alpha() < 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["n below 30"]


def test_thirty_at_risk_are_enough() -> None:
    ax = curve(survival([30, 60], [0.9, 0.8], [31, 30]))
    assert len(ax.lines) == 1
    assert ax.get_legend() is None


def test_groups_have_colours_and_names_in_the_tables_order() -> None:
    table = stack([survival([30], [0.9], [100], segment=["small"]), survival([30], [0.5], [100], segment=["large"])])
    ax = curve(table)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["small", "large"]
    assert len({line.get_color() for line in ax.lines}) == 2


def test_the_band_is_that_of_the_table() -> None:
    (band,) = curve(survival([30, 60], [0.9, 0.8], [100, 90])).collections
    low = band.get_paths()[0].vertices[:, 1].min()
    assert low == pytest.approx(0.7)


def test_without_limits_there_is_no_band() -> None:
    table = survival([30], [0.9], [100]).assign(conf_low=np.nan, conf_high=np.nan)
    assert len(curve(table).collections) == 0


def test_words_are_in_the_language_asked_for() -> None:
    ax = curve(survival([30], [0.9], [100]), language="tr")
    assert ax.get_ylabel() == "Hâlâ müşteri"
    assert ax.get_xlabel() == "başlangıçtan bu yana gün"


def test_it_draws_where_it_is_told_and_changes_no_setting() -> None:
    _, ax = plt.subplots()
    before = dict(mpl.rcParams)
    assert curve(survival([30], [0.9], [100]), ax=ax) is ax
    assert dict(mpl.rcParams) == before


def test_the_table_is_left_as_it_was() -> None:
    table = survival([60, 30], [0.8, 0.9], [90, 100])
    before = table.copy()
    curve(table)
    pd.testing.assert_frame_equal(table, before)


def test_several_metrics_or_no_time_are_refused() -> None:
    table = survival([30, 60], [0.9, 0.8], [100, 90])
    with pytest.raises(ParameterError, match="one metric in one unit; the table has survival, other"):
        curve(table.assign(metric=["survival", "other"]))
    with pytest.raises(MissingColumnsError, match="time_days"):
        curve(table.drop(columns="time_days"))


def test_names_are_shown_as_they_are_written() -> None:
    names = ["$1k-$5k", "_internal", "x_{2}$\\frac$", "a long name of a segment that goes on and on and on"]
    ax = curve(stack([survival([30], [0.9], [100], segment=[name]) for name in names]))
    ax.figure.draw_without_rendering()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    assert not any(text.get_parse_math() for text in ax.get_legend().get_texts())


def test_days_are_written_as_the_language_writes_them() -> None:
    ax = curve(survival([1900], [0.9], [100]), language="de")
    ax.figure.draw_without_rendering()
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "365", "730", "1.095", "1.460", "1.825"]


def test_many_groups_have_fainter_bands_and_a_legend_within_the_axes() -> None:
    names = [f"mid-market · region {number}" for number in range(9)]
    few, many = (curve(stack([survival([30], [0.9], [100], segment=[name]) for name in part])) for part in (names[:3], names))
    assert many.collections[0].get_alpha() < few.collections[0].get_alpha()
    assert len({line.get_color() for line in many.lines}) == 9
    many.figure.draw_without_rendering()
    assert many.get_legend().get_window_extent().x1 <= many.figure.bbox.x1


def test_a_legend_of_several_rows_reads_row_by_row() -> None:
    names = [f"a name of about thirty letters {number}" for number in range(4)]
    ax = curve(stack([survival([30], [0.9], [100], segment=[name]) for name in names]))
    ax.figure.draw_without_rendering()
    places = {text.get_text(): text.get_window_extent() for text in ax.get_legend().get_texts()}
    assert sorted(names, key=lambda name: (-round(places[name].y0), places[name].x0)) == names


def test_a_group_without_any_estimate_is_left_out() -> None:
    table = stack([survival([30], [0.9], [100], segment=["small"]), survival([30], [np.nan], [0], segment=["none"])])
    assert [text.get_text() for text in curve(table).get_legend().get_texts()] == ["small"]


def test_a_curve_that_begins_at_day_zero_is_left_alone() -> None:
    assert curve(survival([0, 30], [0.95, 0.9], [100, 95])).lines[0].get_xydata().tolist() == [[0, 0.95], [30, 0.9]]


def test_a_table_without_any_estimate_gives_empty_axes() -> None:
    ax = curve(survival([30], [np.nan], [0]))
    assert sum(len(line.get_xdata()) for line in ax.lines) == 0
    assert ax.get_legend() is None


def test_a_group_without_an_event_is_named_and_marked_at_the_start() -> None:
    followed = survival([0], [1.0], [40], segment=["large"]).assign(conf_low=np.nan, conf_high=np.nan)
    ax = curve(stack([survival([30], [0.9], [100], segment=["small"]), followed]))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["small", "large (no event yet)"]
    assert [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "o"] == [[[0, 1]]]


def test_a_group_without_an_event_is_flat_as_far_as_it_was_followed() -> None:
    flat = survival([0, 90], [1.0, 1.0], [40, 35], segment=["large"] * 2)
    (line,) = curve(flat, language="de").lines
    assert line.get_xydata().tolist() == [[0, 1], [90, 1]]


@pytest.mark.parametrize(("language", "words"), [("en", "no event yet"), ("de", "noch kein Ereignis"), ("tr", "henüz olay yok")])
def test_a_whole_without_an_event_says_so(language: str, words: str) -> None:
    table = survival([0], [0.0], [40]).assign(metric="adoption_curve")
    ax = curve(table, language=language)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [words]
    assert ax.get_xlim()[1] > 0.5


def test_the_last_step_stands_inside_the_axes() -> None:
    ax = curve(survival([30, 60], [0.9, 0.0], [100, 90]))
    assert ax.lines[0].get_xydata()[-1].tolist() == [60, 0.0]
    assert ax.get_xlim() == (0, pytest.approx(63))


def test_a_group_keeps_its_colour_when_another_has_no_estimate() -> None:
    parts = [survival([30], [share], [100], segment=[name]) for name, share in (("a", 0.9), ("b", np.nan), ("c", 0.5))]
    with_b, without = curve(stack(parts)), curve(stack([parts[0], parts[1].assign(estimate=0.8), parts[2]]))
    assert with_b.lines[1].get_color() == without.lines[2].get_color()
