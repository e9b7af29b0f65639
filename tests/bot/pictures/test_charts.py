import io
import warnings

from PIL import Image

from bot.pictures.charts import Panel, bars


def drawn(*panels, days=3):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a letter without a glyph is a warning
        png = bars([f"01-{day:02}" for day in range(days)], panels)
    return Image.open(io.BytesIO(png)).convert("RGB")


def test_a_higher_value_is_a_larger_bar_of_its_colour():
    picture = drawn(
        Panel(title="Jobs", other_title="Jobs", colour="#0000ff", values=[1, 4], more=[0, 2]),
        Panel(title="Credits", other_title="Credits", colour="#00ff00", values=[0, 0]),
        days=2,
    )
    colours = {colour: count for count, colour in picture.getcolors(10**6)}
    blue, red = colours[0, 0, 255], colours[218, 55, 60]
    assert 2.2 < blue / red < 2.8, "5 to 2"
    assert (0, 255, 0) not in colours


def test_letters_that_no_font_has_are_said_in_english():
    title = "\U0010fffd"
    assert drawn(Panel(title=title, other_title="Jobs", colour="red", values=[1] * 3)) == drawn(
        Panel(title="Jobs", other_title="x", colour="red", values=[1] * 3)
    )


def test_ninety_days_fit():
    assert drawn(Panel(title="a", other_title="a", colour="red", values=[1] * 90), days=90)


def test_whole_numbers_have_only_such_beside_them():
    parts = {"title": "a", "other_title": "a", "colour": "red"}
    assert drawn(Panel(**parts, values=[1] * 3)) != drawn(Panel(**parts, values=[1.0] * 3))
