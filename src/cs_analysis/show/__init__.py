"""Pictures and tables from estimates. Nothing is computed here: what is drawn stands in the table."""

from __future__ import annotations

from cs_analysis.show.bars import bars
from cs_analysis.show.curves import curve
from cs_analysis.show.intervals import interval_plot
from cs_analysis.show.tables import labelled
from cs_analysis.show.trends import trend

__all__ = ["bars", "curve", "interval_plot", "labelled", "trend"]
