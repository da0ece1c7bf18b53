import numpy as np
import pandas as pd
import pytest

from cs_analysis.stats.clustered_rates import rates_by_cell
from cs_analysis.stats.intervals import exact_poisson


def rows(events: list[float], months: list[float], **more: object) -> pd.DataFrame:
    return pd.DataFrame({"cell": "x", "events": events, "months": months, "accounts": 1}).assign(**more)


def rates(table: pd.DataFrame) -> pd.DataFrame:
    return rates_by_cell(table, ["cell"], events="events", exposure="months")


def test_accounts_with_one_event_each_have_exact_limits() -> None:
    # 3 events over 40 months; the residuals' squares over 1 - h come to less than 3, and clusters never make limits narrower
    found = rates(rows([1, 1, 1, *[0] * 7], [4.0] * 10)).iloc[0]
    assert found[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(list(exact_poisson(3, 40)))


def test_events_that_come_in_clusters_count_for_fewer() -> None:
    # rate .15, residuals 6 - .6 = 5.4 and nine times -.6, h = .1: (29.16 + 9 x .36) / .9 = 36; 36 / 6 events: 6 count as one, 40 months as 40 / 6
    found = rates(rows([6, *[0] * 9], [4.0] * 10)).iloc[0]
    assert found[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(list(exact_poisson(1, 40 / 6)))


def test_alike_accounts_may_stand_in_one_row() -> None:
    together = pd.DataFrame({"cell": "x", "events": [6, 0], "months": 4.0, "accounts": [1, 9]})
    pd.testing.assert_frame_equal(rates(together), rates(rows([6, *[0] * 9], [4.0] * 10)))


def test_without_time_there_is_no_rate_and_without_events_a_limit_above() -> None:
    table = pd.concat([rows([0], [0.0]), rows([0, 0], [5.0, 7.0], cell="y")], ignore_index=True)
    found = rates(table)
    assert found.iloc[0][["estimate", "conf_low", "conf_high"]].isna().all()
    assert found.iloc[1][["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx([0.0, 0.0, -np.log(0.025) / 12])
