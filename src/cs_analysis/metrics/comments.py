"""What is said beside the scores: who comments, in which language, about what, and how far the finding of themes can be trusted."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ParameterError
from cs_analysis.facts.comments.codebook import Codebook, read_codebook
from cs_analysis.facts.comments.duplicates import duplicate_groups
from cs_analysis.facts.comments.language import OTHER, UNKNOWN
from cs_analysis.facts.comments.quality import ALL, packaged_counts, tagging_counts
from cs_analysis.facts.comments.rows import answer_rows, comment_rows, distinct
from cs_analysis.facts.comments.tagging import tagged
from cs_analysis.facts.comments.text import LANGUAGES
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.stats.clusters import Units, clustered_share, linear_number
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval, wilson
from cs_analysis.stats.prevalence import Counts, corrected_prevalence

Flags = npt.NDArray[np.bool_]


def comment_share(source: Dataset | Any, *, survey: str | None = "nps", by: By = None, by_class: bool = True, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of answers that come with a comment, by class of the score: whoever comments is not whoever answers.

    A comment is a text with at least one letter, digit or emoji. Where classes differ, what comments say on the whole leans towards the class that
    writes most. Limits are Wilson's, clustered by account.

    Parameters
    ----------
    source : Dataset or data frame
        A dataset with `responses`, or that one table: `comment` and `score`, and `account_id` where several answers come from one account.
    survey : str or None
        Whose answers; all surveys without one.
    by : str or list of str, optional
        Columns of `responses` or `accounts` to group by.
    by_class : bool
        A row for each class: detractors, passives and promoters of the survey `nps`, else bottom, middle and top of the answer's own scale.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `score_class` unless left out. Metric `comment_share`, unit `share`, `n` = answers with a score. Limits are missing where
        several answers all come from one account.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `responses`, no `comment`, an unknown column in `by` or an unknown scale.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [3, 3, 8, 10], "comment": ["Too slow", " ", None, "Great"]})
    >>> comment_share(table)[["score_class", "estimate", "n"]].values.tolist()
    [['detractors', 0.5, 2], ['passives', 0.0, 1], ['promoters', 1.0, 1]]
    """
    rows = answer_rows(source, survey, by=by).dropna(subset=["score"])
    keys = [*group_columns(by), *(["score_class"] if by_class else [])]
    return as_named(_shares(rows, keys, flag=rows["comment"].notna().to_numpy(), metric="comment_share", conf_level=conf_level))


