"""Labels: what became known later about a prediction, and joining the two (contract C9)."""
