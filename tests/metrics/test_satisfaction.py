import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats

import cs_analysis as cs
from cs_analysis.stats.intervals import net_share
from helpers import accounts, utc

SCORES = [3] * 20 + [8] * 30 + [10] * 50


def waves() -> cs.Dataset:
    asked = pd.DataFrame(
        {
            "response_id": [f"r{number}" for number in range(7)],
            "account_id": list("aabbccc"),
            "survey": ["nps"] * 6 + ["csat"],
            "asked_at": utc("2026-01-05", "2026-01-06", "2026-02-05", "2026-02-06", "2026-02-07", "2026-02-08", "2026-02-08"),
            "answered_at": utc("2026-01-06", "2026-01-07", "2026-02-06", "2026-02-07", None, "2026-05-01", "2026-02-09"),
            "score": [9, 10, 0, 7, None, 10, 5],
            "touchpoint": ["x", "y", "x", None, "x", "x", "x"],
        }
    )
    return cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01", c="2026-01-01"), "responses": asked}, as_of="2026-03-31")


class TestTable:
    def test_promoters_minus_detractors_with_score_limits(self) -> None:
        found = cs.nps(pd.DataFrame({"score": SCORES})).iloc[0]
        assert (found["estimate"], found["n"], found["unit"]) == (30.0, 100, "points")
        assert found["conf_low"] == pytest.approx(13.9551, abs=5e-5)  # Tango (1998) for 20, 30 and 50 answers
        assert found["conf_high"] == pytest.approx(44.3393, abs=5e-5)

    def test_a_polars_table_gives_the_same(self) -> None:
        pd.testing.assert_frame_equal(cs.nps(pl.DataFrame({"score": SCORES})), cs.nps(pd.DataFrame({"score": SCORES})))

    def test_one_answer_an_account_changes_nothing(self) -> None:
        single = pd.DataFrame({"score": SCORES, "account_id": np.arange(100)})
        pd.testing.assert_frame_equal(cs.nps(single), cs.nps(single[["score"]]))

    def test_accounts_that_answer_as_one_count_as_one(self) -> None:
        tenfold = pd.DataFrame({"score": np.repeat(SCORES, 10), "account_id": np.repeat(np.arange(100), 10)})
        clustered, alone = cs.nps(tenfold).iloc[0], cs.nps(pd.DataFrame({"score": SCORES})).iloc[0]
        assert (clustered["estimate"], clustered["n"]) == (30.0, 1000)
        # a thousand answers of a hundred accounts that never disagree say as much as a hundred answers; estimating the
        # likeness costs n / (n - 1) in the variance and t quantiles with 99 instead of 999 degrees of freedom
        widths = [row["conf_high"] - row["conf_low"] for row in (clustered, alone)]
        price = stats.t.ppf(0.975, 99) / stats.t.ppf(0.975, 999) * np.sqrt(100 / 99)
        assert widths[0] / widths[1] == pytest.approx(price, abs=0.002)

    def test_other_surveys_and_missing_scores_are_left_out(self) -> None:
        table = pd.DataFrame({"score": [10, 0, None], "survey": ["nps", "csat", "nps"]})
        assert cs.nps(table)[["estimate", "n"]].values.tolist() == [[100.0, 1]]

    def test_all_alike_still_has_limits_inside_the_scale(self) -> None:
        found = cs.nps(pd.DataFrame({"score": [10] * 12})).iloc[0]
        assert found["estimate"] == found["conf_high"] == 100.0
        assert 0 < found["conf_low"] < 100

    @pytest.mark.parametrize("score", [11, -1, 7.5, "ten"])
    def test_a_score_off_the_scale_is_an_error_that_names_the_row(self, score: object) -> None:
        with pytest.raises(cs.errors.ParameterError, match="whole number from 0 to 10; row 2"):
            cs.nps(pd.DataFrame({"score": [9, score]}))

    def test_a_table_without_scores_is_an_error(self) -> None:
        with pytest.raises(cs.errors.MissingColumnsError, match="no column 'score'"):
            cs.nps(pd.DataFrame({"rating": [9]}))

    def test_periods_need_a_calendar(self) -> None:
        with pytest.raises(cs.errors.ParameterError, match="period needs a Dataset"):
            cs.nps(pd.DataFrame({"score": [9]}), period="month")


