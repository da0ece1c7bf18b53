import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from cs_analysis.errors import ParameterError
from cs_analysis.report.parameters import REQUIRED, checked_parameters, declared_parameters, from_texts

SOURCE = """from typing import Literal

data: str
as_of: str = "2026-10-31"  # a day
note: str = "a # is no comment here"
by: str | None = None
conf_level: float = 0.95
rows: int = 10
quiet: bool = False
language: Literal["en", "de"] = "en"
segments: list[str] = []
helper = 3
"""


def notebook(source: str, *, tags: tuple[str, ...] = ("parameters",)) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_code_cell("1 / 0"), new_code_cell(source, metadata={"tags": list(tags)})])


@pytest.fixture
def declared() -> dict[str, object]:
    return declared_parameters(notebook(SOURCE))


def test_annotated_assignments_of_the_tagged_cell_are_the_parameters(declared: dict) -> None:
    assert list(declared) == ["data", "as_of", "note", "by", "conf_level", "rows", "quiet", "language", "segments"]
    assert declared["data"].default is REQUIRED
    assert declared["note"].default == "a # is no comment here"
    assert declared["language"].annotation == "Literal['en', 'de']"


def test_without_the_tag_there_are_none() -> None:
    assert declared_parameters(notebook(SOURCE, tags=())) == {}


def test_defaults_fill_what_is_not_given(declared: dict) -> None:
    values = checked_parameters(declared, {"data": "x", "conf_level": 1, "by": "plan"})
    assert values["conf_level"] == 1.0
    assert isinstance(values["conf_level"], float)
    assert (values["by"], values["rows"], values["segments"]) == ("plan", 10, [])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "data must be given"),
        ({"data": "x", "languag": "en"}, r"languag is not a parameter \(did you mean language\?\)"),
        ({"data": "x", "rows": "10"}, "rows must be int, not '10'"),
        ({"data": "x", "rows": True}, "rows must be int, not True"),
        ({"data": "x", "rows": 1.0}, "rows must be int, not 1.0"),
        ({"data": "x", "conf_level": "0.9"}, "conf_level must be float, not '0.9'"),
        ({"data": "x", "quiet": 1}, "quiet must be bool, not 1"),
        ({"data": "x", "language": "fr"}, r"language must be Literal\['en', 'de'\], not 'fr'"),
        ({"data": "x", "segments": ["a", 1]}, r"segments must be list\[str\]"),
        ({"data": None}, "data must be str, not None"),
        ({"data": "x", "conf_level": float("nan")}, "conf_level must be float, not nan"),
        ({"data": "\udcff"}, r"data must be str, not '\\udcff'"),
    ],
)
def test_what_does_not_fit_is_refused(declared: dict, given: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        checked_parameters(declared, given)


def test_all_that_does_not_fit_is_named_at_once(declared: dict) -> None:
    with pytest.raises(ParameterError) as caught:
        checked_parameters(declared, {"rows": "10", "colour": "red"}, name="churn")
    assert str(caught.value).startswith("churn was not run: colour is not a parameter")
    assert "data must be given" in str(caught.value)
    assert "rows must be int" in str(caught.value)


def test_texts_become_the_declared_types(declared: dict) -> None:
    texts = {"data": "007", "by": "None", "conf_level": "0.9", "rows": "12", "quiet": "yes", "language": "de", "segments": "a, b", "note": "x=1 # y"}
    values = from_texts(declared, texts)
    assert values == {
        "data": "007",
        "by": None,
        "conf_level": 0.9,
        "rows": 12,
        "quiet": True,
        "language": "de",
        "segments": ["a", "b"],
        "note": "x=1 # y",
    }


def test_a_text_that_does_not_convert_is_left_for_the_check_to_name(declared: dict) -> None:
    with pytest.raises(ParameterError, match="rows must be int, not 'many'"):
        checked_parameters(declared, from_texts(declared, {"data": "x", "rows": "many"}))


@pytest.mark.parametrize("source", ["day: date = None", "x: str = str(1)", "y: dict[str, int] = {}"])
def test_forms_that_cannot_be_checked_are_refused(source: str) -> None:
    with pytest.raises(ParameterError, match="parameters of unknown form"):
        declared_parameters(notebook(source))


def test_values_go_to_the_first_tagged_cell_and_no_other_declares() -> None:
    cells = [new_code_cell(source, metadata={"tags": ["parameters"]}) for source in ("early: int = 1", "late: int = 2")]
    assert list(declared_parameters(new_notebook(cells=cells))) == ["early"]


@pytest.mark.parametrize("source", ["%matplotlib inline\nx: int = 1", "x: int ="])
def test_a_cell_that_is_no_plain_python_is_refused(source: str) -> None:
    with pytest.raises(ParameterError, match=r"the parameters cell of own\.ipynb must be plain Python"):
        declared_parameters(notebook(source), name="own.ipynb")


def test_alternatives_beside_literals_and_texts_are_tried() -> None:
    declared = declared_parameters(notebook("""size: Literal["auto"] | int = "auto"\ncode: str | int = 1\nlevel: Literal[0, 1] = 0"""))
    assert from_texts(declared, {"size": "7", "code": "007", "level": "1"}) == {"size": 7, "code": "007", "level": 1}
    assert from_texts(declared, {"size": "auto", "code": "7"}) == {"size": "auto", "code": 7}
    with pytest.raises(ParameterError, match="level must be"):
        checked_parameters(declared, {"level": True})


def test_scalars_of_numpy_become_plain(declared: dict) -> None:
    values = checked_parameters(declared, {"data": np.str_("x"), "rows": np.int64(5), "quiet": np.True_, "conf_level": np.float64(0.5)})
    assert [type(values[name]) for name in ("data", "rows", "quiet", "conf_level")] == [str, int, bool, float]
