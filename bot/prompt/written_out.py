"""A member's text with their own parameters and suffix written out: it says all by itself. Pure.

What a job keeps as its prompt is this, so that buttons, other members and later days read in it
what it meant when it was ordered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bot.prompt.characters import escaped, plain
from bot.prompt.flags import BY_NAME
from bot.prompt.grammar import Prompt, check_length, parse
from bot.prompt.macros import put_in

NO_MACROS: Mapping[str, str] = MappingProxyType({})


def written_out(
    text: str,
    *,
    beside: int = 0,
    macros: Mapping[str, str] = NO_MACROS,
    suffixes: Sequence[str] = (),
) -> str:
    """The text as `parse` reads it with no macros and no suffix; PromptError as `parse`.

    suffixes: parameters that act where the text, and the suffixes before it, say nothing else.
    """
    source = plain(text).strip()
    parse(source, beside=beside, macros=macros, suffix=suffixes[0] if suffixes else "")
    written = put_in(source, macros).text.strip()
    for suffix in suffixes:
        prompt = parse(written, beside=beside, suffix=suffix)
        typed = {segment.name for segment in prompt.segments}
        added = [
            escaped(BY_NAME[name].write(getattr(prompt.parameters, name)))
            for name in prompt.parameters.given
            if name not in typed
        ]
        written = " ".join((written, *added))
        check_length(written, command=source)
    return written


def rewritten(prompt: Prompt, written: Mapping[str, str]) -> str:
    """The prompt's source with the parameters of these names written in another way, or left out.

    written: by their long names; empty: left out.
    """
    pieces, at = [], 0
    for segment in prompt.segments:
        if segment.name in written:
            pieces += [prompt.source[at : segment.start].rstrip(), written[segment.name]]
            at = segment.start + len(segment.text)
    pieces.append(prompt.source[at:].strip())
    return " ".join(filter(None, pieces))
