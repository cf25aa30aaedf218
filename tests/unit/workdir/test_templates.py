from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pytest

from runsemble.errors import InputFileError, TemplateError
from runsemble.model.files import TemplateEngine, TemplateFile
from runsemble.workdir.templates import MAX_BYTES, DeckTemplate, load_templates

ENGINES: list[TemplateEngine] = ["jinja", "tokens"]


class Render(Protocol):
    """Renders a text, or bytes, with some values; to bytes, as an agent writes them."""

    def __call__(self, text: str | bytes, engine: TemplateEngine = "jinja", /, **values: Any) -> bytes: ...


@pytest.fixture
def render(tmp_path: Path) -> Render:
    def render_text(text: str | bytes, engine: TemplateEngine = "jinja", /, **values: Any) -> bytes:
        (tmp_path / "deck.in").write_bytes(text.encode() if isinstance(text, str) else text)
        template = DeckTemplate(TemplateFile("deck.in", engine=engine), str(tmp_path))
        return template.render(values)[1].encode("utf-8", "surrogateescape")

    return render_text


def refusal(render: Render, text: str | bytes, engine: TemplateEngine = "jinja", /, **values: Any) -> str:
    with pytest.raises(TemplateError) as caught:
        render(text, engine, **values)
    return str(caught.value)


# What both engines do

UNTOUCHED = [
    b"",
    b"no line end",
    b"unix\nlines\n",
    b"dos\r\nlines\r\n",
    b"old\rmac\rlines\r",
    b"all\r\n\nof\r\r\n them\n\r",
    b"\n\n\n",
    b"\xef\xbb\xbfbyte order mark",
    b"latin-1 \xe9\xfc\xdf",
    b"no utf-8 \xff\xfe\x80 \xc3(",
    "漢字 🙂 e\u0301 \u2028\u202e".encode(),
    b"control \x01\x02\x1b[31m\x1c\x7f\x85",
    "private \ue000 \ue00d \uf8ff".encode(),
    b"{{ x }} ${x} $x {x} <%= x %> @x@ %x% #{x}",
    b"%d%i %s % % %.",
    b"-%} trailing #} signs }}",
]


@pytest.mark.parametrize("raw", UNTOUCHED)
def test_bytes_outside_a_token_stay_as_they_are(render: Render, raw: bytes) -> None:
    for engine in ENGINES:
        assert render(raw, engine, x=1) == raw
        assert render(raw + b"%%x%%" + raw, engine, x="a") == raw + b"a" + raw


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (0.1, "0.1"),
        (1e-300, "1e-300"),
        (True, "True"),
        (None, "None"),
        ("", ""),
        ("é", "é"),
        ("two\nlines", "two\nlines"),
        ("dos\r\nlines", "dos\r\nlines"),
        ("private \ue00d", "private \ue00d"),
        ("%%y%%", "%%y%%"),
        ("{% if %}{# {{", "{% if %}{# {{"),
        ("<a & 'b'>", "<a & 'b'>"),
        ("\\1 \\g<0>", "\\1 \\g<0>"),
        ([1, "a"], "[1, 'a']"),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_a_value_is_written_as_text_and_not_looked_into(render: Render, value: Any, text: str) -> None:
    for engine in ENGINES:
        assert render("<%%x%%>", engine, x=value, y=2).decode() == f"<{text}>"


def test_tokens_may_touch(render: Render) -> None:
    for engine in ENGINES:
        assert render("%%x%%%%y%%%%x%%", engine, x=1, y=2) == b"121"


@pytest.mark.parametrize(
    "text", ["100%% sure", "%%", "100%%", "%% x", "x %%\n", "%%%%", "a%%\nb", "50%% of it\n%% end"]
)
def test_a_doubled_percent_sign_that_begins_no_token_stays(render: Render, text: str) -> None:
    for engine in ENGINES:
        assert render(text, engine, x=1) == text.encode()


