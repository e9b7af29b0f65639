"""/model: which models may draw in a server, and which does where a prompt names none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

import engine
from bot.errors import NotAllowed, NotFound
from bot.preferences import DEFAULT_MODEL, DENIED_MODELS, denied_models
from bot.ui import line_pages
from bot.ui.commands.completion import CHOICES
from bot.ui.commands.managing import managed_guild, set_for_server
from bot.ui.line_pages import Listed
from bot.ui.replies import tell
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

MODELS = "models"
_QUOTED_CHARACTERS = 80


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Model(app_commands.Group, name="model", description=Sentence("The models of this server.")):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(
        description=Sentence("Choose the model for prompts that name none with --v.")
    )
    @app_commands.describe(name=Sentence("Which model; without it the bot's own choice."))
    async def default(
        self, interaction: discord.Interaction[Darkroom], name: str | None = None
    ) -> None:
        client, guild_id = interaction.client, managed_guild(interaction)
        model = None if name is None else _named(client, name)
        if model is not None:
            denied = denied_models(await client.preferences.of(guild_id))
            if model.name in denied:
                raise NotAllowed(
                    Sentence(
                        "{model} is not allowed here; /model allow changes that.", model=model.title
                    )
                )
        await set_for_server(interaction, {DEFAULT_MODEL: name or ""}, f"name: {name or ''}")
        if model is None:
            said = Sentence("Prompts that name no model are drawn on the bot's own choice again.")
        else:
            said = Sentence(
                "Prompts that name no model are now drawn on {model}.", model=model.title
            )
        await tell(interaction, said)

    @app_commands.command(
        name="list", description=Sentence("The models here, and which of them may draw.")
    )
    async def list_(self, interaction: discord.Interaction[Darkroom]) -> None:
        await line_pages.show(interaction, MODELS)

    @app_commands.command(description=Sentence("Let a model draw in this server again."))
    @app_commands.describe(name=Sentence("Which model."))
    async def allow(self, interaction: discord.Interaction[Darkroom], name: str) -> None:
        client, guild_id = interaction.client, managed_guild(interaction)
        model = _named(client, name)
        denied = denied_models(await client.preferences.of(guild_id)) - {model.name}
        values = {DENIED_MODELS: ",".join(sorted(denied))}
        await set_for_server(interaction, values, f"name: {model.name}")
        said = Sentence("{model} may draw here.", model=model.title)
        await tell(interaction, said)

    @app_commands.command(
        description=Sentence("Let a model draw nothing new in this server, not by buttons either.")
    )
    @app_commands.describe(name=Sentence("Which model."))
    async def deny(self, interaction: discord.Interaction[Darkroom], name: str) -> None:
        client, guild_id = interaction.client, managed_guild(interaction)
        model = _named(client, name)
        set_ = await client.preferences.of(guild_id)
        denied = denied_models(set_) | {model.name}
        if all(each.name in denied for each in _installed(client) if "text" in each.operations):
            raise NotAllowed("This is the last model that may draw here; allow another one first.")
        values = {DENIED_MODELS: ",".join(sorted(denied))}
        if set_.get(DEFAULT_MODEL) == model.name:
            values[DEFAULT_MODEL] = ""
        await set_for_server(interaction, values, f"name: {model.name}")
        said = Sentence("{model} draws nothing new here now.", model=model.title)
        await tell(interaction, said)

    @allow.autocomplete("name")
    @deny.autocomplete("name")
    @default.autocomplete("name")
    async def _names(
        self, interaction: discord.Interaction[Darkroom], typed: str
    ) -> list[app_commands.Choice[str]]:
        found = [
            app_commands.Choice(name=model.title, value=model.name)
            for model in _installed(interaction.client)
            if typed.casefold() in f"{model.title} {model.name}".casefold()
        ]
        return found[:CHOICES]


def _installed(client: Darkroom) -> list[engine.ModelInfo]:
    return [model for model in client.engine_client.models() if model.installed]


def _named(client: Darkroom, name: str) -> engine.ModelInfo:
    """The installed model of this name; NotFound if there is none."""
    installed = {model.name: model for model in _installed(client)}
    if name not in installed:
        raise NotFound(
            Sentence(
                "There is no model {name} here. Choose one of: {models}.",
                name=name[:_QUOTED_CHARACTERS],
                models=", ".join(installed),
            )
        )
    return installed[name]


async def listed(interaction: discord.Interaction[Any], _: str) -> Listed:
    """All models of the catalogue, for who manages the server."""
    guild_id = managed_guild(interaction)
    set_ = await interaction.client.preferences.of(guild_id)
    denied, default = denied_models(set_), set_.get(DEFAULT_MODEL, "")
    return Listed(
        title=Sentence("Models"),
        lines=[
            _line(model, denied=model.name in denied, default=model.name == default)
            for model in interaction.client.engine_client.models()
        ],
        empty=Sentence("No model is installed."),
    )


def _line(model: engine.ModelInfo, *, denied: bool, default: bool) -> Sentence:
    about = {
        "title": model.title,
        "name": f"`{model.name}`",
        "price": f"×{model.price_factor:g}",
        "licence": model.licence or "–",
    }
    if not model.installed:
        return Sentence("▫️ {title} ({name}): not installed, {licence}", **about)
    if denied:
        return Sentence("⛔ {title} ({name}): not allowed here, {licence}, price {price}", **about)
    if default:
        return Sentence("⭐ {title} ({name}): the default here, {licence}, price {price}", **about)
    return Sentence("✅ {title} ({name}): {licence}, price {price}", **about)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Model())
