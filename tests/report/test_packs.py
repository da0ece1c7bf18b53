"""Whole packs: what is in them, that they repeat, and that a run that fails leaves the last good one."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import cs_analysis as cs
from cs_analysis.report.batch import Run, run_batch
from cs_analysis.report.notebooks import list_reports, read_report
from cs_analysis.report.place import is_complete

DEMO = Path(__file__).parents[2] / "data" / "demo"
AS_OF = "2026-10-31"
NUMBERS = ("estimates.parquet", "estimates.csv", "kpis.json")


class Page(HTMLParser):
    """What a page is made of: tags with attributes, and headings in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    result = cs.run_pack(data=DEMO, as_of=AS_OF, out=tmp_path_factory.mktemp("packs") / "2026-10")
    assert result.ok
    return result.folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> cs.Dataset:
    accounts = pd.DataFrame({"account_id": ["a"], "started_at": pd.to_datetime(["2026-01-01"], utc=True)})
    return cs.read_dataset({"accounts": accounts}, as_of=AS_OF)


def notebook(folder: Path, name: str, *sources: str) -> Run:
    """Return a run of a small notebook with these code cells."""
    cells = [new_markdown_cell(f"# {name.title()}\n\nA test."), *(new_code_cell(source) for source in sources)]
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}), path)
    return Run(read_report(path), {})


EMITS = """from IPython.display import display
row = {"metric": "nps", "unit": "points", "estimate": 12.0, "conf_low": None, "conf_high": None, "n": 5}
display({"text/html": "<p>shown</p>", "application/vnd.cs-analysis.kpi+json": {"kind": "kpi", "rows": [row]}}, raw=True)"""


LISTS = """from IPython.display import display
for name, text in (("to_call", "old"), ("to_call", '"name"\\r\\n"Überfluß"\\r\\n'), ("gone", "")):
    display({"text/html": "", "application/vnd.cs-analysis.list+json": {"name": name, "text": text}}, raw=True)"""


@pytest.mark.slow
def words_and_numbers(text: str) -> tuple[list[str], list[float]]:
    """Return what lies between a text's decimal numbers, and these: their tenth digit is not the same on every processor."""
    number = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
    return number.split(text), [float(each) for each in number.findall(text)]


