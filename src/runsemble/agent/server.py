"""The agent's loop: who is connected, what comes in, what goes out, when to end."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
import sys
import time

from . import place, proc
from .contain import become_subreaper
from .frames import BrokenStream, Unpacker, encode, join, pack
from .later import shutil
from .protocol import READY, RUN_FIELDS, TAKEN, VERSION
from .recover import end_remains
from .spool import Spool, replay
from .work import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .attempt import Attempt
    from .forking import Calls

#: Messages wait this long for company, in seconds, unless the driver has nothing else to do.
BATCH_S = 0.01
BATCH_COUNT = 128
#: A pause from which on, in seconds, the agent comes to rest; runs that follow one another leave none.
REST_S = 0.001
#: An agent that no driver ever talked to ends after this many seconds.
LONELY_S = 60.0
#: Likewise, once the process that had started it is gone.
BEREFT_S = 5.0
#: Seconds between two tries to write what must not be forgotten to a full disk.
UNWRITTEN_S = 0.5
#: Seconds between two touches of the spool, which keep cleaners of old files off it.
TOUCH_S = 3600.0


def serve(directory: str, spool: str = "", calls_module: str = "") -> int:
    """Be the agent that lives in `directory` until there is nothing left to keep; return the exit status.

    Args:
        directory: Its private directory, which exists.
        spool: Its spool; empty: in the directory.
        calls_module: Name of the module that loads and runs Python calls; empty: start programs only.
    """
    place.check(directory)
    _detach(directory)
    if not _claim(directory):
        return TAKEN
    calls = None
    if calls_module:
        from .forking import Calls

        calls = Calls(calls_module)
    server = Server(directory, spool or place.spool_path(directory), calls)
    server.listen()
    try:
        os.write(1, (READY + "\n").encode())
    except OSError:  # who started this agent is gone already
        server.be_bereft()
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
    server.run()  # if this raises, the spool stays, for a successor
    server.close()
    return 0


def _claim(directory: str) -> bool:
    """Have the directory to ourselves as long as this process lives; False if another agent lives there."""
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(fd), os.stat(directory))  # it could have been removed before we had it
    except (BlockingIOError, FileNotFoundError):
        return False


def _detach(directory: str) -> None:
    """Be deaf to the terminal and to hang-ups, keep no foreign descriptor, log into the own directory."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    os.closerange(3, max(map(int, os.listdir("/proc/self/fd"))) + 1)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    log = os.open(place.log_path(directory), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    os.close(log)


