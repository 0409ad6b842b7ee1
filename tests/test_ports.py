"""The ports of the servers that the tests start."""

from itertools import islice

from tests.conftest import _GUARDS, _own_ports, free_port


def test_no_two_processes_get_the_same_port() -> None:
    """Even if a port is used long after it was chosen. None is one that the system gives to a client."""
    free_port()
    ranges = [set(islice(ports, 1000)) for ports in (_own_ports(), _own_ports.__wrapped__(), _own_ports.__wrapped__())]
    assert [len(ports) for ports in ranges] == [499] * 3
    assert len(set.union(*ranges)) == 3 * 499
    assert max(set.union(*ranges)) < 32_768
    for _ in range(2):
        _GUARDS.pop().close()
