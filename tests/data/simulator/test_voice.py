"""Surveys, their scores and comments."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cs_analysis.data.simulator.comments import CONTACTS, LANGUAGES, SENTENCES, comments
from cs_analysis.data.simulator.service_parameters import Survey
from cs_analysis.data.simulator.voice import score_chances

SURVEY = Survey(low=1, high=5, mean=3.9, satisfaction=0.0, user_sd=0.6, answer_sd=0.8, ask=1.0, answer_level=0.0, answer_satisfaction=0.0)


def test_score_chances_are_areas_under_the_normal_curve() -> None:
    """The sd is hypot(0.6, 0.8) = 1; a 4 is a latent value between 3.5 and 4.5, a 5 anything above, a 1 anything below 1.5."""
    chances = score_chances(SURVEY, np.array([3.9, 2.0]))
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    np.testing.assert_allclose(chances[0, 3], stats.norm.cdf(0.6) - stats.norm.cdf(-0.4))
    np.testing.assert_allclose(chances[1, [0, 4]], [stats.norm.cdf(-0.5), stats.norm.sf(2.5)])


@pytest.mark.slow
def test_scores_stay_on_their_scales_and_come_with_answers_only(company: object) -> None:
    answers = company["responses"].dropna(subset=["score"])
    limits = answers.groupby("survey")["score"].agg(["min", "max"])
    assert limits.loc["nps", "max"] == 10
    assert limits.loc["csat"].tolist() == [1, 5]
    assert limits.loc["ces"].between(1, 7).all()
    assert (answers["score"] % 1 == 0).all()
    assert (company["responses"]["score"].notna() == company["responses"]["answered_at"].notna()).all()
    assert company["responses"].loc[company["responses"]["answered_at"].isna(), "comment"].isna().all()


def test_csat_is_asked_after_its_ticket_is_resolved(company: object) -> None:
    asked = company["responses"].dropna(subset=["ticket_id"]).merge(company["tickets"], on="ticket_id", suffixes=("", "_of_ticket"))
    assert (asked["survey"] == "csat").all()
    assert (asked["account_id"] == asked["account_id_of_ticket"]).all()
    assert (asked["asked_at"] > asked["resolved_at"]).all()


def test_nobody_is_asked_twice_in_a_wave(company: object) -> None:
    nps = company["responses"].query("survey == 'nps'").sort_values(["user_id", "asked_at"])
    waits = nps.groupby("user_id")["asked_at"].diff().dropna()
    assert waits.min() > pd.Timedelta("80d")


def test_the_stock_of_comments_is_sound() -> None:
    stock = [sentence for language in LANGUAGES for mood in SENTENCES[language] for sentence in mood]
    assert len(set(stock)) == len(stock)
    assert all("example." in contact or sum(letter.isdigit() for letter in contact) >= 10 for contact in CONTACTS[1:])


def test_comments_are_picked_by_language_and_mood() -> None:
    language, mood = np.array([0, 1, 2, 2]), np.array([0, 1, 2, -1])
    said = comments(language, mood, sentence=np.array([0.0, 0.999, 0.0, 0.5]), contact=np.array([0, 0, 1, 0])).to_pylist()
    assert said == [SENTENCES["en"][0][0], SENTENCES["de"][1][-1], SENTENCES["tr"][2][0] + CONTACTS[1], None]


@pytest.mark.parametrize(("text", "language"), [("Der Support", "de"), ("Destek", "tr"), ("Support took", "en")])
def test_all_three_languages_occur(company: object, text: str, language: str) -> None:
    assert company["responses"]["comment"].dropna().str.contains(text).any(), language
