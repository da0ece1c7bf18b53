"""How often the limits of engagement contain the truth, and how often an ordinary day is called unusual.

`python benchmarks/coverage/engagement.py` writes `results/engagement.csv` and `results/usage_anomalies.csv` beside this file. Where the method is
"through the metric", the replicates are the groups of one large company, counted by one call through `by=`; the others draw sums of accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

import cs_analysis as cs
from cs_analysis.stats.cluster_ratios import clustered_mean, clustered_rate_ratio, woodruff_levels
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.intervals import wilson
from cs_analysis.stats.outliers import weekday_outlook

SEED = 20261031
DAILY, TAKEN, GROWTH = 0.15, 0.4, 1.2
SIZES = np.array([1, 2, 4, 8])


def covered(study: str, method: str, limits: tuple[object, object], *, truth: float, **setting: object) -> dict[str, object]:
    """Return one row of results from arrays of limits; a missing upper limit counts as none."""
    low, high = (np.asarray(limit, dtype="float64") for limit in limits)
    known = ~np.isnan(low)
    share = float(np.mean(((low <= truth) & ~(high < truth))[known]))
    text = ", ".join(f"{name} {value}" for name, value in setting.items())
    error = float(np.sqrt(share * (1 - share) / known.sum()))
    return {"study": study, "setting": text, "method": method, "replicates": len(low), "coverage": share, "simulation_error": error}


def levels(shape: tuple[int, int], spread: float, rng: np.random.Generator) -> np.ndarray:
    """Return rates of accounts: lognormal with mean 8."""
    return 8 * rng.lognormal(-(spread**2) / 2, spread, shape)


def trends(replicates: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield coverage of the rate ratio where every account also goes its own way from one window to the next; the truth is 1.2."""
    for accounts in (10, 30, 100):
        for spread in (0.5, 1.0):
            for own in (0.0, 0.5):
                level = levels((replicates, accounts), spread, rng)
                drift = [np.ones(level.shape) if own == 0 else rng.gamma(1 / own, own, level.shape) for _ in range(2)]
                before, after = (rng.poisson(level * rate * part) for rate, part in zip((1.0, 1.2), drift, strict=True))
                setting = {"accounts": accounts, "spread of levels": spread, "own ways": own}
                found = clustered_rate_ratio(after.ravel(), before.ravel(), groups=np.repeat(np.arange(replicates), accounts))
                yield covered("usage trend", "clustered", (found.conf_low, found.conf_high), truth=1.2, **setting)
                plain = wilson(after.sum(axis=1), (after + before).sum(axis=1))
                odds = [np.asarray(limit) / (1 - np.asarray(limit)) for limit in plain[1:]]
                yield covered("usage trend", "independent", (odds[0], odds[1]), truth=1.2, **setting)


