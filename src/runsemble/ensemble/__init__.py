"""Studies that live in a directory: recorded, resumed, driven."""
