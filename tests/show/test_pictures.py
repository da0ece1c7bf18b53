import base64
import io
from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import RichOutput, capture_output
from PIL import Image
from traitlets.config import Config

from cs_analysis.errors import ParameterError
from cs_analysis.show import picture


@pytest.fixture(scope="module", autouse=True)
def _shell() -> Iterator[None]:
    InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    yield
    InteractiveShell.clear_instance()


def shown(*, alt: str) -> list[RichOutput]:
    _, ax = plt.subplots()
    ax.plot([1, 2])
    with capture_output() as captured:
        picture(ax, alt=alt)
    return captured.outputs


def test_a_picture_is_small_has_its_words_and_closes_the_figure() -> None:
    (output,) = shown(alt="A rising line.")
    assert output.data["text/plain"] == output.metadata["image/png"]["alt"] == "A rising line."
    image = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
    assert (image.mode, len(image.getcolors(256)) <= 256) == ("P", True)
    assert plt.get_fignums() == []


@pytest.mark.slow
def test_the_same_figure_is_the_same_picture() -> None:
    first, second = (shown(alt="A line.")[0].data["image/png"] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("alt", ["", "  "])
def test_words_must_be_said(alt: str) -> None:
    with pytest.raises(ParameterError, match="alt must say in words what the figure shows"):
        shown(alt=alt)
