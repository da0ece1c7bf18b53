"""Counts from the tables of a large company against the true values, first principles only.

Each comparison asks for |observed - true| < 4 standard errors; a right simulator fails one of them about once in 16,000 times. The
standard error is that of independent draws with the true chance, or from account totals where an account gives several rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.data.simulator.labels import CHANNELS

pytestmark = pytest.mark.slow

START = pd.Timestamp("2024-11-01", tz="UTC")
END = pd.Timestamp("2026-11-01", tz="UTC")
LIMIT = 4.0


def days(number: float) -> pd.Timedelta:
    return pd.Timedelta(number, "D")


def z_of_share(happened: pd.Series | np.ndarray, true: float) -> float:
    """Return (observed share - true share) / sqrt(true (1 - true) / n)."""
    return float((np.mean(happened) - true) / np.sqrt(true * (1 - true) / len(happened)))


def z_of_mean(values: pd.Series, account: pd.Series, true: float) -> float:
    """Return (mean - true) / standard error, where the rows of an account go together: residual sums by account, squared."""
    residuals = (values - values.mean()).groupby(account).sum()
    return float((values.mean() - true) / (np.sqrt((residuals**2).sum()) / len(values)))


@pytest.fixture(scope="module")
def contracts(large_company: object) -> pd.DataFrame:
    """Return each account's first contract: start, first pause, end, reason, interval, from the phases alone."""
    phases = large_company["subscriptions"]
    first = phases[phases["kind"].isin(["paid", "past_due", "paused"]) & phases["subscription_id"].str.endswith("-1")]
    by_account = first.sort_values("started_at").groupby("account_id")
    table = by_account.agg(start=("started_at", "first"), end=("ended_at", "last"), reason=("end_reason", "last"), interval=("interval", "first"))
    last_open = by_account["ended_at"].apply(lambda ends: ends.isna().any())
    paused = first[first["kind"] == "paused"].groupby("account_id")["started_at"].min()
    ended = table["end"].where(~last_open & (table["end"] < END))
    return table.assign(end=ended, left=pd.concat([ended, paused], axis=1).min(axis=1))


@pytest.fixture(scope="module")
def first_uses(large_company: object) -> pd.DataFrame:
    """Return the instant of each account's first use of each event, one column an event."""
    return large_company["events"].pivot_table(index="account_id", columns="event", values="event_at", aggfunc="min")


@pytest.mark.parametrize("policy", ["default", "with_pauses"])
@pytest.mark.parametrize("horizon", [31, 92, 200, 370, 560])
def test_survival_of_customers(large_company: object, contracts: pd.DataFrame, policy: str, horizon: int) -> None:
    """Share still customers `horizon` days after the start, of the contracts that started at least that long ago."""
    followed = contracts[contracts["start"] <= END - days(horizon)]
    left = followed["left" if policy == "default" else "end"]
    alive = left.isna() | (left > followed["start"] + days(horizon))
    true = large_company.truth.of("survival", policy=policy, time_days=float(horizon))["value"].item()
    assert len(followed) > 500
    assert abs(z_of_share(alive, true)) < LIMIT


@pytest.mark.parametrize("reason", ["voluntary", "payment", "non_renewal", "downgrade"])
def test_incidence_of_each_reason(large_company: object, contracts: pd.DataFrame, reason: str) -> None:
    followed = contracts[contracts["start"] <= END - days(370)]
    gone = (followed["reason"] == reason) & (followed["end"] <= followed["start"] + days(370))
    true = large_company.truth.of("cumulative_incidence", policy="with_pauses", end_reason=reason, time_days=370.0)["value"].item()
    assert gone.sum() > 30
    assert abs(z_of_share(gone, true)) < LIMIT


