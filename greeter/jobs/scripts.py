"""The Lua scripts in lua/, which Redis runs."""

from pathlib import Path

from redis import Redis
from redis.commands.core import Script

_FOLDER = Path(__file__).with_name("lua")
_PRELUDE = _FOLDER / "prelude.lua"


def load_scripts(redis: Redis) -> dict[str, Script]:
    """Register every script, with the prelude, by the name of its file."""
    prelude = _PRELUDE.read_text()
    paths = (path for path in _FOLDER.glob("*.lua") if path != _PRELUDE)
    return {path.stem: redis.register_script(_join(prelude, path.read_text())) for path in paths}


def _join(prelude: str, script: str) -> str:
    """Put the prelude before a script, but after its flags line, which Redis reads only as the first line."""
    if not script.startswith("#!"):
        return prelude + script
    flags, _, body = script.partition("\n")
    return f"{flags}\n{prelude}{body}"
