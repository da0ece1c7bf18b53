"""Tables and sentences as HTML: what comes from data is text, and a wide table stays readable."""

from __future__ import annotations

import pandas as pd
import pytest

from cs_analysis.report import markup


@pytest.mark.parametrize(("columns", "small"), [(8, False), (9, True)])
def test_a_table_of_more_than_eight_columns_is_set_smaller(columns: int, small: bool) -> None:
    frame = pd.DataFrame([[0] * columns], columns=[f"c{place}" for place in range(columns)])
    assert ('<table class="many">' in markup.table(frame, caption="Books")) is small


def test_names_and_cells_of_a_table_are_text() -> None:
    html = markup.table(pd.DataFrame({"<b>name": ["<script>alert(1)</script>"]}), caption="<i>")
    assert "<script" not in html
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;" in html


def test_a_long_amount_is_set_smaller_and_so_stays_on_its_line() -> None:
    html = markup.cards(markup.Card("MRR", value, "", "", "", "") for value in ("€126,796", "$10,159,608"))
    assert '<p class="value"><strong>€126,796</strong>' in html
    assert '<p class="value long"><strong>$10,159,608</strong>' in html
