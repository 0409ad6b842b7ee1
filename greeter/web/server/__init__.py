"""What greeter adds to gunicorn.

- gunicorn_worker is the class of its workers, gunicorn_threads its threads, gunicorn_client a connection,
  gunicorn_response a response. gunicorn_polls answers polls together.
- malformed answers what cannot be read as a request.
"""