def test_logo_churn_by_month(large_company: object) -> None:
    """Customers at a month's start that are none at its end, summed over all months, against the true rates times the customers."""
    phases = large_company["subscriptions"].query("kind in ('paid', 'past_due')")
    ended = phases["ended_at"].fillna(END + days(999))
    true = large_company.truth.of("logo_churn_rate").set_index("period")["value"]
    lost, expected = 0, []
    for period in true.index[2:]:
        start, end = (stamp.tz_localize("UTC") for stamp in (period, period + pd.offsets.MonthBegin(1)))
        at_start = set(phases.loc[(phases["started_at"] < start) & (ended >= start), "account_id"])
        at_end = set(phases.loc[(phases["started_at"] < end) & (ended >= end), "account_id"])
        lost += len(at_start - at_end)
        expected += [true[period]] * len(at_start)
    expected = np.array(expected)
    assert lost > 500
    assert abs((lost - expected.sum()) / np.sqrt((expected * (1 - expected)).sum())) < LIMIT


def test_renewal_of_yearly_contracts(large_company: object, contracts: pd.DataFrame) -> None:
    """Of the yearly contracts that reached their first renewal, those that went on."""
    yearly = contracts[(contracts["interval"] == "year")]
    renewal = yearly["start"] + pd.DateOffset(years=1)
    due = (renewal < END) & (yearly["end"].isna() | (yearly["end"] >= renewal))
    goes_on = yearly["end"].isna() | (yearly["end"] > renewal)
    true = large_company.truth.of("renewal_rate", interval="year", renewal=1.0)["value"].item()
    assert due.sum() > 300
    assert abs(z_of_share(goes_on[due], true)) < LIMIT


def test_expansion(large_company: object) -> None:
    """Rows that begin with more seats, over the monthly turns at which contracts went on unpaused."""
    phases = large_company["subscriptions"].query("kind in ('paid', 'past_due', 'paused')").sort_values(["subscription_id", "started_at"])
    grown = (phases.groupby("subscription_id")["seats"].diff() > 0).sum()
    runs = phases.groupby("subscription_id").agg(start=("started_at", "first"), end=("ended_at", "last"), still=("ended_at", lambda ends: ends.isna().any()))
    end = runs["end"].where(~runs["still"] & (runs["end"] < END), END)
    turns = sum(whole_months(start, stop) for start, stop in zip(runs["start"], end, strict=True))
    pauses = phases.query("kind == 'paused'")
    stopped = sum(whole_months(row.started_at, min(row.ended_at, END) if pd.notna(row.ended_at) else END, including_first=True) for row in pauses.itertuples())
    true = large_company.truth.of("expansion_rate")["value"].item()
    assert grown > 1_000
    assert grown / (turns - stopped) == pytest.approx(true, abs=LIMIT * np.sqrt(true / turns))


def whole_months(start: pd.Timestamp, end: pd.Timestamp, *, including_first: bool = False) -> int:
    """Return the number of monthly turns strictly between two instants (with the first instant itself if asked)."""
    turns = [start + pd.DateOffset(months=number) for number in range(0 if including_first else 1, 26)]
    return sum(turn < end for turn in turns)


def test_trials(large_company: object, contracts: pd.DataFrame) -> None:
    trials = large_company["subscriptions"].query("kind == 'trial'").set_index("account_id")
    over = trials[trials["ended_at"].notna()]
    true = large_company.truth.of("trial_conversion")["value"].item()
    assert abs(z_of_share(over.index.isin(contracts.index), true)) < LIMIT


@pytest.mark.parametrize(("metric", "within"), [("activation_rate", 14), ("time_to_value", 7)])
def test_activation(large_company: object, first_uses: pd.DataFrame, metric: str, within: int) -> None:
    started = large_company["accounts"].set_index("account_id")["started_at"]
    due = started[started <= END - days(within)]
    reached = first_uses["shared_report"].reindex(due.index) < due + days(within)
    true = large_company.truth.of(metric, time_days=float(within))["value"].item()
    assert abs(z_of_share(reached, true)) < LIMIT