class TestDemoPack:
    def test_holds_pages_numbers_notebooks_and_a_manifest(self, pack: Path) -> None:
        names = {path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_file()}
        pages = {name for report in list_reports() for name in (f"{report.name}.html", f"notebooks/{report.name}.ipynb")}
        assert {"churn.html", "overview.html"} < pages
        lists = {name for about in json.loads((pack / "run.json").read_text())["reports"].values() for name in about["lists"]}
        assert names == {"index.html", *pages, *lists, *NUMBERS, "run.json"}
        assert is_complete(pack)

    def test_the_manifest_says_with_what_it_was_made(self, pack: Path) -> None:
        manifest = json.loads((pack / "run.json").read_text())
        assert manifest["status"] == "complete"
        assert manifest["reports"]["churn"]["parameters"]["conf_level"] == 0.95
        assert re.fullmatch(r"[0-9a-f]{16}", manifest["data_fingerprint"])
        assert {"pandas", "duckdb", "cs-analysis"} <= set(manifest["versions"])

    def test_the_numbers_are_those_of_the_metrics(self, pack: Path) -> None:
        ds = cs.read_dataset(DEMO, as_of=AS_OF)
        kpis = {row["metric"]: row for row in json.loads((pack / "kpis.json").read_text()) if row["report"] == "overview"}
        assert kpis["mrr"]["estimate"] == pytest.approx(cs.mrr(ds)["estimate"].iloc[-1], rel=1e-9)
        table = pd.read_parquet(pack / "estimates.parquet")
        survival = table[(table["report"] == "churn") & (table["metric"] == "survival")]
        expected = cs.customer_survival(ds).set_index("time_days")["estimate"]
        found = survival.drop_duplicates("time_days").set_index("time_days")["estimate"].reindex(expected.index)
        pd.testing.assert_series_equal(found, expected, rtol=1e-9, check_names=False)

    @pytest.mark.parametrize("name", ["index", *(report.name for report in list_reports())])
    def test_pages_stand_alone_and_can_be_read_by_everybody(self, pack: Path, name: str) -> None:
        page = Page(pack / f"{name}.html")
        assert len(page.text.encode()) < 2_000_000
        assert page.all("script", "link", "iframe") == []
        sources = [attributes.get(key) or "" for attributes in page.all("img", "a", "source") for key in ("src", "href")]
        assert [source for source in sources if source.startswith(("http", "//", "file"))] == []
        assert "url(" not in page.text
        assert "@import" not in page.text
        assert all(len(attributes.get("alt") or "") > 20 for attributes in page.all("img"))
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(attributes.get("scope") in ("col", "row") for attributes in page.all("th"))
        levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
        anchors = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(anchors) == len(set(anchors))
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
        assert page.all("html") == [{"lang": "en"}]

    def test_the_sample_is_what_the_reports_make_now(self, pack: Path) -> None:
        sample = DEMO.parents[1] / "reports" / "sample"
        for name in ("kpis.json", "estimates.csv"):
            kept, made = (words_and_numbers((folder / name).read_text()) for folder in (sample, pack))
            assert kept[0] == made[0], "run `make notebooks`"
            assert made[1] == pytest.approx(kept[1], rel=1e-8, abs=1e-9), "run `make notebooks`"
        for path in sample.glob("*.html"):
            kept, made = (re.sub(r"base64,[^\"]+", "", page.read_text(encoding="utf-8")) for page in (path, pack / path.name))
            assert kept == made, "run `make notebooks`"

    def test_no_code_is_shown(self, pack: Path) -> None:
        assert "read_dataset" not in (pack / "churn.html").read_text()

    def test_contents_lead_to_their_headings(self, pack: Path) -> None:
        page = Page(pack / "churn.html")
        anchors = {attributes["href"][1:] for attributes in page.all("a") if (attributes.get("href") or "").startswith("#")}
        assert len(anchors) == 9
        assert anchors <= {attributes.get("id") for attributes in page.all("h2")}

    def test_later_rows_and_values_change_nothing_but_the_count_of_ignored_rows(self, pack: Path, tmp_path: Path) -> None:
        source, later = tmp_path / "data", pd.Timestamp("2026-12-05T10:00:00Z")
        ds = cs.read_dataset(DEMO, as_of=AS_OF)
        tables = {name: handle.to_pandas() for name, handle in ds.tables.items()}
        dated = {"accounts": "started_at", "users": "created_at", "events": "event_at", "subscriptions": "started_at", "responses": "asked_at"}
        source.mkdir()
        for name, frame in tables.items():
            if name in dated:
                new = frame.tail(7).assign(**{dated[name]: later})
                key = frame.columns[0]
                new[key] = [f"later-{number}" for number in range(len(new))] if name != "events" else later
                frame = pd.concat([frame, new], ignore_index=True)  # noqa: PLW2901
            if name == "subscriptions":
                running = frame.index[frame["ended_at"].isna() & frame["cancelled_at"].isna()][:20]
                frame.loc[running, ["ended_at", "end_reason"]] = [later, "voluntary"]
            if name == "responses":
                waiting = frame.index[frame["answered_at"].isna()][:20]
                frame.loc[waiting, ["answered_at", "score"]] = [later, 0]
            frame.to_parquet(source / f"{name}.parquet")
        result = cs.run_pack(data=source, as_of=AS_OF, out=tmp_path / "pack")
        assert result.ok
        for name in NUMBERS:
            assert (result.folder / name).read_bytes() == (pack / name).read_bytes()
        for name in ("index", "churn", "overview"):
            after, before = ((folder / f"{name}.html").read_text() for folder in (result.folder, pack))
            assert after.replace("35 rows dated later were left out.", "0 rows dated later were left out.") == before
        manifests = [json.loads((folder / "run.json").read_text()) for folder in (pack, result.folder)]
        assert manifests[0]["data_fingerprint"] == manifests[1]["data_fingerprint"]
        assert sum(manifests[1]["ignored_rows"].values()) == 35


