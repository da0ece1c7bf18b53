"""Who answered: by hand, against a plain count on random requests, and against what the simulator knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.clusters import clustered_net_share, clustered_share
from cs_analysis.stats.intervals import net_share, wilson

START = pd.Timestamp("2026-01-05", tz="UTC")


def row(table: pd.DataFrame, metric: str, **keys: Any) -> pd.Series:
    """Return the one row of a metric."""
    chosen = table[table["metric"] == metric]
    for name, value in keys.items():
        chosen = chosen[chosen[name] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]


def asked(days: list[float], waits: list[float | None], **columns: Any) -> pd.DataFrame:
    """Return requests so many days after the start, answered so many days later."""
    at = START + pd.to_timedelta(days, "D")
    answered = at + pd.to_timedelta(pd.Series(waits, dtype="float64"), "D")
    score = [None if wait is None else 10.0 for wait in waits]
    table = pd.DataFrame({"response_id": range(len(days)), "survey": "nps", "asked_at": at, "answered_at": answered, "score": score})
    return table.assign(account_id=[f"a{place}" for place in range(len(days))]).assign(**columns)


def dataset(responses: pd.DataFrame, as_of: Any, **accounts: Any) -> cs.Dataset:
    """Return a dataset with these requests."""
    people = pd.DataFrame({"account_id": responses["account_id"].unique(), "started_at": START - pd.Timedelta(30, "D")})
    return cs.read_dataset({"accounts": people.assign(**accounts), "responses": responses}, as_of=as_of)


def test_a_request_of_yesterday_is_not_a_refusal() -> None:
    # 4 of 10 old requests were answered; 10 more were sent in the hour before the end
    table = asked([0] * 10 + [30] * 10, [1.0] * 4 + [None] * 16)
    found = cs.response_rate(dataset(table, START + pd.Timedelta(30, "D") + pd.Timedelta(1, "h")), survey="nps")
    assert row(found, "response_rate")["estimate"] == pytest.approx(0.4)  # nobody has been asked for a day without having been seen to answer or not
    assert row(found, "response_rate")["n"] == 20
    assert row(found, "response_rate_naive")["estimate"] == pytest.approx(0.2)
    assert row(found, "account_response_rate")[["estimate", "n"]].tolist() == pytest.approx([0.4, 10])


def test_with_every_request_old_enough_it_is_the_share_answered_in_time() -> None:
    table = asked([0] * 8, [1.0, 14.0, 14.001, 20.0, None, None, None, None])
    found = cs.response_rate(dataset(table, START + pd.Timedelta(60, "D")), survey="nps")
    rate = row(found, "response_rate")
    assert rate[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(wilson(2, 8))  # the end of the window counts, what comes later does not
    assert row(found, "response_rate_naive")["estimate"] == pytest.approx(4 / 8)


def test_requests_of_an_account_are_alike() -> None:
    table = asked([0] * 12, [1.0] * 6 + [None] * 6).assign(account_id=list("aaabbbcccddd"))
    rate = row(cs.response_rate(table, survey="nps", within=None), "response_rate")
    assert rate[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(clustered_share([3, 3, 0, 0], [3, 3, 3, 3]))
    assert rate["n"] == 12
    heard = row(cs.response_rate(table, survey="nps", within=None), "account_response_rate")
    assert heard[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(wilson(2, 4))


def test_all_surveys_have_rows_of_their_own() -> None:
    table = asked([0] * 4, [1.0, None, 2.0, 3.0]).assign(survey=["nps", "NPS", "csat", "csat"], score=[9, None, 5, 4])
    found = cs.response_rate(table, within="2d")
    assert found.columns[0] == "survey"
    assert row(found, "response_rate", survey="nps")["estimate"] == 0.5
    assert row(found, "response_rate", survey="csat")["estimate"] == 0.5


def test_an_answer_needs_a_score_where_there_are_scores() -> None:
    table = asked([0, 0], [1.0, 1.0]).assign(score=[9, None])
    assert row(cs.response_rate(table, survey="nps", within=None), "response_rate")["estimate"] == 0.5
    assert row(cs.response_rate(table.drop(columns="score"), survey="nps", within=None), "response_rate")["estimate"] == 1


def test_a_period_without_a_request_as_old_as_the_window_has_no_rate_yet() -> None:
    table = asked([0, 0, 25, 30], [1.0, None, 1.0, None])
    found = cs.response_rate(dataset(table, "2026-02-06"), survey="nps", period="month")
    rates = found[found["metric"] == "response_rate"].set_index("period")["estimate"]
    assert rates.index.tolist() == [pd.Timestamp("2026-01-01"), pd.Timestamp("2026-02-01")]
    assert rates.tolist()[0] == pytest.approx(2 / 3)
    assert np.isnan(rates.tolist()[1])
    heard = found[found["metric"] == "account_response_rate"]
    assert heard["n"].tolist() == [2, 0]
    assert heard["estimate"].isna().tolist() == [False, True]
    with pytest.raises(ParameterError, match="period needs a Dataset"):
        cs.response_rate(table, period="month")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_requests_against_a_plain_product_limit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = rng.integers(0, 40, 80).astype(float)
    waits = [float(wait) if wait < 18 else None for wait in rng.integers(0, 36, 80)]
    table = asked(list(days), waits, plan=rng.choice(["x", "y"], 80)).sample(frac=1, random_state=seed)
    end = START + pd.Timedelta(40, "D")
    found = cs.response_rate(dataset(table, end), survey="nps", within="10d", by="plan")
    for plan, rows in table.groupby("plan"):
        waited = ((rows["answered_at"].where(rows["answered_at"] <= end, end + pd.Timedelta(1, "us")) - rows["asked_at"]) / pd.Timedelta(1, "D")).round(6)
        seen, staying = rows["answered_at"] <= end, 1.0
        for day in range(11):
            at_risk = (waited >= day).sum()
            staying *= 1 - ((waited == day) & seen).sum() / at_risk if at_risk else 1.0
        assert row(found, "response_rate", plan=plan)["estimate"] == pytest.approx(1 - staying)


def test_the_bounds_by_hand() -> None:
    # 12 asked, 6 answered: 3 promoters, 2 passives, 1 detractor; r = 1/2 and NPS 33.3
    table = asked([0] * 12, [1.0] * 6 + [None] * 6).assign(score=[10, 9, 9, 8, 7, 3] + [None] * 6)
    found = cs.nonresponse_bounds(table, within=None)
    assert row(found, "nonresponse_low")["estimate"] == pytest.approx(0.5 * 100 / 3 - 50)
    assert row(found, "nonresponse_high")["estimate"] == pytest.approx(0.5 * 100 / 3 + 50)
    assert row(found, "nonresponse_width")["estimate"] == pytest.approx(100)
    assert set(found["n"]) == {12}
    # far apart, the limits are those of a one-sided 95 %: two-sided 90 %
    low, high = net_share((7, 2, 3), conf_level=0.9), net_share((1, 2, 9), conf_level=0.9)
    assert row(found, "nonresponse_low")["conf_low"] == pytest.approx(100 * low.conf_low, rel=1e-6)
    assert row(found, "nonresponse_high")["conf_high"] == pytest.approx(100 * high.conf_high, rel=1e-6)


def test_bounds_of_shares_and_means() -> None:
    table = asked([0] * 8, [1.0] * 4 + [None] * 4).assign(survey="csat", score=[5, 4, 2, 1] + [None] * 4)
    share = cs.nonresponse_bounds(table, survey="csat", within=None)
    assert row(share, "nonresponse_low")[["unit", "estimate"]].tolist() == ["share", 0.25]
    assert row(share, "nonresponse_high")["estimate"] == 0.75
    mean = cs.nonresponse_bounds(table, survey="csat", measure="mean", within=None)
    assert row(mean, "nonresponse_low")[["unit", "estimate"]].tolist() == ["points", 2.0]  # (12 + 4 x 1) / 8
    assert row(mean, "nonresponse_high")["estimate"] == 4.0  # (12 + 4 x 5) / 8
    assert row(mean, "nonresponse_low")["conf_low"] >= 1
    assert row(mean, "nonresponse_high")["conf_high"] <= 5


def test_if_all_answered_the_bounds_are_the_score() -> None:
    table = asked([0] * 10, [1.0] * 10).assign(score=[10] * 6 + [8] * 2 + [0] * 2)
    found = cs.nonresponse_bounds(table, within=None)
    nps = cs.nps(table).iloc[0]
    for name in ("nonresponse_low", "nonresponse_high"):
        assert row(found, name)[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(nps[["estimate", "conf_low", "conf_high"]].tolist(), rel=1e-6)
    assert row(found, "nonresponse_width")["estimate"] == 0


def test_bounds_leave_out_requests_that_are_not_silent_yet() -> None:
    table = asked([0] * 6 + [29] * 6, [1.0] * 3 + [None] * 3 + [0.5] + [None] * 5)
    found = cs.nonresponse_bounds(dataset(table, START + pd.Timedelta(30, "D")))
    assert row(found, "nonresponse_low")[["estimate", "n"]].tolist() == [0.0, 6]


def test_limits_of_bounds_know_accounts() -> None:
    table = asked([0] * 40, [1.0] * 20 + [None] * 20).assign(account_id=np.repeat(range(10), 4), score=[10.0, 0] * 10 + [None] * 20)
    found = row(cs.nonresponse_bounds(table, within=None, conf_level=0.9), "nonresponse_low")
    minus, plus = [2] * 5 + [4] * 5, [2] * 5 + [0] * 5
    expected = clustered_net_share((minus, [0] * 10, plus), conf_level=0.8)  # one-sided 90 %
    assert found["conf_low"] == pytest.approx(100 * expected.conf_low, abs=1.5)
    assert found["conf_low"] < row(cs.nonresponse_bounds(table.drop(columns="account_id"), within=None, conf_level=0.9), "nonresponse_low")["conf_low"]


def test_what_is_not_there_is_said() -> None:
    table = asked([0], [1.0])
    with pytest.raises(NotEnoughDataError, match="there is none"):
        cs.response_rate(table, survey="pulse")
    with pytest.raises(NotEnoughDataError, match="there is none"):
        cs.nonresponse_bounds(dataset(table, START + pd.Timedelta(2, "D")))
    with pytest.raises(MissingColumnsError, match="asked_at"):
        cs.response_rate(table.drop(columns="asked_at"))
    with pytest.raises(ParameterError, match="fixed length"):
        cs.response_rate(table, within="1mo")
    with pytest.raises(ParameterError, match="measure"):
        cs.nonresponse_bounds(table, measure="median", within=None)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_simulated_company_is_recovered() -> None:
    ds, truth = cs.simulate_company(accounts=900, months=18, seed=5)
    for survey in ("nps", "csat", "ces"):
        rate = row(cs.response_rate(ds, survey=survey, within=None, conf_level=0.999), "response_rate")
        true = float(truth.of("response_rate", survey=survey)["value"].iloc[0])
        assert rate["conf_low"] < true < rate["conf_high"]
    bounds = cs.nonresponse_bounds(ds, within=None)
    values = truth.of("nps").set_index("population")["value"]
    assert values["answering"] - values["asked"] > 5  # unhappy accounts answer less
    assert row(bounds, "nonresponse_low")["estimate"] < values["asked"] < row(bounds, "nonresponse_high")["estimate"]


@pytest.mark.slow
def test_the_outer_limits_hold_the_worst_case_in_19_of_20_samples() -> None:
    """Half of 60 accounts' requests are silent and all silent ones are detractors; of the others 40 % are promoters and 20 % detractors."""
    rng, held = np.random.default_rng(11), []
    for _ in range(150):
        account = np.repeat(np.arange(60), rng.integers(1, 4, 60))
        happy = rng.beta(1, 1.5, 60)[account]  # mean 0.4
        answered = rng.random(len(account)) < 0.5
        score = np.where(rng.random(len(account)) < happy, 10.0, np.where(rng.random(len(account)) < 1 / 3, 0.0, 8.0))
        table = pd.DataFrame({"account_id": account, "asked_at": START, "answered_at": START, "score": score})
        table.loc[~answered, ["answered_at", "score"]] = [pd.NaT, np.nan]
        low = row(cs.nonresponse_bounds(table, within=None), "nonresponse_low")
        held.append(low["conf_low"] <= 0.5 * (40 - 20) - 50)
    assert np.mean(held) == pytest.approx(0.95, abs=0.05)  # the simulation error is 1.8 points
