"""Numbers: estimates, intervals, durations, survival. Knows no customer-success word."""
