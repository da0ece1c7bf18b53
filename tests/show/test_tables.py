import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.show import labelled, notes, wide
from cs_analysis.stats.estimates import estimates, stack

MONTHS = pd.to_datetime(["2026-09-01", "2026-10-01"])
RATES = estimates(
    {"period": MONTHS}, metric="logo_churn_rate", unit="share", estimate=[0.03, 0.0473], conf_low=[0.01, 0.0242], conf_high=[0.06, 0.0906], n=[29, 1690]
)
MONEY = estimates({"period": MONTHS}, metric="mrr", unit="EUR", estimate=[900.5, 126796.4], n=[29, 173])


def rows(table: pd.DataFrame) -> list[list[str]]:
    return table.map(lambda text: text.replace("\xa0", " ")).to_numpy().tolist()


def test_one_metric_stands_in_the_heading() -> None:
    table = labelled(RATES)
    assert list(table.columns) == ["Period", "Logo churn rate", "95% interval", "n"]
    assert rows(table) == [["September 2026", "3.0%", "1.0% to 6.0%", "29 †"], ["October 2026", "4.7%", "2.4% to 9.1%", "1,690"]]


def test_several_metrics_have_a_column() -> None:
    table = labelled(stack([RATES, MONEY]), language="de", conf_level=0.9)
    assert list(table.columns) == ["Zeitraum", "Kennzahl", "Schätzung", "90 %-Intervall".replace(" ", "\xa0"), "n"]
    assert rows(table)[3] == ["Oktober 2026", "Monatsumsatz, wiederkehrend (MRR)", "126.796 €", "", "173"]


def test_facts_have_no_interval_column() -> None:
    assert list(labelled(MONEY, language="tr").columns) == ["Dönem", "Aylık yinelenen gelir (MRR)", "n"]


def test_keys_are_text_whatever_they_are() -> None:
    table = estimates({"segment": ["small", None], "time_days": [30.0, 90.0]}, metric="survival", unit="share", estimate=[0.9, np.nan], n=[40, 30])
    assert rows(labelled(table)) == [["small", "30", "90.0%", "40"], ["all", "90", "–", "30"]]


def test_an_empty_table_has_its_headings() -> None:
    assert list(labelled(MONEY.iloc[:0]).columns) == ["Period", "Estimate", "n"]


def test_the_table_is_left_as_it_was() -> None:
    before = RATES.copy()
    labelled(RATES)
    pd.testing.assert_frame_equal(RATES, before)


def test_days_of_a_key_keep_their_decimals() -> None:
    table = estimates({"time_days": [0.25, 365.0]}, metric="survival", unit="share", estimate=[0.9, 0.5], n=[40, 30])
    assert rows(labelled(table, language="de")) == [["0,25", "90,0 %", "40"], ["365", "50,0 %", "30"]]


def test_an_open_interval_says_so() -> None:
    table = estimates({}, metric="median_time", unit="days", estimate=180.0, conf_low=120.0, conf_high=np.nan, n=40)
    assert [labelled(table, language=language).iloc[0, 1] for language in ("en", "de", "tr")] == ["120 or more", "120 oder mehr", "120 ve üzeri"]


def test_several_units_stand_in_one_table_each_written_its_way() -> None:
    parts = [
        estimates({}, metric="logo_churn_rate", unit="share", estimate=0.0004, conf_low=0.0, conf_high=0.002, n=5000),
        estimates({}, metric="median_time", unit="days", estimate=0.25, n=40),
        estimates({}, metric="quick_ratio", unit="ratio", estimate=3.456, n=40),
        estimates({}, metric="logins", unit="per_month", estimate=1234.5, n=40),
        estimates({}, metric="mrr", unit="USD", estimate=12.5, n=40),
        estimates({}, metric="mrr", unit="EUR", estimate=1234567890.4, n=40),
        estimates({}, metric="active_users", unit="count", estimate=9876543210.0, n=9876543210),
        estimates({}, metric="nps", unit="points", estimate=np.nan, n=0),
    ]
    table = labelled(stack(parts))
    assert list(table["Metric"])[1:4] == ["Median time (days)", "Quick ratio", "logins (per month)"]
    assert list(table["Estimate"]) == ["0.04%", "0.25", "3.46", "1,234.50", "$12.50", "€1,234,567,890", "9,876,543,210", "–"]
    assert list(table["95% interval"])[:2] == ["0.0% to 0.2%", ""]
    assert list(table["n"])[-2:] == ["9,876,543,210", "0 †"]


