"""How often the limits of scores contain the truth, by exact enumeration: every possible outcome of a survey, weighted by its probability.

`python benchmarks/coverage/scores_enumerated.py` writes `results/scores_enumerated.csv` beside this file; nothing is drawn at random. A row is a kind
of score, a number of answers or accounts and a way to make limits: mean and lowest coverage over a grid of truths that reaches into the corners, the
mean width, and the share of intervals (by probability) that leave the scale.

Answers of an account are alike in this way: with probability `alike` all of them repeat one answer, otherwise they are independent; two answers of an
account then have the correlation `alike`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special, stats

from cs_analysis.stats.cluster_ratios import clustered_mean
from cs_analysis.stats.clusters import clustered_net_share, clustered_share
from cs_analysis.stats.intervals import Interval, difference, net_share, net_share_difference, wilson
from cs_analysis.stats.vote_limits import How, Votes, mean_vote_limits, net_vote_limits, share_vote_limits

Z = stats.norm.ppf(0.975)
Limits = tuple[np.ndarray, np.ndarray]


def compositions(total: int, kinds: int) -> np.ndarray:
    """Return every way to split `total` units over kinds, one a row."""
    rows = np.zeros((1, 1), dtype="int64")
    for _ in range(kinds - 1):
        left = total - rows.sum(axis=1)
        added = np.concatenate([np.arange(rest + 1) for rest in left])
        rows = np.column_stack([np.repeat(rows, left + 1, axis=0), added])
    return np.column_stack([rows, total - rows.sum(axis=1)])[:, 1:]


def chances(outcomes: np.ndarray, shares: Iterable[float]) -> np.ndarray:
    """Return the multinomial probability of each outcome."""
    return np.exp(
        special.gammaln(outcomes.sum(axis=1) + 1) - special.gammaln(outcomes + 1).sum(axis=1) + special.xlogy(outcomes, np.asarray(shares)).sum(axis=1)
    )


def judged(limits: Limits, weights: list[np.ndarray], truths: list[float], scale: tuple[float, float]) -> dict[str, float]:
    """Return what is said of one way to make limits; without limits (missing) nothing is covered, and the width is that of the scale."""
    low, high = np.asarray(limits[0]), np.asarray(limits[1])
    missing = np.isnan(low) | np.isnan(high)
    held = np.array([weight[(low <= truth + 1e-9) & (truth - 1e-9 <= high)].sum() for weight, truth in zip(weights, truths, strict=True)])
    width = np.where(missing, scale[1] - scale[0], np.minimum(high, scale[1]) - np.maximum(low, scale[0]))
    outside = (low < scale[0] - 1e-9) | (high > scale[1] + 1e-9)
    over = np.mean(weights, axis=0)
    return {
        "mean": held.mean(),
        "lowest": held.min(),
        "lowest_at": truths[int(held.argmin())],
        "width": over @ width,
        "outside": over @ outside,
        "missing": over @ missing,
    }


def waldlike(estimate: np.ndarray, variance: np.ndarray, quantile: float = Z) -> Limits:
    """Return limits as they come out of the formula, beyond the scale or not."""
    return estimate - quantile * np.sqrt(variance), estimate + quantile * np.sqrt(variance)


def net_truths() -> list[tuple[float, float, float]]:
    """Return shares of minus, zero and plus: a grid of tenths, and corners where nearly everybody agrees."""
    tenths = [(d / 10, z / 10, (10 - d - z) / 10) for d, z in product(range(11), repeat=2) if d + z <= 10 and max(d, z, 10 - d - z) < 10]
    corners = [(0.0, 0.05, 0.95), (0.05, 0.0, 0.95), (0.02, 0.03, 0.95), (0.01, 0.01, 0.98), (0.0, 0.02, 0.98), (0.02, 0.0, 0.98), (0.02, 0.96, 0.02)]
    return tenths + corners + [share[::-1] for share in corners[:-1]]


def net_methods(counts: np.ndarray) -> dict[str, Limits]:
    """Return limits of each way for one net share."""
    triple, n = tuple(counts.T), counts.sum(axis=1)
    minus, plus = counts[:, 0] / n, counts[:, 2] / n
    more = (counts + np.array([0.75, 1.5, 0.75])) / (n + 3)[:, None]
    score = net_share(triple)
    return {
        "score": (score.conf_low, score.conf_high),
        "adjusted_wald": waldlike(more[:, 2] - more[:, 0], (more[:, 2] + more[:, 0] - (more[:, 2] - more[:, 0]) ** 2) / (n + 3)),
        "wald": waldlike(plus - minus, np.maximum(plus + minus - (plus - minus) ** 2, 0) / n),
    }


def resampled(outcomes: np.ndarray) -> Limits:
    """Return the bootstrap limits of each outcome of one net share."""
    n = int(outcomes[0].sum())
    kinds = np.repeat(np.tile([-1.0, 0.0, 1.0], len(outcomes)), outcomes.ravel())
    votes = Votes(np.repeat(np.arange(len(outcomes)), n), np.tile(np.arange(n), len(outcomes)), np.ones(len(kinds)))
    found = net_vote_limits((kinds < 0).astype("float64"), (kinds > 0).astype("float64"), votes=votes, how=How("bootstrap"))
    return found.conf_low, found.conf_high


def of_net(n: int) -> list[dict[str, object]]:
    """Net share of n single answers."""
    outcomes, truths = compositions(n, 3), net_truths()
    weights = [chances(outcomes, share) for share in truths]
    nets = [share[2] - share[0] for share in truths]
    ways = net_methods(outcomes) | ({"bootstrap": resampled(outcomes)} if n <= 30 else {})
    return [row(("nps", n, 0.0), method, judged(limits, weights, nets, (-1, 1))) for method, limits in ways.items()]


def of_share(n: int) -> list[dict[str, object]]:
    """Share in the top box of n single answers."""
    hits, truths = np.arange(n + 1), [*np.arange(1, 100) / 100]
    share = hits / n
    score, centre = wilson(hits, np.full(n + 1, n)), (hits + Z**2 / 2) / (n + Z**2)
    ways = {
        "score": (score.conf_low, score.conf_high),
        "adjusted_wald": waldlike(centre, centre * (1 - centre) / (n + Z**2)),
        "wald": waldlike(share, share * (1 - share) / n),
    }
    weights = [stats.binom.pmf(hits, n, truth) for truth in truths]
    return [row(("csat", n, 0.0), method, judged(limits, weights, truths, (0, 1))) for method, limits in ways.items()]


MEAN_TRUTHS = [
    (0.2, 0.2, 0.2, 0.2, 0.2),
    (0.1, 0.2, 0.4, 0.2, 0.1),
    (0.4, 0.1, 0.0, 0.1, 0.4),
    (0.05, 0.05, 0.1, 0.4, 0.4),
    (0.02, 0.03, 0.05, 0.3, 0.6),
    (0.05, 0.0, 0.0, 0.05, 0.9),
    (0.0, 0.0, 0.05, 0.15, 0.8),
    (0.0, 0.0, 0.0, 0.1, 0.9),
    (0.1, 0.0, 0.0, 0.0, 0.9),
    (0.0, 0.0, 0.0, 0.02, 0.98),
    (0.0, 0.02, 0.0, 0.0, 0.98),
    (0.02, 0.0, 0.0, 0.28, 0.7),
]


def of_mean(n: int) -> list[dict[str, object]]:
    """Mean of n single answers from 1 to 5."""
    outcomes = compositions(n, 5)
    score = np.arange(5) / 4
    answers = np.repeat(np.tile(score, len(outcomes)), outcomes.ravel())
    groups = np.repeat(np.arange(len(outcomes)), n)
    votes = Votes(groups, np.tile(np.arange(n), len(outcomes)), np.ones(len(answers)))
    bounded = {method: mean_vote_limits(answers, votes=votes, how=How(method)) for method in ("score", "adjusted_wald")}
    logarithmic = clustered_mean(1 + 4 * answers, np.ones(len(answers)), groups=groups)
    mean = outcomes @ score / n
    variance = (outcomes @ score**2 / n - mean**2) / (n - 1)
    ways = {name: (limits.conf_low, limits.conf_high) for name, limits in bounded.items()}
    ways |= {
        "logarithmic": ((logarithmic.conf_low - 1) / 4, (logarithmic.conf_high - 1) / 4),
        "t": waldlike(mean, np.maximum(variance, 0), stats.t.ppf(0.975, n - 1)),
    }
    weights, truths = [chances(outcomes, share) for share in MEAN_TRUTHS], [float(score @ share) for share in MEAN_TRUTHS]
    return [row(("mean of 1 to 5", n, 0.0), method, judged(limits, weights, truths, (0, 1))) for method, limits in ways.items()]


def of_difference(n: int) -> list[dict[str, object]]:
    """Difference of two net shares of n single answers each."""
    outcomes = compositions(n, 3)
    first, second = (index.ravel() for index in np.meshgrid(range(len(outcomes)), range(len(outcomes)), indexing="ij"))
    pair = tuple(outcomes[first].T), tuple(outcomes[second].T)
    ways = {"adjusted_wald": net_share_difference(*pair), "score of each": difference(net_share(pair[0]), net_share(pair[1]))}
    shares = [(0.1, 0.2, 0.7), (0.3, 0.3, 0.4), (0.5, 0.3, 0.2), (0.02, 0.03, 0.95), (0.0, 0.02, 0.98)]
    pairs = [(one, other) for position, one in enumerate(shares) for other in shares[position:]]
    weights = [np.outer(chances(outcomes, one), chances(outcomes, other)).ravel() for one, other in pairs]
    truths = [(one[2] - one[0]) - (other[2] - other[0]) for one, other in pairs]
    limits = {name: (found.conf_low, found.conf_high) for name, found in ways.items()}
    low, high = net_methods(outcomes)["wald"]
    net, variance = (low + high) / 2, ((high - low) / 2 / Z) ** 2
    limits["wald"] = waldlike(net[first] - net[second], variance[first] + variance[second])
    return [row(("difference of two nps", n, 0.0), name, judged(found, weights, truths, (-2, 2))) for name, found in limits.items()]


def account_chances(answers: np.ndarray, shares: tuple[float, ...], alike: float) -> np.ndarray:
    """Return the probability of each way an account's answers can fall: all alike, or independent."""
    same = np.array([shares[int(np.argmax(kind))] if (kind > 0).sum() == 1 else 0.0 for kind in answers])
    return alike * same + (1 - alike) * chances(answers, shares)


