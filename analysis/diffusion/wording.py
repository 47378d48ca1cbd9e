"""Numbers, lists and whole sentences about them, in verdicts and tables: two decimals, and never "-0.00"."""

from __future__ import annotations

import math
from collections.abc import Iterable

NEGLIGIBLE = 5e-5
"""Below this a number is written as 0: no estimate here knows better."""


def two_decimals(value: float) -> str:
    """Two decimals; 0 has no sign, and a dash stands for what there is not.

    >>> [two_decimals(value) for value in (2.468, 0.0951, 0.007, -0.0004, float("nan"))]
    ['2.47', '0.10', '0.01', '0.00', '-']
    """
    return "-" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}"


def signed(value: float) -> str:
    """Three digits with a sign; 0 has none.

    >>> [signed(value) for value in (0.1234, -0.00456, -1e-9)]
    ['+0.123', '-0.00456', '0']
    """
    return "0" if abs(value) < NEGLIGIBLE else f"{value:+.3g}"


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
        f"{one[0]}-{one[-1]}" if len(one) > 2 else ", ".join(map(str, one)) for one in stretches
    ]  # fmt: skip
    return ", ".join(texts)


def listed(names: Iterable[object]) -> str:
    """a, b and c.

    >>> listed(["posX"]), listed(["posX", "posY", "scale"])
    ('posX', 'posX, posY and scale')
    """
    *most, last = map(str, names)
    return f"{', '.join(most)} and {last}" if most else last
