"""Health models out of time: judged by hand, taught by the past alone, and right where the law is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from metrics.health_company import company

WINDOW = {"horizon": "30d", "gap": "30d"}
MODELS = ["calibrated", "hand_weights", "equal_weights", "best_feature", "base_rate"]


@pytest.fixture(scope="module")
def known() -> tuple[cs.Dataset, pd.DataFrame]:
    """Return a company and the features that rule it."""
    return company(150, 8, seed=7)


@pytest.fixture(scope="module")
def told(known: tuple[cs.Dataset, pd.DataFrame]) -> pd.DataFrame:
    ds, table = known
    return cs.health_predictions(ds, **WINDOW, features=table, weights={"use": 2, "tickets": {"weight": 1, "better": "lower"}})


def by_hand() -> pd.DataFrame:
    """Return what two models foretold of ten customers on two dates; the first five leave 40 days after the second date, customer 0 alone after the first."""
    rows = []
    for date, left in (("2026-01-31", [0]), ("2026-02-28", [1, 2, 3, 4])):
        at = pd.Timestamp(date)
        ends = (at + pd.Timedelta(1, "D")).tz_localize("UTC")
        for who in range(10):
            if date == "2026-02-28" and who == 0:
                continue
            end = pd.Timestamp("2026-03-08" if who == 0 else "2026-04-10", tz="UTC") if who < 5 else pd.NaT
            score = {"2026-01-31": [9, 2, 3, 4, 8, 1, 5, 6, 7, 0], "2026-02-28": [0, 9, 3, 2, 4, 8, 1, 5, 6, 7]}[date][who] / 10
            row = {"account_id": f"a{who}", "at": at, "churned": who in left, "ends_at": ends, "ended_at": end, "verifiable": True}
            rows.append({**row, "model": "calibrated", "score": score, "probability": score, "band": None})
            rows.append({**row, "model": "hand_weights", "score": score, "probability": score, "band": "red" if score > 0.65 else "green"})
            rows.append({**row, "model": "base_rate", "score": 0.25, "probability": 0.25, "band": None})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    """Return what the judgement by hand has to equal."""
    return cs.backtest_health(by_hand(), capacity=0.2).set_index(["model", "metric"]).sort_index()


class TestByHand:
    def test_who_was_on_a_list_and_when(self, found: pd.DataFrame) -> None:
        # lists of a fifth: customers 0 and 4 (.9 and .8) of ten in January, customer 1 (.9) and four fifths of 5 (.8) of nine in February
        # of the five who left 0, 1 and 4 were on a list: 0 for 35 days (1 February to 8 March), 4 for 68 and 1 for 40 days (1 March to 10 April)
        flagged = found.loc[("calibrated", "flagged_share")]
        assert (flagged["estimate"], flagged["n"]) == (0.6, 5)
        assert found.loc[("calibrated", "lead_time"), ["estimate", "n"]].tolist() == [40.0, 3]
        assert found.loc[(np.nan, "tested_churners"), ["estimate", "n"]].tolist() == [5, 10]

    def test_what_the_lists_hold(self, found: pd.DataFrame) -> None:
        # 19 rows; ranks within the date, so the fifth of all, 3.8 rows, are those ranked 1 (two rows: 0 in January, 1 in February, both leave), then 0.9
        # (4 in January, stays that time), then 8/9 of which .8 of a row counts (5, stays): 2 of 3.8
        assert found.loc[("calibrated", "precision"), "estimate"] == pytest.approx(2 / 3.8)
        assert found.loc[("calibrated", "recall"), "estimate"] == pytest.approx(2 / 5)
        assert found.loc[("calibrated", "lift"), "estimate"] == pytest.approx(2 / 3.8 / (5 / 19))

    def test_order_and_error(self, found: pd.DataFrame) -> None:
        own = by_hand().query("model == 'calibrated'")
        yes, no = own.loc[own["churned"], "score"].to_numpy(), own.loc[~own["churned"], "score"].to_numpy()
        area = np.mean([(a > b) + (a == b) / 2 for a in yes for b in no])
        assert found.loc[("calibrated", "auc"), "estimate"] == pytest.approx(area)
        assert found.loc[("hand_weights", "auc_difference"), "estimate"] == 0
        assert found.loc[("base_rate", "auc_difference"), "estimate"] == pytest.approx(area - 0.5)
        squares = ((own["probability"] - own["churned"]) ** 2).mean()
        flat = ((0.25 - own["churned"]) ** 2).mean()
        assert found.loc[("calibrated", "brier"), "estimate"] == pytest.approx(squares)
        assert found.loc[("calibrated", "brier_skill"), "estimate"] == pytest.approx(1 - squares / flat)
        assert found.loc[("base_rate", "observed_expected"), "estimate"] == pytest.approx(5 / (19 * 0.25))

    def test_the_base_rate_has_no_order(self, found: pd.DataFrame) -> None:
        assert set(found.loc["base_rate"].index) == {"brier", "health_calibration_intercept", "observed_expected", "auc_difference"}

    def test_shares_by_band(self) -> None:
        found = cs.band_churn(by_hand()).set_index("band")
        # red: January 0, 4, 8 (.9, .8, .7), February 1, 5, 9 (.9, .8, .7): 0 and 1 leave; green: the other 13, of whom 2, 3 and 4 leave
        assert found.index.tolist() == ["red", "green"]
        assert found["estimate"].tolist() == pytest.approx([2 / 6, 3 / 13])
        assert found["n"].tolist() == [6, 13]

    def test_shares_by_probability(self) -> None:
        found = cs.health_calibration(by_hand(), bins=1).set_index("model")
        assert found.index.tolist() == ["calibrated", "hand_weights"]
        assert found["estimate"].tolist() == pytest.approx([5 / 19] * 2)
        assert found["predicted"].iloc[0] == pytest.approx(by_hand().query("model == 'calibrated'")["probability"].mean())


class TestVerdict:
    def many(self, left: int, stayed: int, *, edge: float, verifiable: bool = True) -> pd.DataFrame:
        """Return customers of one date: the calibrated score tells leavers by `edge`, the hand-made one by nothing."""
        rng = np.random.default_rng(4)
        churned = np.arange(left + stayed) < left
        score = rng.random(left + stayed) * 0.5 + edge * churned
        at = pd.Timestamp("2026-01-31")
        rows = pd.DataFrame({"account_id": [f"a{row}" for row in range(len(churned))], "at": at, "churned": churned, "verifiable": verifiable, "band": None})
        rows["ends_at"], rows["ended_at"] = pd.Timestamp("2026-02-01", tz="UTC"), pd.Timestamp("2026-03-01", tz="UTC")
        scores = {"calibrated": score, "hand_weights": rng.random(left + stayed), "base_rate": np.full(left + stayed, left / (left + stayed))}
        return pd.concat([rows.assign(model=name, score=values, probability=np.clip(values, 0, 1)) for name, values in scores.items()])

    @pytest.mark.parametrize(
        ("left", "stayed", "options", "verdict"),
        [
            (100, 100, {"edge": 0.2}, "better"),
            (99, 100, {"edge": 0.2}, "too few to validate"),
            (100, 99, {"edge": 0.2}, "too few to validate"),
            (100, 100, {"edge": 0.0}, "not better"),
            (100, 100, {"edge": -0.2}, "worse"),
            (100, 100, {"edge": 0.2, "verifiable": False}, "not verifiable"),
        ],
    )
    def test_says_plainly_what_is_shown(self, left: int, stayed: int, options: dict[str, Any], verdict: str) -> None:
        found = cs.backtest_health(self.many(left, stayed, **options))
        assert found.loc[(found["model"] == "hand_weights") & (found["metric"] == "auc_difference"), "verdict"].tolist() == [verdict]
        assert found.loc[found["metric"] != "auc_difference", "verdict"].isna().all()


class TestOutOfTime:
    @pytest.mark.slow
    def test_at_each_date_the_model_is_the_one_of_that_day(self, known: tuple[cs.Dataset, pd.DataFrame], told: pd.DataFrame) -> None:
        ds, table = known
        own = told[told["model"] == "calibrated"]
        assert own["at"].nunique() >= 3
        for at in own["at"].unique():
            then = cs.fit_health(ds.at(at.date()), **WINDOW, features=table[table["at"] <= at])
            rows = own[own["at"] == at]
            p = then.predict(table[table["at"] == at]).query("metric == 'churn_probability'").set_index("account_id")["estimate"]
            assert rows["probability"].to_numpy() == pytest.approx(p.reindex(rows["account_id"]).to_numpy(), abs=1e-8)

    def test_every_model_foretells_the_same_rows(self, told: pd.DataFrame) -> None:
        assert told["model"].unique().tolist() == MODELS
        keys = [told.loc[told["model"] == name, ["account_id", "at", "churned"]].reset_index(drop=True) for name in MODELS]
        for each in keys[1:]:
            pd.testing.assert_frame_equal(each, keys[0])
        assert told["probability"].between(0, 1).all()
        assert not told["verifiable"].any()

    def test_the_base_rate_is_that_of_windows_that_were_over(self, known: tuple[cs.Dataset, pd.DataFrame], told: pd.DataFrame) -> None:
        ended = known[0].tables["subscriptions"].to_pandas(["account_id", "ended_at"])["ended_at"]
        base = told[told["model"] == "base_rate"]
        for at, rows in base.groupby("at"):
            now = (at + pd.Timedelta(1, "D")).tz_localize("UTC")
            outcomes: list[bool] = []
            for month in pd.date_range("2025-01-31", at, freq="ME"):
                end = (month + pd.Timedelta(1, "D")).tz_localize("UTC")
                if end + pd.Timedelta(60, "D") <= now:
                    still = ended[ended.isna() | (ended >= end + pd.Timedelta(30, "D"))]
                    outcomes += (still < end + pd.Timedelta(60, "D")).tolist()
            assert rows["probability"].to_numpy() == pytest.approx(np.mean(outcomes))

    @pytest.mark.slow
    def test_a_hand_made_score_is_the_one_of_its_rules(self) -> None:
        ds, table = company(150, 8, seed=7)
        rules = {"measure": [{"feature": "use", "weight": 1, "line": [{"value": -2, "points": 0}, {"value": 2, "points": 100}]}]}
        told = cs.health_predictions(ds, **WINDOW, features=table, weights=rules).query("model == 'hand_weights'")
        use = table.set_index(["account_id", "at"])["use"].reindex(pd.MultiIndex.from_frame(told[["account_id", "at"]])).to_numpy()
        assert 100 - told["score"].to_numpy() == pytest.approx(np.clip(25 * (use + 2), 0, 100))
        assert set(told["band"]) == {"red", "yellow", "green"}
        for _, rows in told.groupby("at"):  # a probability keeps the order of the score
            assert (rows.sort_values("score")["probability"].diff().dropna() >= -1e-12).all()

    @pytest.mark.slow
    def test_nothing_after_as_of_matters(self, known: tuple[cs.Dataset, pd.DataFrame]) -> None:
        ds, table = known
        then, early = ds.at("2025-09-10"), table[table["at"] <= pd.Timestamp("2025-08-31")]
        sold = ds.tables["subscriptions"].to_pandas()
        moved = sold.assign(ended_at=sold["ended_at"].mask(sold["ended_at"] >= pd.Timestamp("2025-09-11", tz="UTC")))
        other = cs.read_dataset({"accounts": ds.tables["accounts"].to_pandas(), "subscriptions": moved.sample(frac=1, random_state=2)}, as_of="2025-09-10")
        first, second = (cs.health_predictions(each, **WINDOW, features=early, weights=None) for each in (then, other))
        pd.testing.assert_frame_equal(first, second)
        pd.testing.assert_frame_equal(cs.backtest_health(first), cs.backtest_health(second.sample(frac=1, random_state=3)))

    @pytest.mark.slow
    def test_a_dataset_and_its_predictions_give_the_same(self, known: tuple[cs.Dataset, pd.DataFrame]) -> None:
        ds, table = known
        whole = cs.backtest_health(ds, **WINDOW, features=table, weights=None, fewest=20)
        pd.testing.assert_frame_equal(whole, cs.backtest_health(cs.health_predictions(ds, **WINDOW, features=table, weights=None, fewest=20)))
        assert set(whole["model"].dropna()) == set(MODELS) - {"hand_weights"}
        limits = whole.dropna(subset=["conf_low", "conf_high"])
        assert ((limits["conf_low"] <= limits["estimate"] + 1e-12) & (limits["estimate"] <= limits["conf_high"] + 1e-12)).all()


class TestRefusals:
    @pytest.mark.slow
    def test_a_table_must_be_one_of_predictions(self, told: pd.DataFrame) -> None:
        with pytest.raises(MissingColumnsError, match="no column 'ends_at'"):
            cs.backtest_health(told.drop(columns="ends_at"))
        with pytest.raises(ParameterError, match="calibrated and base_rate among them"):
            cs.health_calibration(told[told["model"] != "base_rate"])
        with pytest.raises(ParameterError, match="the same rows of each model"):
            cs.backtest_health(told.iloc[1:])
        with pytest.raises(NotEnoughDataError, match="0 left"):
            cs.backtest_health(told.assign(churned=False))
        with pytest.raises(NotEnoughDataError, match="no customer has a band"):
            cs.band_churn(told[told["model"] != "hand_weights"])

    @pytest.mark.parametrize(("options", "said"), [({"capacity": 10}, "capacity must be a share"), ({"conf_level": 95}, "conf_level")])
    def test_options_out_of_range(self, told: pd.DataFrame, options: dict[str, Any], said: str) -> None:
        with pytest.raises(ParameterError, match=said):
            cs.backtest_health(told, **options)

    def test_too_few_to_begin(self, known: tuple[cs.Dataset, pd.DataFrame]) -> None:
        ds, table = known
        with pytest.raises(NotEnoughDataError, match="starts once 140 have left"):
            cs.health_predictions(ds, **WINDOW, features=table, weights=None, fewest=140)
        with pytest.raises(ParameterError, match="fewest must be at least 5"):
            cs.health_predictions(ds, **WINDOW, features=table, weights=None, fewest=1)


@pytest.mark.slow
def test_where_the_law_is_known_the_probabilities_are_right() -> None:
    ds, table = company(1500, 14, seed=0)
    told = cs.health_predictions(ds, **WINDOW, features=table, weights=None, fewest=100)
    found = cs.backtest_health(told).set_index(["model", "metric"])
    slope, intercept = (found.loc[("calibrated", f"health_calibration_{name}")] for name in ("slope", "intercept"))
    assert slope["conf_low"] < 1 < slope["conf_high"]
    assert intercept["conf_low"] < 0 < intercept["conf_high"]
    assert found.loc[(np.nan, "tested_churners"), "estimate"] >= 100
    curve = cs.health_calibration(told).query("model == 'calibrated'")
    inside = (curve["band_low"] <= curve["estimate"]) & (curve["estimate"] <= curve["band_high"])
    assert inside.mean() >= 0.8  # of ten bins at 95 %


@pytest.mark.slow
def test_the_probabilities_of_a_simulated_company_lie_on_the_diagonal() -> None:
    ds, _ = cs.simulate_company(accounts=1500, months=36, seed=0)
    told = cs.health_predictions(ds, fewest=100)
    found = cs.backtest_health(told).set_index(["model", "metric"])
    slope = found.loc[("calibrated", "health_calibration_slope")]
    assert slope["conf_low"] < 1 < slope["conf_high"]
    assert found.loc[("hand_weights", "auc_difference"), "verdict"] == "better"
    assert found.loc[("base_rate", "auc_difference"), "verdict"] == "better"