@pytest.mark.parametrize(
    "text", ["{%%x%%}", "[{%%x%%}]", "\\setlength{\\a}{%%x%%mm}\n", "{{%%x%%}}", "${%%x%%}", "(%%x%%)", "$%%x%%$"]
)
def test_a_token_may_stand_in_braces(render: Render, text: str) -> None:
    for engine in ENGINES:
        assert render(text, engine, x=1).decode() == text.replace("%%x%%", "1")


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o444])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_keeps_its_permissions(tmp_path: Path, engine: TemplateEngine, mode: int) -> None:
    path = tmp_path / "run.sh"
    path.write_text("%%x%%")
    path.chmod(mode)
    template = DeckTemplate(TemplateFile(path, engine=engine), "/elsewhere")
    assert template.render({"x": 1}) == ("run.sh", "1", mode)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize(("rename", "name"), [(None, "deck.in"), ("x", "x"), ("a//b/./c", "a/b/c")])
def test_a_file_comes_under_its_own_name_or_a_new_one(tmp_path: Path, rename: str | None, name: str) -> None:
    (tmp_path / "deck.in").write_text("")
    (template,) = load_templates([TemplateFile("deck.in", rename=rename)], str(tmp_path))
    assert (template.name, template.render({})[0]) == (name, name)


def test_a_path_alone_is_a_template_for_jinja(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("%%1 + x%%")
    (tmp_path / "b").write_text("%%x%%")
    first, second = load_templates(["a", tmp_path / "b"], str(tmp_path))
    assert first.render({"x": 1})[1] == "2"
    assert second.render({"x": 1})[1] == "1"


@pytest.mark.parametrize("name", ["..", "../x", "/x", "", ".", "a/../../x"])
def test_a_new_name_outside_the_run_directory_is_refused(name: str) -> None:
    with pytest.raises(InputFileError, match="must be a path inside the run directory"):
        TemplateFile("deck.in", rename=name)


@pytest.mark.parametrize("path", ["", ".", "/", ".."])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    with pytest.raises(InputFileError, match="must be a path inside the run directory"):
        TemplateFile(path)


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(InputFileError, match="engine must be 'jinja' or 'tokens', not 'mako'"):
        TemplateFile("deck.in", engine="mako")  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("raw", [b"\0", b"PK\x03\x04\0\0", "text".encode("utf-16"), b"a" * 100_000 + b"\0"])
def test_a_binary_file_is_refused(render: Render, raw: bytes, engine: TemplateEngine) -> None:
    assert refusal(render, raw, engine) == "template deck.in is a binary file; use an input file instead"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_that_is_too_large_is_refused(tmp_path: Path, engine: TemplateEngine) -> None:
    with open(tmp_path / "deck.in", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(TemplateError, match=r"template deck\.in has more than 16 MiB; use an input file instead"):
        DeckTemplate(TemplateFile("deck.in", engine=engine), str(tmp_path))


def missing(directory: Path) -> str:
    return "no/such/file"


def a_directory(directory: Path) -> str:
    (directory / "sub").mkdir()
    return "sub"


def below_a_file(directory: Path) -> str:
    (directory / "file").write_text("")
    return "file/below"


def a_link_to_itself(directory: Path) -> str:
    (directory / "loop").symlink_to("loop")
    return "loop"


def too_long(directory: Path) -> str:
    return "x" * 300


def zero_byte(directory: Path) -> str:
    return "a\0b"


def no_bytes(directory: Path) -> str:
    return "\ud800"


@pytest.mark.parametrize("make", [missing, a_directory, below_a_file, a_link_to_itself, too_long, zero_byte, no_bytes])
def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path, make: Callable[[Path], str]) -> None:
    with pytest.raises(TemplateError, match=r"^template .* cannot be read"):
        DeckTemplate(TemplateFile(make(tmp_path)), str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "deck.in").touch(0)
    with pytest.raises(TemplateError, match=r"template deck\.in cannot be read: Permission denied"):
        DeckTemplate(TemplateFile("deck.in"), str(tmp_path))


# Literal tokens


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("%%x%%", "1"),
        ("%%%x%%%", "%1%"),
        ("%%%%x%%%%", "%%1%%"),
        ("%%unknown%% %%x%%", "%%unknown%% 1"),
        ("%% x %%", "%% x %%"),
        ("%%x|upper%%", "%%x|upper%%"),
        ("%%X%%", "%%X%%"),
        ("%%xx%%", "2"),
        ("%%a-b%%", "3"),
        ("%%a.*%%", "4"),
        ("%%w x%%y%%xx%%", "%%w x%%y2"),
        ("%%x\n%%", "%%x\n%%"),
        ("{% raw %}%%x%%{% endraw %}{# %%x%% #}", "{% raw %}1{% endraw %}{# 1 #}"),
        ("{% if %", "{% if %"),
    ],
)
def test_tokens_are_replaced_literally_and_unknown_ones_stay(render: Render, text: str, filled: str) -> None:
    assert render(text, "tokens", x=1, xx=2, **{"a-b": 3, "a.*": 4}).decode() == filled


