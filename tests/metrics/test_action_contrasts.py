"""The figures people quote, on a company small enough to count, and the example of the docstring."""

from __future__ import annotations

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.intervals import wilson

pytestmark = pytest.mark.slow

START = pd.Timestamp("2026-01-01", tz="UTC")
SHARES = ["action_share", "action_share_of_achievers", "action_share_of_others", "outcome_given_action_naive", "outcome_without_action_naive"]


def company(left: list[bool], *, as_of: str = "2026-06-30", actions: pd.DataFrame | None = None) -> cs.Dataset:
    """Return customers since January, of whom some left in March."""
    names = [f"a{number:04d}" for number in range(len(left))]
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": START, "mrr": 10.0, "currency": "EUR"})
    sold["ended_at"] = pd.Series(pd.Timestamp("2026-03-01", tz="UTC"), index=sold.index).where(left)
    tables = {"accounts": sold[["account_id", "started_at"]], "subscriptions": sold}
    return cs.read_dataset(tables if actions is None else {**tables, "actions": actions}, as_of=as_of)


def actions(accounts: list[str], *, at: str = "2026-02-01", kind: str | None = "guide", completed: bool | None = None) -> pd.DataFrame:
    return pd.DataFrame({"account_id": accounts, "action": "tour", "acted_at": pd.Timestamp(at, tz="UTC"), "kind": kind, "completed": completed})


def figures(table: pd.DataFrame, action: str = "guide") -> dict[str, float]:
    return table[table["action"] == action].set_index("metric")["estimate"].to_dict()


def test_four_in_five_achievers_had_an_action_that_did_nothing() -> None:
    # 1,000 customers: 900 stay, 800 see the guide, 720 do both: 720 / 900 = 80 / 100 = 80 %, 720 / 800 = 180 / 200 = 90 %
    left = [number % 10 == 0 for number in range(1000)]
    seen = [f"a{number:04d}" for number in range(1000) if number // 10 % 5 > 0]
    found = cs.action_contrasts(company(left, actions=actions(seen)))
    assert figures(found) == pytest.approx(dict(zip([*SHARES, "naive_lift"], [0.8, 0.8, 0.8, 0.9, 0.9, 1.0], strict=True)))
    assert found["n"].tolist() == [1000, 900, 100, 800, 200, 1000]
    assert found.loc[1, ["conf_low", "conf_high"]].tolist() == pytest.approx([wilson(720, 900).conf_low, wilson(720, 900).conf_high])


def test_each_kind_by_hand() -> None:
    # a0, a1 stay; a2, a3, a4 leave. Guide: a0, a2. Webinar: a0, a1, a2 (a1 twice).
    done = pd.concat([actions(["a0000", "a0002"]), actions(["a0000", "a0001", "a0001", "a0002"], kind="webinar")])
    found = cs.action_contrasts(company([False, False, True, True, True], actions=done))
    assert figures(found) == pytest.approx(dict(zip([*SHARES, "naive_lift"], [2 / 5, 1 / 2, 1 / 3, 1 / 2, 1 / 3, 3 / 2], strict=True)))
    webinar = figures(found, "webinar")
    assert [webinar[name] for name in SHARES] == pytest.approx([3 / 5, 1, 1 / 3, 2 / 3, 0])
    assert pd.isna(webinar["naive_lift"])


def test_what_was_broken_off_or_came_later_does_not_count_and_a_kind_without_name_is_its_action() -> None:
    done = pd.concat([actions(["a0000"], completed=False), actions(["a0001"], at="2026-07-15"), actions(["a0001"], kind=None, completed=True)])
    found = cs.action_contrasts(company([False, False, True], actions=done))
    assert found["action"].unique().tolist() == ["tour"]
    assert cs.action_contrasts(company([False, True], actions=actions(["a0000"], at="2026-07-15"))).empty


def test_outcomes_and_actions_of_ones_own() -> None:
    ds = company([False] * 4)
    reached = pd.DataFrame({"account_id": ["a0000", "a0001", "a0003"], "reached_at": ["2026-03-01", "2026-04-01", "2026-08-01"]})
    took = pd.DataFrame({"account_id": ["a0000", "a0002"], "acted_at": ["2026-02-01", "2026-02-01"]})
    found = figures(cs.action_contrasts(ds, reached, actions=took), "action")
    assert [found[name] for name in SHARES] == pytest.approx([1 / 2, 1 / 2, 1 / 2, 1 / 2, 1 / 2])  # a0003 reaches it after the end


def test_what_cannot_be_asked_is_refused() -> None:
    ds = company([False, True])
    with pytest.raises(ParameterError, match="outcome must be one of retention, renewal, expansion, or a table"):
        cs.action_contrasts(ds, "usage")
    with pytest.raises(cs.errors.MissingTableError, match="'actions'"):
        cs.action_contrasts(ds)
    with pytest.raises(MissingColumnsError, match="acted_at"):
        cs.action_contrasts(ds, actions=pd.DataFrame({"account_id": ["a0000"]}))
    with pytest.raises(ParameterError, match="row 1 lacks one, 1 in all"):
        cs.action_contrasts(ds, actions=pd.DataFrame({"account_id": ["a0000", None], "acted_at": "2026-02-01"}))
    with pytest.raises(NotEnoughDataError, match="nobody was a customer"):
        cs.action_contrasts(company([False], as_of="2025-12-01"), actions=pd.DataFrame({"account_id": ["a0000"], "acted_at": ["2026-02-01"]}))
