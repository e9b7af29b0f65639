"""Whether what was drawn before may be posted again, for all in a channel to see."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from bot.jobs import seen
from bot.moderation.moderation import Asking
from bot.ui.replies import is_age_restricted, parent_of

if TYPE_CHECKING:
    import discord

    from bot.jobs.records import JobRow
    from bot.ui.client import Darkroom
    from bot.ui.copies import Copy


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Repost:
    """Somebody asks for it."""

    row: JobRow
    guild_id: int
    """0 in direct messages, which only the member reads: there nothing is refused."""
    channel_id: int
    channel: object
    """As far as it is known."""
    user_id: int
    locale: str
    """Of who asks."""

    @classmethod
    def of(cls, interaction: discord.Interaction, row: JobRow, locale: str) -> Repost:
        return cls(
            row=row,
            guild_id=interaction.guild_id or 0,
            channel_id=interaction.channel_id or 0,
            channel=interaction.channel,
            user_id=interaction.user.id,
            locale=locale,
        )

    async def check(self, client: Darkroom) -> bool:
        """Refuse as an order of the same words is refused here: the picture may be of another
        server, or of before a rule. Returns whether it is shown covered.

        A UserError is no strike: nobody typed anything.
        """
        if not self.guild_id:
            return False
        asking = Asking(
            guild_id=self.guild_id,
            channel_id=self.channel_id,
            parent_channel_id=parent_of(self.channel),
            age_restricted=is_age_restricted(self.channel),
            user_id=self.user_id,
            locale=self.locale,
            own_words=False,
            words_of=self.row.user_id,
        )
        claimed = json.loads(self.row.resolved).get("claimed", "")
        texts = self.row.prompt, claimed, seen.found(self.row)
        [passed] = await client.moderation.check(asking, [texts], ordered=False)
        return passed.spoiler


def covered(copy: Copy, *, also: bool) -> Copy:
    """also: whether its pictures are hidden until somebody clicks, even if they were not before."""
    return dataclasses.replace(copy, covered=copy.covered or also)
