"""Bands of a score that do not flicker: an account leaves its band when the score passes the limit clearly, or on several dates in a row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.facts.health_rules import Rules

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_NONE = -1


def plain_bands(rules: Rules, scores: Floats) -> Codes:
    """Return the number of the band in which each score lies, -1 for a missing score."""
    inside = np.column_stack([band.span.holds(scores) for band in rules.bands])
    return np.where(inside.any(axis=1), inside.argmax(axis=1), _NONE).astype("int64")


def bands_with_memory(rules: Rules, keys: pd.DataFrame, scores: Floats) -> npt.NDArray[np.object_]:
    """Return the band of each row, as the account's earlier rows leave it.

    On its first date with a score an account is in the band in which the score lies. From then on it stays in its band unless the score

    * lies outside of it by `margin` points or more, or
    * has lain outside of it, on the same side, on `dates` dates in a row (those with a score), this one included;

    then it moves to the band in which the score lies. A row without a score has no band and changes nothing of what is remembered.
    """
    named = np.array([*(band.name for band in rules.bands), None], dtype=object)
    return named[band_codes(rules, keys, scores)]


def band_codes(rules: Rules, keys: pd.DataFrame, scores: Floats) -> Codes:
    """Return the number of each row's band, with memory, -1 for a missing score. One step a date, all accounts at once."""
    plain = plain_bands(rules, scores)
    account = keys["account_id"].factorize(use_na_sentinel=False)[0]
    order = np.argsort(keys["at"].to_numpy("datetime64[us]"), kind="stable")
    turn = pd.Series(account[order]).groupby(account[order]).cumcount().to_numpy()
    accounts = int(account.max(initial=-1)) + 1
    band, streak = np.full(accounts, _NONE), np.zeros(accounts, dtype="int64")
    codes = np.full(len(scores), _NONE, dtype="int64")
    for step in range(int(turn.max(initial=-1)) + 1):
        rows = order[turn == step]
        rows = rows[plain[rows] != _NONE]
        who = account[rows]
        band[who], streak[who] = _next(rules, scores[rows], plain[rows], band=band[who], streak=streak[who])
        codes[rows] = band[who]
    return codes


def _next(rules: Rules, scores: Floats, plain: Codes, *, band: Codes, streak: Codes) -> tuple[Codes, Codes]:
    """Return each account's band and on how many dates in a row its score has lain above (or, negative, below) it."""
    low = np.array([part.span.start.value for part in rules.bands])
    high = np.array([part.span.end.value for part in rules.bands])
    side = np.where(band == _NONE, 0, np.sign(plain - band))
    streak = np.where(side == 0, 0, np.where(np.sign(streak) == side, streak + side, side))
    beyond = np.where(side > 0, scores - high[band], low[band] - scores)
    moves = (band == _NONE) | ((side != 0) & ((beyond >= rules.margin) | (np.abs(streak) >= rules.dates)))
    return np.where(moves, plain, band), np.where(moves, 0, streak)