class TestDataset:
    def test_only_answers_by_as_of_count(self) -> None:
        assert cs.nps(waves())[["estimate", "n"]].values.tolist() == [[25.0, 4]]  # 9, 10 against 0; 7 is passive; (2 - 1) / 4

    def test_by_month_of_the_answer(self) -> None:
        found = cs.nps(waves(), period="month")
        assert found["period"].dt.strftime("%Y-%m").tolist() == ["2026-01", "2026-02"]
        assert found[["estimate", "n"]].values.tolist() == [[100.0, 2], [-50.0, 2]]

    def test_by_touchpoint_keeps_the_missing_one(self) -> None:
        found = cs.nps(waves(), by="touchpoint").set_index("touchpoint")["estimate"]
        assert found.to_dict() == {"x": 0.0, "y": 100.0, "(missing)": 0.0}

    def test_a_single_account_says_nothing_about_others(self) -> None:
        found = cs.nps(waves(), period="month").iloc[0]
        assert np.isnan(found["conf_low"])
        assert np.isnan(found["conf_high"])

    def test_looking_back_forgets_later_answers(self) -> None:
        assert cs.nps(waves().at("2026-01-31"))["n"].tolist() == [2]


@pytest.mark.slow
@pytest.mark.coverage
def test_limits_cover_the_truth_when_accounts_are_alike_within() -> None:
    """600 surveys of 60 accounts with 1 to 8 answers that mostly agree: nominal 95 % holds, independence would not."""
    rng = np.random.default_rng(20261031)
    chances = {"happy": [0.1, 0.2, 0.7], "unhappy": [0.6, 0.3, 0.1]}
    truth = 100 * (0.5 * (0.7 - 0.1) + 0.5 * (0.1 - 0.6))
    covered = {"clustered": 0, "independent": 0}
    for _ in range(600):
        sizes = rng.integers(1, 9, 60)
        mood = rng.choice(["happy", "unhappy"], 60)
        score = np.concatenate([rng.choice([3, 8, 10], size, p=chances[m]) for size, m in zip(sizes, mood, strict=True)])
        table = pd.DataFrame({"score": score, "account_id": np.repeat(np.arange(60), sizes)})
        found = cs.nps(table).iloc[0]
        plain = net_share((int((score == 3).sum()), int((score == 8).sum()), int((score == 10).sum())))
        covered["clustered"] += found["conf_low"] <= truth <= found["conf_high"]
        covered["independent"] += plain.conf_low * 100 <= truth <= plain.conf_high * 100
    # three binomial standard errors at 600 repetitions are 2.7 points
    assert covered["clustered"] / 600 >= 0.923
    assert covered["independent"] / 600 < 0.90


class TestForms:
    @pytest.mark.parametrize(
        "table",
        [
            pd.DataFrame({"score": pd.array([9, None, 3], "int64[pyarrow]"), "account_id": pd.array(["a", None, "b"], "string[pyarrow]")}),
            pd.DataFrame({"score": pd.array([9, None, 3], "Int64"), "account_id": pd.Categorical(["a", "b", "b"])}),
            pd.DataFrame({"score": ["9", "3", None]}),
            pl.LazyFrame({"score": [9, 3]}),
        ],
    )
    def test_every_kind_of_frame_gives_the_same(self, table: object) -> None:
        assert cs.nps(table)[["estimate", "n"]].values.tolist() == [[0, 2]]

    @pytest.mark.parametrize(("groups", "shown"), [(pd.Categorical(["a", None]), ["(missing)", "a"]), (pd.array([True, None], "boolean"), [True, pd.NA])])
    def test_a_missing_group_is_a_group(self, groups: object, shown: list[object]) -> None:
        assert cs.nps(pd.DataFrame({"score": [9, 3], "seg": groups}), by="seg")["seg"].tolist() == shown

    def test_what_is_no_table_is_refused(self) -> None:
        with pytest.raises(cs.errors.ParameterError, match="not list"):
            cs.nps([9, 3])

    def test_the_row_at_fault_is_that_of_the_table(self) -> None:
        with pytest.raises(cs.errors.ParameterError, match="row 3 has 11"):
            cs.nps(pd.DataFrame({"score": [None, 9, 11]}))

    def test_answers_on_another_scale_are_not_pooled(self) -> None:
        when = pd.to_datetime(["2026-01-02"] * 2, utc=True)
        table = pd.DataFrame(
            {"response_id": [1, 2], "account_id": "a", "survey": "nps", "asked_at": when, "answered_at": when, "score": [9, 5], "scale": [None, "csat_5"]}
        )
        ds = cs.read_dataset({"accounts": pd.DataFrame({"account_id": ["a"], "started_at": when[:1]}), "responses": table}, as_of="2026-02-01")
        assert cs.nps(ds)[["estimate", "n"]].values.tolist() == cs.nps(table)[["estimate", "n"]].values.tolist() == [[100, 1]]

    def test_without_any_answer_no_period_has_a_row(self) -> None:
        when = pd.to_datetime(["2026-01-02"], utc=True)
        table = pd.DataFrame({"response_id": [1], "account_id": "a", "survey": "nps", "asked_at": when, "answered_at": pd.NaT, "score": [None]})
        ds = cs.read_dataset({"accounts": pd.DataFrame({"account_id": ["a"], "started_at": when}), "responses": table}, as_of="2026-02-01")
        assert cs.nps(ds, period="month").empty
