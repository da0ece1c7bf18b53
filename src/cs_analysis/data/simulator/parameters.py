"""Every number the simulated company is made from, in one frozen `Parameters`."""

from __future__ import annotations

from dataclasses import dataclass, field

from cs_analysis.data.simulator.customer_parameters import Contract, Market, Onboarding, Usage
from cs_analysis.data.simulator.service_parameters import Leads, Orders, Service, Success, Support, Voice


@dataclass(frozen=True)
class Parameters:
    """All parameters, by subject; each subject's class says what its fields mean.

    Attributes
    ----------
    market
        Who signs up and when: segments, personas, channels, seats.
    onboarding
        Steps to first value.
    usage
        Sessions, features and their Bass diffusion.
    contract
        Trials, renewals, ends, expansion, contraction, prices.
    voice
        Surveys and non-response.
    support
        Tickets and messages.
    success
        Actions and goals.
    orders
        One-off orders.
    leads
        The way from first contact to sign-up.
    service
        Probes of the service and exchange rates.
    """

    market: Market = field(default_factory=Market)
    onboarding: Onboarding = field(default_factory=Onboarding)
    usage: Usage = field(default_factory=Usage)
    contract: Contract = field(default_factory=Contract)
    voice: Voice = field(default_factory=Voice)
    support: Support = field(default_factory=Support)
    success: Success = field(default_factory=Success)
    orders: Orders = field(default_factory=Orders)
    leads: Leads = field(default_factory=Leads)
    service: Service = field(default_factory=Service)
