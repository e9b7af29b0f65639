"""/audit: what who manages the server did with Darkroom, for who manages it."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.credits import statement
from bot.errors import NotFound
from bot.storage import audit
from bot.ui import audit_posts, line_pages, statements
from bot.ui.commands.managing import managed_guild
from bot.ui.line_pages import Listed
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

AUDIT = "audit"
"""The name of the list."""
COMMANDS = (
    "credits",
    "plan",
    "quota",
    "model",
    "queue",
    "server",
    "words",
    "member",
    "channel",
    "rules",
    "config",
    "appeal",
)
"""The first words of what is written down; an appeal is decided by a button."""
_SHOWN, _IN_FILE = 1000, 50_000
_IDS = 2**63
"""Discord's are below, and a database has room for no other."""
_SCOPE = re.compile(r"(?P<command>[a-z]*)(?P<actor_id>\d*)")


@app_commands.command(
    name="audit", description=Sentence("What managers of this server did with Darkroom.")
)
@app_commands.describe(
    member=Sentence("Only what this member did."),
    command=Sentence("Only what was done with this command."),
    file=Sentence("As a CSV file, with more of the older ones."),
)
@app_commands.choices(command=[app_commands.Choice(name=each, value=each) for each in COMMANDS])
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
async def audit_(
    interaction: discord.Interaction[Darkroom],
    member: discord.User | None = None,
    command: str = "",
    file: bool = False,  # noqa: FBT001, FBT002 - a command's option
) -> None:
    scope = f"{command}{member.id if member else ''}"
    if file:
        lines = await _read(interaction, scope, _IN_FILE)
        await statements.send_csv(interaction, "audit", _csv(lines))
        return
    await line_pages.show(interaction, AUDIT, scope)


async def listed(interaction: discord.Interaction[Any], scope: str) -> Listed:
    """The newest first. scope: a command and a member's id, each or both left out."""
    lines = await _read(interaction, scope, _SHOWN)
    return Listed(
        title=Sentence("What managers did"),
        lines=[
            f"<t:{line.created_ms // 1000}:f> {audit_posts.said(line.action)}" for line in lines
        ],
        empty=Sentence("Nothing of this is written down."),
    )


async def _read(
    interaction: discord.Interaction[Any], scope: str, count: int
) -> tuple[audit.Line, ...]:
    """Lines of the server in which the member is, who manages it: a button names no other."""
    guild_id, asked = managed_guild(interaction), _SCOPE.fullmatch(scope)
    if asked is None or int(asked["actor_id"] or 0) >= _IDS:
        raise NotFound("This button is not one of Darkroom's; send the command again.")
    async with interaction.client.database.read() as connection:
        return await audit.of_guild(
            connection,
            guild_id,
            command=asked["command"],
            actor_id=int(asked["actor_id"]) if asked["actor_id"] else None,
            count=count,
        )


def _csv(lines: tuple[audit.Line, ...]) -> bytes:
    """Oldest first."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(("time_utc", "by", "command", "subject", "detail"))
    for line in reversed(lines):
        at = datetime.fromtimestamp(line.created_ms / 1000, UTC).isoformat(timespec="seconds")
        action = line.action
        texts = (statement.cell(each) for each in (action.subject, action.detail))
        writer.writerow((at, action.actor_id, action.name, *texts))
    return written.getvalue().encode(errors="replace")


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(audit_)
