"""The demo data in the repository are what `tools/make_demo.py` writes, and read without a complaint."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.contract import TABLES


@pytest.fixture(scope="module")
def make_demo(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_demo", repository / "tools" / "make_demo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def content(path: Path) -> bytes:
    """Return the bytes of a file, unpacked: packing may differ between versions of zlib."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@pytest.mark.slow
def test_the_demo_is_made_again_byte_for_byte(make_demo: ModuleType, demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_demo.main(tmp_path) == 0
    assert "13 tables" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in demo.iterdir())
    for path in tmp_path.iterdir():
        assert content(path) == content(demo / path.name), path.name


def test_packing_is_the_same_each_time(make_demo: ModuleType, tmp_path: Path) -> None:
    table = pd.DataFrame({"event": ["signed_in"] * 50})
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        make_demo.write_csv(table, tmp_path / folder, name="events")
    assert (tmp_path / "one" / "events.csv.gz").read_bytes() == (tmp_path / "two" / "events.csv.gz").read_bytes()


def test_the_demo_is_small(demo: Path) -> None:
    assert sum(path.stat().st_size for path in demo.iterdir()) < 3_000_000


@pytest.mark.slow
def test_the_demo_has_every_table_and_reads_without_a_complaint(demo: Path) -> None:
    assert len(cs.check_dataset(demo, as_of="2026-10-31", currency="EUR")) == 0
    ds = cs.read_dataset(demo, as_of="2026-10-31")
    assert set(ds.tables) == set(TABLES)
    assert len(ds.tables["accounts"].to_pandas()) == 400
    assert sum(ds.ignored_rows.values()) == 0


def test_cells_are_written_for_people(demo: Path) -> None:
    first = (demo / "subscriptions.csv").read_text(encoding="utf-8").splitlines()[1]
    assert first == "S00000-1,A00000,2024-12-03T08:56:46Z,2024-12-17T08:56:46Z,0.00,0.00,EUR,team,14,,,,,trial"


def test_the_dictionary_names_every_column(demo: Path) -> None:
    text = (demo / "DICTIONARY.md").read_text(encoding="utf-8")
    assert all(f"## {name}\n" in text for name in TABLES)
    assert all(f"| `{column.name}`" in text for table in TABLES.values() for column in table.columns)


@pytest.mark.parametrize(("value", "text"), [(3.0, "3"), (0.9196, "0.9196"), (-2.5, "-2.5")])
def test_numbers_have_no_needless_fraction(make_demo: ModuleType, value: float, text: str) -> None:
    assert make_demo.plain_number(value) == text
