"""The slash commands, one file a group. Thin: read the options, order or look up, reply."""

from __future__ import annotations

from discord import app_commands

from bot.ui.commands import (
    audit_,
    blend,
    channel,
    config_,
    credits_,
    describe,
    help_,
    imagine,
    info,
    invite,
    member,
    message_menus,
    model,
    morph,
    plan,
    prefer,
    price,
    privacy,
    purse,
    queue_,
    quota,
    rules_,
    server,
    settings,
    shorten,
    show,
    stats,
    upscale,
    vary,
    verify,
    words_,
)

GROUPS = (
    imagine,
    vary,
    blend,
    describe,
    shorten,
    upscale,
    morph,
    verify,
    show,
    info,
    message_menus,
    purse,
    price,
    credits_,
    plan,
    quota,
    settings,
    prefer,
    model,
    queue_,
    stats,
    server,
    audit_,
    words_,
    member,
    channel,
    rules_,
    privacy,
    config_,
    help_,
    invite,
)


def add_all(tree: app_commands.CommandTree) -> None:
    """Put every command on the tree."""
    for group in GROUPS:
        group.add(tree)
