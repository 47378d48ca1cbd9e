"""How verdicts and tables write numbers, lists and headings: two decimals, and never "-0.00"."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ifp.analysis.information.intervals import LEVEL

NEGLIGIBLE = 5e-5
"""A number below this is written as 0, because no estimate here is more exact."""
LEVEL_TEXT = f"{LEVEL:.0%}".replace("%", " %")
"""The coverage of all intervals, as sentences write it."""


def decimals(value: float) -> str:
    """Two decimals; of what they would show as 0.00, three significant digits.

    >>> [decimals(value) for value in (2.468, 0.0951, 0.00234, 0.0004, 1e-6, 0.0, float("nan"))]
    ['2.47', '0.10', '0.00234', '0.0004', '0.00', '0.00', '-']
    """
    text = two_decimals(value)
    return f"{value:.3g}" if text == "0.00" and abs(value) >= NEGLIGIBLE else text


def two_decimals(value: float) -> str:
    """Two decimals; 0 has no sign, and a dash stands for what there is not.

    >>> [two_decimals(value) for value in (2.468, 0.0951, 0.007, -0.0004, float("nan"))]
    ['2.47', '0.10', '0.01', '0.00', '-']
    """
    return "-" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}"


def alike(*values: float) -> list[str]:
    """Numbers that are read beside each other, with as many decimals each: two, or more where one would show as 0.00.

    >>> alike(0.11, 0.00151, 0.259), alike(0.2, 1.234), alike(0.0, 0.00432), alike(0.3, float("nan"))
    (['0.110', '0.002', '0.259'], ['0.20', '1.23'], ['0.000', '0.004'], ['0.30', '-'])
    """
    shown = [abs(value) for value in values if abs(value) >= NEGLIGIBLE]
    places = next((n for n in (2, 3) if all(round(value, n) for value in shown)), 4)
    return ["-" if math.isnan(value) else f"{round(value, places) + 0.0:.{places}f}" for value in values]


def interval(low: float, high: float) -> str:
    """Both ends as `alike` writes them.

    >>> [interval(*ends) for ends in ((0.2, 1.234), (0.00432, 0.0104), (0.598, 0.602), (0.0, 0.2))]
    ['0.20 to 1.23', '0.004 to 0.010', '0.60 to 0.60', '0.00 to 0.20']
    """
    return " to ".join(alike(low, high))


def with_interval(value: float, low: float, high: float) -> tuple[str, str]:
    """A number and its interval, all as `alike` writes them.

    >>> with_interval(0.11, 0.00151, 0.259)
    ('0.110', '0.002 to 0.259')
    """
    first, *ends = alike(value, low, high)
    return first, " to ".join(ends)


def signed(*values: float) -> list[str]:
    """Numbers with a sign, read beside each other: three digits of the largest, and decimals alike; 0 has no sign.

    A decimal is added where one would show as 0.

    >>> signed(-0.02, -0.041, -0.0013), signed(-12.31, -13.2, 0.0), signed(1, 0, float("nan"))
    (['-0.0200', '-0.0410', '-0.0013'], ['-12.3', '-13.2', '0'], ['+1', '0', '-'])
    """
    shown = [abs(value) for value in values if abs(value) >= NEGLIGIBLE]
    whole = all(value == round(value) for value in shown)
    places = 0 if whole else max(2 - math.floor(math.log10(max(shown))), 0)
    places = next((n for n in range(places, 5) if all(round(value, n) for value in shown)), places)
    texts = ("0" if abs(value) < NEGLIGIBLE else f"{value:+.{places}f}" for value in values)
    return ["-" if math.isnan(value) else text for value, text in zip(values, texts, strict=True)]


def share(value: float) -> str:
    """A share in per cent; "below 1 %" for a little.

    >>> [share(value) for value in (0.974, 0.004, 0.0)]
    ['97 %', 'below 1 %', '0 %']
    """
    return "below 1 %" if 0 < value < 0.005 else f"{100 * value:.0f} %"


def latents_text(latents: Iterable[int]) -> str:
    """Numbers of latents, stretches of three and more by their ends.

    >>> latents_text([3, 0, 1, 2, 7, 8])
    '0-3, 7, 8'
    """
    stretches: list[list[int]] = []
    for latent in sorted(latents):
        if stretches and latent == stretches[-1][-1] + 1:
            stretches[-1].append(latent)
        else:
            stretches.append([latent])
    texts = [
        f"{stretch[0]}-{stretch[-1]}" if len(stretch) > 2 else ", ".join(map(str, stretch)) for stretch in stretches
    ]  # fmt: skip
    return ", ".join(texts)


def listed(names: Iterable[object]) -> str:
    """a, b and c.

    >>> listed(["posX"]), listed(["posX", "posY", "scale"])
    ('posX', 'posX, posY and scale')
    """
    *most, last = map(str, names)
    return f"{', '.join(most)} and {last}" if most else last


def constant_text(factors: Iterable[str], unit: str) -> str:
    """That these factors have one value in all rows, each a `unit`; without a full stop.

    >>> constant_text(["shape"], "image")
    'shape has one value in these images'
    """
    names = list(factors)
    return f"{listed(names)} {'has' if len(names) == 1 else 'have'} one value in these {unit}s"


def verdict_lines(
    name: str, parts: Mapping[str, Sequence[str]], compared: Mapping[str, str] | None = None
) -> list[str]:
    """The sentences of a verdict as they are printed, each part under a heading where there are several.

    Parameters
    ----------
    name : the model's. parts : sentences of "comparison", "series" and "checkpoint", as `Results.content` has them.
    compared : the names of the models "a" and "b" where there is a comparison.

    >>> verdict_lines("beta-VAE", {"checkpoint": ["No information diffusion."]})
    ['- No information diffusion.']
    """
    headings = {
        "comparison": f"{compared['b']} compared with {compared['a']}:" if compared else "",
        "series": "Over the series:",
        "checkpoint": f"{name} by itself:",
    }
    several = sum(bool(parts.get(part)) for part in headings) > 1
    lines = []
    for part, heading in headings.items():
        sentences = parts.get(part, [])
        lines += [heading] if several and sentences else []
        lines += [f"- {sentence}" for sentence in sentences]
    return lines
