"""Rules that give new accounts to personas: a few conditions that people can read, and how often they say what the personas say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import RepeatedStratifiedKFold

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.persona_rows import NEVER_USED, UNASSIGNED, Choice, Rows, persona_rows
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import wilson
from cs_analysis.stats.rule_tree import Labels, Leaf, RuleTree, rule_tree

_FOLDS, _REPEATS = 5, 10


class _Personas(Protocol):
    @property
    def verdict(self) -> str: ...
    @property
    def assigned(self) -> pd.DataFrame: ...
    @property
    def choice(self) -> Choice: ...


@dataclass(frozen=True, eq=False)
class PersonaRules:
    """Rules for personas, and how well they do.

    Attributes
    ----------
    rules : DataFrame
        `persona` ("unassigned" where no persona has enough of the leaf), `rule` in words, `accounts` that made it, `purity`: the share of them with the persona
        most of them have.
    fidelity : DataFrame
        Estimates, unit `share`: `rule_fidelity`, accounts to whom rules made from other accounts give the persona they have, Wilson limits;
        `rule_majority`, what naming the largest persona always would reach, a fact; `rule_unassigned`, accounts the rules give none, Wilson limits.
    tree, choice, purest
        What `assign` needs.
    """

    rules: pd.DataFrame
    fidelity: pd.DataFrame
    tree: RuleTree
    choice: Choice
    purest: float

    def assign(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return the persona of each account of a table by the rules.

        Parameters
        ----------
        features : DataFrame
            `account_id` and the columns the rules were made from, in their own units.

        Returns
        -------
        DataFrame
            `account_id`, `persona`, by account; "never used" and "unassigned" (a missing value, or a rule for too mixed a leaf) stand for a persona.

        Raises
        ------
        MissingColumnsError, ParameterError
            As for `fit_personas`.
        """
        rows = persona_rows(features, self.choice)
        return pd.DataFrame({"account_id": rows.accounts, "persona": _ruled(self.tree, rows, purest=self.purest)})


