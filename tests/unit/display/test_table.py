import pytest

from runsemble.display.table import Column, clip, columns_of, printable, text_table


def table() -> list[Column]:
    """Return a number, two texts and another number."""
    return [
        Column("run", ["0", "10"], is_number=True, is_needed=True),
        Column("name", ["alpha", "a rather long name"]),
        Column("status", ["ok", "exit code 3"], is_needed=True),
        Column("loss", ["0.25", "12.5"], is_number=True),
    ]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("abc", 3),
        ("naïve", 5),
        ("nai\u0308ve", 5),
        ("漢字", 4),
        ("한국", 4),
        ("🙂", 2),
        ("ﾊﾝ", 2),
        ("a漢b", 4),
        ("≤ 3 µs…", 7),
    ],
)
def test_a_text_takes_as_many_columns_as_a_terminal_gives_it(text: str, columns: int) -> None:
    assert columns_of(text) == columns


@pytest.mark.parametrize(
    ("text", "width", "clipped"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("longer", 1, "…"),
        ("", 1, ""),
        ("漢字漢字", 8, "漢字漢字"),
        ("漢字漢字", 7, "漢字漢…"),
        ("漢字漢字", 6, "漢字…"),
        ("漢字", 2, "…"),
    ],
)
def test_a_text_that_is_too_wide_ends_in_an_ellipsis(text: str, width: int, clipped: str) -> None:
    assert clip(text, width) == clipped


@pytest.mark.timeout(2)
@pytest.mark.parametrize(("sign", "clipped"), [("a", "aaaaaaaa…"), ("漢", "漢漢漢漢…")])
def test_a_huge_text_is_clipped_at_once(sign: str, clipped: str) -> None:
    assert clip(sign * 1_000_000, 9) == clipped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, naïve, 漢字, 🙂", "plain, naïve, 漢字, 🙂"),
        ("two\nlines\tand", "two lines and"),
        ("\x1b[31mred", "?[31mred"),
        ("\x9b2J", "?2J"),
        ("back\x08\r\x7f\0", "back????"),
        ("\u202eright to left\u200f", "?right to left?"),
        ("nothing\u200b\ufeff", "nothing??"),
        ("\ud800\udcff", "??"),
    ],
)
def test_nothing_is_printed_that_a_terminal_would_obey(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_table_has_its_numbers_flush_right_and_its_texts_flush_left() -> None:
    lines, left_out = text_table(table(), 80)
    assert lines == [
        "run  name                status       loss",
        "  0  alpha               ok           0.25",
        " 10  a rather long name  exit code 3  12.5",
    ]
    assert left_out == []


def test_a_table_that_just_fits_is_not_shortened() -> None:
    whole, _ = text_table(table(), 80)
    assert text_table(table(), 42) == (whole, [])


def test_texts_are_shortened_the_longest_first() -> None:
    lines, left_out = text_table(table(), 34)
    assert lines == [
        "run  name        status       loss",
        "  0  alpha       ok           0.25",
        " 10  a rather …  exit code 3  12.5",
    ]
    assert left_out == []


def test_columns_without_room_are_named_the_last_ones_first_to_go() -> None:
    lines, left_out = text_table(table(), 20)
    assert lines == ["run  name    status", "  0  alpha   ok", " 10  a rat…  exit c…"]
    assert [column.head for column in left_out] == ["loss"]
    lines, left_out = text_table(table(), 14)
    assert lines == ["run  status", "  0  ok", " 10  exit cod…"]
    assert [column.head for column in left_out] == ["name", "loss"]


def test_a_column_that_goes_first_is_the_first_to_go_before_any_text_is_shortened() -> None:
    columns = [Column("run", ["0"], is_needed=True), Column("solver", ["euler"], goes_first=True)]
    columns += [Column("name", ["a rather long name"]), Column("loss", ["0.25"], is_number=True)]
    lines, left_out = text_table(columns, 30)
    assert lines == ["run  name                loss", "0    a rather long name  0.25"]
    assert left_out == [columns[1]]


def test_no_line_is_wider_than_the_table_may_be() -> None:
    for width in range(12, 60):
        lines, _ = text_table(table(), width)
        assert max(map(columns_of, lines)) <= width


def test_a_column_never_takes_more_than_its_most() -> None:
    lines, _ = text_table([Column("x", ["a" * 100], most=10)], 80)
    assert lines == ["x", "a" * 9 + "…"]


def test_wide_signs_keep_the_columns_in_line() -> None:
    lines, _ = text_table([Column("名", ["漢字", "ab"]), Column("x", ["1", "2"])], 80)
    assert lines == ["名    x", "漢字  1", "ab    2"]


def test_no_line_ends_in_blanks() -> None:
    lines, _ = text_table([Column("x", ["1", ""]), Column("y", ["", "long"])], 80)
    assert lines == ["x  y", "1", "   long"]


def test_a_table_without_rows_has_a_head() -> None:
    assert text_table([Column("run"), Column("status")], 80) == (["run  status"], [])


def test_a_table_without_columns_is_empty() -> None:
    assert text_table([], 80) == ([], [])
