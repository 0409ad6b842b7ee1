"""WSGI entry point of the web app: `gunicorn wsgi:app` or `flask run`."""

from greeter import create_app

app = create_app()
