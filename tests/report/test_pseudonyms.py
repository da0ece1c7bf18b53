"""A pack with pseudonyms: no byte of it names anybody, and it says the same numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import cs_analysis as cs
from cs_analysis.cli import main
from cs_analysis.errors import ParameterError
from cs_analysis.report.reviews.each import run_each

DEMO = Path(__file__).parents[2] / "data" / "demo"
SAMPLE = Path(__file__).parents[2] / "reports" / "sample"
KEY = "a key of this test, and of no other"
OPTIONS = ["--data", str(DEMO), "--as-of", "2026-10-31"]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS_KEY", KEY)


@pytest.fixture(scope="module")
def names() -> set[bytes]:
    """Return the names and identifiers of the demo's accounts, users and managers, and the key."""
    ds = cs.read_dataset(DEMO, as_of="2026-10-31")
    accounts, users = (ds.tables[table].to_pandas() for table in ("accounts", "users"))
    found = {*accounts["account_id"], *accounts["name"], *accounts["csm"].dropna(), *users["user_id"], KEY}
    return {text.encode() for text in found}


def telling(folder: Path, names: set[bytes]) -> Iterator[str]:
    """Yield the files that name somebody, by what is in them or by what they are called."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes() + path.relative_to(folder).as_posix().encode()
        yield from (f"{path.name}: {name.decode()}" for name in names if name in content)


@pytest.mark.slow
def test_no_file_names_anybody_and_the_numbers_are_the_same(tmp_path: Path, names: set[bytes]) -> None:
    """The sample is the same pack without pseudonyms."""
    pack = tmp_path / "packs" / "2026-10"
    assert main(["report", *OPTIONS, "--only", "churn", "voice", "--out", str(pack), "--pseudonyms", "env:CS_KEY"]) == 0
    assert next(telling(SAMPLE, names), None) is not None
    assert list(telling(tmp_path, names)) == []
    assert json.loads((pack / "run.json").read_text())["reports"]["churn"]["parameters"]["pseudonyms"] == "env:CS_KEY"
    shown = [row for row in json.loads((SAMPLE / "kpis.json").read_text()) if row["report"] in ("churn", "voice")]
    assert json.loads((pack / "kpis.json").read_text()) == shown


@pytest.mark.slow
def test_reviews_bear_pseudonyms_in_their_file_names_too(tmp_path: Path, names: set[bytes]) -> None:
    managers = cs.read_dataset(DEMO, as_of="2026-10-31", pseudonyms="env:CS_KEY").tables["accounts"].to_pandas(["csm"])["csm"].dropna()
    run_each(data=DEMO, as_of="2026-10-31", out=tmp_path / "reviews", each="csm", only=[managers.iloc[0]], pseudonyms="env:CS_KEY")
    assert len(list((tmp_path / "reviews" / "accounts").iterdir())) == (managers == managers.iloc[0]).sum()
    assert list(telling(tmp_path / "reviews", names)) == []


def test_a_report_that_would_show_names_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Own"), new_code_cell('data: str = ""', metadata={"tags": ["parameters"]})]), own)
    with pytest.raises(ParameterError, match="own would show names"):
        cs.run_pack(data=DEMO, as_of="2026-10-31", out=tmp_path / "out", only=[str(own)], pseudonyms="env:CS_KEY")
    assert not (tmp_path / "out").exists()


def test_the_holder_of_the_key_finds_out_who_is_who(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "who.csv"
    assert main(["pseudonyms", *OPTIONS, "--pseudonyms", "env:CS_KEY", "--out", str(place)]) == 0
    lines = place.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == '"pseudonym","account_id","name"'
    assert len(lines) == 401
    assert place.stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    assert main(["pseudonyms", *OPTIONS, "--pseudonyms", "env:GONE", "--out", str(place)]) == 2
    assert "GONE must hold a key" in capsys.readouterr().err
    assert place.read_text(encoding="utf-8-sig").splitlines() == lines
