import pytest

from runsemble.cli.idioms import Source, fill_in_sources, is_shell_text, name_sources, split_sources
from runsemble.errors import CommandError, ParameterError, UsageError


@pytest.mark.parametrize(
    ("words", "command", "sources"),
    [
        ("", [], []),
        ("echo a", ["echo", "a"], []),
        ("echo ::: 1 2", ["echo"], [Source(["1", "2"])]),
        ("echo ::: 1 ::: 2 3", ["echo"], [Source(["1"]), Source(["2", "3"])]),
        ("echo ::: 1 :::+ 2", ["echo"], [Source(["1"]), Source(["2"], is_linked=True)]),
        ("echo :::: f g", ["echo"], [Source(["f", "g"], is_file=True)]),
        ("echo ::: 1 ::::+ f", ["echo"], [Source(["1"]), Source(["f"], is_file=True, is_linked=True)]),
        ("echo :::", ["echo"], [Source([])]),
        ("echo ::: :::", ["echo"], [Source([]), Source([])]),
        ("echo ::: -j2 -- :::::", ["echo"], [Source(["-j2", "--", ":::::"])]),
    ],
)
def test_a_command_is_told_from_the_arguments_after_it(words: str, command: list[str], sources: list[Source]) -> None:
    assert split_sources(words.split()) == (command, sources)


@pytest.mark.parametrize("words", [[":::", "1"], ["::::", "f"], [":::"]])
def test_arguments_without_a_command_are_refused(words: list[str]) -> None:
    with pytest.raises(CommandError, match="no command before :::; write it first, such as"):
        split_sources(words)


@pytest.mark.parametrize("sign", [":::+", "::::+"])
@pytest.mark.parametrize("command", [[], ["echo"]])
def test_nothing_can_go_beside_arguments_that_are_not_there(command: list[str], sign: str) -> None:
    with pytest.raises(CommandError, match="side by side with a source before it, and there is none"):
        split_sources([*command, sign, "1"])


@pytest.mark.parametrize(
    ("command", "count", "known", "names"),
    [
        (["echo"], 1, [], ["arg1"]),
        (["echo", "{}"], 2, [], ["arg1", "arg2"]),
        (["echo", "{x}"], 1, [], ["x"]),
        (["echo", "{y}{x}", "{y}"], 2, [], ["y", "x"]),
        (["echo", "{x:.3f}"], 1, [], ["x"]),
        (["echo {x} {y}"], 2, [], ["x", "y"]),
        (["echo", "{beta}", "{x}"], 1, ["beta"], ["x"]),
        (["echo", "{run_id}", "{x}"], 1, [], ["x"]),
        (["echo", "{run_id}"], 1, [], ["arg1"]),
        (["echo", "{beta}"], 2, ["beta"], ["arg1", "arg2"]),
        (["echo", "{x}", "{}"], 1, [], ["arg1"]),
        (["echo", "{x}", "{1}"], 2, [], ["arg1", "arg2"]),
        (["awk", "{print $1}"], 1, [], ["arg1"]),
        (["echo", "{{x}}"], 1, [], ["arg1"]),
        (["echo", "{arg2}", "{arg1}"], 2, [], ["arg1", "arg2"]),
        (["echo ${HOME}"], 1, [], ["arg1"]),
        (["echo ${HOME} {x}"], 1, [], ["x"]),
    ],
)
def test_a_command_that_names_as_many_as_there_are_sources_names_them(
    command: list[str], count: int, known: list[str], names: list[str]
) -> None:
    assert name_sources(command, count, known) == names


@pytest.mark.parametrize(
    ("command", "count", "reason"),
    [
        (["echo", "{x}", "{y}"], 1, "the command names {x}, {y}, but 1 list of arguments follow"),
        (["echo", "{x}"], 2, "the command names {x}, but 2 lists of arguments follow it"),
        (["echo", "{arg1}", "{x}"], 2, "the command names {x}, but 2 lists of arguments follow it"),
    ],
)
def test_a_command_that_names_more_or_fewer_is_refused(command: list[str], count: int, reason: str) -> None:
    with pytest.raises(ParameterError) as caught:
        name_sources(command, count, [])
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    ("command", "names", "filled"),
    [
        ("echo {}", ["a"], "echo {a}"),
        ("echo {}", ["a", "b"], "echo {a} {b}"),
        ("echo {1} {2} {1}", ["a", "b"], "echo {a} {b} {a}"),
        ("echo {.} {/} {//} {/.}", ["a"], "echo {a:.} {a:/} {a://} {a:/.}"),
        ("echo {2/.} {1//} {2.} {1/}", ["a", "b"], "echo {b:/.} {a://} {b:.} {a:/}"),
        ("echo x{}y", ["a"], "echo x{a}y"),
        ("echo {2}", ["a", "b"], "echo {b}"),
        ("echo {01}", ["a"], "echo {a}"),
        ("echo {a} {}", ["a"], "echo {a} {a}"),
        ("{}", ["a", "b"], "{a} {b}"),
        ("{} x", ["a"], "{a} x"),
        ("echo {a}", ["a"], "echo {a}"),
        ("echo {/}", ["a", "b"], "echo {a:/} {b:/}"),
    ],
)
def test_replacement_strings_become_placeholders(command: str, names: list[str], filled: str) -> None:
    assert fill_in_sources(command.split(), names, []) == filled.split()


