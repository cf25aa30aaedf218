import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runsemble.cli.notes import note_unknown_names
from runsemble.cli.sources import Crossed, require_names
from runsemble.errors import CommandError, ParameterError, PlaceholderError, UsageError
from runsemble.launch.placeholders import ShellText
from runsemble.model.params import WrittenParams
from runsemble.runners.options import StudyOptions
from runsemble.runners.study import Study

from .support import workload_of


def sets_of(*words: str, **options: Any) -> list[dict[str, Any]]:
    """The parameter sets as the programs of runs would see them."""
    return [dict(params) for params in workload_of(*words, **options).sets]


def runs_of(*words: str, **options: Any) -> list[list[str]]:
    """What would be executed."""
    workload = workload_of(*words, **options)
    study = Study(StudyOptions(cmd=workload.cmd, output_path="out"), os.getcwd())
    return [study.prepare(at, params).argv for at, params in enumerate(workload.sets)]


def lines_of(*words: str, **options: Any) -> list[str]:
    """What would be executed, a line each."""
    return [" ".join(argv) for argv in runs_of(*words, **options)]


# -P


def test_every_parameter_is_combined_with_every_other_and_the_last_changes_fastest() -> None:
    assert lines_of("echo", "{a}{b}", axes=["a=1,2", "b=x,y"]) == ["echo 1x", "echo 1y", "echo 2x", "echo 2y"]


def test_parameters_go_side_by_side_if_that_is_asked_for() -> None:
    assert lines_of("echo", "{a}{b}", axes=["a=1,2", "b=x,y"], is_zipped=True) == ["echo 1x", "echo 2y"]


@pytest.mark.parametrize("text", ["0.10", "1e-3", "007", "1", "0.1", "a b", " ", "$(id)", "'"])
def test_a_value_reaches_the_command_as_it_was_written(text: str) -> None:
    assert runs_of("echo", "--x={x}", axes=[f"x={text}"]) == [["echo", f"--x={text}"]]


def test_a_type_changes_what_programs_see_and_not_what_commands_get() -> None:
    options = {"axes": ["x=0.10,1"], "types": ["x=float"]}
    assert sets_of("echo", "{x}", **options) == [{"x": 0.1}, {"x": 1.0}]
    assert lines_of("echo", "{x} {x:.3f}", **options) == ["echo 0.10 0.100", "echo 1 1.000"]


def test_values_may_be_drawn() -> None:
    (first, second) = sets_of("echo", "{x}", axes=["x=uniform:2:3"], sample="random:2")
    assert 2 <= first["x"] <= 3
    assert first != second
    assert sets_of("echo", "{x}", axes=["x=uniform:2:3"], sample="random:2") == [first, second]
    assert sets_of("echo", "{x}", axes=["x=uniform:2:3"], sample="random:2", seed=1) != [first, second]


