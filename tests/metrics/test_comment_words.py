"""Words and examples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs


def said(detractors: list[str], promoters: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"score": [2] * len(detractors) + [10] * len(promoters), "comment": [*detractors, *promoters]})


def ratios(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["metric"] == "keyword_log_ratio"].set_index("word")


def test_counted_are_comments_not_words() -> None:
    table = said(["slow slow slow it is slow"] * 5 + ["it is fine"] * 5, ["it is great"] * 9 + ["it is not slow"])
    found = cs.comment_keywords(table).set_index(["word", "metric"])
    assert found.loc[("slow", "keyword_target"), "estimate"] == 5
    assert found.loc[("slow", "keyword_reference"), "estimate"] == 1
    assert found.loc[("slow", "keyword_log_ratio"), "estimate"] == pytest.approx(np.log2(5.5 / 1.5))
    assert found.loc[("slow", "keyword_log_ratio"), "n"] == 20
    assert set(found.loc["slow", "comparisons"]) == {5}  # slow, it, is, fine, great


def test_rows_are_the_surest_words_first_and_languages_stay_apart() -> None:
    table = said(["it is slow"] * 8 + ["es ist zu langsam"] * 8, ["it is great"] * 8 + ["es ist sehr gut"] * 8)
    found = ratios(cs.comment_keywords(table))
    assert found["language"].tolist() == sorted(found["language"])
    assert found.query("language == 'en'").index[:2].tolist() == ["great", "slow"]
    assert set(found["n"]) == {16}
    assert found.loc["langsam", "estimate"] == -found.loc["gut", "estimate"] == pytest.approx(np.log2(8.5 / 0.5))


def test_the_other_way_round_only_turns_signs() -> None:
    table = said(["it is slow"] * 8 + ["it is fine"] * 3, ["it is great"] * 7)
    one, other = ratios(cs.comment_keywords(table)), ratios(cs.comment_keywords(table, target="promoters", reference="detractors"))
    assert (one["estimate"] + other.reindex(one.index)["estimate"]).abs().max() < 1e-12


def test_contacts_and_numbers_are_no_words() -> None:
    table = said(["call 030 1234567 or jo@example.com about ticket 48213"] * 6, ["we are happy with it"] * 6)
    assert not set(ratios(cs.comment_keywords(table)).index) & {"e-mail", "phone", "jo", "example.com", "48213"}


def test_classes_have_the_names_of_their_scale() -> None:
    table = said(["it is slow"] * 6, ["it is great"] * 6).assign(survey="csat", score=[1] * 6 + [5] * 6)
    one = cs.comment_keywords(table, survey="csat")
    pd.testing.assert_frame_equal(one, cs.comment_keywords(table, survey="csat", target="bottom", reference="top"))
    assert ratios(one).loc["slow", "estimate"] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "haters"}, "two different classes"),
        ({"target": "top"}, "two different classes"),
        ({"fewest": 0}, "fewest"),
        ({"correction": "none"}, "correction"),
        ({"conf_level": 95}, "conf_level"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=words):
        cs.comment_keywords(said(["it is slow"], ["it is great"]), **options)


def test_without_two_classes_there_are_no_words() -> None:
    found = cs.comment_keywords(said(["it is slow"] * 9, []))
    assert found.empty
    assert list(found.columns[:3]) == ["language", "word", "comparisons"]


def test_examples_are_nearest_to_the_middle_and_never_twice() -> None:
    usual = [f"the price is far too high {word}" for word in ("for us", "for a team", "here")]
    table = pd.DataFrame(
        {"comment": [*usual, usual[0].upper(), "my uncle paid a horrendous price for seventeen green umbrellas in Lisbon"], "score": [1, 2, 3, 4, 10]}
    )
    shown = cs.comment_examples(table, per_theme=1)
    assert shown["theme"].tolist() == ["price"]
    assert shown["comment"].item() in {*usual, usual[0].upper()}
    assert shown["mentions"].item() == 5
    assert cs.comment_examples(table, per_theme=5)["comment"].str.lower().is_unique
    assert set(cs.comment_examples(table, survey="nps", by_class=True)["score_class"]) == {"detractors", "promoters"}
    with pytest.raises(cs.errors.ParameterError, match="per_theme"):
        cs.comment_examples(table, per_theme=0)
