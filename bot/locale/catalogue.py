"""One gettext catalogue a language: `ja.po`, compiled in memory when the bot starts.

There is no compiled file beside it that could be older than its text.
"""

from __future__ import annotations

import gettext
import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

FOLDER = Path(__file__).parent
LOCALES = tuple(sorted(file.stem for file in FOLDER.glob("*.po")))


def read(locale: str, folder: Path = FOLDER) -> Catalog:
    """The catalogue of a language; PoFileError where it is no such file, as after a bad merge."""
    with (folder / f"{locale}.po").open("rb") as file:
        return read_po(file, locale=locale, charset="utf-8", abort_invalid=True)


def compiled(catalog: Catalog) -> gettext.GNUTranslations:
    """What says its sentences; entries without a translation are left out."""
    machine = io.BytesIO()
    write_mo(machine, catalog)
    machine.seek(0)
    return gettext.GNUTranslations(machine)


def text(catalog: Catalog) -> str:
    """The file: entries in alphabetical order, two lines each, nothing that changes by itself.

    No dates and places stand in it, and no flag but "fuzzy", so that branches which add entries
    merge.
    """
    for message in catalog:
        message.flags.intersection_update({"fuzzy"})
        message.auto_comments.clear()
    body = io.BytesIO()
    write_po(body, catalog, width=0, no_location=True, omit_header=True, sort_output=True)
    head = (
        'msgid ""\nmsgstr ""\n'
        f'"Language: {catalog.locale}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    )
    return head + body.getvalue().decode().rstrip("\n") + "\n"