def test_every_point_is_combined_with_the_values_of_the_rest() -> None:
    sets = sets_of("echo", axes=["x=uniform:0:1", "a=1,2", "y=normal:0:1"], sample="random:3")
    assert [row["a"] for row in sets] == [1, 2, 1, 2, 1, 2]
    assert len({(row["x"], row["y"]) for row in sets}) == 3


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"axes": ["x=1", "x=2"]}, "-P x is given twice"),
        ({"axes": ["x=1", "x=uniform:0:1"], "sample": "random:2"}, "-P x is given twice"),
        ({"axes": ["x=uniform:0:1"]}, "-P x is a distribution: say how to draw from it, such as --sample lhs:100"),
        ({"axes": ["x=1"], "sample": "lhs:3"}, "--sample draws from distributions, such as"),
        ({"axes": ["a=1,2", "b=1,2,3"], "is_zipped": True}, "equally many values, but a has 2, b has 3"),
        ({"axes": ["x=1"], "types": ["x=integer"]}, "--types x=integer: write NAME=TYPE"),
        ({"axes": ["x=a"], "types": ["x=int"]}, "x must be of type int, not 'a'"),
        ({"axes": ["x"]}, "a parameter is written NAME=VALUES"),
        ({}, "there are no parameters: give -P NAME=VALUES"),
        ({"csv": "a", "jsonl": "b"}, "--csv and --jsonl cannot be combined"),
        ({"csv": "a", "arg_file": "b"}, "--csv and --arg-file cannot be combined"),
        ({"jsonl": "a", "arg_file": "b"}, "--jsonl and --arg-file cannot be combined"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ParameterError) as caught:
        workload_of("echo", **options)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "sample",
    [
        "",
        "lhs",
        "lhs:",
        ":3",
        "lhs:0",
        "lhs:-1",
        "lhs:a",
        "lhs:1.5",
        "grid:3",
        "lhs:²",
        "lhs:1000000000000000",
        pytest.param("lhs:" + "9" * 5000, id="5000 digits"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused(sample: str) -> None:
    with pytest.raises(ParameterError, match="sample"):
        workload_of("echo", axes=["x=uniform:0:1"], sample=sample)


def test_a_seed_that_cannot_be_is_refused() -> None:
    pytest.importorskip("scipy")
    with pytest.raises(ParameterError, match="seed"):
        workload_of("echo", axes=["x=uniform:0:1"], sample="lhs:3", seed=-1)


def test_more_combinations_than_can_be_counted_are_refused() -> None:
    with pytest.raises(UsageError):
        workload_of("echo", axes=["a=range:100000000", "b=range:100000000", "c=range:100000000"])


def test_a_type_of_a_parameter_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ParameterError, match="no parameter 'z'"):
        workload_of("echo", "{x}", axes=["x=1"], types=["z=int"])


@pytest.mark.parametrize("word", ["-P", "-Px=1", "--csv", "--csv=a.csv", "--jsonl", "--param"])
def test_an_option_after_the_command_is_pointed_out(word: str) -> None:
    with pytest.raises(ParameterError, match=f"{word} stands after the command, so it belongs to it"):
        workload_of("echo", word, "x=1")


def test_without_a_command_nothing_goes() -> None:
    with pytest.raises(CommandError, match="there is no command; write it at the end"):
        workload_of(axes=["x=1"])


# The command


@pytest.mark.parametrize("words", [["echo", "{x}"], ["sh", "-c", "echo {x}"], ["echo"]])
def test_a_command_of_several_words_is_no_text_for_a_shell(words: list[str]) -> None:
    assert workload_of(*words, axes=["x=1"]).cmd == words


def test_a_command_of_one_word_with_blanks_is_run_by_a_shell() -> None:
    cmd = workload_of("echo {x} | wc", axes=["x=1"]).cmd
    assert cmd == ["/bin/sh", "-c", "echo {x} | wc"]
    assert isinstance(cmd[2], ShellText)


def test_what_is_filled_into_a_text_for_a_shell_is_one_word() -> None:
    assert runs_of("echo {} {x}", ":::", "a b", "$(id)", axes=["x=it's"]) == [
        ["/bin/sh", "-c", "echo 'a b' 'it'\"'\"'s'"],
        ["/bin/sh", "-c", "echo '$(id)' 'it'\"'\"'s'"],
    ]


def test_a_blank_text_for_a_shell_is_refused() -> None:
    with pytest.raises(CommandError, match="the shell command is empty"):
        workload_of("  ", axes=["x=1"])


# Arguments after :::


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("echo ::: a b", ["echo a", "echo b"]),
        ("echo {} ::: a b", ["echo a", "echo b"]),
        ("echo {x} ::: a b", ["echo a", "echo b"]),
        ("echo ::: 1 2 ::: a b", ["echo 1 a", "echo 1 b", "echo 2 a", "echo 2 b"]),
        ("echo {2}-{1} ::: 1 2 ::: a", ["echo a-1", "echo a-2"]),
        ("echo {x} {y} ::: 1 2 :::+ a b", ["echo 1 a", "echo 2 b"]),
        ("echo ::: 1 2 3 :::+ a b", ["echo 1 a", "echo 2 b"]),
        ("echo ::: 1 2 :::+ a b ::: x y", ["echo 1 a x", "echo 1 a y", "echo 2 b x", "echo 2 b y"]),
        ("echo {/} {//} {.} {/.} ::: d/a.tar.gz b", ["echo a.tar.gz d d/a.tar a.tar", "echo b . b b"]),
        ("echo {2/.}{1} ::: 1 ::: d/a.c", ["echo a1"]),
        ("echo ::: 0.10 1e-3 007", ["echo 0.10", "echo 1e-3", "echo 007"]),
        ("echo {run_id} ::: a b", ["echo 0 a", "echo 1 b"]),
        ("{} x ::: echo ls", ["echo x", "ls x"]),
    ],
)
def test_arguments_are_taken_as_gnu_parallel_takes_them(words: str, lines: list[str]) -> None:
    assert lines_of(*words.split()) == lines


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("1.5", ["1", "1.5", ".", "1"]),
        ("2", ["2", "2", ".", "2"]),
        ("-0.25", ["-0", "-0.25", ".", "-0"]),
    ],
)
def test_an_argument_that_is_a_number_has_the_parts_of_its_text(argument: str, parts: list[str]) -> None:
    assert runs_of("echo", "{.}", "{/}", "{//}", "{/.}", ":::", argument) == [["echo", *parts]]


