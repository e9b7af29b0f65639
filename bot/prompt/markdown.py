"""Members' words inside Discord's Markdown, and words of others inside a prompt. Pure."""

from __future__ import annotations

import re

from bot.prompt.characters import escaped, one_line, plain
from bot.prompt.links import LINK

_MARKUP = re.compile(r"([\\*_~|`\[\]])")
_LINK_BEGINS = re.compile(r"<h(?:$|t(?:$|t(?:$|p)))|<$", re.IGNORECASE)
_LINE_BEGINS = re.compile(r"^(?=[#>-])")
_GRAMMAR = re.compile(r"[-‐‑−]{2,}|[‒–—―﹘⸺⸻]+|[:：﹕∶]+")
"""What words that nobody typed must not have: dashes that begin a parameter, weights, links."""


def harmless(words: str) -> str:
    """No Markdown in it acts, and its links are links that show no preview."""
    pieces = LINK.split(words)
    pieces[::2] = [_MARKUP.sub(r"\\\1", piece) for piece in pieces[::2]]
    pieces[1::2] = [f"<{link}>" for link in pieces[1::2]]
    return "".join(pieces)


def harmless_line(words: str, most_characters: int) -> str:
    """The same for a line of its own, which must not begin a heading, a list or a quotation."""
    shown = _LINE_BEGINS.sub(r"\\", harmless(words))
    if len(shown) <= most_characters:
        return shown
    shown = shown[: most_characters - 1].rstrip("\\")
    cut = shown.rfind("<")
    if cut > shown.rfind(">") and _LINK_BEGINS.match(shown, cut):
        shown = shown[:cut]  # half a link would show a preview, and lead elsewhere
    return shown + "…"


def as_words(text: str) -> str:
    """A text that a model wrote, as a prompt of words alone, whatever is in it."""
    return escaped(one_line(_GRAMMAR.sub(" ", plain(text))))
