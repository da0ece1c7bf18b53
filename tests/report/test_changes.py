from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import cs_analysis as cs
from cs_analysis import cli
from cs_analysis.errors import ReportError
from cs_analysis.report.batch import Run, run_batch
from cs_analysis.report.changes import alerts_json, changes_html, changes_json, changes_text, figure_name
from cs_analysis.report.comparison import Comparison, compared
from cs_analysis.report.figures import figures_of, read_figures
from cs_analysis.report.history import read_history
from cs_analysis.report.notebooks import read_report
from cs_analysis.report.since import tell_changes

SEP, OCT = "2026-09-30T23:59:59.999999+00:00", "2026-10-31T23:59:59.999999+00:00"
EMITS = """from IPython.display import display
row = {{"metric": "logo_churn_rate", "unit": "share", "period": "{period}", "estimate": {estimate}, "conf_low": {low}, "conf_high": {high}, "n": 900}}
display({{"text/html": "", "application/vnd.cs-analysis.kpi+json": {{"kind": "kpi", "rows": [row]}}}}, raw=True)"""


def row(metric: str, estimate: float, half: float | None, **keys: object) -> dict[str, object]:
    limits = {"conf_low": None, "conf_high": None} if half is None else {"conf_low": estimate - half, "conf_high": estimate + half}
    unit = {"mrr": "EUR"}.get(metric, "share")
    return {"report": "churn", "period": None, **keys, "metric": metric, "unit": unit, "estimate": estimate, **limits, "n": 900}


def comparison(*rows: tuple[dict[str, object], dict[str, object]]) -> Comparison:
    packs = []
    for as_of, shown in ((SEP, [old for old, _ in rows]), (OCT, [new for _, new in rows])):
        headlines = [each for each in shown if each["period"]]
        packs.append(figures_of(shown, headlines=headlines, about={"as_of": as_of, "reports": {str(each["report"]): {} for each in shown}}))
    return compared(*packs)


def churned(report: str = "churn") -> tuple[dict[str, object], dict[str, object]]:
    old, new = {"report": report, "period": "2026-09-01"}, {"report": report, "period": "2026-10-01"}
    return row("logo_churn_rate", 0.03, 0.01, **old), row("logo_churn_rate", 0.08, 0.02, **new)


@pytest.fixture
def found() -> Comparison:
    """Return a comparison with one headline figure that moved, shown by two reports, one other that moved, and a fact."""
    other = row("survival", 0.5, 0.01, time_days=30), row("survival", 0.6, 0.01, time_days=30)
    return comparison(churned(), churned("overview"), other, (row("mrr", 10.0, None), row("mrr", 12.0, None)))


def test_a_terminal_reads_what_moved_and_what_was_tested(found: Comparison) -> None:
    told = changes_text(found)
    # 0.05 -+ sqrt(0.02^2 + 0.01^2) = 0.0276 and 0.0724
    limits = "+2.8 to +7.2 percentage points (worse), adjusted p 1.2e-05"
    assert f"churn: Logo churn rate: September 2026: 3.0% (2.0% to 4.0%) -> October 2026: 8.0% (6.0% to 10.0%); {limits}" in told
    assert "Further figures that changed beyond noise:\n  churn: Still customers, Day 30: 50.0%" in told
    assert "Told without a test:\n  churn: Monthly recurring revenue: €10.00 -> €12.00" in told
    assert told.endswith("as many one of the others.")
    assert "1 of 1 headline figures changed beyond noise, and 1 of 1 others." in told


def test_alerts_are_the_headline_figures_with_the_rate_of_false_ones(found: Comparison) -> None:
    told = json.loads(alerts_json(found))
    (alert,) = told["alerts"]
    assert (told["false_alarm_rate"], told["tested"], told["worse"]) == (0.05, 1, True)
    assert (alert["kpi"], alert["metric"], alert["judged"]) == ("Logo churn rate", "logo_churn_rate", "worse")
    assert alert["before"] == {"period": "2026-09-01", "estimate": 0.03, "conf_low": pytest.approx(0.02), "conf_high": pytest.approx(0.04), "n": 900}
    assert alert["difference"]["conf_low"] == pytest.approx(0.05 - 0.0005**0.5)
    assert "changes" not in told


