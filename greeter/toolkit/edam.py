"""Terms of EDAM, the ontology of bioinformatics (https://edamontology.org), that say what a tool does."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TERM = re.compile("(operation|topic)_[0-9]{4}")


def check_edam(terms: object) -> None:
    """Check the EDAM terms of a tool when it is loaded.

    Args:
        terms: What should be a dict of the labels of operations and topics.

    Raises:
        TypeError: It is something else.
        ValueError: A name is not that of an operation or a topic.
    """
    example = '{"operation_0346": "Sequence similarity search"}'
    if not isinstance(terms, Mapping) or not all(isinstance(label, str) for label in terms.values()):
        raise TypeError(f"The EDAM terms cannot be {terms!r}. Write a dict with the label of each: {example}.")
    for term in terms:
        if not isinstance(term, str) or not _TERM.fullmatch(term):
            problem = f"{term!r} is not an EDAM term for a tool."
            raise ValueError(f"{problem} Write operations and topics with their numbers: {example}.")