def test_half_of_the_accounts_have_value_by_the_median(large_company: object, first_uses: pd.DataFrame) -> None:
    """The median lies before day 14, where no trial has ended yet, and within a day of the weekly rhythm."""
    started = large_company["accounts"].set_index("account_id")["started_at"]
    due = started[started <= END - days(30)]
    wait = (first_uses["shared_report"].reindex(due.index) - due) / days(1)
    true = large_company.truth.of("median_time_to_value")["value"].item()
    assert 8 < true < 14
    assert wait.fillna(np.inf).median() == pytest.approx(true, abs=1.0)


@pytest.mark.parametrize(
    ("event", "joined"),
    [
        ("commented", "all"),
        ("scheduled_report", "all"),
        ("opened_mobile_app", "before_release"),
        ("opened_mobile_app", "after_release"),
        ("generated_summary", "before_release"),
    ],
)
@pytest.mark.parametrize("within", [28, 182])
def test_adoption_before_leaving(large_company: object, first_uses: pd.DataFrame, event: str, joined: str, within: int) -> None:
    """Adopters within days of sign-up or release, before the first time without a subscription."""
    started = large_company["accounts"].set_index("account_id")["started_at"]
    share = next(feature.release for feature in large_company.truth.parameters.usage.features if feature.name == event)
    release = START + share * (END - START)
    origin = started.clip(lower=release)
    leaves = large_company.truth.latent.set_index("account_id")["first_leave_at"].fillna(END + days(999))
    group = {"all": started.notna(), "before_release": started < release, "after_release": started >= release}[joined]
    due = group & (origin <= END - days(within)) & (leaves > origin)
    first = first_uses[event].reindex(started.index)
    adopted = (first <= origin + days(within)) & (first < leaves)
    true = large_company.truth.of("adoption", event=event, joined=joined, time_days=float(within))["value"].item()
    assert due.sum() > 500
    assert abs(z_of_share(adopted[due], true)) < LIMIT


@pytest.mark.parametrize("survey", ["nps", "csat", "ces"])
def test_scores_of_those_who_answer(large_company: object, survey: str) -> None:
    answers = large_company["responses"].query("survey == @survey").dropna(subset=["score"])
    score = answers["score"]
    value = {"nps": 100.0 * (score >= 9) - 100.0 * (score <= 6), "csat": (score >= 4).astype(float), "ces": score}[survey]
    truth = large_company.truth
    for metric, observed in ((survey, value), ("mean_score", score)):
        true = truth.of(metric, survey=survey, population="answering")["value"].item()
        assert abs(z_of_mean(observed, answers["account_id"], true)) < LIMIT


@pytest.mark.parametrize("survey", ["nps", "csat", "ces"])
def test_response_rate(large_company: object, survey: str) -> None:
    asked = large_company["responses"].query("survey == @survey")
    true = large_company.truth.of("response_rate", survey=survey)["value"].item()
    assert abs(z_of_mean(asked["answered_at"].notna().astype(float), asked["account_id"], true)) < LIMIT


def test_those_who_answer_are_happier_than_those_asked(large_company: object) -> None:
    nps = large_company.truth.of("nps").set_index("population")["value"]
    assert nps["answering"] - nps["asked"] > 5


def test_tickets(large_company: object) -> None:
    tickets = large_company["tickets"]
    within = {day: tickets["first_response_at"] <= tickets["opened_at"] + days(day) for day in (1.0, 2.0)}
    old = tickets["opened_at"] < END - days(30)
    for day, answered in within.items():
        true = large_company.truth.of("first_response_within", time_days=day)["value"].item()
        assert abs(z_of_mean(answered[old].astype(float), tickets["account_id"][old], true)) < LIMIT
    solved = tickets.dropna(subset=["resolved_at"])[lambda table: table["opened_at"] < END - days(90)]
    at_once = ((solved["touches"] == 1) & solved["reopened_at"].isna()).astype(float)
    true = large_company.truth.of("first_contact_resolution")["value"].item()
    assert abs(z_of_mean(at_once, solved["account_id"], true)) < LIMIT


