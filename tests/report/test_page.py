"""What the cells of a report show and hand on, taken from IPython's own displays."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import RichOutput, capture_output
from PIL import Image
from traitlets.config import Config

import cs_analysis as cs
from cs_analysis import show
from cs_analysis.errors import ConvergenceError
from cs_analysis.report.collect import LIST_MIME, MIME
from cs_analysis.report.page import Page, last_days, reported_month
from cs_analysis.stats.estimates import estimates
from helpers import accounts, phases

MONTHS = pd.to_datetime(["2026-09-01", "2026-10-01"])
SCORES = estimates({"period": MONTHS}, metric="nps", unit="points", estimate=[10.0, 1 / 3], conf_low=[0.0, -9.0], conf_high=[20.0, 11.0], n=[40, 12])
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(scope="module", autouse=True)
def _shell() -> Iterator[None]:
    InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    yield
    InteractiveShell.clear_instance()


@pytest.fixture(scope="module")
def ds() -> cs.Dataset:
    tables = {"accounts": accounts(a="2026-01-05", b="2026-02-05", late="2026-11-05"), "subscriptions": phases(("s", "a", "2026-01-05", None, 10.0))}
    return cs.read_dataset(tables, as_of="2026-10-31")


@pytest.fixture
def page(ds: cs.Dataset) -> Page:
    return Page(ds, title=f"Test {HOSTILE}", by="segment")


def shown(call: Callable[[], object]) -> list[RichOutput]:
    """Return what a call displays; it must return nothing, or a cell that ends in it would show that too."""
    with capture_output() as captured:
        assert call() is None
    assert (captured.stdout, captured.stderr) == ("", "")
    return captured.outputs


def html(outputs: list[RichOutput]) -> str:
    return "".join(output.data.get("text/html", "") for output in outputs if output.metadata.get("cs-analysis") != "style")


def test_the_cover_says_what_it_is_about(page: Page) -> None:
    text = html(shown(page.cover))
    for fact in ("October 2026", "October 31, 2026", "2 accounts", "segment", "1 row dated later was left out."):
        assert fact in text
    assert "&lt;script&gt;" in text
    assert "<script>" not in text


def test_the_cover_brings_its_style_for_notebooks(page: Page) -> None:
    style = next(output for output in shown(page.cover) if output.metadata.get("cs-analysis") == "style")
    assert style.data["text/html"].startswith("<style>.jp-OutputArea")


def test_cards_hand_on_the_row_of_the_month(page: Page) -> None:
    said, output = shown(lambda: page.cards(SCORES))
    assert said.data["text/html"] == '<p class="headline">Since September 2026 no headline estimate changed beyond noise.</p>'
    assert "No clear change since September 2026" in output.data["text/html"]
    row = {"period": "2026-10-01", "metric": "nps", "unit": "points", "estimate": 0.3333333333, "conf_low": -9.0, "conf_high": 11.0, "n": 12}
    assert output.data[MIME] == {"kind": "kpi", "rows": [row]}


def test_a_figure_has_alt_text_a_caption_and_its_numbers(page: Page) -> None:
    open_before = plt.get_fignums()
    ax = show.trend(SCORES)
    picture, words = shown(lambda: page.figure(ax, table=SCORES, caption="Scores <b>", alt="Two points."))
    assert picture.metadata["image/png"]["alt"] == "Two points."
    assert picture.data["text/plain"] == "Two points."
    assert Image.open(io.BytesIO(base64.b64decode(picture.data["image/png"]))).mode == "P"
    assert words.data["text/html"].startswith('<p class="caption">Scores &lt;b&gt;</p><details>')
    assert [row["n"] for row in words.data[MIME]["rows"]] == [40, 12]
    assert plt.get_fignums() == open_before


@pytest.mark.slow
def test_a_figure_is_the_same_each_time(page: Page) -> None:
    pictures = {shown(lambda: page.figure(show.trend(SCORES), table=SCORES, caption="c", alt="a"))[0].data["image/png"] for _ in range(2)}
    assert len(pictures) == 1


def test_a_table_escapes_its_cells_and_explains_small_numbers(page: Page) -> None:
    table = SCORES.assign(segment=HOSTILE)[["segment", *SCORES.columns]]
    (output,) = shown(lambda: page.table(table, caption="By segment"))
    text = output.data["text/html"]
    assert "<caption>By segment</caption>" in text
    assert "<script>" not in text
    assert '<th scope="row">&lt;script&gt;' in text
    assert '<td>September 2026</td><td class="figure">10</td><td class="figure">0 to 20</td><td class="figure">40</td>' in text
    assert "† n below 30" in text


def test_missing_numbers_are_missing_in_the_data(page: Page) -> None:
    (output,) = shown(lambda: page.emit(SCORES.assign(conf_low=np.nan, conf_high=np.inf)))
    assert output.data["text/html"] == ""
    assert [(row["conf_low"], row["conf_high"]) for row in output.data[MIME]["rows"]] == [(None, None)] * 2


def test_an_absent_table_is_named(ds: cs.Dataset) -> None:
    german = Page(ds, title="Test", language="de")
    with capture_output() as captured:
        assert german.has("subscriptions", subject="Umsatz")
        assert not german.has("responses", subject="NPS")
    assert html(captured.outputs) == '<p class="note">NPS entfällt: Die Daten haben keine Tabelle „responses“.</p>'


def test_a_table_without_rows_is_named(ds: cs.Dataset) -> None:
    early = Page(ds.at("2026-01-01"), title="Test")
    with capture_output() as captured:
        assert not early.has("subscriptions", subject="Churn")
    assert html(captured.outputs) == '<p class="note">Churn is left out: the table “subscriptions” has no rows.</p>'


def test_a_table_without_a_column_is_named(ds: cs.Dataset) -> None:
    english = Page(ds, title="Test")
    with capture_output() as captured:
        assert english.has("subscriptions", subject="Churn", columns=["mrr"])
        assert not english.has("subscriptions", subject="Notice", columns=["mrr", "noticed_at"])
    assert html(captured.outputs) == '<p class="note">Notice is left out: the table “subscriptions” has no column noticed_at.</p>'


def test_a_warning_is_a_sentence_and_too_few_data_a_reason(page: Page) -> None:
    def warns() -> int:
        warnings.warn("beyond the <data>", UserWarning, stacklevel=1)
        return 7

    def refuses() -> int:
        raise ConvergenceError("no maximum")

    with capture_output() as captured:
        assert page.estimated(warns) == 7
        assert page.estimated(refuses) is None
    assert html(captured.outputs) == '<p class="note">beyond the &lt;data&gt;</p><p class="note">no maximum</p>'


def test_warnings_of_another_kind_stay_warnings(page: Page) -> None:
    with pytest.warns(DeprecationWarning, match="old"):
        page.estimated(lambda: warnings.warn("old", DeprecationWarning, stacklevel=1))


def test_a_list_is_shown_and_handed_on_whole(page: Page) -> None:
    (output,) = shown(lambda: page.listing(pd.DataFrame({"who": ["<b>"]}), name="calls", full=pd.DataFrame({"who": ["=1", "b"]}), caption="c"))
    assert "&lt;b&gt;" in output.data["text/html"]
    assert '<a href="lists/calls.csv">The whole list as a table for a spreadsheet (2 rows)</a>' in output.data["text/html"]
    assert output.data[LIST_MIME] == {"name": "calls", "text": '"who"\r\n"\'=1"\r\n"b"\r\n'}


def test_the_footer_defines_what_was_shown_and_nothing_else(page: Page) -> None:
    shown(lambda: page.table(SCORES, caption="c"))
    text = html(shown(page.footer))
    assert "Net Promoter Score" in text
    assert "Logo churn rate" not in text
    assert "confidence level 95% · time zone UTC · currency EUR" in text


@pytest.mark.parametrize(
    ("as_of", "period", "month"),
    [
        ("2026-10-31", None, "2026-10-01"),
        ("2026-10-30", None, "2026-09-01"),
        ("2026-10-15", "2026-10", "2026-10-01"),
        ("2026-10-31", "2026-03", "2026-03-01"),
    ],
)
def test_the_month_is_the_last_that_is_over(ds: cs.Dataset, as_of: str, period: str | None, month: str) -> None:
    assert reported_month(ds.at(as_of), period) == pd.Timestamp(month)


@pytest.mark.parametrize(("period", "message"), [("soon", "must be a month such as 2026-10, not 'soon'"), ("2026-11", "had not begun")])
def test_a_month_that_is_none_or_not_begun_is_refused(ds: cs.Dataset, period: str, message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        Page(ds, title="Test", period=period)


def test_periods_that_are_not_over(ds: cs.Dataset) -> None:
    assert Page(ds, title="Test").unfinished(SCORES) == []
    assert Page(ds.at("2026-10-30"), title="Test").unfinished(SCORES) == [MONTHS[1]]


def test_of_a_daily_table_the_last_days_of_months() -> None:
    days = pd.to_datetime(["2026-09-29", "2026-09-30", "2026-10-30"])
    table = estimates({"period": days}, metric="active_users", unit="count", estimate=[1, 2, 3], n=[1, 2, 3])
    kept = last_days(table)
    assert kept["period"].tolist() == [pd.Timestamp("2026-09-01")]
    assert kept["estimate"].tolist() == [2]


def test_no_headline_is_no_card(page: Page) -> None:
    assert shown(page.cards) == []


def test_a_footer_without_metrics_has_no_definitions(ds: cs.Dataset) -> None:
    assert html(shown(Page(ds, title="Test").footer)).startswith('<p class="provenance">')


def test_events_that_do_not_occur_are_named() -> None:
    used = pd.DataFrame({"event_at": pd.to_datetime(["2026-02-01"], utc=True), "account_id": "a", "user_id": "u", "event": "login"})
    page = Page(cs.read_dataset({"accounts": accounts(a="2026-01-05"), "events": used}, as_of="2026-10-31"), title="Test")
    with capture_output() as captured:
        assert page.occur(["login"])
        assert not page.occur(["login", HOSTILE, "export"])
    (sentence,) = (output.data["text/html"] for output in captured.outputs)
    assert "export" in sentence
    assert "&lt;script&gt;" in sentence
    assert "login" not in sentence


def test_where_data_are_too_few_the_page_says_so(page: Page) -> None:
    def too_few(n: int) -> pd.DataFrame:
        raise cs.errors.NotEnoughDataError(f"{n} accounts are too few. Wait.")

    with capture_output() as captured:
        assert page.estimated(too_few, 2) is None
        assert page.estimated(SCORES.head, 1).equals(SCORES.head(1))
    assert [output.data["text/html"].count("2 accounts are too few. Wait.") for output in captured.outputs] == [1]
