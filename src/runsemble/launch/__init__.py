"""Wording: arguments, environment and program of a run. Nothing here starts anything."""