def test_arguments_are_read_as_numbers_where_they_are_some() -> None:
    assert [row["arg1"] for row in sets_of("echo", ":::", "1", "0.5", "0.10", "a")] == [1, 0.5, "0.10", "a"]
    assert sets_of("echo", "{x}", ":::", "1", types=["x=str"]) == [{"x": "1"}]


def test_arguments_may_be_empty_and_may_hold_anything() -> None:
    assert runs_of("echo", "{}", ":::", "", " ", "{}", "{arg1}", "a\nb", "-P") == [
        ["echo", text] for text in ("", " ", "{}", "{arg1}", "a\nb", "-P")
    ]


def test_arguments_are_combined_with_the_values_of_parameters() -> None:
    assert lines_of("echo", "{x}{y}", ":::", "a", "b", axes=["x=1,2"]) == ["echo 1a", "echo 1b", "echo 2a", "echo 2b"]


@pytest.mark.parametrize("words", [["echo", ":::"], ["echo", "{}", ":::", ":::", "1"], ["echo", "::::"]])
def test_no_arguments_are_no_runs(words: list[str]) -> None:
    workload = workload_of(*words)
    assert (workload.count, list(workload.sets)) == (0, [])


def test_no_arguments_beside_a_file_are_no_runs(here: Path) -> None:
    (here / "a.csv").write_text("x\n1\n")
    workload = workload_of("echo", "{x}", "{}", ":::", csv="a.csv")
    note_unknown_names(workload)
    assert (workload.count, list(workload.sets)) == (0, [])


def test_a_parameter_and_an_argument_of_one_name_are_refused() -> None:
    with pytest.raises(ParameterError, match="parameter 'arg1' is given twice"):
        workload_of("echo", "{}", ":::", "1", axes=["arg1=1"])


def test_arguments_may_stand_in_files(here: Path) -> None:
    (here / "a.txt").write_text("0.10\n\nb c\n")
    (here / "b.txt").write_text("last")
    assert runs_of("echo", "::::", "a.txt", "b.txt") == [["echo", "0.10"], ["echo", "b c"], ["echo", "last"]]
    assert lines_of("echo", ":::", "1", "2", "::::+", "a.txt") == ["echo 1 0.10", "echo 2 b c"]


