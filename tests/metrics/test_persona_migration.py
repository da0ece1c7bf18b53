"""Moves between personas: counted by hand, beside what noise alone would move, and by personas made anew."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import NotEnoughDataError, ParameterError

CENTRES = np.array([[3.0, 3, 3], [9, 3, 9], [3, 9, 9]])
SIZES = [60, 40, 30]
NAMES = ["days", "users", "reports"]

pytestmark = pytest.mark.slow


def measured(personas: list[int], *, seed: int, by: float = 0.0) -> pd.DataFrame:
    """Return features of accounts of known personas, uniform within one and a half of the centre, so that none is far from it; -1 never used."""
    kinds = np.array(personas)
    values = CENTRES[kinds] + np.random.default_rng(seed).uniform(-1.5, 1.5, (len(kinds), 3)) + by
    values[kinds < 0] = 0.0
    return pd.DataFrame(values, columns=NAMES).assign(account_id=[f"a{number:03d}" for number in range(len(kinds))])


TRUE = [*np.repeat([0, 1, 2], SIZES), -1, -1]


@cache
def fitted() -> cs.PersonaFit:
    return cs.fit_personas(measured(TRUE, seed=1), null_tables=19, most=3)


def certain(table: pd.DataFrame) -> pd.DataFrame:
    """Return the accounts of a table that have a persona."""
    return table[table["account_id"].isin(fitted().predict(table).query("persona != 'unassigned'")["account_id"])]


def rows(found: pd.DataFrame, metric: str, model: str = "frozen") -> pd.DataFrame:
    return found[(found["metric"] == metric) & (found["model"] == model)].reset_index(drop=True)


def test_six_accounts_on_paper() -> None:
    """Of three in A one stays, one goes to B and one leaves; B stays; C stops using; one is new: 2 of the 4 with a persona at both dates moved."""
    places = {"A": CENTRES[0], "B": CENTRES[1], "C": CENTRES[2], "never used": np.zeros(3)}
    was, is_now = ({"a": "A", "b": "A", "c": "A", "d": "B", "e": "C"}, {"a": "A", "b": "B", "d": "B", "e": "never used", "f": "C"})
    then, now = (pd.DataFrame([places[name] for name in who.values()], columns=NAMES).assign(account_id=list(who)) for who in (was, is_now))
    found = cs.persona_migration(fitted(), then, now)
    matrix = rows(found, "persona_migration").query("estimate > 0")
    assert matrix[["from_persona", "to_persona", "estimate", "n"]].to_numpy().tolist() == [
        *[["A", to, pytest.approx(1 / 3), 3] for to in ("A", "B", "left")],
        *[["B", "B", 1, 1], ["C", "never used", 1, 1], ["new", "C", 1, 1]],
    ]
    assert rows(found, "moved_share")[["estimate", "n"]].to_numpy().tolist() == [[2 / 4, 4]]


def test_moves_are_counted() -> None:
    """At the centres nobody is unassigned: of 60 in A 6 go to B and 3 stop using; one of 40 in B leaves; one is new."""
    then = measured(TRUE, seed=1)
    then[NAMES] = np.where(np.array(TRUE)[:, None] < 0, 0, CENTRES[TRUE])
    now = then.copy()
    now.loc[:5, NAMES] = CENTRES[1]
    now.loc[6:8, NAMES] = 0.0
    now = pd.concat([now.drop(index=60), pd.DataFrame({"account_id": ["z"], **dict(zip(NAMES, CENTRES[2], strict=True))})])
    found = cs.persona_migration(fitted(), then, now)
    matrix = rows(found, "persona_migration").set_index(["from_persona", "to_persona"])
    assert matrix.loc[[("A", "A"), ("A", "B"), ("A", "C"), ("A", "never used")], "estimate"].tolist() == [51 / 60, 6 / 60, 0, 3 / 60]
    assert matrix.loc[[("B", "left"), ("new", "C"), ("never used", "never used")], "estimate"].tolist() == [1 / 40, 1, 1]
    assert matrix.loc["A", "n"].tolist() == [60] * 5
    assert ("new", "left") not in matrix.index
    assert matrix.groupby("from_persona")["estimate"].sum().tolist() == pytest.approx([1] * 5)
    # Wilson's upper limit of none of 60: z^2 / (60 + z^2).
    assert matrix.loc[("A", "C"), "conf_high"] == pytest.approx(3.841459 / 63.841459, abs=1e-6)
    moved = rows(found, "moved_share").iloc[0]
    assert (moved["estimate"], moved["n"], moved["verdict"]) == (9 / 131, 131, "noise unknown")  # who left or is new is not among them
    assert rows(found, "moved_share_noise")["estimate"].isna().all()


def test_who_is_of_no_persona_at_a_date_neither_moved_nor_stayed() -> None:
    then = certain(measured(TRUE, seed=2)).reset_index(drop=True)
    now = then.copy()
    now.loc[0, "days"] = 900.0
    found = cs.persona_migration(fitted(), then, now)
    assert rows(found, "moved_share")[["estimate", "n"]].to_numpy().tolist() == [[0.0, len(then) - 1]]
    assert "unassigned" in set(rows(found, "persona_migration")["to_persona"])


def test_the_floor_is_what_moves_between_two_measurements_of_the_same() -> None:
    """All three at centres: between `repeat` and `then` 4 differ, between `then` and `now` 30, of whom 2 also did before."""
    base = measured(TRUE, seed=1)
    base[NAMES] = np.where(np.array(TRUE)[:, None] < 0, 0, CENTRES[TRUE])
    repeat, now = base.copy(), base.copy()
    repeat.loc[:3, NAMES] = CENTRES[1]
    now.loc[2:31, NAMES] = CENTRES[2]
    found = cs.persona_migration(fitted(), base, now, repeat=repeat)
    assert rows(found, "moved_share_noise")[["estimate", "n"]].to_numpy().tolist() == [[4 / 132, 132]]
    beyond = rows(found, "moved_beyond_noise").iloc[0]
    assert beyond["estimate"] == pytest.approx((28 - 2) / 132)
    assert beyond["verdict"] == "beyond noise"
    swapped = cs.persona_migration(fitted(), base, repeat, repeat=now)
    assert rows(swapped, "moved_beyond_noise")["verdict"].tolist() == ["not shown"]


def test_personas_made_anew_keep_their_names_when_sizes_change() -> None:
    """Most of A went to C, which is the largest now; all use 0.5 more of everything."""
    then, true = measured(TRUE, seed=1), np.array(TRUE)
    true[:45] = 2
    now = measured(true.tolist(), seed=3, by=0.5)
    now.loc[true < 0, NAMES] = 0.0
    found = cs.persona_migration(fitted(), then, now, refit=True)
    matrix = rows(found, "persona_migration", "refitted").set_index(["from_persona", "to_persona"])["estimate"]
    assert matrix[("A", "C")] == pytest.approx(45 / 60, abs=0.03)
    assert matrix[("B", "B")] > 0.9
    assert rows(found, "refit_agreement", "refitted")["estimate"].item() > 0.95
    shift = rows(found, "centre_shift", "refitted")
    prepared = fitted().prepared.set_index("feature")
    plain = shift[shift["feature"].map(prepared["scale"]) == "as it is"]
    assert len(plain) == 6  # users is skewed and on a logarithmic scale
    # Both times everybody is where he truly belongs, so centres are the means of those who do.
    means = [table[NAMES].groupby(kinds).mean().drop(index=-1) for table, kinds in ((then, np.array(TRUE)), (now, true))]
    told = ((means[1] - means[0])[["days", "reports"]] / prepared["sd"][["days", "reports"]]).to_numpy()
    assert plain["estimate"].to_numpy() == pytest.approx(told.ravel(), abs=0.01)
    assert (shift["verdict"] == "shifted").sum() >= 5
    assert shift["persona"].tolist() == list("AAABBBCCC")


def test_personas_made_anew_are_on_the_scales_of_the_first() -> None:
    """Users are skewed and on a logarithmic scale; at a later date they would not be by themselves."""
    now = measured([2] * 100 + [0] * 30, seed=6)
    alone, again = cs.fit_personas(now, k=2, null_tables=19, most=2), fitted().again(now, k=2, null_tables=19, most=2)
    scales = [fit.prepared.set_index("feature")["scale"]["users"] for fit in (fitted(), alone, again)]
    assert scales == ["log1p", "as it is", "log1p"]


def test_a_later_crowd_without_groups_is_told() -> None:
    now = measured(TRUE, seed=4)
    now[NAMES] = np.random.default_rng(5).normal(6, 2, (len(now), 3))
    found = cs.persona_migration(fitted(), measured(TRUE, seed=1), now, refit=True)
    assert set(rows(found, "centre_shift", "refitted")["verdict"]) == {"no structure now"}


def test_the_same_seed_gives_the_same_table_in_any_order_and_inputs_stay() -> None:
    then, now = measured(TRUE, seed=1), measured(TRUE, seed=2)
    before = then.copy()
    one = cs.persona_migration(fitted(), then, now, repeat=measured(TRUE, seed=3), refit=True, rng=1)
    two = cs.persona_migration(
        fitted(), then.sample(frac=1, random_state=1), now.sample(frac=1, random_state=2), repeat=measured(TRUE, seed=3), refit=True, rng=1
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    pd.testing.assert_frame_equal(then, before)


def test_what_cannot_be_answered_is_refused() -> None:
    table = measured(TRUE, seed=1)
    early, late = (table.assign(at=pd.Timestamp(day)) for day in ("2026-06-30", "2026-09-30"))
    with pytest.raises(ParameterError, match="now must be later than then"):
        cs.persona_migration(fitted(), late, early)
    with pytest.raises(ParameterError, match="repeat must be of days of its own"):
        cs.persona_migration(fitted(), early, late, repeat=early)
    with pytest.raises(NotEnoughDataError, match="days no longer varies"):
        cs.persona_migration(fitted(), table, table.assign(days=5.0), refit=True)
    crowd = table.assign(**dict(zip(NAMES, np.random.default_rng(2).normal(5, 1, (3, len(table))), strict=True)))
    without = cs.fit_personas(crowd, null_tables=19, most=3)
    with pytest.raises(NotEnoughDataError, match="no structure"):
        cs.persona_migration(without, crowd, crowd)
