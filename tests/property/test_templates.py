import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from runsemble.errors import TemplateError
from runsemble.model.files import TemplateEngine, TemplateFile
from runsemble.workdir.templates import DeckTemplate

#: No letter of a name, nothing that begins a token or a block, and line ends of every kind.
STRANGE = " .,:<>()[]{}$#@'\"\\^-+\r\n\t\x01éß漢\udcff"
NAMES = ("x", "beta", "a_b")
#: What Jinja reads as something else than a name.
WORDS = frozenset(["and", "else", "false", "if", "in", "is", "none", "not", "or", "self", "true"])


def rendered(raw: bytes, engine: TemplateEngine, values: dict[str, Any]) -> bytes:
    """Return the bytes that a run gets."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "deck.in").write_bytes(raw)
        text = DeckTemplate(TemplateFile("deck.in", engine=engine), directory).render(values)[1]
    return text.encode("utf-8", "surrogateescape")


def rendered_or_refused(raw: bytes, engine: TemplateEngine) -> bytes | str:
    """Return the bytes that a run gets, or what is wrong with the template."""
    try:
        return rendered(raw, engine, {"x": 1})
    except TemplateError as error:
        return str(error)


def bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


engines: st.SearchStrategy[TemplateEngine] = st.sampled_from(["jinja", "tokens"])
values = st.fixed_dictionaries({name: st.integers() | st.floats() | st.text(max_size=9) for name in NAMES})


@given(st.binary().filter(lambda raw: b"\0" not in raw and not any(sign in raw for sign in (b"%%", b"{%", b"{#"))))
def test_bytes_without_tokens_are_not_touched(raw: bytes) -> None:
    for engine in ("jinja", "tokens"):
        assert rendered(raw, engine, {"x": 1}) == raw


@given(st.text(alphabet=STRANGE).filter(lambda text: "{#" not in text), engines, values)
def test_line_ends_and_strange_bytes_survive(text: str, engine: TemplateEngine, filled: dict[str, Any]) -> None:
    raw = bytes_of(text)
    assert rendered(raw + b"%%x%%" + raw, engine, filled) == raw + bytes_of(str(filled["x"])) + raw


#: Written part -> what it becomes, None where a value goes in.
literal = st.text(alphabet=STRANGE, max_size=8).map(lambda text: (text, text, ""))
token = st.sampled_from(NAMES).map(lambda name: (f"%%{name}%%", None, name))
foreign = st.sampled_from(["%%Q%%", "%% Q %%", "{% Q %}", "{# Q #}", "{{ Q }}", "%Q%"]).map(
    lambda text: (text, text, "")
)


@given(st.lists(literal | token | foreign), values)
def test_literal_tokens_are_replaced_each_on_its_own(
    parts: list[tuple[str, str | None, str]], filled: dict[str, Any]
) -> None:
    raw = bytes_of("".join(written for written, _, _ in parts))
    expected = "".join(str(filled[name]) if text is None else text for _, text, name in parts)
    assert rendered(raw, "tokens", filled) == bytes_of(expected)


@given(st.lists(st.tuples(st.text(min_size=1, max_size=4), st.text(max_size=4)), max_size=4))
def test_a_parameter_of_any_name_has_its_token(pairs: list[tuple[str, str]]) -> None:
    filled = {name: value for name, value in pairs if not {"%", "\0"} & set(name)}
    raw = bytes_of("\n".join(f"<%%{name}%%>" for name in filled))
    assert rendered(raw, "tokens", filled) == bytes_of("\n".join(f"<{value}>" for value in filled.values()))


identifiers = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(lambda name: name not in WORDS)


@given(st.dictionaries(identifiers, st.integers() | st.floats() | st.text(), min_size=1, max_size=3))
@example({"range": "%%x%%", "x": "{% if"})
def test_jinja_writes_a_value_as_it_is(filled: dict[str, Any]) -> None:
    raw = bytes_of("".join(f"<%%{name}%%>" for name in filled))
    assert rendered(raw, "jinja", filled) == bytes_of("".join(f"<{value}>" for value in filled.values()))


#: Out of which anything can come, right or wrong.
scraps = st.sampled_from(
    [
        "%%", "%", "x", " ", "\n", "\r\n", "-", "+", "1", "(", ")", "[", "]", "'", '"', "|", ".", "**", "{", "}", "\\",
        "{%", "%}", "{#", "#}", "{%-", "-%}", "if", "endif", "for", "in", "endfor", "raw", "endraw", "include", "set",
        "{% if x %}", "{% endif %}", "{% raw %}", "{% endraw %}", "%%x%%", "%% x %%", "é", "\udcff", "y", "=", ",", ":",
    ]
)  # fmt: skip


@given(st.lists(scraps, max_size=15), engines)
def test_any_text_is_rendered_or_refused_as_a_template(parts: list[str], engine: TemplateEngine) -> None:
    outcome = rendered_or_refused(bytes_of("".join(parts)), engine)
    assert isinstance(outcome, bytes) or (engine == "jinja" and outcome.startswith("template deck.in"))


prose = st.sampled_from(["sure", "of it", "done,", "(half)", "- more", "at x", "or so.", "\n", "\r\n", "and then"])


@given(st.lists(st.tuples(st.integers(0, 100), prose), max_size=6))
def test_percentages_in_prose_survive(phrases: list[tuple[int, str]]) -> None:
    raw = bytes_of("".join(f"{share}%% {words} " for share, words in phrases))
    assert rendered(raw, "jinja", {"x": 1}) == raw
