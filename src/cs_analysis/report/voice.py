"""What customers say, in the parts that a page shows."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from cs_analysis import glossary, show
from cs_analysis.data.calendar import Period
from cs_analysis.facts.groups import By
from cs_analysis.facts.wide_answers import answers_wide
from cs_analysis.metrics.comment_words import comment_keywords
from cs_analysis.metrics.drivers import key_drivers
from cs_analysis.metrics.response import response_rate
from cs_analysis.metrics.satisfaction import ces, csat, nps
from cs_analysis.report.page import Page
from cs_analysis.show.style import INK, PALETTE

_SCORES = {"nps": nps, "csat": csat, "ces": ces}
_WAVES = 3
_WORDS = 10


class Voice:
    """The scores and comments of a dataset, for one survey.

    Parameters
    ----------
    page : Page
        The page they are for: its dataset, month, language and level of the limits.
    survey : {"nps", "csat", "ces"}
        The survey that is looked at closely.
    """

    def __init__(self, page: Page, *, survey: str) -> None:
        self.page, self.ds, self.survey = page, page.ds, survey

    def headline(self) -> list[pd.DataFrame]:
        """Return the months of every survey's score and of its response rate, for cards; surveys without answers are left out."""
        asked = response_rate(self.ds, period="month", conf_level=self.page.conf_level)
        rates = asked[(asked["metric"] == "response_rate") & (asked["survey"] == self.survey)].drop(columns="survey")
        tables = [score(self.ds, period="month", conf_level=self.page.conf_level) for score in _SCORES.values()]
        return [table for table in (*(table[table["metric"] == name] for name, table in zip(_SCORES, tables, strict=True)), rates) if len(table)]

    def scores(self, *, period: Period, by: By = None) -> pd.DataFrame | None:
        """Return the survey's score by period, or nothing where nobody answered."""
        table = _SCORES[self.survey](self.ds, period=period, by=by, conf_level=self.page.conf_level)
        found = table[table["metric"] == self.survey]
        return found if len(found) else None

    def control_chart(self, chart: pd.DataFrame) -> Axes:
        """Return axes with the months of `score_control_chart`, its centre and limits as lines, and the months that ring as diamonds."""
        values = dict(list(chart.groupby("metric")))
        scores = values["score_control_chart"]
        ax = show.trend(scores.drop(columns="signal"), language=self.page.language)
        for metric, style in (("control_centre", "-"), ("control_low", "--"), ("control_high", "--")):
            ax.step(values[metric]["period"], values[metric]["estimate"], style, where="mid", color=INK, linewidth=1)
        ringing = scores[scores["signal"] != "none"]
        ax.plot(ringing["period"], ringing["estimate"], "D", color=PALETTE[4], markersize=8)
        return ax

    def latest(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the last quarters of `standardised_score`: the scores, and what of the change is mix."""
        recent = sorted(table["period"].unique())[-_WAVES:]
        return (
            table[table["period"].isin(recent) & (table["metric"] != "uncovered_share")]
            .drop(columns="cell")
            .sort_values("period", kind="stable", ignore_index=True)
        )

    def drivers(self, names: Sequence[str]) -> pd.DataFrame | None:
        """Return `key_drivers` of the survey's score by account, on other surveys; or say why there are none."""
        answered = set(self.ds.tables["responses"].to_pandas(["survey", "score"]).dropna()["survey"])
        others = [name for name in dict.fromkeys(names) if name != self.survey and name in answered]
        if len(others) < 2 or self.survey not in answered:
            self.page.sentence("Key drivers are left out: they take a score and at least two other surveys that have answers.")
            return None
        wide = answers_wide(self.ds, surveys=[self.survey, *others], unit="account")
        options = {"outcome": self.survey, "drivers": others, "cluster": "account_id", "missing": "complete"}
        return self.page.estimated(key_drivers, wide, method="lmg", conf_level=self.page.conf_level, **options)

    def success(self, table: pd.DataFrame) -> list[tuple[pd.DataFrame, str]]:
        """Return the parts of `success_vs_satisfaction` with their captions."""
        parts = {
            "Correlation of success and satisfaction, and what can be said.": ["success_vs_satisfaction", "satisfied_by_success_difference"],
            "Customers by goals reached and satisfaction.": ["success_table_share"],
            "Of all customers, those the table speaks of, and why it is silent about the others.": ["success_coverage"],
        }
        return [(table[table["metric"].isin(metrics)], caption) for caption, metrics in parts.items()]

    def known_for(self, column: str) -> bool:
        """Return whether every request can be put into the groups of a column; if not, say that the scores by mix are left out for want of it."""
        if any(column in self.ds.tables[table].columns for table in ("accounts", "responses")):
            return True
        self.page.sentence(f"Scores at a fixed mix are left out: no table has the column {column}. Set weigh_by to one that there is.")
        return False

    def has_comments(self) -> bool:
        """Return whether there is any comment."""
        return "comment" in self.ds.tables["responses"].columns and bool(self.ds.tables["responses"].to_pandas(["comment"])["comment"].notna().any())

    def keywords(self) -> pd.DataFrame:
        """Return the words that the comments of the discontent have more often than those of the content, beyond chance; often there are none."""
        words = comment_keywords(self.ds, survey=self.survey, conf_level=self.page.conf_level)
        keys = ["language", "word"]
        clear = words[(words["metric"] == "keyword_adjusted_p_value") & (words["estimate"] < 1 - self.page.conf_level)]
        ratios = words[(words["metric"] == "keyword_log_ratio") & (words["estimate"] > 0)].merge(clear[keys], on=keys)
        return ratios.drop(columns="comparisons").sort_values("conf_low", ascending=False, kind="stable").head(_WORDS)

    def quotes(self, examples: pd.DataFrame, *, each: int = 2) -> pd.DataFrame:
        """Return some comments on each theme as texts, those in the language of the page first."""
        own_first = examples.sort_values("language", key=lambda names: names != self.page.language, kind="stable")
        shown = own_first.groupby("theme", sort=False).head(each).sort_index()
        theme = shown["theme"].map(lambda name: glossary.value_label("theme", name, self.page.language))
        names = [glossary.key_label(name, self.page.language) for name in ("theme", "comment", "account_id")]
        return pd.DataFrame(dict(zip(names, (theme, shown["comment"], shown["account_id"]), strict=True)))