@pytest.mark.slow
class TestFailure:
    def test_a_failing_notebook_says_so_and_the_others_go_on(self, tmp_path: Path, small: cs.Dataset) -> None:
        runs = [notebook(tmp_path, "broken", EMITS, "raise ValueError('no <luck> today')", "print('never')"), notebook(tmp_path, "sound", EMITS)]
        lines: list[str] = []
        result = run_batch(runs, small, tmp_path / "out", progress=lines.append)
        assert (result.ok, result.errors) == (False, {"broken": "ValueError: no <luck> today"})
        page = (result.folder / "broken.html").read_text()
        assert "Incomplete" in page
        assert "ValueError: no &lt;luck&gt; today" in page
        assert "<p>shown</p>" in page
        assert "Incomplete" in result.index.read_text()
        assert "Incomplete" not in (result.folder / "sound.html").read_text()
        assert [row["report"] for row in json.loads((result.folder / "kpis.json").read_text())] == ["broken", "sound"]
        told = ["broken: running (1 of 2)", "broken: failed, ValueError: no <luck> today", "sound: running (2 of 2)", "sound: done"]
        assert [line if "running" in line else line.split(" (")[0] for line in lines] == told

    def test_an_earlier_complete_pack_is_left_in_place(self, tmp_path: Path, small: cs.Dataset) -> None:
        out = tmp_path / "out"
        assert run_batch([notebook(tmp_path, "report", EMITS)], small, out).ok
        good = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
        result = run_batch([notebook(tmp_path, "report", "1 / 0")], small, out)
        assert result.folder == tmp_path / "out.incomplete"
        assert "ZeroDivisionError" in (result.folder / "report.html").read_text()
        assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == good

    def test_a_later_complete_pack_takes_the_incomplete_one_away(self, tmp_path: Path, small: cs.Dataset) -> None:
        out = tmp_path / "out {braces}"
        for sources in (EMITS, "1 / 0", "1"):
            result = run_batch([notebook(tmp_path, "report", sources)], small, out)
        assert result.ok
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out {braces}", "report.ipynb"]

    def test_a_pack_that_a_killed_run_moved_away_comes_back(self, tmp_path: Path, small: cs.Dataset) -> None:
        out = tmp_path / "out"
        assert run_batch([notebook(tmp_path, "report", EMITS)], small, out).ok
        out.rename(tmp_path / ".out.before")
        result = run_batch([notebook(tmp_path, "report", "1 / 0")], small, out)
        assert result.folder == tmp_path / "out.incomplete"
        assert is_complete(out)

    def test_a_kernel_that_dies_is_an_error_like_any_other(self, tmp_path: Path, small: cs.Dataset) -> None:
        result = run_batch([notebook(tmp_path, "dead", EMITS, "import os; os._exit(3)")], small, tmp_path / "out")
        assert not result.ok
        assert "DeadKernelError" in result.errors["dead"]
        assert "Incomplete" in (result.folder / "dead.html").read_text()

    def test_a_kernel_that_dies_brings_back_no_stored_outputs(self, tmp_path: Path, small: cs.Dataset) -> None:
        run = notebook(tmp_path, "stored", EMITS, "import os; os._exit(3)")
        stored = nbformat.read(run.report.path, as_version=4)
        stored.cells[1].outputs = [new_output("display_data", data={"text/html": '<ul class="cards"><li>of another company</li></ul>'})]
        nbformat.write(stored, run.report.path)
        result = run_batch([run], small, tmp_path / "out")
        for path in (result.index, result.folder / "stored.html", result.folder / "notebooks" / "stored.ipynb"):
            assert "of another company" not in path.read_text()

    def test_a_cell_that_runs_too_long_is_given_up_and_its_code_not_shown(self, tmp_path: Path, small: cs.Dataset) -> None:
        result = run_batch([notebook(tmp_path, "slow", "import time; time.sleep(600)")], small, tmp_path / "out", timeout=1)
        assert result.errors == {"slow": "CellTimeoutError: a cell ran longer than the 1 seconds allowed"}
        assert "import time" not in (result.folder / "slow.html").read_text()

    def test_numbers_of_another_form_are_the_error_of_their_report_alone(self, tmp_path: Path, small: cs.Dataset) -> None:
        odd = EMITS.replace('"n": 5', '"n": None')
        result = run_batch([notebook(tmp_path, "odd", odd), notebook(tmp_path, "sound", EMITS)], small, tmp_path / "out")
        assert list(result.errors) == ["odd"]
        assert "must be a kind (kpi or estimates) and rows with metric" in result.errors["odd"]
        assert [row["report"] for row in json.loads((result.folder / "kpis.json").read_text())] == ["sound"]

    def test_lists_lie_beside_the_pages_and_go_with_their_pack(self, tmp_path: Path, small: cs.Dataset) -> None:
        out = tmp_path / "out"
        for source, expected in ((LISTS, ["gone.csv", "to_call.csv"]), (EMITS, [])):
            assert run_batch([notebook(tmp_path, "calls", source)], small, out).ok
            assert sorted(path.name for path in out.glob("lists/*")) == expected
            if expected:
                assert (out / "lists" / "to_call.csv").read_bytes() == b"\xef\xbb\xbf" + '"name"\r\n"Überfluß"\r\n'.encode()
        assert not (out / "lists").exists()

    @pytest.mark.parametrize("name", ["../escape", "a/b", "", "A", ".x"])
    def test_a_list_that_would_lie_elsewhere_is_the_error_of_its_report(self, tmp_path: Path, small: cs.Dataset, name: str) -> None:
        result = run_batch([notebook(tmp_path, "odd", LISTS.replace("gone", name))], small, tmp_path / "pack" / "out")
        assert "must have a name of small letters, digits and _" in result.errors["odd"]
        assert [path.name for path in (tmp_path / "pack").iterdir()] == ["out"]
        assert not (result.folder / "lists").exists()

    def test_two_runs_leave_equal_notebooks(self, tmp_path: Path, small: cs.Dataset) -> None:
        run = notebook(tmp_path, "same", EMITS)
        runs = [run_batch([Run(run.report, {"by": None})], small, tmp_path / name).folder / "notebooks" / "same.ipynb" for name in ("one", "two")]
        assert runs[0].read_bytes() == runs[1].read_bytes()

    def test_breaking_off_leaves_nothing_half_written(self, tmp_path: Path, small: cs.Dataset) -> None:
        def stop(line: str) -> None:
            if "done" in line:
                raise KeyboardInterrupt

        runs = [notebook(tmp_path, "first", "1"), notebook(tmp_path, "second", "1")]
        with pytest.raises(KeyboardInterrupt):
            run_batch(runs, small, tmp_path / "out", progress=stop)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["first.ipynb", "second.ipynb"]

    def test_a_kernel_leaves_nothing_lying_about(self, tmp_path: Path, small: cs.Dataset) -> None:
        place = tmp_path / "place"
        source = f"import pathlib, tempfile; pathlib.Path({str(place)!r}).write_text(tempfile.mkdtemp())"
        assert run_batch([notebook(tmp_path, "litter", source)], small, tmp_path / "out").ok
        assert not Path(place.read_text()).exists()

    def test_markup_in_text_output_is_escaped(self, tmp_path: Path, small: cs.Dataset) -> None:
        result = run_batch([notebook(tmp_path, "texts", "print('<script>alert(1)</script>')", "'<b>'")], small, tmp_path / "out")
        page = (result.folder / "texts.html").read_text()
        assert "<script>" not in page
        assert "&lt;script&gt;" in page


