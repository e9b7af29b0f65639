"""Which words of a prompt a model does not know, and which it cannot read or has translated. Pure.

The language of a word is told by its script alone: German, French and English look the same here.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import engine
from bot.prompt.characters import one_line
from bot.prompt.grammar import Prompt
from engine import Sentence

WORDS_LISTED = 8
"""Unknown words that a note names; it counts the others."""
THINGS_LISTED = 12
"""Things that a note says a model draws."""
_WORD_CHARACTERS = 30
"""A longer word is cut where it is shown."""

_DRAWN_CHARACTERS = 300
"""Of a translation, as far as it is shown."""
_MARKUP = re.compile(r"([\\*_~|`\[\]<>@#:])")

_HAN = "々〆〇\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HIRAGANA = "\u3041-\u309f"
_KATAKANA = "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Letters by which a language is told."""

    name: Sentence
    """Of the language, or of the letters where several languages share them."""
    languages: tuple[str, ...]
    """ISO 639 codes; who reads one of them reads the letters."""
    letters: str
    """Inside a character class."""


_CHINESE_CHARACTERS = Script(
    name=Sentence("Chinese or Japanese"), languages=("zh", "ja"), letters=_HAN
)
_JAPANESE = Script(name=Sentence("Japanese"), languages=("ja",), letters=_HIRAGANA + _KATAKANA)
SCRIPTS = (
    _JAPANESE,
    _CHINESE_CHARACTERS,
    Script(
        name=Sentence("Korean"),
        languages=("ko",),
        letters="\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3",
    ),
    Script(
        name=Sentence("Cyrillic letters"),
        languages=("ru", "uk", "be", "bg", "sr", "mk", "kk", "mn"),
        letters="\u0400-\u052f",
    ),
    Script(name=Sentence("Greek"), languages=("el",), letters="\u0370-\u03ff\u1f00-\u1fff"),
    Script(
        name=Sentence("Arabic letters"),
        languages=("ar", "fa", "ur"),
        letters="\u0620-\u064a\u066e-\u06d3\u0750-\u077f",
    ),
    Script(name=Sentence("Hebrew"), languages=("he", "yi"), letters="\u05d0-\u05ea"),
    Script(name=Sentence("Thai"), languages=("th",), letters="\u0e01-\u0e3a\u0e40-\u0e4e"),
    Script(name=Sentence("Hindi"), languages=("hi", "mr", "ne"), letters="\u0900-\u0963"),
)
_LANGUAGES = MappingProxyType(
    {
        "en": Sentence("English"),
        "ja": Sentence("Japanese"),
        "zh": Sentence("Chinese"),
        "ko": Sentence("Korean"),
        "de": Sentence("German"),
        "fr": Sentence("French"),
        "es": Sentence("Spanish"),
        "ru": Sentence("Russian"),
    }
)
"""Others are named by their code."""

_NO_WORDS = re.compile(r"https?://\S+|<a?:\w+:\d+>|<[@#][!&]?\d+>", re.IGNORECASE)
"""Links, a server's own emoji, mentions."""
_UNSPACED = _HAN + _HIRAGANA + _KATAKANA
_TOKEN = re.compile(
    rf"(?P<run>[{_UNSPACED}]+)|(?:(?![{_UNSPACED}])[^\W_])+(?:['’-](?:(?![{_UNSPACED}])[^\W_])+)*"
)
"""Words between spaces and punctuation, or a run of a script that has no spaces."""
_HAN_RUN, _KATAKANA_RUN = re.compile(f"[{_HAN}]+"), re.compile(f"[{_KATAKANA}]+")
_HIRAGANA_RUN = re.compile(f"[{_HIRAGANA}]+")
_INFLECTION = re.compile(
    f"(?!の|が|を|に|へ|と|で|は|も|や|な|から|まで|し|され)[{_HIRAGANA}]{{1,4}}"
)
"""What belongs to a verb or adjective after its first character, unless a particle stands there."""

