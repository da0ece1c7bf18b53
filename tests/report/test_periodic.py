"""Runs by a file: what is published and kept, and that no secret is written."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import cs_analysis as cs
from cs_analysis.errors import ParameterError
from cs_analysis.report.periodic import run_config

NOW = datetime(2026, 11, 2, 5, tzinfo=UTC)
READS = "import cs_analysis as cs\nds = cs.read_dataset(data, as_of=as_of)\nlen(ds.tables['accounts'].to_pandas())"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with tables at a secret place, a notebook that reads them, and a file that names both."""
    data = tmp_path / "s3cr3t"
    data.mkdir()
    (data / "accounts.csv").write_text("account_id,started_at\na,2026-01-01T00:00:00Z\n", encoding="utf-8")
    parameters = new_code_cell("data: str\nas_of: str", metadata={"tags": ["parameters"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Own"), parameters, new_code_cell(READS)], metadata=kernel), jobs / "own.ipynb")
    text = 'data = { env = "CS_TEST_DATA" }\nout = "packs/{period}"\nkeep = 2\nreports = ["own.ipynb"]\n'
    (jobs / "reports.toml").write_text(text, encoding="utf-8")
    return jobs


@pytest.mark.slow
def test_the_newest_packs_are_kept_and_what_is_no_pack_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS_TEST_DATA", str(folder.parent / "s3cr3t"))
    packs = folder / "packs"
    (result,) = run_config(folder / "reports.toml", now=NOW)
    assert result.ok
    assert result.folder == packs / "2026-10"
    written = [path for path in packs.rglob("*") if path.is_file()]
    assert [path for path in written if b"s3cr3t" in path.read_bytes()] == []
    assert any(b"env:CS_TEST_DATA" in path.read_bytes() for path in written)
    for month in ("2026-08", "2026-07", "2026-06", "draft"):
        shutil.copytree(packs / "2026-10", packs / month)
    (packs / "2026-06" / "mine.txt").write_text("a note", encoding="utf-8")
    (packs / "2026-05").mkdir()
    (result,) = run_config(folder / "reports.toml", now=NOW, given={"period": "2026-09"})
    assert result.folder == packs / "2026-09"
    assert sorted(path.name for path in packs.iterdir() if path.is_dir()) == ["2026-05", "2026-06", "2026-09", "2026-10", "draft"]
    assert (packs / "2026-06" / "mine.txt").exists()


@pytest.mark.slow
def test_a_report_that_fails_on_the_data_does_not_tell_where_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are taken away while the report runs; what the database says of them names their place."""
    place = folder.parent / "s3cr3t"
    monkeypatch.setenv("CS_TEST_DATA", str(place))
    (place / "accounts.csv").unlink()
    pd.DataFrame({"account_id": ["a"], "started_at": pd.to_datetime(["2026-01-01"], utc=True)}).to_parquet(place / "accounts.parquet")
    own = nbformat.read(folder / "own.ipynb", as_version=4)
    fails = "import os, pathlib\nnext(pathlib.Path(os.environ['CS_TEST_DATA']).glob('*.parquet')).unlink()\nds.tables['accounts'].to_pandas()"
    own.cells.append(new_code_cell(fails))
    nbformat.write(own, folder / "own.ipynb")
    (result,) = run_config(folder / "reports.toml", now=NOW)
    assert "the tables cannot be read any more" in result.errors["own"]
    assert [path for path in folder.rglob("*") if path.is_file() and b"s3cr3t" in path.read_bytes()] == []


@pytest.mark.parametrize(("value", "state"), [(None, "is not set"), ("relative/s3cr3t", "holds a relative one")])
def test_a_variable_without_a_path_is_named_and_nothing_is_run(folder: Path, monkeypatch: pytest.MonkeyPatch, value: str | None, state: str) -> None:
    monkeypatch.delenv("CS_TEST_DATA", raising=False)
    if value:
        monkeypatch.setenv("CS_TEST_DATA", value)
    with pytest.raises(ParameterError, match=f"CS_TEST_DATA must hold an absolute path; it {state}") as caught:
        run_config(folder / "reports.toml", now=NOW)
    assert "s3cr3t" not in str(caught.value)
    assert not (folder / "packs").exists()


def test_no_message_of_a_source_shows_what_the_variable_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS_TEST_DATA", str(tmp_path / "s3cr3t"))
    with pytest.raises(ParameterError, match="env:CS_TEST_DATA does not exist") as caught:
        cs.read_dataset("env:CS_TEST_DATA", as_of="2026-10-31")
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__
    (tmp_path / "s3cr3t").mkdir()
    (tmp_path / "s3cr3t" / "accounts.parquet").write_bytes(b"PAR1 broken")
    findings = cs.check_dataset("env:CS_TEST_DATA", as_of="2026-10-31")
    assert "unreadable file" in set(findings["rule"])
    assert "s3cr3t" not in findings.to_csv()


def test_rows_set_aside_at_a_place_that_cannot_take_them_do_not_tell_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "s3cr3t"
    (place / "quarantine").mkdir(parents=True)
    (place / "quarantine" / "mine.txt").write_text("a note", encoding="utf-8")
    (place / "accounts.csv").write_text("account_id,started_at\na,2026-01-01T00:00:00Z\na,2026-01-01T00:00:00Z\n", encoding="utf-8")
    monkeypatch.setenv("CS_TEST_DATA", str(place))
    with pytest.raises(ParameterError, match="env:CS_TEST_DATA/quarantine") as caught:
        cs.read_dataset("env:CS_TEST_DATA", as_of="2026-10-31", on_error="quarantine")
    assert "s3cr3t" not in str(caught.value)


def test_parameters_of_no_report_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS_TEST_DATA", str(folder.parent / "s3cr3t"))
    with (folder / "reports.toml").open("a", encoding="utf-8") as file:
        file.write("[parameters]\nhorizn = '90d'\n")
    with pytest.raises(ParameterError, match="horizn is no parameter or report of this pack"):
        run_config(folder / "reports.toml", now=NOW)
