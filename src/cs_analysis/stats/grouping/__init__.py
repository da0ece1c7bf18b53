"""Whether rows of numbers fall into groups at all, which groups, and how far they can be relied on."""
