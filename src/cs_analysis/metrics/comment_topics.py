"""Themes that no codebook named: shown only where they are more than chance and come back in half of the comments."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ParameterError
from cs_analysis.facts.comments.rows import comment_rows, distinct
from cs_analysis.facts.comments.text import LANGUAGES
from cs_analysis.facts.comments.vocabulary import word_table
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.resampling import generator
from cs_analysis.stats.word_themes import Themes, word_themes

_MOST_TEXTS, _MOST_WORDS = 4000, 400
_IN_A_NAME = 3
_TOLD_BY = 2


def discovered_themes(
    source: Dataset | Any, *, survey: str | None = None, min_stability: float = 0.5, fewest: int = 100, conf_level: float = 0.95, rng: Any = 0
) -> pd.DataFrame:
    """Themes among comments found without a codebook, in each language by itself; none where there are none beyond chance.

    Copies count once. Words that only join others, and words in fewer than 3 or in more than 3 of 10 comments, are left out. A theme has to pass three
    times: there have to be more themes than in 39 sets of the same comments with the words dealt anew (comments of random words show one in at most 1 of
    40 cases); in the half of the comments it was not sought in, its words have to stand together 1.5 times as often as others of their frequency; and on
    average at least `min_stability` of its first words (Jaccard index) have to come back when it is sought in a random half. Comments of one account can
    make a theme of their own; themes are words that go together, and a person has to read the comments (`comment_examples`, with a codebook of those words).

    Parameters
    ----------
    source, survey
        As for `comment_share`; all surveys unless one is named.
    min_stability : float
        Least stability of a theme that is shown, 0 to 1.
    fewest : int
        Least number of different comments in a language; with fewer none is sought.
    conf_level : float
        Level of the limits.
    rng : int or Generator
        Draws the shuffles, the halves, and 4,000 comments where there are more.

    Returns
    -------
    DataFrame
        Estimates with the keys `language` and `theme` (its first three words, missing in rows on the language). Metric `discovered_themes` (`count`: themes
        shown, 0 where there are none; `n` = different comments), and for each theme `theme_stability` (`ratio`) and `theme_share` (`share` of all comments
        in the language, copies too, that hold at least two of its first eight words; clustered by account, but not for having been chosen). The first
        two have no limits.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `comment_share`; `min_stability` outside 0 to 1, `fewest` below 2.

    References
    ----------
    Horn (1965), Psychometrika 30, 179-185. Lee and Seung (1999), Nature 401, 788-791. Greene, O'Callaghan and Cunningham (2014), ECML PKDD, 498-513.

    Examples
    --------
    >>> discovered_themes(pd.DataFrame({"comment": ["Too slow", "Great"]}))[["language", "metric", "estimate"]].values.tolist()[0]
    ['en', 'discovered_themes', 0.0]
    """
    check_conf_level(conf_level)
    if not 0 <= min_stability <= 1 or not isinstance(fewest, int) or fewest < 2:
        raise ParameterError(f"min_stability must lie within 0 and 1 and fewest be a whole number of at least 2, not {min_stability!r} and {fewest!r}.")
    draw = generator(rng)
    rows = comment_rows(source, survey)
    single = comment_rows(source, survey, once=True)
    parts = [
        _of_language(rows[rows["language"] == name], single[single["language"] == name], name, least=(min_stability, fewest), draw=draw, conf_level=conf_level)
        for name in LANGUAGES
    ]
    return stack([table for tables in parts for table in tables])


def _of_language(
    rows: pd.DataFrame, single: pd.DataFrame, language: str, *, least: tuple[float, int], draw: np.random.Generator, conf_level: float
) -> list[pd.DataFrame]:
    """Return the estimates of one language: first how many themes are shown."""
    texts = sorted(single["comment"])
    found = _sought(texts, language, draw) if len(texts) >= least[1] else Themes([], np.zeros(0))
    kept = [number for number, stability in enumerate(found.stability) if stability >= least[0]]
    tables = [estimates({"language": [language], "theme": [None]}, metric="discovered_themes", unit="count", estimate=[len(kept)], n=[len(texts)])]
    for number in kept:
        keys = {"language": [language], "theme": [", ".join(found.words[number][:_IN_A_NAME])]}
        tables.append(estimates(keys, metric="theme_stability", unit="ratio", estimate=[found.stability[number]], n=[len(texts)]))
        tables.append(_share(rows, language, found.words[number], keys=keys, conf_level=conf_level))
    return tables


def _sought(texts: list[str], language: str, draw: np.random.Generator) -> Themes:
    """Return the themes of the texts, of a random part of them where they are many."""
    if len(texts) > _MOST_TEXTS:
        texts = [texts[place] for place in np.sort(draw.choice(len(texts), _MOST_TEXTS, replace=False))]
    table, names = word_table(texts, language, fewest=3, stop=True)
    often = np.asarray(table.sum(axis=0)).ravel()
    usual = np.flatnonzero(often <= 0.3 * len(texts))
    usual = np.sort(usual[np.argsort(-often[usual], kind="stable")[:_MOST_WORDS]])
    table = _with_words(sparse.csr_matrix(table[:, usual]))
    return word_themes(table, [names[place] for place in usual], rng=draw)


def _with_words(table: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the texts of at least two words, which alone say what goes with what."""
    return table[np.flatnonzero(np.diff(table.indptr) >= _TOLD_BY)]


def _share(rows: pd.DataFrame, language: str, listed: list[str], *, keys: dict[str, list[str]], conf_level: float) -> pd.DataFrame:
    """Return the share of comments that hold at least two of the words."""
    texts, _, place = distinct(rows)
    table, names = word_table(texts, language)
    columns = [names.index(word) for word in listed if word in names]
    holds: npt.NDArray[np.bool_] = (np.asarray(table[:, columns].sum(axis=1)).ravel() >= _TOLD_BY)[place]
    counts = rows[["account_id"]].assign(hits=holds, units=1).groupby("account_id", sort=True).sum()
    share = clustered_share(counts["hits"], counts["units"], conf_level=conf_level)
    return estimates(keys, metric="theme_share", unit="share", **{name: [value] for name, value in share._asdict().items()}, n=[len(rows)])
