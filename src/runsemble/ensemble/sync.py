"""`multirun` for ordinary code, in scripts and in notebooks."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import signal
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

from runsemble.ensemble.multirun import multirun
from runsemble.runners.interrupts import CURRENT, Interrupts

P = ParamSpec("P")
T = TypeVar("T")


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return an ordinary function that does what a coroutine function does.

    It may be called where an event loop runs already, as in a notebook: then the work is done in a loop of its own,
    in another thread, while the caller waits.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        interrupts = Interrupts()
        context = contextvars.copy_context()
        context.run(CURRENT.set, interrupts)
        main = functools.partial(_obey_interrupts, function, args, kwargs, interrupts)
        in_thread = _has_running_loop()
        value = _run_in_thread(main, context, interrupts) if in_thread else context.run(asyncio.run, main())
        if interrupts.count:
            raise interrupts.as_error()
        return value

    return call


multirun_sync = blocking(multirun)
multirun_sync.__name__ = multirun_sync.__qualname__ = "multirun_sync"
multirun_sync.__doc__ = (multirun.__doc__ or "").replace(
    "Returns:",
    "The first Ctrl-C lets running runs finish and starts no further one, the second ends them, the third kills them.\n"
    "    Then `KeyboardInterrupt` is raised with the runs so far in its attribute ``result``.\n\n    Returns:",
)


async def _obey_interrupts(
    function: Callable[..., Coroutine[Any, Any, T]], args: Any, kwargs: Any, interrupts: Interrupts
) -> T:
    """Await the function; on the main thread, let Ctrl-C reach it."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    interrupts.bind(loop, task)
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    is_ours = is_main and before not in (signal.SIG_IGN, None)  # who ignores it, as `nohup` does, means it
    if is_ours:
        loop.add_signal_handler(signal.SIGINT, interrupts.interrupt)
    try:
        return await function(*args, **kwargs)
    except asyncio.CancelledError:
        if interrupts.count:
            raise interrupts.as_error() from None
        raise
    finally:
        if is_ours:
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, before)


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_in_thread(
    main: Callable[[], Coroutine[Any, Any, T]], context: contextvars.Context, interrupts: Interrupts
) -> T:
    """Run a coroutine in a loop of its own in a new thread; pass Ctrl-C on to it while waiting."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(context.run(asyncio.run, main()))
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=work, name="runsemble")
    thread.start()
    while True:
        try:
            value = future.result()
            break
        except KeyboardInterrupt:
            if future.done():
                raise
            interrupts.interrupt_from_thread()
        except BaseException:
            thread.join()
            raise
    thread.join()
    return value
