"""What is simulated: which company, over which window, at which event rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from cs_analysis.data.simulator.clock import month_start
from cs_analysis.data.simulator.draws import Draws
from cs_analysis.data.simulator.parameters import Parameters
from cs_analysis.errors import ParameterError

AS_OF = "2026-10-31"
"""The day on whose evening every simulated history ends."""

CURRENCY = "EUR"
"""The reporting currency of the simulated company."""

_AFTER_AS_OF = "2026-11"


@dataclass(frozen=True)
class Scenario:
    """One company to simulate; its history is the `months` calendar months that end with `AS_OF`.

    `event_rate` scales the number of sessions; `probe_hours` is the time between two probes of the service.
    """

    seed: int = 0
    months: int = 24
    event_rate: float = 1.0
    probe_hours: int = 1
    parameters: Parameters = field(default_factory=Parameters)

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if self.seed < 0:
            raise ParameterError(f"seed must be 0 or more, not {self.seed!r}.")
        if not 1 <= self.months <= 120:
            raise ParameterError(f"months must lie between 1 and 120, not {self.months!r}.")
        if not 0 <= self.event_rate <= 2:
            raise ParameterError(f"event_rate must lie between 0 and 2, such as 0.1 for a tenth of the usual events, not {self.event_rate!r}.")
        if not 1 <= self.probe_hours <= 24:
            raise ParameterError(f"probe_hours must lie between 1 and 24, not {self.probe_hours!r}.")

    @cached_property
    def draws(self) -> Draws:
        """Uniform numbers of this seed."""
        return Draws(self.seed)

    @cached_property
    def ends(self) -> int:
        """First second after the history."""
        return month_start(_AFTER_AS_OF)

    @cached_property
    def begins(self) -> int:
        """First second of the history."""
        return month_start(str(np.datetime64(_AFTER_AS_OF, "M") - self.months))
