"""Changes between waves: by hand, against `nps`, against a search in plain Python, and what waves there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingTableError, ParameterError
from cs_analysis.stats.intervals import net_share_difference
from helpers import accounts, utc

JANUARY, FEBRUARY, MARCH = (pd.Timestamp(2026, month, 1) for month in (1, 2, 3))
NAMES = [f"a{number:02d}" for number in range(60)]


def said(*answers: tuple[str, str | None, str, float], survey: str = "nps", **more: list[Any]) -> cs.Dataset:
    """Return a dataset of answers (account, user, day, score), as of the end of March 2026."""
    owners, users, days, scores = zip(*answers, strict=True)
    rows = pd.DataFrame({"response_id": range(len(answers)), "account_id": owners, "user_id": users, "survey": survey, "score": scores, **more})
    rows = rows.assign(asked_at=utc(*days), answered_at=utc(*days))
    known = accounts(**dict.fromkeys(sorted(set(owners)), "2025-01-01"))
    return cs.read_dataset({"accounts": known.assign(segment=np.where(known.index % 2, "y", "x")), "responses": rows}, as_of="2026-03-31")


def waves(*counts: tuple[int, int, int], owners: list[str] = NAMES) -> cs.Dataset:
    """Return a dataset with so many detractors, passives and promoters in January, February ..., one answer an account in the order of names."""
    rows = []
    for month, kinds in enumerate(counts, start=1):
        scores = np.repeat([3.0, 8.0, 10.0], kinds)
        rows += [(owner, None, f"2026-{month:02d}-10", score) for owner, score in zip(owners[: len(scores)], scores, strict=True)]
    return said(*rows)


def random_company(seed: int) -> cs.Dataset:
    """Return answers of few accounts with few users in three months."""
    rng = np.random.default_rng(seed)
    owners, users = rng.choice(NAMES[:6], 50).tolist(), rng.choice(np.array(["u", "v", None], dtype=object), 50).tolist()
    days = [f"2026-{rng.integers(1, 4):02d}-{rng.integers(1, 28):02d}T{rng.integers(0, 24):02d}:00:00" for _ in range(50)]
    return said(*zip(owners, users, days, rng.integers(0, 11, 50).astype(float), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("design", ["mixed", "independent"])
@pytest.mark.parametrize("against", ["previous", "first", "2026-02-01"])
@pytest.mark.parametrize("seed", range(2))
def test_the_change_is_the_difference_of_the_scores(seed: int, against: str, design: str) -> None:
    ds = random_company(seed)
    score = cs.nps(ds, period="month").set_index("period")
    found = cs.score_change(ds, period="month", against=against, design=design)
    compared = {"previous": [JANUARY, FEBRUARY], "first": [JANUARY, JANUARY], "2026-02-01": [FEBRUARY, FEBRUARY]}[against]
    assert found["against"].tolist() == compared
    assert found["period"].tolist() == [JANUARY if against == "2026-02-01" else FEBRUARY, MARCH]
    for row in found.itertuples():
        assert row.estimate == pytest.approx(score.loc[row.period, "estimate"] - score.loc[row.against, "estimate"])
        assert row.n == score.loc[[row.period, row.against], "n"].min()
        assert row.conf_low <= row.estimate <= row.conf_high


@pytest.mark.parametrize("seed", range(4))
def test_the_paired_change_is_that_of_a_search(seed: int) -> None:
    ds = random_company(seed)
    last: dict[tuple[int, str, str | None], tuple[pd.Timestamp, int, float]] = {}
    for row in ds.tables["responses"].to_pandas().itertuples():
        person = (row.answered_at.month, row.account_id, None if pd.isna(row.user_id) else row.user_id)
        if person not in last or last[person][:2] < (row.answered_at, row.response_id):
            last[person] = (row.answered_at, row.response_id, row.score)
    found = cs.score_change(ds, period="month", design="paired").set_index("period")
    for month, period in ((2, FEBRUARY), (3, MARCH)):
        gaps = []
        for (when, owner, user), (_, _, score) in last.items():
            if when == month and (month - 1, owner, user) in last:
                before = last[month - 1, owner, user][2]
                gaps.append(100 * ((score >= 9) - (score <= 6) - (before >= 9) + (before <= 6)))
        assert found.loc[period, "n"] == len(gaps)
        assert found.loc[period, "estimate"] == pytest.approx(np.mean(gaps))


def test_without_overlap_mixed_is_independent_and_its_limits_are_those_of_separate_samples() -> None:
    rows = [(owner, None, "2026-01-10", score) for owner, score in zip(NAMES[:30], [3.0] * 10 + [8.0] * 10 + [10.0] * 10, strict=True)]
    rows += [(owner, None, "2026-02-10", score) for owner, score in zip(NAMES[30:], [3.0] * 5 + [8.0] * 10 + [10.0] * 15, strict=True)]
    ds = said(*rows)
    mixed, apart = (cs.score_change(ds, period="month", design=design) for design in ("mixed", "independent"))
    pd.testing.assert_frame_equal(mixed, apart)
    expected = [100 * float(part) for part in net_share_difference((5, 10, 15), (10, 10, 10))]
    assert mixed[["estimate", "conf_low", "conf_high"]].to_numpy()[0] == pytest.approx(expected)


def test_who_answers_alike_again_makes_the_change_known_better() -> None:
    ds = waves((20, 20, 20), (14, 20, 26))
    found = {design: cs.score_change(ds, period="month", design=design).iloc[0] for design in ("mixed", "independent", "paired")}
    assert {round(row["estimate"], 9) for row in found.values()} == {20.0}
    assert found["independent"]["conf_low"] < 0 < found["mixed"]["conf_low"]
    assert found["paired"]["conf_low"] > 0


def test_shares_and_means_have_their_units() -> None:
    rows = [
        ("a", "u", "2026-01-05", 2.0),
        ("b", "u", "2026-01-06", 4.0),
        ("a", "u", "2026-02-05", 5.0),
        ("b", "u", "2026-02-06", 5.0),
        ("c", "u", "2026-02-07", 3.0),
    ]
    csat = said(*rows, survey="csat")
    top, mean = (cs.score_change(csat, survey="csat", period="month", measure=measure).iloc[0] for measure in (None, "mean"))
    assert (top["unit"], top["estimate"], top["n"]) == ("share", pytest.approx(2 / 3 - 1 / 2), 2)
    assert (mean["unit"], mean["estimate"]) == ("points", pytest.approx(13 / 3 - 3))
    effort = said(*rows, survey="ces", scale=["ces_1"] * 5)  # where low is good the scale is kept
    found = cs.score_change(effort, survey="ces", scale="ces_1", period="month", design="paired").iloc[0]
    assert (found["estimate"], found["n"]) == (pytest.approx((3 + 1) / 2), 2)


def test_an_unfinished_wave_is_left_out_unless_asked_for() -> None:
    ds = waves((5, 5, 5), (5, 5, 5), (2, 2, 11)).at("2026-03-20")
    assert cs.score_change(ds, period="month")["period"].tolist() == [FEBRUARY]
    assert cs.score_change(ds, period="month", unfinished=True)["period"].tolist() == [FEBRUARY, MARCH]


def test_a_wave_without_answers_is_skipped_and_a_single_one_has_no_change() -> None:
    ds = waves((5, 5, 5), (0, 0, 0), (5, 0, 10))
    assert cs.score_change(ds, period="month")[["period", "against"]].to_numpy().tolist() == [[MARCH, JANUARY]]
    assert len(cs.score_change(ds.at("2026-02-28"), period="month")) == 0
    assert len(cs.ordinal_change(ds.at("2026-02-28"), period="month")) == 0


def test_waves_of_one_account_have_no_limits() -> None:
    ds = said(("a", "u", "2026-01-05", 10.0), ("a", "v", "2026-01-06", 3.0), ("b", "u", "2026-02-05", 10.0), ("c", "u", "2026-02-05", 9.0))
    for function in (cs.score_change, cs.ordinal_change):
        row = function(ds, period="month").iloc[0]
        assert np.isnan([row["conf_low"], row["conf_high"]]).all()
    assert cs.score_change(ds, period="month")["estimate"].tolist() == [100.0]


def test_several_changes_are_adjusted_for_their_number() -> None:
    ds = waves((20, 20, 20), (10, 20, 30), (10, 18, 32))
    plain = cs.score_change(ds, period="month")
    found = cs.score_change(ds, period="month", correction="holm")
    assert found["metric"].tolist() == ["score_change", "score_change_adjusted_p_value"] * 2
    assert set(found["comparisons"]) == {2}
    pd.testing.assert_frame_equal(found.iloc[::2].drop(columns="comparisons").reset_index(drop=True), plain)
    p = found["estimate"].iloc[1::2].tolist()
    assert p[0] < 0.05 < p[1]


def test_a_panel_moves_together_by_group() -> None:
    ds = random_company(8)
    together = cs.score_change(ds, period="month", by="segment", against="2026-01-01")
    assert together.columns[:3].tolist() == ["segment", "period", "against"]
    assert set(together["against"]) == {JANUARY}


def test_detectable_changes_by_hand() -> None:
    ds = waves((10, 10, 10), (10, 10, 10), owners=NAMES[:30])
    # within waves: 2 x 20 answers at a distance of 100 from the mean 0, over 60 answers less 2 waves; every account alone in its wave
    spread = np.sqrt(40 * 100**2 / 58)
    found = cs.detectable_change(ds, period="month", answers=[30, 120])
    least = found[found["metric"] == "detectable_change"]
    np.testing.assert_allclose(least["estimate"], 2.801585 * spread * np.sqrt(2 / np.array([30, 120])), rtol=1e-5)
    assert found.loc[found["metric"] == "answers_design_effect", "estimate"].tolist() == [1.0, 1.0]
    assert set(found["n"]) == {60}
    assert cs.detectable_change(ds, period="month")["answers"].tolist() == [30, 30]
    needed = cs.needed_answers(ds, period="month", change=[10, 20])
    np.testing.assert_array_equal(needed["estimate"], np.ceil(2 * (2.801585 * spread / np.array([10, 20])) ** 2))
    assert cs.needed_answers(ds, period="month")["change"].tolist() == [10.0]
    half = cs.detectable_change(ds, period="month", answers=30, overlap=0.75, correlation=1.0)
    assert half["estimate"].iloc[0] == pytest.approx(least["estimate"].iloc[0] / 2)


def test_answers_that_share_accounts_take_more() -> None:
    rows = [(NAMES[number // 5], str(number), "2026-01-10", 10.0 if number < 30 else 3.0) for number in range(60)]
    found = cs.detectable_change(said(*rows), period="month", answers=60).set_index("metric")["estimate"]
    assert found["answers_design_effect"] == pytest.approx(5 * 59 / 60 * 12 / 11, rel=1e-6)  # 12 accounts of 5 who agree; variances with n - 1
    alone = cs.detectable_change(waves((30, 0, 30)), period="month", answers=60).set_index("metric")["estimate"]
    assert found["detectable_change"] == pytest.approx(alone["detectable_change"] * np.sqrt(found["answers_design_effect"]))


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("score_change", {"design": "panel"}, "design must be"),
        ("score_change", {"against": "2025-01-01"}, r"first day of a wave with answers \(2026-01-01, 2026-02-01\)"),
        ("score_change", {"against": "next"}, "against must be"),
        ("score_change", {"correction": "bonferroni"}, "correction must be"),
        ("score_change", {"measure": "median"}, "measure must be"),
        ("detectable_change", {"answers": 0}, "answers must be at least 1"),
        ("detectable_change", {"power": 2.0}, "power must lie"),
        ("detectable_change", {"overlap": 2.0}, "overlap must lie"),
        ("needed_answers", {"change": [10, 0]}, "change must be numbers other than 0"),
    ],
)
def test_what_is_refused(function: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        getattr(cs, function)(waves((5, 5, 5), (5, 5, 5)), period="month", **options)


def test_waves_need_a_calendar_and_answers() -> None:
    with pytest.raises(ParameterError, match="period needs a Dataset"):
        cs.score_change(pd.DataFrame({"score": [1, 2]}))  # type: ignore[arg-type]
    with pytest.raises(MissingTableError, match="responses"):
        cs.score_change(cs.read_dataset({"accounts": accounts(a="2025-01-01")}, as_of="2026-01-01"))
