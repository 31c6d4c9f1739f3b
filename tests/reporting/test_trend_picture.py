"""The picture of models over many nights."""

import base64
import io
from dataclasses import replace

from PIL import Image

from nightloom.reporting.trend_picture import MOST, trend_picture
from tests.reporting.test_trend import FIRST, nights


def size(url: str) -> tuple[int, int]:
    """Of the picture that a `data:` URL is."""
    start, data = url.split(",")
    assert start == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data))).size


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
