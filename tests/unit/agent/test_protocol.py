import pytest

from runsemble.agent.protocol import Exit


def test_an_exit_has_as_many_fields_on_the_wire_as_in_memory() -> None:
    fields = list(range(len(Exit.__slots__)))
    record = Exit(*fields)
    assert record.as_message() == ("exit", *fields)
    assert [getattr(record, name) for name in Exit.__slots__] == fields


@pytest.mark.parametrize("count", [0, 2, len(Exit.__slots__) - 1, len(Exit.__slots__) + 1])
def test_a_record_with_the_wrong_number_of_fields_is_refused(count: int) -> None:
    with pytest.raises((TypeError, ValueError)):
        Exit(*range(count))


def test_an_attempt_that_never_ran_has_no_status_and_says_why() -> None:
    record = Exit.never_ran(3, 2, 1, "launch_error", "command not found: nope")
    assert (record.run, record.attempt, record.step) == (3, 2, 1)
    assert (record.status, record.trouble, record.message) == (None, "launch_error", "command not found: nope")
    assert (record.lease, record.started, record.result) == (None, 0.0, None)
