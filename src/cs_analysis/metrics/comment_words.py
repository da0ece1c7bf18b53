"""Words that set unhappy customers' comments apart from happy ones', masked comments that stand for a theme."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy import sparse

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ParameterError
from cs_analysis.facts.comments.codebook import read_codebook
from cs_analysis.facts.comments.duplicates import duplicate_groups
from cs_analysis.facts.comments.masking import mask
from cs_analysis.facts.comments.rows import comment_rows, distinct
from cs_analysis.facts.comments.tagging import tagged
from cs_analysis.facts.comments.text import LANGUAGES
from cs_analysis.facts.comments.vocabulary import said, word_table
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.stats.differences import Correction, adjusted_p_values
from cs_analysis.stats.estimates import COLUMNS, check_conf_level, estimates
from cs_analysis.stats.keyness import keyness

_SAME = {"detractors": "bottom", "passives": "middle", "promoters": "top"}
_LATEST = 1000
_EXAMPLE = ["theme", "score_class", "language", "comment", "answered_at", "account_id", "mentions"]


def comment_keywords(
    source: Dataset | Any,
    *,
    survey: str | None = "nps",
    target: str = "detractors",
    reference: str = "promoters",
    fewest: int = 5,
    correction: Correction = "holm",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Words that comments of one class of scores hold more or less often than comments of another, in each language by itself.

    Counted are comments that hold a word, not its occurrences: one long complaint counts once. For each word in at least `fewest` comments of the two
    classes the log-likelihood statistic G2 (Dunning) says how sure the difference is, and the log ratio (Hardie; 1 = twice as frequent, -1 = half) how
    large. Both allow for comments of one account being alike. Words are shown whether clear or not: read the adjusted p value first.

    Parameters
    ----------
    source, survey
        As for `comment_share`.
    target, reference : str
        Classes of the score: detractors, passives, promoters, or what they are on other scales: bottom, middle, top.
    fewest : int
        Least number of comments that hold a word.
    correction : {"holm", "benjamini_hochberg"}
        How p values are adjusted for the number of words, over the languages of a group together.
    by : str or list of str, optional
        As for `comment_share`.
    conf_level : float
        Level of the limits, which are not adjusted.

    Returns
    -------
    DataFrame
        Estimates with the keys `language`, `word` and `comparisons` (words looked at), the surest words first; `n` = comments of the two classes in the
        language. Metrics `keyword_log_ratio` (unit `ratio`, with limits), `keyword_g2` (`ratio`), `keyword_adjusted_p_value` (`share`) and `keyword_target`
        and `keyword_reference` (comments with the word, `count`), which have none. Empty where no word is frequent enough or a class has no comment.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `comment_share`; an unknown or repeated class, `fewest` below 1, an unknown correction.

    References
    ----------
    Dunning (1993), Computational Linguistics 19, 61-74. Hardie (2014), Log Ratio: an informal introduction, CASS. Rao and Scott (1984), Annals of
    Statistics 12, 46-60.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [1] * 6 + [10] * 6, "comment": ["it is slow"] * 6 + ["it is great"] * 6})
    >>> comment_keywords(table).query("metric == 'keyword_log_ratio' and estimate > 0")[["word", "estimate"]].round(2).values.tolist()
    [['slow', 3.7]]
    """
    classes = _classes(survey, target, reference)
    if not isinstance(fewest, int) or fewest < 1:
        raise ParameterError(f"fewest must be a whole number of comments, at least 1, not {fewest!r}.")
    check_conf_level(conf_level)
    _check_correction(correction)
    rows = comment_rows(source, survey, by=by)
    rows = rows[rows["score_class"].isin(classes) & rows["language"].isin(LANGUAGES)].reset_index(drop=True)
    keys = group_columns(by)
    groups = rows.groupby(keys, dropna=False, sort=True) if keys else [((), rows)]
    parts = [
        _keywords(group, classes, fewest=fewest, correction=correction, conf_level=conf_level).assign(**dict(zip(keys, name, strict=True)))
        for name, group in groups
    ]
    found = [part for part in parts if len(part)]
    listed = pd.concat(found, ignore_index=True) if found else _no_words(keys)
    return as_named(listed[[*keys, "language", "word", "comparisons", *COLUMNS]])


