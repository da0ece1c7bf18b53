import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, phases


def company(**options: object) -> cs.Dataset:
    """Return customers of 1 January 2026 who leave after 10, 20, 20, 30 and 40 days in different ways, and one who stays."""
    sold = phases(
        ("s1", "a", "2026-01-01", "2026-01-11", 10),
        ("s2", "b", "2026-01-01", "2026-01-21", 10),
        ("s2", "b", "2026-01-21", None, 0),  # goes on with the free plan; no reason is on record
        ("s3", "c", "2026-01-01", "2026-01-21", 10),
        ("s4", "d", "2026-01-01", "2026-01-31", 10),  # nothing is known
        ("s5", "e", "2026-01-01", "2026-02-10", 10),
        ("s5", "e", "2026-02-10", None, 10),  # pauses
        ("s6", "f", "2026-01-01", None, 10),
        kind=["paid", "paid", "free", "paid", "paid", "paid", "paused", "paid"],
        end_reason=["voluntary", None, None, "voluntary", None, None, None, None],
    )
    names = accounts(**dict.fromkeys("abcdef", "2026-01-01")).assign(segment=list("xxxyyy"))
    return cs.read_dataset({"accounts": names, "subscriptions": sold}, as_of="2026-03-31", **options)


def shares(table: pd.DataFrame, metric: str = "churn_by_kind") -> dict[str, float]:
    rows = table[table["metric"] == metric]
    return dict(zip(rows["ended_by"], rows["estimate"], strict=True))


class TestKinds:
    @pytest.mark.slow
    def test_by_hand_with_reasons_read_from_what_follows(self) -> None:
        # nobody is censored before day 40, so each share is a count over six
        table = cs.churn_by_kind(company(), at_days=[45])
        sixth = pytest.approx(1 / 6)
        assert shares(table) == {"voluntary": pytest.approx(2 / 6), "downgrade": sixth, "pause": sixth, "(unknown)": sixth}
        assert shares(table, "survival") == {"(still a customer)": sixth}

    @pytest.mark.slow
    def test_a_reason_on_record_stands_and_what_comes_days_later_says_nothing(self) -> None:
        sold = phases(
            ("s1", "a", "2026-01-01", "2026-01-11", 10),
            ("s1", "a", "2026-01-11", None, 0),
            ("s2", "b", "2026-01-01", "2026-01-11", 10),
            ("s2", "b", "2026-01-13", None, 0),
            ("s3", "c", "2026-01-01", "2026-01-11", 10),
            ("s3", "c", "2026-01-11", None, 10),
            kind=["paid", "free", "paid", "free", "paid", "past_due"],
            end_reason=["voluntary", None, None, None, None, None],
        )
        ds = cs.read_dataset({"accounts": accounts(**dict.fromkeys("abc", "2026-01-01")), "subscriptions": sold}, as_of="2026-03-31")
        table = cs.churn_by_kind(ds, at_days=[10], policy=cs.RevenuePolicy(past_due="nobody"))
        assert shares(table) == {"voluntary": pytest.approx(1 / 3), "(unknown)": pytest.approx(1 / 3), "payment": pytest.approx(1 / 3)}

    @pytest.mark.slow
    def test_a_pause_that_is_no_end_is_no_kind_of_end(self) -> None:
        table = cs.churn_by_kind(company(), at_days=[45], policy=cs.RevenuePolicy(pauses="customer"))
        assert "pause" not in shares(table)

    @pytest.mark.slow
    def test_the_naive_figure_is_larger_where_another_end_came_first(self) -> None:
        # the unknown end on day 30 comes when three are left: 1 - (1 - 1/3); the pause at two: 1 - (1 - 1/2)
        naive = shares(cs.churn_by_kind(company(), at_days=[45]), "churn_by_kind_naive")
        assert naive["(unknown)"] == pytest.approx(1 / 3)
        assert naive["pause"] == pytest.approx(1 / 2)
        assert naive["voluntary"] == pytest.approx(1 - 5 / 6 * 4 / 5)
        assert sum(naive.values()) > 1

    @pytest.mark.slow
    def test_kinds_that_do_not_occur_in_a_group_have_no_row(self) -> None:
        table = cs.churn_by_kind(company(), by="segment", at_days=[45])
        found = table[table["metric"] == "churn_by_kind"].groupby("segment")["ended_by"].agg(list).to_dict()
        assert found == {"x": ["downgrade", "voluntary"], "y": ["(unknown)", "pause"]}

    @pytest.mark.slow
    def test_beyond_the_longest_follow_up_all_is_missing(self) -> None:
        table = cs.churn_by_kind(company(), at_days=[10, 200])
        late = table[table["time_days"] == 200]
        assert late[["estimate", "conf_low", "conf_high"]].isna().all(axis=None)

    def test_a_company_that_nobody_left_has_its_survival_alone(self) -> None:
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "subscriptions": phases(("s", "a", "2026-01-01", None, 1))}, as_of="2026-03-31")
        assert cs.churn_by_kind(ds, at_days=[5])[["ended_by", "estimate"]].values.tolist() == [["(still a customer)", 1.0]]


