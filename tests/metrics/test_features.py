"""Feature usage by hand and against sets of accounts and users; coverage of its limits and of those of stickiness."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cs_analysis as cs
from cs_analysis.stats.intervals import wilson
from helpers import accounts, events


def company() -> cs.Dataset:
    """As of 31 March: the last 28 days are 4 to 31 March, the 28 before 4 February to 3 March."""
    used = events(
        ("2026-01-01", "a", "u", "login"),
        ("2026-02-10", "a", "u", "report"),
        ("2026-03-03T23:59", "b", "v", "report"),
        ("2026-03-04T00:00", "a", "u", "report"),
        ("2026-03-05", "a", "u", "report"),
        ("2026-03-06", "a", "w", "login"),
        ("2026-03-07", "b", "v", "report"),
        ("2026-03-08", "c", "x", "login"),
    )
    people = accounts(a="2026-01-01", b="2026-01-01", c="2026-01-01", d="2026-01-01").assign(segment=["x", "x", "y", "y"])
    return cs.read_dataset({"accounts": people, "events": used}, as_of="2026-03-31")


def figures(table: pd.DataFrame, metric: str) -> dict[str, tuple[float, int]]:
    return {row.event: (round(row.estimate, 4), row.n) for row in table[table["metric"] == metric].itertuples()}


def test_shares_of_accounts_and_users_that_were_active_lately() -> None:
    found = cs.feature_usage(company())
    assert figures(found, "feature_usage") == {"login": (0.6667, 3), "report": (0.6667, 3)}  # a and c; a and b; of a, b, c
    assert figures(found, "feature_user_share") == {"login": (0.5, 4), "report": (0.5, 4)}  # w and x; u and v; of u, v, w, x


def test_first_use_and_trend() -> None:
    found = cs.feature_usage(company())
    assert figures(found, "days_since_first_use") == {"login": (90.0, 2), "report": (50.0, 2)}  # from 1 January and 10 February to the end of 31 March
    trend = figures(found, "usage_trend")
    assert trend["report"] == (1.5, 5)  # three uses after two
    assert np.isnan(trend["login"][0])  # two after none


def test_a_feature_that_nobody_used_is_a_zero_with_an_exact_limit() -> None:
    found = cs.feature_usage(company(), offered=["report", "export"])
    row = found[(found["event"] == "export") & (found["metric"] == "feature_usage")].iloc[0]
    assert (row["estimate"], row["conf_low"], row["n"]) == (0.0, 0.0, 3)
    assert row["conf_high"] == pytest.approx(stats.beta.ppf(0.975, 1, 3))  # Clopper-Pearson for 0 of 3
    users = found[(found["event"] == "export") & (found["metric"] == "feature_user_share")].iloc[0]
    assert users["conf_high"] == pytest.approx(1 - 0.025 ** (1 / (4**2 / (2**2 + 1 + 1))))  # users of an account taken as wholly alike
    never = found[(found["event"] == "export") & (found["metric"] == "days_since_first_use")].iloc[0]
    assert (never["n"], np.isnan(never["estimate"])) == (0, True)


def test_a_trend_needs_data_from_before_the_earlier_window() -> None:
    used = events(("2026-02-10", "a", "u", "report"), ("2026-03-10", "a", "u", "report"))
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "events": used}, as_of="2026-03-31")
    assert np.isnan(figures(cs.feature_usage(ds), "usage_trend")["report"][0])
    assert figures(cs.feature_usage(ds, within="25d"), "usage_trend")["report"][0] == 1.0


def test_a_group_has_its_own_active_accounts() -> None:
    found = cs.feature_usage(company(), by="segment").query("metric == 'feature_usage'")
    values = {(row.segment, row.event): (row.estimate, row.n) for row in found.itertuples()}
    assert values == {("x", "login"): (0.5, 2), ("x", "report"): (1.0, 2), ("y", "login"): (1.0, 1), ("y", "report"): (0.0, 1)}


def test_nobody_active_lately_leaves_shares_missing() -> None:
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "events": events(("2026-01-05", "a", "u", "login"))}, as_of="2026-06-30")
    share = cs.feature_usage(ds).query("metric == 'feature_usage'").iloc[0]
    assert (share["n"], np.isnan(share["estimate"])) == (0, True)


@pytest.mark.parametrize("within", ["1mo", 28])
def test_the_window_has_a_fixed_length(within: object) -> None:
    with pytest.raises(cs.errors.ParameterError, match="within"):
        cs.feature_usage(company(), within=within)


def test_without_an_event_there_is_no_row() -> None:
    tables = {"accounts": accounts(a="2026-01-01"), "events": events(("2026-01-05", "a", "u", "login")).iloc[:0]}
    assert cs.feature_usage(cs.read_dataset(tables, as_of="2026-03-31")).empty


@pytest.mark.parametrize("seed", range(5))
def test_everything_equals_sets_on_random_events(seed: int) -> None:
    rng = np.random.default_rng(seed)
    moments = pd.Timestamp("2026-01-10") + pd.to_timedelta(rng.integers(0, 80 * 24, 200), "h")
    users = rng.integers(0, 9, 200)
    names = rng.choice(["login", "report", "export"], 200, p=[0.6, 0.3, 0.1])
    used = events(*((str(moment), f"a{user % 4}", f"u{user}", name) for moment, user, name in zip(moments, users, names, strict=True)))
    people = accounts(**{f"a{number}": "2026-01-01" for number in range(4)})
    found = cs.feature_usage(cs.read_dataset({"accounts": people, "events": used}, as_of="2026-03-31", timezone="Europe/Berlin"), within="14d")
    end = pd.Timestamp("2026-04-01", tz="Europe/Berlin").tz_convert("UTC")
    late = used[(used["event_at"] < end) & (used["event_at"] >= end - pd.Timedelta(14, "D"))]
    before = used[(used["event_at"] < end - pd.Timedelta(14, "D")) & (used["event_at"] >= end - pd.Timedelta(28, "D"))]
    for name in ("login", "report", "export"):
        own, earlier = late[late["event"] == name], before[before["event"] == name]
        value = {row.metric: row.estimate for row in found[found["event"] == name].itertuples()}
        assert value["feature_usage"] == pytest.approx(own["account_id"].nunique() / late["account_id"].nunique())
        assert value["feature_user_share"] == pytest.approx(own["user_id"].nunique() / late["user_id"].nunique())
        assert value["usage_trend"] == pytest.approx(len(own) / len(earlier) if len(earlier) else np.nan, nan_ok=True)


@pytest.mark.slow
def test_adopted_features_rise_toward_the_simulators_ceilings() -> None:
    ds, truth = cs.simulate_company(accounts=600, months=18, seed=1)
    used = figures(cs.feature_usage(ds), "feature_usage")
    ceiling = {row.event: row.value for row in truth.of("adoption_ceiling", joined="all").itertuples()}
    ranked = ["commented", "scheduled_report", "connected_api"]
    assert sorted(ranked, key=lambda name: used[name][0]) == sorted(ranked, key=ceiling.get) == ["connected_api", "scheduled_report", "commented"]
    assert all(used[name][0] < ceiling[name] + 0.1 for name in ranked)  # nobody can use what they have not taken up


@pytest.mark.slow
@pytest.mark.coverage
def test_limits_contain_the_truth_of_a_company_cut_into_groups(repository: Path) -> None:
    """A part of benchmarks/coverage/engagement.py: 300 groups of 30 accounts."""
    study = runpy.run_path(str(repository / "benchmarks" / "coverage" / "engagement.py"))
    ds = study["company"](300, accounts=30, likeness=0.2, own=0.1, more=1, rng=np.random.default_rng(3))
    sticky, used = cs.stickiness(ds, by="replicate"), cs.feature_usage(ds, by="replicate")
    both = pd.concat([sticky[sticky["period"] == "2026-03-01"], used[used["event"] == "report"]])
    lowest, highest = stats.binom.ppf(0.005, 300, 0.93), stats.binom.ppf(0.995, 300, 0.97)  # 267 and 298
    for metric, truth in study["truths"](0.2).items():
        found = both[both["metric"] == metric]
        assert lowest <= (found["conf_low"].le(truth) & found["conf_high"].ge(truth)).sum() <= highest, metric
        assert abs(found["estimate"].mean() - truth) < 4 * found["estimate"].sem() + 0.01 * truth, metric  # ratios of sums are a little biased
    users = both[both["metric"] == "feature_user_share"]
    alone = wilson((users["estimate"] * users["n"]).round(), users["n"])
    assert np.mean((alone.conf_low <= 0.4) & (alone.conf_high >= 0.4)) < 0.85  # users of an account are alike: as if independent they mislead