def test_arguments_in_files_may_end_with_zero_bytes(here: Path) -> None:
    (here / "a.txt").write_bytes(b"a\nb\0c\0")
    assert runs_of("echo", "::::", "a.txt", is_null_separated=True) == [["echo", "a\nb"], ["echo", "c"]]


@pytest.mark.parametrize(("name", "reason"), [("missing", "No such file or directory"), (".", "Is a directory")])
def test_a_file_of_arguments_that_cannot_be_read_is_refused(name: str, reason: str) -> None:
    with pytest.raises(ParameterError, match=f"cannot be read: {reason}"):
        workload_of("echo", "::::", name)
    with pytest.raises(ParameterError, match=f"cannot be read: {reason}"):
        list(workload_of("echo", arg_file=name).sets)


@pytest.mark.parametrize("braces", ["{3}", "{0}", "{#}", "{%}"])
def test_braces_without_a_meaning_are_refused(braces: str) -> None:
    with pytest.raises(ParameterError):
        workload_of("echo", braces, ":::", "1", ":::", "2")


def test_braces_mean_nothing_where_there_are_no_arguments() -> None:
    assert lines_of("echo", "{}", "{1}", "{#}", "{x}", axes=["x=1"]) == ["echo {} {1} {#} 1"]


# Names of arguments


def test_the_first_argument_may_be_the_name() -> None:
    words = ["echo", "{y}-{x}", ":::", "x", "1", "2", ":::", "y", "a"]
    assert lines_of(*words, has_header=True) == ["echo a-1", "echo a-2"]
    assert sets_of(*words, has_header=True) == [{"x": 1, "y": "a"}, {"x": 2, "y": "a"}]


def test_the_first_line_of_a_file_may_be_the_name(here: Path) -> None:
    (here / "a.txt").write_text("x\n1\n2\n")
    assert lines_of("echo", "{x}", "::::", "a.txt", has_header=True) == ["echo 1", "echo 2"]


@pytest.mark.parametrize("name", ["a b", "", "learning-rate", "1", "x:y"])
def test_a_name_that_no_braces_can_hold_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="name"):
        workload_of("echo", "{1}", ":::", name, "1", has_header=True)


@pytest.mark.parametrize("sign", [":::", ":::+"])
def test_a_name_that_two_lists_have_is_refused(sign: str) -> None:
    with pytest.raises(ParameterError, match="parameter 'x' is given twice"):
        workload_of("echo", "{x}", ":::", "x", "1", "2", sign, "x", "3", "4", has_header=True)


def test_a_name_is_missed_where_there_is_none() -> None:
    with pytest.raises(ParameterError, match="--header : takes the first argument after each :::"):
        workload_of("echo", "{x}", ":::", has_header=True)


@pytest.mark.parametrize("word", [[], ["{}"], ["{1}"], ["{x}"]])
def test_the_first_line_of_a_file_of_arguments_may_be_the_name(here: Path, word: list[str]) -> None:
    (here / "a.txt").write_text("x\n1\n2\n")
    assert lines_of("echo", *word, arg_file="a.txt", has_header=True) == ["echo 1", "echo 2"]


# Files


def test_every_row_of_a_table_is_a_run(here: Path) -> None:
    (here / "a.csv").write_text("x,y\n0.10,a\n1e-3,b\n")
    assert lines_of("echo", "{x}", "{y}", csv="a.csv") == ["echo 0.10 a", "echo 1e-3 b"]
    assert workload_of("echo", csv="a.csv").count == 2


def test_every_row_is_combined_with_the_rest(here: Path) -> None:
    (here / "a.csv").write_text("x\n0.10\n2\n")
    options = {"csv": "a.csv", "axes": ["y=1,2"]}
    assert lines_of("echo", "{x}{y}{}", ":::", "a", **options) == ["echo 0.101a", "echo 0.102a", "echo 21a", "echo 22a"]
    workload = workload_of("echo", "{x}{y}", **options)
    assert workload.count == 4
    assert isinstance(workload.sets, Crossed)
    assert workload.sets.grid_names == ["y"]


