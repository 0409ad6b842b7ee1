"""The names of queues."""

import re

DEFAULT_QUEUE = "celery"
_PATTERN = re.compile("[a-z0-9_-]+")
# The list of a queue has its name, so it must not be another key: of greeter (jobs/store.py), greeter 0.2.0 or kombu.
RESERVED = {
    *("bytes", "client_key", "clock", "installation", "mails", "queues", "statistics", "tools", "unfit", "write_check"),
    "workers",
    *("unacked", "unacked_index", "unacked_mutex"),
}


def check_queue(name: str) -> None:
    """Raise ValueError if a queue cannot have this name."""
    if not _PATTERN.fullmatch(name) or name in RESERVED:
        raise ValueError(f"The queue cannot be named {name!r}: use a-z, 0-9, _ and -, but no name of another key.")
