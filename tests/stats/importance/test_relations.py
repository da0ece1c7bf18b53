import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.importance.ratings import Ratings, read_ratings
from cs_analysis.stats.importance.relations import Relations, applicable_relations, complete_relations, pairwise_relations

DRIVERS = ["a", "b", "c"]


def answers(seed: int, *, holes: bool = False, rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(rows, 1))
    table = pd.DataFrame(np.clip(np.round(3 + shared + rng.normal(size=(rows, 4))), 1, 5), columns=[*DRIVERS, "y"]).assign(account=rng.integers(0, 15, rows))
    if holes:
        table[DRIVERS] = table[DRIVERS].mask(rng.random((rows, 3)) < 0.2)
    return table


def read(table: pd.DataFrame, missing: str = "complete", *, cluster: str | None = "account") -> Ratings:
    return read_ratings(table, outcome="y", drivers=DRIVERS, cluster=cluster, missing=missing)


def of_clusters(relations: Relations, times: np.ndarray) -> np.ndarray:
    """Return the correlations of a replicate in which each cluster is drawn so many times."""
    return relations.correlations((times @ relations.contributions)[None, :])[0]


def repeated(ratings: Ratings, times: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(ratings.x, columns=DRIVERS).assign(y=ratings.y)
    return table.loc[np.repeat(np.arange(len(table)), times[ratings.owners])]


def test_a_replicate_is_what_repeating_rows_gives() -> None:
    table = answers(1)
    ratings = read(table)
    times = np.random.default_rng(2).multinomial(ratings.clusters, np.full(ratings.clusters, 1 / ratings.clusters))
    wanted = repeated(ratings, times).corr()
    assert_allclose(of_clusters(complete_relations(ratings), times), wanted, rtol=1e-10)
    assert_allclose(complete_relations(ratings).whole, table[[*DRIVERS, "y"]].corr(), rtol=1e-10)


def test_a_pairwise_replicate_is_what_repeating_rows_gives() -> None:
    table = answers(3, holes=True)
    ratings = read(table, "pairwise")
    kept = table[table[DRIVERS].notna().any(axis=1)].reset_index(drop=True)
    times = np.random.default_rng(2).multinomial(ratings.clusters, np.full(ratings.clusters, 1 / ratings.clusters))
    assert_allclose(of_clusters(pairwise_relations(ratings), times), repeated(ratings, times).corr(), rtol=1e-10)
    assert_allclose(pairwise_relations(ratings).whole, kept[[*DRIVERS, "y"]].corr(), rtol=1e-10)


def test_not_applicable_is_a_second_column() -> None:
    table = answers(4, holes=True)
    table["c"] = table["c"].fillna(3.0)
    relations = applicable_relations(read(table, "not_applicable"))
    kept = table[table[["a", "b", "c"]].notna().any(axis=1)]
    columns = {"a": (kept["a"] - kept["a"].mean()).fillna(0), "a?": kept["a"].notna(), "b": (kept["b"] - kept["b"].mean()).fillna(0), "b?": kept["b"].notna()}
    assert_allclose(relations.whole, pd.DataFrame({**columns, "c": kept["c"], "y": kept["y"]}).astype(float).corr(), atol=1e-12)
    assert relations.columns == [2, 2, 1]


@pytest.mark.slow
def test_replicates_draw_as_many_clusters_as_there_are() -> None:
    relations = complete_relations(read(answers(5, rows=200)))
    drawn = relations.drawn(replicates=4000, rng=np.random.default_rng(0))
    assert drawn.shape == (4000, 4, 4)
    singles = [of_clusters(relations, np.bincount(np.random.default_rng(draw).integers(0, 15, 15), minlength=15)) for draw in range(4000)]
    assert_allclose(drawn.mean(axis=0), np.mean(singles, axis=0), atol=0.01)
    assert_allclose(drawn.std(axis=0), np.std(singles, axis=0), atol=0.01)


def test_rows_in_another_order_change_nothing() -> None:
    table = answers(6)
    first, second = (
        complete_relations(read(rows)).drawn(replicates=50, rng=np.random.default_rng(0)) for rows in (table, table.sample(frac=1, random_state=1))
    )
    assert_allclose(first, second, atol=1e-10)


def test_a_column_that_is_constant_in_a_replicate_is_related_to_nothing() -> None:
    table = pd.DataFrame({"a": [1, 1, 1, 1, 5, 5], "b": [1, 2, 3, 4, 1, 2], "c": [2, 1, 4, 2, 5, 3], "y": [1, 2, 3, 5, 4, 4], "account": [0, 1, 2, 3, 4, 5]})
    found = of_clusters(complete_relations(read(table)), np.array([2, 2, 1, 1, 0, 0]))
    assert found[0].tolist() == [1, 0, 0, 0]
    assert found[1, 3] == pytest.approx(np.corrcoef([1, 1, 2, 2, 3, 4], [1, 1, 2, 2, 3, 5])[0, 1])


def test_pairs_without_common_rows_and_contradictions_are_refused() -> None:
    apart = pd.DataFrame({"a": [1, 2, 3, 4, *[None] * 4], "b": [*[None] * 4, 1, 3, 2, 5], "c": [1, 3, 2, 4, 4, 1, 3, 3], "y": [1, 2, 3, 5, 1, 2, 4, 3]})
    with pytest.raises(NotEnoughDataError, match="'a' and 'b' have 0"):
        pairwise_relations(read(apart, "pairwise", cluster=None))
    up, down, some = [1, 2, 3, 4], [4, 3, 2, 1], [None] * 4  # a rises with b, b with c, but c falls with a
    against = pd.DataFrame({"a": [*up, *some, *up], "b": [*up, *up, *some], "c": [*some, *up, *down], "y": [1, 3, 2, 4] * 3})
    with pytest.raises(NotEnoughDataError, match=r"contradict each other here\. Use missing='complete'"):
        pairwise_relations(read(against, "pairwise", cluster=None))


def test_copies_are_refused_where_answers_are_missing_too() -> None:
    table = answers(7, holes=True)
    table["b"] = table["a"]
    with pytest.raises(ParameterError, match="'b' is determined by 'a'"):
        applicable_relations(read(table, "not_applicable"))