def means(replicates: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield coverage of key actions per user: users of an account share a level; the truth is that over many accounts."""
    for accounts in (10, 30, 100):
        for spread in (0.3, 0.8):
            users = np.ceil(rng.lognormal(1, 0.8, (replicates, accounts)))
            actions = rng.poisson(users * levels(users.shape, spread, rng))
            found = clustered_mean(actions.ravel(), users.ravel(), groups=np.repeat(np.arange(replicates), accounts))
            yield covered("key actions per user", "clustered", (found.conf_low, found.conf_high), truth=8, accounts=accounts, spread=spread)


def days(replicates: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield coverage of stickiness: users of an account share a daily chance (beta with mean 0.2) of being active on 28 days."""
    for accounts in (10, 30, 100):
        for likeness in (0.05, 0.2):
            users = np.ceil(rng.lognormal(1, 0.8, (replicates, accounts))).astype(int)
            chance = rng.beta(0.2 * (1 / likeness - 1), 0.8 * (1 / likeness - 1), users.shape)
            active = rng.binomial(28 * users, chance)
            found = clustered_share(active.ravel(), 28 * users.ravel(), groups=np.repeat(np.arange(replicates), accounts))
            yield covered("stickiness", "clustered", found[1:], truth=0.2, accounts=accounts, likeness=likeness)
            yield covered("stickiness", "independent", wilson(active.sum(axis=1), 28 * users.sum(axis=1))[1:], truth=0.2, accounts=accounts, likeness=likeness)


def medians(replicates: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield coverage of the median session: lengths lognormal with median 4 minutes, levels of accounts apart, numbers unequal."""
    for accounts in (10, 30, 100):
        low, high = np.empty(replicates), np.empty(replicates)
        for place in range(replicates):
            size = np.ceil(rng.lognormal(2, 0.8, accounts)).astype(int)
            owner = np.repeat(np.arange(accounts), size)
            minutes = 4 * np.exp(rng.normal(0, 0.5, accounts)[owner] + rng.normal(0, 1, len(owner)))
            ordered = np.sort(minutes)
            at = woodruff_levels(np.bincount(owner, minutes <= np.median(minutes), accounts), size)
            low[place], high[place] = (ordered[int(np.clip(np.ceil(level * len(ordered)) - 1, 0, len(ordered) - 1))] for level in at)
        yield covered("median session", "Woodruff, clustered", (low, high), truth=4, accounts=accounts)


def beta_shape(mean: float, likeness: float) -> tuple[float, float]:
    """Return the parameters of the beta distribution of chances of accounts in which two users are alike with this correlation."""
    return mean * (1 / likeness - 1), (1 - mean) * (1 / likeness - 1)


def company(groups: int, *, accounts: int, likeness: float, own: float, more: float, rng: np.random.Generator) -> cs.Dataset:
    """Return a company of groups of accounts with 1, 2, 4 or 8 users each, who use it on some of 56 days.

    Users of an account share a chance of use on a day of the later 28 days, and on the earlier ones 1 / 1.2 of it on average; `own` is how far
    accounts go their own ways between the two. On a day of use there are 1 + Poisson(`more`) uses. Users of an account also share a chance of
    having taken up the report: who has uses it, the others do not.
    """
    size = rng.choice(SIZES, groups * accounts)
    late, taken = rng.beta(*beta_shape(DAILY, likeness), len(size)), rng.beta(*beta_shape(TAKEN, likeness), len(size))
    part = np.full(len(size), 1 / GROWTH) if own == 0 else rng.beta(*beta_shape(1 / GROWTH, own), len(size))
    owner = np.repeat(np.arange(len(size)), size)
    takes = rng.random(len(owner)) < taken[owner]
    used = [np.nonzero(rng.random((len(owner), 28)) < chance[owner, None]) for chance in (late * part, late)]
    user = np.concatenate([used[0][0], used[1][0], np.unique(owner // accounts, return_index=True)[1]])
    day = np.concatenate([used[0][1], used[1][1] + 28, np.full(groups, -10)])  # a single use long before, so that no window reaches back too far
    times = 1 + rng.poisson(more, len(user))
    user, second = np.repeat(user, times), np.repeat(day * 86_400, times) + rng.integers(0, 86_400, times.sum())
    at = pd.Timestamp("2026-02-04", tz="UTC") + pd.to_timedelta(second, "s")
    rows = {"event_at": at, "account_id": owner[user].astype(str), "user_id": user.astype(str), "event": np.where(takes[user], "report", "open")}
    number = np.arange(len(size))
    people = pd.DataFrame({"account_id": number.astype(str), "started_at": pd.Timestamp("2026-01-01", tz="UTC"), "replicate": number // accounts})
    return cs.read_dataset({"accounts": people, "events": pd.DataFrame(rows)}, as_of="2026-03-31")


def truths(likeness: float) -> dict[str, float]:
    """Return what `company` has on average, from the moments of beta distributions; e.g. E (1 - p)^28 is the share of users not active in 28 days."""
    (a, b), (c, d) = beta_shape(DAILY, likeness), beta_shape(TAKEN, likeness)
    silent = [special.beta(a, b + 28 * users) / special.beta(a, b) for users in range(SIZES.max() + 1)]
    powers = np.arange(SIZES.max() + 1)
    active = [np.sum(special.binom(k, powers[: k + 1]) * (-1.0) ** powers[: k + 1] * silent[: k + 1]) for k in powers]
    both = (-1.0) ** powers * active * special.beta(c + powers, d) / special.beta(c, d)
    nobody = np.mean([np.sum(special.binom(users, powers) * both) for users in SIZES])
    sticky = DAILY / (1 - silent[1])
    shares = {"feature_usage": (1 - nobody) / (1 - np.mean([silent[users] for users in SIZES])), "feature_user_share": TAKEN}
    return {"stickiness": sticky, "stickiness_naive": sticky, **shares, "usage_trend": GROWTH}


def metrics(groups: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield coverage of stickiness and of the usage of a feature through the public metrics, groups of one company being the replicates."""
    for accounts, likeness, own, more in ((30, 0.05, 0.0, 0), (30, 0.2, 0.1, 0), (30, 0.2, 0.1, 1), (60, 0.05, 0.1, 1)):
        ds = company(groups, accounts=accounts, likeness=likeness, own=own, more=more, rng=rng)
        sticky, used = cs.stickiness(ds, by="replicate"), cs.feature_usage(ds, by="replicate")
        both = pd.concat([sticky[sticky["period"] == "2026-03-01"], used[used["event"] == "report"]])
        for metric, truth in truths(likeness).items():
            limits = both.loc[both["metric"] == metric, ["conf_low", "conf_high"]].to_numpy().T
            yield covered(metric, "through the metric", (limits[0], limits[1]), truth=truth, accounts=accounts, likeness=likeness, own_ways=own, more_uses=more)


def alarms(replicates: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield how often ordinary days are called unusual: negative-binomial counts with weekends at an eighth and growth, without holidays."""
    day = np.arange(56 + 250)
    for level in (5, 30, 200, 2000):
        for noise in (np.inf, 50, 10):
            for growth in (0.0, 0.002):
                mean = level * np.where(day % 7 >= 5, 0.12, 1.0) * np.exp(growth * (day - day[-1]))
                counts = [rng.poisson(mean if noise == np.inf else mean * rng.gamma(noise, 1 / noise, len(day))) for _ in range(replicates)]
                for stated in (0.01, 1 / 365):
                    outside = []
                    for series in counts:
                        band = weekday_outlook(series, false_alarms=stated)
                        outside.append(((series < band.conf_low) | (series > band.conf_high))[56:].mean())
                    row = {"users_on_a_weekday": level, "noise_size": noise, "growth_a_day": growth, "stated": stated, "measured": np.mean(outside)}
                    yield row | {"ratio": np.mean(outside) / stated, "days": 250 * replicates}


def study(replicates: int, *, seed: int = SEED) -> pd.DataFrame:
    """Return the coverage of every interval; medians, which are drawn one by one, on half of the replicates."""
    rng = np.random.default_rng(seed)
    parts = (
        trends(replicates, rng),
        means(replicates, rng),
        days(replicates, rng),
        medians(replicates // 2, rng),
        metrics(replicates, np.random.default_rng(seed)),
    )
    return pd.DataFrame([row for part in parts for row in part])


def main() -> None:
    folder = Path(__file__).parent / "results"
    intervals = study(2_000)
    intervals.round(4).to_csv(folder / "engagement.csv", index=False, lineterminator="\n")
    print(intervals.groupby(["study", "method"])["coverage"].describe()[["count", "min", "mean", "max"]].round(3).to_string())
    unusual = pd.DataFrame(alarms(60, np.random.default_rng(SEED)))
    unusual.round(5).to_csv(folder / "usage_anomalies.csv", index=False, lineterminator="\n")
    print(unusual.groupby("stated")["ratio"].describe()[["count", "min", "mean", "max"]].round(2).to_string())


if __name__ == "__main__":
    main()
