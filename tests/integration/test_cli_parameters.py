"""Where `runsemble run` takes parameters from, and what commands and runs get of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .command_line import call, in_shell, needs_program, planned, runsemble

pytestmark = needs_program

#: Values that a shell would like to have a word about.
HOSTILE = [
    "it's", 'say "x"', "$(touch pwned)", "`touch pwned`", "$HOME", "a b  c", " lead", "trail ", "*", "~", "!!", "a\\nb",
    "new\nline", "tab\t", "-n", "--", "", "{", "{}", "{x}", "%s", "#", ";true", "&", "|", "é 日本語", "\x1b[31m",
]  # fmt: skip


def filled(*words: str | bytes, **more: Any) -> list[str]:
    """Return the arguments of every run of ``echo``, joined by blanks."""
    return [" ".join(run["argv"][1:]) for run in planned(*words, **more)]


def test_values_are_written_in_a_few_ways(here: Path) -> None:
    (here / "names").write_text("Ada\n\nBob\n")
    expected: dict[str, tuple[str, list[Any]]] = {
        "listed": ("0.1,2", [0.1, 2]),
        "even": ("lin:0.1:0.3:3", [0.1, 0.2, 0.3]),
        "whole": ("lin:0:10:2", [0, 10]),
        "logarithmic": ("log:1e-3:1e-1:3", [0.001, 0.01, 0.1]),
        "counted": ("range:3", [0, 1, 2]),
        "stepwise": ("range:0:10:5", [0, 5]),
        "backwards": ("range:1:-1:-1", [1, 0]),
        "quoted": ('"a,b",c', ["a,b", "c"]),
        "file": ("@names", ["Ada", "Bob"]),
        "text": ("http://host:80/?a=b", ["http://host:80/?a=b"]),
        "time": ("12:30", ["12:30"]),
    }
    words = [word for name, (spec, _) in expected.items() for word in ("-P", f"{name}={spec}")]
    runs = planned(*words, "true")
    for name, (_, values) in expected.items():
        got = list(dict.fromkeys(run["params"][name] for run in runs))
        assert got == values
        assert list(map(type, got)) == list(map(type, values))


def test_commands_get_values_as_they_are_written_and_runs_get_the_numbers_that_they_are(here: Path) -> None:
    written = ["0.10", "0.1", "1e-3", "007", "7", "-0", "-7", "+1", "1.0", "nan", "1_000", "True", "1e5", "9" * 30, "٣"]
    numbers = {"0.1": 0.1, "7": 7, "-7": -7, "1.0": 1.0, "9" * 30: int("9" * 30)}
    (here / "t.csv").write_text("x\n" + "\n".join(written) + "\n")
    (here / "lines").write_text("\n".join(written) + "\n")
    sources: list[tuple[str, ...]] = [
        ("-P", f"x={','.join(written)}", "echo", "{x}"),
        ("-P", "x=@lines", "echo", "{x}"),
        ("--csv", "t.csv", "echo", "{x}"),
        ("-a", "lines", "echo", "{x}"),
        ("echo", "{x}", ":::", *written),
        ("echo", "{x}", "::::", "lines"),
    ]
    for words in sources:
        runs = planned(*words)
        assert [run["argv"][1] for run in runs] == written, words
        assert [run["params"]["x"] for run in runs] == [numbers.get(text, text) for text in written], words


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ("x=float", [0.1, 2.0]),
        ("x=str", ["0.10", "2"]),
        ("x=float,y=str", [0.1, 2.0]),
        ("y=int", ["0.10", 2]),
    ],
)
def test_types_may_be_asked_for(here: Path, types: str, expected: list[Any]) -> None:
    (here / "t.csv").write_text("x,y\n0.10,1\n2,007\n")
    runs = planned("--csv", "t.csv", "--types", types, "echo", "{x}")
    assert [run["params"]["x"] for run in runs] == expected
    assert [run["argv"][1] for run in runs] == ["0.10", "2"]
    assert [type(run["params"]["y"]) for run in runs] == (
        [str, str] if "y=str" in types else [int, int] if "y=int" in types else [int, str]
    )


def test_booleans_and_json_are_types_too(here: Path) -> None:
    runs = planned("-P", "on=yes,0", "--types", "on=bool", "-P", 'x="[1, {}]"', "--types", "x=json", "echo", "{on}{x}")
    assert [run["params"] for run in runs] == [{"on": True, "x": [1, {}]}, {"on": False, "x": [1, {}]}]
    assert [run["argv"][1] for run in runs] == ["yes[1, {}]", "0[1, {}]"]


def test_a_parameter_that_is_a_number_only_at_times_is_told_once_with_what_to_do(here: Path) -> None:
    (here / "t.csv").write_text("x,name\n0.10,1a\n2,2b\n0.20,3\n")
    said = runsemble("run", "--csv", "t.csv", "true")
    (note,) = said.err.splitlines()
    assert note.startswith("note: x is text where it is written like '0.10'")
    assert "--types x=float" in note
    assert runsemble("run", "--csv", "t.csv", "--types", "x=float", "true").err == ""


def test_parameters_are_combined_all_with_all_or_side_by_side(here: Path) -> None:
    axes = ("-P", "x=1,2", "-P", "y=a,b")
    assert filled(*axes, "echo", "{x}", "{y}") == ["1 a", "1 b", "2 a", "2 b"]
    assert filled(*axes, "--zip", "echo", "{x}", "{y}") == ["1 a", "2 b"]


@pytest.mark.parametrize("method", ["lhs", "sobol", "random"])
def test_points_are_drawn_from_distributions_others_for_another_seed(here: Path, method: str) -> None:
    if method != "random":
        pytest.importorskip("scipy")
    axes = ("-P", "x=uniform:2:3", "-P", "y=loguniform:1e-4:1e-2", "-P", "z=normal:0:1", "-P", "k=1,2")
    runs, others = (
        [run["params"] for run in planned(*axes, "--sample", f"{method}:8", "--seed", seed, "echo")] for seed in "12"
    )
    assert [run["x"] for run in runs] != [run["x"] for run in others]
    assert [run["k"] for run in runs] == [1, 2] * 8
    assert len({run["x"] for run in runs}) == 8
    assert all(2 <= run["x"] <= 3 and 1e-4 <= run["y"] <= 1e-2 and -9 < run["z"] < 9 for run in runs)
    if method == "lhs":
        assert sorted(int(8 * (run["x"] - 2)) for run in runs[::2]) == list(range(8))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"x,y\n1,a\n2,b\n", ["1 a", "2 b"]),
        (b"\xef\xbb\xbfx,y\r\n1,a\r\n\r\n2,b\r\n", ["1 a", "2 b"]),
        (b" x , y\n 1 ,a\n", [" 1  a"]),
        (b'x,y\n"a ""b"", c","two\nlines"\n', ['a "b", c two\nlines']),
        ("x,y\né,日本\n".encode(), ["é 日本"]),
        (b"x,y\n1,a", ["1 a"]),
    ],
    ids=["plain", "from Windows", "blanks", "quoted", "not ASCII", "no line end"],
)
def test_tables_are_read_as_others_write_them(here: Path, text: bytes, expected: list[str]) -> None:
    (here / "t.csv").write_bytes(text)
    assert filled("--csv", "t.csv", "echo", "{x}", "{y}") == expected


def test_a_table_may_come_from_standard_input(here: Path) -> None:
    text = b"\xef\xbb\xbfx,y\r\n1,a\r\n2,b"
    assert filled("--csv", "-", "echo", "{x}", "{y}", stdin=text) == ["1 a", "2 b"]


def test_a_seed_is_all_that_a_sample_depends_on(here: Path) -> None:
    words = ("-P", "x=uniform:0:1", "--sample", "random:3", "--seed", "7", "echo", "{x}")
    assert filled(*words) == filled(*words)


def test_other_characters_may_separate_cells(here: Path) -> None:
    (here / "t.csv").write_text("x;y\n1;a,b\n")
    (here / "t.tsv").write_text("x\ty\n1\ta,b\n")
    assert filled("--csv", "t.csv", "--delimiter", ";", "echo", "{x}", "{y}") == ["1 a,b"]
    assert filled("--csv", "t.tsv", "echo", "{x}", "{y}") == ["1 a,b"]
    assert filled("--csv", "-", "--delimiter", "tab", "echo", "{x}", stdin="x\ty\n1\t2\n") == ["1"]


@pytest.mark.parametrize("is_file", [True, False], ids=["file", "standard input"])
def test_lines_of_json_keep_the_types_of_their_values(here: Path, is_file: bool) -> None:
    text = '{"x": 1, "y": [1, null]}\n\n{"x": "a b", "y": true}\n{"x": 0.10, "y": {"k": "é"}}\n'
    (here / "t.jsonl").write_text(text)
    source = "t.jsonl" if is_file else "-"
    runs = planned("--jsonl", source, "echo", "{x}", "{y}", stdin=None if is_file else text)
    assert [run["params"] for run in runs] == [
        {"x": 1, "y": [1, None]},
        {"x": "a b", "y": True},
        {"x": 0.1, "y": {"k": "é"}},
    ]
    assert [run["argv"][1:] for run in runs] == [["1", "[1, null]"], ["a b", "true"], ["0.1", '{"k": "é"}']]


def test_a_table_is_crossed_with_parameters_and_lists(here: Path) -> None:
    (here / "t.csv").write_text("x\n1\n2\n")
    assert filled("--csv", "t.csv", "-P", "k=a,b", "echo", "{x}{k}") == ["1a", "1b", "2a", "2b"]
    assert filled("--csv", "t.csv", "echo", "{x}", "{}", ":::", "a", "b") == ["1 a", "1 b", "2 a", "2 b"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("echo ::: a b", ["a", "b"]),
        ("echo {} ::: a b ::: 1 2", ["a 1", "a 2", "b 1", "b 2"]),
        ("echo {2}-{1} ::: a b ::: 1", ["1-a", "1-b"]),
        ("echo {} ::: a b c :::+ 1 2", ["a 1", "b 2"]),
        ("echo {name}-{age} ::: a ::: 7", ["a-7"]),
        ("--header : echo {name} ::: name a b", ["a", "b"]),
        ("echo {.} {/} {//} {/.} {1/.} ::: /d/e/f.tar.gz g", ["/d/e/f.tar f.tar.gz /d/e f.tar f.tar", "g g . g g"]),
        ("echo {run_id} {} ::: a b", ["0 a", "1 b"]),
        ("-a lines echo {} ::: x", ["one x", "two words x"]),
        ("echo {} :::: lines", ["one", "two words"]),
        ("echo {} ::: a b ::::+ lines", ["a one", "b two words"]),
        ("echo {{x}} {x} ::: a", ["{x} a"]),
    ],
)
def test_lists_of_arguments_follow_the_idioms_of_gnu_parallel(here: Path, words: str, expected: list[str]) -> None:
    (here / "lines").write_text("one\n\ntwo words\n")
    assert filled(*words.split(" ")) == expected


@pytest.mark.parametrize(
    ("words", "stdin", "expected"),
    [
        ("echo {}", "a\nb c\n", ["a", "b c"]),
        ("echo", "a\n\nlast", ["a", "last"]),
        ("-0 echo {}", "a\nb\0c\0", ["a\nb", "c"]),
        ("-a - echo {}", "a\n", ["a"]),
        ("echo {} ::: a", "not read\n", ["a"]),
        ("-P x=1 echo {x}", "not read\n", ["1"]),
    ],
)
def test_lines_of_standard_input_are_arguments_where_there_are_no_others(
    here: Path, words: str, stdin: str, expected: list[str]
) -> None:
    assert filled(*words.split(" "), stdin=stdin) == expected


def test_hostile_values_reach_programs_and_shell_texts_unchanged(here: Path) -> None:
    lines = [value for value in HOSTILE if value and "\n" not in value]
    (here / "lines").write_text("\n".join(lines) + "\n")
    nul = r"printf '%s\0' "
    for words, expected in (
        (("printf", r"%s\0", "{x}", ":::", *HOSTILE), HOSTILE),
        ((nul + "{x}", ":::", *HOSTILE), HOSTILE),
        ((nul + "{}", ":::", *HOSTILE), HOSTILE),
        ((nul + "{x}", "::::", "lines"), lines),
    ):
        said = runsemble("run", "-j1", "--print", "--", *words)
        assert said.status == 0, said.err
        assert said.out.split("\0")[:-1] == expected
    assert not list(here.rglob("pwned"))


def test_bytes_that_are_no_text_reach_the_program_unchanged(here: Path) -> None:
    said = call(["sh", "-c", 'runsemble run --print "printf %s {}" ::: "$(printf \'a\\377b\')" | od -An -tx1'])
    assert said.out.split() == ["61", "ff", "62"]


def test_a_plan_can_be_pasted_though_a_value_is_no_text(here: Path) -> None:
    for words in ('"printf %s {}"', "printf %s {}"):
        plan = f"runsemble run --dry-run {words} ::: \"$(printf 'a\\377 b')\" é 日本 | sed 's/[^:]*: //'"
        said = call(["bash", "-c", f'{plan} > plan; (PATH=/usr/bin:/bin sh plan) | od -An -tx1 -v | tr -d " \\n"'])
        assert said.out == b"a\xff b\xc3\xa9".hex() + "日本".encode().hex()


def test_a_plan_with_a_run_that_cannot_be_leaves_no_half_of_json(here: Path) -> None:
    said = runsemble("run", "--dry-run", "--json", "-P", "x=1,a", "echo", "{x:d}")
    assert (said.status, said.out) == (2, "")
    assert "runs[1]" in said.sentence


def test_a_long_plan_in_json_is_whole(here: Path) -> None:
    runs = planned("-P", "x=range:30000", "-P", f"y={'y' * 1000}", "echo", "{x}")
    assert [run["params"]["x"] for run in runs] == list(range(30000))


def test_braces_of_the_shell_and_of_other_programs_are_left_alone(here: Path) -> None:
    said = in_shell("""runsemble run --print 'v=1; echo ${v} "$(echo a b | awk "{print \\$2}")" {x} {{x}}' ::: 7""")
    assert (said.status, said.out) == (0, "1 b 7 {x}\n")


def test_names_in_braces_that_stand_for_nothing_are_noted(here: Path) -> None:
    said = runsemble("run", "--dry-run", "-P", "beta=1", "echo", "{beta}", "{other}")
    assert said.status == 0
    assert said.err.startswith("note: {other} names no parameter, so it stays as it is\n")
    assert "{other}" in said.out


def test_a_huge_grid_is_never_held_as_a_whole(here: Path) -> None:
    axes = " ".join(f"-P {name}=range:99999" for name in "xyz")
    said = in_shell(f"ulimit -v 4000000; runsemble run --dry-run {axes} echo {{x}} {{y}} {{z}} 2>/dev/null | head -2")
    assert [line.partition(": ")[2] for line in said.out.splitlines()] == ["echo 0 0 0", "echo 0 0 1"]


def test_runs_start_while_their_parameters_are_still_being_written(here: Path) -> None:
    said = in_shell(
        "{ echo first; until [ -e begun ]; do sleep 0.01; done; echo second; } |"
        " runsemble run --print 'touch {submit_dir}/begun; echo {}'"
    )
    assert (said.status, said.out) == (0, "first\nsecond\n")


def test_pipes_with_names_are_read_once(here: Path) -> None:
    assert in_shell("runsemble run --print --csv <(printf 'x\\n1\\n2\\n') echo {x} | sort").out == "1\n2\n"
    assert in_shell("runsemble run --print -P x=@<(printf '1\\n2\\n') echo {x} | sort").out == "1\n2\n"
