"""The installations that the tests start."""

import pytest

from tests import conftest
from tests.conftest import Installation, wait_for

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
def sleep_long():
    time.sleep(3600)
sleep_long()
"""


def test_a_process_that_does_not_stop_fails_the_test(
    own_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says where it hung."""
    monkeypatch.setattr(own_installation, "command", lambda name: ["python", "-c", STUBBORN])
    own_installation.launch("stubborn")
    wait_for(lambda: "ready" in own_installation.log.read_text())
    monkeypatch.setattr(conftest, "PATIENCE", 0.1)
    with pytest.raises(pytest.fail.Exception, match=r"(?s)stubborn\..*in sleep_long"):
        own_installation.stop()
