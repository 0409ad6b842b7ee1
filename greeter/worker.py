"""The worker's entry, and Flower's: `celery -A greeter.worker worker`. Nothing imports it."""

import os

from greeter import tools
from greeter.core.queue import Queue
from greeter.settings import Settings

app = Queue(Settings.from_env(os.environ), tools.load().values())

# A worker waits for messages in calls of one second, and has nobody who waits for its answer.
app.conf.broker_transport_options |= {"socket_timeout": 10, "socket_connect_timeout": 3, "socket_keepalive": True}
