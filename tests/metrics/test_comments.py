"""Who comments, in which language and about what."""

from __future__ import annotations

import csv
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.simulator.comments import SENTENCES
from cs_analysis.report import markup
from cs_analysis.stats.intervals import wilson

HOSTILE = [
    "<script>alert(1)</script> too slow",
    '=HYPERLINK("http://x";"y") too slow',
    "+49 30 5550 1234 too slow",
    "@SUM(1) too slow",
    "too slow & <b>bold</b>",
]
CLASSES = ["detractors", "passives", "promoters"]


def asked(**columns: list[object]) -> dict[str, pd.DataFrame]:
    """Return two accounts and answers to the survey nps, the first on the first of March and so on."""
    size = len(columns["comment"])
    instants = pd.Series(pd.date_range("2026-03-01", periods=size, freq="D", tz="UTC"))
    people = pd.DataFrame({"account_id": ["a", "b"], "started_at": pd.Timestamp("2026-01-01", tz="UTC"), "segment": ["x", "y"]})
    rows = pd.DataFrame({"response_id": range(size), "account_id": list("ab") * (size // 2) + ["a"] * (size % 2), "survey": "nps", "asked_at": instants})
    return {"accounts": people, "responses": rows.assign(**{"answered_at": instants, **columns})}


def test_comment_share_by_hand() -> None:
    table = pd.DataFrame({"score": [0, 6, 3, 7, 9, 10], "comment": ["bad", None, "-", "👍", "", "  x "]})
    found = cs.comment_share(table)
    assert found["score_class"].tolist() == CLASSES
    assert found["estimate"].tolist() == pytest.approx([1 / 3, 1, 1 / 2])  # "-" and "" say nothing
    assert found["n"].tolist() == [3, 1, 2]
    assert found["conf_low"].tolist() == pytest.approx(wilson([1, 1, 1], [3, 1, 2]).conf_low)
    assert cs.comment_share(table, by_class=False)[["estimate", "n"]].values.tolist() == [[0.5, 6]]


def test_answers_of_one_account_count_as_few() -> None:
    table = pd.DataFrame({"score": 5, "comment": ["x"] * 20 + [None] * 20, "account_id": np.repeat(list("abcdefgh"), 5)})
    wide, narrow = cs.comment_share(table), cs.comment_share(table.drop(columns="account_id"))
    assert wide["estimate"].tolist() == narrow["estimate"].tolist()
    assert (wide["conf_high"] - wide["conf_low"]).item() > 1.8 * (narrow["conf_high"] - narrow["conf_low"]).item()


def test_other_surveys_have_the_boxes_of_their_own_scale() -> None:
    table = pd.DataFrame({"survey": ["csat"] * 3 + ["nps"], "score": [1, 3, 5, 10], "comment": "fine"})
    assert cs.comment_share(table, survey="csat")["score_class"].tolist() == ["bottom", "middle", "top"]
    assert cs.comment_share(table, survey=None).set_index("score_class")["n"].to_dict() == {"bottom": 1, "middle": 1, "top": 2}
    assert cs.comment_share(pd.DataFrame({"survey": ["pulse"], "score": [2], "comment": ["x"]}), survey="pulse")["score_class"].tolist() == ["(missing)"]


@pytest.mark.slow
def test_a_comment_is_known_from_its_answer_on() -> None:
    tables = asked(score=[1, 10, 2], comment=["too slow", "very good", "much too expensive"])
    ds = cs.read_dataset(tables, as_of="2026-03-31")
    assert cs.comment_share(ds)["n"].sum() == 3
    assert cs.comment_share(ds.at("2026-03-02"))["n"].sum() == 2
    later = {**tables, "responses": tables["responses"].assign(answered_at=pd.Timestamp("2026-04-02", tz="UTC"))}
    assert cs.comment_examples(cs.read_dataset(later, as_of="2026-03-31")).empty
    assert set(cs.comment_examples(ds)["theme"]) == {"performance", "price"}


def test_themes_by_hand() -> None:
    texts = ["too expensive", "the price is fine", "slow and expensive", "viel zu teuer", "trop cher pour nous", "ok"]
    found = cs.comment_themes(pd.DataFrame({"comment": texts}), labelled="packaged", by_class=False)
    tagged = found[found["metric"] == "comment_themes"].set_index("theme")
    assert tagged.loc["price", "estimate"] == 1.0  # of four: French and "ok" are in no known language
    assert tagged.loc["performance", "estimate"] == 0.25
    assert set(tagged["n"]) == {4}
    counts = cs.tagger_quality().query("theme == 'performance' and language == 'all'").set_index("metric")
    recall, specificity = counts.loc["tagger_recall", "estimate"], counts.loc["tagger_specificity", "estimate"]
    corrected = found.query("metric == 'theme_prevalence' and theme == 'performance'")["estimate"].item()
    assert corrected == pytest.approx((0.25 + specificity - 1) / (recall + specificity - 1))


def test_a_codebook_of_ones_own_is_corrected_by_labels_of_ones_own() -> None:
    book = {"en": {"colour": ["colour*", "blue"]}}
    table = pd.DataFrame({"comment": ["the colours are ugly", "I love the blue one", "it is green"] * 10})
    assert set(cs.comment_themes(table)["metric"]) == set(cs.comment_themes(table, codebook=book)["metric"]) == {"comment_themes"}
    labelled = pd.DataFrame(
        {"comment": ["blue", "the colours", "it is green", "it is slow"] * 5, "language": "en", "themes": ["colour", "colour", "colour", ""] * 5}
    )
    found = cs.comment_themes(table, codebook=book, labelled=labelled, by_class=False).set_index("metric")["estimate"]
    assert found["comment_themes"] == pytest.approx(2 / 3)
    assert found["theme_prevalence"] == 1.0  # 2/3 found, of three mentions two are found, none invented: (2/3) / (2/3)
    with pytest.raises(cs.errors.ParameterError, match="labelled="):
        cs.tagger_quality(codebook=book)
    with pytest.raises(cs.errors.ParameterError, match="labelled="):
        cs.comment_themes(table, codebook=book, labelled="packaged")
    with pytest.raises(cs.errors.ParameterError, match="1 problem"):
        cs.comment_themes(table, codebook={"en": {"colour": []}})


def test_copies_count_once_when_asked() -> None:
    table = pd.DataFrame({"comment": ["It is far too expensive!"] * 9 + ["it is FAR too expensive", "It is easy to use"]})
    share = cs.comment_themes(table, by_class=False).query("theme == 'price'")
    once = cs.comment_themes(table, by_class=False, once=True).query("theme == 'price'")
    assert share["estimate"].iloc[0] == pytest.approx(10 / 11)
    assert once[["estimate", "n"]].iloc[0].tolist() == [0.5, 2]
    assert cs.comment_copies(table)["estimate"].item() == pytest.approx(9 / 11)


@pytest.mark.parametrize("comment", [["x" * 10_000], ["👍👍"], ["a"], [None], ["  \u200b\n"], [""], [12.5], [3], ["İ" * 50], ["\ud800"], ["1" * 5000], []])
def test_odd_comments_do_no_harm(comment: list[object]) -> None:
    table = pd.DataFrame({"comment": pd.Series(comment, dtype="object"), "score": 3, "account_id": "a"})
    for metric in (cs.comment_share, cs.comment_languages, cs.comment_copies, cs.comment_themes, cs.discovered_themes, cs.comment_keywords):
        found = metric(table)
        assert ((found["estimate"].isna()) | (found["estimate"] >= 0)).all()
    assert len(cs.comment_examples(table)) == 0


def test_hostile_comments_stay_text(tmp_path: Path) -> None:
    shown = cs.comment_examples(pd.DataFrame({"comment": HOSTILE}), codebook={"en": {"speed": ["slow"]}}, per_theme=9)
    assert set(shown["comment"]) == {text.replace("+49 30 5550 1234", "[phone]") for text in HOSTILE}
    with cs.write_list(shown, tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [row["comment"] for row in csv.DictReader(file)]
    assert sorted(cell.lstrip("'") for cell in cells) == sorted(shown["comment"])
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    page = _Read()
    page.feed(markup.table(shown, caption="Examples"))
    assert not {"script", "b"} & page.tags
    assert set(shown["comment"]) <= set(page.cells)


class _Read(HTMLParser):
    """What a browser makes of a table: its tags, and the text of its cells."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


@pytest.mark.slow
def test_the_simulators_comments_come_back() -> None:
    ds, _ = cs.simulate_company(accounts=300, months=18, seed=5)
    share = cs.comment_share(ds)
    assert share["score_class"].tolist() == CLASSES
    assert cs.comment_languages(ds).query("language in ['other', 'unknown']")["estimate"].max() < 0.03
    shown = cs.comment_examples(ds, per_theme=50)
    assert not shown["comment"].str.contains(r"@|\d{4}", regex=True).any()
    stock = {sentence for moods in SENTENCES.values() for mood in moods for sentence in mood}
    assert {text.split(" [")[0] for text in shown["comment"]} <= stock
    assert not shown.duplicated(["theme", "language", "comment"]).any()
    themes = cs.comment_themes(ds, survey="nps").query("metric == 'comment_themes'").pivot_table(index="theme", columns="score_class", values="estimate")
    assert themes.loc["reliability", "detractors"] > themes.loc["reliability", "promoters"]
    assert themes.loc["value", "promoters"] > themes.loc["value", "detractors"]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(cs.errors.MissingColumnsError, match="comment"):
        cs.comment_share(pd.DataFrame({"score": [1]}))
    with pytest.raises(cs.errors.MissingColumnsError, match="segment"):
        cs.comment_themes(pd.DataFrame({"comment": ["x"]}), by="segment")
    with pytest.raises(cs.errors.ParameterError, match="not int"):
        cs.comment_share(3)
