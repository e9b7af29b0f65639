"""A small bot that uses what the real one uses: unmodified discord.py, with other addresses."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
from typing import Any

import discord
import discord.gateway
import yarl
from discord import app_commands
from PIL import Image

COLOURS = ("#b3261e", "#1e6fb3", "#2f9e44", "#e0a526")


def picture(side: int, name: str, *, count: int = 4) -> discord.File:
    """A 2×2 grid of flat colours (count 4) or one of them."""
    grid = Image.new("RGB", (side, side))
    half = side // 2
    for index in range(count):
        box = (half * (index % 2), half * (index // 2))
        grid.paste(Image.new("RGB", (half, half), COLOURS[index]), box)
    data = io.BytesIO()
    grid.save(data, "PNG")
    data.seek(0)
    return discord.File(data, name)


class JobButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"job:(?P<job>\d+):(?P<act>[uvr])(?::(?P<index>\d))?",
):
    """A button keyed by its job: it works after any restart."""

    def __init__(self, job: int, act: str, index: int | None = None) -> None:
        emoji = "🔄" if act == "r" else None
        label = None if act == "r" else f"{act.upper()}{index}"
        custom_id = f"job:{job}:{act}" + (f":{index}" if index else "")
        row = 1 if act == "v" else 0
        super().__init__(discord.ui.Button(label=label, emoji=emoji, custom_id=custom_id, row=row))
        self.job, self.act, self.index = job, act, index

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: Any, match: re.Match[str]
    ) -> JobButton:
        index = int(match["index"]) if match["index"] else None
        return cls(int(match["job"]), match["act"], index)

    async def callback(self, interaction: discord.Interaction) -> None:
        if self.act == "u":
            await interaction.response.defer()
            name = f"{self.job}-{self.index}.png"
            await interaction.followup.send(
                f"**job {self.job}** - Image #{self.index} {interaction.user.mention}",
                file=picture(64, name, count=1),
            )
        elif self.act == "r":
            await interaction.response.send_modal(Remix())
        else:
            await draw(interaction, f"variation {self.index} of {self.job}")


class Sizes(discord.ui.View):
    """A menu of one choice and a menu of several."""

    @discord.ui.select(
        placeholder="A size",
        options=[discord.SelectOption(label=label) for label in ("small", "large")],
    )
    async def size(self, interaction: discord.Interaction, menu: discord.ui.Select[Any]) -> None:
        await interaction.response.send_message(f"size {menu.values}", ephemeral=True)

    @discord.ui.select(cls=discord.ui.UserSelect, placeholder="Who", max_values=2)
    async def who(self, interaction: discord.Interaction, menu: discord.ui.UserSelect[Any]) -> None:
        names = sorted(user.display_name for user in menu.values)
        await interaction.response.send_message(f"who {names}", ephemeral=True)


class Remix(discord.ui.Modal, title="Remix"):
    prompt: discord.ui.TextInput[Any] = discord.ui.TextInput(
        label="Prompt", style=discord.TextStyle.paragraph, default="a red cat"
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await draw(interaction, self.prompt.value)


class Paint(discord.ui.Modal, title="Paint"):
    """A form of every kind that the real bot opens: words, a text, a menu, a file."""

    note: discord.ui.TextDisplay[Any] = discord.ui.TextDisplay("Scribble over the **picture**.")
    words: discord.ui.Label[Any] = discord.ui.Label(
        text="Words",
        description="what is to stand there",
        component=discord.ui.TextInput(required=False, default="a hat"),
    )
    place: discord.ui.Label[Any] = discord.ui.Label(
        text="Place",
        component=discord.ui.Select(
            required=False, options=[discord.SelectOption(label=x) for x in ("left", "right")]
        ),
    )
    painted: discord.ui.Label[Any] = discord.ui.Label(
        text="Painted over", component=discord.ui.FileUpload(required=False, max_values=2)
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        painted = self.painted.component.values
        sizes = [(len(await file.read()), file.width) for file in painted]
        said = f"{self.words.component.value} {self.place.component.values} {sizes}"
        await interaction.response.send_message(f"Painted: {said}", ephemeral=True)


def buttons(job: int) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for act, indices in (("u", (1, 2, 3, 4)), ("r", (None,)), ("v", (1, 2, 3, 4))):
        for index in indices:
            view.add_item(JobButton(job, act, index))
    return view


async def draw(interaction: discord.Interaction, prompt: str) -> None:
    """Answer, develop on the channel's message by the bot's own token, post the grid."""
    who = interaction.user.mention
    await interaction.response.send_message(f"**{prompt}** - {who} (Waiting to start)")
    first = await interaction.original_response()
    message = await interaction.client.get_partial_messageable(
        interaction.channel_id, guild_id=interaction.guild_id
    ).fetch_message(first.id)
    for percent in (33, 66):
        await message.edit(
            content=f"**{prompt}** - {who} ({percent}%) (fast)",
            attachments=[picture(16, "developing.png")],
        )
    job = interaction.id % 10**6
    await message.channel.send(
        f"**{prompt}** - {who} (fast)",
        file=picture(128, "grid.png"),
        view=buttons(job),
        nonce=str(job),
    )
    await message.delete()


class Bot(discord.AutoShardedClient):
    def __init__(self) -> None:
        intents = discord.Intents.none()
        intents.guilds = intents.guild_reactions = intents.dm_reactions = True
        super().__init__(intents=intents, guild_ready_timeout=0.1)
        self.tree = app_commands.CommandTree(self)
        self.tree.error(self.failed)
        for command in (imagine, blend, info, whisper, slow, look, paint, sizes):
            self.tree.add_command(command)
        self.tree.add_command(credits_group)

    async def failed(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError
    ) -> None:
        await interaction.response.send_message(f"Sorry: {error}", ephemeral=True)

    async def setup_hook(self) -> None:
        self.add_dynamic_items(JobButton)
        await self.tree.sync()

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        if str(event.emoji) == "✉️":
            user = await self.fetch_user(event.user_id)
            await user.send("Here are your pictures.", file=picture(64, "one.png", count=1))
        if str(event.emoji) == "❌":
            channel = self.get_partial_messageable(event.channel_id, guild_id=event.guild_id)
            await channel.get_partial_message(event.message_id).delete()


@app_commands.command(description="Draw four pictures")
@app_commands.describe(prompt="what to draw")
async def imagine(interaction: discord.Interaction, prompt: str) -> None:
    if not prompt.strip():
        await interaction.response.send_message("Say what to draw.", ephemeral=True)
        return
    await draw(interaction, prompt)


@app_commands.command(description="Mix two to five pictures")
@app_commands.choices(
    dimensions=[app_commands.Choice(name=n, value=n) for n in ("portrait", "square")]
)
async def blend(
    interaction: discord.Interaction,
    image1: discord.Attachment,
    image2: discord.Attachment,
    dimensions: str = "square",
) -> None:
    await interaction.response.defer()
    sizes = [len(await image.read()) for image in (image1, image2)]
    await interaction.followup.send(
        f"blend {sizes} {image1.width}x{image1.height} {dimensions}",
        file=picture(128, "blend.png"),
    )


@app_commands.command(description="What you have left")
async def info(interaction: discord.Interaction) -> None:
    embed = discord.Embed(title="Darkroom", description=f"Locale {interaction.locale}")
    embed.add_field(name="Limit", value=str(interaction.filesize_limit))
    embed.set_thumbnail(url="attachment://logo.png")
    await interaction.response.send_message(
        embed=embed, file=picture(16, "logo.png"), ephemeral=True
    )


@app_commands.command(description="Suggests as you type")
async def whisper(interaction: discord.Interaction, style: str) -> None:
    view = discord.ui.View(timeout=None).add_item(JobButton(1, "v", 1))
    await interaction.response.send_message(f"You chose {style}.", view=view, ephemeral=True)


@whisper.autocomplete("style")
async def _styles(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
    return [
        app_commands.Choice(name=style.title(), value=style)
        for style in ("oil", "ink", "pastel")
        if style.startswith(current)
    ]


@app_commands.command(description="Never answers")
async def slow(interaction: discord.Interaction) -> None:
    """Leaves the member waiting."""


@app_commands.command(description="Opens a form")
async def paint(interaction: discord.Interaction) -> None:
    await interaction.response.send_modal(Paint())


@app_commands.command(description="Two menus")
async def sizes(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("Choose", view=Sizes())


@app_commands.context_menu(name="Look again")
async def look(interaction: discord.Interaction, message: discord.Message) -> None:
    text = f"{len(message.attachments)} file(s), by {message.author.display_name}"
    await interaction.response.send_message(text, ephemeral=True)


credits_group = app_commands.Group(
    name="credits",
    description="Credits",
    default_permissions=discord.Permissions(manage_guild=True),
)


@credits_group.command(description="Give credits")
async def grant(
    interaction: discord.Interaction,
    member: discord.Member,
    amount: app_commands.Range[int, 1, 1000],
) -> None:
    await interaction.response.send_message(f"{member.display_name} got {amount}.")


async def main() -> None:
    """Run until SIGTERM."""
    discord.http.Route.BASE = os.environ["DISCORD_API_URL"]
    gateway = yarl.URL(os.environ["DISCORD_GATEWAY_URL"])
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    async with Bot() as bot:
        running = asyncio.create_task(bot.start(os.environ["DISCORD_TOKEN"]))
        leaving = asyncio.create_task(asked.wait())
        await asyncio.wait({running, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        await bot.close()
        await running


if __name__ == "__main__":
    discord.utils.setup_logging()
    asyncio.run(main())
