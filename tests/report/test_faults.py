"""What goes wrong in a run that nobody watches: the last good pack stays, the message says what to do, the exit code is not 0."""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from cs_analysis.cli import _told_os, main
from cs_analysis.report.place import building

ACCOUNTS = "account_id,started_at\n" + "".join(f"a{number},2026-01-01T00:00:00Z\n" for number in range(3000))
SMALL = 4096  # bytes that a file may have on the full disk; a page has more


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with tables, a file of what to run, and the good pack of an earlier run at its place."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "accounts.csv").write_text(ACCOUNTS, encoding="utf-8")
    parameters = new_code_cell("data: str\nas_of: str", metadata={"tags": ["parameters"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Own"), parameters], metadata=kernel), tmp_path / "own.ipynb")
    (tmp_path / "reports.toml").write_text('data = "data"\nout = "packs/{period}"\nperiod = "2026-10"\nreports = ["own.ipynb"]\n', encoding="utf-8")
    good = tmp_path / "packs" / "2026-10"
    good.mkdir(parents=True)
    (good / "run.json").write_text(json.dumps({"status": "complete", "reports": {}}), encoding="utf-8")
    (good / "index.html").write_text("the last good one", encoding="utf-8")
    return tmp_path


def told(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    """Return exit code and message of a run, after which the last good pack is as it was."""
    code = main(["report", "--config", str(folder / "reports.toml"), *options])
    assert (folder / "packs" / "2026-10" / "index.html").read_text(encoding="utf-8") == "the last good one"
    return code, capsys.readouterr().err


def test_a_second_run_is_refused_while_the_first_is_at_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with building(folder / "packs" / "2026-10"):
        code, message = told(folder, capsys)
    assert code == 1
    assert "only one run at a time can write to" in message
    assert "Wait for it" in message


def test_a_table_that_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data" / "accounts.csv").rename(folder / "data" / "users.csv")
    code, message = told(folder, capsys)
    assert code == 1
    assert "accounts: missing table or column" in message


def test_a_compressed_table_that_breaks_off(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = gzip.compress(ACCOUNTS.encode())
    (folder / "data" / "accounts.csv").unlink()
    (folder / "data" / "accounts.csv.gz").write_bytes(whole[: len(whole) // 2])
    code, message = told(folder, capsys)
    assert code == 1
    assert "accounts: unreadable file" in message


def test_a_parquet_table_that_breaks_off(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data" / "accounts.csv").unlink()
    path = folder / "data" / "accounts.parquet"
    pd.DataFrame({"account_id": ["a"], "started_at": pd.to_datetime(["2026-01-01"], utc=True)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    code, message = told(folder, capsys)
    assert code == 1
    assert "accounts: unreadable file" in message


def test_a_configuration_that_is_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "reports.toml").write_text("data = ", encoding="utf-8")
    code, message = told(folder, capsys)
    assert code == 2
    assert "Correct it there" in message


def test_a_place_that_cannot_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = told(folder, capsys, "--out", str(folder / "reports.toml" / "{period}"))
    assert code == 1
    assert "reports.toml" in message


@pytest.mark.slow
def test_a_disk_that_is_full(folder: Path) -> None:
    command = [sys.executable, "-m", "cs_analysis", "report", "--config", str(folder / "reports.toml")]
    limit = (SMALL, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    ended = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert ended.returncode == 1, ended.stderr
    assert "File too large" in ended.stderr
    assert (folder / "packs" / "2026-10" / "index.html").read_text(encoding="utf-8") == "the last good one"


def test_a_full_disk_is_told_with_what_to_do() -> None:
    """Linux has a file that is always full."""
    with pytest.raises(OSError, match="No space left") as raised:
        Path("/dev/full").write_text("x", encoding="utf-8")
    assert _told_os(raised.value).endswith("Free some space and run again; what was finished before stays as it is.")
    assert _told_os(FileNotFoundError(2, "No such file")) == "[Errno 2] No such file"
