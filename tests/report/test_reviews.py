"""Business reviews: what stands on a page is the account's own, a broken run is taken up, and no text of the data can do harm."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from tests.helpers import utc

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, ParameterError, ReportError
from cs_analysis.facts.account_activity import feature_uses, weekly_users
from cs_analysis.report.reviews import each
from cs_analysis.report.reviews.book import gathered
from cs_analysis.report.reviews.subjects import open_tickets, overdue, subjects, unused

AS_OF = "2026-03-31"
EVIL = "<script>alert(1)</script>"


def tables() -> dict[str, pd.DataFrame]:
    """Return three customers of one segment: A uses both features, B one, C (of an evil name) none; A has two goals and three tickets."""
    accounts = pd.DataFrame({"account_id": list("ABC"), "started_at": utc(*["2025-01-01"] * 3), "name": ["Acme", "Beta", EVIL], "segment": "small"})
    accounts["csm"] = ["Jo", "Jo", None]
    used = pd.DataFrame({"account_id": list("AAAB"), "event": ["import", "export", "import", "import"], "user_id": ["u1", "u2", "u2", "u3"]})
    used["event_at"] = utc("2026-03-31 10:00", "2026-03-30 10:00", "2026-03-20 10:00", "2025-06-01")
    sold = pd.DataFrame({"subscription_id": list("ABC"), "account_id": list("ABC"), "started_at": utc(*["2025-01-01"] * 3), "mrr": [50.0, 80.0, 10.0]})
    goals = pd.DataFrame({"account_id": ["A", "A"], "goal": ["done", "late"], "set_at": utc(*["2026-01-01"] * 2), "target_at": utc(*["2026-02-01"] * 2)})
    tickets = pd.DataFrame({"ticket_id": ["1", "2", "3"], "account_id": "A", "opened_at": utc("2026-03-01", "2026-03-10", "2026-03-30"), "topic": EVIL})
    tickets["resolved_at"] = utc("2026-03-02", "2026-03-11", None)
    tickets["reopened_at"] = utc(None, "2026-03-12", None)
    sold = sold.assign(currency="EUR", ended_at=utc(None, None, None), renewal_at=utc("2026-05-01", None, None))
    return {"accounts": accounts, "events": used, "subscriptions": sold, "goals": goals.assign(reached_at=utc("2026-01-20", None)), "tickets": tickets}


@pytest.fixture(scope="module")
def ds() -> cs.Dataset:
    return cs.read_dataset(tables(), as_of=AS_OF)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the tables as CSV files."""
    place = tmp_path / "data"
    place.mkdir()
    for name, table in tables().items():
        table.to_csv(place / f"{name}.csv", index=False)
    return place


def test_users_of_a_week_and_uses_of_a_feature_by_hand(ds: cs.Dataset) -> None:
    weeks = weekly_users(ds)
    assert weeks.to_numpy().tolist() == [["A", 0, 2], ["A", 1, 1]]  # 25 to 31 March: u1 and u2; 18 to 24: u2. B's use is older than 26 weeks.
    uses = feature_uses(ds).set_index(["account_id", "event"])
    assert uses["uses"].to_dict() == {("A", "export"): 1, ("A", "import"): 2, ("B", "import"): 0}
    assert uses.loc[("A", "import"), "first_used_at"] == pd.Timestamp("2026-03-20 10:00")


@pytest.mark.slow
def test_what_there_is_to_talk_about(ds: cs.Dataset) -> None:
    book = gathered(ds)
    assert open_tickets(book, "A")["ticket_id"].tolist() == ["2", "3"]  # the first is resolved, the second was opened again
    assert overdue(book, "A")["goal"].tolist() == ["late"]
    assert subjects(book, "A") == [
        "The contract is due for renewal on May 1, 2026, in 30 days.",
        "A ticket has been open for 22 days.",
        "The goal late was to be reached by February 1, 2026 and has not been.",
    ]
    assert subjects(book, "B") == []
    assert unused(book, "C")["event"].tolist() == ["import"]  # two of three use it; export only one
    assert unused(book, "A").empty
    assert book.peers.loc["small", 0] == pytest.approx(2 / 3)


