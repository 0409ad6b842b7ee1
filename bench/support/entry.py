"""The entry point of a worker with the empty tool."""

from bench.support.stack import TOOLS
from greeter import tools

tools.__path__.append(TOOLS)

from greeter.worker import app  # noqa: E402, F401 (importing it loads the tools)
