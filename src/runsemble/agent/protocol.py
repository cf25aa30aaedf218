"""What driver and agent say to each other: every message, its fields, and who says it when.

A message is a list that begins with its kind. `Exit` is the record of one ended attempt; it is what the spool keeps
until the driver acknowledges it.

Driver to agent::

    hello   {version, epoch, orphans, linger_s, grace_s, survivors, keeps}   first on every connection
    keep    keeps                            directories where an agent that ends leaves its spool, if it holds exits
                                             that nobody has acknowledged; also in `hello`
    plan    id, {directory, env, output, stage, timeout_s, mem_mib, call, posts}   what many runs share;
                                             `posts`: where results go, named after the run's id, if not
                                             into run directories, which are left to the runs then;
                                             `call`: what Python calls run, for `load` of the agent's
                                             module, with `load_s` (seconds) or not; null for programs
    run     plan, run, attempt, step, id, directory, params, files, argv, env, cwd, lane,
                                             lease
                                             `files`: [name, text, permission bits] of each of its own, or null
                                             `id` is for people; `argv` of a Python call: its name and, for a
                                             hook, what its run alone has, as JSON, where it has anything;
                                             `cwd`: where the command starts, if not in `directory`; lease null:
                                             wait for one of `lane`
    lend    run, attempt, lease              for a waiting run, where no lease of its lane is left to inherit
    cancel  run, attempt, how                a waiting run is dropped, a living one ended: "stop" (TERM, grace, KILL),
                                             "kill", or "drop": not at all
    drop                                     forget every waiting run
    ack     seq                              every exit up to seq is stored
    bye     how                              end what runs ("stop" or "kill"), then yourself

Agent to driver::

    welcome {version, epoch, pid, boot, host, live, python, calls}    after an accepted hello; then every exit that is
                                             not acknowledged, then `current`; `live`: run, attempt, step, pid, time,
                                             lease, and what the run was told of its grant
    current                                  what is neither live nor was told as an exit never started
    refused reason, epoch
    start   run, attempt, step, pid, time, lease
    exit    *Exit
    dropped run, attempt, lease              never started; the lease it held, if any, goes back
    returned lease                           lent in vain: the run had found another one
    metric  run, attempt, text               what a run reported, as lines of JSON
    note    text                             something a person should know

A *lease* is a grant of the driver's pool on loan to the agent: ``[id, lane, cores, env]``. When a run ends, the next
waiting run of the same lane takes its lease over at once, and the exit says so in `successor`; otherwise the lease
goes back to the driver with the exit. Thus short runs follow each other without a round trip. A run that was sent to
wait just when the last lease of its lane went back is lent one.
"""

from __future__ import annotations

import operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 2

#: Length of a `run` message.
RUN_FIELDS = 14

#: Printed by an agent once it can be reached; whatever a login shell printed before it is noise.
READY = "runsemble-agent-ready"

#: Exit status of an agent that was started where another one lives.
TAKEN = 3

#: Environment variable by which a process is known to belong to a run: "<agent>-<run>-<attempt>-<step>".
RUN_KEY = "RUNSEMBLE_RUN_KEY"

#: Environment variable by which a fork of an agent, which cannot have that one, is known to belong to the agent.
AGENT_KEY = "RUNSEMBLE_AGENT"

#: Files that an attempt leaves under our names, and that a later attempt must not find.
OUR_FILES = ("results.json", "metrics.jsonl", "exception.pickle", "stdout", "stderr", "output")

#: Largest result that travels with the exit record, in bytes; a larger one stays in its file.
INLINE_RESULT_BYTES = 64 * 1024
#: How much of the output `output="tail"` keeps, in bytes.
TAIL_BYTES = 64 * 1024
#: How much of stderr travels with a failed attempt, in bytes.
LAST_WORDS_BYTES = 2048

# Who ended an attempt; None when it ended by itself.
BY_TIMEOUT = "timeout"
BY_OOM = "oom"
BY_CANCEL = "cancelled"
BY_KILL = "killed"

# Why an attempt never started.
NOT_LAUNCHED = "launch_error"
NOT_STAGED = "staging"
DISK_FULL = "disk_full"
AGENT_LOST = "agent_lost"


class Exit:
    """The record of one ended attempt.

    Attributes:
        seq: Number by which the driver acknowledges it; grows by one.
        run: Id of the run.
        attempt: Number of the attempt, from 1.
        step: Number of the step, from 0.
        lease: Id of the lease it held, None if it never held one.
        successor: ``[run, attempt]`` that took the lease over, None if nobody did.
        status: Wait status as `os.waitstatus_to_exitcode` means it: >= 0 exit code, < 0 signal; None: never ran.
        ended_by: Who ended it: one of the ``BY_`` words, None when it ended by itself.
        trouble: Why it never started (``launch_error``, ``staging``, ``disk_full``) or was given up (``agent_lost``).
        message: A sentence for `trouble`.
        started: UTC epoch seconds; 0.0 if never started.
        wall_s: Seconds from start to end.
        user_s: CPU seconds in user mode, waited-for children and ended orphans included.
        system_s: CPU seconds in the kernel.
        max_rss_kib: Largest resident set of one of its processes, in KiB.
        floor_kib: The agent's own largest resident set; a child inherits it as its smallest `max_rss_kib`.
        result: None, or ``["text", JSON text]``, ``["file", size]``, ``["bad", reason]``.
        tail: Last bytes of stderr (of the output where merged or kept as a tail), as a wire string; None if empty.
        survivors: How many of its processes could not be ended.
    """

    __slots__ = (
        "seq", "run", "attempt", "step", "lease", "successor", "status", "ended_by", "trouble", "message",
        "started", "wall_s", "user_s", "system_s", "max_rss_kib", "floor_kib", "result", "tail", "survivors",
    )  # fmt: skip

    if TYPE_CHECKING:
        seq: int
        run: int
        attempt: int
        step: int
        lease: int | None
        successor: list[int] | None
        status: int | None
        ended_by: str | None
        trouble: str | None
        message: str | None
        started: float
        wall_s: float
        user_s: float
        system_s: float
        max_rss_kib: int
        floor_kib: int
        result: list[Any] | None
        tail: str | None
        survivors: int

    def __init__(self, *fields: Any) -> None:
        if len(fields) != len(self.__slots__):
            raise ValueError("an exit has " + str(len(self.__slots__)) + " fields")
        (
            self.seq, self.run, self.attempt, self.step, self.lease, self.successor, self.status, self.ended_by,
            self.trouble, self.message, self.started, self.wall_s, self.user_s, self.system_s, self.max_rss_kib,
            self.floor_kib, self.result, self.tail, self.survivors,
        ) = fields  # fmt: skip

    def as_message(self) -> tuple[Any, ...]:
        """Return the message that tells of it."""
        return ("exit", *_exit_fields(self))

    @classmethod
    def never_ran(cls, run: int, attempt: int, step: int, trouble: str, message: str) -> Exit:
        """Return the record of an attempt of which nothing is known but why; `seq` is still 0."""
        nothing = (0.0, 0.0, 0.0, 0.0, 0, 0, None, None, 0)
        return cls(0, run, attempt, step, None, None, None, None, trouble, message, *nothing)


_exit_fields = operator.attrgetter(*Exit.__slots__)