def test_without_parameters_no_token_is_known(render: Render) -> None:
    assert render("%%x%%", "tokens") == b"%%x%%"


def test_one_template_is_rendered_with_other_parameters_too(tmp_path: Path) -> None:
    (tmp_path / "deck.in").write_text("%%x%% %%y%%")
    template = DeckTemplate(TemplateFile("deck.in", engine="tokens"), str(tmp_path))
    values: list[dict[str, Any]] = [{"x": 1}, {"y": 2}, {"x": 3, "y": 4}, {}]
    assert [template.render(each)[1] for each in values] == ["1 %%y%%", "%%x%% 2", "3 4", "%%x%% %%y%%"]


# Jinja


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("%% x %%", "3"),
        ("%%x * 10%%", "30"),
        ("%%'%.3e' % x%%", "3.000e+00"),
        ("%%name|upper%%", "DECK"),
        ("%%items[1]%%", "b"),
        ("%%items|join(', ')%%", "a, b"),
        ("%%table.k%%", "v"),
        ("{% if x > 2 %}yes{% else %}no{% endif %}", "yes"),
        ("{% for i in range(3) %}%%i%%,{% endfor %}", "0,1,2,"),
        ("{% for i in items -%}\n  %%i%%\n{%- endfor %}", "ab"),
        ("{% set y = x + 1 %}%%y%%", "4"),
        ("{# 100%% gone #}here", "here"),
        ("{% raw %}%%x%% {% if %}{% endraw %}", "%%x%% {% if %}"),
        ("%%missing|default('none')%%", "none"),
        ("{% if missing is defined %}yes{% else %}no{% endif %}", "no"),
        ("{% macro m(a) %}<%%a%%>{% endmacro %}%%m(x)%%", "<3>"),
        ("100%% sure, x = %%x%%", "100%% sure, x = 3"),
        ("%%x%% and 100%% sure", "3 and 100%% sure"),
        ("50%% of %%x%% and 30%%\nof %%x%%", "50%% of 3 and 30%%\nof 3"),
        ("100%% sure\n%%x%%", "100%% sure\n3"),
    ],
)
def test_jinja_knows_expressions_filters_and_blocks(render: Render, text: str, filled: str) -> None:
    values = {"x": 3, "name": "deck", "items": ["a", "b"], "table": {"k": "v"}}
    assert render(text, **values).decode() == filled


@pytest.mark.parametrize(
    "text",
    [
        "100%% sure and 50%% more",
        "between 5%% - 10%% of it",
        "rises 10%% [3] and 20%% more",
        "50%% or 60%%",
        "100 %%\n 50 %%",
        "10%% (x) 20%%",
        "5%% of a, 6%% of b, 7%% of c",
    ],
)
def test_percentages_in_a_sentence_stay(render: Render, text: str) -> None:
    assert render(text, x=1).decode() == text


