"""Connections to Redis for the commands that are sent all the time."""

import os
import socket
import struct
from collections import deque
from typing import Any

from redis import ConnectionError as Disconnected
from redis import ResponseError
from redis import TimeoutError as TimedOut
from redis.connection import Connection, ConnectionPool
from redis.typing import EncodableT


class Connections:
    """Connections that are kept, instead of being given back to redis-py's pool after each command.

    This halves the CPU time of a command: the pool takes a lock and checks each connection, and a client adds
    measurements and retries. Without the lock and the check, a thread also waits less for Python's global lock.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._idle: deque[Connection] = deque()  # its methods are atomic

    def call(self, *command: EncodableT) -> Any:
        """Send a command, once more if Redis had closed the connection, and return the reply.

        Raises:
            redis.RedisError: Redis is unavailable, or has refused the command.
        """
        connection = self._take()
        try:
            try:
                return _ask(connection, command)
            except Disconnected:
                return _ask(connection, command)
        finally:
            self._idle.append(connection)

    def _take(self) -> Connection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._pool.get_connection()
            if connection.pid == os.getpid() and self._pool.owns_connection(connection):
                return connection
            self._pool.release(connection)  # opened before a fork, or to the primary before a failover


def _ask(connection: Connection, command: tuple[EncodableT, ...]) -> object:
    try:
        connection.connect()  # unless it is connected; only this asks the sentinels
        _let_the_kernel_wait(connection._sock)
        connection.send_command(*command)
        return connection.read_response()
    except ResponseError:
        raise
    except BaseException as error:  # including exceptions raised by signal handlers
        connection.disconnect()  # otherwise the late reply would be read as the reply to the next command
        if isinstance(error, Disconnected) and isinstance(error.__context__, BlockingIOError):
            raise TimedOut("Redis does not answer in time") from error
        raise


def _let_the_kernel_wait(found: socket.socket | None) -> None:
    """Have the kernel enforce the timeout of a socket.

    Python would wait in a separate call before each send or read, and release its global lock in both calls.
    """
    # Python's TLS sockets do not handle the error that the kernel returns at a timeout.
    if type(found) is socket.socket and (seconds := found.gettimeout()):
        timeval = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            found.setsockopt(socket.SOL_SOCKET, option, timeval)
        found.settimeout(None)
