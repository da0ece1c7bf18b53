"""Response, resolution and remaining times: by hand, against a Kaplan-Meier curve in fractions, and where the law is known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.facts.support_times import ticket_waits

AS_OF = "2026-03-31"


def utc(*instants: str | None) -> pd.Series:
    return pd.Series(pd.to_datetime(list(instants), utc=True, format="ISO8601"))


def company(tickets: pd.DataFrame, *, as_of: str = AS_OF, calendar: cs.Calendar | None = None, **accounts: list[object]) -> cs.Dataset:
    """Return a dataset of tickets, whose accounts are all there from the start of 2020."""
    names = sorted(tickets["account_id"].unique())
    people = pd.DataFrame({"account_id": names, "started_at": pd.Timestamp("2020-01-01", tz="UTC"), **accounts})
    return cs.read_dataset({"accounts": people, "tickets": tickets}, as_of=as_of, calendar=calendar)


def week() -> pd.DataFrame:
    """Return five tickets opened on Monday the 2nd of March at 9:00, of five accounts, and answered when it says."""
    answered = utc("2026-03-02T13:00", "2026-03-03T09:00", "2026-03-05T09:00", None, "2026-03-31T09:00")
    opened = utc(*["2026-03-02T09:00"] * 3, "2026-03-04T09:00", "2026-03-02T09:00")
    return pd.DataFrame({"ticket_id": list("12345"), "account_id": list("abcde"), "opened_at": opened, "first_response_at": answered, "resolved_at": answered})


def value(table: pd.DataFrame, metric: str, column: str = "estimate") -> float:
    """Return the one value of a metric."""
    return float(table.loc[table["metric"] == metric, column].item())


def test_by_hand_in_business_days() -> None:
    """On the evening of the 6th: .5, 1 and 3 days; two open, for 3 and 5. F(.5) = 1/5, F(1) = 2/5, F(3) = 3/5: the median is 3 days.

    Of those answered the median is 1 day and the mean (.5 + 1 + 3) / 3 = 1.5 days. F never comes to 9 in 10.
    """
    found = cs.response_time(company(week(), as_of="2026-03-06"))
    assert value(found, "response_time") == 3.0
    assert np.isnan(value(found, "response_time_90"))
    assert (value(found, "response_time_naive"), value(found, "response_time_naive_mean")) == (1.0, 1.5)
    assert value(found, "unanswered_share") == 0.4
    assert found["n"].tolist() == [5, 5, 3, 3, 5]
    assert found["unit"].tolist() == ["days"] * 4 + ["share"]


def test_by_hand_in_all_time() -> None:
    """4 hours, 1 day and 3 days answered; the median 3 days on both clocks, as all three days are business days from 9 to 9."""
    found = cs.response_time(company(week(), as_of="2026-03-06"), clock="elapsed", quantiles=[0.2, 0.5])
    assert value(found, "response_time_20") == pytest.approx(1 / 6, abs=1e-9)
    assert value(found, "response_time") == 3.0
    assert value(found, "response_time_naive_mean") == pytest.approx((1 / 6 + 1 + 3) / 3, abs=1e-9)


def test_limits_by_hand() -> None:
    """Of 100 accounts answered after 1, 2, ..., 100 hours: d = 1.96 sqrt(.25 / 100) = .098; 41 and 60 hours."""
    opened = pd.Series(pd.Timestamp("2026-03-02", tz="UTC")).repeat(100).reset_index(drop=True)
    answered = opened + pd.to_timedelta(np.arange(1, 101), "h")
    tickets = pd.DataFrame({"ticket_id": range(100), "account_id": [f"a{k}" for k in range(100)], "opened_at": opened, "first_response_at": answered})
    row = cs.response_time(company(tickets), clock="elapsed").iloc[0]
    assert np.rint(row[["estimate", "conf_low", "conf_high"]].to_numpy("float64") * 24).tolist() == [50, 41, 60]


@pytest.mark.slow
def test_messages_wait_like_tickets() -> None:
    """A conversation of one question and one answer is a ticket with a response."""
    tickets = random_tickets(seed=1)
    asked = tickets.rename(columns={"opened_at": "sent_at"}).assign(direction="in")
    answers = tickets.dropna(subset=["first_response_at"]).rename(columns={"first_response_at": "sent_at"}).assign(direction="out")
    messages = pd.concat([asked, answers], ignore_index=True)[["ticket_id", "account_id", "sent_at", "direction"]].rename(columns={"ticket_id": "thread_id"})
    tables = {"accounts": company(tickets).tables["accounts"].to_pandas(), "messages": messages.assign(message_id=range(len(messages)))}
    for clock in ("business", "elapsed"):
        threads = cs.response_time(cs.read_dataset(tables, as_of=AS_OF), of="messages", clock=clock)
        pd.testing.assert_frame_equal(threads, cs.response_time(company(tickets), clock=clock))


@pytest.mark.slow
@pytest.mark.parametrize("clock", ["business", "elapsed"])
def test_the_median_is_that_of_a_curve_in_fractions(clock: str) -> None:
    for seed in range(3):
        ds = company(random_tickets(seed, size=60), calendar=cs.Calendar(timezone="Europe/Berlin", holidays=["2026-03-10"]))
        waits = ticket_waits(ds, what="resolution", clock=clock)
        found = cs.resolution_time(ds, clock=clock, quantiles=[0.3, 0.5])
        for quantile, metric in ((Fraction(3, 10), "resolution_time_30"), (Fraction(1, 2), "resolution_time")):
            assert value(found, metric) == pytest.approx(plain_quantile(waits, quantile), abs=1 / 28_800)


def plain_quantile(waits: pd.DataFrame, quantile: Fraction) -> float:
    """Return the first time at which the share that has not ended, a product of fractions, is at or below one minus the quantile."""
    left = Fraction(1)
    for day in sorted(waits.loc[waits["observed"], "duration_days"].unique()):
        at_risk = int((waits["duration_days"] >= day).sum())
        ended = int((waits["observed"] & (waits["duration_days"] == day)).sum())
        left *= Fraction(at_risk - ended, at_risk)
        if left <= 1 - quantile:
            return float(day)
    return float("nan")


def random_tickets(seed: int, size: int = 40) -> pd.DataFrame:
    """Return tickets of twelve accounts in March, in whole minutes, of which some are never answered or resolved."""
    rng = np.random.default_rng(seed)
    opened = pd.Series(pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 28 * 1440, size), "min"))
    first = opened + pd.to_timedelta(rng.exponential(1500, size).round(), "min")
    solved = first + pd.to_timedelta(rng.exponential(9000, size).round(), "min")
    tickets = pd.DataFrame({"ticket_id": [f"t{row:02d}" for row in range(size)], "account_id": [f"a{k}" for k in rng.integers(0, 12, size)]})
    seen = rng.random(size) < 0.9
    return tickets.assign(opened_at=opened, first_response_at=first.where(seen), resolved_at=solved.where(seen & (rng.random(size) < 0.9)))


LAWS = {  # days of a resolution, the window in which tickets are opened such that half of them are open at its end, and the true median
    "exponential": (lambda rng, size: rng.exponential(10, size), 15.936, 10 * np.log(2)),
    "log-normal": (lambda rng, size: np.exp(rng.normal(np.log(8), 1.5, size)), 21.8, 8.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS)
def test_with_half_of_the_tickets_open_the_median_is_right_and_the_naive_one_less_than_half_of_it(law: str) -> None:
    """Exponential of mean m, opened evenly over w: open are m / w (1 - exp(-w / m)), a half at w = 1.5936 m; the resolved have the median .324 m."""
    draw, window, median = LAWS[law]
    rng = np.random.default_rng(9)
    size = 6_000
    end = pd.Timestamp(AS_OF, tz="UTC") + pd.Timedelta(1, "D")
    opened = pd.Series(end - pd.to_timedelta(rng.uniform(0, window, size), "D")).dt.floor("s")
    tickets = pd.DataFrame({"ticket_id": range(size), "account_id": [f"a{k}" for k in rng.integers(0, 600, size)], "opened_at": opened})
    tickets["resolved_at"] = (opened + pd.to_timedelta(draw(rng, size), "D")).dt.floor("s")
    found = cs.resolution_time(company(tickets), clock="elapsed", quantiles=[0.5])
    assert value(found, "unresolved_share") == pytest.approx(0.5, abs=0.03)
    assert value(found, "resolution_time") == pytest.approx(median, rel=0.06)
    assert value(found, "resolution_time", "conf_low") < median < value(found, "resolution_time", "conf_high")
    assert value(found, "resolution_time_naive") < 0.5 * median
    if law == "exponential":
        assert value(found, "resolution_time_naive") == pytest.approx(3.24, rel=0.06)


def test_what_remains_by_hand() -> None:
    """Resolved after 1, 2, 4 and 8 days. Of the three open beyond day 1 half are resolved by day 4: 3 more days. Beyond day 4 one is left: 4 more."""
    opened = utc(*["2026-03-02T00:00"] * 4)
    tickets = pd.DataFrame({"ticket_id": list("1234"), "account_id": list("abcd"), "opened_at": opened})
    tickets["resolved_at"] = opened + pd.to_timedelta([1, 2, 4, 8], "D")
    found = cs.remaining_time(company(tickets), clock="elapsed", ages=["4d", "1d", "9d", "0d"], quantiles=[0.5])
    assert found[["age_days", "estimate", "n"]].to_numpy().tolist() == [[0, 2, 4], [1, 3, 3], [4, 4, 1]]


@pytest.mark.slow
def test_at_age_0_all_remains() -> None:
    ds = company(random_tickets(seed=5, size=120))
    start = cs.remaining_time(ds, ages=["0d"]).drop(columns="age_days").assign(metric=["resolution_time", "resolution_time_90"])
    pd.testing.assert_frame_equal(start, cs.resolution_time(ds).iloc[:2])


@pytest.mark.slow
def test_a_period_is_that_in_which_the_wait_began() -> None:
    tickets = random_tickets(seed=3, size=200)
    calendar = cs.Calendar(timezone="Europe/Berlin")
    found = cs.response_time(company(tickets, calendar=calendar), period="week")
    begun = tickets["opened_at"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None).dt.to_period("W").dt.start_time
    assert sorted(found["period"].unique()) == sorted(begun.unique())
    for first, rows in tickets.groupby(begun):
        alone = cs.response_time(company(rows, calendar=calendar))
        of_week = found[found["period"] == first].drop(columns="period").reset_index(drop=True)
        pd.testing.assert_frame_equal(of_week, alone)


@pytest.mark.slow
def test_a_group_may_be_a_number_or_missing() -> None:
    ds = company(random_tickets(seed=6, size=100), seats=pd.array([1, 2, None] * 4, dtype="Int64"), touch=["high", None] * 6)
    found = cs.response_time(ds, by=["seats", "touch"])
    medians = found[found["metric"] == "response_time"]
    assert len(medians) == 6
    assert medians["n"].sum() == 100
    assert medians[["conf_low"]].notna().all(axis=None)


def test_all_open_all_at_once_and_a_single_ticket() -> None:
    """Nobody answered: no estimate, no naive one, and a share of 1. All answered on opening: 0 days."""
    open_ones = cs.response_time(company(week().assign(first_response_at=utc(*[None] * 5))))
    assert open_ones["estimate"].isna().tolist() == [True, True, True, True, False]
    assert (value(open_ones, "unanswered_share"), value(open_ones, "response_time_naive", "n")) == (1.0, 0.0)
    at_once = cs.response_time(company(week().assign(first_response_at=lambda rows: rows["opened_at"])))
    assert at_once["estimate"].tolist() == [0, 0, 0, 0, 0]
    single = cs.response_time(company(week().iloc[:1]))
    assert single[["estimate", "n"]].to_numpy().tolist() == [[0.5, 1]] * 4 + [[0, 1]]


@pytest.mark.slow
def test_without_tickets_it_says_so() -> None:
    with pytest.raises(cs.errors.NotEnoughDataError, match="nothing of a known account was opened by 2026-02-28"):
        cs.response_time(company(week()).at("2026-02-28"))
    with pytest.raises(cs.errors.NotEnoughDataError, match="resolution_time needs"):
        cs.resolution_time(company(week()).at("2026-02-28"), period="week", by="account_id")
    with pytest.raises(cs.errors.MissingTableError, match="messages"):
        cs.response_time(company(week()), of="messages")
    with pytest.raises(cs.errors.MissingColumnsError, match="resolved_at"):
        cs.resolution_time(company(week().drop(columns="resolved_at")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "calls"}, "of must be 'tickets' or 'messages'"),
        ({"clock": "lunar"}, "clock must be 'business'"),
        ({"quantiles": [50]}, "quantiles must lie between 0 and 1"),
        ({"period": "fortnight"}, "period must be one of"),
    ],
)
def test_what_cannot_be_asked(options: dict[str, object], message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        cs.response_time(company(week()), **options)


@pytest.mark.parametrize("ages", [["1mo"], [7], []])
def test_an_age_has_a_fixed_length(ages: list[object]) -> None:
    with pytest.raises(cs.errors.ParameterError, match="ages must"):
        cs.remaining_time(company(week()), ages=ages)


@pytest.mark.slow
def test_the_simulated_company_is_recovered() -> None:
    """The share answered within 1 and 2 days is known (96.7 and 99.0 %): at the quantile of that share the limits contain that many days."""
    ds, truth = cs.simulate_company(accounts=1_200, months=18, seed=5, event_rate=0.02, probe_hours=24)
    true = truth.of("first_response_within").set_index("time_days")["value"].loc[[1, 2]]
    found = cs.response_time(ds, clock="elapsed", quantiles=true.tolist(), conf_level=0.99)
    rows = found[found["metric"].str.startswith("response_time_") & found["conf_high"].notna()]
    assert len(rows) == 2
    for days, (_, row) in zip(true.index, rows.iterrows(), strict=True):
        assert row["conf_low"] <= days <= row["conf_high"]
        assert row["conf_high"] - row["conf_low"] < days