def persona_rules(
    personas: _Personas,
    features: pd.DataFrame,
    *,
    depth: int = 3,
    fewest: int = 10,
    purest: float = 0.6,
    rng: int = 0,
    conf_level: float = 0.95,
) -> PersonaRules:
    """Return rules of at most `depth` conditions that give accounts to personas, as a shallow tree learns them from the accounts that have one.

    Rules are simpler than personas and so say something else of some accounts; how many is measured on accounts the rules were not made from (five-fold
    cross-validation, on average of ten divisions). Its limits count the accounts; that others would have given other rules makes them somewhat too narrow.
    Thresholds are as round as they can be without moving an account. Accounts that were never used are known by that, not by a rule.

    Parameters
    ----------
    personas : PersonaFit
        Personas to be described.
    features : DataFrame
        The table they were made from, or one of the same accounts, in its own units.
    depth : int
        Most conditions a rule.
    fewest : int
        Least accounts a rule is made from.
    purest : float
        Least share of a rule's accounts that must have its persona; else it gives "unassigned".
    rng : int
        Seed of the divisions into fifths.
    conf_level : float
        Level of the limits.

    Returns
    -------
    PersonaRules

    Raises
    ------
    NotEnoughDataError
        There are no personas, by the verdict; a persona has fewer than five accounts.
    MissingColumnsError, ParameterError
        As for `fit_personas`; `depth`, `fewest` or `purest` is out of range; accounts without a persona.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees. Wilson (1927), Journal of the American Statistical Association 22,
    209-212.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> rng = np.random.default_rng(1)
    >>> low, high = rng.normal([3, 3, 3], 0.5, (40, 3)), rng.normal([8, 3, 9], 0.5, (30, 3))
    >>> table = pd.DataFrame(np.vstack([low, high]), columns=["days", "users", "reports"]).assign(account_id=range(70))
    >>> rules = persona_rules(cs.fit_personas(table, null_tables=19, most=3), table)
    >>> rules.rules[["persona", "rule"]].values.tolist()
    [['A', 'days <= 6'], ['B', 'days > 6']]
    """
    check_conf_level(conf_level)
    _check(depth=depth, fewest=fewest, purest=purest)
    rows = persona_rows(features, personas.choice)
    labels = _labels(personas, rows)
    placed = rows.grouped & ~pd.isna(labels) & (labels != UNASSIGNED)
    values, known = rows.numbers[placed], labels[placed]
    whole = ~np.isnan(values).any(axis=1)  # personas made with medians in place of missing values; rules know no medians
    _check_enough(personas, known[whole])
    tree = rule_tree(values[whole], known[whole], depth=depth, fewest=fewest)
    said = np.full((_REPEATS, len(known)), UNASSIGNED, dtype=object)
    folds = RepeatedStratifiedKFold(n_splits=_FOLDS, n_repeats=_REPEATS, random_state=rng)
    for fold, (learnt, asked) in enumerate(folds.split(values, known.astype(str))):
        used = learnt[whole[learnt]]
        again = rule_tree(values[used], known[used], depth=depth, fewest=fewest)
        said[fold // _FOLDS, asked] = again.labels(values[asked], purest=purest, otherwise=UNASSIGNED)
    return PersonaRules(
        _told(tree, personas.choice.names, purest=purest), _fidelity(known, said, conf_level=conf_level), tree=tree, choice=personas.choice, purest=purest
    )


def _check(*, depth: int, fewest: int, purest: float) -> None:
    if depth < 1 or fewest < 1 or not 0 <= purest <= 1:
        raise ParameterError(f"depth and fewest must be at least 1 and purest between 0 and 1, not depth={depth!r}, fewest={fewest!r}, purest={purest!r}.")


def _labels(personas: _Personas, rows: Rows) -> Labels:
    """Return the persona of each account of the table."""
    of = personas.assigned.set_index("account_id")["persona"]
    unknown = ~rows.accounts.isin(of.index)
    if unknown.any():
        raise ParameterError(
            f"rules are made from accounts with personas; {rows.accounts[unknown].iloc[0]!r} has none, {int(unknown.sum())} in all. Use assign."
        )
    return np.asarray(rows.accounts.map(of), dtype=object)


def _check_enough(personas: _Personas, known: Labels) -> None:
    if not len(known):
        raise NotEnoughDataError(f"there are no personas to make rules for: the verdict is {personas.verdict!r}.")
    names, counts = np.unique(known.astype(str), return_counts=True)
    if counts.min() < _FOLDS:
        raise NotEnoughDataError(f"rules need at least {_FOLDS} accounts of each persona; {names[counts.argmin()]!r} has {counts.min()}.")


def _ruled(tree: RuleTree, rows: Rows, *, purest: float) -> Labels:
    found = tree.labels(rows.numbers, purest=purest, otherwise=UNASSIGNED)
    found[rows.never] = NEVER_USED
    return found


def _told(tree: RuleTree, names: Sequence[str], *, purest: float) -> pd.DataFrame:
    """Return the rules in words, by persona, the largest first."""
    rows = [(leaf.label if leaf.purity >= purest else UNASSIGNED, _words(leaf, names), leaf.rows, leaf.purity) for leaf in tree.leaves]
    told = pd.DataFrame(rows, columns=["persona", "rule", "accounts", "purity"])
    return told.sort_values(["persona", "accounts"], ascending=[True, False], kind="stable", ignore_index=True)


def _words(leaf: Leaf, names: Sequence[str]) -> str:
    """Return the conditions of a leaf, of each column and side the narrowest."""
    narrowest: dict[tuple[int, bool], float] = {}
    for column, above, threshold in leaf.conditions:
        before = narrowest.get((column, above), threshold)
        narrowest[column, above] = max(before, threshold) if above else min(before, threshold)
    return " and ".join(f"{names[column]} {'>' if above else '<='} {threshold:.12g}" for (column, above), threshold in narrowest.items()) or "any account"


def _fidelity(known: Labels, said: npt.NDArray[np.object_], *, conf_level: float) -> pd.DataFrame:
    """Return how often rules said what the personas say."""
    n, largest = len(known), np.unique(known.astype(str), return_counts=True)[1].max()
    counts = {"rule_fidelity": float((known == said).sum(axis=1).mean()), "rule_unassigned": float((said == UNASSIGNED).sum(axis=1).mean())}
    shares = [estimates({}, metric=name, unit="share", **wilson(count, n, conf_level=conf_level)._asdict(), n=n) for name, count in counts.items()]
    return stack([shares[0], estimates({}, metric="rule_majority", unit="share", estimate=largest / n, n=n), shares[1]])
