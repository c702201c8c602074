"""The event follower: what it counts, and how it survives a broken stream."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.engine import events
from exporter.engine.events import (
    KEEP_REMOVED_SECONDS,
    MOST_CHANGED,
    MOST_REPEATED,
    OVERLAP_NS,
    EventFollower,
    count,
)
from exporter.errors import EngineUnavailableError
from exporter.model import ContainerEvent, EventCounts, Health
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LATE = 10.0
START = ContainerEvent(container_id="a", action="start", name="web", image="nginx", time_ns=2**62)
DIE = replace(START, action="die", time_ns=START.time_ns + 1)
DESTROY = replace(START, action="destroy", time_ns=START.time_ns + 2)


class Stream:
    """A stream that gives what is put into it, and breaks when it is given an error."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[ContainerEvent | EngineUnavailableError | None] = (
            queue.SimpleQueue()
        )
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[ContainerEvent]:
        """Yield what comes."""
        while (event := self.events.get()) is not None:
            if isinstance(event, EngineUnavailableError):
                raise event
            yield event

    def close(self) -> None:
        """End."""
        self.closed.set()
        self.events.put(None)


class Streams:
    """Gives a new stream each time that it is asked, unless it is down."""

    def __init__(self) -> None:
        self.given: list[Stream] = []
        self.since: list[str] = []
        self.down = False

    def open(self, since: str) -> Stream:
        """Open a stream."""
        self.since.append(since)
        if self.down:
            raise EngineUnavailableError("down")
        self.given.append(Stream())
        return self.given[-1]

    def tell(self, *events: ContainerEvent | EngineUnavailableError) -> None:
        """Put events into the newest stream."""
        for event in events:
            self.given[-1].events.put(event)


@pytest.fixture
def streams() -> Streams:
    """Give the engine's side."""
    return Streams()


@pytest.fixture
def clock() -> list[float]:
    """Give a clock that stands still until a test moves it."""
    return [0.0]


@pytest.fixture
def follower(streams: Streams, clock: list[float]) -> Iterator[EventFollower]:
    """Give a follower that is connected, and has told of everything that changed before."""
    follower = EventFollower(streams.open, clock=lambda: clock[0])
    follower.start()
    wait_until(lambda: follower.connected, LATE, "connected")
    follower.take_changed()
    yield follower
    follower.close()


def exits(follower: EventFollower) -> int:
    """Return how often the container has ended."""
    counts = follower.counts_of("web", "nginx")
    assert counts is not None
    return counts.exits


def wait_for(read: Callable[[], object], value: object) -> None:
    """Wait until something has a value."""
    wait_until(read, LATE, f"{value!r}", accept=lambda seen: seen == value)


def tell_all(streams: Streams, follower: EventFollower, *events: ContainerEvent) -> None:
    """Tell of events, and wait until the follower has taken the last."""
    follower.take_changed()
    marker = replace(DIE, container_id="marker", name="marker", time_ns=DIE.time_ns + 2**32)
    streams.tell(*events, replace(marker, action="exec_die"))
    wait_until(lambda: "marker" in (follower.take_changed() or ()), LATE, "the last event")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (START, EventCounts(starts=1)),
        (DIE, EventCounts(exits=1)),
        (replace(START, action="oom"), EventCounts(ooms=1)),
        (
            replace(START, action="health_status", health=Health.UNHEALTHY),
            EventCounts(became_unhealthy=1),
        ),
        (
            replace(START, action="health_status", health=Health.HEALTHY),
            EventCounts(became_healthy=1),
        ),
        (
            replace(START, action="health_status", health=Health.STARTING),
            EventCounts(became_starting=1),
        ),
        (replace(START, action="health_status"), EventCounts()),
        (replace(START, action="exec_die", exit_code=1), EventCounts()),
    ],
)
def test_each_event_counts_once_in_its_place(event: ContainerEvent, expected: EventCounts) -> None:
    """What has no count of its own changes nothing."""
    assert count(EventCounts(), event) == expected


def test_nothing_is_known_before_the_stream_was_up(streams: Streams) -> None:
    """No zero is claimed for a time that nobody has watched."""
    follower = EventFollower(streams.open)
    assert follower.counts_of("web", "nginx") is None
    assert follower.take_changed() is None
    assert not follower.connected


def test_counts_begin_at_zero_and_follow_the_events(
    streams: Streams, follower: EventFollower
) -> None:
    """A container without events has true zeros, one with events its counts."""
    assert follower.counts_of("web", "nginx") == EventCounts()
    streams.tell(START, DIE)
    wait_for(lambda: follower.counts_of("web", "nginx"), EventCounts(starts=1, exits=1))
    assert follower.counts_of("db", "nginx") == EventCounts()


