"""Refusals of what a prompt asks of a model. Pure."""

from __future__ import annotations

from bot.errors import PromptError
from bot.prompt.grammar import Prompt
from engine import Sentence


def refused(prompt: Prompt, flag: str, sentence: Sentence, *, holding: str = "") -> PromptError:
    """A refusal that marks the parameter, the one that holds this text where there are several.

    Nothing is marked where the parameter was not typed in this prompt.
    """
    for segment in prompt.segments:
        if segment.name == flag and holding in segment.text:
            token, start = segment.text, segment.start
            break
    else:
        token, start = "", 0
    return PromptError(sentence, token=token, start=start, command=prompt.source)
