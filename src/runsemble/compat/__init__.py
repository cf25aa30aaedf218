"""Drop-ins: scripts written for other systems run with only their import line changed.

Each module translates names, units, defaults and return types; it schedules, launches and stores nothing itself.
"""