class TestRefusals:
    def test_data_that_break_the_contract_stop_before_anything_runs(self, tmp_path: Path) -> None:
        (tmp_path / "accounts.csv").write_text("account_id,started_at\na,soon\n")
        with pytest.raises(cs.errors.ContractError, match="wrong type"):
            cs.run_pack(data=tmp_path, as_of=AS_OF, out=tmp_path / "pack")
        assert not (tmp_path / "pack").exists()

    def test_a_folder_that_holds_something_else_is_not_replaced(self, tmp_path: Path, small: cs.Dataset) -> None:
        (tmp_path / "mine.txt").write_text("mine")
        with pytest.raises(cs.errors.ReportError, match="holds something else"):
            run_batch([], small, tmp_path)
        assert (tmp_path / "mine.txt").read_text() == "mine"

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"only": ["chrun"]}, "there is no report 'chrun'; there are .*churn, .*overview"),
            ({"language": "fr"}, r"language must be Literal\['en', 'de', 'tr'\], not 'fr'"),
            ({"period": "October"}, "period must be a month such as 2026-10"),
            ({"period": "2027-01"}, "had not begun"),
            ({"conf_level": "high"}, "conf_level must be float"),
        ],
    )
    def test_values_that_do_not_fit_are_refused(self, tmp_path: Path, options: dict[str, object], message: str) -> None:
        with pytest.raises(cs.errors.ParameterError, match=message):
            cs.run_pack(data=DEMO, as_of=AS_OF, out=tmp_path / "pack", **options)
        assert not (tmp_path / "pack").exists()

    def test_an_unknown_notebook_is_refused_with_those_there_are(self, tmp_path: Path) -> None:
        with pytest.raises(cs.errors.ParameterError, match=r"churn, .*overview.* or the path of a notebook; chrun is neither"):
            cs.run_report("chrun", data=DEMO, as_of=AS_OF, out=tmp_path / "out")

    def test_data_and_as_of_are_not_given_twice(self, tmp_path: Path) -> None:
        with pytest.raises(cs.errors.ParameterError, match="data must be given once"):
            cs.run_report("churn", data=DEMO, as_of=AS_OF, out=tmp_path / "out", parameters={"data": "elsewhere"})
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("content", [b"[1]", b"hello", b"{}", b"", b"\xff\xfe"])
    def test_a_file_that_is_no_notebook_is_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "no.ipynb").write_bytes(content)
        with pytest.raises(cs.errors.ParameterError, match="must be a Jupyter notebook"):
            cs.run_report(tmp_path / "no.ipynb", data=DEMO, as_of=AS_OF, out=tmp_path / "out")
