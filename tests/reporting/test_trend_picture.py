"""The picture of models over many nights."""

import base64
import io
from dataclasses import replace

from PIL import Image

from nightloom.reporting.trend_picture import MOST, trend_picture
from tests.reporting.test_trend import FIRST, nights


def picture(url: str) -> Image.Image:
    """What a `data:` URL shows."""
    start, data = url.split(",")
    assert start == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("L")


def size(url: str) -> tuple[int, int]:
    """Of the picture that a `data:` URL is."""
    return picture(url).size


def ink(image: Image.Image, *, left: float, right: float) -> int:
    """Dark pixels between two shares of its width."""
    wide, high = image.size
    return sum(image.crop((int(left * wide), 0, int(right * wide), high)).histogram()[:200])


def test_each_model_has_its_part_up_to_twenty():
    two = size(trend_picture([*nights(40), replace(FIRST, model="$x_2$", metric="f1")]))
    many = [replace(FIRST, model=f"model-{n}") for n in range(MOST + 5)]
    assert two[0] > 600 and two[1] > 1.7 * size(trend_picture(nights(40)))[1]
    assert size(trend_picture(many)) == size(trend_picture(many[:MOST]))


def test_a_year_takes_some_kilobytes():
    year = [
        replace(FIRST, when=86_400.0 * n, value=0.9 + n % 7 / 100, model=model)
        for n in range(365)
        for model in ("a", "b", "c")
    ]
    assert 1_000 < len(trend_picture(year)) < 60_000


def test_without_a_value_there_is_none():
    failed = replace(FIRST, verdict="failed", metric=None, value=None)
    assert trend_picture([failed, replace(failed, when=1.0)]) == trend_picture([]) == ""


def test_a_long_name_is_shortened_so_that_the_metric_is_within_the_picture():
    for name in ("W" * 100, "a" * 100):
        image = picture(trend_picture([replace(FIRST, model=name)]))
        assert ink(image, left=0.7, right=0.85) > 100, "a title"
        assert ink(image, left=0.995, right=1) == 0, name
    short = trend_picture([replace(FIRST, model="W" * 100, metric="accuracy")])
    assert short != trend_picture([replace(FIRST, model="W" * 100, metric="f1")])


def test_the_first_nights_stand_in_a_week_that_ends_with_them():
    one = picture(trend_picture([replace(FIRST, model="a")]))
    wide, high = one.size
    within = one.crop((0, int(0.15 * high), wide, int(0.7 * high)))
    assert ink(within, left=0.9, right=0.99) > 20 > ink(within, left=0.1, right=0.85)


def test_a_night_is_at_the_hour_it_is_called_after():
    elsewhere = replace(FIRST, when=FIRST.when + 9 * 3600)
    assert trend_picture([elsewhere]) == trend_picture([FIRST])
    assert trend_picture([replace(FIRST, called="by hand")]) != trend_picture([FIRST])


def test_what_is_no_number_is_left_out():
    odd = replace(FIRST, value=float("nan"))
    assert trend_picture([odd]) == ""
    assert trend_picture([FIRST, replace(odd, when=FIRST.when + 86_400)]) == trend_picture([FIRST])
