"""Adoption curves, adopter categories and counts for the Bass model: by hand, against plain Python, and against the simulator's truth."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.metrics.diffusion import CATEGORIES, adopters_by_wait
from helpers import accounts, events, phases

AS_OF = "2026-03-31"
END = pd.Timestamp("2026-04-01", tz="UTC")


def four_accounts() -> cs.Dataset:
    tables = {
        "accounts": accounts(a="2026-01-01", b="2026-01-01", c="2026-01-01", d="2026-01-01"),
        "subscriptions": phases(*((f"s{name}", name, "2026-01-01", "2026-01-21" if name == "b" else None, 10.0) for name in "abcd")),
        "events": events(("2026-01-11", "a", "u1", "report"), ("2026-01-31", "c", "u3", "report"), ("2026-02-02", "c", "u3", "report")),
    }
    return cs.read_dataset(tables, as_of=AS_OF)


def random_company(seed: int) -> dict[str, pd.DataFrame]:
    """Return accounts that start, leave, return and use two features at whole hours, with ties, duplicates and uses before the start."""
    rng = np.random.default_rng(seed)
    names = [f"a{number}" for number in range(40)]
    start = pd.Series(pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(24 * rng.integers(0, 80, 40), "h"))
    end = start + pd.to_timedelta(24 * rng.integers(1, 60, 40), "h")
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": start, "ended_at": end.where(rng.random(40) < 0.6), "mrr": 1.0})
    again = sold[sold["ended_at"].notna()].head(4).assign(started_at=lambda s: s["ended_at"] + pd.Timedelta(9, "D"), ended_at=pd.NaT)
    picked = rng.integers(0, 40, 150)
    used = start.iloc[picked].reset_index(drop=True) + pd.to_timedelta(12 * rng.integers(-4, 100, 150), "h")
    happened = pd.DataFrame({"event_at": used, "account_id": [names[k] for k in picked], "user_id": [f"u{k}-{k % 3}" for k in picked]})
    happened["event"] = rng.choice(["login", "report", "share"], 150, p=[0.5, 0.3, 0.2])
    return {
        "accounts": pd.DataFrame({"account_id": names, "started_at": start, "segment": rng.choice(["x", "y"], 40)}),
        "subscriptions": pd.concat([sold, again.assign(subscription_id=lambda s: s["subscription_id"] + "-2")]).assign(currency="EUR"),
        "events": pd.concat([happened, happened.head(20)], ignore_index=True),
    }


def waits(tables: dict[str, pd.DataFrame], event: str, released: pd.Timestamp | None) -> list[tuple[float, str | None]]:
    """Return days and kind of end of each account that could adopt, in plain Python."""
    used, left = defaultdict(list), {}
    for row in tables["events"].itertuples():
        if row.event == event and row.event_at < END:
            used[row.account_id].append(row.event_at)
    for row in tables["subscriptions"].sort_values("started_at", ascending=False).itertuples():
        left[row.account_id] = row.ended_at
    release = released or min(moment for moments in used.values() for moment in moments)
    found: list[tuple[float, str | None]] = []
    for row in tables["accounts"].itertuples():
        origin, gone = max(row.started_at, release), left[row.account_id]
        gone = None if pd.isna(gone) or gone >= END else gone
        if origin >= END or (gone is not None and gone <= origin):
            continue
        first = min((moment for moment in used[row.account_id] if moment >= row.started_at), default=None)
        if first is not None and (gone is None or first <= gone):
            found.append((max(first - origin, pd.Timedelta(0)) / pd.Timedelta(1, "D"), "used"))
        elif gone is not None:
            found.append(((gone - origin) / pd.Timedelta(1, "D"), "left"))
        else:
            found.append(((END - pd.Timedelta(1, "us") - origin) / pd.Timedelta(1, "D"), None))
    return found


def literal_curves(found: list[tuple[float, str | None]]) -> dict[tuple[str, float], tuple[float, int]]:
    """Return Aalen-Johansen and one minus Kaplan-Meier with the number at risk, from their definitions."""
    curve: dict[tuple[str, float], tuple[float, int]] = {}
    there = staying = 1.0
    incidence = 0.0
    for day in sorted({days for days, kind in found if kind}):
        risk = sum(days >= day for days, _ in found)
        used, left = (sum(entry == (day, kind) for entry in found) for kind in ("used", "left"))
        incidence += there * used / risk
        there *= 1 - (used + left) / risk
        staying *= 1 - used / risk
        if used:
            curve["adoption_curve", round(day, 6)] = (incidence, risk)
            curve["adoption_if_nobody_left", round(day, 6)] = (1 - staying, risk)
    return curve


@pytest.mark.slow
def test_leaving_is_an_end_of_its_own() -> None:
    # Released with the first use, on 11 January: a at day 0, b leaves at day 10, c at day 20, d still waits.
    # Aalen-Johansen: 1/4, then 1/4 + (3/4)(2/3)(1/2) = 1/2. Kaplan-Meier: 1/4, then 1 - (3/4)(1/2) = 5/8.
    curve = cs.adoption_curve(four_accounts()).set_index(["metric", "time_days"])
    assert curve["estimate"].to_dict() == pytest.approx(
        {("adoption_curve", 0.0): 0.25, ("adoption_curve", 20.0): 0.5, ("adoption_if_nobody_left", 0.0): 0.25, ("adoption_if_nobody_left", 20.0): 0.625}
    )
    assert curve["n"].tolist() == [4, 2, 4, 2]


@pytest.mark.slow
def test_the_clock_starts_at_the_release_if_that_is_given() -> None:
    curve = cs.adoption_curve(four_accounts(), released={"report": "2026-01-01"}).query("metric == 'adoption_curve'")
    assert curve["time_days"].tolist() == [10.0, 30.0]


@pytest.mark.slow
def test_equal_hazards_give_42_and_59_percent_by_day_90() -> None:
    # With equal hazards h a day, F(90) = (1 - e^(-180 h)) / 2 and 1 - KM = 1 - e^(-90 h); h = .00990 gives .416 and .590.
    rng = np.random.default_rng(7)
    size, hazard = 6000, 0.0099
    start = pd.Timestamp("2025-01-01", tz="UTC")
    used, gone = (start + pd.to_timedelta(rng.exponential(1 / hazard, size) * 86400, "s").round("s") for _ in range(2))
    names = [f"a{number}" for number in range(size)]
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": start, "ended_at": gone, "mrr": 1.0, "currency": "EUR"})
    happened = pd.DataFrame({"event_at": used, "account_id": names, "user_id": names, "event": "report"})
    tables = {"accounts": pd.DataFrame({"account_id": names, "started_at": start}), "subscriptions": sold, "events": happened}
    curve = cs.adoption_curve(cs.read_dataset(tables, as_of="2025-12-31"), released={"report": "2025-01-01"}).query("time_days <= 90")
    last = curve.groupby("metric")["estimate"].last()
    assert last["adoption_curve"] == pytest.approx(0.416, abs=0.02)
    assert last["adoption_if_nobody_left"] == pytest.approx(0.590, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("released", [None, pd.Timestamp("2026-02-03 12:00", tz="UTC")])
def test_curves_equal_their_definitions(seed: int, released: pd.Timestamp | None) -> None:
    tables = random_company(seed)
    ds = cs.read_dataset(tables, as_of=AS_OF)
    for event in ("login", "report", "share"):
        curve = cs.adoption_curve(ds, event, released=None if released is None else {event: released})
        found = {(row.metric, round(row.time_days, 6)): (row.estimate, row.n) for row in curve.itertuples()}
        expected = literal_curves(waits(tables, event, released))
        assert found.keys() == expected.keys()
        for key, (share, risk) in expected.items():
            assert found[key] == (pytest.approx(share, abs=1e-9), risk)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_categories_equal_a_count_by_hand(seed: int) -> None:
    tables = random_company(seed)
    ds = cs.read_dataset(tables, as_of=AS_OF)
    for event in ("login", "report"):
        table = cs.rogers_categories(ds, event, ceiling="eligible")
        found = waits(tables, event, None)
        days = sorted(day for day, kind in found if kind == "used")
        for name, ceiling in (("observed", len(days)), ("eligible", len(found))):
            place = [next(k for k, share in enumerate((0.025, 0.16, 0.5, 0.84, 1.0)) if rank <= share * ceiling + 1e-9) for rank in range(1, len(days) + 1)]
            rows = table[(table["ceiling"] == name) & (table["metric"] == "rogers_categories")]
            waiting, left = (sum(kind == other for _, kind in found) for other in (None, "left"))
            assert rows["estimate"].tolist() == [*(place.count(k) for k in range(5)), waiting, left]
            assert set(rows["n"]) == {len(found)}
        by_time = cs.rogers_categories(ds, event, method="time").query("metric == 'rogers_categories'")["estimate"].tolist()[:5]
        cuts = [np.mean(days) + k * np.std(days, ddof=1) for k in (-2, -1, 0, 1)]
        assert by_time == [sum(sum(day > cut for cut in cuts) == k for day in days) for k in range(5)]


def test_a_higher_ceiling_moves_adopters_to_earlier_categories() -> None:
    names = {f"a{number:02d}": "2026-01-01" for number in range(40)}
    used = events(*((f"2026-01-{2 + number:02d}", f"a{number:02d}", "u", "report") for number in range(20)))
    table = cs.rogers_categories(cs.read_dataset({"accounts": accounts(**names), "events": used}, as_of=AS_OF), ceiling=40)
    counts = {ceiling: rows["estimate"].tolist() for ceiling, rows in table[table["metric"] == "rogers_categories"].groupby("ceiling")}
    # of 20: up to .5 -> 0, 3.2 -> 3, 10, 16.8 -> 16, 20; of 40: up to 1, 6.4 -> 6, 20: nobody is late yet
    assert counts == {"observed": [0, 3, 7, 6, 4, 20, 0], "given": [1, 5, 14, 0, 0, 20, 0]}
    until = table[(table["metric"] == "category_until") & (table["ceiling"] == "given")].set_index("category")["estimate"]
    assert until[list(CATEGORIES[:3])].tolist() == [0.0, 5.0, 19.0]
    assert until[list(CATEGORIES[3:])].isna().all()


@pytest.mark.slow
@pytest.mark.parametrize("ceiling", ["all", np.inf, np.nan, True, 1, None])
def test_a_ceiling_that_cannot_be_is_refused(ceiling: object) -> None:
    with pytest.raises(cs.errors.ParameterError, match="ceiling must be"):
        cs.rogers_categories(four_accounts(), ceiling=ceiling)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ds: cs.rogers_categories(ds, method="rank"), "method must be 'share' or 'time'"),
        (lambda ds: cs.adoption_curve(ds, released={"reprot": "2026-01-01"}), "released must name events"),
        (lambda ds: adopters_by_wait(ds, "report", width="1mo"), "fixed length"),
        (lambda ds: adopters_by_wait(ds, "report", watched=0), "watched must be a share"),
    ],
)
def test_other_arguments_are_refused(call: object, message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        call(four_accounts())


@pytest.mark.slow
def test_accounts_that_left_before_the_release_are_not_in_the_curve() -> None:
    ds = four_accounts()
    assert set(cs.rogers_categories(ds, released={"report": "2026-01-25"}).query("metric == 'rogers_categories'")["n"]) == {3}


@pytest.mark.slow
def test_without_anybody_who_could_adopt_the_tables_are_empty() -> None:
    tables = {"accounts": accounts(late="2026-05-01"), "events": events(("2026-02-01", "late", "u", "report"))}
    ds = cs.read_dataset(tables, as_of=AS_OF)
    assert len(cs.adoption_curve(ds)) == len(cs.rogers_categories(ds)) == len(adopters_by_wait(ds, "report")) == 0


def test_adopters_by_wait_are_plain_counts_while_all_are_watched() -> None:
    # 40 accounts since 1 January, one adopter a day from 1 January on: 8 in the first 7 days with day 0, then 7, then the last 5.
    names = {f"a{number:02d}": "2026-01-01" for number in range(40)}
    used = events(*((f"2026-01-{1 + number:02d}", f"a{number:02d}", "u", "report") for number in range(20)))
    found = adopters_by_wait(cs.read_dataset({"accounts": accounts(**names), "events": used}, as_of="2026-02-11"), "report")
    assert found["period"].tolist() == [1, 2, 3, 4, 5]  # 42 days less a microsecond: the sixth week is not over
    assert found["adopters"].tolist() == [8.0, 7.0, 5.0, 0.0, 0.0]


@pytest.fixture(scope="module")
def simulated() -> tuple[cs.Dataset, cs.Truth]:
    return cs.simulate_company(accounts=2500, months=24, seed=5)


@pytest.mark.slow
def test_the_truth_of_a_simulated_company_is_recovered(simulated: tuple[cs.Dataset, cs.Truth]) -> None:
    ds, truth = simulated
    features = truth.parameters.usage.features
    released = {feature.name: ds.tables["accounts"].to_pandas()["started_at"].min() for feature in features if feature.release == 0}
    curve = cs.adoption_curve(ds, list(released), released=released)
    for event in released:
        for metric, name in (("adoption_curve", "adoption"), ("adoption_if_nobody_left", "adoption_if_nobody_left")):
            rows = curve[(curve["event"] == event) & (curve["metric"] == metric)]
            for day in (28.0, 84.0, 182.0):
                true = truth.of(name, event=event, joined="all", time_days=day)["value"].item()
                row = rows[rows["time_days"] <= day].iloc[-1]
                error = (row["conf_high"] - row["conf_low"]) / (2 * 1.96)
                # Those who leave fit worse and would adopt less often: later on, "if nobody left" is too high by up to 6 points here.
                late = metric == "adoption_if_nobody_left" and day > 84
                assert -4 * error < row["estimate"] - true < (0.06 if late else 4 * error), (event, metric, day)


@pytest.mark.slow
@pytest.mark.parametrize("event", ["commented", "exported_data", "scheduled_report", "opened_mobile_app"])
def test_the_bass_model_of_waits_has_the_rates_of_the_simulator(simulated: tuple[cs.Dataset, cs.Truth], event: str) -> None:
    ds, truth = simulated
    fit = cs.fit_bass(adopters_by_wait(ds, event, width="7d")).coefficients.set_index("term")["estimate"]
    p, q = (7 * truth.of(name, event=event)["value"].item() for name in ("bass_p", "bass_q"))  # a day -> a week
    assert fit["p"] == pytest.approx(p, rel=0.2)
    assert fit["q"] == pytest.approx(q, rel=0.25)
    categories = cs.rogers_categories(ds, event, ceiling=float(2 * fit["m"]))
    assert set(categories["ceiling"]) == {"observed", "given"}
    eligible = categories.query("metric == 'rogers_categories'")["n"].iloc[0]
    ceiling = truth.of("adoption_ceiling", event=event, joined="all")["value"].item()
    assert fit["m"] / eligible == pytest.approx(ceiling, rel=0.1)
