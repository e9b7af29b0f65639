"""A member sees commands in their language, as far as the bot gave their texts in it."""

from playground.localized import localized

COMMAND = {
    "name": "vary",
    "description": "Four variations.",
    "description_localizations": {"ja": "バリエーション4枚。"},
    "options": [
        {
            "name": "strength",
            "description": "How far.",
            "description_localizations": {"ja": "どれだけ。", "de": "Wie weit."},
            "choices": [
                {"name": "strong", "name_localizations": {"ja": "強"}, "value": "strong"},
                {"name": "plain", "value": "plain"},
            ],
        },
        {"name": "grant", "type": 1, "description": "Give.", "options": []},
    ],
}


def test_descriptions_and_choices_are_in_the_members_language():
    shown = localized(COMMAND, "ja")
    assert shown["description"] == "バリエーション4枚。"
    strength, grant = shown["options"]
    assert (strength["name"], strength["description"]) == ("strength", "どれだけ。")
    assert [choice.get("name_localized") for choice in strength["choices"]] == ["強", None]
    assert [choice["name"] for choice in strength["choices"]] == ["strong", "plain"]
    assert grant["description"] == "Give."


def test_what_is_not_in_the_language_stays_as_it_is():
    shown = localized(COMMAND, "de")
    assert shown["description"] == "Four variations."
    assert shown["options"][0]["description"] == "Wie weit."
    assert COMMAND["options"][0]["description"] == "How far."