@pytest.mark.parametrize(
    ("lines", "filled"),
    [
        ("{% if x and\n   x %}yes{% endif %}\n", "yes\n"),
        ("a\n{%- if x -%}\n  b\n{%- endif -%}\n  c\n", "abc\n"),
        ("{% if x %}\nb\n{% endif %}\n", "\nb\n\n"),
        ("{% set y =\n x %}%%y%%\n", "1\n"),
        ("{#\n comment\n#}c\n", "c\n"),
        ("{% raw %}\n%%x%%\n{% endraw %}\n", "\n%%x%%\n\n"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blocks_mean_the_same_with_any_line_endings(render: Render, lines: str, filled: str, end: str) -> None:
    assert render(lines.replace("\n", end), x=1).decode() == filled.replace("\n", end)


@pytest.mark.parametrize(
    "text",
    [
        "%%Title: foo\n%%Pages: 1\n",
        "%%init section\nx = 1;\n%%run it",
        "%!PS-Adobe-3.0 EPSF-3.0\r\n%%BoundingBox: 0 0 612 792\r\n%%EndComments\r\n",
        "%%Page: 1 1\n%%x %%\n",
    ],
    ids=["EPS", "MATLAB", "EPS from Windows", "one blank"],
)
def test_comments_that_begin_with_doubled_percent_signs_stay(render: Render, text: str) -> None:
    assert render(text, x=1) == text.encode()
    assert render(text + "\n%%x%%", x=1) == text.encode() + b"\n1"


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("no end {# of %%x%%", "no end {# of 1"),
        ("echo ${#arr} %%x%%\n", "echo ${#arr} 1\n"),
        ("${#a} ${#b[@]} {# gone #}%%x%%", "${#a} ${#b[@]} 1"),
        ("{# gone #}${# gone #}{# no end %%x%%", "${# no end 1"),
        ("{%%x%%} {# %%x%%", "{1} {# 1"),
    ],
)
def test_what_begins_a_comment_and_does_not_end_stays(render: Render, text: str, filled: str) -> None:
    assert render(text, x=1).decode() == filled


@pytest.mark.parametrize(
    "scrap", ["echo ${#arr} %%x%%\n", "{# %%x%%\n", "{% raw %} %%x%%\n", "{% %%x%%\n", "%%", "100%% a"]
)
def test_signs_without_an_end_take_no_more_time_where_there_are_many(render: Render, scrap: str) -> None:
    began = time.process_time()
    with suppress(TemplateError):
        render(scrap * 5000, x=1)
    assert time.process_time() - began < 8, "the time grows with the square of the length"


CARRIAGE_RETURNS = "a\rb\r\nc"


@pytest.mark.parametrize("sign", list("\x1c\x1d\x1e\x1f\x0b\x0c\x85\u2028\u2029"))
def test_a_control_character_stays_wherever_it_comes_from(tmp_path: Path, render: Render, sign: str) -> None:
    (tmp_path / "part.in").write_bytes(f"part {sign} {CARRIAGE_RETURNS}".encode())
    text = CARRIAGE_RETURNS + "%%x%%%%xs%%%%'%c' % code%%{% include 'part.in' %}"
    filled = f"{CARRIAGE_RETURNS}{sign}{[sign]}{sign}part {sign} {CARRIAGE_RETURNS}"
    assert render(text, x=sign, xs=[sign], code=ord(sign)).decode() == filled
    assert render("%%xs|join%%\r", xs=[sign, "\r"]).decode() == f"{sign}\r\r"


def test_carriage_returns_within_a_text_of_a_block_stay(render: Render) -> None:
    assert render('{% set y = "a\r\nb" %}%%y%%') == b"a\r\nb"


def test_a_text_that_leaves_no_sign_for_a_carriage_return_is_one_clear_error(render: Render) -> None:
    signs = "\x1c\x1d\x1e\x1f\x0b\x0c\x85\u2028\u2029"
    assert render(signs).decode() == signs
    assert refusal(render, signs + "\r").startswith("template deck.in: it holds carriage returns")


def test_percent_signs_within_a_block_are_text(render: Render) -> None:
    assert render('{% set y = "5%%" %}%%y%%') == b"5%%"


@pytest.mark.parametrize(
    ("text", "line", "name", "hint"),
    [
        ("%%alpa%%", 1, "alpa", "did you mean 'alpha'?"),
        ("one\ntwo %%alpa + 1%%\n", 2, "alpa", "did you mean 'alpha'?"),
        ("one\r\ntwo\r\n%%alpa%%\r\n", 3, "alpa", "did you mean 'alpha'?"),
        ("\n\n{% if gamma > 1 %}{% endif %}", 3, "gamma", "there are alpha, x1"),
        ("{% for i in gamma %}{% endfor %}", 1, "gamma", "there are alpha, x1"),
        ("100%% sure\n%%gamma|upper%%", 2, "gamma", "there are alpha, x1"),
        ("{#\n\n#}%% gamma %%", 3, "gamma", "there are alpha, x1"),
    ],
)
def test_an_unknown_name_is_an_error_with_its_line(render: Render, text: str, line: int, name: str, hint: str) -> None:
    message = refusal(render, text, alpha=1, x1=2)
    assert message == f"template deck.in, line {line}: there is no parameter {name!r}; {hint}"


def test_an_unknown_name_among_none_is_an_error(render: Render) -> None:
    assert refusal(render, "%%x%%") == "template deck.in, line 1: there is no parameter 'x'; there are none"


@pytest.mark.parametrize("name", ["range", "dict", "lipsum", "cycler", "joiner", "namespace", "self"])
def test_a_name_of_jinjas_own_is_no_parameter(render: Render, name: str) -> None:
    assert "deck.in, line 1" in refusal(render, f"%%{name}%%", alpha=1)


@pytest.mark.parametrize("name", ["range", "dict", "loop", "context", "name", "values", "environment"])
def test_a_parameter_may_be_called_like_something_of_jinjas(render: Render, name: str) -> None:
    assert render(f"%%{name}%%", **{name: 5}) == b"5"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("%%x +%%", 1),
        ("\n\n%%x y%%", 3),
        ("\r\n\r\n%%x y%%", 3),
        ("\n{% if x %}", 2),
        ("{% nonsense %}", 1),
        ("{%", 1),
        ("%%x|nonsense%%", 1),
        ("%%x is nonsense%%", 1),
        ("\n%%1 / 0%%", 2),
        ("\n%%x|round(2)%%", 2),
        ("%%x.y.z%%", 1),
        ("%%x['y']%%", 1),
        ("%%x.__class__%%", 1),
        ("%%''.__class__.__mro__%%", 1),
        ("%%'%s'.format%%%%x()%%", 1),
        ("%%range(10 ** 9)|list%%", 1),
    ],
)
def test_a_mistake_is_an_error_with_its_line(render: Render, text: str, line: int) -> None:
    message = refusal(render, text, x="a")
    assert message.startswith(f"template deck.in, line {line}: ")
    assert "\ue00d" not in message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("%%" + "(" * 5000 + "1" + ")" * 5000 + "%%", id="parentheses"),
        pytest.param("%% " + "(" * 5000 + "1" + ")" * 5000 + " %%", id="parentheses in a sentence"),
        pytest.param("%%" + "9" * 5000 + "%%", id="digits"),
        pytest.param("{% for i in [1] %}" * 25 + "{% endfor %}" * 25, id="loops"),
        pytest.param("{% if true %}" * 120 + "{% endif %}" * 120, id="conditions"),
        pytest.param("%%10 ** 5000%%", id="power"),
        pytest.param("%%x%%" * 3 + "%%" + "-" * 5000 + "1%%", id="signs"),
    ],
)
def test_what_is_too_much_for_python_is_one_clear_error(render: Render, text: str) -> None:
    assert refusal(render, text, x=1).startswith("template deck.in")


