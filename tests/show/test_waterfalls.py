from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.show import waterfall
from cs_analysis.show.waterfalls import DOWN, TOTAL, UP
from cs_analysis.stats.estimates import estimates, stack


def movements(**amounts: float) -> pd.DataFrame:
    return estimates({"movement": list(amounts)}, metric="mrr", unit="EUR", estimate=list(amounts.values()), n=5)


# 1000 + 300 - 400 + 50 = 950
MONTH = movements(closing=950.0, opening=1000.0, new=300.0, churn=-400.0, expansion=50.0)


def bars_of(ax: plt.Axes) -> list[tuple[float, float]]:
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]


def words(ax: plt.Axes) -> list[str]:
    return [text.get_text().replace("\xa0", " ") for text in ax.texts]


def test_each_movement_starts_where_the_one_before_ended() -> None:
    ax = waterfall(MONTH)
    assert bars_of(ax) == [(0, 1000), (1000, 1300), (1300, 900), (900, 950), (0, 950)]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["opening", "new", "churn", "expansion", "closing"]
    assert [to_hex(bar.get_facecolor()) for bar in ax.patches] == [TOTAL, UP, DOWN, UP, TOTAL]


def test_the_sign_stands_in_the_label() -> None:
    assert words(waterfall(MONTH, language="de")) == ["1.000 €", "+300 €", "−400 €", "+50 €", "950 €"]
    small = movements(opening=10.0, new=0.5, closing=10.5)
    assert words(waterfall(small, language="tr")) == ["€10,00", "+€0,50", "€10,50"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "names"),
    [("de", ["Anfangsbestand", "neu", "Abwanderung", "Erweiterung", "Endbestand"]), ("tr", ["dönem başı", "yeni", "kayıp", "genişleme", "dönem sonu"])],
)
def test_movements_have_names_in_each_language(language: str, names: list[str]) -> None:
    assert [text.get_text() for text in waterfall(MONTH, language=language).get_yticklabels()] == names


def test_own_names_for_key_and_totals() -> None:
    table = MONTH.rename(columns={"movement": "step_of_bridge"}).replace({"opening": "January", "closing": "February"})
    ax = waterfall(table, key="step_of_bridge", totals=("January", "February"))
    assert [text.get_text() for text in ax.get_yticklabels()] == ["January", "new", "churn", "expansion", "February"]


def test_what_does_not_add_up_is_refused_and_by_how_much() -> None:
    with pytest.raises(ParameterError, match=r"closing amount 960\.00 EUR; they come to 950\.00, 10\.00 less"):
        waterfall(MONTH.replace(950.0, 960.0))
    with pytest.raises(ParameterError, match=r"they come to 950\.00, 50\.00 more"):
        waterfall(MONTH.replace(950.0, 900.0))


def test_a_hundredth_is_forgiven() -> None:
    assert bars_of(waterfall(MONTH.replace(950.0, 950.009)))[-1] == (0, 950.009)
    with pytest.raises(ParameterError, match=r"0\.02"):
        waterfall(MONTH.replace(950.0, 950.02))


def test_a_movement_without_an_amount_keeps_its_place() -> None:
    ax = waterfall(movements(opening=1000.0, new=300.0, fx=np.nan, closing=1300.0))
    assert words(ax) == ["€1,000", "+€300", "–", "€1,300"]
    assert bars_of(ax)[2] == (1300, 1300)


def test_below_zero_stays_in_the_picture() -> None:
    ax = waterfall(movements(opening=100.0, churn=-400.0, closing=-300.0))
    assert bars_of(ax) == [(0, 100), (100, -300), (0, -300)]
    assert ax.get_xlim()[0] < -300


def test_facts_are_not_marked_for_small_numbers_but_a_running_month_is() -> None:
    assert waterfall(MONTH).get_legend() is None
    ax = waterfall(MONTH.assign(unfinished=[True, False, False, False, False]))
    assert [bar.get_hatch() for bar in ax.patches] == [None, None, None, None, "///"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["not over yet"]


def test_a_month_without_movements_is_two_totals() -> None:
    assert bars_of(waterfall(movements(opening=5.0, closing=5.0))) == [(0, 5), (0, 5)]


def test_long_names_and_many_movements_have_room() -> None:
    many = {f"a movement with a long name {number}": 10.0 for number in range(38)}
    ax = waterfall(movements(opening=100.0, **many, closing=480.0))
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.get_yticklabels()]
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))
    assert min(box.x0 for box in boxes) >= 0
    assert max(text.get_window_extent().x1 for text in ax.texts) <= ax.figure.bbox.x1


def test_it_draws_where_it_is_told_and_changes_neither_setting_nor_table() -> None:
    _, ax = plt.subplots()
    before, copy = dict(mpl.rcParams), MONTH.copy()
    assert waterfall(MONTH, ax=ax) is ax
    assert dict(mpl.rcParams) == before
    pd.testing.assert_frame_equal(MONTH, copy)


def test_wrong_tables_are_refused() -> None:
    with pytest.raises(ParameterError, match="an amount for 'opening' in movement; it has closing, new, churn, expansion"):
        waterfall(MONTH[MONTH["movement"] != "opening"])
    with pytest.raises(ParameterError, match="'opening' and 'closing'"):
        waterfall(MONTH.assign(estimate=np.nan))
    with pytest.raises(ParameterError, match="one row for each movement; it has several for movement closing"):
        waterfall(stack([MONTH.assign(period=1), MONTH.assign(period=2)]))
    with pytest.raises(MissingColumnsError, match="movement"):
        waterfall(MONTH.drop(columns="movement"))
