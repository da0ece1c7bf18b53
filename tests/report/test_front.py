"""The first page of a pack."""

from __future__ import annotations

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cs_analysis.report.collect import LIST_MIME
from cs_analysis.report.front import Listed, front_page, listed


def shows(**data: object) -> object:
    return new_code_cell("", outputs=[new_output("display_data", data=data)])


def test_a_notebook_hands_on_its_sentence_headline_cards_and_whom_to_call() -> None:
    cards = '<ul class="cards"><li>1</li></ul>'
    cells = [
        new_markdown_cell("# Churn\n\nWho leaves. And when.\n\nMore."),
        shows(**{"text/html": '<p class="headline">Better.</p>'}),
        shows(**{"text/html": cards}),
        shows(**{"text/html": '<ul class="cards"><li>2</li></ul>'}),
        shows(**{"text/html": "<table>others</table>", LIST_MIME: {"name": "comments", "text": ""}}),
        shows(**{"text/html": "<table>call</table>", LIST_MIME: {"name": "churn_risk", "text": ""}}),
    ]
    found = listed(new_notebook(cells=cells), name="churn", title="Churn")
    assert found == Listed("churn", "Churn", "Who leaves. And when.", '<p class="headline">Better.</p>', cards, "<table>call</table>")
    assert listed(new_notebook(cells=[new_markdown_cell("# A\n## B")]), name="a", title="A") == Listed("a", "A")


def test_a_scorecard_leads_and_the_cards_of_other_reports_stay_on_their_pages() -> None:
    churn = Listed("churn", "Churn", cards="<ul><li>churn's</li></ul>", to_call="<p>call A</p>")
    scorecard = Listed("scorecard", "Scorecard", headline="<p>all calm</p>", cards="<ul><li>fourteen</li></ul>")
    html = front_page([churn, scorecard], title="T", language="en", cover="<p>cover</p>", changes="<p>changed</p>")
    places = [html.index(part) for part in ("<p>cover</p>", "all calm", "fourteen", "<p>changed</p>", "<p>call A</p>", "All reports", 'href="churn.html"')]
    assert places == sorted(places)
    assert "churn's" not in html
    assert html.count("fourteen") == 1


def test_without_a_scorecard_or_with_one_that_failed_all_cards_are_on_the_first_page() -> None:
    churn = Listed("churn", "Churn", cards="<ul><li>churn's</li></ul>")
    for others in ([], [Listed("scorecard", "Scorecard", error="it failed")]):
        html = front_page([churn, *others], title="T", language="de", cover="")
        assert "churn's" in html
        assert "Zuerst anzurufende Kunden" not in html
        assert ("it failed" in html) == bool(others)
