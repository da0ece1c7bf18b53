"""What counts as a customer and as revenue: the choices on which the field disagrees, each with a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Literal, get_args, get_type_hints

from cs_analysis.errors import CSAnalysisError, ParameterError
from cs_analysis.windows import parse_window

Counted = Literal["revenue", "customer", "nobody"]
_WINDOWS = ("past_due_grace", "bridged_gap", "reactivation_window")


def _fault(name: str, value: object, choices: tuple[object, ...]) -> str | None:
    """Return what is wrong with the value of a field, if anything."""
    if name not in _WINDOWS:
        return None if value in choices else f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}"
    try:
        if value is not None:
            parse_window(value, name=name)  # type: ignore[arg-type]
    except CSAnalysisError as error:
        return str(error).removesuffix(".")
    return None


@dataclass(frozen=True, kw_only=True)
class RevenuePolicy:
    """The choices behind customers and monthly recurring revenue, each with the column that carries it.

    A phase of a kind counts as `"revenue"` (its account is a customer, its amount is revenue), as `"customer"` (at 0), or as `"nobody"`. The
    columns are those of `subscriptions`. A choice other than the default needs its column in the data.

    Attributes
    ----------
    churn_date : {"service_end", "cancel_request", "paid_through"}
        When a phase is over: at `ended_at`; at `cancelled_at` if that is earlier; or at the end of the time that was paid, which is `renewal_at`
        where it is later than `ended_at`, else the end of the billing `interval`, counted from `started_at`, in which it ended. What is
        paid through stops where the account's next phase begins: who changes the subscription is not counted twice.
    trials, pauses, metered : {"revenue", "customer", "nobody"}
        What a phase whose `kind` is `trial`, `paused` or `metered` counts as. A pause as "nobody" is churn at once, as "revenue" it is not seen.
    free_plans : {"customer", "nobody"}
        What a phase whose `kind` is `free` counts as.
    zero_amounts : {"customer", "nobody"}
        What a phase of another kind counts as whose amount (`mrr`, less `discount` under net discounts) is 0, such as one discounted altogether.
    past_due : {"revenue", "customer", "nobody"}
        What a phase whose `kind` is `past_due` counts as.
    past_due_grace : str, optional
        For how long after its `started_at` a past due phase counts; by default until it ends.
    discounts : {"net", "gross"}
        Whether `discount` is taken off `mrr`.
    annual_plans : {"spread", "left_out"}
        Whether phases whose `interval` is `year` count with their amount a month, or not at all.
    proration : {"month_end", "covered"}
        What is a month's amount: that of the phases open at the month's end, in full; or of all phases in it, each times the share of the month
        (of its known part) between `started_at` and its end. An account is then a customer of each month in which it has a phase.
    fx : {"month", "constant"}
        Rates of `rates` for amounts in another `currency`: each month at its own, so that rates move revenue; or all at the latest one known.
    joined_and_left : {"hidden", "shown"}
        Whether an account that starts (`started_at`) and is gone (`ended_at`) inside one month shows as new and churn, with the amount of the
        phases that ended last.
    bridged_gap : str, optional
        A break between `ended_at` and the next `started_at` shorter than this window is none: the amount before it goes on. Default: none is bridged.
    reactivation_window : str, optional
        Who returns after an absence (`ended_at` to `started_at`) longer than this window is new again. Default: a return is always a reactivation.

    Raises
    ------
    ParameterError
        A field has a value that it cannot have; all of them are named.
    """

    churn_date: Literal["service_end", "cancel_request", "paid_through"] = "service_end"
    trials: Counted = "nobody"
    free_plans: Literal["customer", "nobody"] = "nobody"
    pauses: Counted = "nobody"
    past_due: Counted = "revenue"
    past_due_grace: str | None = None
    metered: Counted = "revenue"
    zero_amounts: Literal["customer", "nobody"] = "customer"
    discounts: Literal["net", "gross"] = "net"
    annual_plans: Literal["spread", "left_out"] = "spread"
    proration: Literal["month_end", "covered"] = "month_end"
    fx: Literal["month", "constant"] = "month"
    joined_and_left: Literal["hidden", "shown"] = "hidden"
    bridged_gap: str | None = None
    reactivation_window: str | None = None

    def __post_init__(self) -> None:
        faults = [fault for name, kind in get_type_hints(type(self)).items() if (fault := _fault(name, getattr(self, name), get_args(kind)))]
        if self.past_due_grace is not None and self.past_due == "nobody":
            faults.append("past_due_grace needs past due phases that count, and past_due is 'nobody'")
        if faults:
            raise ParameterError(f"a revenue policy cannot be like this: {'; '.join(faults)}.")

    @property
    def kinds(self) -> Mapping[str, Counted]:
        """What each `subscriptions.kind` counts as."""
        return {
            "paid": "revenue",
            "trial": self.trials,
            "free": self.free_plans,
            "paused": self.pauses,
            "past_due": self.past_due,
            "metered": self.metered,
        }

    @classmethod
    def chartmogul(cls) -> RevenuePolicy:
        """ChartMogul's usual settings.

        Help Center, "Churn recognition" and "Configuring Subscription Analytics settings": churn when the subscription ends in the billing system
        (the end of the service period and the request to cancel are its other options); who moves to a free plan or a discount of 100 % stays
        an active customer, who never paid is none; past due subscriptions go on until they are cancelled. "Understanding MRR movements": exchange
        rates make no movement. "Handling paused subscriptions": with Stripe and Chargebee a pause goes on as revenue (with Recurly it ends it).
        Metered usage, joining and leaving in a month and absences: not documented; ours.
        """
        return cls(free_plans="customer", pauses="revenue", fx="constant", joined_and_left="shown")

    @classmethod
    def stripe(cls) -> RevenuePolicy:
        """Stripe Billing's analytics.

        Docs, "Billing metric definitions": active and past due subscriptions count until they are cancelled or unpaid; no trials, free plans or
        metered prices; an adjustment for exchange rates stands beside the movements. Support, "Billing Analytics": discounts that last for ever
        are taken off, others are not (the tables cannot tell them apart: all are taken off here). Pauses, joining and leaving in a month and
        absences: not documented; ours.
        """
        return cls(metered="nobody", zero_amounts="nobody", joined_and_left="shown")

    @classmethod
    def profitwell(cls) -> RevenuePolicy:
        """ProfitWell Metrics (Paddle).

        Help, "ProfitWell vs. Maxio" and "ProfitWell vs. Chargebee": revenue until the end of the paid billing cycle; who joins and leaves in the same
        month is ignored; discounts are taken off; subscriptions on hold are at 0 (here: churn); every return is a reactivation; recurring metered
        billing counts. "Calculating metrics": a customer who is discounted altogether is none. Past due customers stay for a dunning
        window of at least 15 days, which is set to 30 days here. Exchange rates: not documented; ours.
        """
        return cls(churn_date="paid_through", zero_amounts="nobody", past_due_grace="30d")

    @classmethod
    def baremetrics(cls) -> RevenuePolicy:
        """Baremetrics.

        Help, "Monthly Recurring Revenue": coupons are taken off; a coupon of 100 % and a move to a free plan are churn; delinquent for more than 30 days is
        churn. Changelog, "Churn Update": who signs up and cancels within the same 30 days is in the churn rate. Trials, pauses, metered
        billing, exchange rates and absences: not documented; ours.
        """
        return cls(zero_amounts="nobody", past_due_grace="30d", joined_and_left="shown")

    @classmethod
    def chargebee(cls) -> RevenuePolicy:
        """Chargebee's regular MRR.

        Docs, "Flexible MRR vs. Regular MRR": plans and add-ons less recurring coupons, no metered components. "Charts": cancellations in the month of
        activation are left out. Paddle's "ProfitWell vs. Chargebee" (which counts those as new and as churn): every return is a reactivation;
        non-renewing subscriptions count until their term ends. Pauses, past due, free plans and exchange rates: not documented; ours.
        """
        return cls(metered="nobody")

    @classmethod
    def maxio(cls) -> RevenuePolicy:
        """Maxio (Chargify).

        Paddle's "ProfitWell vs. Maxio" (no page of Maxio's own was found): revenue is removed when the customer cancels; who joins and leaves in the
        same month is new and churn; discounts are taken off; subscriptions on hold go on; a return within 90 days is a reactivation, later
        it is new; metered usage is apart. Past due, free plans and exchange rates: not documented; ours.
        """
        return cls(churn_date="cancel_request", pauses="revenue", metered="nobody", joined_and_left="shown", reactivation_window="90d")


DEFAULT_POLICY = RevenuePolicy()
REVENUE_PRESETS: Mapping[str, RevenuePolicy] = MappingProxyType(
    {
        "default": DEFAULT_POLICY,
        "chartmogul": RevenuePolicy.chartmogul(),
        "stripe": RevenuePolicy.stripe(),
        "profitwell": RevenuePolicy.profitwell(),
        "baremetrics": RevenuePolicy.baremetrics(),
        "chargebee": RevenuePolicy.chargebee(),
        "maxio": RevenuePolicy.maxio(),
    }
)


def policy_of(policy: RevenuePolicy | str) -> RevenuePolicy:
    """Return a policy, given itself or the name of a preset.

    Raises
    ------
    ParameterError
        There is no preset of that name.
    """
    if isinstance(policy, RevenuePolicy):
        return policy
    if not isinstance(policy, str) or policy not in REVENUE_PRESETS:
        raise ParameterError(f"policy must be a RevenuePolicy or one of {', '.join(REVENUE_PRESETS)}, not {policy!r}.")
    return REVENUE_PRESETS[policy]


def at_constant_rates(policy: RevenuePolicy | str) -> RevenuePolicy:
    """Return the policy with all amounts at the latest exchange rate known."""
    return replace(policy_of(policy), fx="constant")


def needed_columns(policy: RevenuePolicy) -> list[tuple[str, ...]]:
    """Return for each choice other than the default the columns of `subscriptions` of which the data must have one."""
    changed = {field.name for field in fields(policy) if getattr(policy, field.name) != field.default}
    by_kind = {"trials", "free_plans", "pauses", "past_due", "past_due_grace", "metered"}
    needed: list[tuple[str, ...]] = [("kind",)] if changed & by_kind else []
    if policy.churn_date == "cancel_request":
        needed.append(("cancelled_at",))
    if policy.churn_date == "paid_through":
        needed.append(("renewal_at", "interval"))
    if policy.annual_plans == "left_out":
        needed.append(("interval",))
    return needed
