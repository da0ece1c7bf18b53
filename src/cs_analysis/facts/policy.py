"""What counts as a customer and as revenue: the choices on which the field disagrees, each with a name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RevenuePolicy:
    """The choices behind customers and monthly recurring revenue.

    Attributes
    ----------
    paying_kinds : tuple of str
        Values of `subscriptions.kind` that make an account a customer and its amount revenue. A missing kind is `paid`.
        By default trials, free plans and pauses do not count; a phase whose payment is overdue does, until it ends.
    net_of_discount : bool
        Whether the discount is taken off the amount (default) or not.
    """

    paying_kinds: tuple[str, ...] = ("paid", "metered", "past_due")
    net_of_discount: bool = True


DEFAULT_POLICY = RevenuePolicy()
