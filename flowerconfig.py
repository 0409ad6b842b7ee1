"""Configuration of Flower, which loads this file by its name."""

from greeter.settings_loader import load_settings

_settings = load_settings()

address = _settings.flower_host
port = _settings.flower_port
url_prefix = _settings.flower_url_prefix
basic_auth = [_settings.flower_basic_auth]
read_only = True
max_tasks = 5000  # kept in memory
purge_offline_workers = 300  # seconds
