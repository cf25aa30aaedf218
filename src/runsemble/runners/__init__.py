"""Runners: what takes runs in and sees them through."""
