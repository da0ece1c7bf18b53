import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, events, utc


def company(**more: object) -> cs.Dataset:
    tables = {
        "accounts": accounts(a="2026-01-01", b="2026-01-01", c="2026-01-20", late="2026-03-01").assign(segment=["x", "x", "y", "y"]),
        "events": events(
            ("2026-01-02", "a", "u1", "report"),
            ("2026-01-15", "a", "u1", "report"),
            ("2026-01-11", "b", "u2", "report"),  # exactly ten days after the start
            ("2026-01-21", "c", "u3", "login"),
        ),
    }
    return cs.read_dataset({**tables, **more}, as_of="2026-01-31")


def shares(table: pd.DataFrame) -> dict[str, tuple[float, int]]:
    return {row.event: (round(row.estimate, 4), row.n) for row in table.itertuples()}


def test_adopters_over_all_accounts_for_every_event() -> None:
    assert shares(cs.adoption_rate(company())) == {"login": (0.3333, 3), "report": (0.6667, 3)}


def test_the_textbook_case_of_250_in_1000() -> None:
    names = [f"a{number}" for number in range(1000)]
    people = pd.DataFrame({"account_id": names, "started_at": utc("2026-01-01").repeat(1000)})
    used = pd.DataFrame({"event_at": utc("2026-01-05").repeat(250), "account_id": names[:250], "user_id": "u", "event": "report"})
    found = cs.adoption_rate(cs.read_dataset({"accounts": people, "events": used}, as_of="2026-01-31")).iloc[0]
    assert (found["estimate"], found["n"]) == (0.25, 1000)
    # Wilson by hand: (p + z^2/2n +- z sqrt(p q / n + z^2/4n^2)) / (1 + z^2/n), z = 1.959964
    assert (round(found["conf_low"], 6), round(found["conf_high"], 6)) == (0.224153, 0.277760)


def test_more_uses_can_be_asked_for() -> None:
    assert shares(cs.adoption_rate(company(), "report", minimum_uses=2)) == {"report": (0.3333, 3)}


@pytest.mark.slow
def test_within_a_window_its_end_counts_and_young_accounts_are_not_eligible_yet() -> None:
    assert shares(cs.adoption_rate(company(), "report", within="10d")) == {"report": (0.6667, 3)}
    assert shares(cs.adoption_rate(company(), "report", within="9d")) == {"report": (0.3333, 3)}
    assert shares(cs.adoption_rate(company(), "report", within="15d")) == {"report": (1.0, 2)}


@pytest.mark.slow
def test_a_group_without_adopters_is_a_zero_not_a_gap() -> None:
    found = cs.adoption_rate(company(), "report", by="segment").set_index("segment")
    assert found["estimate"].to_dict() == {"x": 1.0, "y": 0.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [({"event": "reprot"}, "no event is named"), ({"minimum_uses": 0}, "at least 1"), ({"within": 14}, "14d"), ({"by": "colour"}, "no column 'colour'")],
)
def test_other_arguments_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(cs.errors.CSAnalysisError, match=message):
        cs.adoption_rate(company(), **options)


def test_without_events_the_missing_table_is_named() -> None:
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01")}, as_of="2026-01-31")
    with pytest.raises(cs.errors.MissingTableError, match="'events'"):
        cs.adoption_rate(ds)


def test_a_use_before_the_account_is_not_within_its_window() -> None:
    early = events(("2025-12-20", "a", "u1", "report"), ("2026-01-02", "b", "u2", "report"))
    assert shares(cs.adoption_rate(company(events=early), "report", within="10d")) == {"report": (0.3333, 3)}


def test_new_users_over_all_users_of_the_month() -> None:
    # January: a1 and a2 are new (2 of 2); February: a1 again, b1 new (1 of 2); March is not over.
    used = events(
        ("2026-01-05", "a", "a1", "report"),
        ("2026-01-06", "a", "a2", "report"),
        ("2026-02-01", "a", "a1", "report"),
        ("2026-02-02", "b", "b1", "report"),
        ("2026-02-03", "b", "b1", "report"),
        ("2026-03-02", "b", "b9", "report"),
    )
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "events": used}, as_of="2026-03-15")
    found = cs.new_adopter_share(ds).set_index(["metric", "period"])["estimate"]
    assert found["new_adopter_share"].tolist() == [1.0, 0.5]
    assert found["new_adopters"].tolist() == [2.0, 1.0]
    assert cs.new_adopter_share(ds, actor="account").query("metric == 'new_adopters'")["estimate"].tolist() == [1.0, 1.0]


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("period", ["week", "month"])
@pytest.mark.parametrize("actor", ["user", "account"])
def test_new_adopters_equal_a_count_in_plain_python(zone: str, period: str, actor: str) -> None:
    rng = np.random.default_rng(8)
    picked = rng.integers(0, 12, 300)
    moments = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 120 * 24, 300), "h")  # across the change of the clocks
    used = pd.DataFrame(
        {"event_at": moments, "account_id": picked.astype(str), "user_id": [f"{k}-{j}" for k, j in zip(picked, rng.integers(0, 4, 300), strict=True)]}
    )
    used["event"] = rng.choice(["login", "report"], 300)
    people = pd.DataFrame({"account_id": np.arange(12).astype(str), "started_at": pd.Timestamp("2025-12-31", tz="UTC")})
    ds = cs.read_dataset({"accounts": people, "events": pd.concat([used, used.head(40)])}, as_of="2026-04-15", calendar=cs.Calendar(timezone=zone))
    first: dict[tuple[str, str], pd.Timestamp] = {}
    seen: dict[tuple[str, pd.Timestamp], set[str]] = {}
    for row in used.sort_values("event_at").itertuples():
        start = row.event_at.tz_convert(zone).tz_localize(None).to_period("W-SUN" if period == "week" else "M").start_time
        unit = getattr(row, f"{actor}_id")
        if start + pd.Timedelta(7, "D") <= pd.Timestamp("2026-04-16") and (period == "week" or start < pd.Timestamp("2026-04-01")):
            first.setdefault((row.event, unit), start)
            seen.setdefault((row.event, start), set()).add(unit)
    expected = {key: (sum(first[key[0], unit] == key[1] for unit in units), len(units)) for key, units in seen.items()}
    found = cs.new_adopter_share(ds, period=period, actor=actor).query("metric == 'new_adopters'")
    assert {(row.event, row.period): (row.estimate, row.n) for row in found.itertuples()} == expected


def test_another_actor_is_refused() -> None:
    with pytest.raises(cs.errors.ParameterError, match="actor must be 'user' or 'account'"):
        cs.new_adopter_share(company(), actor="lead")


def test_before_the_first_period_is_over_there_is_no_row() -> None:
    assert (
        len(cs.new_adopter_share(cs.read_dataset({"accounts": accounts(a="2026-01-01"), "events": events(("2026-01-02", "a", "u", "x"))}, as_of="2026-01-09")))
        == 0
    )


@pytest.mark.slow
def test_limits_cover_the_truth_in_groups_of_one_company() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "coverage" / "adoption.py"
    found = runpy.run_path(str(script))["study"](500, seed=3)
    assert found["coverage"].between(0.92, 0.98).all()  # 500 groups: simulation error 1 point
