"""Flower's settings; it reads this file by itself."""

from greeter.settings import Settings

_settings = Settings.load()

address = "127.0.0.1"
port = _settings.flower_port
basic_auth = [_settings.flower_basic_auth]
read_only = True
max_tasks = 5000  # in memory
purge_offline_workers = 300