@pytest.mark.slow
def test_a_page_an_account_below_a_page_a_manager(folder: Path, tmp_path: Path) -> None:
    result = each.run_each(data=folder, as_of=AS_OF, out=tmp_path / "out", each="csm")
    assert result.ok
    pages = {path.relative_to(result.folder).as_posix(): path.read_text() for path in result.folder.rglob("*.html")}
    assert len(pages) == 6  # the index, two groups (Jo and nobody), three accounts
    assert "accounts/B.html" in pages["groups/Jo.html"]
    assert pages["groups/Jo.html"].index("Beta") < pages["groups/Jo.html"].index("Acme")  # the larger one first
    assert "C.html" not in pages["groups/Jo.html"]
    assert not any("<script" in page for page in pages.values())
    assert "&lt;script&gt;" in pages["accounts/C.html"]


@pytest.mark.slow
def test_a_run_that_was_broken_off_is_taken_up_and_an_earlier_folder_stays(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, written = tmp_path / "out", []
    each.run_each(data=folder, as_of="2026-02-28", out=out)
    before = (out / "run.json").read_text()
    page = each._page

    def breaks(book: object, account: str, **options: str) -> str:
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(account)
        return page(book, account, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(each, "_page", breaks)
    with pytest.raises(KeyboardInterrupt):
        each.run_each(data=folder, as_of=AS_OF, out=out)
    assert (out / "run.json").read_text() == before
    assert written == ["A"]
    monkeypatch.setattr(each, "_page", lambda book, account, **options: (written.append(account), page(book, account, **options))[1])
    each.run_each(data=folder, as_of=AS_OF, out=out)
    assert written == ["A", "B", "C"]  # A was not written twice
    assert json.loads((out / "run.json").read_text())["as_of"].startswith(AS_OF)
    assert sorted(path.name for path in out.iterdir()) == ["accounts", "index.html", "run.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out"]


@pytest.mark.slow
def test_what_is_broken_off_on_other_data_is_not_taken_up(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, written, page = tmp_path / "out", [], each._page

    def counted(book: object, account: str, **options: str) -> str:
        written.append(account)
        if len(written) == 2:
            raise KeyboardInterrupt
        return page(book, account, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(each, "_page", counted)
    with pytest.raises(KeyboardInterrupt):
        each.run_each(data=folder, as_of=AS_OF, out=out)
    pd.read_csv(folder / "accounts.csv").assign(name="New").to_csv(folder / "accounts.csv", index=False)
    each.run_each(data=folder, as_of=AS_OF, out=out)
    assert written == ["A", "B", "A", "B", "C"]
    assert "Acme" not in (out / "accounts" / "A.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("kept", [["accounts"], ["accounts", "subscriptions"], ["accounts", "events"]])
def test_every_part_is_left_out_where_its_tables_are_missing(folder: Path, tmp_path: Path, kept: list[str]) -> None:
    for path in folder.iterdir():
        if path.stem not in kept:
            path.unlink()
    result = each.run_each(data=folder, as_of=AS_OF, out=tmp_path / "out", language="de")
    page = (result.folder / "accounts" / "A.html").read_text()
    assert ("Nutzung</h2>" in page) == ("events" in kept)
    assert ("50,00\xa0€" in page) == ("subscriptions" in kept)


def test_what_is_asked_for_must_be_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingColumnsError, match="owner"):
        each.run_each(data=folder, as_of=AS_OF, out=tmp_path / "out", each="owner")
    with pytest.raises(ParameterError, match="there is no account 'X' in the data"):
        each.run_each(data=folder, as_of=AS_OF, out=tmp_path / "out", only=["A", "X"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(ReportError, match="holds something else"):
        each.run_each(data=folder, as_of=AS_OF, out=tmp_path / "full")


def test_every_name_makes_a_file_of_its_own_inside_its_folder() -> None:
    names = ["A1", "a/../b", "a-..-b", "Ümit & Co", "x" * 200, "x" * 201, ""]
    files = [each._file(name) for name in names]
    assert len(set(files)) == len(names)
    assert all(file.startswith("accounts/") and file.count("/") == 1 and len(file) < 90 for file in files)
    assert files[0] == "accounts/A1.html"
