"""The event bus: running never waits for whoever listens."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable

from runsemble.model.events import Event

_log = logging.getLogger("runsemble")


class Subscription:
    """A subscriber's own queue of events; iterate it to take them out.

    The iteration ends when the subscription is closed and everything was taken.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self._is_closed = False

    def __len__(self) -> int:
        """Count the events that wait to be taken."""
        return len(self._events)

    def put(self, event: Event) -> None:
        """Append an event; never blocks."""
        self._events.append(event)
        if not self._news.is_set():
            self._news.set()

    def take(self) -> list[Event]:
        """Take out everything that waits."""
        taken = list(self._events)
        self._events.clear()
        self._news.clear()
        return taken

    def close(self) -> None:
        """Let the iteration end once everything was taken."""
        self._is_closed = True
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events as they come."""
        while True:
            for event in self.take():
                yield event
            if self._is_closed and not self._events:
                return
            await self._news.wait()


class EventBus:
    """Passes every event to every subscriber, in order, and then to the bus above, if there is one."""

    def __init__(self, above: EventBus | None = None) -> None:
        self._above = above
        self._subscriptions: list[Subscription] = []
        self._listeners: dict[type[Event] | None, list[Callable[[Event], None]]] = {None: []}
        self._calls: dict[type[Event], tuple[Callable[[Event], None], ...]] = {}  #: by kind, once it was published

    @property
    def lag(self) -> int:
        """How many events the slowest subscriber has yet to take."""
        return max(map(len, self._subscriptions), default=0)

    def publish(self, event: Event) -> None:
        """Hand an event to everybody; what a listener raises is logged, and the listener is not called again."""
        for subscription in self._subscriptions:
            subscription.put(event)
        calls = self._calls.get(type(event))
        if calls is None:
            calls = self._calls[type(event)] = (*self._listeners.get(type(event), ()), *self._listeners[None])
        for listener in calls:
            try:
                listener(event)
            except Exception:
                _log.exception("a subscriber to runsemble's events raised; it gets no further events")
                self.ignore(listener)
        if self._above is not None:
            self._above.publish(event)

    def subscribe(self) -> Subscription:
        """Return a new queue that receives every event from now on."""
        subscription = Subscription()
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Close a queue; it receives nothing more."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        subscription.close()

    def listen(self, listener: Callable[[Event], None], *kinds: type[Event]) -> None:
        """Call `listener` with every event from now on, or those of some kinds.

        It is called within the publishing call: it must be quick.
        """
        for kind in kinds or (None,):
            self._listeners.setdefault(kind, []).append(listener)
        self._calls.clear()

    def ignore(self, listener: Callable[[Event], None]) -> None:
        """Stop calling `listener`."""
        for listeners in self._listeners.values():
            if listener in listeners:
                listeners.remove(listener)
        self._calls.clear()

    def end_subscriptions(self) -> None:
        """Let the iteration of every subscription end."""
        for subscription in list(self._subscriptions):
            self.unsubscribe(subscription)
