"""Shallow decision trees as rules that people can read: few conditions, and thresholds as round as the data allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.tree import DecisionTreeClassifier

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.object_]


class Condition(NamedTuple):
    """A column is at most a threshold, or above it."""

    column: int
    above: bool
    threshold: float


class Leaf(NamedTuple):
    """Rows that meet all conditions: how many made the leaf, which label most of them had, and what share of them."""

    conditions: tuple[Condition, ...]
    rows: int
    label: str
    purity: float

    def holds(self, values: Floats) -> npt.NDArray[np.bool_]:
        """Return which rows meet the conditions; a missing value meets none."""
        kept = np.ones(len(values), dtype="bool")
        for column, above, threshold in self.conditions:
            kept &= values[:, column] > threshold if above else values[:, column] <= threshold
        return kept & ~np.isnan(values).any(axis=1)


@dataclass(frozen=True)
class RuleTree:
    """Leaves of which no two hold for the same row."""

    leaves: tuple[Leaf, ...]

    def labels(self, values: Floats, *, purest: float, otherwise: object) -> Labels:
        """Return the label of each row; `otherwise` where a value is missing or the leaf is less pure than `purest`."""
        found = np.full(len(values), otherwise, dtype=object)
        for leaf in self.leaves:
            if leaf.purity >= purest:
                found[leaf.holds(values)] = leaf.label
        return found


def rule_tree(values: Floats, labels: Labels, *, depth: int, fewest: int) -> RuleTree:
    """Return a tree of at most `depth` conditions a leaf and at least `fewest` rows in each.

    Each threshold is the roundest number that divides the rows at hand as the tree does, so rounding changes nothing of what was learnt.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees.

    Examples
    --------
    >>> tree = rule_tree(np.array([[1.03], [2.0], [7.91], [9.0]]), np.array(["A", "A", "B", "B"], dtype=object), depth=2, fewest=1)
    >>> [(leaf.conditions, leaf.label) for leaf in tree.leaves]
    [((Condition(column=0, above=False, threshold=5.0),), 'A'), ((Condition(column=0, above=True, threshold=5.0),), 'B')]
    """
    grown = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=fewest, random_state=0).fit(values, labels.astype(str))
    return RuleTree(tuple(_leaves(grown, values, labels, node=0, rows=np.arange(len(values)), so_far=())))


def roundest(low: float, high: float) -> float:
    """Return the number in [low, high) with the fewest digits; of several the one nearest to the middle.

    Examples
    --------
    >>> roundest(2.0, 7.91), roundest(0.1234, 0.1239), roundest(-3.2, 4.0), roundest(1180.0, 1340.0)
    (5.0, 0.1236, 0.0, 1300.0)
    """
    if low <= 0 < high:
        return 0.0
    middle = (low + high) / 2
    for digits in range(-int(np.floor(np.log10(max(abs(low), abs(high))))), 300):
        candidates = np.round(np.round(middle, digits) + 10.0**-digits * np.array([0, -1, 1]), digits)
        inside = candidates[(candidates >= low) & (candidates < high)]
        if len(inside):
            return float(inside[np.abs(inside - middle).argmin()])
    return low


def _leaves(
    grown: DecisionTreeClassifier, values: Floats, labels: Labels, *, node: int, rows: npt.NDArray[np.int64], so_far: tuple[Condition, ...]
) -> Iterator[Leaf]:
    """Yield the leaves below a node, whose thresholds become round."""
    tree = grown.tree_
    if tree.children_left[node] < 0:
        names, counts = np.unique(labels[rows].astype(str), return_counts=True)
        yield Leaf(so_far, len(rows), str(names[counts.argmax()]), float(counts.max() / len(rows)))
        return
    column = int(tree.feature[node])
    own = values[rows, column]
    left = own.astype("float32") <= tree.threshold[node]  # as the tree compares
    threshold = roundest(own[left].max(), own[~left].min())
    for above, child, part in ((False, tree.children_left[node], rows[left]), (True, tree.children_right[node], rows[~left])):
        yield from _leaves(grown, values, labels, node=int(child), rows=part, so_far=(*so_far, Condition(column, above, threshold)))
