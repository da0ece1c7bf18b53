"""Comments: what language they are in, what they are about, which say the same, and what must not leave the machine."""
