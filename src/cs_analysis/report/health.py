"""What the health page shows: the score of the last two months, what moved it, and the test whether it tells who leaves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from cs_analysis import glossary
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError
from cs_analysis.facts.outcomes import snapshot_days
from cs_analysis.metrics.health_backtest import FEWEST_TESTED, backtest_health, health_predictions
from cs_analysis.metrics.health_features import health_features
from cs_analysis.metrics.health_reading import health_calibration
from cs_analysis.metrics.health_score import health_bands, health_change, health_rollup
from cs_analysis.show.text import value_text

_CALIBRATED = "calibrated"


@dataclass(frozen=True)
class Health:
    """The health of a company's customers under the rules of a hand-made score, and how scores did on the past.

    Attributes
    ----------
    ds : Dataset
        The company.
    weights : str
        A packaged style or the path of a file of rules.
    horizon, gap, capacity, conf_level
        As for `backtest_health`.
    """

    ds: Dataset
    weights: str
    horizon: str
    gap: str
    capacity: float
    conf_level: float

    @cached_property
    def told(self) -> pd.DataFrame | None:
        """What every model foretold out of time and what came; missing where the data are too few for any test, or have no subscriptions."""
        if "subscriptions" not in self.ds.tables:
            return None
        try:
            told = health_predictions(self.ds, horizon=self.horizon, gap=self.gap, weights=self.weights)
            self._tested(told)
        except NotEnoughDataError:
            return None
        return told

    @cached_property
    def judged(self) -> pd.DataFrame:
        """`backtest_health` of what was foretold."""
        return self._tested(self.told)

    @property
    def verdict(self) -> str:
        """Whether scores can be trusted, in one or two plain sentences."""
        if self.told is None:
            return "The data are too few to test any score: too few customers have left in windows that are over. Read the score as an opinion."
        table = self.judged.set_index(["metric", "model"])
        left = int(self.judged.loc[self.judged["metric"] == "tested_churners", "estimate"].iloc[0])
        verdict = {name: str(table.loc[("auc_difference", name), "verdict"]) for name in ("hand_weights", "best_feature", "base_rate")}
        area = value_text(table.loc[("auc", "hand_weights"), "estimate"], "share")
        told = f"The hand-made score put a customer who left below one who stayed in {area} of all pairs; guessing puts it there in half of them. "
        if "too few to validate" in verdict.values():
            return f"{told}Only {left} customers left in windows that could be tested: too few to validate a score (at least {FEWEST_TESTED} are needed)."
        gains = [words for name, words in _THAN.items() if verdict[name] == "better"]
        return told + (f"The fitted model tells better than {' and '.join(gains)}." if gains else "The fitted model has not been shown to tell any better.")

    @property
    def untested(self) -> str:
        """What stands where the figures of a test would stand."""
        return "Not tested: too few customers have left in windows that are over."

    def rollup(self) -> pd.DataFrame:
        """Return `health_rollup` of the last two months' ends, with the month as `period`.

        Raises
        ------
        NotEnoughDataError
            The tables allow none of the features that the rules ask for.
        """
        try:
            rolled = health_rollup(self._features, weights=self.weights, conf_level=self.conf_level)
        except MissingColumnsError as error:
            raise NotEnoughDataError(f"the rules of {self.weights!r} cannot be applied: {error}") from error
        return rolled.assign(period=rolled["at"].dt.to_period("M").dt.to_timestamp()).drop(columns="at")

    def scores(self) -> pd.DataFrame:
        """Return every customer's score and band at the last date, the worst first, with its name."""
        bands = health_bands(self._features, weights=self.weights)
        last = bands[bands["at"] == bands["at"].max()]
        named = last.merge(self._names, on="account_id", how="left") if self._names is not None else last
        return named.sort_values(["score", "account_id"], ignore_index=True)

    def fallen(self, *, rows: int = 10, language: str = "en") -> pd.DataFrame:
        """Return the customers whose score fell most as texts: who, by how much, and because of what."""
        if self._features["at"].nunique() < 2:
            return pd.DataFrame()
        moved = health_change(self._features, weights=self.weights)
        total = moved[(moved["metric"] == "health_change") & (moved["estimate"] < 0)].nsmallest(rows, "estimate")
        parts = moved[(moved["metric"] == "health_change_by_measure") & (moved["estimate"] < 0)]
        words = [glossary.key_label("account_id", language), glossary.title("health_change", language), glossary.label("reasons", language)]
        table = [(self._who(row.account_id), _points(row.estimate, language), _because(parts, row.account_id, language)) for row in total.itertuples()]
        return pd.DataFrame(table, columns=words)

    def compared(self, *metrics: str) -> pd.DataFrame:
        """Return some of the figures by which models are compared, without keys that say nothing in them."""
        rows = self.judged[self.judged["metric"].isin(metrics)]
        return rows.drop(columns=[name for name in ("verdict",) if rows[name].isna().all()]).reset_index(drop=True)

    def calibration(self) -> pd.DataFrame:
        """Return the calibration of the fitted model in fifths."""
        curve = health_calibration(self.told, bins=5, conf_level=self.conf_level)
        return curve[curve["model"] == _CALIBRATED].reset_index(drop=True)

    def drifted(self, drift: pd.DataFrame, *, rows: int = 8) -> pd.DataFrame:
        """Return the drift of the features that moved most against their noise, each beside it."""
        wide = drift.pivot_table(index="feature", columns="metric", values="estimate")
        most = (wide["health_drift"] / wide["drift_noise"]).sort_values(ascending=False).index[:rows]
        chosen = drift[drift["feature"].isin(most)].assign(place=lambda table: table["feature"].map({name: place for place, name in enumerate(most)}))
        return chosen.sort_values(["place", "metric"], ascending=[True, False], ignore_index=True).drop(columns=["place", "since"])

    @cached_property
    def _features(self) -> pd.DataFrame:
        days = snapshot_days(self.ds)[-2:]
        return health_features(self.ds, at=days)

    @cached_property
    def _names(self) -> pd.DataFrame | None:
        accounts = self.ds.tables["accounts"]
        return accounts.to_pandas(["account_id", "name"]) if "name" in accounts.columns else None

    def _who(self, account: str) -> str:
        if self._names is None:
            return account
        name = self._names.set_index("account_id")["name"].get(account)
        return f"{name} ({account})" if isinstance(name, str) and name else account

    def _tested(self, told: pd.DataFrame | None) -> pd.DataFrame:
        if told is None:
            raise NotEnoughDataError(self.verdict)
        return backtest_health(told, capacity=self.capacity, conf_level=self.conf_level)


_THAN = {"hand_weights": "the hand-made score", "best_feature": "the best single feature", "base_rate": "the base rate"}


def _points(value: float, language: str) -> str:
    return value_text(value, "points", language)


def _because(parts: pd.DataFrame, account: str, language: str) -> str:
    own = parts[parts["account_id"] == account].nsmallest(3, "estimate")
    return "; ".join(f"{glossary.value_label('feature', row.measure, language)} {_points(row.estimate, language)}" for row in own.itertuples())
