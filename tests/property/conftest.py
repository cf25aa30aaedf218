"""How hard hypothesis tries."""

from hypothesis import settings

settings.register_profile("runsemble", deadline=None, max_examples=100)
settings.load_profile("runsemble")
