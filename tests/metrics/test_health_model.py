"""The calibrated health model: it finds the law by which customers leave, tells every part, and takes nothing from the future."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from metrics.health_company import MONTHLY, WEIGHTS, company

WINDOW = {"horizon": "30d", "gap": "30d"}


def on(table: pd.DataFrame, day: str) -> pd.DataFrame:
    """Return the rows of a day."""
    return table[table["at"] == pd.Timestamp(day)]


@pytest.fixture(scope="module")
def told() -> tuple[cs.Dataset, pd.DataFrame]:
    """Return a company and the features that rule it, some of them missing."""
    return company(180, 8, seed=5, missing=0.1)


@pytest.fixture(scope="module")
def fit(told: tuple[cs.Dataset, pd.DataFrame]) -> cs.HealthFit:
    ds, table = told
    return cs.fit_health(ds, **WINDOW, features=table)


class TestLaw:
    @pytest.mark.slow
    def test_the_coefficients_of_a_known_law_are_recovered(self) -> None:
        ds, table = company(3000, 10, seed=1)
        fit = cs.fit_health(ds, **WINDOW, features=table)
        assert fit.model.penalty < 20  # against 20,000 rows
        found = fit.coefficients.set_index("term")
        for place, (name, weight) in enumerate(WEIGHTS.items()):
            assert found.loc[name, "estimate"] == pytest.approx(weight * fit.model.scale[place], abs=0.08)
        assert fit.model.intercept == pytest.approx(MONTHLY, abs=0.1)  # features have mean 0
        rows = table[table["at"] == table["at"].max()]
        p = fit.predict(rows).query("metric == 'churn_probability'")
        truth = expit(MONTHLY + sum(weight * rows.sort_values("account_id")[name].to_numpy() for name, weight in WEIGHTS.items()))
        assert np.corrcoef(logit(p["estimate"]), logit(truth))[0, 1] > 0.99
        assert np.abs(p["estimate"].to_numpy() - truth).mean() < 0.01

    @pytest.mark.slow
    def test_the_limits_cover_the_law(self) -> None:
        # of 12 companies x 3 coefficients 95 % are 34; fewer than 29 come by chance less than once in 1,000 times
        covered = 0
        for seed in range(12):
            ds, table = company(500, 5, seed=100 + seed)
            fit = cs.fit_health(ds, **WINDOW, features=table)
            truth = np.array(list(WEIGHTS.values())) * fit.model.scale
            covered += int(((fit.coefficients["conf_low"] <= truth) & (truth <= fit.coefficients["conf_high"])).sum())
        assert covered >= 29


class TestParts:
    @pytest.mark.slow
    def test_contributions_sum_to_the_log_odds_exactly_in_any_order(self, fit: cs.HealthFit, told: tuple[cs.Dataset, pd.DataFrame]) -> None:
        rows = on(told[1], "2025-04-30")
        parts = fit.explain(rows)
        sums = parts.groupby(["account_id", "at"])["contribution"].sum()
        shuffled = parts.sample(frac=1, random_state=3).groupby(["account_id", "at"])["contribution"].sum()
        pd.testing.assert_series_equal(sums, shuffled, check_exact=True)
        p = fit.predict(rows).query("metric == 'churn_probability'").set_index(["account_id", "at"])["estimate"]
        assert (expit(sums) == p.reindex(sums.index)).all()
        assert fit.model.log_odds(rows.sort_values("account_id")) == pytest.approx(sums.to_numpy(), abs=1e-8)

    def test_the_base_comes_first_and_then_the_largest(self, fit: cs.HealthFit, told: tuple[cs.Dataset, pd.DataFrame]) -> None:
        rows = on(told[1], "2025-04-30").head(40)
        parts = fit.explain(rows)
        assert parts.columns.tolist() == ["account_id", "at", "feature", "value", "contribution"]
        for _, own in parts.groupby("account_id"):
            assert own["feature"].iloc[0] == "(base)"
            assert own["contribution"].iloc[1:].abs().is_monotonic_decreasing
        assert (parts.loc[parts["value"].isna() & (parts["feature"] != "(base)"), "contribution"] == 0).all()
        one = parts[(parts["feature"] == "use") & parts["value"].notna()].iloc[0]
        place = fit.model.features.index("use")
        by_hand = fit.model.beta[place] * (one["value"] - fit.model.mean[place]) / fit.model.scale[place]
        assert one["contribution"] == pytest.approx(by_hand, abs=1e-8)

    def test_parts_of_a_change_sum_to_it_exactly(self, fit: cs.HealthFit, told: tuple[cs.Dataset, pd.DataFrame]) -> None:
        rows = told[1][told[1]["at"].isin(pd.to_datetime(["2025-03-31", "2025-04-30", "2025-05-31"]))]
        only_once = rows["account_id"] == "a0000"
        rows = rows[~only_once | (rows["at"] == "2025-04-30")]
        change = fit.change(rows.sample(frac=1, random_state=1))
        assert "a0000" not in set(change["account_id"])
        assert set(change["at"]) == {pd.Timestamp("2025-05-31")}
        assert set(change["since"]) == {pd.Timestamp("2025-04-30")}
        odds = fit.explain(rows).groupby(["account_id", "at"])["contribution"].sum().reset_index().pivot_table("contribution", "account_id", "at")
        moved = odds[pd.Timestamp("2025-05-31")] - odds[pd.Timestamp("2025-04-30")]
        assert (change.groupby("account_id")["change"].sum() == moved.dropna()).all()
        before = rows[rows["at"] == "2025-04-30"].set_index("account_id")["use"]
        own = change[change["feature"] == "use"].set_index("account_id")
        pd.testing.assert_series_equal(own["value_before"], before.reindex(own.index), check_names=False)

    def test_what_is_missing_is_counted_and_contributes_nothing(self, fit: cs.HealthFit) -> None:
        at = pd.Timestamp("2025-04-30")
        rows = pd.DataFrame({"account_id": ["x", "y"], "at": at, "use": [np.nan, 1.0], "tickets": [np.nan, 0.5], "noise": [np.nan, np.nan]})
        found = fit.predict(rows).set_index(["metric", "account_id"])
        assert found.loc["health_inputs_used", "estimate"].tolist() == [0, 2]
        assert found.loc["health_inputs_used", "n"].tolist() == [3, 3]
        p = found.loc[("churn_probability", "x"), "estimate"]
        assert p == pytest.approx(expit(fit.model.intercept), abs=1e-9)
        score = found.loc[("health_score_calibrated", "x")]
        assert score["estimate"] == pytest.approx(100 * (1 - p))
        assert score["conf_low"] == pytest.approx(100 * (1 - found.loc[("churn_probability", "x"), "conf_high"]))
        assert (found["conf_low"].dropna() <= found["estimate"][found["conf_low"].notna()]).all()

    def test_a_table_must_have_each_feature_and_each_row_once(self, fit: cs.HealthFit, told: tuple[cs.Dataset, pd.DataFrame]) -> None:
        rows = on(told[1], "2025-04-30").head(5)
        with pytest.raises(MissingColumnsError, match="no column 'tickets'"):
            fit.predict(rows.drop(columns="tickets"))
        with pytest.raises(ParameterError, match="one row an account and date; account 'a0000' has two"):
            fit.explain(pd.concat([rows, rows]))
        with pytest.raises(ParameterError, match="made of numbers"):
            fit.predict(rows.assign(use="much"))


class TestGuard:
    @pytest.mark.slow
    def test_a_leaky_feature_with_its_recipe_is_refused_and_named(self) -> None:
        ds, table = company(120, 6, seed=2)

        def gone(at: cs.Dataset) -> pd.DataFrame:
            phases = at.tables["subscriptions"].to_pandas(["account_id", "ended_at"])
            return phases.assign(gone=phases["ended_at"].notna().astype(float))[["account_id", "gone"]]

        leaky = table[["account_id", "at", "use"]].merge(gone(ds), on="account_id")  # as of the export, at every date
        with pytest.raises(ParameterError, match="'gone' is not what was known at its dates"):
            cs.fit_health(ds, **WINDOW, features=leaky, recipe=gone)

    @pytest.mark.slow
    def test_as_a_bare_column_it_is_labelled_and_looks_excellent(self) -> None:
        ds, table = company(400, 9, seed=2)
        phases = ds.tables["subscriptions"].to_pandas(["account_id", "ended_at"])
        bare = table.merge(phases.assign(gone=phases["ended_at"].notna().astype(float))[["account_id", "gone"]], on="account_id")
        fit = cs.fit_health(ds, **WINDOW, features=bare)
        found = fit.diagnostics.set_index("check")
        assert found.loc["feature gone", "finding"] == "not verifiable"
        honest, leaky = (cs.backtest_health(ds, **WINDOW, features=each, weights=None).set_index(["model", "metric"]) for each in (table, bare))
        assert leaky.loc[("calibrated", "auc"), "estimate"] > honest.loc[("calibrated", "auc"), "conf_high"]
        assert "better" not in set(leaky["verdict"])

    @pytest.mark.slow
    def test_our_own_features_are_dated(self) -> None:
        ds, _ = company(120, 6, seed=3)
        fit = cs.fit_health(ds, **WINDOW, features=["tenure_days", "mrr"])
        found = fit.diagnostics.set_index("check")["finding"]
        assert found["feature tenure_days"] == "ok"
        assert found["feature mrr"] == "never varies"
        assert fit.coefficients.set_index("term").loc["mrr", "estimate"] == 0

    @pytest.mark.slow
    def test_nothing_after_as_of_matters(self, told: tuple[cs.Dataset, pd.DataFrame]) -> None:
        ds, table = told
        then = ds.at("2025-07-15")
        sold = ds.tables["subscriptions"].to_pandas()
        later = sold["ended_at"] >= pd.Timestamp("2025-07-16", tz="UTC")
        moved = sold.assign(ended_at=sold["ended_at"].mask(later))
        other = cs.read_dataset({"accounts": ds.tables["accounts"].to_pandas(), "subscriptions": moved}, as_of="2025-07-15")
        known = table[table["at"] <= "2025-06-30"]
        first, second = (cs.fit_health(each, **WINDOW, features=known) for each in (then, other))
        pd.testing.assert_frame_equal(first.coefficients, second.coefficients)
        pd.testing.assert_frame_equal(first.diagnostics, second.diagnostics)


class TestDiagnostics:
    @pytest.mark.slow
    def test_counts_are_those_of_the_rows(self, fit: cs.HealthFit, told: tuple[cs.Dataset, pd.DataFrame]) -> None:
        ds, table = told
        ended = ds.tables["subscriptions"].to_pandas(["account_id", "ended_at"]).set_index("account_id")["ended_at"]
        churners, gap, accounts = set(), 0, set()
        for at in sorted(table["at"].unique()):
            end = (at + pd.Timedelta(1, "D")).tz_localize("UTC")
            for account, when in ended.items():
                if pd.isna(when) or when >= end:
                    left = pd.notna(when) and when < end + pd.Timedelta(30, "D")
                    gap += bool(left)
                    accounts |= set() if left else {account}
                    if pd.notna(when) and not left and when < end + pd.Timedelta(60, "D"):
                        churners.add(account)
        found = fit.diagnostics.set_index("check")
        assert found.loc["snapshots", "value"] == 8
        assert found.loc["accounts", "value"] == len(accounts)
        assert found.loc["churners", "value"] == len(churners)
        assert found.loc["churners per feature", "value"] == pytest.approx(len(churners) / 3)
        assert found.loc["left in gap", "value"] == gap
        assert found.loc["churners", "finding"] == "too few to validate"
        assert found.loc["feature use", "value"] == pytest.approx(0.9, abs=0.03)

    def test_covariance_and_limits_belong_together(self, fit: cs.HealthFit) -> None:
        assert fit.converged
        spread = np.sqrt(np.diag(fit.covariance)[1:])
        assert ((fit.coefficients["conf_high"] - fit.coefficients["estimate"]) / spread).to_numpy() == pytest.approx(1.959964, rel=1e-6)
        assert list(fit.covariance.columns) == ["(base)", *fit.coefficients["term"]]

    @pytest.mark.slow
    def test_too_few_are_refused_in_words(self) -> None:
        ds, table = company(12, 4)
        with pytest.raises(NotEnoughDataError, match="5 rows with a yes"):
            cs.fit_health(ds, **WINDOW, features=table)
        with pytest.raises(NotEnoughDataError, match="the first such window ends at"):
            cs.fit_health(ds, horizon="360d", features=table)
        with pytest.raises(ParameterError, match="gap must be a length of time, not '-5d'"):
            cs.fit_health(ds, horizon="30d", gap="-5d", features=table)
        with pytest.raises(ParameterError, match="horizon must be longer than nothing"):
            cs.fit_health(ds, horizon="0d", features=table)


@pytest.mark.slow
def test_it_runs_on_the_tables_of_a_company() -> None:
    ds, _ = cs.simulate_company(accounts=200, months=20, seed=1)
    fit = cs.fit_health(ds)
    assert "renewal_due" in set(fit.coefficients["term"])
    now = cs.health_features(ds)  # has no `renewal_due`: it is made from the days to the renewal
    p = fit.predict(now).query("metric == 'churn_probability'")
    assert p["estimate"].between(0, 1).all()
    assert len(p) == len(now)
    assert set(fit.explain(now)["feature"]) == {"(base)", "renewal_due", *now.columns[2:]}
