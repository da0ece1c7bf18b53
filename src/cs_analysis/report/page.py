"""What the cells of a report notebook call: each method shows one part of the page and emits its numbers as data.

No method returns anything, so that a cell that ends in one leaves no repr behind.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import pandas as pd
from IPython.display import display
from matplotlib.axes import Axes

from cs_analysis import __version__, glossary
from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.facts.data_window import data_window
from cs_analysis.facts.relationship import has_rows
from cs_analysis.report import markup
from cs_analysis.report.cards import card
from cs_analysis.report.collect import LIST_MIME, MIME, as_data
from cs_analysis.report.headline import headline
from cs_analysis.report.lists import list_text
from cs_analysis.show.pictures import picture
from cs_analysis.show.tables import labelled, notes
from cs_analysis.show.text import date_text, level_text, period_text, value_text
from cs_analysis.stats.estimates import telling_keys

Result = TypeVar("Result")

_STYLE = Path(__file__).with_name("template") / "notebook.css"


class Page:
    """A report on a dataset, for one month, in one language; `company` is named in its title block.

    Attributes
    ----------
    period : Timestamp
        First day of the month reported on, by default the last one that was over at `as_of`.
    """

    def __init__(
        self,
        ds: Dataset,
        *,
        title: str,
        company: str = "",
        period: str | None = None,
        by: str | None = None,
        conf_level: float = 0.95,
        language: str = "en",
    ) -> None:
        self.ds, self.title, self.company = ds, title, company
        self.by, self.conf_level, self.language = by, conf_level, language
        self.period = reported_month(ds, period)
        self._shown: list[str] = []

    def cover(self) -> None:
        """Show what the report is about: company, month, data date, data window, scope, what was left out and what the check warned of."""
        word = self._word
        accounts = value_text(len(self.ds.tables["accounts"].to_pandas(["account_id"])), "count", self.language)
        facts = [
            *pack_facts(self.ds, period=self.period, company=self.company, language=self.language),
            (word("scope"), word("scope_accounts", count=accounts)),
            *([(word("by"), self.by)] if self.by else []),
        ]
        ignored = sum(self.ds.ignored_rows.values())
        warned = _warned(self.ds, self.language)
        notes = [word("ignored_one" if ignored == 1 else "ignored_many", count=value_text(ignored, "count", self.language)), warned]
        warnings = markup.folded(word("finding"), markup.table(_findings(self.ds, self.language), caption=warned)) if len(self.ds.findings) else ""
        # JupyterLab has no style of ours; on the page, which has, the template leaves this output out.
        display({"text/html": f"<style>{_STYLE.read_text(encoding='utf-8')}</style>"}, metadata={"cs-analysis": "style"}, raw=True)
        self._html(markup.cover(self.title, facts, notes) + warnings)

    def cards(self, *tables: pd.DataFrame) -> None:
        """Show the headline numbers of the month: the row of each metric that belongs to it, with the change from the row before; nothing without a table."""
        if not tables:
            return
        end = (self.ds.as_of + pd.Timedelta(1, "us")).tz_localize(None)
        metrics = [rows for table in tables for _, rows in table.groupby("metric", sort=False)]
        if said := headline(metrics, self.period, language=self.language):
            self._html(markup.sentence(said, kind="headline"))
        shown = [card(rows, self.period, end=end, language=self.language) for rows in metrics]
        figures = pd.concat([row for _, row in shown], ignore_index=True)
        self._html(markup.cards(words for words, _ in shown), data=figures, kind="kpi")

    def figure(self, ax: Axes, *, table: pd.DataFrame, caption: str, alt: str) -> None:
        """Show a figure with its caption and, folded, the numbers behind it."""
        picture(ax, alt=alt)
        numbers = self._labelled(table, caption=caption)
        self._html(markup.caption(caption) + markup.folded(self._word("numbers"), numbers), data=table)

    def table(self, table: pd.DataFrame, *, caption: str) -> None:
        """Show estimates as a table."""
        marks = notes(table, language=self.language)
        note = markup.sentence(marks) if marks else ""
        self._html(self._labelled(table, caption=caption) + note, data=table)

    def listing(self, shown: pd.DataFrame, *, name: str, full: pd.DataFrame, caption: str) -> None:
        """Show a table of texts, and hand on the full list under a name: it lies as CSV, safe for a spreadsheet, beside the page."""
        link = markup.link(f"lists/{name}.csv", text=self._word("list_as_file", rows=value_text(len(full), "count", self.language)))
        html = markup.table(shown, caption=caption) + link
        display({"text/html": html, LIST_MIME: {"name": name, "text": list_text(full)}}, raw=True)

    def emit(self, table: pd.DataFrame) -> None:
        """Hand on estimates as data without showing them."""
        self._html("", data=table)

    def unfinished(self, table: pd.DataFrame, *, period: Period = "month") -> list[pd.Timestamp]:
        """Return the periods of a table that are not over at `as_of`."""
        end = self.ds.as_of + pd.Timedelta(1, "us")
        begins = self.ds.calendar.period_start(end, period).tz_convert(self.ds.calendar.zone).tz_localize(None)
        return [] if self.ds.calendar.period_start(end, period) == end else [start for start in table["period"].unique() if start >= begins]

    def sentence(self, text: str) -> None:
        """Show one sentence."""
        self._html(markup.sentence(text))

    def has(self, table: str, *, subject: str, columns: Sequence[str] = ()) -> bool:
        """Return whether the dataset has a table with rows and the columns; if not, say which subject is left out for want of what."""
        absent = [name for name in columns if table in self.ds.tables and name not in self.ds.tables[table].columns]
        if has_rows(self.ds, table) and not absent:
            return True
        word = "skipped" if table not in self.ds.tables else "skipped_columns" if absent else "skipped_empty"
        self.sentence(self._word(word, subject=subject, table=table, columns=", ".join(absent)))
        return False

    def estimated(self, function: Callable[..., Result], *args: object, **options: object) -> Result | None:
        """Return what a function returns, and say on the page what it warns of; where the data do not bear an answer, say why and return nothing."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            try:
                found = function(*args, **options)
            except (NotEnoughDataError, ConvergenceError) as reason:
                self.sentence(str(reason))
                return None
        for text in dict.fromkeys(str(warning.message) for warning in caught if warning.category is UserWarning):
            self.sentence(text)
        for other in (warning for warning in caught if warning.category is not UserWarning):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
        return found

    def occur(self, names: Sequence[str], *, leads: bool = False) -> bool:
        """Return whether events (stages of leads) occur in the data; if one does not, say which, and that usual ones stand in for all of them."""
        rows = relation(self.ds, "touchpoints" if leads else "events")
        column = rows.stage if leads else rows.event
        present = engine_of(self.ds).run(rows.select(name=column).distinct().order_by("name"))["name"]
        absent = [name for name in names if name not in set(present)]
        if absent:
            self._html(markup.sentence(self._word("absent_events", events=", ".join(absent))))
        return not absent

    def footer(self) -> None:
        """Show the definitions of the metrics used and what the report was made from."""
        entries = [glossary.entry(name, self.language) for name in dict.fromkeys(self._shown) if name in glossary.names()]
        texts = {entry.title: f"{entry.definition} {entry.pitfalls[0] if entry.pitfalls else ''}".strip() for entry in entries}
        calendar = self.ds.calendar
        made = [
            f"{self._word('conf_level')} {level_text(self.conf_level, self.language)}",
            f"{self._word('timezone')} {calendar.timezone}",
            *([f"{self._word('currency')} {self.ds.currency}"] if self.ds.currency else []),
            f"cs-analysis {__version__}",
        ]
        self._html(markup.definitions(texts, heading=self._word("definitions")) + markup.sentence(" · ".join(made), kind="provenance"))

    def _labelled(self, table: pd.DataFrame, *, caption: str) -> str:
        words = labelled(table, conf_level=self.conf_level, language=self.language)
        names = len(telling_keys(table)) + (len(table["metric"].unique()) > 1)
        return markup.table(words, caption=caption, figures=len(words.columns) - names)

    def _word(self, name: str, **values: object) -> str:
        return glossary.label(name, self.language, **values)

    def _html(self, html: str, *, data: pd.DataFrame | None = None, kind: str = "estimates") -> None:
        """Display HTML, and beside it the numbers it shows."""
        bundle: dict[str, object] = {"text/html": html}
        if data is not None:
            self._shown += list(data["metric"].unique())
            bundle[MIME] = as_data(data, kind=kind)
        display(bundle, raw=True)