def comment_languages(source: Dataset | Any, *, survey: str | None = None, by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of comments in each language: English, German, Turkish, another one, or unknown because the text does not say.

    Codebook, themes and keywords see the first three alone. On the packaged labelled comments that were held out, 1 in 100 was given a wrong language and
    2 in 100 were left unknown.

    Parameters
    ----------
    source, survey, by, conf_level
        As for `comment_share`; all surveys unless one is named.

    Returns
    -------
    DataFrame
        Estimates with the key `language` (`en`, `de`, `tr`, `other`, `unknown`). Metric `comment_languages`, unit `share`, `n` = comments; limits as for
        `comment_share`.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `comment_share`.

    References
    ----------
    Cavnar and Trenkle (1994), Proceedings of SDAIR-94, 161-175, for runs of letters.

    Examples
    --------
    >>> comment_languages(pd.DataFrame({"comment": ["Too slow for us", "Viel zu teuer"]}))[["language", "estimate"]].values.tolist()[:2]
    [['de', 0.5], ['en', 0.5]]
    """
    rows, keys = comment_rows(source, survey, by=by), group_columns(by)
    parts = [
        _keyed(_shares(rows, keys, flag=(rows["language"] == name).to_numpy(), metric="comment_languages", conf_level=conf_level), language=name)
        for name in (*LANGUAGES, OTHER, UNKNOWN)
    ]
    return as_named(_sorted(stack(parts), [*keys, "language"]))


def comment_copies(source: Dataset | Any, *, survey: str | None = None, threshold: float = 0.6, by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of comments that repeat an earlier one, word for word or nearly: templates, pasted answers, and words everybody uses.

    Parameters
    ----------
    source, survey
        As for `comment_share`; all surveys unless one is named.
    threshold : float
        Least Jaccard index of the three-word runs of two comments that count as copies.
    by, conf_level
        As for `comment_share`.

    Returns
    -------
    DataFrame
        Estimates. Metric `comment_copies`, unit `share`, `n` = comments. The first of each group of copies within a group of `by` is no copy.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `comment_share`; the threshold is outside 0 to 1.

    References
    ----------
    Broder (1997), Proceedings of Compression and Complexity of Sequences, 21-29.

    Examples
    --------
    >>> comment_copies(pd.DataFrame({"comment": ["Too slow!", "too slow", "Far too expensive"]}))["estimate"].round(2).tolist()
    [0.33]
    """
    rows, keys = comment_rows(source, survey, by=by), group_columns(by)
    copies = np.zeros(len(rows), dtype=bool)
    for places in (rows.groupby(keys, dropna=False).indices if keys else {"all": np.arange(len(rows))}).values():
        texts, _, kind = distinct(rows.iloc[places])
        copies[places] = pd.Series(duplicate_groups(texts, threshold=threshold)[kind]).duplicated()
    return as_named(_shares(rows, keys, flag=copies, metric="comment_copies", conf_level=conf_level))


def comment_themes(
    source: Dataset | Any,
    *,
    survey: str | None = None,
    codebook: Any = None,
    labelled: pd.DataFrame | Literal["packaged"] | None = None,
    by: By = None,
    by_class: bool = True,
    once: bool = False,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of comments that mention each theme of a codebook, as found by its terms; with labelled comments, corrected for what these miss and invent.

    A theme says what a comment is about, not whether it praises or complains ("no problem with the price" is about the price), which the class of the
    score tells. `comment_themes` is the share of comments in which a term was found. `theme_prevalence` corrects it for the tagger's recall and
    specificity (Rogan and Gladen), and its limits carry the uncertainty of both. How many mentions the terms miss depends on how your customers
    write: label some hundred of your own comments. By those that come with the package a share can be corrected far too much.

    Parameters
    ----------
    source, survey
        As for `comment_share`; all surveys unless one is named, in which case the class is bottom, middle or top of the answer's scale.
    codebook : mapping or path, optional
        `{language: {theme: [term, ...]}}` or a TOML file of that form (see `check_codebook`); the packaged one without it.
    labelled : DataFrame or "packaged", optional
        Labelled comments as for `tagger_quality`, by which the shares are corrected; "packaged": those that the packaged codebook was measured on. Without
        them nothing is corrected.
    by, by_class
        As for `comment_share`.
    once : bool
        Count copies of a comment, exact or near, once.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `theme` and, unless left out, `score_class`; `n` = comments in a language of the codebook. Metric `comment_themes`
        (Wilson's limits, clustered by account) and `theme_prevalence` (Lang and Reiczigel's limits on the same effective number), both unit `share`. The
        corrected share is there with `labelled` only, and missing where the tagger is no better than chance.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `comment_share`; the codebook's problems, all at once; "packaged" for a codebook of your own.

    References
    ----------
    Rogan and Gladen (1978), American Journal of Epidemiology 107, 71-76. Lang and Reiczigel (2014), Preventive Veterinary Medicine 113, 13-22.

    Examples
    --------
    >>> table = pd.DataFrame({"comment": ["Far too expensive for us", "It is easy to use", "Viel zu teuer"]})
    >>> found = comment_themes(table, by_class=False).query("metric == 'comment_themes' and estimate > 0")
    >>> found[["theme", "estimate"]].round(2).values.tolist()
    [['price', 0.67], ['usability', 0.33]]
    """
    check_conf_level(conf_level)
    book = read_codebook(codebook)
    rows = comment_rows(source, survey, by=by, once=once)
    rows = rows[rows["language"].isin(book.languages)].reset_index(drop=True)
    keys = [*group_columns(by), *(["score_class"] if by_class else [])]
    texts, languages, place = distinct(rows)
    flags, quality = tagged(texts, languages, book)[place], None if labelled is None else _quality(book, labelled)
    parts = []
    for number, theme in enumerate(book.themes):
        found = _shares(rows, keys, flag=flags[:, number], metric="comment_themes", conf_level=conf_level)
        right = None if quality is None else quality.loc[theme]
        both = [found] if right is None else [found, _corrected(rows, keys, flag=flags[:, number], found=found, right=right, conf_level=conf_level)]
        parts.append(_keyed(stack(both), theme=theme))
    return as_named(_sorted(stack(parts), keys))


def tagger_quality(labelled: pd.DataFrame | None = None, *, codebook: Any = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Recall, precision and specificity of a codebook on comments whose themes a person has read, by theme and language.

    Recall is the share found of the comments that mention a theme, precision the share of those found that do mention it, specificity the share left
    alone of those that do not. Without `labelled` the figures are those of the packaged codebook on the held-out half of its own 528 labelled comments: one
    author wrote comments and terms, one set in the usual words (in which every mention was found) and one, afterwards, that avoids them (22 in 100 were
    found); customers write something in between.

    Parameters
    ----------
    labelled : DataFrame, optional
        `comment`, `language` (en, de, tr) and `themes`: those a person found, separated by `;`, empty for none. Draw them at random from your comments.
    codebook : mapping or path, optional
        As for `comment_themes`.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `theme` and `language` ("all": together). Metrics `tagger_recall` (`n` = comments that mention the theme),
        `tagger_precision` (`n` = comments found) and `tagger_specificity` (`n` = comments that do not mention it), unit `share`, Wilson's limits;
        missing where `n` is 0.

    Raises
    ------
    MissingColumnsError, ParameterError
        A column is missing, no comment is in a language of the codebook, a theme is none of its themes; a codebook of one's own needs `labelled`.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> labelled = pd.DataFrame({"comment": ["Too expensive", "It costs a fortune", "Fine"], "language": "en", "themes": ["price", "price", ""]})
    >>> tagger_quality(labelled, codebook={"en": {"price": ["expensive"]}}).query("language == 'all'")[["metric", "estimate", "n"]].values.tolist()
    [['tagger_recall', 0.5, 2], ['tagger_precision', 1.0, 1], ['tagger_specificity', 1.0, 1]]
    """
    book = read_codebook(codebook)
    counts = _counts(book, labelled)
    parts = {"tagger_recall": ("hits", "mentions"), "tagger_precision": ("hits", "tagged"), "tagger_specificity": ("clear", "without")}
    tables = [
        estimates(
            counts[["theme", "language"]], metric=metric, unit="share", **wilson(counts[right], counts[of], conf_level=conf_level)._asdict(), n=counts[of]
        )
        for metric, (right, of) in parts.items()
    ]
    return pd.concat(tables).sort_index(kind="stable", ignore_index=True)


def _shares(rows: pd.DataFrame, keys: list[str], *, flag: Flags, metric: str, conf_level: float) -> pd.DataFrame:
    """Return the share of flagged rows in each group, clustered by account."""
    counts = (
        rows[[*keys, "account_id"]].assign(hits=flag, units=1).groupby([*keys, "account_id"], dropna=False, sort=True)[["hits", "units"]].sum().reset_index()
    )
    groups = counts.groupby(keys, dropna=False, sort=True).ngroup() if keys else None
    share = clustered_share(counts["hits"], counts["units"], groups=groups, conf_level=conf_level)
    n = counts["units"].groupby(0 if groups is None else groups).sum() if len(counts) and groups is not None else counts["units"].sum()
    shown = counts[keys].groupby(groups).first() if keys else pd.DataFrame(index=range(1))
    return estimates(shown, metric=metric, unit="share", **{name: np.atleast_1d(value) for name, value in share._asdict().items()}, n=np.atleast_1d(n))


def _corrected(rows: pd.DataFrame, keys: list[str], *, flag: Flags, found: pd.DataFrame, right: pd.Series, conf_level: float) -> pd.DataFrame:
    """Return the share found, corrected for the tagger's errors, with limits on the effective number of comments behind it."""
    if rows.empty:
        return found.assign(metric="theme_prevalence")
    groups = rows.groupby(keys, dropna=False, sort=True).ngroup().to_numpy() if keys else np.zeros(len(rows), dtype="int64")
    share = found["estimate"].to_numpy()
    units = Units(groups, pd.factorize(rows["account_id"])[0], 1.0)
    n = linear_number(share, flag - share[groups], np.ones(len(rows)), base=found["n"].to_numpy("float64"), units=units, conf_level=conf_level)
    known, counted = np.nan_to_num(share), np.where(np.isfinite(n), n, found["n"].to_numpy("float64"))
    limits = corrected_prevalence(
        known, counted, sensitivity=Counts(right["hits"], right["mentions"]), specificity=Counts(right["clear"], right["without"]), conf_level=conf_level
    )
    single = np.isnan(found["conf_low"].to_numpy())
    limits = Interval(limits.estimate, np.where(single, np.nan, limits.conf_low), np.where(single, np.nan, limits.conf_high))
    return found.assign(metric="theme_prevalence", **limits._asdict())


def _quality(book: Codebook, labelled: pd.DataFrame | Literal["packaged"]) -> pd.DataFrame:
    """Return the counts of all languages together, a row a theme."""
    counts = _counts(book, None if isinstance(labelled, str) else labelled)
    return counts[counts["language"] == ALL].set_index("theme")


def _counts(book: Codebook, labelled: pd.DataFrame | None) -> pd.DataFrame:
    if labelled is not None:
        return tagging_counts(labelled, book)
    if book.name != "packaged":
        raise ParameterError("a codebook of your own needs comments whose themes you have read: pass labelled=, with comment, language and themes.")
    return packaged_counts()


def _keyed(table: pd.DataFrame, **keys: str) -> pd.DataFrame:
    """Return estimates with further keys before the metric."""
    place = table.columns.get_loc("metric")
    for name, value in keys.items():
        table.insert(place, name, value)
    return table


def _sorted(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return table.sort_values(keys, kind="stable", ignore_index=True) if keys else table
