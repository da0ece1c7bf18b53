"""Usage around bad days and churn after them: what is true in made companies is found, and what is not is not claimed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def company(days: int = 120, *, users: dict[int, int] | None = None, down: tuple[int, ...] = (60,)) -> dict[str, pd.DataFrame]:
    """Return twenty users a day, but so many on some days, and two failed checks on the days down."""
    counts = [(users or {}).get(day, 20) for day in range(days)]
    when = [at("2026-01-01 12:00") + pd.Timedelta(day, "D") for day, count in enumerate(counts) for _ in range(count)]
    who = [f"u{user}" for count in counts for user in range(count)]
    hours = pd.date_range("2026-01-01", periods=24 * days, freq="h", tz="UTC")
    failed = [(hour // 24) in down and hour % 24 in (9, 10) for hour in range(24 * days)]
    return {
        "accounts": pd.DataFrame({"account_id": [f"u{user}" for user in range(40)], "started_at": at("2025-01-01")}),
        "events": pd.DataFrame({"event_at": when, "account_id": who, "user_id": who, "event": "login"}),
        "checks": pd.DataFrame({"checked_at": hours, "up": np.logical_not(failed)}),
        "subscriptions": pd.DataFrame({"subscription_id": range(40), "account_id": [f"u{user}" for user in range(40)], "started_at": at("2025-01-01")}).assign(
            ended_at=[at("2026-03-20") if user in (0, 1, 30) else pd.NaT for user in range(40)], mrr=10.0, currency="EUR"
        ),
    }


def read(tables: dict[str, pd.DataFrame], as_of: str = "2026-04-30") -> cs.Dataset:
    return cs.read_dataset(tables, as_of=as_of)


def test_a_bad_day_and_the_day_after_by_hand() -> None:
    # day 60: 10 users beside 20 on all days like it, the day after 30: (10 + 1/2) / (20 + 1/2) and 30.5 / 20.5
    found = cs.usage_on_bad_days(read(company(users={60: 10, 61: 30})), after=2)
    main = found[found["metric"] == "usage_on_bad_days"].set_index("days_after")
    assert main["estimate"].tolist() == pytest.approx([10.5 / 20.5, 30.5 / 20.5, 1])
    assert main.loc[0, "verdict"] == "lower"
    assert main["n"].tolist() == [1, 1, 1]
    assert found.loc[found["metric"] == "usage_on_bad_days_naive", "estimate"].item() == pytest.approx(10 / ((118 * 20 + 30) / 119))


def test_no_difference_is_none_beyond_the_margin() -> None:
    rng = np.random.default_rng(3)
    found = cs.usage_on_bad_days(
        read(company(users={day: int(count) for day, count in enumerate(rng.integers(19, 21, 120))}, down=(40, 60))), after=0, margin=0.2
    )
    assert found.loc[0, "verdict"] == "none beyond the margin"


def test_weekdays_do_not_look_like_outages() -> None:
    quiet = {day: 4 for day in range(120) if day % 7 in (2, 3)}  # the 3rd of January 2026 is a Saturday
    found = cs.usage_on_bad_days(read(company(users=quiet, down=(58, 59))), after=0)
    assert (58 % 7, 59 % 7) == (2, 3)
    assert found["estimate"].iloc[0] == pytest.approx(1)
    assert found.loc[found["metric"] == "usage_on_bad_days_naive", "estimate"].item() < 0.3


def test_churn_by_hand() -> None:
    # u0 to u19 were there on the day, u20 to u39 never; all of the first were active before, none of the others: no band has both
    found = cs.churn_after_outages(read(company(down=(30,))), horizon="60d")
    shares = found[found["metric"] == "churn_after_outages"].set_index("exposed")["estimate"]
    assert shares.to_dict() == {"no": 1 / 20, "yes": 2 / 20}
    gap = found[found["metric"] == "churn_after_outages_difference"]
    assert gap["verdict"].item() == "cannot be compared"
    assert np.isnan(gap["estimate"].item())
    assert found.loc[found["metric"] == "churn_after_outages_naive", "estimate"].item() == pytest.approx(0.05)


def test_like_with_like_is_compared() -> None:
    # on day 30 only u0 to u9 use it; those and u10 to u19 were active before: 2/10 less 0/10
    found = cs.churn_after_outages(read(company(users={30: 10}, down=(30,))), horizon="60d")
    gap = found[found["metric"] == "churn_after_outages_difference"]
    assert gap["estimate"].item() == pytest.approx(0.2)
    assert gap["n"].item() == 20
    assert gap["verdict"].item() == "not shown"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ds: cs.usage_on_bad_days(ds, at_least="5h"), "no day with usage has an outage of 5h"),
        (lambda ds: cs.usage_on_bad_days(ds, margin=2), "margin must lie"),
        (lambda ds: cs.usage_on_bad_days(ds, usage="visits"), "usage must be 'users' or 'uses'"),
        (lambda ds: cs.churn_after_outages(ds, horizon="90d"), "no day with an outage of 30min lies 90d before"),
        (lambda ds: cs.churn_after_outages(ds, margin=0), "margin must lie"),
    ],
)
def test_what_cannot_be_is_refused(call: Any, message: str) -> None:
    with pytest.raises(cs.errors.CSAnalysisError, match=message):
        call(read(company()))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [("usage_on_bad_days", {}), ("churn_after_outages", {"horizon": "20d"})])
def test_laws(name: str, options: dict[str, Any]) -> None:
    tables, metric = company(users={60: 10, 100: 5}, down=(60, 100)), getattr(cs, name)
    expected = metric(read(tables, "2026-03-31"), **options)
    shuffled = {key: frame.sample(frac=1, random_state=3) for key, frame in tables.items()}
    pd.testing.assert_frame_equal(metric(read(shuffled, "2026-03-31"), **options), expected)
    pd.testing.assert_frame_equal(metric(read(tables).at("2026-03-31"), **options), expected)
    dated = {"events": "event_at", "checks": "checked_at"}
    known = {key: frame[frame[dated[key]] < at("2026-04-01")] if key in dated else frame for key, frame in tables.items()}
    pd.testing.assert_frame_equal(metric(read(known, "2026-03-31"), **options), expected)


@pytest.mark.slow
def test_the_simulated_outages_of_the_app_keep_people_away_and_those_of_the_api_do_not() -> None:
    ds, _ = cs.simulate_company(accounts=150, months=12, seed=2)
    app, api = (cs.usage_on_bad_days(ds, service=service, after=0) for service in ("app", "api"))
    assert app["verdict"].iloc[0] == "lower"
    assert api["verdict"].iloc[0] == "not shown"
