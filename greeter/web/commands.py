"""The commands of `flask`, to which several modules add theirs. Each runs with the application as its context."""

from flask import Blueprint

bp = Blueprint("commands", __name__, cli_group=None)
