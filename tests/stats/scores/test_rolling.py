"""What is foretold at a date rests on dates whose outcomes were known by then."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import NotEnoughDataError
from cs_analysis.stats.scores.rolling import Foretold, Sample, base_rate, best_feature, recalibrated, rolling_origin


def sample(x: dict[str, list[float]], y: list[int]) -> Sample:
    """Return rows, each its own cluster."""
    return Sample(np.arange(len(y)), pd.DataFrame(x, dtype="float64"), np.array(y, dtype=bool), np.array([f"a{row}" for row in range(len(y))], dtype=object))


def test_a_date_learns_from_what_was_known_by_it_and_from_nothing_else() -> None:
    # three rows on each of the dates 0 to 4; what became of a row is known two dates later
    turn = np.repeat(np.arange(5), 3)
    rows = sample({"x": list(range(15))}, [0, 1, 0] * 5)
    seen: dict[int, list[int]] = {}

    def watching(train: Sample, test: Sample) -> Foretold:
        seen[int(turn[test.rows[0]])] = train.rows.tolist()
        return Foretold(test.rows.astype("float64"), np.full(len(test.rows), train.y.mean()))

    found = rolling_origin(rows, turn=turn, known_from=turn + 2, models={"watching": watching}, fewest=2)
    # at date 2 one row with a yes is known, at date 3 there are two
    assert seen == {3: list(range(6)), 4: list(range(9))}
    assert found["row"].tolist() == list(range(9, 15))
    assert found["probability"].tolist() == pytest.approx([1 / 3] * 6)
    with pytest.raises(NotEnoughDataError, match="starts once 4 have left and 4 have stayed"):
        rolling_origin(rows, turn=turn, known_from=turn + 2, models={"watching": watching}, fewest=4)


def test_rows_of_one_cluster_count_once_towards_the_fewest() -> None:
    turn = np.array([0, 0, 0, 0, 1, 1])
    rows = sample({"x": [1, 2, 3, 4, 5, 6]}, [1, 1, 0, 0, 0, 1])
    alike = Sample(rows.rows, rows.x, rows.y, np.array(["a", "a", "b", "c", "d", "e"], dtype=object))
    with pytest.raises(NotEnoughDataError):
        rolling_origin(alike, turn=turn, known_from=turn + 1, models={"base_rate": base_rate}, fewest=2)
    assert len(rolling_origin(rows, turn=turn, known_from=turn + 1, models={"base_rate": base_rate}, fewest=2)) == 2


def test_the_best_feature_is_chosen_and_turned_in_the_training_rows() -> None:
    y = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    train = sample({"weak": [1, 5, 3, 8, 2, 4, 9, 6, 7, 10], "strong": [1, 2, 3, 4, 7, 5, 6, 8, 9, 10], "empty": [np.nan] * 10}, y)
    # strong: of 25 pairs the yes has the higher value in 2 (7 over 5 and 6), so low values tell of a yes
    assert train.areas["strong"] == pytest.approx(2 / 25)
    assert train.areas["empty"] == 0.5
    p = best_feature(train, sample({"weak": [1.0, 10.0, 5.0], "strong": [10.0, 1.0, np.nan], "empty": [1.0, 1.0, 1.0]}, [0, 0, 0])).probability
    assert p[1] > p[2] > p[0]
    assert base_rate(train, train.part(train.y)).probability.tolist() == [0.5] * 5


def test_a_missing_score_gets_the_probability_of_an_average_one() -> None:
    train = sample({"x": [0.0] * 10}, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    score = np.array([1.0, 2, 3, 4, 6, 5, 7, 8, 9, 10])
    p = recalibrated(train, score, np.array([np.nan, 5.5, 1.0, 10.0]))  # 5.5 is the mean
    assert p[0] == pytest.approx(p[1])
    assert p[2] > p[0] > p[3]
