"""What fills in the tokens of a text file, as Themis has it in its own module."""

from __future__ import annotations

from runsemble.compat.themis._deck import parse_input_deck, parse_input_deck_base, parse_input_deck_jinja

__all__ = ["parse_input_deck", "parse_input_deck_base", "parse_input_deck_jinja"]
