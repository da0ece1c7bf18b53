"""The scorecard as a page: cards, one table, and what is left out and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from cs_analysis import glossary
from cs_analysis.errors import ParameterError
from cs_analysis.report import markup
from cs_analysis.report.cards import change_text
from cs_analysis.report.comparison import judged
from cs_analysis.report.headline import headline
from cs_analysis.report.page import Page
from cs_analysis.report.scorecard import KPIS, Answer, Kpi, Options, answers, months_of
from cs_analysis.show.tables import n_text
from cs_analysis.show.text import amount_text, difference_text, interval_text, period_text, titled, value_text
from cs_analysis.stats.estimates import COLUMNS
from cs_analysis.stats.intervals import Interval, difference

Targets = Mapping[str, float] | Sequence[str] | None


class ScorecardPage(Page):
    """A page of key figures: `cover`, `show_cards`, `show_table`, `show_left_out`, `footer`."""

    def ask(self, *, kpis: Sequence[str] | None = None, options: Options | None = None, targets: Targets = None) -> None:
        """Count the key figures of the month; `kpis` and `options` as in `scorecard`, `targets` as in `read_targets`."""
        self.targets = read_targets(targets)
        self.answers = answers(self.ds, self.period, kpis=kpis, options=options, conf_level=self.conf_level)

    def show_cards(self) -> None:
        """Show a card a figure: value, interval, n, change since the month before and the year before, and whether its target is reached."""
        shown = [(self._card(answer.kpi, rows), rows) for answer, rows in self._series()]
        if said := headline((rows for _, rows in self._series()), self.period, language=self.language, together=self.conf_level):
            self._html(markup.sentence(said, kind="headline"))
        if shown:
            month = [rows[rows["period"] == self.period].assign(kpi=answer.kpi.name) for answer, rows in self._series()]
            self._html(markup.cards(card for card, _ in shown), data=_keys_first(month), kind="kpi")

    def show_table(self) -> None:
        """Show all figures as one table, each leading to the report that says more."""
        series = list(self._series())
        if not series:
            return
        table = pd.DataFrame([self._row(answer.kpi, rows) for answer, rows in series])
        caption = self._word("scorecard_caption", period=period_text(self.period, "month", self.language))
        links = [f"{answer.kpi.page}.html" for answer, _ in series]
        self._html(markup.table(table, caption=caption, links=links), data=_keys_first([rows.assign(kpi=answer.kpi.name) for answer, rows in series]))

    def show_left_out(self) -> None:
        """Show which figures are missing, and what they need; nothing where none is."""
        missing = [answer for answer in self.answers if answer.reason]
        if missing:
            words = {self._word("scorecard_kpi"): [self._name(answer.kpi) for answer in missing]}
            table = pd.DataFrame({**words, self._word("scorecard_reason"): [_first_of(answer.reason) for answer in missing]})
            self._html(markup.table(table, caption=self._word("scorecard_reasons")))

    def _series(self) -> Iterator[tuple[Answer, pd.DataFrame]]:
        """Yield the months of each figure; of one that has several details, those of each."""
        for answer in self.answers:
            if len(answer.months):
                yield from ((answer, rows) for _, rows in answer.months.groupby("detail", dropna=False, sort=False) if (rows["period"] == self.period).any())

    def _card(self, kpi: Kpi, rows: pd.DataFrame) -> markup.Card:
        now, entry = _of(rows, self.period), glossary.entry(kpi.metric, self.language)
        changes = [change for change in (self._since(rows, before) for before in reversed(months_of(self.period)[:2])) if change]
        return markup.Card(
            title=titled(self._name(kpi, now["detail"]), now["unit"], self.language),
            value=value_text(now["estimate"], now["unit"], self.language),
            interval=interval_text(now["conf_low"], now["conf_high"], now["unit"], language=self.language) or self._word("no_interval"),
            base="" if now["n"] == now["estimate"] else f"{self._word('n')} = {n_text(now['n'], self.language)} ({entry.denominator})",
            change=". ".join([*self._target(kpi, now), *changes]),
            definition=f"{entry.title}: {entry.definition}",
        )

    def _row(self, kpi: Kpi, rows: pd.DataFrame) -> dict[str, str]:
        now, entry = _of(rows, self.period), glossary.entry(kpi.metric, self.language)
        limits = interval_text(now["conf_low"], now["conf_high"], now["unit"], language=self.language)
        year, month, _ = months_of(self.period)
        names = [self._word("scorecard_month", period=period_text(before, "month", self.language)) for before in (month, year)]
        return {
            self._word("scorecard_kpi"): self._name(kpi, now["detail"]),
            self._word("scorecard_measure"): titled(entry.title, now["unit"], self.language),
            self._word("estimate"): value_text(now["estimate"], now["unit"], self.language) + (f" ({limits})" if limits else ""),
            self._word("n"): n_text(now["n"], self.language),
            **dict(zip(names, (self._difference(rows, before) for before in (month, year)), strict=True)),
            self._word("scorecard_better"): "–" if entry.direction == "none" else self._word(f"scorecard_{entry.direction}"),
            **({self._word("scorecard_target"): "; ".join(self._target(kpi, now)) or "–"} if self.targets else {}),
        }

    def _since(self, rows: pd.DataFrame, before: pd.Timestamp) -> str:
        """Return the change since an earlier month in words; nothing where that has no figure."""
        pair = rows[rows["period"].isin([before, self.period])].sort_values("period", ignore_index=True)
        direction = glossary.entry(str(rows["metric"].iloc[0])).direction
        return change_text(pair, direction=direction, grain="month", language=self.language, with_limits=False) if len(pair) > 1 else ""

    def _difference(self, rows: pd.DataFrame, before: pd.Timestamp) -> str:
        """Return the limits of the change since an earlier month, and whether it is for the better; a dash where that has no figure."""
        pair = [Interval(*(_of(rows, month)[name] for name in COLUMNS[2:5])) for month in (self.period, before) if (rows["period"] == month).any()]
        if len(pair) < 2:
            return "–"
        change, unit, metric = difference(*pair), str(rows["unit"].iloc[0]), str(rows["metric"].iloc[0])
        if all(math.isnan(limit) for each in pair for limit in each[1:]):
            sign = "+" if change.estimate > 0 else "−" if change.estimate < 0 else ""
            text, verdict = sign + amount_text(abs(change.estimate), unit, self.language), judged(change.estimate, metric)
        elif math.isnan(change.conf_low) or math.isnan(change.conf_high):
            return "–"
        else:
            text = difference_text(change.conf_low, change.conf_high, unit, language=self.language)
            verdict = "scorecard_unclear" if change.conf_low <= 0 <= change.conf_high else judged(change.estimate, metric)
        return self._word("changes_judged", difference=text, judged=self._word(verdict)) if verdict else text

    def _target(self, kpi: Kpi, now: dict[str, Any]) -> list[str]:
        """Return whether the target of a figure is reached, if it has one and a way is better."""
        target, direction = self.targets.get(kpi.name), glossary.entry(kpi.metric).direction
        if target is None or direction == "none":
            return []
        limits = (now["conf_low"], now["conf_high"])
        low, high = (now["estimate"],) * 2 if all(map(math.isnan, limits)) else limits
        ahead, behind = (low >= target, high < target) if direction == "higher" else (high <= target, low > target)
        return [self._word("target_met" if ahead else "target_missed" if behind else "target_open", target=value_text(target, now["unit"], self.language))]

    def _name(self, kpi: Kpi, detail: str | None = None) -> str:
        name = glossary.value_label("kpi", kpi.name, self.language)
        return name if detail is None or pd.isna(detail) else f"{name}, {glossary.value_label(kpi.detail or '', detail, self.language)}"


def read_targets(targets: Targets) -> dict[str, float]:
    """Return targets by key figure, from a mapping or from texts such as "nrr=1.05", in the unit of the figure (a share of 5 per cent is 0.05).

    Raises
    ------
    ParameterError
        A target is no number, or there is no such key figure.

    Examples
    --------
    >>> read_targets(["nrr=1.05", "churn = 0.02"])
    {'nrr': 1.05, 'churn': 0.02}
    """
    pairs = dict(targets) if isinstance(targets, Mapping) else {name.strip(): value for name, _, value in (text.partition("=") for text in targets or ())}
    unknown = [name for name in pairs if name not in {kpi.name for kpi in KPIS}]
    if unknown:
        raise ParameterError(f"there is no key figure {', '.join(map(repr, unknown))} to set a target; there are {', '.join(kpi.name for kpi in KPIS)}.")
    try:
        return {name: float(value) for name, value in pairs.items()}
    except (TypeError, ValueError) as error:
        raise ParameterError(f"a target must be a number, as in nrr=1.05: {error}.") from error


def _keys_first(tables: list[pd.DataFrame]) -> pd.DataFrame:
    table = pd.concat(tables, ignore_index=True)
    keys = ["kpi", "detail", "period"]
    return table[[*keys, *(name for name in table.columns if name not in keys)]]


def _of(rows: pd.DataFrame, period: pd.Timestamp) -> dict[str, Any]:
    row: dict[str, Any] = rows[rows["period"] == period].to_dict("records")[0]
    return row


def _first_of(reason: str) -> str:
    """Return a reason without the list of what there is instead."""
    start, listed, _ = reason.partition(" (present")
    return f"{start}." if listed else start
