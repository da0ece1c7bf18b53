"""What a page says of scores and comments; and that what customers write does no harm on it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.report.page import Page
from cs_analysis.report.voice import Voice

REPORT = Path(__file__).parents[2] / "notebooks" / "reports" / "voice.ipynb"
HOSTILE = (
    "<script>alert('slow')</script> too slow",
    '=HYPERLINK("http://evil.example";"the price is too high")',
    "<img src=x onerror=alert(1)> the support is slow",
    "@SUM(1+1) too expensive",
    "the price is too high, write to jo.miller@example.com or call +49 30 5550 1234",
)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def company(comments: tuple[str, ...] = HOSTILE) -> cs.Dataset:
    """Return 60 accounts that answer in three quarters, each with one of the comments."""
    number = np.arange(60)
    accounts = pd.DataFrame({"account_id": [f"A{place:02d}" for place in number], "started_at": pd.Timestamp("2025-01-01", tz="UTC")})
    waves = [
        pd.DataFrame(
            {
                "response_id": [f"{quarter}-{place:02d}" for place in number],
                "account_id": accounts["account_id"],
                "survey": "nps",
                "asked_at": pd.Timestamp(f"2026-0{1 + 3 * quarter}-03", tz="UTC"),
                "answered_at": pd.Timestamp(f"2026-0{1 + 3 * quarter}-05", tz="UTC"),
                "score": (7 * number + quarter) % 11,
                "comment": [comments[place % len(comments)] for place in number],
            }
        )
        for quarter in range(3)
    ]
    return cs.read_dataset({"accounts": accounts, "responses": pd.concat(waves, ignore_index=True)}, as_of="2026-09-30")


class Elements(HTMLParser):
    """The elements of a page, their attributes, and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.slow
def test_what_customers_write_does_no_harm(tmp_path: Path) -> None:
    cs.write_dataset(company(), tmp_path / "tables")
    out = tmp_path / "out"
    assert not cs.run_report(REPORT, data=tmp_path / "tables", as_of="2026-09-30", out=out).error
    page = Elements()
    page.feed((out / "voice.html").read_text(encoding="utf-8"))
    assert "<script>alert('slow')</script> too slow" in page.text
    assert "script" not in page.tags
    assert not [name for name, value in page.attributes if name.startswith("on") or "evil.example" in value]
    assert "[e-mail]" in page.text
    assert "[phone]" in page.text
    assert "jo.miller" not in page.text
    with (out / "lists" / "comments.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert any(cell.startswith("'=HYPERLINK(") for cell in cells)
    assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]
    assert "jo.miller" not in " ".join(cells)
    numbers = (out / "estimates.csv").read_text(encoding="utf-8")
    assert "evil.example" not in numbers


def test_the_chart_shows_months_limits_and_what_rings() -> None:
    ds = company()
    voice = Voice(Page(ds, title="Test"), survey="nps")
    chart = cs.score_control_chart(ds)
    last = chart["period"].max()
    chart.loc[chart["period"] == last, "signal"] = "beyond_limits"
    ax = voice.control_chart(chart)
    drawn = {tuple(np.round(line.get_ydata(), 6)) for line in ax.lines}
    for metric in ("score_control_chart", "control_centre", "control_low", "control_high"):
        assert tuple(chart.loc[chart["metric"] == metric, "estimate"].round(6)) in drawn
    score = chart.loc[(chart["metric"] == "score_control_chart") & (chart["period"] == last), "estimate"].round(6)
    assert tuple(score) in drawn


def test_quotes_come_in_the_language_of_the_page_first() -> None:
    voice = Voice(Page(company(), title="Test", language="de"), survey="nps")
    examples = pd.DataFrame({"theme": ["price"] * 3, "language": ["en", "de", "en"], "comment": ["dear", "teuer", "costly"], "account_id": list("abc")})
    assert voice.quotes(examples, each=1).iloc[0].tolist() == ["Preis", "teuer", "b"]
    assert voice.quotes(examples, each=2)["Kommentar"].tolist() == ["dear", "teuer"]


def test_words_are_shown_only_beyond_chance() -> None:
    slow, fine = "it is slow", "it is fine"
    same = Voice(Page(company((slow, fine)), title="Test"), survey="nps")
    assert same.keywords().empty
    scores = company((slow, fine)).tables["responses"].to_pandas()
    scores["comment"] = np.where(scores["score"] <= 6, slow, fine)
    tables = {"accounts": company().tables["accounts"].to_pandas(), "responses": scores}
    told = Voice(Page(cs.read_dataset(tables, as_of="2026-09-30"), title="Test"), survey="nps")
    assert told.keywords()["word"].tolist() == ["slow"]


def test_a_survey_nobody_answered_has_no_card() -> None:
    voice = Voice(Page(company(), title="Test"), survey="nps")
    assert [table["metric"].iloc[0] for table in voice.headline()] == ["nps", "response_rate"]
    assert Voice(Page(company(), title="Test"), survey="csat").scores(period="quarter") is None
    assert voice.has_comments()
