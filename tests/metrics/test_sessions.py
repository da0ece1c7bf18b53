"""Sessions against a walk through each user's events."""

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, events


def company(**more: object) -> dict[str, pd.DataFrame]:
    used = events(
        ("2026-01-05T08:00", "a", "u", "login"),
        ("2026-01-05T08:30", "a", "u", "report"),  # a pause of exactly the gap does not end it
        ("2026-01-05T09:00:01", "a", "u", "login"),  # one second more does
        ("2026-01-05T08:10", "b", "v", "login"),
        ("2026-01-31T23:50", "b", "v", "login"),  # begins in January, ends in February
        ("2026-02-01T00:10", "b", "v", "login"),
    )
    return {"accounts": accounts(a="2026-01-01", b="2026-01-01"), "events": used.assign(**more)}


def figures(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    return {(f"{row.period:%m}", row.metric): row.estimate for row in table.itertuples()}


def test_a_session_ends_with_a_pause_longer_than_the_gap() -> None:
    found = cs.sessions(cs.read_dataset(company(), as_of="2026-02-28"))
    # lengths in January: 30, 0, 0, 20 minutes: median (0 + 20) / 2
    assert figures(found) == {("01", "sessions"): 4, ("01", "sessions_per_user"): 2, ("01", "median_session_minutes"): 10}
    assert found["n"].tolist() == [4, 2, 4]


def test_another_gap_gives_other_sessions() -> None:
    found = figures(cs.sessions(cs.read_dataset(company(), as_of="2026-02-28"), gap="1h"))
    assert found["01", "sessions"] == 3


def test_sessions_may_be_given() -> None:
    given = company(session_id=["s1", "s1", "s1", "s2", None, "s3"])
    found = cs.sessions(cs.read_dataset(given, as_of="2026-02-28"), gap=None)
    minutes = 60 + 1 / 60
    assert figures(found) == pytest.approx(
        {("01", "sessions"): 2, ("01", "sessions_per_user"): 1, ("01", "median_session_minutes"): minutes / 2}
        | {("02", "sessions"): 1, ("02", "sessions_per_user"): 1, ("02", "median_session_minutes"): 0}
    )


def test_given_sessions_need_their_column() -> None:
    with pytest.raises(cs.errors.MissingColumnsError, match="session_id"):
        cs.sessions(cs.read_dataset(company(), as_of="2026-02-28"), gap=None)


@pytest.mark.parametrize("gap", ["1mo", 30])
def test_a_gap_has_a_fixed_length(gap: object) -> None:
    with pytest.raises(cs.errors.ParameterError, match="gap"):
        cs.sessions(cs.read_dataset(company(), as_of="2026-02-28"), gap=gap)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_sessions_equal_a_walk_through_the_events(seed: int, zone: str) -> None:
    rng = np.random.default_rng(seed)
    moments = pd.Timestamp("2026-03-20") + pd.to_timedelta(rng.integers(0, 600, 200) * 13, "min")
    users = rng.integers(0, 5, 200)
    used = events(*((str(moment), f"a{user % 3}", f"u{user}", "login") for moment, user in zip(moments, users, strict=True)))
    ds = cs.read_dataset({"accounts": accounts(a0="2026-01-01", a1="2026-01-01", a2="2026-01-01"), "events": used}, as_of="2026-04-30", timezone=zone)
    lengths: dict[tuple[str, str], list[float]] = {}
    for user in range(5):
        current: list[pd.Timestamp] = []
        for moment in [*sorted(moments[users == user]), pd.Timestamp("2030-01-01")]:
            if current and moment - current[-1] > pd.Timedelta(30, "min"):
                month = f"{current[0].tz_localize('UTC').tz_convert(zone):%m}"
                lengths.setdefault((month, f"u{user}"), []).append((current[-1] - current[0]).total_seconds() / 60)
                current = []
            current.append(moment)
    found = figures(cs.sessions(ds))
    for month in ("03", "04") if ("04", "sessions") in found else ("03",):
        own = {user: values for (name, user), values in lengths.items() if name == month}
        every = [value for values in own.values() for value in values]
        assert found[month, "sessions"] == len(every)
        assert found[month, "sessions_per_user"] == pytest.approx(len(every) / len(own))
        assert found[month, "median_session_minutes"] == pytest.approx(np.median(every))


@pytest.mark.slow
def test_limits_of_the_median_are_lengths_and_hold_it() -> None:
    ds, _ = cs.simulate_company(accounts=60, months=4)
    median = cs.sessions(ds).query("metric == 'median_session_minutes'").dropna()
    assert len(median)
    assert (median["conf_low"] <= median["estimate"]).all()
    assert (median["estimate"] <= median["conf_high"]).all()


@pytest.mark.slow
def test_the_gap_finds_nearly_the_sessions_that_were_drawn() -> None:
    ds, _ = cs.simulate_company(accounts=100, months=4, seed=2)
    given, found = (cs.sessions(ds, gap=gap).query("metric == 'sessions'")["estimate"].to_numpy() for gap in (None, "30min"))
    assert np.abs(found / given - 1).max() < 0.15  # first uses are sessions of their own in the source, and flow together with those around them
