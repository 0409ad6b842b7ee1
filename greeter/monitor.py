"""The app of Flower, which needs no tools: `python -m greeter.celery_command --app greeter.monitor flower`."""

from greeter.jobs.worker.celery_app import CeleryApp
from greeter.logs import configure
from greeter.settings_loader import load_settings

settings = load_settings()
configure(settings.production)
app = CeleryApp(settings)