def test_json_writes_what_is_missing_or_endless_as_null(found: Comparison) -> None:
    endless = comparison(({**row("survival", 0.5, 0.1), "conf_high": None}, row("survival", 0.6, 0.1)))
    for each in (found, endless):
        json.loads(changes_json(each), parse_constant=pytest.fail)
    assert json.loads(changes_json(endless))["changes"][0]["difference_low"] is None


def test_a_page_shows_its_own_changes_and_the_index_each_alert_once_with_a_link(found: Comparison) -> None:
    own = changes_html(found, report="churn")
    assert own.count("<table") == 2
    assert '<h2 id="since">Since the run before</h2>' in own
    assert "October 2026: 8.0% (6.0% to 10.0%)" in own
    assert "Still customers, Day 30" in own[own.index("<details") :]
    index = changes_html(found)
    assert index.count('<a href="churn.html#since">') == 1
    assert "overview.html" not in index
    assert "Still customers" not in index


@pytest.mark.parametrize(("language", "words"), [("en", "Nothing changed beyond noise"), ("de", "über den Zufall hinaus"), ("tr", "rastlantıyı aşan")])
def test_one_sentence_where_nothing_changed(language: str, words: str) -> None:
    old, new = churned()
    html = changes_html(comparison((old, {**old, "period": new["period"]})), report="churn", language=language)
    assert words in html
    assert "<table" not in html
    assert html.count("<p") == 1


def test_corrected_periods_are_counted() -> None:
    old, new = churned()
    both = figures_of([old], headlines=[old], about={"as_of": OCT, "reports": {"churn": {}}})
    html = changes_html(compared(both, figures_of([{**new, "period": old["period"]}], headlines=[], about=both.manifest)), report="churn")
    assert "earlier periods that read differently in that run: 1." in html


def test_names_of_the_data_are_escaped() -> None:
    pairs = tuple({**each, "segment": "<b>x</b>"} for each in churned())
    assert figure_name({"metric": "nps", "keys": "segment=<b>x</b>"}) == "Net Promoter Score, Segment <b>x</b>"
    html = changes_html(comparison(pairs), report="churn")
    assert "<b>" not in html
    assert "&lt;b&gt;x" in html


def churn_report(folder: Path, *, period: str, estimate: float, half: float) -> Run:
    """Return a run of a notebook that emits one headline figure."""
    source = EMITS.format(period=period, estimate=estimate, low=estimate - half, high=estimate + half)
    path = folder / "churn.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=[new_code_cell(source)], metadata={"kernelspec": kernel}), path)
    return Run(read_report(path), {})


def written(folder: Path, *, as_of: str, estimate: float, half: float) -> Path:
    """Return a pack with one headline figure, without a run of a notebook."""
    folder.mkdir()
    rows = [{**row("logo_churn_rate", estimate, half), "period": f"{as_of[:7]}-01"}]
    pd.DataFrame(rows).to_parquet(folder / "estimates.parquet")
    (folder / "kpis.json").write_text(json.dumps(rows))
    (folder / "run.json").write_text(json.dumps({"as_of": as_of, "reports": {"churn": {"parameters": {}}}}))
    for page in ("churn", "index"):
        (folder / f"{page}.html").write_text("<body>\n<main>\n</main>\n</body>\n")
    return folder


@pytest.fixture(scope="module")
def small() -> cs.Dataset:
    return cs.read_dataset({"accounts": pd.DataFrame({"account_id": ["a"], "started_at": pd.to_datetime(["2026-01-01"], utc=True)})}, as_of="2026-10-31")


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory, small: cs.Dataset) -> list[Path]:
    """Return packs of three months; the second was run and compared with the first, the third was compared with the second."""
    folder = tmp_path_factory.mktemp("packs")
    first = written(folder / "0", as_of=SEP, estimate=0.03, half=0.01)
    run = churn_report(folder, period="2026-10-01", estimate=0.08, half=0.02)
    second = run_batch([run], small, folder / "1", previous=first).folder
    third = written(folder / "2", as_of="2026-11-30T23:59:59.999999+00:00", estimate=0.08, half=0.02)
    tell_changes(third, read_figures(second), languages={"churn": "en"})
    return [first, second, third]


