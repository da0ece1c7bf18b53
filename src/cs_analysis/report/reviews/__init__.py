"""Business reviews: one page an account, made from tables that are counted once for all of them."""