def test_a_column_is_known_when_the_arguments_are_named(here: Path) -> None:
    (here / "a.csv").write_text("x\n1\n")
    assert lines_of("echo", "{x}", "{y}", ":::", "a", csv="a.csv") == ["echo 1 a"]


def test_a_table_without_rows_is_no_run(here: Path) -> None:
    (here / "a.csv").write_text("x\n")
    workload = workload_of("echo", "{x}", csv="a.csv", axes=["y=1"])
    note_unknown_names(workload)
    assert (workload.count, list(workload.sets)) == (0, [])


def test_objects_and_lines_are_runs_too(here: Path) -> None:
    (here / "a.jsonl").write_text('{"x": true}\n{"x": [1, 2]}\n')
    (here / "a.txt").write_text("0.10\nb\n")
    assert lines_of("echo", "{x}", jsonl="a.jsonl") == ["echo true", "echo [1, 2]"]
    assert lines_of("echo", "{x}", arg_file="a.txt") == ["echo 0.10", "echo b"]
    assert lines_of("echo", arg_file="a.txt") == ["echo 0.10", "echo b"]
    assert lines_of("echo", "{2}{1}", ":::", "1", arg_file="a.txt") == ["echo 10.10", "echo 1b"]


def test_lines_may_end_with_zero_bytes(here: Path) -> None:
    (here / "a.txt").write_bytes(b"a\nb\0c\0")
    assert runs_of("echo", arg_file="a.txt", is_null_separated=True) == [["echo", "a\nb"], ["echo", "c"]]


