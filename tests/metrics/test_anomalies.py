"""Unusual days: planted ones are found, ordinary ones mostly left alone, unfinished ones not judged."""

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, events


def company(counts: list[int], **reading: object) -> cs.Dataset:
    """Return a dataset with so many users of one account on each day from 1 January 2026."""
    rows = [
        (f"{pd.Timestamp('2026-01-01') + pd.Timedelta(day, 'D'):%Y-%m-%d}T10:00", "a", f"u{user}", "login")
        for day, count in enumerate(counts)
        for user in range(count)
    ]
    last = pd.Timestamp("2026-01-01") + pd.Timedelta(len(counts) - 1, "D")
    return cs.read_dataset({"accounts": accounts(a="2026-01-01"), "events": events(*rows)}, **{"as_of": f"{last:%Y-%m-%d}", **reading})


def ordinary(days: int, seed: int = 0) -> list[int]:
    rng = np.random.default_rng(seed)
    return [int(rng.poisson(8 if day % 7 in (2, 3) else 60)) for day in range(days)]  # 1 January 2026 was a Thursday: days 2 and 3 are a weekend


def verdicts(table: pd.DataFrame) -> dict[str, str]:
    rows = table[table["metric"] == "usage_anomalies"]
    return {f"{row.period:%m-%d}": row.verdict for row in rows.itertuples()}


def test_planted_days_are_found_and_only_they() -> None:
    counts = ordinary(90)
    counts[70], counts[80] = 5, 110  # 12 and 22 March, a Thursday and a Sunday
    found = verdicts(cs.usage_anomalies(company(counts), false_alarms=0.001))
    assert {day: word for day, word in found.items() if word != "ordinary"} == {"03-12": "low", "03-22": "high"}
    assert len(found) == 90 - 56


def test_a_quiet_weekend_is_ordinary() -> None:
    counts = ordinary(90)
    assert max(counts[72], counts[73]) < 20  # 14 and 15 March
    found = verdicts(cs.usage_anomalies(company(counts), false_alarms=0.001))
    assert (found["03-14"], found["03-15"]) == ("ordinary", "ordinary")


def test_the_count_is_a_fact_and_the_band_holds_what_was_expected() -> None:
    counts = ordinary(80)
    table = cs.usage_anomalies(company(counts))
    observed, expected = (table[table["metric"] == metric] for metric in ("usage_anomalies", "expected_users"))
    assert observed["estimate"].tolist() == counts[56:]
    assert observed["n"].unique().tolist() == [24]
    assert ((expected["conf_low"] < expected["estimate"]) & (expected["estimate"] < expected["conf_high"])).all()
    outside = (observed["estimate"].to_numpy() < expected["conf_low"].to_numpy()) | (observed["estimate"].to_numpy() > expected["conf_high"].to_numpy())
    assert (outside == (observed["verdict"] != "ordinary").to_numpy()).all()


def test_a_day_that_is_not_over_is_not_judged() -> None:
    found = verdicts(cs.usage_anomalies(company(ordinary(80), as_of="2026-03-21T12:00+00:00")))
    assert max(found) == "03-20"


def test_holidays_are_neither_judged_nor_history() -> None:
    counts = ordinary(90)
    counts[70] = 0
    calendar = cs.Calendar(holidays=["2026-03-12"])
    table = cs.usage_anomalies(company(counts, calendar=calendar), false_alarms=0.001)
    assert "03-12" not in verdicts(table)
    after = table[(table["metric"] == "expected_users") & (table["period"] == pd.Timestamp("2026-03-20"))]
    assert after["n"].iloc[0] == 55


@pytest.mark.slow
def test_later_days_never_change_a_verdict() -> None:
    counts = ordinary(100)
    whole = cs.usage_anomalies(company(counts))
    early = cs.usage_anomalies(company(counts).at("2026-03-21"))
    kept = whole[whole["period"] <= pd.Timestamp("2026-03-21")].drop(columns="n").reset_index(drop=True)
    pd.testing.assert_frame_equal(early.drop(columns="n"), kept)


def test_a_short_history_gives_no_row() -> None:
    assert cs.usage_anomalies(company(ordinary(56))).empty


@pytest.mark.parametrize("options", [{"history": "10d"}, {"history": "2w"}, {"history": "2mo"}, {"false_alarms": 0.0}, {"false_alarms": 0.7}])
def test_options_outside_their_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(cs.errors.ParameterError, match=r"history|false_alarms"):
        cs.usage_anomalies(company(ordinary(60)), **options)
