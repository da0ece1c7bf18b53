"""Funnels: shares by hand and by plain Kaplan-Meier, the naive figure beside the right one, recovery and coverage."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.metrics.funnel import funnel, funnel_actors
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.intervals import wilson
from helpers import accounts, utc

DAY = 86_400


def company(rows: pd.DataFrame, *, as_of: str, **columns: Any) -> cs.Dataset:
    """Return a dataset with the rows (user_id, account_id, event, event_at) as events."""
    names = sorted(set(rows["account_id"]))
    people = pd.DataFrame({"account_id": names, "started_at": utc("2026-01-01").repeat(len(names))}).assign(**columns)
    return cs.read_dataset({"accounts": people, "events": rows}, as_of=as_of)


def journeys(rng: np.random.Generator, *, users: int, days: int, per_account: int = 1, chance: float = 0.4) -> pd.DataFrame:
    """Return users who start evenly over so many days from 1 January, of whom a share converts within 30 days, half of them within 9.

    Whoever converts needs min(30, exponential) days, drawn anew beyond 30; accounts differ in their chance.
    """
    start = rng.uniform(0, days, users)
    account = np.arange(users) // per_account
    own = rng.beta(4 * chance, 4 * (1 - chance), account.max() + 1)[account] if per_account > 1 else np.full(users, chance)
    wait = -13.0 * np.log1p(-rng.random(users) * (1 - math.exp(-30 / 13.0)))
    names = [f"u{number:06d}" for number in range(users)]
    began = pd.DataFrame({"user_id": names, "account_id": [f"a{number:06d}" for number in account], "event": "A", "days": start})
    ended = began.assign(event="B", days=start + wait)[rng.random(users) < own]
    rows = pd.concat([began, ended], ignore_index=True)
    return rows.assign(event_at=pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta((rows["days"] * DAY).astype("int64"), "s")).drop(columns="days")


def at(table: pd.DataFrame, metric: str, step: int = 2) -> pd.Series:
    return table[(table["metric"] == metric) & (table["step"] == step)].iloc[0]


class TestByHand:
    """Four users; the window is 10 days, the data end on 20 January."""

    rows = pd.DataFrame(
        [
            ("u1", "a", "A", "2026-01-02"),
            ("u1", "a", "B", "2026-01-05"),  # after 3 days
            ("u2", "b", "A", "2026-01-03"),  # watched for 10 days, nothing
            ("u3", "c", "A", "2026-01-16"),  # watched for 5 days, nothing
            ("u4", "d", "A", "2026-01-17"),
            ("u4", "d", "B", "2026-01-17"),  # at once
            ("u4", "d", "C", "2026-01-18"),
        ],
        columns=["user_id", "account_id", "event", "event_at"],
    )

    def run(self, **options: Any) -> pd.DataFrame:
        ds = company(self.rows.assign(event_at=utc(*self.rows["event_at"])), as_of="2026-01-20")
        return funnel(ds, ["A", "B"], **{"within": "10d", **options})

    def test_those_under_way_count_as_far_as_they_were_seen(self) -> None:
        table = self.run()
        # At 0 days one of four converts, after 3 days one of three still at risk (u4 has converted): 1 - 3/4 * 2/3 = 1/2.
        assert at(table, "conversion")["estimate"] == pytest.approx(1 / 2)
        assert at(table, "conversion")["n"] == 4
        assert at(table, "conversion_naive")[["estimate", "n"]].tolist() == [0.5, 4]

    def test_mature_are_those_whose_window_is_over(self) -> None:
        row = at(self.run(estimator="mature"), "conversion")  # u1 and u2
        assert (row["estimate"], row["n"]) == (0.5, 2)
        assert row[["conf_low", "conf_high"]].tolist() == pytest.approx([*wilson(1, 2)[1:]])

    def test_naive_takes_everybody_under_way_for_a_failure(self) -> None:
        table = self.run(estimator="naive", within="10d")
        assert at(table, "conversion")[["estimate", "n"]].tolist() == [0.5, 4]
        assert set(table["metric"]) == {"conversion", "step_conversion"}
        assert at(table, "conversion")[["conf_low", "conf_high"]].tolist() == pytest.approx([*wilson(2, 4)[1:]])

    def test_step_conversion_is_the_ratio_of_two_shares(self) -> None:
        ds = company(self.rows.assign(event_at=utc(*self.rows["event_at"])), as_of="2026-01-20")
        table = funnel(ds, ["A", "B", "C"], within="10d")
        # C: one of four after 1 day, when u1, u2, u3 and u4 are at risk: 1/4; over B's 1/2.
        assert at(table, "conversion", 3)["estimate"] == pytest.approx(1 / 4)
        assert at(table, "step_conversion", 3)[["estimate", "n"]].tolist() == pytest.approx([1 / 2, 2])

    @pytest.mark.slow
    def test_step_1_is_1_by_definition(self) -> None:
        row = at(self.run(), "conversion", 1)
        assert (row["estimate"], row["n"], math.isnan(row["conf_low"])) == (1, 4, True)

    @pytest.mark.slow
    def test_keys_come_first_and_the_event_names_the_step(self) -> None:
        table = self.run(by="account_id", actor="account")
        assert table.columns[:3].tolist() == ["account_id", "step", "event"]
        assert table.loc[table["step"] == 2, "event"].unique().tolist() == ["B"]
        assert "event" not in self.run(order="any").columns

    @pytest.mark.slow
    def test_missing_while_nobody_has_had_the_window(self) -> None:
        table = self.run(within="30d")
        assert at(table, "conversion")[["estimate", "conf_low"]].isna().all()
        assert at(table, "conversion", 1)["estimate"] == 1
        mature = self.run(within="30d", estimator="mature")
        assert mature["estimate"].isna().all()
        assert (mature["n"] == 0).all()

    def test_an_optional_step_is_compared_with_the_required_one_before_and_not_waited_for(self) -> None:
        ds = company(self.rows.assign(event_at=utc(*self.rows["event_at"])), as_of="2026-01-31")
        table = funnel(ds, ["A", "B", "C"], within="10d", optional="B")
        assert at(table, "step_conversion", 2)[["estimate", "n"]].tolist() == [0.5, 4]
        assert at(table, "step_conversion", 3)[["estimate", "n"]].tolist() == [0.25, 4]

    @pytest.mark.slow
    def test_nobody_in_the_range_is_said(self) -> None:
        with pytest.raises(NotEnoughDataError, match="nobody did 'A' in the range"):
            self.run(start="2026-01-18")

    @pytest.mark.parametrize(("options", "message"), [({"estimator": "mean"}, "estimator must be one of"), ({"conf_level": 95}, "conf_level")])
    def test_other_arguments_are_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ParameterError, match=message):
            self.run(**options)

    @pytest.mark.slow
    def test_the_list_says_who_stopped_where(self) -> None:
        ds = company(self.rows.assign(event_at=utc(*self.rows["event_at"])), as_of="2026-01-20")
        people = funnel_actors(ds, ["A", "B"], within="10d")
        assert people["actor"].tolist() == ["u1", "u2", "u3", "u4"]
        assert people["last_step"].tolist() == [2, 1, 1, 2]
        assert people["last_event"].tolist() == ["B", "A", "A", "B"]
        assert people["under_way"].tolist() == [False, False, True, False]
        assert people["last_step_at"].tolist() == [*utc("2026-01-05", "2026-01-03", "2026-01-16", "2026-01-17")]
        stopped = funnel_actors(ds, ["A", "C"], within="10d", exclude="B")
        assert stopped["under_way"].tolist() == [False, False, True, False]  # u4 did B at its start, which does not end it, and then C


def kaplan_meier(units: list[tuple[float | None, float]], horizon: float) -> float:
    """Return 1 - S(horizon) from (time of the end or None, time watched)."""
    if not any(watched >= horizon for _, watched in units):
        return math.nan
    staying = 1.0
    for time in sorted({end for end, _ in units if end is not None}):
        at_risk = sum((watched if end is None else end) >= time for end, watched in units)
        staying *= 1 - sum(end == time for end, _ in units) / at_risk
    return 1 - staying


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("estimator", ["kaplan_meier", "mature", "naive"])
def test_the_estimators_on_random_lists(seed: int, estimator: str) -> None:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"user": rng.integers(0, 60, 400), "event": rng.choice(list("ABC"), 400), "hour": rng.integers(0, 30 * 24, 400)})
    first = rows[rows["event"] == "A"].groupby("user")["hour"].min()
    window, end = 12 * 24, 30 * 24
    times: dict[int, list[tuple[int, float | None, float]]] = defaultdict(list)
    for user, start in first.items():
        reached = start
        for step, name in ((2, "B"), (3, "C")):
            later = rows.loc[(rows["user"] == user) & (rows["event"] == name) & rows["hour"].between(reached, start + window), "hour"]
            reached = later.min() if len(later) else 10**9
            times[step].append((start, reached - start if len(later) else None, min(end - start, window)))
    instants = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(rows["hour"], "h")
    used = pd.DataFrame({"user_id": "u" + rows["user"].astype(str), "account_id": "a" + (rows["user"] % 20).astype(str), "event": rows["event"]})
    ds = company(used.assign(event_at=instants), as_of="2026-01-31T00:00+00:00")
    table = funnel(ds, ["A", "B", "C"], within="12d", estimator=estimator)
    shares = {1: 1.0}
    for step, units in times.items():
        counted = [(time, watched) for start, time, watched in units if estimator != "mature" or end - start >= window]
        fixed = [(time, window if estimator == "naive" else watched) for time, watched in counted]
        shares[step] = kaplan_meier(fixed, window)
        assert at(table, "conversion", step)["estimate"] == pytest.approx(shares[step], rel=1e-9)
        assert at(table, "conversion", step)["n"] == len(fixed)
        assert at(table, "step_conversion", step)["estimate"] == pytest.approx(shares[step] / shares[step - 1], rel=1e-9)
        if estimator == "kaplan_meier":
            assert at(table, "conversion_naive", step)["estimate"] == pytest.approx(np.mean([time is not None for _, time, _ in units]))
        else:
            who = pd.DataFrame(
                {"hit": [time is not None for time, _ in fixed], "start": [start for start, time, _ in units if estimator != "mature" or end - start >= window]}
            )
            owner = [user % 20 for user, start in first.items() if estimator != "mature" or end - start >= window]
            by_account = who.groupby(owner)["hit"].agg(["sum", "size"])
            limits = clustered_share(by_account["sum"], by_account["size"])
            assert at(table, "conversion", step)[["conf_low", "conf_high"]].tolist() == pytest.approx([limits.conf_low, limits.conf_high], rel=1e-9)


@pytest.mark.slow
def test_a_30_day_window_on_a_31_day_range_is_visibly_wrong_when_taken_naively() -> None:
    ds = company(journeys(np.random.default_rng(1), users=20_000, days=31), as_of="2026-01-31")
    table = funnel(ds, ["A", "B"], within="30d")
    assert at(table, "conversion_naive")["estimate"] == pytest.approx(0.28, abs=0.02)  # 0.4 / 31 * integral of P(wait <= 31 - start)
    naive = funnel(ds, ["A", "B"], within="30d", estimator="naive")
    assert at(naive, "conversion")["estimate"] == pytest.approx(at(table, "conversion_naive")["estimate"])
    ours = at(table, "conversion")
    assert ours["conf_low"] < 0.4 < ours["conf_high"]
    assert ours["conf_high"] - ours["conf_low"] < 0.1
    mature = at(funnel(ds, ["A", "B"], within="30d", estimator="mature"), "conversion")
    assert mature["conf_low"] < 0.4 < mature["conf_high"]
    assert mature["n"] < 1_000 < ours["n"]


@pytest.mark.slow
def test_the_conversion_of_leads_recovers_the_truth_of_the_simulator() -> None:
    ds, truth = cs.simulate_company(accounts=3_000, months=12, seed=5)
    known = truth.of("lead_reached", stage="conversion")
    days = int(known["time_days"].max())
    table = funnel(ds, ["reach", "acquisition", "conversion"], within=f"{days}d", actor="lead", by="channel")
    found = table[(table["metric"] == "conversion") & (table["step"] == 3)].set_index("channel")
    wanted = known[known["time_days"] == days].set_index("channel")["value"]
    assert len(wanted) >= 3
    inside = (found.loc[wanted.index, "conf_low"] <= wanted) & (wanted <= found.loc[wanted.index, "conf_high"])
    assert inside.mean() >= 0.8
    assert (found.loc[wanted.index, "estimate"] - wanted).abs().max() < 0.05


@pytest.mark.slow
@pytest.mark.coverage
def test_limits_contain_the_truth_with_users_in_accounts() -> None:
    groups, accounts_each, users_each = 400, 40, 3
    rows = journeys(np.random.default_rng(7), users=groups * accounts_each * users_each, days=60, per_account=users_each)
    ds = company(rows, as_of="2026-02-25", group=[f"g{number // accounts_each:04d}" for number in range(groups * accounts_each)])
    table = funnel(ds, ["A", "B"], within="30d", by="group")
    found = table[(table["metric"] == "conversion") & (table["step"] == 2)]
    assert len(found) == groups
    assert 0.92 <= ((found["conf_low"] <= 0.4) & (found["conf_high"] >= 0.4)).mean() <= 0.98


@pytest.mark.slow
def test_accounts_may_carry_the_groups() -> None:
    people = accounts(a="2026-01-01", b="2026-01-01").assign(segment=["x", None])
    rows = pd.DataFrame({"user_id": ["u", "v"], "account_id": ["a", "b"], "event": ["A", "A"], "event_at": utc("2026-01-02", "2026-01-02")})
    rows = pd.concat([rows, rows.assign(event="B")[:1]])
    table = funnel(cs.read_dataset({"accounts": people, "events": rows}, as_of="2026-02-01"), ["A", "B"], within="2d", by="segment")
    second = table[(table["step"] == 2) & (table["metric"] == "conversion")]
    assert second.set_index("segment")["estimate"].to_dict() == {"(missing)": 0.0, "x": 1.0}
