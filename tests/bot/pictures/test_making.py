import pytest

from bot.pictures.making import scrubbed, scrubbed_value


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("a red cat --ar 3:2", "a red cat --ar 3:2"),
        ("https://example.com/a.png a cat", "a cat"),
        ("<https://example.com/a.png> HTTPS://b.c/d a cat", "a cat"),
        ("a cat --sref https://a.b/c https://d.e/f --ar 3:2", "a cat --ar 3:2"),
        ("a cat —sref https://a.b/c::2", "a cat"),
        ("a cat --no dog https://a.b/c", "a cat --no dog"),
        ("media.discordapp.net/attachments/1/2/a.png a cat", "a cat"),
        ("discord.gg/abc a cat", "a cat"),
        ("<@1> <@!2> <@&3> <#4> <:pepe:5> <a:dance:6> </imagine:7> a cat", "a cat"),
        ("a cat 123456789012345678", "a cat"),
        ("a cat --seed 4294967295", "a cat --seed 4294967295"),
        ("a discord of colours", "a discord of colours"),
        ("a < b > c", "a < b > c"),
    ],
)
def test_what_leads_to_a_person_or_a_place_is_left_out(typed, told):
    assert scrubbed(typed) == told


def test_values_lose_their_links_and_nothing_else():
    value = ("https://a.b/c", "mood", 0, False, "", ("ink", 0.5), None)
    assert scrubbed_value(value) == ["mood", 0, False, "", ["ink", 0.5], None]