@pytest.mark.slow
class TestPacks:
    def test_a_pack_tells_what_changed_on_its_pages_and_in_files(self, packs: list[Path]) -> None:
        for page in ("churn", "index"):
            html = (packs[1] / f"{page}.html").read_text()
            assert html.count('id="since"') == 1
            assert html.rstrip().endswith("</section>\n</main>\n</body>\n</html>")
            assert "+2.8 to +7.2 percentage points (worse)" in html
        assert [alert["metric"] for alert in json.loads((packs[1] / "alerts.json").read_text())["alerts"]] == ["logo_churn_rate"]
        (change,) = csv.DictReader((packs[1] / "changes.csv").read_text(encoding="utf-8-sig").splitlines())
        assert (change["kind"], change["beyond_noise"], change["estimate_before"], change["estimate"]) == ("moved", "True", "0.03", "0.08")
        assert "Nothing changed beyond noise" in (packs[2] / "churn.html").read_text()
        assert json.loads((packs[2] / "alerts.json").read_text())["alerts"] == []

    def test_a_pack_with_changes_is_replaced_and_one_without_an_earlier_one_says_nothing(self, packs: list[Path], small: cs.Dataset, tmp_path: Path) -> None:
        out = tmp_path / "out"
        shutil.copytree(packs[1], out)
        run = churn_report(tmp_path, period="2026-10-01", estimate=0.08, half=0.02)
        assert run_batch([run], small, out, previous=tmp_path / "nowhere").folder == out
        assert not {"changes.csv", "alerts.json"} & {path.name for path in out.iterdir()}
        assert 'id="since"' not in (out / "churn.html").read_text() + (out / "index.html").read_text()

    @pytest.mark.parametrize(("pair", "code"), [((0, 1), 3), ((1, 2), 0), ((1, 0), 0)])
    def test_the_command_rings_for_the_worse_alone(self, packs: list[Path], pair: tuple[int, int], code: int, capsys: pytest.CaptureFixture[str]) -> None:
        arguments = ["diff", *(str(packs[number]) for number in pair)]
        assert cli.main(arguments) == code
        assert f"{int(pair != (1, 2))} of 1 headline figures changed beyond noise" in capsys.readouterr().out
        assert cli.main([*arguments, "--format", "json"]) == code
        assert json.loads(capsys.readouterr().out)["worse"] == (code == 3)
        assert cli.main([*arguments, "--format", "csv"]) == code
        assert capsys.readouterr().out.startswith("kind,headline,report")

    def test_a_folder_that_is_no_pack_is_an_error_and_a_rate_without_sense_wrong_use(self, packs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["diff", str(packs[0]), str(packs[0].parent)]) == 1
        assert "must be a pack of reports" in capsys.readouterr().err
        assert cli.main(["diff", str(packs[0]), str(packs[1]), "--rate", "2"]) == 2


def test_an_earlier_pack_that_is_named_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("account_id,started_at\na,2026-01-01T00:00:00Z\n")
    with pytest.raises(ReportError, match="must be a pack of reports"):
        cs.run_pack(data=tmp_path, as_of="2026-10-31", out=tmp_path / "out", only=["overview"], previous=tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_pack_adds_its_headline_figures_to_the_history(tmp_path: Path) -> None:
    source = tmp_path / "data"
    source.mkdir()
    names = [f"A{number}" for number in range(12)]
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": "2026-01-01T00:00:00Z", "mrr": 100.0, "currency": "EUR"})
    sold.to_csv(source / "subscriptions.csv", index=False)
    sold[["account_id", "started_at"]].to_csv(source / "accounts.csv", index=False)
    result = cs.run_pack(data=source, as_of="2026-10-31", out=tmp_path / "packs" / "2026-10", only=["overview"])
    assert result.ok
    history = read_history(tmp_path / "packs" / "history.csv").set_index("kpi")
    assert history.loc["mrr", ["period", "report", "estimate"]].tolist() == ["2026-10", "overview", 1200.0]