_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a about above across after against all along also am among an and any are around as
        at away be because been before behind being below beneath beside between beyond both
        but by can could do does down during each every for from had has have he her here
        him his how i if in inside into is it its just like many more most much my near no
        not of off on onto or our out outside over own she so some such than that the their
        them then there these they this those through to too toward towards under until up
        upon us very was we were what when where which while who whose will with within
        without would you your
        """,
    )
)
"""English words that name nothing one could draw."""
_JAPANESE_FUNCTION_WORDS = frozenset(
    [*"中上下前後横隣間一二三四五六七八九十匹羽頭本個枚台絵風", "写真", "画像", "後ろ"]
)
_SINGULARS = (("ies", "y"), ("es", ""), ("s", ""))


def notes(
    prompt: Prompt, model: engine.ModelInfo, models: Sequence[engine.ModelInfo]
) -> tuple[Sentence, ...]:
    """What a member should know about the words of a prompt that `model` is to draw.

    models: the whole catalogue, from which another model is suggested.
    """
    text = _text_of(prompt)
    foreign = unread(text, model.languages)
    if translated_from(prompt, model):
        return tuple(
            Sentence(
                "{title} does not read {language}: your words are translated into English first.",
                title=model.title,
                language=script.name,
            )
            for script in foreign
        )
    said = [_does_not_read(script, model, models) for script in foreign]
    words = unknown(text, model)
    if words:
        said += _does_not_know(words, text, model, models)
    return tuple(said)


def translated_from(prompt: Prompt, model: engine.ModelInfo) -> str:
    """The language that the prompt's words are to be translated from, by its code.

    Empty where the model reads all of them, or the catalogue has no translation model for one.
    """
    found = [
        next((code for code in script.languages if code in model.translates), "")
        for script in unread(_text_of(prompt), model.languages)
    ]
    return found[0] if len(set(found)) == 1 else ""


def drawn_as(asked: engine.DrawJob, drawn: engine.DrawnWords) -> Sentence | None:
    """What a member reads of words that were translated or found, their Markdown made harmless.

    None where they are as typed. asked: the job as it was ordered.
    """
    if (drawn.prompt, drawn.negative) == (asked.prompt, asked.negative):
        return None
    words = " ".join(part.text for part in drawn.prompt)
    if drawn.negative != asked.negative:
        words = f"{words} --no {drawn.negative}".lstrip()
    if len(words) > _DRAWN_CHARACTERS:
        words = words[: _DRAWN_CHARACTERS - 1] + "…"
    return Sentence("Drawn as: {words}", words=_MARKUP.sub(r"\\\1", one_line(words)))


def unread(text: str, languages: Iterable[str]) -> tuple[Script, ...]:
    """The scripts of `text` that none of the languages is written in."""
    reads = set(languages)
    if re.search(f"[{_HIRAGANA}{_KATAKANA}]", text):  # then all of it is Japanese
        found = [script for script in _scripts(text) if script is not _CHINESE_CHARACTERS]
    else:
        found = _scripts(text)
    return tuple(script for script in found if reads.isdisjoint(script.languages))


def unknown(text: str, model: engine.ModelInfo) -> tuple[str, ...]:
    """The words that are not in the model's vocabulary, as typed, each once.

    None where it has no vocabulary. Left out are words that name nothing (such as "the"), numbers,
    names of emoji, and words in scripts that the model does not read at all.
    """
    if model.vocabulary is None:
        return ()
    known = _known(model.vocabulary)
    text = _NO_WORDS.sub(" ", unicodedata.normalize("NFKC", text))
    illegible = "".join(script.letters for script in unread(text, model.languages))
    found: dict[str, str] = {}
    for token in _TOKEN.finditer(text):
        if illegible and re.search(f"[{illegible}]", token[0]):
            continue
        for word in known.missing(token[0]) if token["run"] else _missing(token[0], known):
            found.setdefault(word.casefold(), word)
    return tuple(found.values())


def _missing(word: str, known: _Known) -> tuple[str, ...]:
    return () if known.has(word) else (word,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A vocabulary, ready to be looked up."""

    words: frozenset[str]
    """Of scripts with spaces: those of phrases are single words here, plurals singulars too."""
    phrases: frozenset[str]
    """Of scripts without spaces, with and without their last particle."""
    longest: int
    """Characters of the longest phrase."""

    def has(self, word: str) -> bool:
        """Whether a word of a script with spaces is known, or says nothing that could be."""
        folded = word.casefold().replace("’", "'")
        if len(word) == 1 or folded.endswith("n't") or any(map(str.isdigit, word)):
            return True
        if self.words.intersection(_forms(folded)):
            return True
        pieces = [piece for piece in re.split("['-]", folded) if len(piece) > 1]
        if "'" in folded:
            return bool(self.words.intersection(_forms(folded.partition("'")[0])))
        return len(pieces) > 1 and all(map(self.has, pieces))

    def missing(self, run: str) -> Iterator[str]:
        """The words of a text without spaces that are not known; what is left in hiragana, mostly
        particles and endings, is not looked at.
        """
        at = 0
        while at < len(run):
            end = self._covered(run, at)
            if end > at:
                at = end
                continue
            if _HIRAGANA_RUN.match(run, at):
                at += 1
                continue
            word = _HAN_RUN.match(run, at) or _KATAKANA_RUN.match(run, at)
            assert word is not None  # a run has no other characters
            at = word.end()
            if _HAN_RUN.match(word[0]) and (ending := _INFLECTION.match(run, at)):
                ends = range(ending.end(), at, -1)
                known = [
                    place for place in range(at, ending.end()) if self._covered(run, place) > place
                ]
                at = min(known, default=max(ends))
            yield run[word.start() : at]

    def _covered(self, run: str, start: int) -> int:
        """The end of what known phrases make up from `start`; `start` where there is none.

        A word ends where its script does: 花 is no part of 花火, but 赤 and 猫 make up 赤猫.
        """
        reached, end, furthest = {start}, start, start
        for place in range(start, len(run)):
            if place > furthest:
                break
            if place not in reached:
                continue
            if not _inside_a_word(run, place):
                end = place
            for length in range(1, min(self.longest, len(run) - place) + 1):
                if run[place : place + length] in self.phrases:
                    reached.add(place + length)
                    furthest = max(furthest, place + length)
        return len(run) if len(run) in reached else end


