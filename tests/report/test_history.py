from __future__ import annotations

import json
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest

from cs_analysis.errors import ReportError
from cs_analysis.report.history import COLUMNS, read_history, record_history

OCT, NOV = pd.Timestamp("2026-10-01"), pd.Timestamp("2026-11-01")


def pack(folder: Path, *rows: dict[str, object], reports: tuple[str, ...] = ("churn",)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    named = [{"report": reports[0], "unit": "share", "conf_low": None, "conf_high": None, "n": 10, **row} for row in rows]
    (folder / "kpis.json").write_text(json.dumps(named))
    (folder / "run.json").write_text(json.dumps({"as_of": "2026-10-31T23:59:59+00:00", "reports": {name: {} for name in reports}}))
    return folder


def churn(value: float, **keys: object) -> dict[str, object]:
    return {"metric": "logo_churn_rate", "period": "2026-10-01", "estimate": value, **keys}


def test_a_figure_a_row_with_what_it_is_of(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    rows = (churn(0.1, conf_low=0.05, conf_high=0.2), churn(-0.3, segment="=small", metric="nps"), churn(3.0, kpi="churn", detail="x", metric="mrr"))
    assert record_history(path, pack(tmp_path / "p", *rows), period=OCT) is None
    table = read_history(path)
    assert list(table.columns) == list(COLUMNS)
    assert table[["period", "of", "kpi"]].to_numpy().tolist() == [["2026-10", "2026-10-01", name] for name in ("logo_churn_rate", "nps", "churn")]
    assert table["detail"].fillna("").tolist() == ["", "segment==small", "x"]
    assert table["estimate"].tolist() == [0.1, -0.3, 3.0]
    assert table.loc[0, ["conf_low", "conf_high", "n"]].tolist() == [0.05, 0.2, 10]


def test_a_run_that_is_repeated_leaves_the_same_bytes_and_a_corrected_one_its_own_figures(tmp_path: Path) -> None:
    path, first = tmp_path / "history.csv", pack(tmp_path / "a", churn(0.1, segment="=x"), churn(0.2, segment="gone"))
    record_history(path, first, period=OCT)
    record_history(path, pack(tmp_path / "b", churn(0.7)), period=NOV)
    before = path.read_bytes()
    record_history(path, first, period=OCT)
    assert path.read_bytes() == before
    record_history(path, pack(tmp_path / "c", churn(0.3, segment="=x")), period=OCT)
    assert read_history(path)[["period", "estimate"]].to_numpy().tolist() == [["2026-10", 0.3], ["2026-11", 0.7]]


def test_a_run_of_some_reports_leaves_the_figures_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    record_history(path, pack(tmp_path / "a", churn(0.1)), period=OCT)
    record_history(path, pack(tmp_path / "b", churn(0.2), reports=("overview",)), period=OCT)
    assert read_history(path)[["report", "estimate"]].to_numpy().tolist() == [["churn", 0.1], ["overview", 0.2]]


def test_a_table_of_fewer_and_of_further_columns_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("period,kpi,estimate,remark\n2026-09,nps,12.5,good\n")
    record_history(path, pack(tmp_path / "a", churn(0.1)), period=OCT)
    table = read_history(path)
    assert table[["period", "kpi", "estimate"]].to_numpy().tolist() == [["2026-09", "nps", 12.5], ["2026-10", "logo_churn_rate", 0.1]]
    assert table["remark"].fillna("").tolist() == ["good", ""]
    record_history(path, pack(tmp_path / "a", churn(0.2)), period=pd.Timestamp("2026-09-01"))  # a row that names no report is one of the same period
    assert read_history(path)["estimate"].tolist() == [0.2, 0.1]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a,b\n1,2\n", b'period,kpi\n"2026', b"", b"period,kpi,estimate\n2026-09,nps,many\n"])
def test_a_table_that_cannot_be_read_is_put_aside_and_never_lost(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.csv"
    path.write_bytes(content)
    (tmp_path / "history.unreadable-1.csv").write_text("of an earlier day")
    aside = record_history(path, pack(tmp_path / "a", churn(0.1)), period=OCT)
    assert aside == tmp_path / "history.unreadable-2.csv"
    assert aside.read_bytes() == content
    assert len(read_history(path)) == 1
    assert (tmp_path / "history.unreadable-1.csv").read_text() == "of an earlier day"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"the pack is complete in .* could not be added to"):
        record_history(tmp_path / "file" / "history.csv", pack(tmp_path / "a", churn(0.1)), period=OCT)


def record(path: Path, folder: Path, number: int) -> None:
    record_history(path, folder, period=pd.Timestamp(2000 + number, 1, 1))


@pytest.mark.slow
def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path, folder = tmp_path / "history.csv", pack(tmp_path / "a", churn(0.1))
    with get_context("fork").Pool(4) as pool:
        pool.starmap(record, [(path, folder, number) for number in range(40)])
    assert read_history(path)["period"].tolist() == [f"{2000 + number}-01" for number in range(40)]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "history.csv"]
