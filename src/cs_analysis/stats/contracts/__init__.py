"""Models of customers under contract, who can leave at each renewal: how many stay, for how long, and what their time is worth."""
