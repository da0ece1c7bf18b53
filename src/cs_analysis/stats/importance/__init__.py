"""How much of what an outcome varies goes with each of several related columns."""