def test_one_metric_in_two_currencies_is_one_heading() -> None:
    table = labelled(stack([MONEY.iloc[:1], MONEY.iloc[1:].assign(unit="TRY")]), language="de")
    assert list(table.columns) == ["Zeitraum", "Monatsumsatz, wiederkehrend (MRR)", "n"]
    assert [row[1] for row in rows(table)] == ["900,50 €", "126.796 TRY"]


def test_a_period_that_is_not_over_has_a_star_and_no_column() -> None:
    table = labelled(RATES.assign(unfinished=[False, True]))
    assert list(table.columns) == ["Period", "Logo churn rate", "95% interval", "n"]
    assert list(table["Logo churn rate"]) == ["3.0%", "4.7% *"]


def test_what_is_no_estimates_table_is_refused() -> None:
    with pytest.raises(MissingColumnsError, match="conf_low"):
        labelled(RATES.drop(columns="conf_low"))


COHORTS = estimates(
    {"cohort": [MONTHS[1], MONTHS[0], MONTHS[0], None], "age": [0, 1, 0, 0]},
    metric="cohort_retention",
    unit="share",
    estimate=[1.0, np.nan, 0.9, 0.95],
    conf_low=[np.nan, np.nan, 0.8, 0.9],
    conf_high=[np.nan, np.nan, 0.96, 0.98],
    n=[20, 80, 80, 100],
)


def test_a_wide_table_runs_down_one_key_and_across_another() -> None:
    table = wide(COHORTS.assign(unfinished=[True, True, False, False]), rows="cohort", columns="age")
    assert list(table.columns) == ["Cohort", "0", "1"]
    assert rows(table) == [["September 2026", "90.0% (80.0% to 96.0%)", "*"], ["October 2026", "100.0% † *", ""], ["all", "95.0% (90.0% to 98.0%)", ""]]


def test_a_wide_table_is_in_the_language_asked_for() -> None:
    table = wide(COHORTS, rows="age", columns="cohort", language="tr")
    assert list(table.columns) == ["Yaş", "Eylül 2026", "Ekim 2026", "tümü"]
    assert rows(table)[0] == ["0", "%90,0 (%80,0 – %96,0)", "%100,0 †", "%95,0 (%90,0 – %98,0)"]


def test_columns_of_the_same_name_are_both_kept() -> None:
    table = estimates({"cohort": ["a", "a"], "age": [0.12341, 0.12342]}, metric="retention", unit="share", estimate=[0.5, 0.4], n=90)
    assert wide(table, rows="cohort", columns="age").to_numpy().tolist() == [["a", "50.0%", "40.0%"]]


def test_a_wide_table_refuses_what_has_no_single_cell() -> None:
    with pytest.raises(ParameterError, match="one row for each cohort and age"):
        wide(stack([COHORTS, COHORTS]), rows="cohort", columns="age")
    with pytest.raises(ParameterError, match="one metric"):
        wide(stack([RATES, MONEY]), rows="period", columns="unit")
    with pytest.raises(MissingColumnsError, match="ages"):
        wide(COHORTS, rows="cohort", columns="ages")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "† n below 30: read with care. * not over yet: will still change."),
        ("de", "† n unter 30: mit Vorsicht lesen. * noch nicht abgeschlossen: ändert sich noch."),
        ("tr", "† n 30 altında: dikkatle okuyun. * henüz bitmedi: daha değişecek."),
    ],
)
def test_marks_are_explained_as_far_as_there_are_any(language: str, words: str) -> None:
    assert notes(COHORTS.assign(unfinished=[True, False, False, False]), language=language) == words
    assert notes(COHORTS.assign(n=30), language=language) == ""
