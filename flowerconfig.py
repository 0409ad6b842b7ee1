"""Flower's settings; it reads this file by itself."""

from greeter.settings import Settings

_settings = Settings.load()

address = _settings.flower_host
port = _settings.flower_port
url_prefix = _settings.flower_url_prefix
basic_auth = [_settings.flower_basic_auth]
read_only = True
max_tasks = 5000  # in memory
purge_offline_workers = 300