def test_a_file_beside_it_is_included(tmp_path: Path, render: Render) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "part.in").write_bytes(b"x = %%x%%\r\n50%% \xe9\xff")
    (tmp_path / "sub/part.in").write_text("sub %%x%%")
    included = b"<x = 1\r\n50%% \xe9\xff>sub 1"
    assert render("<{% include 'part.in' %}>{% include 'sub/part.in' %}", x=1) == included


def test_what_is_included_is_read_before_the_runs_are_prepared(tmp_path: Path) -> None:
    (tmp_path / "deck.in").write_text("{% include 'a' %}")
    (tmp_path / "a").write_text("{% include 'b' %}")
    (tmp_path / "b").write_text("%%x%%")
    template = DeckTemplate(TemplateFile("deck.in"), str(tmp_path))
    for name in ("deck.in", "a", "b"):
        (tmp_path / name).unlink()
    assert template.render({"x": 1})[1] == "1"


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        (b"one\n%%alpa%%", "line 2: there is no parameter 'alpa'; did you mean 'alpha'?"),
        (b"one\n\n%%alpha +%%", "line 3: "),
        (b"{% if %}", "line 1: "),
        (b"\n{% include 'nothing' %}", "line 2: there is no file 'nothing' beside it to include"),
    ],
)
def test_a_mistake_in_an_included_file_names_that_file(
    tmp_path: Path, render: Render, part: bytes, complaint: str
) -> None:
    (tmp_path / "part.in").write_bytes(part)
    message = refusal(render, "\n\n\n{% include 'part.in' %}", alpha=1)
    assert "part.in, " in message
    assert complaint in message


