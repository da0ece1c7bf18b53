"""Pictures and tables from estimates. Nothing is computed here: what is drawn stands in the table."""

from __future__ import annotations

from cs_analysis.show.bars import bars
from cs_analysis.show.calibrations import calibration
from cs_analysis.show.curves import curve
from cs_analysis.show.flows import flow
from cs_analysis.show.funnels import funnel
from cs_analysis.show.heatmaps import heatmap
from cs_analysis.show.intervals import interval_plot
from cs_analysis.show.panels import small_multiples
from cs_analysis.show.pictures import picture
from cs_analysis.show.tables import labelled, notes, wide
from cs_analysis.show.trends import trend
from cs_analysis.show.waterfalls import waterfall

__all__ = [
    "bars",
    "calibration",
    "curve",
    "flow",
    "funnel",
    "heatmap",
    "interval_plot",
    "labelled",
    "notes",
    "picture",
    "small_multiples",
    "trend",
    "waterfall",
    "wide",
]
