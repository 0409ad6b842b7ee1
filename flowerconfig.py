"""Configuration of Flower, which loads this file by its name."""

import gc
import sys

from tornado.netutil import bind_sockets

from greeter.settings_loader import load_settings

_settings = load_settings()

address = _settings.flower_host
port = _settings.flower_port
url_prefix = _settings.flower_url_prefix
basic_auth = [_settings.flower_basic_auth]
read_only = True
max_tasks = 500  # kept in memory, with 5 kB each
purge_offline_workers = 300  # seconds

# A task that is no longer kept refers to itself, so only the garbage collector frees it: by default, after 2,000 more.
# What is loaded already is left out, so that more collections take little time.
gc.freeze()
gc.collect()  # or Python would wait until there is a quarter as much as is loaded
gc.set_threshold(700, 2, 1)

try:
    for _socket in bind_sockets(port, address):
        _socket.close()
except OSError as error:  # Flower would print a traceback
    _advice = "Stop what uses it, or change FLOWER_HOST or FLOWER_PORT."
    sys.exit(f"Flower cannot listen on {address}, port {port}: {error.strerror}. {_advice}")
