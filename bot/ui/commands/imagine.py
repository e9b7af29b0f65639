"""/imagine

A LoRA and a style may also be given as options of their own, which suggest their names. The prompt
itself suggests none: Discord would show a list beside every word that is typed, puts a choice in
place of the whole text, and allows it a hundred characters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import discord
from discord import app_commands

import engine
from bot.errors import UserError
from bot.ui.commands.completion import CHOICE_CHARACTERS, CHOICES
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.command(description=Sentence("Draw four pictures from your words."))
@app_commands.describe(
    prompt=Sentence("What to draw. Parameters such as --ar 3:2 come last."),
    lora=Sentence("A LoRA of the model, as after --lora; with a weight such as NAME:0.8."),
    style=Sentence("A named style of the model, as after --style."),
    model=Sentence("Which model draws it, as after --v."),
    sampler=Sentence("The sampler, as after --sampler."),
    own=Sentence("A parameter of your own, see /prefer option."),
)
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def imagine(
    interaction: discord.Interaction[Darkroom],
    prompt: str,
    lora: str | None = None,
    style: str | None = None,
    model: str | None = None,
    sampler: str | None = None,
    own: str | None = None,
) -> None:
    text = prompt
    if own:
        text += f" --{own.strip().lstrip('-')}"
    if model:
        text += f" --v {model}"
    if sampler:
        text += f" --sampler {sampler}"
    if lora:
        text += f" --lora {lora}"
    if style:
        text += f" --style {style}"
    await interaction.client.interactions.imagine(interaction, text)


@imagine.autocomplete("lora")
async def loras(
    interaction: discord.Interaction[Darkroom], typed: str
) -> list[app_commands.Choice[str]]:
    models = await _models(interaction)
    return _choices(typed, (name for model in models for name in model.loras))


@imagine.autocomplete("style")
async def styles(
    interaction: discord.Interaction[Darkroom], typed: str
) -> list[app_commands.Choice[str]]:
    models = await _models(interaction)
    return _choices(typed, (preset.name for model in models for preset in model.styles))


@imagine.autocomplete("model")
async def models(
    interaction: discord.Interaction[Darkroom], typed: str
) -> list[app_commands.Choice[str]]:
    known = interaction.client.engine_client.models()
    named = (
        model.aliases[0] if model.aliases else model.name for model in known if model.installed
    )
    return _choices(typed, named)


@imagine.autocomplete("sampler")
async def samplers(
    interaction: discord.Interaction[Darkroom], typed: str
) -> list[app_commands.Choice[str]]:
    found = await _models(interaction)
    return _choices(typed, (name for model in found for name in model.schedulers))


@imagine.autocomplete("own")
async def macros(
    interaction: discord.Interaction[Darkroom], typed: str
) -> list[app_commands.Choice[str]]:
    set_ = await interaction.client.preferences.member(interaction.user.id)
    return _choices(typed.lstrip("-"), set_.macros)


async def _models(interaction: discord.Interaction[Darkroom]) -> list[engine.ModelInfo]:
    """The model that draws what is typed so far; all of them where that cannot be read."""
    client = interaction.client
    try:
        return [await client.interactions.model_of(interaction, str(interaction.namespace.prompt))]
    except UserError:
        return [model for model in client.engine_client.models() if model.installed]


def _choices(typed: str, names: Iterable[str]) -> list[app_commands.Choice[str]]:
    found = [
        app_commands.Choice(name=name, value=name)
        for name in dict.fromkeys(names)
        if typed.casefold() in name.casefold() and len(name) <= CHOICE_CHARACTERS
    ]
    return found[:CHOICES]


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(imagine)
