"""Colours that stay apart for readers who see fewer of them, and lines that can be seen on white."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from cs_analysis.show.style import PALETTE

Floats = npt.NDArray[np.float64]

# Machado, Oliveira and Fernandes (2009), table of the full deficiencies: linear RGB as those readers see it.
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
WHITE = np.array([0.95047, 1.0, 1.08883])
CLEARLY_APART = 10.0  # CIE 1976; a difference of 2.3 is just seen


def linear(color: str) -> Floats:
    """Return a colour as linear RGB (IEC 61966-2-1)."""
    shown = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)


def lab(light: Floats) -> Floats:
    """Return linear RGB as CIE L*a*b*, in which equal distances look about equally large."""
    x, y, z = (np.cbrt(part) if part > 216 / 24389 else (24389 / 27 * part + 16) / 116 for part in TO_XYZ @ light / WHITE)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_measure_knows_white_and_red() -> None:
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.02)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)  # published: Lindbloom's tables, sRGB, D65


@pytest.mark.parametrize("sight", SIGHTS)
def test_no_two_colours_look_alike(sight: str) -> None:
    seen = {color: lab(np.clip(SIGHTS[sight] @ linear(color), 0, 1)) for color in PALETTE}
    close = {pair: round(float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])), 1) for pair in combinations(PALETTE, 2)}
    assert {pair: apart for pair, apart in close.items() if apart < CLEARLY_APART} == {}


def test_every_colour_is_seen_on_white() -> None:
    contrast = [1.05 / (TO_XYZ[1] @ linear(color) + 0.05) for color in PALETTE]
    assert min(contrast) > 2.3  # thick lines and bars with their values beside them; 3 is asked for where colour alone tells