def test_changed_containers_are_told_once(streams: Streams, follower: EventFollower) -> None:
    """Each is named until somebody has asked."""
    streams.tell(START, replace(DIE, container_id="b"))
    wait_for(lambda: exits(follower), 1)
    assert follower.take_changed() == {"a", "b"}
    assert follower.take_changed() == set()


def test_good_health_checks_are_no_change(streams: Streams, follower: EventFollower) -> None:
    """They come all the time; a failed one is worth a look, for its streak."""
    probe = replace(DIE, action="exec_die", exit_code=0)
    failed = replace(probe, container_id="b", exit_code=1, time_ns=DIE.time_ns + 1)
    streams.tell(probe, failed)
    wait_until(lambda: follower.take_changed() == {"b"}, LATE, "the failed one, and no other")


def test_broken_stream_is_taken_up_where_it_ended(
    streams: Streams, follower: EventFollower
) -> None:
    """What the engine tells again is not counted again, and what was missed is."""
    streams.tell(START, DIE, EngineUnavailableError("gone"))
    wait_for(lambda: len(streams.given), 2)
    since = DIE.time_ns - OVERLAP_NS
    assert streams.since[-1] == f"{since // 10**9}.{since % 10**9:09d}"
    missed = replace(DIE, container_id="b", time_ns=DIE.time_ns)
    streams.tell(START, DIE, missed, replace(DIE, time_ns=DIE.time_ns + 5))
    wait_for(lambda: exits(follower), 3)
    assert follower.counts_of("web", "nginx") == EventCounts(starts=1, exits=3)


def test_events_out_of_order_count_too(streams: Streams, follower: EventFollower) -> None:
    """An engine that is busy sends some a little late; a clock may be set back by hours."""
    earlier = replace(START, time_ns=DIE.time_ns - 500_000)
    long_ago = replace(START, time_ns=DIE.time_ns - 3600 * 10**9)
    tell_all(streams, follower, DIE, earlier, long_ago)
    assert follower.counts_of("web", "nginx") == EventCounts(starts=2, exits=1)


def test_event_that_was_not_sent_before_the_stream_broke_counts(
    streams: Streams, follower: EventFollower
) -> None:
    """Though a later one was."""
    streams.tell(DIE, EngineUnavailableError("gone"))
    wait_for(lambda: len(streams.given), 2)
    tell_all(streams, follower, replace(START, time_ns=DIE.time_ns - OVERLAP_NS + 1), DIE)
    assert follower.counts_of("web", "nginx") == EventCounts(starts=1, exits=1)


def test_stream_that_breaks_early_begins_where_the_first_began(
    streams: Streams, follower: EventFollower
) -> None:
    """What happened before the exporter started counts for nobody."""
    streams.tell(replace(START, time_ns=1), EngineUnavailableError("gone"))
    wait_for(lambda: len(streams.given), 2)
    assert streams.since[1] == streams.since[0]
    assert follower.counts_of("web", "nginx") == EventCounts(starts=1)


def test_as_many_events_are_remembered_as_an_engine_repeats(
    streams: Streams, follower: EventFollower
) -> None:
    """Not one is counted twice, however many come at once."""
    burst = [replace(DIE, time_ns=DIE.time_ns + number) for number in range(MOST_REPEATED)]
    streams.tell(START, *burst, EngineUnavailableError("gone"))
    wait_for(lambda: len(streams.given), 2)
    tell_all(streams, follower, *burst)
    assert exits(follower) == MOST_REPEATED


def test_anything_may_have_changed_after_the_stream_was_down(
    streams: Streams, follower: EventFollower
) -> None:
    """Once it is up again, the first who asks is told so, the second not."""
    streams.tell(EngineUnavailableError("gone"))
    wait_for(lambda: len(streams.given), 2)
    wait_until(lambda: follower.connected, LATE, "connected")
    assert follower.take_changed() is None
    assert follower.take_changed() == set()


def test_anything_may_have_changed_while_the_stream_is_down(
    streams: Streams, follower: EventFollower
) -> None:
    """Whoever asks is told so, however often."""
    streams.down = True
    streams.tell(EngineUnavailableError("gone"))
    wait_until(lambda: not follower.connected, LATE, "not connected")
    for _ in range(2):
        assert follower.take_changed() is None