def test_what_stands_within_a_word_stays_within_it() -> None:
    assert fill_in_sources(["echo", "--x={}"], ["a", "b"], []) == ["echo", "--x={a} {b}"]
    assert fill_in_sources(["sh", "-c", "echo {}; date"], ["a"], []) == ["sh", "-c", "echo {a}; date"]


@pytest.mark.parametrize(
    ("text", "names", "filled"),
    [
        ("echo {}; date", ["a"], "echo {a}; date"),
        ("echo {}; date", ["a", "b"], "echo {a} {b}; date"),
        ("cp {1} {2/}", ["a", "b"], "cp {a} {b:/}"),
        ("echo {a}", ["a"], "echo {a}"),
        ("echo x", ["a", "b"], "echo x {a} {b}"),
    ],
)
def test_replacement_strings_in_a_text_for_a_shell_become_placeholders(
    text: str, names: list[str], filled: str
) -> None:
    assert fill_in_sources([text], names, []) == [filled]


@pytest.mark.parametrize("braces", ["${1}", "${}", "${1.}", "${#}"])
def test_what_is_the_shells_is_left_to_it(braces: str) -> None:
    assert fill_in_sources([f"f() {{ echo {braces}; }}; f {{}}"], ["a"], []) == [f"f() {{ echo {braces}; }}; f {{a}}"]


@pytest.mark.parametrize(
    "text",
    ["{print $1}", "{a,b}", "{1..3}", "{-1}", "{ }", "{1 }", "{1/x}", "{...}", "{///}", "{x}", '{"a": 1}', "{1", "1}"],
)
def test_any_other_brace_stays(text: str) -> None:
    assert fill_in_sources(["echo", text, "{}"], ["a"], []) == ["echo", text, "{a}"]


@pytest.mark.parametrize(
    ("command", "filled"),
    [
        (["echo"], ["echo", "{a}", "{b}"]),
        (["echo", "{beta}"], ["echo", "{beta}", "{a}", "{b}"]),
        (["echo", "{{a}}"], ["echo", "{{a}}", "{a}", "{b}"]),
        (["awk", "{print}"], ["awk", "{print}", "{a}", "{b}"]),
        (["echo ${a}"], ["echo ${a} {a} {b}"]),
    ],
)
def test_a_command_that_uses_no_argument_gets_them_all(command: list[str], filled: list[str]) -> None:
    assert fill_in_sources(command, ["a", "b"], ["beta"]) == filled


@pytest.mark.parametrize("command", [["echo", "{a}"], ["echo", "{2}"], ["echo {b}"], ["echo", "{a:.3f}"]])
def test_a_command_that_uses_one_argument_gets_no_other(command: list[str]) -> None:
    filled = fill_in_sources(command, ["a", "b"], [])
    assert len(filled) == len(command)
    assert ("{a" in filled[-1]) != ("{b" in filled[-1])


@pytest.mark.parametrize("number", ["0", "3", "99", pytest.param("9" * 5000, id="5000 digits")])
def test_an_argument_that_is_not_there_is_refused(number: str) -> None:
    with pytest.raises(ParameterError, match="the command has 2 lists of arguments, counted from 1"):
        fill_in_sources(["echo", f"{{{number}}}"], ["a", "b"], [])


@pytest.mark.parametrize("braces", ["{#}", "{%}", "x{#}y"])
def test_a_replacement_string_without_a_meaning_here_is_refused_with_what_has_it(braces: str) -> None:
    with pytest.raises(ParameterError, match=r"is, in GNU parallel, .*(\{run_id\}|RUNSEMBLE_CORES)"):
        fill_in_sources(["echo", "{}", braces], ["a"], [])


@pytest.mark.parametrize(
    ("command", "is_shell"),
    [
        (["echo a"], True),
        (["a;b"], True),
        (["a|b"], True),
        (["echo>x"], True),
        (["$CMD"], True),
        (["a\nb"], True),
        (["~/bin/x"], True),
        (["echo"], False),
        (["./model.py"], False),
        (["{}"], False),
        (["echo a", "b"], False),
        (["echo", "a b"], False),
        ([], False),
        ([""], False),
    ],
)
def test_one_word_with_signs_of_a_shell_in_it_is_for_a_shell(command: list[str], is_shell: bool) -> None:
    assert is_shell_text(command) is is_shell


@pytest.mark.parametrize("words", [["echo", "{1}", ":::"], ["echo", "{2}", ":::", "1"], [":::"], ["{", ":::+"]])
def test_every_refusal_is_one_sentence(words: list[str]) -> None:
    def carry_out() -> None:
        command, sources = split_sources(words)
        fill_in_sources(command, name_sources(command, len(sources), [])[1:], [])

    with pytest.raises(UsageError) as caught:
        carry_out()
    assert "\n" not in str(caught.value)
