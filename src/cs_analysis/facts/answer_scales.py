"""Which scale answers are on, and whether their scores are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cs_analysis.data.surveys import DEFAULT_SCALES, SURVEYS, Scale, folded, scale_of
from cs_analysis.errors import ParameterError


def wanted_scale(present: pd.Series, survey: str, scale: str | Scale | None, *, known: Mapping[str, Scale]) -> Scale:
    """Return the scale asked for, which is the survey's usual one unless said otherwise, if it is one of the survey's and holds the answers.

    Parameters
    ----------
    present : Series
        The scale of each answer, as code words are read.
    survey : str
        Name of the survey.
    scale : str or Scale, optional
        What was asked for.
    known : mapping
        The scales there are.

    Raises
    ------
    ParameterError
        The scale is unknown, belongs to another survey, or holds no answer while others do.
    """
    survey = folded(survey)
    by_word = {folded(name): one for name, one in known.items()}
    found = scale if isinstance(scale, Scale) else scale_of(survey, scale and folded(scale), scales=by_word)
    counted = present.value_counts().sort_index()
    there = ", ".join(f"{name} ({count})" for name, count in counted.items()) or "none"
    fitting = [name for name in counted.index if _fits(name, survey)]
    hint = f"Ask for another by name, such as scale={fitting[0]!r}." if fitting else "None of these is a scale of the survey: correct the column 'scale'."
    if found is None:
        raise ParameterError(f"the survey {survey!r} has no scale of its own; its answers are on: {there}. Name a scale, or add one by register_scale.")
    if not _fits(found.name, survey):
        own = ", ".join(name for name, owner in SURVEYS.items() if owner == survey)
        raise ParameterError(f"scale must be one of the survey {survey!r} ({own}, or one of your own), not {found.name!r}.")
    if len(counted) and folded(found.name) not in counted.index:
        raise ParameterError(f"no answer to {survey!r} is on the scale {found.name!r}; they are on: {there}. {hint}")
    return found


def _fits(scale: str, survey: str) -> bool:
    """Return whether a survey may be answered on a scale: nps, csat and ces not on each other's."""
    return survey not in DEFAULT_SCALES or SURVEYS.get(scale, survey) == survey


def checked_scores(scores: pd.Series, scale: Scale) -> pd.Series:
    """Return the scores as numbers of the scale.

    Raises
    ------
    ParameterError
        A score is off the scale; the message names the first such row.
    """
    numbers = pd.to_numeric(scores.astype("object"), errors="coerce").astype("float64")
    steps = (numbers - scale.low) / scale.step
    on = np.isclose(steps, steps.round(), rtol=0, atol=1e-6) & numbers.between(scale.low - 1e-9, scale.high + 1e-9)
    if not on.all():
        wrong = scores[~on]
        allowed = f"a whole number from {scale.low:g} to {scale.high:g}" if scale.step == 1 and scale.low % 1 == 0 else f"one of {scale.scores}"
        raise ParameterError(f"a score on the scale {scale.name!r} must be {allowed}; row {wrong.index[0] + 1} has {wrong.iloc[0]} ({len(wrong)} such rows).")
    return (scale.low + steps.round() * scale.step).round(10)
