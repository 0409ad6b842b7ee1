"""Django with celery-progress, as its documentation sets it up: a view that returns the progress as JSON."""

import os

import django
from celery import Celery
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import include, path

url = os.environ["REDIS_URL"]
celery = Celery("django_progress", broker=url, backend=url)
celery.set_default()
settings.configure(
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["celery_progress"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="-",  # nosec B106
    USE_I18N=False,
)
django.setup()
urlpatterns = [path("celery-progress/", include("celery_progress.urls"))]
app = WSGIHandler()
