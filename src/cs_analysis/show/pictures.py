"""Figures as pictures in a notebook: small files, with words for those who do not see them."""

from __future__ import annotations

import base64
import io
from typing import cast

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from cs_analysis.errors import ParameterError

_DOTS_PER_INCH = 160
_COLOURS = 256
_WIDTH = 820


def picture(ax: Axes, *, alt: str) -> None:
    """Return nothing: show the figure of `ax` once, as a picture with a text alternative, and close it.

    A cell that ends in it leaves no repr behind. The picture has at most 256 colours, so that notebooks stay small.

    Parameters
    ----------
    ax : Axes
        Any axes of the figure.
    alt : str
        What the figure shows, in words; for readers who cannot see it.

    Raises
    ------
    ParameterError
        `alt` is empty.

    Examples
    --------
    >>> _, ax = plt.subplots(figsize=(1, 1))
    >>> picture(ax, alt="An empty frame.")  # doctest: +ELLIPSIS
    {'image/png': '...', 'text/plain': 'An empty frame.'}
    """
    if not alt.strip():
        raise ParameterError("alt must say in words what the figure shows; it is empty.")
    figure = cast("Figure", ax.get_figure(root=True))
    with io.BytesIO() as png:
        figure.savefig(png, format="png", dpi=_DOTS_PER_INCH, facecolor="white")
        reduced = Image.open(png).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    plt.close(figure)
    with io.BytesIO() as small:
        reduced.save(small, format="png", optimize=True)
        encoded = base64.b64encode(small.getvalue()).decode()
    display({"image/png": encoded, "text/plain": alt}, metadata={"image/png": {"alt": alt, "width": _WIDTH}}, raw=True)