def test_goals(large_company: object) -> None:
    """Goals of accounts that stay for 91 days more, so that leaving takes none away."""
    goals = large_company["goals"].merge(large_company.truth.latent[["account_id", "first_leave_at"]], on="account_id")
    stays = goals["first_leave_at"].isna() | (goals["first_leave_at"] > goals["set_at"] + days(91))
    due = goals[stays & (goals["set_at"] <= END - days(91))]
    reached = due["reached_at"] <= due["set_at"] + days(91)
    true = large_company.truth.of("goal_reached", time_days=91.0)["value"].item()
    assert abs(z_of_share(reached, true)) < LIMIT


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(("stage", "within"), [("acquisition", 14), ("conversion", 28), ("conversion", 91)])
def test_leads(large_company: object, channel: str, stage: str, within: int) -> None:
    """Leads at a stage within days of the first contact, of those first contacted that long ago."""
    touches = large_company["touchpoints"].query("channel == @channel")
    first = touches.pivot_table(index="lead_id", columns="stage", values="touched_at", aggfunc="min")
    due = first[first["reach"] <= END - days(within)]
    true = large_company.truth.of("lead_reached", channel=channel, stage=stage, time_days=float(within))["value"].item()
    assert len(due) > 1_000
    assert abs(z_of_share(due[stage] <= due["reach"] + days(within), true)) < LIMIT


def test_availability(large_company: object) -> None:
    """The chain remembers: an hour is like the one before with weight 1 - r - s, so its mean has (1 + w) / (1 - w) times the variance."""
    up = large_company["checks"]["up"]
    true = large_company.truth.of("availability", service="app")["value"].item()
    memory = 1.0 - 1.0 / 5.0 - 0.0012
    assert abs(z_of_share(up, true)) / np.sqrt((1 + memory) / (1 - memory)) < LIMIT


def test_orders_follow_bg_nbd_and_gamma_gamma(large_company: object) -> None:
    """No repeat within t days has chance (alpha / (alpha + t))^r; a mean amount is p v / (q - 1) = 6 x 120 / 3 = 240."""
    orders = large_company["orders"].query("amount > 0").sort_values("ordered_at")
    terms = large_company.truth.of("bg_nbd").set_index("term")["value"]
    first, second = (
        orders.groupby("account_id")["ordered_at"].nth(place).to_frame().set_index(orders.groupby("account_id")["account_id"].nth(place)) for place in (0, 1)
    )
    pairs = first.join(second, rsuffix="_second")
    due = pairs[pairs["ordered_at"] <= END - days(91)]
    repeats = due["ordered_at_second"] <= due["ordered_at"] + days(91)
    assert abs(z_of_share(repeats, 1 - (terms["alpha"] / (terms["alpha"] + 91)) ** terms["r"])) < LIMIT
    firsts = orders.drop_duplicates("account_id")
    assert abs(z_of_mean(firsts["amount"], firsts["account_id"], 240.0)) < LIMIT


@pytest.mark.parametrize("guided", [True, False])
def test_the_guide_acts_as_the_truth_says(large_company: object, first_uses: pd.DataFrame, guided: bool) -> None:
    """Within the guided and the others, reached steps agree with the accounts' own chances; all guided against none is the effect."""
    latent = large_company.truth.latent.set_index("account_id")
    group = latent[(latent["guide_at"].notna() == guided) & latent["active"]]
    created = first_uses["created_project"].reindex(group.index)
    p = large_company.truth.parameters.onboarding
    touch = large_company["accounts"].set_index("account_id")["touch"].reindex(group.index) == "high"
    chance = 1 / (1 + np.exp(-(p.pass_level[0] + p.pass_fit * group["fit"] + p.pass_high_touch * touch + p.pass_guide * guided)))
    old = large_company["accounts"].set_index("account_id")["started_at"].reindex(group.index) < END - days(30)
    observed, expected = created[old].notna().sum(), chance[old].sum()
    assert abs(observed - expected) / np.sqrt((chance * (1 - chance))[old].sum()) < LIMIT
    assert large_company.truth.of("activation_difference", action="guide")["value"].item() > 0.05
