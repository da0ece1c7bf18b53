"""Answers by wave, the calendar period in which they came, and which wave is compared with which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.data.surveys import Scale
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, group_columns
from cs_analysis.facts.periods import periods
from cs_analysis.facts.score_tables import scored_answers, with_period


def answers_by_wave(source: Dataset | Any, survey: str, *, scale: str | Scale | None, period: Period, unfinished: bool, by: By) -> tuple[pd.DataFrame, Scale]:
    """Return scored answers with the first day of their wave (`period`), and their scale; a wave that is not over is left out unless `unfinished`.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `scored_answers`; the source is a table, which has no calendar.
    """
    answers, found = scored_answers(source, survey, scale=scale, by=by)
    waves = with_period(source, answers, period)
    if unfinished or not len(waves):
        return waves, found
    over = periods(source, waves["answered_at"].min(), period=period, unfinished=False)["period"]
    return waves[waves["period"].isin(over)].reset_index(drop=True), found


def wave_pairs(answers: pd.DataFrame, by: By, *, against: str) -> pd.DataFrame:
    """Return the waves of each group that are compared: the group columns, `period` and `against`, in order.

    Parameters
    ----------
    answers : DataFrame
        As `answers_by_wave` returns them.
    by : str or list of str, optional
        Columns that make the groups.
    against : str
        `previous` (the group's last wave before that has an answer), `first` (the group's first), or the first day of a wave, with which all others are
        compared; groups without an answer in it have no row.

    Raises
    ------
    ParameterError
        `against` is none of these, or no answer came in that wave.
    """
    keys = group_columns(by)
    waves = answers[[*keys, "period"]].drop_duplicates().sort_values([*keys, "period"], ignore_index=True)
    grouped = waves.groupby(keys, dropna=False, sort=False)["period"] if keys else waves.groupby(np.zeros(len(waves)))["period"]
    if against == "previous":
        compared = grouped.shift()
    elif against == "first":
        compared = grouped.transform("min")
    else:
        named = _named(against, waves["period"])
        compared = grouped.transform(lambda own: named if (own == named).any() else pd.NaT)
    pairs = waves.assign(against=compared.astype(waves["period"].dtype))
    return pairs[pairs["against"].notna() & (pairs["against"] != pairs["period"])].reset_index(drop=True)


def _named(against: str, waves: pd.Series) -> pd.Timestamp:
    """Return the wave that is meant by its first day."""
    day = pd.to_datetime(against, errors="coerce")
    if pd.isna(day) or not (waves == day).any():
        known = ", ".join(str(wave.date()) for wave in sorted(waves.unique())) or "none"
        raise ParameterError(f"against must be 'previous', 'first' or the first day of a wave with answers ({known}), not {against!r}.")
    return pd.Timestamp(day)
