"""The agent's work: which runs wait, which live, what is known of those that ended."""

from __future__ import annotations

import functools
import heapq
import os
import signal
import sys
import time
from collections import deque

from . import cgroup, harvest, memory, place, proc
from .affinity import confine
from .attempt import Attempt, Lease
from .contain import Containment, signal_group
from .frames import encode, to_bytes
from .oom import OomScore
from .protocol import (
    BY_CANCEL,
    BY_KILL,
    BY_OOM,
    BY_TIMEOUT,
    DISK_FULL,
    LAST_WORDS_BYTES,
    NOT_LAUNCHED,
    TAIL_BYTES,
    Exit,
)
from .rotation import LOG
from .spawn import PARAMS_IN_ENV_BYTES, Plan, Trouble, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .forking import Calls
    from .spawn import Start
    from .spool import Spool

#: Seconds for which this process is taken to be of the same size.
FLOOR_S = 1.0

_LAST_WORDS_FILE = {"files": b"/stderr", "merged": b"/output"}


class Work:
    """Everything between a request and its acknowledged exit.

    Messages for the driver wait in `outbox`, encoded; whoever empties it flushes the spool first.
    """

    def __init__(self, directory: str, spool: Spool, seq: int, exits: list[Exit], calls: Calls | None = None) -> None:
        self.outbox: list[str] = []
        self.exits = {e.seq: e for e in exits}  #: not acknowledged, by sequence number
        self.living: dict[tuple[int, int], Attempt] = {}  #: by run and attempt
        self._unstarted: dict[tuple[int, int, int], int] = {}  #: those of them that never ran
        self.waiting_count = 0
        self.grace_s = 5.0
        self.id = os.path.basename(directory)
        self.containment = Containment(self.id, calls.idle if calls else None)
        self.last_seq = seq
        self._spool = spool
        self._calls = calls
        self._plans: dict[int, Plan] = {}
        self._waiting: dict[int, deque[Attempt]] = {}  #: by lane
        self._ready: deque[tuple[Attempt, Lease]] = deque()
        self._timers: list[tuple[float, int, Any, Attempt]] = []
        self._timer_count = 0
        self._directory = directory.encode()
        self._bell = place.bell_path(directory).encode()
        self._own_cores = frozenset(os.sched_getaffinity(0))
        self._cores = self._own_cores
        self._in_run_directory = False
        self._oom = OomScore()
        self._cgroups: cgroup.Cgroups | None = None
        self._has_looked_for_cgroups = False
        self._floor, self._floor_at = 0, -FLOOR_S

    def say(self, *message: Any) -> None:
        """Tell the driver something, soon."""
        self.outbox.append(encode(message))

    # What the driver asks for

    def add_plan(self, number: int, fields: dict[str, Any]) -> None:
        """Learn what the runs of a plan have in common."""
        self._plans[number] = Plan(fields)

    def add_run(self, message: list[Any]) -> None:
        """Take in a run: start it if it brings a lease, else let it wait for one of its lane."""
        _, plan, run, attempt, step, name, directory, params, files, argv, env, cwd, lane, lease = message
        job = Attempt(
            self._plans[plan], run, attempt, step, name, to_bytes(directory), params, files,
            [to_bytes(a) for a in argv],
            {to_bytes(k): to_bytes(v) for k, v in env.items()} if env else {},
            to_bytes(cwd) if cwd else b"", lane, "%s-%d-%d-%d" % (self.id, run, attempt, step),
        )  # fmt: skip
        self.exits.pop(self._unstarted.pop((run, attempt, step), 0), None)  # its driver has heard of that
        if lease is None:
            self._waiting.setdefault(lane, deque()).append(job)
            self.waiting_count += 1
        else:
            self._ready.append((job, _lease(lease, lane)))

    def refuse(self, message: list[Any], problem: str) -> None:
        """End a run whose request makes no sense, so that nobody waits for it."""
        run, attempt, step, lease = message[2], message[3], message[4], message[-1]
        record = Exit.never_ran(run, attempt, step, NOT_LAUNCHED, problem)
        record.lease = lease[0] if isinstance(lease, list) and lease else None
        self._tell(record)

    def lend(self, run: int, attempt: int, lease: list[Any]) -> None:
        """Start a waiting run on a lease of its own; return the lease if the run does not wait any more."""
        for lane, queue in self._waiting.items():
            for job in queue:
                if (job.run, job.attempt) == (run, attempt):
                    queue.remove(job)
                    self.waiting_count -= 1
                    self._ready.append((job, _lease(lease, lane)))
                    return
        self.say("returned", lease[0])

    def cancel(self, run: int, attempt: int, how: str) -> None:
        """Drop a run that waits, end one that lives (unless only to be dropped); one that is over is known to be."""
        job = self.living.get((run, attempt))
        if job is not None:
            if how != "drop":
                self._end(job, BY_KILL if how == "kill" else BY_CANCEL)
            return
        self._drop_waiting(lambda waiting: (waiting.run, waiting.attempt) == (run, attempt))

    def drop_waiting(self) -> None:
        """Forget every run that was not started yet, and say so."""
        self._drop_waiting(lambda _: True)

    def end_all(self, how: str) -> None:
        """Start nothing more and end everything that lives."""
        self.drop_waiting()
        for job in list(self.living.values()):
            self._end(job, BY_KILL if how == "kill" else BY_CANCEL)

    def acknowledge(self, seq: int) -> None:
        """Forget every exit up to `seq`: the driver has stored it."""
        for number in [s for s in self.exits if s <= seq]:
            del self.exits[number]
        if not self.exits:
            self._unstarted.clear()
        self._spool.ack(seq)

    def ring(self, key: str) -> None:
        """Pass on what a run has reported."""
        try:
            agent, run, attempt, _ = key.split("-")
            job = self.living[int(run), int(attempt)]
        except (ValueError, KeyError):
            return
        if agent == self.id:
            self._pass_metrics(job)

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing lives, waits or is about to start."""
        return not (self.living or self.waiting_count or self._ready)

    # The course of things

    def advance(self) -> None:
        """Take in ended runs, fire timers, start what can be started."""
        now = time.monotonic()
        self._fire(now)
        while True:
            for job in self.containment.reap(now):
                self._over(job)
            if not self._ready:
                break
            self._start(*self._ready.popleft())
            now = time.monotonic()
        if self._calls is not None:
            self._calls.tidy(now)
        self._oom.lower()

    def close(self) -> None:
        """Release the descriptors, and end children that never had anything to do."""
        if self._calls is not None:
            self._calls.close()
        self.containment.close()
        self._oom.close()

    def rest(self) -> None:
        """Leave the last run's directory, so that it can be removed while the agent waits."""
        if self._in_run_directory:
            os.chdir("/")
            self._in_run_directory = False

    def next_timer_s(self) -> float | None:
        """Return the seconds until something must be done, None if nothing is due."""
        due = [job.cleared_by for job in self.containment.clearing.values()]
        if self._timers:
            due.append(self._timers[0][0])
        if self._calls is not None and self._calls.idle:
            due.append(self._calls.tidy_at)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _start(self, job: Attempt, lease: Lease) -> None:
        job.lease = lease
        job.started = time.time()
        job.started_at = time.monotonic()
        job.booted_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._spool.intent(job.run, job.attempt, job.step, job.key, job.booted_s)
        trouble: Trouble | None = None
        try:
            if not self._spool.flush():
                raise Trouble(DISK_FULL, self._directory.decode() + ": the spool cannot be written")
            self._in_run_directory = True
            self._oom.raise_()
            if job.plan.call is None or not self.living:
                self._pin(lease.cores)
            self._limit_memory(job)
            env = self._environment(job, lease)
            job.pid = spawn(
                job.plan, job.directory, job.attempt, job.step, job.params, job.files, job.argv, env, job.cwd,
                self._scratch(job), self._start_of(job, lease),
            )  # fmt: skip
        except Trouble as error:
            trouble = error
        except Exception as error:  # the other runs must not suffer from what is wrong with this one
            sys.excepthook(*sys.exc_info())  # into the log
            trouble = Trouble(NOT_LAUNCHED, "the agent could not start it: " + repr(error))
        finally:
            if job.cgroup is not None:
                job.cgroup.leave()
            if self.living:
                self._pin(self._own_cores)  # and not only on the new run's
        if trouble is not None:
            self._never_started(job, trouble)
            return
        self._spool.pid(job.run, job.attempt, job.step, job.pid)
        self.living[job.run, job.attempt] = job
        self.containment.leaders[job.pid] = job
        self.say("start", job.run, job.attempt, job.step, job.pid, job.started, lease.id)
        if job.plan.timeout_s is not None:
            self._at(job.started_at + job.plan.timeout_s, self._time_out, job)
        if job.plan.mem_mib and job.cgroup is None:
            self._at(job.started_at + memory.INTERVAL_S, self._watch_memory, job)

    def _start_of(self, job: Attempt, lease: Lease) -> Start | None:
        """Return what starts a run's Python call, None for a program."""
        if job.plan.call is None:
            return None
        if self._calls is None:
            raise Trouble(NOT_LAUNCHED, "a Python call was sent to an agent that starts programs only")
        wanted = 1 + sum(1 for other in self._waiting.get(lease.lane, ()) if other.plan is job.plan)
        cores = lease.cores or self._own_cores
        return functools.partial(self._calls.start, job, functools.partial(self.say, "note"), wanted, cores)

    def _environment(self, job: Attempt, lease: Lease) -> dict[bytes, bytes]:
        env = {**job.plan.env, **lease.env, **job.env}  # what the user set wins over what the grant suggests
        env[b"RUNSEMBLE_RUN_ID"] = b"%d" % job.id
        env[b"RUNSEMBLE_ATTEMPT"] = b"%d" % job.attempt
        env[b"RUNSEMBLE_STEP"] = b"%d" % job.step
        env[b"RUNSEMBLE_RUN_DIR"] = job.directory
        env[b"RUNSEMBLE_RUN_KEY"] = job.key.encode()
        env[b"RUNSEMBLE_RESULTS"] = self._results(job)
        env[b"RUNSEMBLE_BELL"] = self._bell
        if job.params:
            params = job.params.encode()
            if len(params) <= PARAMS_IN_ENV_BYTES:
                env[b"RUNSEMBLE_PARAMS"] = params
            elif job.plan.posts is None:
                env[b"RUNSEMBLE_PARAMS"] = b"@" + job.directory + b"/params.json"
        if job.plan.timeout_s is not None:
            env[b"RUNSEMBLE_DEADLINE"] = b"%.3f" % (job.started + job.plan.timeout_s)
        return env

    def _pin(self, cores: frozenset[int]) -> None:
        """Put this process on the cores that its next child is to inherit, or on all of its own.

        An agent with one run at a time stays with it: it has nothing to do until that ends, and finds everything in
        that core's caches. One with several must not wait for the core of any of them.
        """
        wanted = cores or self._own_cores
        if wanted != self._cores:
            self._cores = wanted if confine(0, wanted) else self._own_cores
            if self._cores != wanted:  # run it unpinned rather than not at all
                confine(0, self._own_cores)

    def _limit_memory(self, job: Attempt) -> None:
        """Give a run that declared its memory a control group of its own, where that can be had."""
        if not job.plan.mem_mib:
            return
        if not self._has_looked_for_cgroups:
            self._has_looked_for_cgroups = True
            self._cgroups = cgroup.find_delegated()
        group = self._cgroups.make(job.key, job.plan.mem_mib) if self._cgroups else None
        if group is not None and group.enter():
            job.cgroup = group
        elif group is not None:
            group.remove()

    def _leave_cgroup(self, job: Attempt) -> None:
        """Take in what the control group of an ended run knows, and remove it."""
        group = job.cgroup
        if group is None:
            return
        if group.ran_out_of_memory:
            job.ended_by = BY_OOM
        job.peak_kib = group.peak_kib
        group.kill()
        group.remove()

    def _never_started(self, job: Attempt, trouble: Trouble) -> None:
        self._leave_cgroup(job)
        record = Exit.never_ran(job.run, job.attempt, job.step, trouble.kind, str(trouble))
        self._record(record, job)
        self._unstarted[job.run, job.attempt, job.step] = record.seq

    def _over(self, job: Attempt) -> None:
        """Record the end of a run of which nothing is left."""
        self._pass_metrics(job)
        self._leave_cgroup(job)
        del self.living[job.run, job.attempt]
        record = Exit(
            0, job.run, job.attempt, job.step, None, None, job.status, job.ended_by, None, None, job.started,
            job.ended_at - job.started_at, job.user_s, job.system_s, max(job.max_rss_kib, job.peak_kib),
            self._floor_kib(job.ended_at), self._result(job), self._tail(job), job.survivors,
        )  # fmt: skip
        self._record(record, job)

    def _results(self, job: Attempt) -> bytes:
        """Return where a run puts its result."""
        posts = job.plan.posts
        return job.directory + b"/results.json" if posts is None else b"%s/%d.json" % (posts, job.id)

    def _result(self, job: Attempt) -> list[Any] | None:
        """Return what a run has posted; where posts are kept apart, one that travels is not left behind."""
        path = self._results(job)
        result = harvest.result_at(path)
        if result is not None and result[0] == "text" and job.plan.posts is not None:
            os.unlink(path)
        return result

    def _tail(self, job: Attempt) -> str | None:
        """Return what to keep of the output: all that was asked for, or the last words of a run that failed."""
        mode = job.plan.output
        if mode == "tail":
            scratch = self._scratch(job)
            tail = harvest.tail_of(scratch, TAIL_BYTES)
            try:
                os.unlink(scratch)
            except OSError:
                pass
            return tail
        if mode == "log" and (job.status != 0 or job.ended_by):
            return harvest.tail_of(os.path.join(job.directory, job.cwd, os.fsencode(LOG)), LAST_WORDS_BYTES)
        if mode in _LAST_WORDS_FILE and (job.status != 0 or job.ended_by):
            return harvest.tail_of(job.directory + _LAST_WORDS_FILE[mode], LAST_WORDS_BYTES)
        return None

    def _floor_kib(self, now: float) -> int:
        """Return the largest size this process has had, which a child inherits as its own peak.

        Not `ru_maxrss`: that began with the size of the driver, from which this process was spawned.
        """
        if now - self._floor_at > FLOOR_S:
            self._floor, self._floor_at = proc.peak_rss_kib(), now
        return self._floor

    def _scratch(self, job: Attempt) -> bytes:
        return b"%s/%d-%d.out" % (self._directory, job.run, job.attempt)

    def _record(self, record: Exit, job: Attempt) -> None:
        """Spool an exit, tell the driver, and hand the lease on."""
        lease = job.lease
        if lease is not None:
            record.lease = lease.id
            queue = self._waiting.get(lease.lane)
            if queue:
                successor = queue.popleft()
                self.waiting_count -= 1
                record.successor = [successor.run, successor.attempt]
                self._ready.append((successor, lease))
        self._tell(record)

    def _tell(self, record: Exit) -> None:
        """Keep an exit until it is acknowledged, and tell the driver."""
        self.last_seq += 1
        record.seq = self.last_seq
        self.exits[record.seq] = record
        message = encode(record.as_message())
        self._spool.exit(message)
        self.outbox.append(message)

    def _drop_waiting(self, is_meant: Callable[[Attempt], bool]) -> None:
        for lane, queue in self._waiting.items():
            for job in filter(is_meant, queue):
                self.say("dropped", job.run, job.attempt, None)
            self._waiting[lane] = deque(job for job in queue if not is_meant(job))
        for job, lease in self._ready:
            if is_meant(job):
                self.say("dropped", job.run, job.attempt, lease.id)
        self._ready = deque(entry for entry in self._ready if not is_meant(entry[0]))
        self.waiting_count = sum(map(len, self._waiting.values()))

    # Endings

    def _end(self, job: Attempt, by: str) -> None:
        """Send TERM, and KILL after the grace period; at once if it is killed or out of memory."""
        if job.ended_by is not None and by not in (BY_KILL, BY_OOM):
            return  # it is being ended already
        job.ended_by = job.ended_by or by
        if by in (BY_KILL, BY_OOM) or self.grace_s <= 0:
            self._kill(job)
            return
        signal_group(job.pid, signal.SIGTERM)
        signal_group(job.pid, signal.SIGCONT)  # a stopped process could not act on TERM
        self._at(time.monotonic() + self.grace_s, self._kill, job)

    def _kill(self, job: Attempt) -> None:
        if job.pid in self.containment.leaders:
            signal_group(job.pid, signal.SIGKILL)

    def _time_out(self, job: Attempt) -> None:
        self._end(job, BY_TIMEOUT)

    def _watch_memory(self, job: Attempt) -> None:
        if memory.is_over(job, self.containment):
            self._end(job, BY_OOM)
        else:
            self._at(time.monotonic() + memory.INTERVAL_S, self._watch_memory, job)

    def _at(self, when: float, act: Any, job: Attempt) -> None:
        self._timer_count += 1
        heapq.heappush(self._timers, (when, self._timer_count, act, job))
        if len(self._timers) > 4 * len(self.living) + 1000:  # mostly time limits of runs that are over
            self._timers = [t for t in self._timers if self.containment.leaders.get(t[3].pid) is t[3]]
            heapq.heapify(self._timers)

    def _fire(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            _, _, act, job = heapq.heappop(self._timers)
            if self.containment.leaders.get(job.pid) is job:
                act(job)

    def _pass_metrics(self, job: Attempt) -> None:
        text, job.metrics_offset = harvest.new_lines(job.directory + b"/metrics.jsonl", job.metrics_offset)
        if text:
            self.say("metric", job.run, job.attempt, text)


def _lease(fields: list[Any], lane: int) -> Lease:
    number, cores, env = fields
    return Lease(number, lane, cores, {to_bytes(k): to_bytes(v) for k, v in env.items()})
