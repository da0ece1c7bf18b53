"""Codebooks are checked as a whole; terms find what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.facts.comments.codebook import read_codebook
from cs_analysis.facts.comments.quality import packaged_counts, tagging_counts
from cs_analysis.facts.comments.tagging import tagged

BAD = {
    "fr": {"prix": ["cher"]},
    "de": {},
    "en": {
        "price": ["cost*", "*", "a*", "pr*ce", "~ slow", "a b ~ c ~ d", 5, "cost*", "costs "],
        "value": ["COST*"],
        "empty": [],
        "text": "cost",
        " ": ["x"],
    },
}


def test_all_problems_are_told_at_once() -> None:
    found = cs.check_codebook(BAD)
    errors = found[found["severity"] == "error"]
    assert errors[["language", "theme", "term", "rule"]].values.tolist() == [
        ["fr", "", "", "unknown language"],
        ["de", "", "", "no themes"],
        ["en", "price", "*", "no letters"],
        ["en", "price", "a*", "star beside a single letter"],
        ["en", "price", "pr*ce", "bad word"],
        ["en", "price", "~ slow", "~ stands between two sides"],
        ["en", "price", "a b ~ c ~ d", "~ stands between two sides"],
        ["en", "price", "5", "term is no text"],
        ["en", "empty", "", "empty theme"],
        ["en", "text", "", "terms are no list"],
        ["en", " ", "", "theme without a name"],
    ]
    warnings = found[found["severity"] == "warning"]
    assert {("price", "duplicate term"), ("value", "term of two themes")} <= set(zip(warnings["theme"], warnings["rule"], strict=True))
    with pytest.raises(cs.errors.ParameterError, match="11 problems") as raised:
        read_codebook(BAD)
    assert all(term in str(raised.value) for term in ("fr: unknown language", "pr*ce", "empty theme"))


def test_a_theme_that_a_language_lacks_is_a_warning() -> None:
    found = cs.check_codebook({"en": {"price": ["cost"]}, "de": {"value": ["nutzen"]}})
    assert set(zip(found["language"], found["theme"], found["rule"], strict=True)) == {
        ("de", "price", "theme without terms"),
        ("en", "value", "theme without terms"),
    }


def test_a_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    with pytest.raises(cs.errors.ParameterError, match="no file"):
        read_codebook(path)
    path.write_text("[en\n")
    with pytest.raises(cs.errors.ParameterError, match="no valid TOML"):
        read_codebook(str(path))
    path.write_bytes(b'[en]\nprice = ["\xff"]\n')
    with pytest.raises(cs.errors.ParameterError, match="UTF-8"):
        read_codebook(path)
    path.write_text('[en]\nprice = ["cost*"]\n', encoding="utf-8")
    assert read_codebook(path).terms == {"en": {"price": ("cost*",)}}
    with pytest.raises(cs.errors.ParameterError, match="not int"):
        read_codebook(3)


def found(terms: list[str], text: str, language: str = "en") -> bool:
    return bool(tagged([text], [language], read_codebook({language: {"theme": terms}}))[0, 0])


@pytest.mark.parametrize(
    ("term", "text", "language", "expected"),
    [
        ("cost*", "It COSTS a lot", "en", True),
        ("cost", "It costs a lot", "en", False),
        ("*preis", "Der Gesamtpreis", "de", True),
        ("*preis", "Die Preise", "de", False),
        ("*preis*", "Gesamtpreises", "de", True),
        ("too expensive", "too expensive", "en", True),
        ("too expensive", "expensive, too", "en", False),
        ("support ~ slow", "slow as ever, your support", "en", True),
        ("support ~ slow", "support is very very very slow", "en", True),
        ("support ~ slow", "support is very very very very slow", "en", False),
        ("zu lange ~ support", "Der Support braucht viel zu lange", "de", True),
        ("fur", "FÜR", "de", False),
        ("fuer", "FÜR", "de", True),
        ("hızlı", "HIZLI", "tr", True),
        ("hızlı", "hizli", "tr", True),
        ("crm", "CRM'imiz bozuk", "tr", True),
        ("don't", "Dont", "en", True),
        ("sign on", "Sign-On", "en", True),
    ],
)
def test_a_term_finds_what_it_says(term: str, text: str, language: str, expected: bool) -> None:
    assert found([term], text, language) is expected


def test_comments_in_languages_without_terms_are_left_alone() -> None:
    book = read_codebook({"en": {"price": ["teuer"]}})
    assert not tagged(["zu teuer"], ["de"], book).any()


def test_the_packaged_codebook_has_every_theme_in_every_language() -> None:
    book = read_codebook()
    assert book.languages == ("en", "de", "tr")
    assert all(tuple(themes) == book.themes for themes in book.terms.values())
    assert {fault.rule for fault in book.findings} <= {"term of two themes"}


def test_the_figures_that_ship_are_those_of_the_held_out_half() -> None:
    labelled = pd.read_csv(Path(__file__).with_name("labelled.csv"), keep_default_na=False)
    held = labelled[labelled["half"] == "held_out"]
    pd.testing.assert_frame_equal(tagging_counts(held, read_codebook()), packaged_counts(), check_dtype=False)
    every = packaged_counts().query("language == 'all'")
    assert round(every["hits"].sum() / every["mentions"].sum(), 2) == 0.70  # as the docstring of tagger_quality and the decision have it
    assert round(every["hits"].sum() / every["tagged"].sum(), 2) == 0.94
    hard = tagging_counts(held[held["set"] == "indirect"], read_codebook()).query("language == 'all'")
    assert round(hard["hits"].sum() / hard["mentions"].sum(), 2) == 0.22


def test_labels_are_counted_by_hand() -> None:
    book = read_codebook({"en": {"price": ["expensive"], "speed": ["slow"]}})
    labelled = pd.DataFrame(
        {
            "comment": ["too expensive", "costs a lot", "slow", "not expensive but slow", "fine"],
            "language": "en",
            "themes": ["price", "price", "price; speed", ["speed"], np.nan],
        }
    )
    counts = tagging_counts(labelled, book).query("language == 'all'").set_index("theme")[["hits", "mentions", "tagged", "clear", "without"]]
    assert counts.loc["price"].tolist() == [1, 3, 2, 1, 2]  # found: 1st and 4th; meant: 1st to 3rd; left alone of the 4th and 5th: the 5th
    assert counts.loc["speed"].tolist() == [2, 2, 2, 3, 3]
    with pytest.raises(cs.errors.ParameterError, match="row 1 has 'colour'"):
        tagging_counts(labelled.assign(themes="colour"), book)
    with pytest.raises(cs.errors.MissingColumnsError, match="themes"):
        tagging_counts(labelled[["comment", "language"]], book)
    with pytest.raises(cs.errors.ParameterError, match="in a language of the codebook"):
        tagging_counts(labelled.assign(language="de"), book)