@pytest.mark.parametrize("option", ["csv", "jsonl", "arg_file"])
@pytest.mark.parametrize(("name", "reason"), [("missing", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_refused(option: str, name: str, reason: str) -> None:
    with pytest.raises(ParameterError, match=f"cannot be read: {reason}"):
        list(workload_of("echo", "{x}", **{option: name}).sets)


def test_a_bad_row_is_refused_before_anything_runs(here: Path) -> None:
    (here / "a.csv").write_text("x,y\n" + "1,2\n" * 5000 + "3\n")
    with pytest.raises(ParameterError, match="line 5002: 1 cell, but the header names 2"):
        workload_of("echo", csv="a.csv")


def test_a_value_of_another_type_is_refused_before_anything_runs(here: Path) -> None:
    (here / "a.csv").write_text("x\n" + "1\n" * 5000 + "a\n")
    with pytest.raises(ParameterError, match="line 5002: x must be of type int, not 'a'"):
        workload_of("echo", csv="a.csv", types=["x=int"])


def test_a_parameter_in_a_table_and_beside_it_is_refused(here: Path) -> None:
    (here / "a.csv").write_text("x\n1\n")
    with pytest.raises(ParameterError, match=r"parameter 'x' is given twice: in a\.csv and beside it"):
        list(workload_of("echo", csv="a.csv", axes=["x=1"]).sets)


def test_a_parameter_beside_a_table_may_have_a_type(here: Path) -> None:
    (here / "a.csv").write_text("x\n1\n")
    options: dict[str, Any] = {"csv": "a.csv", "axes": ["y=0.10"], "types": ["x=str", "y=float"]}
    assert sets_of("echo", "{x}{y}", **options) == [{"x": "1", "y": 0.1}]
    assert lines_of("echo", "{x}{y}", **options) == ["echo 10.10"]


def test_how_values_were_written_is_kept_when_rows_are_combined(here: Path) -> None:
    (here / "a.csv").write_text("x\n0.10\n")
    (params,) = workload_of("echo", csv="a.csv", axes=["y=1e-3", "z=5"]).sets
    assert isinstance(params, WrittenParams)
    assert (params, params.texts) == ({"x": "0.10", "y": "1e-3", "z": 5}, {"x": "0.10", "y": "1e-3"})


def test_texts_that_look_like_numbers_are_remarked_on(here: Path) -> None:
    (here / "a.csv").write_text("x\n0.10\n0.2\n")
    workload = workload_of("echo", csv="a.csv")
    list(workload.sets)
    assert ["'0.10'" in remark for remark in workload.reader.remarks()] == [True]


@pytest.mark.parametrize("rows", [['{"a": 1}', '{"a": 2, "b": 3}'], ['{"a": 2, "b": 3}', "", '{"a": 1}']])
def test_a_parameter_that_only_some_lines_have_is_refused_where_the_command_names_it(
    here: Path, rows: list[str]
) -> None:
    (here / "a.jsonl").write_text("\n".join(rows) + "\n")
    workload = workload_of("echo", "{a}", "{b}", jsonl="a.jsonl")
    line = 1 + rows.index('{"a": 1}')
    with pytest.raises(PlaceholderError, match=rf"a\.jsonl, line {line}: \{{b\}}: there is no parameter 'b'"):
        require_names(workload, workload.cmd)
    for fine in (["echo", "{a}", "{{b}}"], ["echo", "{other}"]):
        require_names(workload, fine)


def test_a_name_on_any_line_is_known_before_the_start(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.jsonl").write_text('{"a": 1}\n{"a": 2, "b": 3}\n')
    note_unknown_names(workload_of("echo", "{a}", "{b}", jsonl="a.jsonl"))
    assert capsys.readouterr().err == ""
    assert lines_of("echo", "{arg}", ":::", "x", jsonl="a.jsonl") == ["echo x", "echo x"]


# Standard input


def test_lines_on_standard_input_are_arguments(pipe_in: Callable[[bytes], None]) -> None:
    pipe_in(b"0.10\nb c\n")
    assert runs_of("echo", "{}") == [["echo", "0.10"], ["echo", "b c"]]


def test_how_many_lines_there_are_on_standard_input_is_not_known(pipe_in: Callable[[bytes], None]) -> None:
    pipe_in(b"1\n")
    assert workload_of("echo").count is None


@pytest.mark.parametrize(("words", "options"), [(["echo", "{}", ":::", "a"], {}), (["echo", "{x}"], {"axes": ["x=a"]})])
def test_standard_input_is_left_alone_where_there_are_other_parameters(
    pipe_in: Callable[[bytes], None], words: list[str], options: dict[str, Any]
) -> None:
    pipe_in(b"1\n2\n")
    assert lines_of(*words, **options) == ["echo a"]
    assert sys.stdin.read() == "1\n2\n"


def test_a_table_may_come_from_standard_input(pipe_in: Callable[[bytes], None]) -> None:
    pipe_in(b"x\n0.10\n")
    assert lines_of("echo", "{x}{y}", csv="-", axes=["y=1,2"]) == ["echo 0.101", "echo 0.102"]


def test_arguments_may_come_from_standard_input(pipe_in: Callable[[bytes], None]) -> None:
    pipe_in(b"1\n2\n")
    assert lines_of("echo", "::::", "-", ":::", "a") == ["echo 1 a", "echo 2 a"]


@pytest.mark.parametrize(
    ("words", "options"),
    [(["echo", "::::", "-", "::::", "-"], {}), (["echo", "{x}", "{}", "::::", "-"], {"csv": "-"})],
)
def test_standard_input_can_be_used_only_once(
    pipe_in: Callable[[bytes], None], words: list[str], options: dict[str, Any]
) -> None:
    pipe_in(b"x\n1\n")
    with pytest.raises(UsageError, match="standard input"):
        list(workload_of(*words, **options).sets)


def test_a_standard_input_that_is_closed_is_refused_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ParameterError, match="there are no parameters"):
        workload_of("echo")
    with pytest.raises(ParameterError, match="standard input"):
        workload_of("echo", "::::", "-")
