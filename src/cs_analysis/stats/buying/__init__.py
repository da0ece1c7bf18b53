"""Models of customers who buy without a contract: how often, for how long, and how much still to come."""