def searched(rows: list[tuple[int, int, str | None]], at: int) -> dict[str, float]:
    """Return the share that has ended in each way, from (day of entry, last day, kind or None), by the definition."""
    staying, found = 1.0, dict.fromkeys({kind for _, _, kind in rows if kind}, 0.0)
    for day in sorted({last for _, last, kind in rows if kind and last <= at}):
        at_risk = [row for row in rows if row[0] < day <= row[1]]
        for kind in found:
            found[kind] += staying * sum(row[1] == day and row[2] == kind for row in at_risk) / len(at_risk)
        staying *= 1 - sum(row[1] == day and row[2] is not None for row in at_risk) / len(at_risk)
    return {**found, "(still a customer)": staying}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("observed_from", [None, "2025-06-01"])
def test_shares_equal_those_of_a_search_and_add_up_to_one(seed: int, observed_from: str | None) -> None:
    rng = np.random.default_rng(seed)
    begun = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 300, 70), "D")
    ends = begun + pd.to_timedelta(rng.integers(1, 40, 70) * 9, "D")
    reason = rng.choice(["voluntary", "payment", "non_renewal"], 70).astype(object)
    now = pd.Timestamp("2026-01-01", tz="UTC")
    known = [f"a{n}" for n in range(70)]
    people = pd.DataFrame({"account_id": known, "started_at": pd.Timestamp("2025-01-01", tz="UTC")})
    sold = pd.DataFrame(
        {"subscription_id": known, "account_id": known, "started_at": begun, "ended_at": ends, "mrr": 5.0, "currency": "EUR", "end_reason": reason}
    )
    ds = cs.read_dataset({"accounts": people, "subscriptions": sold.sample(frac=1, random_state=seed)}, as_of="2025-12-31")
    since = begun.min() if observed_from is None else pd.Timestamp(observed_from, tz="UTC")
    rows = [
        (max((since - start).days, 0), (min(end, now) - start).days, why if end < now else None)
        for start, end, why in zip(begun, ends, reason, strict=True)
        if end > since
    ]
    table = cs.churn_by_kind(ds, at_days=[60, 150, 240], observed_from=observed_from)
    honest = table[table["metric"] != "churn_by_kind_naive"]
    for at, part in honest.groupby("time_days"):
        expected = searched(rows, int(at))
        found = dict(zip(part["ended_by"], part["estimate"], strict=True))
        assert found == {kind: pytest.approx(share, abs=1e-12) for kind, share in expected.items()}
        assert sum(found.values()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.slow
def test_the_truth_of_a_simulated_company_is_recovered() -> None:
    distances = []
    for seed in (1, 2):
        ds, truth = cs.simulate_company(accounts=1500, months=30, seed=seed)
        table = cs.churn_by_kind(ds, at_days=[400, 550, 700]).query("metric == 'churn_by_kind'")
        assert set(table["ended_by"]) == {"voluntary", "payment", "non_renewal", "downgrade", "pause"}
        for row in table.itertuples():
            true = truth.of("cumulative_incidence", policy="default", end_reason=row.ended_by, time_days=row.time_days)["value"].iloc[0]
            error = (row.conf_high - row.conf_low) / 2 / 1.96
            distances.append((row.estimate - true) / error)
    assert np.abs(distances).max() < 3.5
    assert np.mean(np.square(distances)) < 2.2