def _inside_a_word(run: str, place: int) -> bool:
    if not 0 < place < len(run):
        return False
    both = run[place - 1 : place + 1]
    return bool(_HAN_RUN.fullmatch(both) or _KATAKANA_RUN.fullmatch(both))


@functools.lru_cache(maxsize=16)
def _known(vocabulary: engine.Vocabulary) -> _Known:
    words, phrases = set(_FUNCTION_WORDS), set(_JAPANESE_FUNCTION_WORDS)
    for entry in vocabulary.knows:
        phrase = unicodedata.normalize("NFKC", entry).casefold()
        for token in _TOKEN.finditer(phrase):
            if not token["run"]:
                words.update(_forms(token[0]))
        if _TOKEN.fullmatch(phrase) and re.match(f"[{_UNSPACED}]", phrase):
            phrases |= {phrase, re.sub(f"(?<=[{_UNSPACED}])[のない]$", "", phrase)}
    return _Known(
        words=frozenset(words), phrases=frozenset(phrases), longest=max(map(len, phrases))
    )


def _forms(word: str) -> set[str]:
    """The word, and what its singular could be."""
    forms = {word}
    for ending, instead in _SINGULARS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            forms.add(word.removesuffix(ending) + instead)
    return forms


def _text_of(prompt: Prompt) -> str:
    """All words of the prompt that a model is given, `--no` among them."""
    return "\n".join((*(part.text for part in prompt.parts), *prompt.parameters.no))


def _scripts(text: str) -> list[Script]:
    return [script for script in SCRIPTS if re.search(f"[{script.letters}]", text)]


def _does_not_read(
    script: Script, model: engine.ModelInfo, models: Sequence[engine.ModelInfo]
) -> Sentence:
    reads = Sentence.listed([_LANGUAGES.get(code, code) for code in model.languages])
    for other in models:
        if other.installed and not set(other.languages).isdisjoint(script.languages):
            return Sentence(
                "{title} does not read {language}, so it cannot follow those words. {other} reads "
                "them: add --v {alias}.",
                title=model.title,
                language=script.name,
                other=other.title,
                alias=_alias(other),
            )
    return Sentence(
        "{title} does not read {language}, so it cannot follow those words. It reads: {languages}.",
        title=model.title,
        language=script.name,
        languages=reads,
    )


def _does_not_know(
    words: Sequence[str],
    text: str,
    model: engine.ModelInfo,
    models: Sequence[engine.ModelInfo],
) -> Iterator[Sentence]:
    assert model.vocabulary is not None
    listed = Sentence.listed(map(_cut, words[:WORDS_LISTED]))
    if len(words) > WORDS_LISTED:
        listed = Sentence("{words} and {count} more", words=listed, count=len(words) - WORDS_LISTED)
    things = _things(model.vocabulary, text)
    drawn = Sentence.listed(things[:THINGS_LISTED])
    if len(things) > THINGS_LISTED:
        drawn = Sentence("{things} and more", things=drawn)
    yield Sentence(
        "{title} does not know: {words}. It draws: {things}.",
        title=model.title,
        words=listed,
        things=drawn,
    )
    scripts = _scripts(text)
    languages = [script.languages for script in scripts] or [("en",)]
    able = [
        other
        for other in models
        if other.vocabulary is None
        and not any(set(other.languages).isdisjoint(each) for each in languages)
    ]
    installed = next((other for other in able if other.installed), None)
    open_ = [other for other in able if other.download_gb and not other.gated]
    if installed is not None:
        yield Sentence(
            "{other} knows more words: add --v {alias}.",
            other=installed.title,
            alias=_alias(installed),
        )
    elif open_:
        smallest = min(open_, key=lambda other: other.download_gb)
        yield Sentence(
            "{other} knows more words; it is not installed here, so ask this bot's operator "
            "for it.",
            other=smallest.title,
        )


def _things(vocabulary: engine.Vocabulary, text: str) -> tuple[str, ...]:
    """What the model draws, in a language of the text where there are words of it."""
    written = {code for script in _scripts(text) for code in script.languages}
    for code, things in vocabulary.draws:
        if code in written:
            return things
    return vocabulary.draws[0][1]


def _alias(model: engine.ModelInfo) -> str:
    return next(iter(model.aliases), model.name)


def _cut(word: str) -> str:
    return word if len(word) <= _WORD_CHARACTERS else word[: _WORD_CHARACTERS - 1] + "…"
