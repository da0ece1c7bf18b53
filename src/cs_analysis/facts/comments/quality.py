"""How often the tagger is right, counted on comments whose themes a person has read."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.comments.codebook import Codebook
from cs_analysis.facts.comments.tagging import tagged

ALL = "all"
_COUNTS = ("hits", "mentions", "tagged", "clear", "without")
_FILE = Path(__file__).with_name("codebooks") / "quality.csv"


def tagging_counts(labelled: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Return what the tagger made of labelled comments.

    Parameters
    ----------
    labelled : DataFrame
        `comment`, `language` and `themes`: the themes that a person found, separated by `;` (or a list), empty for none.
    codebook : Codebook
        The terms.

    Returns
    -------
    DataFrame
        One row a theme and language, and one a theme for all languages together (`language` "all"): `hits` of `mentions` comments that mention the theme
        were found, `tagged` were found in all, `clear` of `without` comments that do not mention it were left alone.

    Raises
    ------
    MissingColumnsError, ParameterError
        A column is missing; no comment is in a language of the codebook; a theme is none of its themes.
    """
    if missing := [name for name in ("comment", "language", "themes") if name not in labelled.columns]:
        raise MissingColumnsError(missing, labelled.columns, table="labelled")
    rows = labelled[labelled["language"].isin(codebook.languages) & labelled["comment"].notna()]
    if rows.empty:
        raise ParameterError(f"labelled must hold comments in a language of the codebook ({', '.join(codebook.languages)}), which it does not.")
    truth = _truth(rows["themes"], codebook)
    found = tagged([str(text) for text in rows["comment"]], rows["language"], codebook)
    parts = [(language, (rows["language"] == language).to_numpy()) for language in codebook.languages]
    counts = [_counted(codebook, language, found[part], truth=truth[part]) for language, part in [*parts, (ALL, np.ones(len(rows), dtype=bool))]]
    return pd.concat(counts, ignore_index=True)


@lru_cache(maxsize=1)
def packaged_counts() -> pd.DataFrame:
    """Return the counts of the packaged codebook on the held-out half of its own labelled comments."""
    return pd.read_csv(_FILE)


def _truth(themes: pd.Series, codebook: Codebook) -> Any:
    flags = np.zeros((len(themes), len(codebook.themes)), dtype=bool)
    place = {theme: number for number, theme in enumerate(codebook.themes)}
    for row, listed in enumerate(themes):
        names = listed if isinstance(listed, list | tuple | set) else [] if pd.isna(listed) else str(listed).split(";")
        for name in (name.strip() for name in names if name.strip()):
            if name not in place:
                raise ParameterError(f"the themes of labelled comments must be those of the codebook ({', '.join(place)}); row {row + 1} has {name!r}.")
            flags[row, place[name]] = True
    return flags


def _counted(codebook: Codebook, language: str, found: Any, *, truth: Any) -> pd.DataFrame:
    counts = ((found & truth), truth, found, (~found & ~truth), ~truth)
    columns = {name: flags.sum(axis=0) for name, flags in zip(_COUNTS, counts, strict=True)}
    return pd.DataFrame({"theme": codebook.themes, "language": language, **columns})
