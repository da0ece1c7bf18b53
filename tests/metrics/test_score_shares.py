import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

import cs_analysis as cs
from cs_analysis.errors import ParameterError
from helpers import accounts, utc


def test_every_score_has_a_row_with_wilson_limits() -> None:
    found = cs.score_shares(pd.DataFrame({"score": [10] * 7 + [0] * 2 + [8]}))
    assert found["score"].tolist() == list(range(11))
    assert found["estimate"].tolist() == [0.2, *[0.0] * 7, 0.1, 0.0, 0.7]
    for score, count in ((0, 2), (5, 0), (8, 1), (10, 7)):
        row = found.loc[score]
        assert (row["conf_low"], row["conf_high"]) == pytest.approx(proportion_confint(count, 10, method="wilson"), abs=1e-9)
    assert (found["conf_high"] > 0).all()
    assert set(found["n"]) == {10}
    assert set(found["metric"]) == {"score_shares"}


def test_the_top_scores_add_up_to_satisfaction() -> None:
    table = pd.DataFrame({"score": [5, 4, 4, 1, 3, 5], "account_id": list("aabbcc"), "team": list("xyxyxx")})
    found = cs.score_shares(table, survey="csat", by="team").set_index(["team", "score"])["estimate"]
    assert found.groupby("team").sum().tolist() == [1.0, 1.0]
    top = cs.csat(table, by="team").query("metric == 'csat'").set_index("team")["estimate"]
    assert {team: found[team, 4] + found[team, 5] for team in "xy"} == pytest.approx(top.to_dict())


def test_likeness_within_accounts_widens_each_share() -> None:
    # accounts that never disagree: each score's limits are those of the satisfied share that csat gives for it
    table = pd.DataFrame({"score": [3, 3, 3, 3, 1, 1, 1, 1, 3, 1, 3, 3], "account_id": list("aaaabbbbcccc"), "scale": "smile_3"})
    found = cs.score_shares(table, survey="csat", scale="smile_3").set_index("score")
    top = cs.csat(table, scale="smile_3").iloc[0]
    assert found.loc[3, ["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(top[["estimate", "conf_low", "conf_high"]].tolist())
    assert found.loc[3, "conf_high"] - found.loc[3, "conf_low"] > 2 * abs(proportion_confint(7, 12, method="wilson")[0] - 7 / 12)
    assert found.loc[2, "conf_high"] > proportion_confint(0, 12, method="wilson")[1]  # none seen, in three accounts only


def test_half_steps_and_periods() -> None:
    scale = cs.Scale(name="stars", low=0.5, high=1.5, step=0.5, direction="high is good", top=(1.5,), bottom=(0.5,))
    rows = pd.DataFrame(
        {
            "response_id": [1, 2, 3],
            "account_id": ["a", "b", "b"],
            "survey": "stars",
            "asked_at": utc(*["2026-01-01"] * 3),
            "answered_at": utc("2026-01-02", "2026-01-03", "2026-03-01"),
            "score": [0.5, 1.5, 1.0],
        }
    )
    tables = {"accounts": accounts(a="2026-01-01", b="2026-01-01"), "responses": rows}
    ds = cs.read_dataset(tables, as_of="2026-03-31", scales=cs.register_scale(scale))
    found = cs.score_shares(ds, survey="stars", period="month")
    assert found["score"].tolist() == [0.5, 1.0, 1.5] * 2
    assert found["estimate"].tolist() == [0.5, 0.0, 0.5, 0.0, 1.0, 0.0]
    assert found["period"].dt.month.tolist() == [1, 1, 1, 3, 3, 3]


def test_without_answers_no_row_and_no_nonsense() -> None:
    found = cs.score_shares(pd.DataFrame({"score": [], "team": []}), by="team")
    assert found.columns.tolist() == ["team", "score", "metric", "unit", "estimate", "conf_low", "conf_high", "n"]
    assert found.empty
    with pytest.raises(ParameterError, match="may not be called 'score' here"):
        cs.score_shares(pd.DataFrame({"score": [1]}), by="score")
    with pytest.raises(ParameterError, match="conf_level"):
        cs.score_shares(pd.DataFrame({"score": [1]}), conf_level=2)
    with pytest.raises(ParameterError, match="period needs a Dataset"):
        cs.score_shares(pd.DataFrame({"score": [1]}), period="month")
