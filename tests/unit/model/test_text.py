import pytest

from runsemble.model.text import quote, why_no_bytes


@pytest.mark.parametrize(
    ("text", "at", "quoted"),
    [
        ("a\0b", 1, "'a\\x00b'"),
        ("x" * 60, 59, repr("x" * 60)),
        ("x" * 61, 0, repr("x" * 60) + "... (61 characters)"),
        ("x" * 60 + "\0", 60, "..." + repr("x" * 59 + "\0") + " (61 characters)"),
        ("x" * 100 + "\0" + "y" * 100, 100, "..." + repr("x" * 30 + "\0" + "y" * 29) + "... (201 characters)"),
        ("x" * 61, -1, repr("x" * 60) + "... (61 characters)"),
    ],
)
def test_a_quotation_shows_what_matters_and_no_more(text: str, at: int, quoted: str) -> None:
    assert quote(text, at) == quoted


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", None),
        ("caf\u00e9 \udcff", None),  # a byte that is no UTF-8
        ("a\0b", "holds a zero byte: 'a\\x00b'"),
        ("\ud800", "holds a character that stands for no bytes: '\\ud800'"),
    ],
)
def test_what_is_no_bytes_is_told(text: str, problem: str | None) -> None:
    assert why_no_bytes(text) == problem
