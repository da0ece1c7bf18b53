"""What foretold probabilities and bands of health meant: of those who were told so much, how many left."""

from __future__ import annotations

import pandas as pd

from cs_analysis.errors import NotEnoughDataError
from cs_analysis.facts.health_told import TOLD_COLUMNS, by_model
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.scores.calibration import calibration_curve


def health_calibration(predictions: pd.DataFrame, *, bins: int = 10, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of the customers that left, by bin of the probability foretold out of time.

    Parameters
    ----------
    predictions : DataFrame
        As of `health_predictions`.
    bins : int
        Bins of about equal size; equal probabilities share one.
    conf_level : float
        Level of the limits and of the band.

    Returns
    -------
    DataFrame
        Estimates with the keys `model`, `bin` (from 1), `predicted` (mean probability), `band_low` and `band_high` (between which the share would lie were the
        probabilities right); metric `health_calibration`, unit `share`, limits with accounts as clusters, missing for a bin of one account; `n` = customers
        times dates. The base rate has no bins.

    Raises
    ------
    NotEnoughDataError, MissingColumnsError, ParameterError
        Nobody left, or nobody stayed; no such table; `bins` is no whole number.

    References
    ----------
    Broecker and Smith (2007), Weather and Forecasting 22, 651-661. Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> told = pd.DataFrame({"account_id": list("abcd") * 2, "model": ["calibrated"] * 4 + ["base_rate"] * 4, "churned": [True, False, True, False] * 2})
    >>> told = told.assign(probability=[0.7, 0.6, 0.2, 0.1] + [0.5] * 4, at=pd.Timestamp("2026-01-31"), band=None, verifiable=True)
    >>> told = told.assign(ends_at=pd.Timestamp("2026-02-01", tz="UTC"), ended_at=pd.Timestamp("2026-03-13", tz="UTC"), score=told["probability"])
    >>> health_calibration(told, bins=2)[["predicted", "estimate"]].round(2).to_numpy().tolist()
    [[0.15, 0.5], [0.65, 0.5]]
    """
    told = by_model(predictions)
    tables = []
    for name, own in told.items():
        if name != "base_rate":
            curve = calibration_curve(own["probability"], own["churned"], bins=bins, clusters=own["account_id"], conf_level=conf_level)
            keys = curve[["bin", "predicted", "band_low", "band_high"]]
            keys.insert(0, "model", name)
            limits = {"estimate": curve["observed"], "conf_low": curve["conf_low"], "conf_high": curve["conf_high"]}
            tables.append(estimates(keys, metric="health_calibration", unit="share", **limits, n=curve["n"]))
    return stack(tables)


def band_churn(predictions: pd.DataFrame, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of the customers in each band of the hand-made health score that left within the horizon after the gap.

    Parameters
    ----------
    predictions : DataFrame
        As of `health_predictions`.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `band`, the worst first; metric `band_churn`, unit `share`, Wilson limits with accounts as clusters, missing for a band of one
        account; `n` = customers times dates. Customers without a score are in none.

    Raises
    ------
    NotEnoughDataError, MissingColumnsError, ParameterError
        As for `health_calibration`; no customer has a band.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> told = pd.DataFrame({"account_id": list("abcd") * 2, "model": ["base_rate"] * 4 + ["calibrated"] * 4, "churned": [True, False, True, False] * 2})
    >>> told = told.assign(probability=0.5, score=0.5, at=pd.Timestamp("2026-01-31"), band=None, verifiable=True, ends_at=pd.NaT, ended_at=pd.NaT)
    >>> by_hand = told[:4].assign(model="hand_weights", band=["red", "red", "green", "green"], score=[90, 80, 20, 10])
    >>> band_churn(pd.concat([told, by_hand]))[["band", "estimate"]].to_numpy().tolist()
    [['red', 0.5], ['green', 0.5]]
    """
    told = by_model(predictions).get("hand_weights", pd.DataFrame(columns=TOLD_COLUMNS))
    known = told.dropna(subset=["band"])
    if known.empty:
        raise NotEnoughDataError("no customer has a band of a hand-made score. Pass weights whose features the tables allow.")
    order = known.groupby("band")["score"].mean().sort_values(ascending=False).index
    sums = known.groupby(["band", "account_id"], as_index=False).agg(left=("churned", "sum"), rows=("churned", "size"))
    place = sums["band"].map({name: number for number, name in enumerate(order)}).to_numpy("int64")
    share = clustered_share(sums["left"], sums["rows"], groups=place, conf_level=check_conf_level(conf_level))
    return estimates({"band": order}, metric="band_churn", unit="share", **share._asdict(), n=known["band"].value_counts().reindex(order))