def designs(sizes: dict[int, int], kinds: int) -> tuple[np.ndarray, np.ndarray, Callable[[tuple[float, ...], float], np.ndarray]]:
    """Return the ways accounts can fall (over all sizes), how many accounts fall each way in each outcome, and the outcomes' probabilities."""
    ways = [compositions(size, kinds) for size in sizes]
    outcomes = [compositions(accounts, len(way)) for accounts, way in zip(sizes.values(), ways, strict=True)]
    indices = [index.ravel() for index in np.meshgrid(*(range(len(part)) for part in outcomes), indexing="ij")]
    joint = np.column_stack([part[index] for part, index in zip(outcomes, indices, strict=True)])

    def weights(shares: tuple[float, ...], alike: float) -> np.ndarray:
        parts = [chances(part, account_chances(way, shares, alike)) for part, way in zip(outcomes, ways, strict=True)]
        return np.prod([part[index] for part, index in zip(parts, indices, strict=True)], axis=0)

    return np.concatenate(ways), joint, weights


def clustered(ways: np.ndarray, joint: np.ndarray) -> dict[str, Interval]:
    """Return the limits of every outcome: accounts known, and every answer taken for independent."""
    groups, times, kinds = np.repeat(np.arange(len(joint)), len(ways)), joint.ravel(), np.tile(ways, (len(joint), 1))
    sums = joint @ ways
    if ways.shape[1] == 3:
        return {"clustered": clustered_net_share(tuple(kinds.T), times=times, groups=groups), "independent": net_share(tuple(sums.T))}
    known = clustered_share(kinds[:, 1], kinds.sum(axis=1), counts=times, groups=groups)
    return {"clustered": known, "independent": wilson(sums[:, 1], sums.sum(axis=1))}


