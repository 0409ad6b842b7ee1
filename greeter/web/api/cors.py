"""Cross-origin reading: the pages of other sites that CORS_ORIGINS names may read the API, but change nothing."""

from flask import Response, request

from greeter.web.api.operations import bp
from greeter.web.services import services

_EXPOSED = "ETag, Retry-After"


@bp.after_app_request  # also for addresses that the API does not have
def _allow_reading(response: Response) -> Response:
    origins = services().settings.cors_origins
    if not origins or not request.path.startswith("/api/") or request.method not in ("GET", "HEAD", "OPTIONS"):
        return response
    response.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if "*" in origins or origin in origins:
        response.headers["Access-Control-Allow-Origin"] = "*" if "*" in origins else origin
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET"
            response.headers["Access-Control-Allow-Headers"] = "If-None-Match"
    return response