def comment_examples(source: Dataset | Any, *, survey: str | None = None, codebook: Any = None, per_theme: int = 3, by_class: bool = False) -> pd.DataFrame:
    """Masked comments that stand for each theme: those whose words are nearest to what the comments of the theme have in common.

    E-mail addresses, telephone, account and card numbers are masked; names are not. Copies are left out, and of
    more than 1,000 comments the latest are looked at. Comments stay what people wrote: a page or a list
    has to escape them, which those of this package do.

    Parameters
    ----------
    source, survey, codebook
        As for `comment_themes`.
    per_theme : int
        Comments for each theme, and for each class of the score if these are told apart; in each language.
    by_class : bool
        Tell classes of the score apart.

    Returns
    -------
    DataFrame
        Columns `theme, score_class` (if told apart), `language, comment, answered_at, account_id, mentions`: how many comments of that theme, class and
        language there are. In the order of the codebook, the nearest first.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `comment_themes`; `per_theme` is below 1.

    References
    ----------
    Salton and Buckley (1988), Information Processing and Management 24, 513-523, for the weights of words.

    Examples
    --------
    >>> table = pd.DataFrame({"comment": ["Too expensive, write to jo@example.com", "Easy to use"]})
    >>> comment_examples(table)[["theme", "comment"]].values.tolist()
    [['price', 'Too expensive, write to [e-mail]'], ['usability', 'Easy to use']]
    """
    if not isinstance(per_theme, int) or per_theme < 1:
        raise ParameterError(f"per_theme must be a whole number of comments, at least 1, not {per_theme!r}.")
    book = read_codebook(codebook)
    rows = comment_rows(source, survey)
    rows = rows[rows["language"].isin(book.languages)].reset_index(drop=True)
    texts, languages, place = distinct(rows)
    flags = tagged(texts, languages, book)[place]
    parts = [
        _nearest(group, language, most=per_theme).assign(
            theme=theme, language=language, **dict(zip(["score_class"] if by_class else [], [named], strict=False))
        )
        for number, theme in enumerate(book.themes)
        for language, named, group in _parts(rows[flags[:, number]], by_class)
    ]
    columns = _EXAMPLE if by_class else [name for name in _EXAMPLE if name != "score_class"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _check_correction(correction: Correction) -> None:
    """Raise `ParameterError` unless the correction is a known one."""
    if correction not in ("holm", "benjamini_hochberg"):
        raise ParameterError(f"correction must be 'holm' or 'benjamini_hochberg', not {correction!r}.")


def _classes(survey: str | None, target: str, reference: str) -> tuple[str, str]:
    """Return the two classes as the answers of the survey bear them."""
    known = [*_SAME, *_SAME.values()]
    named = [name for name in (target, reference) if name not in known]
    if named or _SAME.get(target, target) == _SAME.get(reference, reference):
        raise ParameterError(f"target and reference must be two different classes of {', '.join(known)}, not {target!r} and {reference!r}.")
    nps = survey is not None and survey.strip().lower() == "nps"
    own = {plain: name for name, plain in _SAME.items()} if nps else _SAME
    return own.get(target, target), own.get(reference, reference)


def _keywords(rows: pd.DataFrame, classes: tuple[str, str], *, fewest: int, correction: Correction, conf_level: float) -> pd.DataFrame:
    """Return the words of one group, all languages together."""
    parts = [_of_language(part, language, classes, fewest=fewest, conf_level=conf_level) for language, part in rows.groupby("language", sort=True)]
    words = pd.concat([part for part in parts if len(part)] or [pd.DataFrame(columns=["p"])], ignore_index=True)
    if words.empty:
        return pd.DataFrame(columns=[*COLUMNS])
    words = words.assign(adjusted=adjusted_p_values(words["p"].to_numpy("float64"), correction), comparisons=len(words))
    words = words.sort_values(["language", "p", "word"], kind="stable", ignore_index=True)
    return pd.concat(_metrics(words)).sort_index(kind="stable", ignore_index=True)


def _of_language(rows: pd.DataFrame, language: Any, classes: tuple[str, str], *, fewest: int, conf_level: float) -> pd.DataFrame:
    texts, _, place = distinct(rows)
    table, names = word_table(texts, language)
    table = table[place]
    in_target = (rows["score_class"] == classes[0]).to_numpy()
    kept = np.flatnonzero(np.asarray(table.sum(axis=0)).ravel() >= fewest)
    if in_target.all() or not in_target.any() or not len(kept):
        return pd.DataFrame()
    found = keyness(table[:, kept], in_target, clusters=pd.factorize(rows["account_id"])[0], conf_level=conf_level)
    counts = {"target": found.target, "reference": found.reference, "g2": found.g2, "p": found.p_value}
    return pd.DataFrame({"language": language, "word": [names[column] for column in kept], **found.log_ratio._asdict(), **counts, "n": len(rows)})


def _metrics(words: pd.DataFrame) -> Iterator[pd.DataFrame]:
    keys, n = words[["language", "word", "comparisons"]], words["n"]
    limits = {name: words[name] for name in ("estimate", "conf_low", "conf_high")}
    yield estimates(keys, metric="keyword_log_ratio", unit="ratio", **limits, n=n)
    for metric, column, unit in (
        ("g2", "g2", "ratio"),
        ("adjusted_p_value", "adjusted", "share"),
        ("target", "target", "count"),
        ("reference", "reference", "count"),
    ):
        yield estimates(keys, metric=f"keyword_{metric}", unit=unit, estimate=words[column], n=n)


def _no_words(keys: list[str]) -> pd.DataFrame:
    named = pd.DataFrame({name: pd.Series(dtype="object") for name in [*keys, "language", "word"]}).assign(comparisons=pd.Series(dtype="int64"))
    return estimates(
        named, metric="keyword_log_ratio", unit="ratio", estimate=np.array([]), conf_low=np.array([]), conf_high=np.array([]), n=np.array([], dtype="int64")
    )


def _parts(rows: pd.DataFrame, by_class: bool) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield language, class and rows of each part that examples are drawn from."""
    keys = ["language", *(["score_class"] if by_class else [])]
    for name, group in rows.groupby(keys, sort=True):
        values = cast("tuple[str, ...]", name)
        yield values[0], values[-1], group


def _nearest(rows: pd.DataFrame, language: str, *, most: int) -> pd.DataFrame:
    """Return the comments whose words lie nearest to the mean of all, each text once, by weighted words and the cosine between them."""
    latest = rows.tail(_LATEST)
    shown = latest.assign(comment=[mask(text) for text in latest["comment"]], mentions=len(rows)).drop_duplicates("comment")
    copies = duplicate_groups([" ".join(said(text, language)) for text in shown["comment"]])
    shown = shown[~pd.Series(copies, index=shown.index).duplicated()].reset_index(drop=True)
    table, _ = word_table(shown["comment"].tolist(), language)
    rarity = 1 + np.log((1 + table.shape[0]) / (1 + np.asarray(table.sum(axis=0)).ravel()))
    weighted = table @ sparse.diags(rarity)
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    unit = sparse.diags(1 / np.where(length > 0, length, 1.0)) @ weighted
    near = np.asarray(unit @ np.asarray(unit.mean(axis=0)).ravel())
    order = np.lexsort((shown["comment"].to_numpy("str"), -near.round(12)))
    return shown.iloc[order[:most]]