def _findings(ds: Dataset, language: str) -> pd.DataFrame:
    found = ds.findings
    place = found["table"] + found["column"].where(found["column"] == "", "." + found["column"])
    names = [glossary.label(name, language) for name in ("where", "finding", "rows", "what_to_do")]
    return pd.DataFrame(dict(zip(names, (place, found["rule"], found["rows"], found["what_to_do"]), strict=True)))


def _warned(ds: Dataset, language: str) -> str:
    count = len(ds.findings)
    name = "warnings_none" if not count else "warning_one" if count == 1 else "warnings_many"
    return glossary.label(name, language, count=count)


def pack_facts(ds: Dataset, *, period: pd.Timestamp | None, company: str = "", language: str = "en") -> list[tuple[str, str]]:
    """Return what title blocks say, as names and values: company, month, date of the data, and the days of their first and last row."""
    word, as_of, window = partial(glossary.label, language=language), ds.as_of, data_window(ds)
    days = [date_text(moment, language) for moment in window or ()]
    return [
        *([(word("company"), company)] if company else []),
        *([(word("period"), period_text(period, "month", language))] if period is not None else []),
        (word("data_as_of"), date_text(as_of, language) if as_of == ds.calendar.end_of(as_of.date()) else as_of.isoformat(timespec="minutes")),
        *([(word("data_window"), word("data_window_days", first=days[0], last=days[1]))] if days else []),
    ]


def reported_month(ds: Dataset, period: str | None) -> pd.Timestamp:
    """Return the first day of the month `period` (such as 2026-10), by default of the last month that is over at `as_of`.

    Raises
    ------
    ParameterError
        `period` is no month, or the month had not begun at `as_of`.
    """
    end = (ds.as_of + pd.Timedelta(1, "us")).tz_convert(ds.calendar.zone).tz_localize(None)
    if period is None:
        return pd.Timestamp(end.to_period("M").start_time) - pd.offsets.MonthBegin(1)
    try:
        month = pd.Timestamp(pd.Period(period, freq="M").start_time)
    except ValueError as error:
        raise ParameterError(f"period must be a month such as 2026-10, not {period!r}.") from error
    if month >= end:
        raise ParameterError(f"the month {period} had not begun at the data's as_of {ds.as_of:%Y-%m-%d}. Report an earlier month, or read with a later as_of.")
    return month


def last_days(table: pd.DataFrame) -> pd.DataFrame:
    """Return of a daily table the last day of each month as that month's row; a month that the table breaks off in is left out."""
    days = pd.DatetimeIndex(table["period"])
    kept = table[days.is_month_end].copy()
    return kept.assign(period=kept["period"].dt.to_period("M").dt.start_time)
