"""Keeps everything that is known of a study in one SQLite file."""
