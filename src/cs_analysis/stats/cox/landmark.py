"""Whether a covariate may have been built from the future: its effect before and after a landmark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.fit import fit_cox
from cs_analysis.stats.cox.proportionality import proportionality_test
from cs_analysis.stats.differences import adjusted_p_values
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.risk import By
from cs_analysis.windows import Window, fixed_days

_FADES, _FINE = "fades after the landmark", "no sign"


def landmark_check(
    durations: pd.DataFrame,
    covariates: str | Sequence[str],
    *,
    landmark: str | timedelta | Window,
    strata: By = None,
    cluster: str | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Hazard ratios over the whole time and after a landmark only, and whether they differ, as those of a covariate known only later do.

    A unit must last to do anything late. So "ever used X", read off at the end, is true of those who lasted: nobody who used X ended before the use,
    and X seems to protect (immortal time). After a landmark, among those still there, that head start is gone. For each covariate
    the exact score test asks whether the hazard ratio until the landmark is that after it; Holm's method keeps the chance of a single false alarm
    below 1 - `conf_level`. An effect that fades is flagged when it is nearer to 1 after the landmark, or turns round.

    The check needs no dates, and so proves nothing: an honest effect can fade, and a covariate can be built from a future too near to show. Where the
    value can be computed anew as of a date, compare the values (`verify_features`).

    Parameters
    ----------
    durations : DataFrame
        As for `fit_cox`; covariates do not change with time (one row a unit).
    covariates : str or list of str
        As for `fit_cox`.
    landmark : str or Timedelta
        A time since the units' origin, such as `"90d"`, by which a covariate should be known; ends must lie on both sides of it.
    strata, cluster, conf_level
        As for `fit_cox`.

    Returns
    -------
    DataFrame
        A row a term: `term`, then `hazard_ratio`, `conf_low`, `conf_high` over all time, `landmark_hazard_ratio`, `landmark_low`, `landmark_high` among
        those still there at the landmark, `p_value` (adjusted), `verdict`: "fades after the landmark" or "no sign". The figures after the landmark are
        missing where a term cannot be told there.

    Raises
    ------
    MissingColumnsError, ParameterError, ConvergenceError
        As for `fit_cox`; the landmark is in calendar months, which have no fixed length.
    NotEnoughDataError
        No end lies before the landmark, or none after it.

    References
    ----------
    Anderson, Cain and Gelber (1983), Journal of Clinical Oncology 1, 710-719. Suissa (2008), American Journal of Epidemiology 167, 492-499.
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame({"duration_days": rng.exponential(100, 400), "observed": True})
    >>> table["ever_used"] = (rng.exponential(100, 400) < table["duration_days"]).astype(float)
    >>> landmark_check(table, ["ever_used"], landmark="60d")["verdict"].tolist()
    ['fades after the landmark']
    """
    level, days = check_conf_level(conf_level), fixed_days(landmark, name="landmark")
    whole = fit_cox(durations, covariates, strata=strata, cluster=cluster, conf_level=level)
    later = _still_there(durations, days)
    test = proportionality_test(whole.data, whole.beta, transform=lambda times: np.asarray(times > days, dtype="float64"))
    p = adjusted_p_values(test["p_value"].to_numpy()[:-1], "holm")
    table = whole.hazard_ratios[["term", "estimate", "conf_low", "conf_high"]].rename(columns={"estimate": "hazard_ratio"})
    after = _hazard_ratios(later, covariates, strata=strata, cluster=cluster, conf_level=level)
    table = table.merge(after, on="term", how="left", validate="one_to_one")
    fades = ~(np.log(table["landmark_hazard_ratio"]) / np.log(table["hazard_ratio"]) >= 1)
    return table.assign(p_value=p, verdict=np.where((p < 1 - level) & fades, _FADES, _FINE))


def _still_there(durations: pd.DataFrame, days: float) -> pd.DataFrame:
    """Return the rows that last beyond the landmark, at risk from it on."""
    ended = durations["observed"].to_numpy(bool)
    late = durations["duration_days"].to_numpy("float64") > days
    if not (ended & late).any() or not (ended & ~late).any():
        side = "after" if (ended & ~late).any() else "before"
        raise NotEnoughDataError(f"ends must lie on both sides of the landmark; none lies {side} day {days:g}. Choose another landmark.")
    enter = durations["enter_days"].to_numpy("float64") if "enter_days" in durations.columns else np.zeros(len(durations))
    return durations.assign(enter_days=np.maximum(enter, days))[late]


def _hazard_ratios(later: pd.DataFrame, covariates: str | Sequence[str], **options: Any) -> pd.DataFrame:
    """Return the hazard ratios after the landmark; of no term where the fit fails, such as when a covariate no longer varies."""
    names = {"estimate": "landmark_hazard_ratio", "conf_low": "landmark_low", "conf_high": "landmark_high"}
    try:
        found = fit_cox(later, covariates, **options).hazard_ratios
    except (ParameterError, NotEnoughDataError, ConvergenceError):
        found = pd.DataFrame(columns=["term", *names], dtype="float64").astype({"term": "object"})
    return found[["term", *names]].rename(columns=names)
