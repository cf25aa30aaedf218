"""What is asked of a scheduler for a whole ensemble."""

from __future__ import annotations

from typing import Any

from runsemble.compat.themis._checks import range_check, type_check


class Allocation:
    """Nodes for some time, in which an ensemble runs.

    Args:
        nodes: How many.
        partition: The part of the machine; None leaves it to the scheduler, as for `bank`.
        bank: Who pays.
        name: What the job is called.
        timeout: Minutes; None for no limit of ours.
        repeats: How often to ask again when the time is over before the ensemble is; -1 for as often as it takes.

    Raises:
        TypeError: A name is no text.
        ValueError: There is no node, or less time than none.
    """

    def __init__(
        self,
        nodes: Any = 1,
        partition: str | None = None,
        bank: str | None = None,
        name: str = "themis",
        timeout: Any = None,
        repeats: Any = 0,
    ) -> None:
        self.partition = type_check(partition, str, type(None))
        self.bank = type_check(bank, str, type(None))
        self.name = type_check(name, str)
        self.repeats = repeats
        self.timeout = timeout if timeout is None else range_check(timeout, min_val=0, name="timeout")
        self.nodes = range_check(nodes, min_val=1, name="nodes")

    def __repr__(self) -> str:
        return (
            f"Allocation(nodes={self.nodes!r}, partition={self.partition!r}, bank={self.bank!r}, name={self.name!r}, "
            f"timeout={self.timeout!r})"
        )
