"""Chains of first uses and the steps to take for want of names."""

from __future__ import annotations

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.facts.steps import step_days, step_instants, steps_or_default
from cs_analysis.windows import parse_window
from helpers import accounts, events

USED = events(
    ("2026-03-01", "a", "u", "save"),  # at the start of a
    ("2026-03-03", "a", "u", "share"),
    ("2026-03-02", "b", "u", "share"),  # before its save: not a second step
    ("2026-03-04", "b", "u", "save"),
    ("2026-03-08", "b", "u", "share"),
)


@pytest.fixture
def ds() -> cs.Dataset:
    return cs.read_dataset({"accounts": accounts(a="2026-03-01", b="2026-03-01"), "events": USED}, as_of="2026-03-31")


def days(frame: pd.DataFrame, column: str) -> list[int | None]:
    return [None if pd.isna(at) else at.day for at in frame[column]]


def test_each_step_waits_for_the_one_before(ds: cs.Dataset) -> None:
    found = engine_of(ds).run(step_instants(ds, ["save", "share"], window=None).order_by("account_id"))
    assert (days(found, "step_1"), days(found, "step_2")) == ([1, 4], [3, 8])


def test_no_step_lies_beyond_the_window(ds: cs.Dataset) -> None:
    found = engine_of(ds).run(step_instants(ds, ["save", "share"], window=parse_window("3d")).order_by("account_id"))
    assert (days(found, "step_1"), days(found, "step_2")) == ([1, 4], [3, None])


def test_days_count_from_the_start(ds: cs.Dataset) -> None:
    found = step_days(ds, ["save", "share"], window=parse_window("40d"))
    assert found[["step_1", "step_2"]].values.tolist() == [[0, 2], [3, 7]]
    assert found["follow_up_days"].tolist() == [31 - 1e-9] * 2
    assert not found["over"].any()


def test_steps_for_want_of_names_come_after_the_start(ds: cs.Dataset) -> None:
    # share: a after 2 days, b after 1; save counts for b alone, after 3
    assert steps_or_default(ds, None, window=parse_window("30d")) == ["share", "save"]
    assert steps_or_default(ds, None, window=parse_window("2d")) == ["share"]
    assert steps_or_default(ds, "save", window=parse_window("30d")) == ["save"]
