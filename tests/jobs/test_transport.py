"""The broker's transport, when its connection breaks."""

import signal
import socket
from contextlib import suppress
from typing import Any

import pytest
from kombu import Consumer, Queue
from redis import ResponseError

from tests.conftest import PATIENCE, Installation


@pytest.mark.slow
def test_a_connection_closes_after_redis_was_killed(
    own_installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    """As Celery closes it: an error that is not one of the connection would end the worker."""
    site = own_installation
    site.start("redis")
    connection = site.celery.connection_for_read()
    received: list[str] = []
    channels: list[Any] = [connection.default_channel, connection.channel()]
    for channel, queue in zip(channels, ("first", "second"), strict=True):
        connection.SimpleQueue(queue).put(queue)
        Consumer(channel, [Queue(queue)], callbacks=[lambda body, message: received.append(body)]).consume()
        while queue not in received:  # none is acknowledged
            connection.drain_events(timeout=PATIENCE)
    assert not site.redis.exists("unacked")  # kombu would write each message there
    with suppress(socket.timeout):
        connection.drain_events(timeout=0.3)  # leaves a request for the next message behind
    site.signal("redis", signal.SIGKILL)
    with suppress(Exception):
        connection.collect(socket_timeout=1)
    connection.close()
    for channel in channels:  # or kombu would do it when Python ends
        channel.close()
    assert caplog.text.count("a message was not put back into the queue: ") == 2


@pytest.mark.redis
def test_an_error_of_redis_is_passed_on_from_a_channel_that_it_closed(with_redis: Installation) -> None:
    """Celery knows the error and connects again; any other one would end the worker."""
    with with_redis.celery.connection_for_read() as connection:
        channel: Any = connection.channel()

        def read() -> None:
            channel.close()
            with_redis.redis.execute_command("NO SUCH COMMAND")

        with pytest.raises(ResponseError):
            channel._drop_malformed(read)
        assert channel.connection is None


@pytest.mark.redis
def test_each_queue_is_one_list(with_redis: Installation) -> None:
    """A worker waits for messages in every list; kombu would use four for the priorities of a queue."""
    with with_redis.celery.connection_for_write() as connection:
        for priority in (0, 9):
            connection.Producer().publish({}, routing_key="a_queue", priority=priority)
    assert with_redis.redis.llen("a_queue") == 2
