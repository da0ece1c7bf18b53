"""Availability, outages and latency: by hand, against plain loops, and the laws of all metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.engine import Engine, compiled
from cs_analysis.data.simulator.parameters import Parameters
from cs_analysis.data.simulator.service_parameters import Service

ACCOUNTS = pd.DataFrame({"account_id": ["a"], "started_at": [pd.Timestamp("2025-01-01", tz="UTC")]})


def checks(ups: str, *, start: str = "2026-01-01", every: str = "1h", **columns: Any) -> pd.DataFrame:
    """Return checks from a text of 1 (up), 0 (down) and . (no check)."""
    at = pd.date_range(start, periods=len(ups), freq=every, tz="UTC")
    table = pd.DataFrame({"checked_at": at, "up": [letter == "1" for letter in ups], "latency_ms": np.arange(len(ups), dtype="float64")})
    return table[[letter != "." for letter in ups]].assign(**columns)


def read(table: pd.DataFrame, as_of: str = "2026-01-31", **options: Any) -> cs.Dataset:
    return cs.read_dataset({"accounts": ACCOUNTS, "checks": table}, as_of=as_of, **options)


def values(table: pd.DataFrame, metric: str, column: str = "estimate") -> list[float]:
    return table.loc[table["metric"] == metric, column].tolist()


def noisy(seed: int, size: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2026-03-20", tz="UTC") + pd.to_timedelta(rng.integers(0, 40 * 24 * 2, size) * 30, "min")
    table = pd.DataFrame({"checked_at": at, "up": rng.random(size) < 0.8, "latency_ms": rng.integers(50, 90, size).astype(float)})
    return table.assign(service=rng.choice(["app", "api"], size))


def test_time_and_checks_by_hand() -> None:
    # hours 0 to 9: two outages of 2 and 1 hours; the last check stands until as_of, at most three hours: 12 hours, of which 3 down
    ds = read(checks("1100110111"))
    found = cs.availability(ds, period=None)
    assert values(found, "availability") == pytest.approx([9 / 12])
    assert values(cs.availability(ds, period=None, weighting="checks"), "availability") == pytest.approx([0.7])
    assert values(found, "unobserved_share") == pytest.approx([1 - 12 / (31 * 24)])
    assert values(found, "availability", "n") == [10]


def test_a_pause_of_the_monitor_is_neither_up_nor_down() -> None:
    # 24 checks up, 24 hours of silence (three count), 24 checks up of which 4 down: 4 / (24 + 2 + 24), all else to the day's end
    ds = read(checks("1" * 24 + "." * 24 + "1" * 10 + "0000" + "1" * 10), as_of="2026-01-03")
    found = cs.availability(ds, period="day")
    assert found.loc[found["metric"] == "availability", "period"].dt.day.tolist() == [1, 3]
    assert values(found, "availability") == pytest.approx([1, 20 / 24])
    assert values(found, "unobserved_share") == pytest.approx([0, 1, 0])


def test_outages_by_hand() -> None:
    found = cs.outages(read(checks("1100110111")), period=None)
    assert values(found, "outages") == [2]
    assert values(found, "outage_minutes") == [180]
    assert values(found, "longest_outage") == [120]
    assert values(found, "mean_time_between_outages") == pytest.approx([9 / 24 / 2])
    assert values(found, "time_to_recover") == pytest.approx([90])  # lengths 60 and 120: at one half from 60 to 120


def test_a_running_outage_is_censored() -> None:
    found = cs.outages(read(checks("1" * 20 + "0000"), as_of="2026-01-01"), period=None)
    assert values(found, "outages") == [1]
    assert values(found, "longest_outage") == pytest.approx([240])
    assert np.isnan(values(found, "time_to_recover")).all()


def test_without_an_outage_the_lower_limit_is_below_all() -> None:
    found = cs.availability(read(checks("1" * 48), as_of="2026-01-02"), period=None)
    assert values(found, "availability") == [1]
    assert values(found, "availability", "conf_low") == pytest.approx([1 / (1 + 3.688879 / 48)])  # no outage anywhere: one check of 48


def test_all_down_one_check_and_no_service() -> None:
    assert values(cs.availability(read(checks("000")), period=None), "availability") == [0]
    assert cs.availability(read(checks("1")), period=None)["service"].unique().tolist() == ["(all)"]
    assert values(cs.outages(read(checks("1")), period=None), "outages") == [0]


def test_probes_at_one_instant_are_one_check() -> None:
    twice = pd.concat([checks("1111", service="app"), checks("1101", service="app")])
    assert values(cs.availability(read(twice), period=None, weighting="checks"), "availability") == [0.75]


def test_maintenance_is_left_out() -> None:
    planned = pd.DataFrame({"starts_at": ["2026-01-01 02:00"], "ends_at": ["2026-01-01 04:00"], "service": ["app"]})
    table = checks("1100110111", service="app")
    found = cs.availability(read(table), period=None, weighting="checks", maintenance=planned)
    assert values(found, "availability") == [7 / 8]
    other = cs.availability(read(table), period=None, weighting="checks", maintenance=planned.assign(service="api"))
    assert values(other, "availability") == [0.7]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_of_another_length(day: str, hours: int) -> None:
    ds = read(checks("1" * 96, start=str(pd.Timestamp(day) - pd.Timedelta(2, "D"))), as_of="2026-12-31", timezone="Europe/Berlin")
    found = cs.availability(ds, period="day")
    assert found.loc[(found["period"] == day) & (found["metric"] == "availability"), "n"].tolist() == [hours]
    assert found.loc[(found["period"] == day) & (found["metric"] == "unobserved_share"), "estimate"].tolist() == [0]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_as_a_plain_loop(seed: int) -> None:
    table, end = noisy(seed), pd.Timestamp("2026-05-01", tz="UTC")
    found = cs.availability(read(table, as_of="2026-04-30", timezone="Europe/Istanbul"), weighting="time", longest_gap="4h")
    truth: dict[tuple[str, str], list[float]] = {}
    for service, rows in table.groupby("service"):
        states = rows.groupby("checked_at")["up"].min().sort_index()
        for at, after in zip(states.index, [*states.index[1:], end - pd.Timedelta(3, "h")], strict=True):
            cell = truth.setdefault((str(service), at.tz_convert("Europe/Istanbul").strftime("%Y-%m-01")), [0.0, 0.0])
            cell[int(states[at])] += min((after - at).total_seconds(), 4 * 3600)
    rows = found[found["metric"] == "availability"].dropna(subset=["estimate"])
    assert len(rows) == len(truth)
    for row in rows.itertuples():
        down, up = truth[(row.service, row.period.strftime("%Y-%m-01"))]
        assert row.estimate == pytest.approx(up / (up + down))


def test_latency_by_hand() -> None:
    # 19 answers of 0 to 18 ms over one day and a failure: the median is the 10th, 9 ms; of all 20 it is the 10th too; 95 % of 19: the 19th
    found = cs.latency(read(checks("1" * 19 + "0"), as_of="2026-01-01"), period=None, quantiles=[0.5, 0.95, 0.99], target_ms=14.5)
    assert values(found, "latency") == [9]
    assert values(found, "latency_with_failures") == [9]
    assert values(found, "latency_95") == [18]
    assert values(found, "latency_95_with_failures") == [18]
    assert np.isnan(values(found, "latency_99_with_failures")).all()
    assert values(found, "slow_share") == [5 / 20]  # 15 to 18 and the failure


@pytest.mark.parametrize("seed", [3, 4])
def test_quantiles_are_the_smallest_values_that_suffice(seed: int) -> None:
    table = noisy(seed)
    found = cs.latency(read(table, as_of="2026-05-31"), quantiles=[0.5, 0.9])
    once = table.groupby(["service", "checked_at"]).agg(up=("up", "min"), ms=("latency_ms", "max")).reset_index()
    once["period"] = once["checked_at"].dt.strftime("%Y-%m")
    for metric, level in (("latency", 0.5), ("latency_90", 0.9)):
        for row in found[found["metric"] == metric].itertuples():
            answers = sorted(once[(once["service"] == row.service) & (once["period"] == row.period.strftime("%Y-%m")) & once["up"]]["ms"])
            assert row.estimate == next(value for value in answers if sum(other <= value for other in answers) >= level * len(answers) - 1e-9)
            assert row.n == len(answers)
            assert not row.conf_low > row.estimate
            assert not row.conf_high < row.estimate


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ds: cs.availability(ds, service="web"), "no check is of the service 'web'"),
        (lambda ds: cs.availability(ds, weighting="sum"), "weighting must be"),
        (lambda ds: cs.availability(ds, period="year"), "no period with checks is over"),
        (lambda ds: cs.availability(ds, longest_gap="1mo"), "longest_gap must be"),
        (lambda ds: cs.availability(ds, maintenance=pd.DataFrame({"from": [1]})), "no column 'starts_at'"),
        (lambda ds: cs.latency(ds, quantiles=[1.0]), "quantiles must be numbers between 0 and 1"),
        (lambda ds: cs.latency(ds, target_ms=0), "target_ms must be"),
        (lambda ds: cs.latency(ds, conf_level=95), "conf_level"),
        (lambda ds: cs.outages(ds.at("2025-06-01")), "has no row by"),
    ],
)
def test_what_cannot_be_is_refused(call: Any, message: str) -> None:
    with pytest.raises(cs.errors.CSAnalysisError, match=message):
        call(read(checks("1100110111")))


def test_a_missing_table_is_named() -> None:
    with pytest.raises(cs.errors.MissingTableError, match="'checks'"):
        cs.availability(cs.read_dataset({"accounts": ACCOUNTS}, as_of="2026-01-31"))


METRICS = ["availability", "outages", "latency"]


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_laws(name: str) -> None:
    table = noisy(5)
    metric = getattr(cs, name)
    expected = metric(read(table, as_of="2026-04-10"), period="week")
    known = table[table["checked_at"] < pd.Timestamp("2026-04-11", tz="UTC")]
    for other in (known, table.sample(frac=1, random_state=2), table.set_index("service", drop=False)):
        pd.testing.assert_frame_equal(metric(read(other, as_of="2026-04-10"), period="week"), expected)
    pd.testing.assert_frame_equal(metric(read(table, as_of="2026-04-30").at("2026-04-10"), period="week"), expected)
    alone = metric(read(table, as_of="2026-04-10"), period="week", service="app")
    own = expected[expected["service"] == "app"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone[["metric", "estimate", "n"]], own[["metric", "estimate", "n"]])
    limits = expected.dropna(subset=["conf_low", "conf_high", "estimate"])
    assert ((limits["conf_low"] <= limits["estimate"]) & (limits["estimate"] <= limits["conf_high"])).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_expressions_compile_for_a_warehouse_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[str] = []
    run, stage = Engine.run, Engine.stage
    monkeypatch.setattr(Engine, "run", lambda engine, expression: (queries.append(compiled(expression, "databricks")), run(engine, expression))[1])
    monkeypatch.setattr(Engine, "stage", lambda engine, expression: (queries.append(compiled(expression, "databricks")), stage(engine, expression))[1])
    getattr(cs, name)(read(noisy(6), as_of="2026-05-31"))
    assert len(queries) > 2


@pytest.mark.slow
def test_limits_hold_the_simulated_truth_as_often_as_they_say() -> None:
    names = tuple(f"s{number:02d}" for number in range(60))
    chain = Service(services=names, latency_median=(100.0,) * 60)
    ds, truth = cs.simulate_company(accounts=5, months=12, seed=4, parameters=Parameters(service=chain))
    up = truth.of("availability", service="s00")["value"].item()
    found = cs.availability(ds, period=None).query("metric == 'availability'")
    held = ((found["conf_low"] <= up) & (up <= found["conf_high"])).sum()
    assert held >= 51  # of 60 at 95 %: fewer have a chance of 1 in 1,000
    middle = cs.latency(ds, period=None, quantiles=[0.5]).query("metric == 'latency'")
    assert ((middle["conf_low"] <= 100) & (middle["conf_high"] >= 100)).sum() >= 51
