"""Which model draws a prompt, and what becomes of Midjourney's own version numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import engine
from bot.errors import NotFound
from bot.prompt.characters import shortened
from bot.prompt.grammar import Prompt
from bot.prompt.refusing import refused
from engine import Sentence

_MIDJOURNEYS = re.compile(r"\d{1,2}(\.\d{1,2})?")
"""A version as Midjourney counts its own models."""


def choose_model(
    prompt: Prompt, models: Sequence[engine.ModelInfo], *, default: str = ""
) -> engine.ModelInfo:
    """The model that `--niji` or `--v` asks for; else `default`; else the largest installed one.

    A version of Midjourney's that no installed model is called by asks for nothing; see
    `is_passed_over`. default: a name or alias; one that is unknown or not installed is passed over.
    Of models of one size the first stands. PromptError where the prompt asks for a model that is
    not there, NotFound where none is installed.
    """
    models = [model for model in models if "text" in model.operations]
    installed = [model for model in models if model.installed]
    for wanted in _wanted(prompt):
        if found := named(wanted, installed):
            return found
    _check_version(prompt, models)
    if not installed:
        raise NotFound(
            Sentence("No model is installed here yet; ask this bot's operator for one."),
            command=prompt.source,
        )
    return named(default, installed) or max(installed, key=lambda model: model.weight_bytes)


def is_passed_over(flag: str, prompt: Prompt, model: engine.ModelInfo) -> bool:
    """Whether the `version` or `niji` of the prompt was given and is none of the model's names."""
    if getattr(prompt.parameters, flag) is None:
        return False
    wanted = _niji(prompt) if flag == "niji" else [prompt.parameters.version or ""]
    return not any(named(name, [model]) for name in wanted)


def named(name: str, models: Sequence[engine.ModelInfo]) -> engine.ModelInfo | None:
    """The model of this name or alias, in any case."""
    for model in models:
        if name.casefold() in (known.casefold() for known in (model.name, *model.aliases)):
            return model
    return None


def _wanted(prompt: Prompt) -> list[str]:
    """Names of models, the one to be taken first."""
    version = prompt.parameters.version
    return _niji(prompt) + ([] if version is None else [version])


def _niji(prompt: Prompt) -> list[str]:
    """The number of Midjourney's niji, then whatever is called niji here."""
    number = prompt.parameters.niji
    if number is None:
        return []
    return [f"niji {number}", "niji"] if number else ["niji"]


def _check_version(prompt: Prompt, models: Sequence[engine.ModelInfo]) -> None:
    """PromptError where what was asked for is neither here nor one of Midjourney's versions."""
    asked = prompt.parameters
    for flag, value in (("niji", asked.niji), ("version", asked.version)):
        if value is None or not value or _MIDJOURNEYS.fullmatch(value):
            continue
        wanted = f"niji {value}" if flag == "niji" else value
        model = named(wanted, models)
        if model is not None:
            sentence = Sentence(
                "{title} is in the catalogue but not on this machine; ask this bot's operator for "
                "it, or choose another model.",
                title=model.title,
            )
        else:
            offers = ", ".join(
                f"--v {next(iter(model.aliases), model.name)}"
                for model in models
                if model.installed
            )
            sentence = Sentence(
                "There is no model “{wanted}” here. Choose one of: {offers}.",
                wanted=shortened(wanted),
                offers=offers,
            )
        raise refused(prompt, flag, sentence)
