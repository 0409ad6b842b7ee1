"""The types of JSON values."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

JSON: TypeAlias = "Mapping[str, JSON] | Sequence[JSON] | str | float | bool | None"
JSONObject: TypeAlias = dict[str, JSON]
