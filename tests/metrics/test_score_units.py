"""Satisfaction and effort, whose vote counts, how limits are made, and waves with little in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

import cs_analysis as cs
from cs_analysis.errors import ParameterError
from cs_analysis.stats.intervals import net_share, wilson
from helpers import accounts, utc

COLUMNS = ["metric", "unit", "estimate", "conf_low", "conf_high", "n"]
VOICES = pd.DataFrame(
    {
        "response_id": list("123456"),
        "account_id": list("aaabba"),
        "user_id": ["u1", "u2", "u1", None, None, "u1"],
        "survey": "nps",
        "asked_at": utc(*["2026-01-01"] * 6),
        "answered_at": utc("2026-01-02", "2026-01-03", "2026-02-01", "2026-01-04", "2026-02-02", "2026-02-01"),
        "score": [2, 10, 0, 0, 6, 10],
    }
)


def dataset(rows: pd.DataFrame = VOICES) -> cs.Dataset:
    return cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "responses": rows}, as_of="2026-03-31")


def limits(found: pd.DataFrame, row: int = 0) -> tuple[float, float, float]:
    return tuple(found.loc[row, ["estimate", "conf_low", "conf_high"]])


class TestWhoVotes:
    @pytest.mark.parametrize("source", [VOICES, dataset])
    def test_answers_respondents_and_accounts(self, source: object) -> None:
        given = source() if callable(source) else source
        assert limits(cs.nps(given))[0] == pytest.approx(-100 / 3)  # 2 promoters and 4 detractors of 6
        # u1 last said 10 (answers 3 and 6 came at once; 6 is the last identifier), u2 10, and b, who names nobody, 6: (2 - 1) / 3
        assert cs.nps(given, unit="respondent")[["estimate", "n"]].to_numpy().tolist() == [[pytest.approx(100 / 3), 3]]
        assert cs.nps(given, unit="account")[["estimate", "n"]].to_numpy().tolist() == [[0.0, 2]]  # a: (1 + 1) / 2, b: -1

    def test_the_last_answer_is_that_of_each_period(self) -> None:
        found = cs.nps(dataset(), unit="respondent", period="month")
        assert found[["estimate", "n"]].to_numpy().tolist() == [[pytest.approx(-100 / 3), 3], [0.0, 2]]  # 2, 10, 0; then 10 and 6

    def test_accounts_with_one_vote_vary_less_than_answers(self) -> None:
        # four accounts of two answers, nets 1, 0, 0, -1: an answer varies by 1 (4/3 with n - 1), a vote by 2/3: 4 x 4/3 / (2/3) = 8 answers,
        # as many as there are; for t with 3 instead of 7 degrees of freedom 8 (2.364624 / 3.182446)^2 = 4.416639
        table = pd.DataFrame({"account_id": list("aabbccdd"), "user_id": list("12345678"), "score": [9, 9, 9, 0, 9, 0, 0, 0], "answered_at": "2026-01-02"})
        expected = net_share((0.5 * 4.416639, 0, 0.5 * 4.416639))
        assert limits(cs.nps(table, unit="account")) == pytest.approx([100 * value for value in expected], abs=1e-4)
        # the top box likewise: shares 1, 1/2, 1/2, 0 vary by 1/6, an answer by 1/4 x 4/3: again 8
        share = cs.csat(table.assign(score=[5, 5, 5, 1, 5, 1, 1, 1]), unit="account")
        assert limits(share) == pytest.approx(wilson(0.5 * 4.416639, 4.416639), abs=1e-6)

    def test_unequal_accounts_promise_no_more_than_independent_answers_would(self) -> None:
        # a: 9 0 0 9, b: 9 0: both nets are 0, votes do not vary. At most 2^2 / (1/4 + 1/2) = 5.33 answers; t with 4.33 and with 1 degree of freedom
        # (2.69 / 12.71)^2 x 5.33 = .24, but two votes are not less than two answers
        table = pd.DataFrame({"account_id": list("aaaabb"), "user_id": list("123456"), "score": [9, 0, 0, 9, 9, 0], "answered_at": "2026-01-02"})
        assert limits(cs.nps(table, unit="account")) == pytest.approx([100 * value for value in net_share((1, 0, 1))], abs=1e-6)

    @pytest.mark.parametrize("metric", [cs.nps, cs.csat, cs.ces])
    @pytest.mark.parametrize("interval", ["score", "adjusted_wald", "bootstrap"])
    def test_with_one_answer_an_account_all_votes_are_the_same(self, metric: object, interval: str) -> None:
        scores = [5, 4, 4, 2, 1, 5, 3]
        named = pd.DataFrame({"score": scores, "account_id": list("abcdefg"), "answered_at": "2026-01-02"})
        expected = metric(named[["score"]], interval=interval)
        for unit in ("answer", "respondent", "account"):
            found = metric(named, unit=unit, interval=interval)
            pd.testing.assert_frame_equal(found, expected, rtol=1e-12)

    def test_what_is_no_voter_and_no_last_answer(self) -> None:
        with pytest.raises(ParameterError, match="unit must be 'answer', 'respondent' or 'account', not 'user'"):
            cs.nps(VOICES, unit="user")
        with pytest.raises(ParameterError, match="needs answered_at"):
            cs.nps(VOICES.drop(columns="answered_at"), unit="respondent")
        assert len(cs.nps(VOICES.drop(columns="answered_at").drop_duplicates(["account_id", "user_id"]), unit="respondent")) == 1


class TestLimits:
    @pytest.mark.parametrize(("interval", "low", "high"), [("score", 0.139551, 0.443393), ("adjusted_wald", 0.140511, 0.442013)])
    def test_the_published_net_share(self, interval: str, low: float, high: float) -> None:
        found = limits(cs.nps(pd.DataFrame({"score": [3] * 20 + [8] * 30 + [10] * 50}), interval=interval))
        assert found == pytest.approx((30, 100 * low, 100 * high), abs=5e-5)

    @pytest.mark.parametrize(("interval", "method"), [("score", "wilson"), ("adjusted_wald", "agresti_coull")])
    def test_a_share_as_in_statsmodels(self, interval: str, method: str) -> None:
        found = limits(cs.csat(pd.DataFrame({"score": [5] * 13 + [1] * 4}), interval=interval, conf_level=0.9))
        assert found[1:] == pytest.approx(proportion_confint(13, 17, alpha=0.1, method=method), abs=1e-9)

    def test_a_mean_by_hand(self) -> None:
        # 4.2 is 0.8 of the way from 1 to 5. Mean square deviation (6 x .04 + 2 x .0025 + 2 x .3025) / 10 = .085, with one vote of .8 x .2 = .16 added
        # 1.01 / 11, x 10/9 = .102020; as successes and failures .16 / .102020 = 1.568317; t(9) = 2.262157: (1.959964 / 2.262157)^2 = .750680
        found = cs.csat(pd.DataFrame({"score": [5] * 6 + [4] * 2 + [2] * 2}))
        n = 10 * 1.568317 * 0.750680
        assert limits(found, 1) == pytest.approx([1 + 4 * value for value in wilson(0.8 * n, n)], abs=1e-5)
        assert found["n"].tolist() == [10, 10]

    def test_ten_accounts_of_three_answers_by_another_way(self) -> None:
        rng = np.random.default_rng(4)
        happy = rng.random(10) < 0.5
        hits = np.where(rng.random((10, 3)) < np.where(happy, 0.9, 0.2)[:, None], 5, 1)
        table = pd.DataFrame({"score": hits.ravel(), "account_id": np.repeat(np.arange(10), 3)})
        success = (hits == 5).astype(float)
        p = success.mean()
        between = success.mean(axis=1).var(ddof=1) / 10  # clusters of one size: the variance of a mean of means
        effect = between / (p * (1 - p) / 29)
        n = 30 / effect * (stats.t.ppf(0.975, 29) / stats.t.ppf(0.975, 9)) ** 2
        assert effect > 1
        assert limits(cs.csat(table))[1:] == pytest.approx(proportion_confint(p * n, n, method="wilson"), abs=1e-9)

    def test_bootstrap_limits_come_from_accounts(self) -> None:
        rng = np.random.default_rng(8)
        scores = rng.choice([3, 8, 10], 300, p=[0.2, 0.3, 0.5])
        apart, together = pd.DataFrame({"score": scores}), pd.DataFrame({"score": np.repeat(scores[:60], 5), "account_id": np.repeat(np.arange(60), 5)})
        found, alike = (limits(cs.nps(table, interval="bootstrap", rng=1)) for table in (apart, together))
        assert found == pytest.approx(limits(cs.nps(apart)), abs=2)
        assert alike == pytest.approx(limits(cs.nps(pd.DataFrame({"score": scores[:60]}), interval="bootstrap", rng=1)), abs=1e-9)
        assert limits(cs.nps(apart, interval="bootstrap", rng=2)) != found

    def test_what_is_no_interval(self) -> None:
        with pytest.raises(ParameterError, match="interval must be 'score', 'adjusted_wald' or 'bootstrap', not 'wald'"):
            cs.csat(VOICES, interval="wald")
        with pytest.raises(ParameterError, match="conf_level"):
            cs.ces(VOICES, conf_level=95)
        with pytest.raises(ParameterError, match="rng must be a seed"):
            cs.nps(pd.DataFrame({"score": [1, 9]}), interval="bootstrap", rng=-1)


class TestScales:
    def test_low_is_good_mirrors_the_mean_and_its_limits(self) -> None:
        effort, ease = pd.DataFrame({"score": [1, 1, 2, 5], "scale": "ces_1"}), pd.DataFrame({"score": [5, 5, 4, 1], "scale": "ces_5"})
        found, mirror = cs.ces(effort, scale="ces_1"), cs.ces(ease, scale="ces_5")
        mean, low, high = limits(mirror)
        assert limits(found) == pytest.approx((6 - mean, 6 - high, 6 - low))
        assert limits(found, 1) == limits(mirror, 1)
        assert found["metric"].tolist() == ["ces", "ces_easy"]
        assert found["unit"].tolist() == ["points", "share"]

    def test_several_scales_are_rows_of_their_own(self) -> None:
        table = pd.DataFrame({"score": [5, 1, 3, 3, 1], "scale": [None, "csat_5", "smile_3", "smile_3", "smile_3"]})
        assert cs.csat(table)["estimate"].tolist() == [0.5, 3.0]
        found = cs.csat(table, scale=["csat_5", "smile_3"])
        assert list(found.columns) == ["scale", *COLUMNS]
        assert found[["scale", "metric", "estimate"]].to_numpy().tolist() == [
            ["csat_5", "csat", 0.5],
            ["csat_5", "csat_mean", 3.0],
            ["smile_3", "csat", pytest.approx(2 / 3)],
            ["smile_3", "csat_mean", pytest.approx(7 / 3)],
        ]

        grouped = cs.csat(table.assign(team=list("xyxyy")), scale=["csat_5", "smile_3"], by="team", unit="account")
        assert grouped.query("metric == 'csat'")[["team", "scale", "estimate"]].to_numpy().tolist() == [
            ["x", "csat_5", 1.0],
            ["y", "csat_5", 0.0],
            ["x", "smile_3", 1.0],
            ["y", "smile_3", 0.5],
        ]
        with pytest.raises(ParameterError, match="may not be called 'scale' here"):
            cs.csat(table, scale=["csat_5"], by="scale")

    def test_a_scale_of_ones_own(self) -> None:
        stars = cs.Scale(name="stars", low=0, high=1, step=0.5, direction="high is good", top=(1,), bottom=(0,))
        assert cs.csat(pd.DataFrame({"score": [1, 0.5], "scale": "stars"}), scale=stars)["estimate"].tolist() == [0.5, 0.75]

    def test_the_wrong_scale_says_which_there_are(self) -> None:
        with pytest.raises(ParameterError, match="scale must be one of the survey 'ces'"):
            cs.ces(VOICES, scale="csat_7")
        with pytest.raises(ParameterError, match="they are on: ces_1"):
            cs.ces(pd.DataFrame({"score": [1], "scale": "ces_1"}))

    @pytest.mark.parametrize("form", [pd.DataFrame, pl.DataFrame, pa.table])
    def test_every_kind_of_table(self, form: object) -> None:
        assert cs.ces(form({"score": [7, 5, 3], "account_id": ["a", "b", "b"]}))["estimate"].tolist() == [5.0, pytest.approx(2 / 3)]


class TestSmallWaves:
    @pytest.mark.parametrize("metric", [cs.nps, cs.csat, cs.ces])
    @pytest.mark.parametrize("unit", ["answer", "respondent", "account"])
    @pytest.mark.parametrize("interval", ["score", "bootstrap"])
    def test_no_answer_is_no_row(self, metric: object, unit: str, interval: str) -> None:
        found = metric(pd.DataFrame({"score": [], "touch": []}), by="touch", unit=unit, interval=interval)
        assert list(found.columns) == ["touch", *COLUMNS]
        assert found.empty
        assert (found["n"].dtype, found["estimate"].dtype) == ("int64", "float64")

    def test_a_month_without_answers_has_no_row(self) -> None:
        found = cs.nps(dataset(VOICES.assign(answered_at=utc(*["2026-01-02"] * 3, *["2026-03-02"] * 3))), period="month")
        assert found["period"].dt.month.tolist() == [1, 3]
        assert cs.csat(dataset(), period="month").columns.tolist() == ["period", *COLUMNS]

    def test_one_answer(self) -> None:
        # Tango at a single plus: the likeliest law with net share t has no minus beyond need and the variance 1 - t^2;
        # (1 - t)^2 = z^2 (1 - t^2), so t = (1 - z^2) / (1 + z^2) = -.586902
        one = pd.DataFrame({"score": [10]})
        assert limits(cs.nps(one)) == pytest.approx((100, -58.6902, 100), abs=1e-3)
        assert limits(cs.csat(pd.DataFrame({"score": [5]})))[1] == pytest.approx(1 / (1 + 1.959964**2), abs=1e-6)  # Wilson: 1 / (1 + z^2 / n)
        found = limits(cs.ces(pd.DataFrame({"score": [7]})))
        assert found == pytest.approx((7, 1 + 6 / (1 + 1.959964**2), 7), abs=1e-5)

    @pytest.mark.parametrize("score", [1, 5])
    def test_a_unanimous_wave_is_not_certain(self, score: int) -> None:
        # Wilson at all of 12: 12 / (12 + z^2) = .757500; the mean as far on the way from 1 to 5
        found = cs.csat(pd.DataFrame({"score": [score] * 12}))
        near = 0.757500 if score == 5 else 1 - 0.757500
        ends = (near, 1) if score == 5 else (0, near)
        assert limits(found)[1:] == pytest.approx(ends, abs=1e-5)
        assert limits(found, 1)[1:] == pytest.approx([1 + 4 * end for end in ends], abs=1e-4)
        boot = limits(cs.csat(pd.DataFrame({"score": [score] * 12}), interval="bootstrap"))
        assert np.isnan(boot[1:]).all()  # replicates that never vary say nothing

    def test_unanimous_accounts_count_once_each(self) -> None:
        table = pd.DataFrame({"score": [10] * 24, "account_id": np.repeat(np.arange(6), 4), "user_id": np.arange(24), "answered_at": "2026-01-02"})
        # answers that never differ say nothing about likeness: 24 of 6 accounts count as 6
        expected = [100 * value for value in net_share((0, 0, 6))]
        assert limits(cs.nps(table)) == pytest.approx(expected, abs=1e-6)
        assert limits(cs.nps(table, unit="account")) == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize("interval", ["score", "adjusted_wald", "bootstrap"])
    def test_a_single_account_says_nothing_about_others(self, interval: str) -> None:
        table = pd.DataFrame({"score": [5, 1, 4, 5], "account_id": "a", "user_id": list("wxyz"), "answered_at": "2026-01-02"})
        for metric in (cs.nps, cs.csat, cs.ces):
            assert metric(table, interval=interval)[["conf_low", "conf_high"]].isna().all(axis=None)
        if interval == "score":  # one vote is one answer, here of 3/4 promoters
            assert limits(cs.csat(table, unit="account")) == pytest.approx(wilson(0.75, 1), abs=1e-9)

    def test_one_account_with_most_answers_widens_the_limits(self) -> None:
        table = pd.DataFrame({"score": [10] * 20 + [3] * 10 + [10] * 10, "account_id": ["big"] * 20 + [f"a{k}" for k in range(20)]})
        clustered, alone = limits(cs.nps(table)), limits(cs.nps(table[["score"]]))
        assert clustered[0] == alone[0] == 50
        assert clustered[2] - clustered[1] > 2 * (alone[2] - alone[1])
