"""In a language whose every sentence stands in brackets, no word stands outside of them."""

import gettext
import re

import discord
import pytest
import simcord.interactions
from tests_support import custom_ids, labels

import bot.locale.translation

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
TEXTS = {"content", "title", "description", "name", "value", "label", "placeholder", "text"}
OURS = re.compile(r"Darkroom|[Dd]oodle|MIT|[A-Z]\d|(?<=· )\w+")
"""Names that are the same in every language: bot, model, licence, U1 and V1, the device's."""
TYPED = re.compile(
    r"`[^`]*`|\*\*.*?\*\*|<[@#]\d+>|^(/imagine|cat|\d+\.) [^\n⟧]*|https?://[^\s)]+", re.MULTILINE
)
"""What members typed, and mentions."""
INNERMOST = re.compile(r"⟦[^⟦⟧]*⟧")


class Bracketed(gettext.NullTranslations):
    def gettext(self, message):
        return f"⟦{message}⟧"

    def ngettext(self, msgid1, msgid2, n):
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


@pytest.fixture(autouse=True)
def bracketed(monkeypatch):
    monkeypatch.setattr(bot.locale.translation, "LANGUAGES", {"ja": Bracketed()})
    original = simcord.interactions.base_payload

    def base_payload(*args, **kwargs):
        record, payload = original(*args, **kwargs)
        return record, payload | {"locale": "ja", "guild_locale": "ja"}

    monkeypatch.setattr(simcord.interactions, "base_payload", base_payload)


def english(text):
    """What words of a text are not in brackets."""
    text = TYPED.sub("", text)
    while INNERMOST.search(text):
        text = INNERMOST.sub("", text)
    return re.findall(r"[A-Za-z]{2,}", OURS.sub("", text))


def shown(payload):
    """Each text that the bot sent in a message or an answer."""
    match payload:
        case dict():
            for key, value in payload.items():
                if key in TEXTS and isinstance(value, str):
                    yield value
                elif key not in ("attachments", "emoji"):
                    yield from shown(value)
        case list():
            for item in payload:
                yield from shown(item)


def left_english(env):
    told = [
        text
        for request in env.http_requests
        if "/commands" not in request.path
        for text in shown(request.json)
    ]
    assert any("⟦" in text for text in told)
    return {text: words for text in told if (words := english(text))}


async def press(env, member, channel, label):
    message = next(m for m in reversed(channel.history()) if label in labels(m))
    await member.click(message, custom_id=custom_ids(message)[labels(message).index(label)])
    await env.settle()


async def test_the_ways_of_a_picture(simcord_env, channel, alice, bob, fake_engine):
    async def imagine(prompt, member=alice):
        await member.slash(channel, "imagine", prompt=prompt)
        await simcord_env.settle()

    await imagine("cat --chaos 20 --video --stylize 20 --lora")
    await imagine("cat --chaos 20 --video --profile x --ar 3:2")
    grid = channel.last_message
    await alice.context_menu(channel, "Job details", grid)
    await alice.context_menu(channel, "DM Results", grid)
    await press(simcord_env, alice, channel, "❤️")
    await alice.slash(channel, "show", job="favourites")
    await alice.slash(channel, "show")
    await imagine("cat --stealth")
    await press(simcord_env, alice, channel, "U2")
    await press(simcord_env, alice, channel, "🔄")
    await press(simcord_env, alice, channel, "⟦Vary (Subtle)⟧")
    await imagine("cat --ar 0:1")
    await imagine("cat --v 99")
    await imagine("cat ::nan")
    await imagine("cat --chas 2")
    await imagine("{red, blue} cat")
    fake_engine.pause()
    await imagine("cat at sea")
    await imagine("cat at night", bob)
    waiting = next(m for m in channel.history() if "cat at sea" in m.content)
    await bob.context_menu(channel, "Cancel Job", waiting)
    await alice.context_menu(channel, "Cancel Job", waiting)
    await simcord_env.settle()
    fake_engine.fail_next("The lamp broke.")
    fake_engine.resume()
    await simcord_env.settle()
    assert left_english(simcord_env) == {}


async def test_what_members_and_managers_ask(simcord_env, simcord_bot, channel, guild, alice):
    role = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    manager = guild.add_member(simcord_env.create_user("manager"), roles=[role])
    for name in ("info", "help", "settings", "fast", "turbo", "stealth", "public", "invite"):
        await alice.slash(channel, name)
    for name in ("remix", "auto_dm", "variability", "suffix", "option list"):
        await alice.slash(channel, f"prefer {name}")
    await alice.slash(channel, "show", job="favourites")
    await alice.slash(channel, "show", job="none")
    await manager.slash(channel, "credits grant", member=alice, amount=1.0)
    await manager.slash(channel, "credits grant", member=alice, amount=99999.0)
    await manager.slash(channel, "credits allot", amount=1.0)
    await manager.slash(channel, "model default", name="doodle")
    await manager.slash(channel, "model default")
    await manager.slash(channel, "server buttons", who="owners")
    await manager.slash(channel, "server language", language="discord")
    await alice.slash(channel, "vary", image=3)
    await simcord_env.settle()
    assert left_english(simcord_env) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("**a cat** - <@1> (⟦Waiting to start, ⟦2⟧ before it⟧)", []),
        ("⟦A note about ⟦one⟧ thing⟧ and more", ["and", "more"]),
        ("cat --ar 0:1", []),
    ],
)
def test_words_outside_of_brackets_are_found(text, words):
    assert english(text) == words
