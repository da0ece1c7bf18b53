"""The public function."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import ParameterError


@pytest.mark.slow
def test_a_company_is_a_checked_dataset_without_warnings() -> None:
    ds, truth = cs.simulate_company(accounts=60, months=12, event_rate=0.1, probe_hours=6)
    assert len(ds.findings) == 0
    assert sum(ds.ignored_rows.values()) == 0
    assert ds.as_of == pd.Timestamp("2026-10-31T23:59:59.999999", tz="UTC")
    assert ds.currency == "EUR"
    assert len(ds.tables) == 13
    assert ds.tables["accounts"].to_pandas()["account_id"].tolist() == truth.latent["account_id"].tolist()


@pytest.mark.slow
def test_a_streamed_company_is_the_same_dataset(tmp_path: Path) -> None:
    options = {"accounts": 30, "months": 6, "seed": 3, "event_rate": 0.2}
    here, _ = cs.simulate_company(**options)
    there, _ = cs.simulate_company(**options, into=tmp_path / "company")
    assert len(there.findings) == 0
    for name in here.tables:
        rows = [ds.tables[name].to_pandas() for ds in (here, there)]
        columns = list(rows[0].columns)
        pd.testing.assert_frame_equal(*(frame.sort_values(columns, ignore_index=True) for frame in rows))


@pytest.mark.slow
def test_400_accounts_over_24_months_take_less_than_five_seconds_of_cpu() -> None:
    before = time.process_time()
    ds, _ = cs.simulate_company()
    assert time.process_time() - before < 5.0
    assert 300_000 < len(ds.tables["events"].to_pandas(["event_at"])) < 500_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accounts": 0}, "accounts must be 1 or more"),
        ({"months": 0}, "months must lie between 1 and 120"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"event_rate": 5.0}, "event_rate must lie between 0 and 2"),
        ({"probe_hours": 48}, "probe_hours must lie between 1 and 24"),
    ],
)
def test_what_cannot_be_simulated_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        cs.simulate_company(**options)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"accounts": 1, "months": 1}, {"accounts": 3, "months": 1, "event_rate": 0.0}, {"accounts": 2, "months": 60, "event_rate": 0.01}]
)
def test_the_smallest_companies_are_companies_too(options: dict[str, object]) -> None:
    ds, truth = cs.simulate_company(**options, probe_hours=24)
    assert len(truth.latent) == options["accounts"]
    assert not (ds.findings["severity"] == "error").any()
