"""The forms that buttons open (modals), and what a member filled in.

discord.py keeps a form in memory until it is sent, so one that was opened before a restart would
come back to nobody. Here none is kept: what a form sends is known by the custom_id of the form, as
buttons are known by theirs, however late it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import discord

from bot.ui.language import to_member
from engine import Sentence

TEXT_CHARACTERS = 4000
"""The most that Discord takes into one field."""
_TITLE_CHARACTERS = 45
_DESCRIPTION_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file that a member put into a form."""

    name: str
    size_bytes: int
    url: str
    """Where Discord keeps it for now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What a form sends. Members can send what its fields would not let them."""

    texts: Mapping[str, str] = field(default_factory=dict)
    """What was typed, by the custom_id of the field."""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, tuple[File, ...]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """What was typed there, without white space around it; empty: nothing."""
        return self.texts.get(name, "").strip()

    def choice(self, name: str) -> str:
        """The one thing that was chosen there; empty: nothing."""
        return next(iter(self.choices.get(name, ())), "")

    def file(self, name: str) -> File | None:
        """The one file that was put there."""
        return next(iter(self.files.get(name, ())), None)


def custom_id_of(interaction: discord.Interaction[Any]) -> str:
    """Of the form that was filled in."""
    return str(_data(interaction).get("custom_id", ""))


def read(interaction: discord.Interaction[Any]) -> Filled:
    """What the member filled in."""
    data = _data(interaction)
    attachments: Mapping[str, Any] = data.get("resolved", {}).get("attachments", {})
    texts, choices, files = {}, {}, {}
    for each in _fields(data.get("components", ())):
        name = each["custom_id"]
        if "value" in each:
            texts[name] = str(each["value"] or "")
            continue
        values = [str(value) for value in each.get("values") or ()]
        given = [attachments[value] for value in values if value in attachments]
        if given:
            files[name] = tuple(
                File(name=file["filename"], size_bytes=file["size"], url=file["url"])
                for file in given
            )
        else:
            choices[name] = tuple(values)
    return Filled(texts=texts, choices=choices, files=files)


def _data(interaction: discord.Interaction[Any]) -> dict[str, Any]:
    return {**interaction.data} if interaction.data else {}


def _fields(components: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for each in components:
        if "custom_id" in each:
            yield each
        if inner := each.get("component"):
            yield from _fields([inner])
        yield from _fields(each.get("components") or ())


def _units(text: str) -> int:
    """How many UTF-16 units it has: what Discord counts is no more."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


class Form:
    """A form under construction, in the language of who opens it."""

    def __init__(self, interaction: discord.Interaction[Any], title: str, custom_id: str) -> None:
        """custom_id: by which what it sends is known."""
        self._interaction = interaction
        title = to_member(interaction, title)
        self._modal = discord.ui.Modal(title=title[:_TITLE_CHARACTERS], custom_id=custom_id)
        self._modal.stop()  # so that discord.py does not keep it

    def add_text(
        self,
        name: str,
        label: str,
        *,
        value: str = "",
        description: str = "",
        placeholder: str = "",
        required: bool = False,
        long: bool = False,
        most: int = TEXT_CHARACTERS,
    ) -> None:
        """A field to type in. value: what stands there at first."""
        style = discord.TextStyle.paragraph if long else discord.TextStyle.short
        item: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id=name,
            style=style,
            default=value or None,
            placeholder=self._said(placeholder),
            required=required,
            max_length=most,
        )
        self._add(label, item, description)

    def add_prompt(self, text: str) -> None:
        """The prompt of a job, to be edited; what is sent empty stays as it is.

        One that is longer than a field may be (two texts together are) is not shown: a part of it
        would be taken for all of it.
        """
        shown = _units(text) <= TEXT_CHARACTERS
        self.add_text(
            "prompt",
            Sentence("Prompt"),
            value=text if shown else "",
            description=""
            if shown
            else Sentence("Too long to be shown here. Left empty it stays as it is."),
            long=True,
        )

    def add_choice(
        self,
        name: str,
        label: str,
        options: Sequence[tuple[str, str]],
        *,
        chosen: str = "",
        description: str = "",
    ) -> None:
        """One of several (value, label)."""
        item: discord.ui.Select[Any] = discord.ui.Select(
            custom_id=name,
            options=[
                discord.SelectOption(
                    value=value, label=to_member(self._interaction, said), default=value == chosen
                )
                for value, said in options
            ],
        )
        self._add(label, item, description)

    def add_file(
        self, name: str, label: str, *, description: str = "", required: bool = False
    ) -> None:
        """One file."""
        item: discord.ui.FileUpload[Any] = discord.ui.FileUpload(
            custom_id=name, required=required, min_values=int(required), max_values=1
        )
        self._add(label, item, description)

    def add_words(self, text: str) -> None:
        """Words to read."""
        self._modal.add_item(discord.ui.TextDisplay(to_member(self._interaction, text)))

    async def open(self) -> None:
        """Show it, as the first answer to the interaction: nothing may have been deferred."""
        await self._interaction.response.send_modal(self._modal)

    def _add(self, label: str, item: discord.ui.Item[Any], description: str) -> None:
        self._modal.add_item(
            discord.ui.Label(
                text=to_member(self._interaction, label),
                component=item,
                description=self._said(description),
            )
        )

    def _said(self, text: str) -> str | None:
        said = to_member(self._interaction, text)[:_DESCRIPTION_CHARACTERS]
        return said or None
