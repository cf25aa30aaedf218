"""Text replacement, as section 4 of the specification has it."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runsemble.compat.themis.prepper import parse_input_deck, parse_input_deck_base, parse_input_deck_jinja
from runsemble.errors import TemplateError, UsageError
from runsemble.workdir.deck_tokens import fill_tokens
from runsemble.workdir.decks import LAUNCH_KEY, Deck, Engine, default_engine
from runsemble.workdir.lenient_jinja import LenientJinja

ENGINES: tuple[Engine, ...] = ("tokens", "jinja")
OLD_TEN = {"x_1": 7, "x_10": 8}


@pytest.fixture(autouse=True)
def _in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fill(text: str | bytes, sample: Any, engine: Engine) -> str:
    Path("deck.in").write_bytes(text.encode() if isinstance(text, str) else text)
    parse_input_deck("deck.in", "deck.out", sample, engine)
    return Path("deck.out").read_bytes().decode("utf-8", "surrogateescape")


def fill_with_warnings(text: str, sample: Any, engine: Engine) -> tuple[str, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        filled = fill(text, sample, engine)
    assert all(warning.category is UserWarning for warning in caught)
    return filled, [str(warning.message) for warning in caught]


#: The table of section 4: input, sample, built-in, jinja2, words of the warning under jinja2.
TABLE: list[tuple[str, dict[Any, Any], str, str, str]] = [
    ("a=%%x%%", {"x": 5}, "a=5", "a=5", ""),
    ("a=%% x %%", {"x": 5}, "a=%% x %%", "a=5", ""),
    ("a=%%y%%", {"x": 5}, "a=%%y%%", "a=", "no value for 'y'"),
    ("%%x%%%%x%%", {"x": 5}, "55", "55", ""),
    ("%%x + 1%%", {"x": 5}, "%%x + 1%%", "6", ""),
    ("%%m['k']%% %%m.k%%", {"m": {"k": 1}}, "%%m['k']%% %%m.k%%", "1 1", ""),
    ("%%s%%", {"s": "a<b & 'q'"}, "a<b & 'q'", "a<b & 'q'", ""),
    ("100%% sure", {"x": 5}, "100%% sure", "100%% sure", ""),
    ("{% if x > 3 %}big{% endif %}", {"x": 5}, "{% if x > 3 %}big{% endif %}", "big", ""),
    ("${x} $x {x} @x@ {{ x }}", {"x": 5}, "${x} $x {x} @x@ {{ x }}", "${x} $x {x} @x@ {{ x }}", ""),
    ("%%x%%", {}, "%%x%%", "", "no value for 'x'"),
    ("%%x%%", {"x": None}, "None", "None", ""),
    ("%%x%%", {"x": [1, 2]}, "[1, 2]", "[1, 2]", ""),
    ("%%a.b%% %%aXb%%", {"a.b": 3}, "3 %%aXb%%", "3 %%aXb%%", "no value for 'aXb'"),
    ("%%(%%", {"(": 4}, "4", "4", ""),
    ("%%1%%", {1: "one"}, "one", "one", ""),
    ("v = 3 # UQP_VARIABLE = x", {"x": 7}, "v = 7", "v = 3 # UQP_VARIABLE = x", ""),
    ("v = 3 # UQP_VARIABLE = x_10", OLD_TEN, "v = 8", "v = 3 # UQP_VARIABLE = x_10", ""),
]


@pytest.mark.parametrize(("text", "sample", "built_in", "jinja", "warning"), TABLE)
def test_every_row_of_the_table_by_the_built_in_engine(
    text: str, sample: Any, built_in: str, jinja: str, warning: str
) -> None:
    assert fill(text, sample, "tokens") == built_in


@pytest.mark.parametrize(("text", "sample", "built_in", "jinja", "warning"), TABLE)
def test_every_row_of_the_table_by_jinja(text: str, sample: Any, built_in: str, jinja: str, warning: str) -> None:
    filled, said = fill_with_warnings(text, sample, "jinja")
    assert filled == jinja
    assert len(said) == (1 if warning else 0)
    assert warning in "".join(said)


@pytest.mark.parametrize(
    ("line", "filled"),
    [
        ("v=3 # UQP_VARIABLE=x", "v= 7"),
        ("v=3 #UQP_VARIABLE = x", "v= 7"),
        ("v=3   #  UQP_VARIABLE  =  x", "v= 7"),
        ("v=3 # UQP_VARIABLE = x trailing", "v= 7 trailing"),
        ("v=3 # UQP_VARIABLE = x, b # UQP_VARIABLE = y", "v= yy"),
        ("v=3 # UQP_VARIABLE = q", "v=3 # UQP_VARIABLE = q"),
        ("a=1; v=3 # UQP_VARIABLE = x\nz", "a= 7\nz"),
        ("# UQP_VARIABLE = x", "# UQP_VARIABLE = x"),
        ("v == 3 # UQP_VARIABLE = x", "v = 7"),
        ("  v = %%y%% # UQP_VARIABLE = x %%y%%", "  v = 7 yy"),
        ("%%y%% v = 3 # UQP_VARIABLE = x", "yy v = 7"),
        ("v=3 UQP_VARIABLE = x", "v=3 UQP_VARIABLE = x"),
        ("v=3 # UQP_VARIABLE = X", "v=3 # UQP_VARIABLE = X"),
        ("v=3 # UQP_VARIABLE = xx", "v=3 # UQP_VARIABLE = xx"),
        ("u=1\nv=3 # UQP_VARIABLE = x\nw=1\n", "u=1\nv= 7\nw=1\n"),
        ("v=3 # UQP_VARIABLE = t", r"v= \1\g<0> %%x%%"),
    ],
)
def test_the_old_form_takes_from_the_first_equals_sign_through_the_name(line: str, filled: str) -> None:
    assert fill_tokens(line, {"x": 7, "y": "yy", "t": r"\1\g<0> %%x%%"}) == filled


@pytest.mark.parametrize("engine", ENGINES)
def test_what_has_been_filled_in_is_not_looked_at_again(engine: Engine) -> None:
    assert fill("%%x%% %%y%%", {"x": "%%y%%", "y": r"\1"}, engine) == r"%%y%% \1"


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(exclude_characters="%\r\n", codec="utf-8"), min_size=1), st.integers()))
def test_every_key_is_replaced_literally_by_both_engines(sample: dict[str, int]) -> None:
    text = "".join(f"<%%{key}%%>" for key in sample)
    values = "".join(f"<{value}>" for value in sample.values())
    assert fill_tokens(text, sample) == values
    assert LenientJinja(text, "/deck.in", warnings.warn).compiled_for(sample).render(sample) == values


@given(st.text(st.characters(exclude_characters="%\r", codec="utf-8")))
def test_the_built_in_engine_changes_nothing_without_signs(text: str) -> None:
    assert fill_tokens(text, {"x": 1}) == text


@pytest.mark.parametrize("name", ["in", "not", "None", "self", "a-b", "a b", "é.è", "{%", "5"])
def test_jinja_takes_names_that_are_none_to_it(name: str) -> None:
    assert fill(f"%%{name}%% %%x%%", {name: 1, "x": 2}, "jinja") == "1 2"


@pytest.mark.parametrize(("text", "filled"), [("5%% x %%!", "51!"), ("v1%%x%%", "v11"), ("5%% of %% x %%", "5%% of 1")])
def test_jinja_knows_a_name_of_the_sample_even_after_a_number(text: str, filled: str) -> None:
    assert fill(text, {"x": 1}, "jinja") == filled


def test_jinja_reads_tokens_from_left_to_right() -> None:
    assert fill("%%nx+1%%x%%ny%%", {"nx": 4, "ny": 3, "x": 9}, "jinja") == "5x3"


def test_jinja_leaves_literal_names_alone_where_nothing_is_filled_in() -> None:
    assert fill("{% raw %}%%a.b%%{% endraw %}{# %%a.b%% #}", {"a.b": 1}, "jinja") == "%%a.b%%"


@pytest.mark.parametrize(("engine", "filled"), [("tokens", "1\r\n2"), ("jinja", "1\n2")])
def test_a_file_is_copied_unchanged_by_the_built_in_engine_for_an_empty_sample(engine: Engine, filled: str) -> None:
    assert fill("1\r\n2", {}, engine) == filled


@pytest.mark.parametrize("engine", ENGINES)
def test_line_ends_become_line_feeds(engine: Engine) -> None:
    assert fill("a\r\n%%x%%\rb\n", {"x": 1}, engine) == "a\n1\nb\n"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_the_last_line_ends_as_it_did(engine: Engine, end: str) -> None:
    assert fill("%%x%%" + end, {"x": 1}, engine) == "1" + end


@pytest.mark.parametrize("engine", ENGINES)
def test_bytes_that_are_no_text_stay(engine: Engine) -> None:
    assert fill(b"\xff%%x%%\xe9", {"x": "\xe9"}, engine).encode("utf-8", "surrogateescape") == b"\xff\xc3\xa9\xe9"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_binary_file_is_copied_as_it_is_with_a_warning(engine: Engine) -> None:
    with pytest.warns(UserWarning, match="is a binary file"):
        assert fill(b"\0\r\n%%x%%", {"x": 1}, engine) == "\0\r\n%%x%%"


@pytest.mark.parametrize("engine", ENGINES)
def test_mode_and_times_are_those_of_the_template(engine: Engine) -> None:
    Path("run.sh").write_text("%%x%%")
    os.chmod("run.sh", 0o751)
    os.utime("run.sh", (1_000_000_000, 1_000_000_123))
    parse_input_deck("run.sh", "out.sh", {"x": 1}, engine)
    info = os.stat("out.sh")
    assert info.st_mode & 0o7777 == 0o751
    assert (info.st_atime, info.st_mtime) == (1_000_000_000, 1_000_000_123)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sample", [{"x": 1}, {"y": 2, "x": 1}])
def test_the_source_may_be_the_destination(engine: Engine, sample: Any) -> None:
    Path("deck").write_text("%%x%%!")
    parse_input_deck("deck", "./deck", sample, engine)
    assert Path("deck").read_text() == "1!"
    assert os.listdir() == ["deck"]


def test_a_link_in_the_way_is_replaced_and_the_file_behind_it_stays() -> None:
    Path("mine").write_text("mine")
    os.symlink("mine", "deck.out")
    assert fill("%%x%%", {"x": 1}, "tokens") == "1"
    assert Path("mine").read_text() == "mine"
    assert not os.path.islink("deck.out")


def test_a_directory_in_the_way_is_an_error() -> None:
    os.mkdir("deck.out")
    with pytest.raises(IsADirectoryError):
        fill("%%x%%", {"x": 1}, "tokens")
    assert sorted(os.listdir()) == ["deck.in", "deck.out"]


def test_what_is_no_file_is_written_into() -> None:
    Path("deck.in").write_text("%%x%%")
    parse_input_deck("deck.in", os.devnull, {"x": 1}, "tokens")
    assert not os.path.isfile(os.devnull)


def test_a_template_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        parse_input_deck("nothing", "deck.out", {"x": 1})


@pytest.mark.parametrize("text", ["{% if %}%%x%%", "%%x +%% %%x%%", "{% for %}{% endfor %} %%x%%"])
def test_what_is_no_template_is_filled_in_by_the_built_in_engine_with_a_warning(text: str) -> None:
    filled, said = fill_with_warnings(text, {"x": 1}, "jinja")
    assert filled == text.replace("%%x%%", "1")
    assert len(said) == 1
    assert "is no valid template" in said[0]


def test_an_expression_that_fails_is_an_error_and_nothing_is_written() -> None:
    with pytest.raises(TemplateError, match=r"deck\.in, line 2: ZeroDivisionError"):
        fill("\n%%1 / x%%", {"x": 0}, "jinja")
    assert os.listdir() == ["deck.in"]


def test_files_are_included_from_beside_the_template() -> None:
    os.mkdir("sub")
    Path("sub/part").write_text("<%%x%% %%a.b%%>")
    Path("sub/deck").write_text("{% include 'part' %}")
    parse_input_deck_jinja("sub/deck", "deck.out", {"x": 1, "a.b": 2})
    assert Path("deck.out").read_text() == "<1 2>"


def test_the_variants_name_their_engine() -> None:
    Path("deck.in").write_text("%%x + 1%%")
    parse_input_deck_base("deck.in", "base", {"x": 1})
    parse_input_deck_jinja("deck.in", "jinja", {"x": 1})
    parse_input_deck("deck.in", "default", {"x": 1})
    assert [Path(name).read_text() for name in ("base", "jinja", "default")] == ["%%x + 1%%", "2", "2"]


def test_jinja_is_the_default_where_it_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_engine() == "jinja"
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert default_engine() == "tokens"


def test_an_engine_that_is_not_known_is_refused() -> None:
    Path("deck.in").write_text("")
    with pytest.raises(UsageError, match="'jinja' or 'tokens'"):
        Deck("deck.in", "mako")  # type: ignore[arg-type]


def test_one_deck_is_filled_in_for_many_runs() -> None:
    Path("deck.in").write_text("{% if x is defined %}%%x%%{% endif %}%%a.b%%!")
    deck = Deck("deck.in", "jinja")
    samples: list[dict[str, Any]] = [{"x": 1, "a.b": 2}, {"a.b": 3}, {"x": 4, "a.b": 5}]
    assert [deck.render(sample) for sample in samples] == [b"12!", b"3!", b"45!"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("launch", "line"), [(["srun", "-n", "4"], "srun -n 4 ./a"), ([], " ./a")])
def test_a_batch_script_learns_how_a_step_is_started(engine: Engine, launch: list[str], line: str) -> None:
    assert fill("%%themis_launch%% ./a", {LAUNCH_KEY: " ".join(launch)}, engine) == line
