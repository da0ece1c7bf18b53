"""The books of recurring revenue in the forms that a page shows: one month as a waterfall, all months as a reconciliation."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd

from cs_analysis import glossary
from cs_analysis.report import markup
from cs_analysis.report.page import Page
from cs_analysis.show.text import cents_text, period_text
from cs_analysis.stats.estimates import estimates, stack


def month_in_movements(movements: pd.DataFrame, revenue: pd.DataFrame, month: pd.Timestamp) -> pd.DataFrame:
    """Return one month's opening amount, its movements and its closing amount as estimates with the key `movement`.

    Parameters
    ----------
    movements, revenue : DataFrame
        Results of `mrr_movements` and `mrr`, not broken down.
    month : Timestamp
        First day of the month. Movements without any amount are left out.

    Returns
    -------
    DataFrame
        Rows for `show.waterfall`; empty where the month has no movements.
    """
    month = pd.Timestamp(month)
    moved = movements[(movements["period"] == month) & ((movements["estimate"] != 0) | (movements["n"] > 0))].drop(columns="period")
    if moved.empty:
        return moved
    ends = []
    for name, period in (("opening", month - pd.DateOffset(months=1)), ("closing", month)):
        row = revenue[revenue["period"] == period]
        keys, unit = {"movement": [name]}, moved["unit"].iloc[0]
        ends.append(estimates(keys, metric="mrr_movements", unit=unit, estimate=[row["estimate"].sum()], n=[row["n"].sum()]))
    return stack([ends[0], moved, ends[1]])


def reconciliation(movements: pd.DataFrame, revenue: pd.DataFrame, *, language: str = "en") -> pd.DataFrame:
    """Return a table of text, one row a month: opening, each movement, closing, and what is left over, to the cent.

    The opening amount is the closing one of the month before; what is left over is closing - opening - movements, from amounts of four decimals, and
    must be 0.00 everywhere.

    Parameters
    ----------
    movements, revenue : DataFrame
        Results of `mrr_movements` and `mrr`, not broken down.
    language : str
        Language of the headings.

    Returns
    -------
    DataFrame
    """
    closings = {period: _exact(amount) for period, amount in zip(revenue["period"], revenue["estimate"], strict=True)}
    rows = []
    for period, moved in movements.groupby("period"):
        opening, closing = closings.get(period - pd.DateOffset(months=1), Decimal(0)), closings.get(period, Decimal(0))
        amounts = {name: _exact(amount) for name, amount in zip(moved["movement"], moved["estimate"], strict=True)}
        left = closing - opening - sum(amounts.values())
        shown = {"opening": opening, **amounts, "closing": closing}
        named = {glossary.value_label("movement", name, language): cents_text(amount, language) for name, amount in shown.items()}
        month = period_text(period, "month", language, short=True)
        rows.append({glossary.key_label("period", language): month, **named, glossary.label("left_over", language): cents_text(left, language)})
    return pd.DataFrame(rows)


def show_books(page: Page, movements: pd.DataFrame, revenue: pd.DataFrame, *, caption: str) -> None:
    """Show the reconciliation of all months on a page, and hand on the movements behind it."""
    books = reconciliation(movements, revenue, language=page.language)
    page._html(markup.table(books, caption=caption, figures=len(books.columns) - 1), data=movements)


def _exact(amount: float) -> Decimal:
    return Decimal(repr(round(float(amount), 4)))
