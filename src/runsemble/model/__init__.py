"""Plain data: what a run is, what it needs, what became of it."""
