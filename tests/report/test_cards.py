import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.report.cards import card
from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.intervals import wilson

MONTHS = pd.to_datetime(["2026-08-01", "2026-09-01", "2026-10-01"])
END = pd.Timestamp("2026-11-01")


def churn(*lost: int, n: int = 1000) -> pd.DataFrame:
    rate = wilson(np.array(lost), n)
    return estimates({"period": MONTHS[-len(lost) :]}, metric="logo_churn_rate", unit="share", **rate._asdict(), n=[n] * len(lost))


def shown(table: pd.DataFrame, period: str = "2026-10-01", language: str = "en") -> object:
    return card(table, pd.Timestamp(period), end=END, language=language)[0]


def test_value_interval_and_base_of_the_month() -> None:
    words = shown(churn(30, 40))
    assert words.title == "Logo churn rate, October 2026"
    # 40 of 1,000; Wilson by hand: (0.04 + 0.00192 -+ 0.01230) / 1.00384 = 2.95 % to 5.40 %
    assert (words.value, words.interval, words.base) == ("4.0%", "3.0% to 5.4%", "n = 1,000 (customers at the start of the period)")


def test_a_change_inside_the_noise_is_called_that() -> None:
    assert shown(churn(30, 40)).change.startswith("No clear change since September 2026")


def test_a_change_beyond_the_noise_says_how_much_and_which_way_is_better() -> None:
    assert shown(churn(30, 90)).change == "6.0 percentage points up from September 2026 (worse)"
    assert shown(churn(90, 30)).change == "6.0 percentage points down from September 2026 (better)"


def test_a_fact_changes_without_noise() -> None:
    table = estimates({"period": MONTHS}, metric="mrr", unit="EUR", estimate=[100.0, 100.0, 130.0], n=[5, 5, 6])
    assert shown(table).change == "€30.00 up from September 2026 (better)"
    assert shown(table, "2026-09-01").change == "The same as in August 2026"


def test_the_month_asked_for_is_shown_not_the_last() -> None:
    assert shown(churn(10, 20, 40), "2026-09-01").value == "2.0%"


def test_a_period_that_is_not_over_says_so() -> None:
    quarter = estimates(
        {"period": pd.to_datetime(["2026-07-01", "2026-10-01"])},
        metric="nps",
        unit="points",
        estimate=[10, 20],
        conf_low=[0, 5],
        conf_high=[20, 35],
        n=[50, 40],
    )
    assert shown(quarter).title == "Net Promoter Score, 4th quarter 2026 (not over yet)"


def test_an_estimate_whose_limits_are_missing_is_not_compared() -> None:
    table = churn(30, 90)
    table.loc[1, ["conf_low", "conf_high"]] = np.nan
    assert shown(table).change == ""


def test_a_month_before_the_first_figure_has_none() -> None:
    assert shown(churn(30, 40), "2026-01-01").value == "no figure"


def test_other_languages_write_numbers_their_way() -> None:
    assert shown(churn(30, 40), language="de").value.replace("\xa0", " ") == "4,0 %"
    assert shown(churn(30, 40), language="tr").value == "%4,0"


def test_groups_do_not_fit_a_card() -> None:
    table = churn(30, 40).assign(period=MONTHS[0])
    with pytest.raises(ParameterError, match="several rows a period"):
        shown(table)