def by_account(ways: np.ndarray, joint: np.ndarray) -> Interval:
    """Return the limits of every outcome where accounts have one vote each."""
    accounts = int(joint[0].sum())
    kinds = ways[np.repeat(np.tile(np.arange(len(ways)), len(joint)), joint.ravel())]
    size = kinds.sum(axis=1)
    votes = Votes(np.repeat(np.arange(len(joint)), accounts), np.tile(np.arange(accounts), len(joint)), size.astype("float64"))
    if ways.shape[1] == 3:
        return net_vote_limits(kinds[:, 0] / size, kinds[:, 2] / size, votes=votes, how=How())
    return share_vote_limits(kinds[:, 1] / size, votes=votes, how=How())


NET_SHARES = [(0.3, 0.3, 0.4), (0.1, 0.2, 0.7), (0.5, 0.3, 0.2), (0.05, 0.1, 0.85), (0.1, 0.0, 0.9), (0.02, 0.03, 0.95)]
TOP_SHARES = [(0.5, 0.5), (0.3, 0.7), (0.2, 0.8), (0.1, 0.9), (0.05, 0.95)]


def of_accounts(score: str, sizes: dict[int, int], alike: float) -> list[dict[str, object]]:
    """Several answers an account: sizes are answers -> number of accounts."""
    shares = NET_SHARES if score == "nps" else TOP_SHARES
    ways, joint, weights = designs(sizes, len(shares[0]))
    found = clustered(ways, joint)
    if joint.sum() <= 3_000_000:
        found["one vote an account"] = by_account(ways, joint)
    truths = [share[-1] - share[0] if score == "nps" else share[-1] for share in shares]
    held = [weights(share, alike) for share in shares]
    answers = " + ".join(f"{accounts} x {size}" for size, accounts in sizes.items())
    scale = (-1, 1) if score == "nps" else (0, 1)
    return [row((score, answers, alike), method, judged((f.conf_low, f.conf_high), held, truths, scale)) for method, f in found.items()]


