"""What the dashboards look like: their colours, thresholds and words for numbers.

The colours are those of Okabe and Ito (2008), which people with any kind of colour vision can
tell apart; none of them is the only sign of what it stands for.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from grafana.promql import HEALTHS, STATES

BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
ORANGE = "#E69F00"
RED = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#999999"

COLOURS = (BLUE, ORANGE, SKY, RED, GREEN, PURPLE, YELLOW, GREY)

STATE_COLOURS = dict(zip(STATES, (BLUE, SKY, ORANGE, YELLOW, PURPLE, GREY, RED), strict=True))
HEALTH_COLOURS = dict(zip(HEALTHS, (BLUE, YELLOW, RED), strict=True))


def fixed(colour: str) -> builders.FieldColor:
    """Return one colour."""
    return builders.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(colour)


def by_value() -> builders.FieldColor:
    """Return colours from yellow to blue: the highest lines stand out, whoever looks."""
    return (
        builders.FieldColor()
        .mode(models.FieldColorModeId.CONTINUOUS_YL_BL)
        .series_by(models.FieldColorSeriesByMode.MAX)
    )


def by_threshold() -> builders.FieldColor:
    """Return the colours of the thresholds."""
    return builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def thresholds(*steps: tuple[float, str], base: str = BLUE) -> builders.ThresholdsConfig:
    """Return thresholds: the colour below the first, then values and the colours from there on."""
    return (
        builders.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(color=base), *(models.Threshold(*step) for step in steps)])
    )


def words(texts: dict[str, tuple[str, str]]) -> list[models.ValueMapping]:
    """Return mappings of values to texts in colours."""
    return [
        models.ValueMap(
            options={
                value: models.ValueMappingResult(text=text, color=colour, index=index)
                for index, (value, (text, colour)) in enumerate(texts.items())
            }
        )
    ]


def numbers(colours: dict[str, str]) -> list[models.ValueMapping]:
    """Return mappings of the numbers of `promql.numbered`, and of the texts themselves."""
    texts = {str(number): item for number, item in enumerate(colours.items(), start=1)}
    named = {text: (text, colour) for text, colour in colours.items()}
    return words({"0": ("other", GREY)} | texts | named)


STATE = numbers(STATE_COLOURS)
HEALTH = numbers(HEALTH_COLOURS)
YES_IS_GOOD = words({"0": ("no", RED), "1": ("yes", BLUE)})
YES_IS_BAD = words({"0": ("no", BLUE), "1": ("yes", RED)})