class Connection:
    """One stream to a driver, or to somebody who has yet to say that it is one."""

    def __init__(self, stream: socket.socket) -> None:
        stream.setblocking(False)
        self.stream = stream
        self.unpacker = Unpacker()
        self.epoch = -1  #: from its hello
        self._unsent = b""

    def send(self, data: bytes) -> bool:
        """Send what the other side takes now, keep the rest; False if it is gone."""
        self._unsent += data
        try:
            while self._unsent:
                self._unsent = self._unsent[self.stream.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    @property
    def has_unsent(self) -> bool:
        """Tell whether the other side is slow."""
        return bool(self._unsent)


class Server:
    """An agent with its sockets, its spool and its work."""

    def __init__(self, directory: str, spool_path: str, calls: Calls | None = None) -> None:
        self._directory = directory
        self._spool_path = spool_path
        self._runs_calls = calls is not None
        self._boot = proc.boot_id()
        remains = replay(spool_path)
        lost = end_remains(remains, os.path.basename(directory))
        self._epoch = remains.epoch
        self._spool = Spool(spool_path, remains.epoch, self._boot)
        for record in lost:
            self._spool.exit(encode(record.as_message()))
        self._spool.flush()
        self._work = Work(directory, self._spool, remains.last_seq, [*remains.exits.values(), *lost], calls)
        self._poll = select.poll()
        self._connections: dict[int, Connection] = {}
        self._driver: Connection | None = None
        self._orphans = "kill"
        self._keeps: list[str] = []  #: where exits that nobody has acknowledged are left
        self._linger_s = 0.0
        self._alone_since = time.monotonic()
        self._waits_for_driver = LONELY_S
        self._outbox_since = 0.0
        self._touched_at = time.monotonic()
        self._parent = os.getppid()
        self._is_ending = False
        self._is_asked_to_end = False
        self._is_subreaper = become_subreaper()

    def listen(self) -> None:
        """Open the sockets and the wake-up for ended children."""
        for path in (place.socket_path(self._directory), place.bell_path(self._directory)):
            if os.path.exists(path):
                os.unlink(path)  # of an agent that was killed
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(place.socket_path(self._directory))
        self._listener.listen(16)
        self._listener.setblocking(False)
        os.mkfifo(place.bell_path(self._directory), 0o600)
        self._bell = os.open(place.bell_path(self._directory), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake, wake_write = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._ask_to_end)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for readable in (self._listener, self._bell, self._wake):
            self._poll.register(readable, select.POLLIN)

    def be_bereft(self) -> None:
        """Wait less long for a driver: the one that started this agent is gone."""
        self._waits_for_driver = BEREFT_S

    def run(self) -> None:
        """Serve until there is nothing left to keep."""
        while not self._is_over():
            self._wait()
            if self._is_asked_to_end:
                self._is_asked_to_end = False
                self._finish("stop")
            self._work.advance()
            self._deliver()
            self._tidy_spool()

    def close(self) -> None:
        """Close everything; remove the directory unless it keeps an exit that nobody has acknowledged."""
        for connection in list(self._connections.values()):
            connection.stream.close()
        self._listener.close()
        os.close(self._bell)
        self._work.close()
        self._spool.close()
        paths = [os.path.join(self._directory, name) for name in os.listdir(self._directory)]
        if self._work.exits and not self._leave_spool():
            paths = [path for path in paths if path != self._spool_path]
        elif self._spool_path not in paths:
            paths.append(self._spool_path)
        for path in paths:
            try:
                os.unlink(path)
            except OSError:
                pass
        try:
            os.rmdir(self._directory)
        except OSError:  # the spool is in it, for the next driver
            pass

    def _leave_spool(self) -> bool:
        """Leave the spool where the next driver looks for it; False if it must stay where it is."""
        for directory in self._keeps:
            target = place.left_spool_path(directory, self._directory)
            if target == self._spool_path:
                return False
            try:
                shutil.copyfile(self._spool_path, target)
            except OSError:
                return False
        return True

    # Waiting

    def _wait(self) -> None:
        timeout_s = self._timeout_s()
        if timeout_s > REST_S and not self._work.outbox:
            self._work.rest()
        for fd, event in self._poll.poll(timeout_s * 1000 + 0.5):
            if fd == self._wake:
                os.read(fd, 4096)  # should there be more in it, it can be read again
            elif fd == self._listener.fileno():
                self._accept()
            elif fd == self._bell:
                self._answer_bell()
            elif fd in self._connections:
                self._serve_connection(self._connections[fd], event)

    def _timeout_s(self) -> float:
        due = [t for t in (self._work.next_timer_s(),) if t is not None]
        if self._work.outbox and self._driver is not None:
            due.append(max(0.0, self._outbox_since + BATCH_S - time.monotonic()))
        if self._driver is None:
            if not self._is_ending:
                due.append(max(0.0, self._alone_since + self._waits_for_driver - time.monotonic()))
            due.append(UNWRITTEN_S if self._is_ending and self._work.is_idle else BEREFT_S)
        return min([*due, TOUCH_S])

    def _is_over(self) -> bool:
        if self._driver is None and not self._is_ending:
            if os.getppid() != self._parent and self._waits_for_driver == LONELY_S:
                self.be_bereft()
            if time.monotonic() < self._alone_since + self._waits_for_driver:
                return False
            self._finish("stop" if self._orphans == "kill" else "finish")
        is_done = self._is_ending and self._work.is_idle and not (self._driver and self._driver.has_unsent)
        return is_done and not self._has_unwritten()

    def _has_unwritten(self) -> bool:
        """Tell whether this process alone knows of exits: the disk is full, and nobody has acknowledged them."""
        return bool(self._keeps) and bool(self._work.exits) and not self._spool.flush()

    def _ask_to_end(self, *_: Any) -> None:
        self._is_asked_to_end = True

    def _finish(self, how: str) -> None:
        """End when nothing lives any more; unless `how` is "finish", see to it that nothing does."""
        self._is_ending = True
        if how == "finish":
            self._work.drop_waiting()
        else:
            self._work.end_all(how)

    # Connections

    def _accept(self) -> None:
        try:
            stream, _ = self._listener.accept()
        except OSError:
            return
        credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        if struct.unpack("3i", credentials)[1] not in (os.getuid(), 0):
            stream.close()
            return
        connection = Connection(stream)
        self._connections[stream.fileno()] = connection
        self._poll.register(stream, select.POLLIN)

    def _serve_connection(self, connection: Connection, event: int) -> None:
        if event & select.POLLOUT:
            if not connection.send(b""):
                self._drop(connection)
                return
            self._watch_output(connection)
        if not event & ~select.POLLOUT:
            return
        try:
            data = connection.stream.recv(1 << 20)
            messages = connection.unpacker.feed(data) if data else None
        except BlockingIOError:
            return
        except (OSError, BrokenStream):
            messages = None
        if messages is None:
            self._drop(connection)
            return
        for message in messages:
            self._obey(connection, message)

    def _drop(self, connection: Connection) -> None:
        fd = connection.stream.fileno()
        self._poll.unregister(fd)
        del self._connections[fd]
        connection.stream.close()
        if connection is self._driver:
            self._driver = None
            self._alone_since = time.monotonic()
            self._waits_for_driver = self._linger_s
            self._work.drop_waiting()  # nothing new starts without a driver
            self._work.outbox.clear()  # it will be told everything anew

    def _obey(self, connection: Connection, message: Any) -> None:
        """Act on one message; whatever goes wrong with it must not end the agent, for its runs would be lost."""
        try:
            if message[0] == "hello":
                self._greet(connection, message[1])
            elif connection is self._driver:
                self._act(message)
        except Exception as error:
            sys.excepthook(*sys.exc_info())  # into the log
            problem = "the agent could not act on a message: " + repr(error)
            self._work.say("note", problem)
            if type(message) is list and message[:1] == ["run"] and len(message) == RUN_FIELDS:
                self._work.refuse(message, problem)

    def _act(self, message: list[Any]) -> None:
        kind = message[0]
        if kind == "run":
            self._work.add_run(message)
        elif kind == "ack":
            self._work.acknowledge(message[1])
        elif kind == "plan":
            self._work.add_plan(message[1], message[2])
        elif kind == "lend":
            self._work.lend(message[1], message[2], message[3])
        elif kind == "cancel":
            self._work.cancel(message[1], message[2], message[3])
        elif kind == "drop":
            self._work.drop_waiting()
        elif kind == "keep":
            self._keeps = list(message[1])
        elif kind == "bye":
            self._finish(message[1])

    def _greet(self, connection: Connection, hello: dict[str, Any]) -> None:
        """Take a driver as the one to obey, if it is not older than one we have seen."""
        version, epoch = hello["version"], int(hello["epoch"])
        orphans, linger_s, grace_s = str(hello["orphans"]), float(hello["linger_s"]), float(hello["grace_s"])
        leaves_survivors = hello["survivors"] == "leave"
        reason = ""
        if version != VERSION:
            reason = "the agent speaks version " + str(VERSION) + " of the protocol"
        elif epoch < self._epoch:
            reason = "another driver has taken over"
        if reason:
            connection.send(pack([["refused", reason, self._epoch]]))
            self._drop(connection)
            return
        if self._driver is not None and self._driver is not connection:
            old, self._driver = self._driver, connection
            old.send(pack([["refused", "another driver has taken over", epoch]]))
            self._drop(old)
        self._driver = connection
        self._is_ending = False
        self._orphans, self._linger_s, self._keeps = orphans, linger_s, list(hello["keeps"])
        self._work.grace_s = grace_s
        self._work.containment.leave_survivors = leaves_survivors
        self._work.drop_waiting()  # it will send anew what it wants
        if epoch > self._epoch:
            self._epoch = epoch
            self._spool.mark_epoch(self._epoch, self._boot)
        self._work.outbox.clear()
        self._welcome()

    def _welcome(self) -> None:
        work = self._work
        live = [[job.run, job.attempt, job.step, job.pid, job.started, *_lease_of(job)] for job in work.living.values()]
        facts = {
            "version": VERSION,
            "epoch": self._epoch,
            "pid": os.getpid(),
            "boot": self._boot,
            "host": socket.gethostname(),
            "python": list(sys.version_info[:3]),
            "subreaper": self._is_subreaper,
            "calls": self._runs_calls,
            "live": live,
        }
        self._work.say("welcome", facts)
        for seq in sorted(work.exits):
            self._work.say(*work.exits[seq].as_message())
        self._work.say("current")

    def _answer_bell(self) -> None:
        for key in set(os.read(self._bell, 65536).decode("ascii", "replace").split()):
            self._work.ring(key)

    # Output

    def _deliver(self) -> None:
        """Send what has been gathered, now or a little later in company."""
        outbox = self._work.outbox
        if not outbox:
            return
        if self._driver is None:
            self._spool.flush()  # the next driver will be told
            outbox.clear()
            return
        now = time.monotonic()
        if not self._outbox_since:
            self._outbox_since = now
        is_hungry = not self._work.waiting_count  # the driver has to send more before anything can start
        if is_hungry or len(outbox) >= BATCH_COUNT or now - self._outbox_since >= BATCH_S:
            self._spool.flush()
            data = join(outbox)
            outbox.clear()
            self._outbox_since = 0.0
            if not self._driver.send(data):
                self._drop(self._driver)
                return
            if self._driver.has_unsent:
                self._watch_output(self._driver)

    def _watch_output(self, connection: Connection) -> None:
        self._poll.modify(connection.stream, select.POLLIN | (select.POLLOUT if connection.has_unsent else 0))

    def _tidy_spool(self) -> None:
        now = time.monotonic()
        if now - self._touched_at > TOUCH_S:
            self._touched_at = now
            os.utime(self._spool_path)
        if self._spool.is_long and self._work.is_idle and not self._work.exits:
            self._spool.empty(self._work.last_seq, self._epoch, self._boot)


def _lease_of(job: Attempt) -> list[Any]:
    """Return the id of the lease that a run holds, and what it was told of the grant."""
    if job.lease is None:
        return [None, {}]
    return [job.lease.id, {name.decode(): value.decode("utf-8", "replace") for name, value in job.lease.env.items()}]