def row(design: tuple[str, object, float], method: str, figures: dict[str, float]) -> dict[str, object]:
    """Return one row of the results; the design is the score, its answers and how alike those of an account are."""
    score, answers, alike = design
    return {"score": score, "answers": str(answers), "alike": alike, "method": method, **figures}


DESIGNS = [
    *(("nps", {size: 10}, alike) for size in (2, 3) for alike in (0.3, 0.6)),
    *(("nps", {2: 30}, alike) for alike in (0.3, 0.6)),
    *(("csat", {size: accounts}, alike) for size in (2, 3, 5) for accounts in (10, 30) for alike in (0.3, 0.6)),
    *(("csat", {1: half, 3: half}, alike) for half in (5, 15) for alike in (0.3, 0.6)),
    ("csat", {1: 9, 10: 1}, 0.3),
    ("csat", {1: 27, 10: 3}, 0.3),
]


def study() -> pd.DataFrame:
    """Return all rows."""
    rows = [found for n in (10, 30, 60) for part in (of_net, of_share) for found in part(n)]
    rows += [found for n in (10, 30) for part in (of_mean, of_difference) for found in part(n)]
    rows += [found for design in DESIGNS for found in of_accounts(*design)]
    return pd.DataFrame(rows).round(4)


if __name__ == "__main__":
    table = study()
    table.to_csv(Path(__file__).parent / "results" / "scores_enumerated.csv", index=False)
    print(table.to_string())
