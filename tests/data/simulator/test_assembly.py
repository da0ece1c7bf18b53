"""Account i depends on (seed, i) only; streaming gives what memory gives; nothing is shared with the estimators."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cs_analysis.data.contract import TABLES
from cs_analysis.data.simulator import assembly
from cs_analysis.data.simulator.assembly import simulate_tables, stream_tables
from cs_analysis.data.simulator.scenario import Scenario
from cs_analysis.data.simulator.tables import schema
from cs_analysis.errors import ParameterError

SMALL = Scenario(seed=5, months=18, event_rate=0.2, probe_hours=24)


@pytest.fixture(scope="module")
def fifty() -> tuple[dict[str, pa.Table], object]:
    return simulate_tables(SMALL, 50)


def of_first_accounts(table: pa.Table, accounts: int) -> pa.Table:
    """Return the rows that belong to the first accounts, by any identifier that starts with a letter and the account's number."""
    name = next((column for column in ("lead_id", "account_id") if column in table.column_names), None)
    if name is None:
        return table
    number = pc.cast(pc.utf8_slice_codeunits(table[name], 1, 6), pa.int64())
    return table.filter(pc.less(number, accounts))


@pytest.mark.slow
@pytest.mark.parametrize("block", [1000, 37])
def test_an_account_is_the_same_in_a_larger_company(fifty: tuple[dict[str, pa.Table], object], block: int) -> None:
    larger, truth = simulate_tables(SMALL, 200, block=block)
    for name, table in fifty[0].items():
        assert of_first_accounts(larger[name], 50).equals(table), name
    pd.testing.assert_frame_equal(truth.latent.head(50), fifty[1].latent)


@pytest.mark.slow
def test_the_size_of_blocks_does_not_matter(fifty: tuple[dict[str, pa.Table], object]) -> None:
    tables, truth = simulate_tables(SMALL, 50, block=7)
    assert all(tables[name].equals(table) for name, table in fifty[0].items())
    pd.testing.assert_frame_equal(truth.estimands, fifty[1].estimands, rtol=1e-12)


@pytest.mark.slow
def test_another_seed_is_another_company(fifty: tuple[dict[str, pa.Table], object]) -> None:
    other, _ = simulate_tables(Scenario(seed=6, months=18, event_rate=0.2, probe_hours=24), 50)
    assert not other["accounts"].equals(fifty[0]["accounts"])


def test_every_table_has_the_columns_and_types_of_the_contract(fifty: tuple[dict[str, pa.Table], object]) -> None:
    tables, _ = fifty
    assert list(tables) == list(TABLES)
    assert all(table.schema.equals(schema(name)) for name, table in tables.items())
    assert all(table.num_rows for table in tables.values())


@pytest.mark.slow
def test_a_stream_holds_what_memory_holds(fifty: tuple[dict[str, pa.Table], object], tmp_path: Path) -> None:
    truth = stream_tables(SMALL, 50, tmp_path / "company", block=20)
    written = sorted(path.name for path in (tmp_path / "company").iterdir())
    assert written == sorted(["events", *(f"{name}.parquet" for name in TABLES if name != "events")])
    assert sorted(path.name for path in (tmp_path / "company" / "events").iterdir()) == [f"part-{number:05d}.parquet" for number in range(3)]
    for name, table in fifty[0].items():
        place = tmp_path / "company" / (name if name == "events" else f"{name}.parquet")
        assert pq.read_table(place).cast(table.schema).equals(table), name
    pd.testing.assert_frame_equal(truth.latent, fifty[1].latent)


def test_streaming_leaves_other_peoples_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ParameterError, match="new or empty folder"):
        stream_tables(SMALL, 5, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_broken_stream_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(assembly, "_write_part", fails)
    with pytest.raises(OSError, match="no space"):
        stream_tables(SMALL, 5, tmp_path / "company")
    assert list(tmp_path.iterdir()) == []


def test_draws_and_estimators_share_no_code(package: Path) -> None:
    sources = {path.name: path.read_text() for path in (package / "data" / "simulator").glob("*.py")}
    assert len(sources) > 10
    assert [name for name, source in sources.items() if "cs_analysis.stats" in source or "np.random" in source] == []


def test_the_truth_is_frozen(fifty: tuple[dict[str, pa.Table], object]) -> None:
    truth = fifty[1]
    with pytest.raises(FrozenInstanceError):
        truth.seed = 1
    with pytest.raises(FrozenInstanceError):
        truth.parameters.contract.review = 0.0
    with pytest.raises(ParameterError, match="no true value 'magic'"):
        truth.of("magic")


@pytest.mark.slow
def test_sign_ups_spread_over_the_window_and_grow() -> None:
    started = simulate_tables(Scenario(event_rate=0.0, probe_hours=24), 2_000)[0]["accounts"].to_pandas()["started_at"]
    assert started.min() >= pd.Timestamp("2024-11-01", tz="UTC")
    assert started.max() < pd.Timestamp("2026-11-01", tz="UTC")
    later = started[started > pd.Timestamp("2025-01-15", tz="UTC")]
    first, last = np.histogram(later.astype("int64"), bins=2)[0]
    assert 1.2 < last / first < 2.2
