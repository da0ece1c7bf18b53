import numpy as np
import pandas as pd

from cs_analysis.show import labelled
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