def test_too_many_that_changed_are_all(streams: Streams, follower: EventFollower) -> None:
    """Where nobody scrapes, their names do not fill the memory."""
    for number in range(MOST_CHANGED):
        streams.tell(replace(START, container_id=f"{number}"))
    streams.tell(DIE)
    wait_for(lambda: exits(follower), 1)
    assert follower.take_changed() is None
    assert follower.take_changed() == set()


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a broken stream be taken up again only when somebody has seen the engine."""
    for wait in ("FIRST_WAIT", "LONGEST_WAIT"):
        monkeypatch.setattr(events, wait, 10 * LATE)


@pytest.mark.usefixtures("_patient")
def test_engine_that_was_seen_is_tried_once(streams: Streams) -> None:
    """Not again and again, from then on."""
    streams.down = True
    follower = EventFollower(streams.open)
    follower.start()
    for tries in range(1, 5):
        wait_for(lambda: len(streams.since), tries)
        follower.reconnect_now()
    follower.close()


@pytest.mark.usefixtures("_patient")
def test_each_time_that_the_stream_is_down_is_told_once(
    streams: Streams, caplog: pytest.LogCaptureFixture
) -> None:
    """However long it lasts."""

    def told() -> int:
        return len([one for one in caplog.records if one.message == "event stream is down"])

    caplog.set_level(logging.INFO)
    streams.down = True
    follower = EventFollower(streams.open)
    follower.start()
    for tries in range(1, 4):
        wait_for(lambda: len(streams.since), tries)
        follower.reconnect_now()
    wait_for(lambda: len(streams.since), 4)
    assert told() == 1
    streams.down = False
    follower.reconnect_now()
    wait_until(lambda: follower.connected, LATE, "connected")
    streams.tell(EngineUnavailableError("gone"))
    wait_for(told, 2)
    follower.close()


def test_stream_that_opens_when_nobody_follows_any_more_is_closed() -> None:
    """Closing does not wait for an engine that takes long to open it."""
    stream = Stream()

    def close_then_open(_since: str) -> Stream:
        ending.close()
        return stream

    ending = EventFollower(close_then_open)
    ending.start()
    assert stream.closed.wait(LATE)


def test_engine_that_was_seen_again_is_followed_at_once(streams: Streams) -> None:
    """However long the wait between two tries has grown, a scrape that succeeded ends it."""
    streams.down = True
    follower = EventFollower(streams.open)
    follower.start()
    wait_until(lambda: len(streams.since) >= 2, LATE, "two tries")
    streams.down = False
    follower.reconnect_now()
    wait_until(lambda: follower.connected, LATE, "connected")
    follower.close()


def test_container_that_is_gone_is_told_of_for_a_while(
    streams: Streams, follower: EventFollower, clock: list[float]
) -> None:
    """Its last events can still be scraped; later it is forgotten, and starts at zero again."""
    tell_all(streams, follower, START, DIE, DESTROY)
    assert follower.removed(["a"], []) == ()
    assert follower.removed([], [("web", "nginx")]) == ()
    clock[0] = KEEP_REMOVED_SECONDS
    (gone,) = follower.removed([], [])
    assert (gone.id, gone.name, gone.image) == ("a", "web", "nginx")
    assert gone.events == EventCounts(starts=1, exits=1)
    clock[0] += 1
    assert follower.removed([], []) == ()
    assert follower.counts_of("web", "nginx") == EventCounts()


def test_counts_go_on_when_a_container_is_recreated(
    streams: Streams, follower: EventFollower, clock: list[float]
) -> None:
    """The new container of the same name and image inherits what the old one has counted."""
    later = replace(START, container_id="b", time_ns=START.time_ns + 10)
    streams.tell(START, DIE, DESTROY, later)
    wait_for(lambda: follower.counts_of("web", "nginx"), EventCounts(starts=2, exits=1))
    clock[0] = 10 * KEEP_REMOVED_SECONDS
    assert follower.removed(["b"], [("web", "nginx")]) == ()
    assert exits(follower) == 1


def test_where_nobody_scrapes_what_is_long_gone_is_dropped(
    streams: Streams, follower: EventFollower, clock: list[float]
) -> None:
    """A machine that runs jobs under ever new names does not fill the memory."""
    tell_all(streams, follower, START, DESTROY)
    clock[0] = KEEP_REMOVED_SECONDS + 1
    later = DESTROY.time_ns + 2**33
    streams.tell(replace(DESTROY, container_id="b", name="job-2", time_ns=later))
    wait_for(lambda: follower.counts_of("web", "nginx"), EventCounts())