def test_a_missing_included_file_is_an_error_with_its_line(render: Render) -> None:
    message = refusal(render, "\n{% include 'part.in' %}")
    assert message == "template deck.in, line 2: there is no file 'part.in' beside it to include"


def test_a_file_that_may_be_missing_may_be_missing(render: Render) -> None:
    assert render("<{% include 'part.in' ignore missing %}>") == b"<>"


def test_a_file_that_is_not_needed_may_be_missing(render: Render) -> None:
    text = "{% if x %}{% include 'part.in' %}{% endif %}"
    assert render(text, x=0) == b""
    assert "there is no file 'part.in'" in refusal(render, text, x=1)


def test_an_included_binary_file_is_said_to_be_one(tmp_path: Path, render: Render) -> None:
    (tmp_path / "part.in").write_bytes(b"\0")
    assert "binary" in refusal(render, "{% include 'part.in' %}")


@pytest.mark.parametrize(
    "files",
    [
        {"deck.in": "{% include 'deck.in' %}"},
        {"deck.in": "{% include 'a' %}", "a": "{% include 'deck.in' %}"},
        {"deck.in": "{% include 'a' %}", "a": "{% include 'b' %}", "b": "\n{% include 'a' %}"},
        {"deck.in": "{% extends 'deck.in' %}"},
        {"deck.in": "{% include name %}"},
    ],
)
def test_a_file_that_includes_itself_is_one_clear_error(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(TemplateError) as caught:
        DeckTemplate(TemplateFile("deck.in"), str(tmp_path)).render({"name": "deck.in"})
    assert str(caught.value) == "template deck.in: it includes itself, directly or through another"


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 300, "/", "\\x00", "\\ud800"])
def test_a_name_that_cannot_be_included_is_one_clear_error(render: Render, name: str) -> None:
    assert "deck.in, line 2" in refusal(render, "\n{% include '" + name + "' %}")


def test_values_of_one_run_are_not_known_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "deck.in").write_text("{% if x is defined %}%%x%%{% endif %}{% set y = 1 %}")
    template = DeckTemplate(TemplateFile("deck.in"), str(tmp_path))
    values: list[dict[str, Any]] = [{"x": 1}, {}, {"x": [2]}, {"y": 3}]
    assert [template.render(each)[1] for each in values] == ["1", "", "[2]", ""]


@pytest.mark.timeout(5)
def test_a_long_text_with_many_percentages_is_parsed_at_once(render: Render) -> None:
    text = "100%% sure of this line\n" * 5000
    assert render(text) == text.encode()
