"""Links of pictures in a text, as Discord writes them. Pure."""

from __future__ import annotations

import re

LINK = re.compile(r"<?(https?://[^\s<>]+)>?", re.IGNORECASE)
"""A link in a text; group 1 is the link without the < > that hide its preview."""
MASKED = re.compile(
    r"\[[^\[\]\n]*\]\(\s*"
    r"(?:<(https?://[^\s<>]+)>|(https?://(?:[^\s<>()]|\([^\s<>()]*\))+))"
    r"(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?\s*\)",
    re.IGNORECASE,
)
"""A link behind words, `[words](link)` or `[words](<link> "title")`; its last group is the link."""


def unmasked(text: str) -> str:
    """The text with links alone: no words before them, no < > around them."""
    bare = MASKED.sub(lambda match: match[match.lastindex or 0], text)
    return re.sub(r"<(https?://[^\s<>]+)>", r"\1", bare, flags=re.IGNORECASE)
