"""The entry point of Flower, which needs no tools: `celery --app greeter.monitor flower`."""

from greeter.jobs.celery_app import CeleryApp
from greeter.logs import configure
from greeter.settings_loader import load_settings

settings = load_settings()
configure(settings.production)
app = CeleryApp(settings)
