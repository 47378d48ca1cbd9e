"""What an annealing of a whole data set asks: the same while it runs, once it was stopped and when it is measured."""

from __future__ import annotations

ASKED_OF_RESPONSE = "What do latents hold at every beta, by networks that are trained for all betas at once"


def asked_of_whole(networks: int, *, heats: bool, done: bool = True) -> str:
    """The question without its last stop. `heats` : beta rises again. `done` : all is measured.

    >>> asked_of_whole(1, heats=False).partition("? ")[2]
    '1 network was trained on all images while beta fell'
    """
    trained = {(1, True): "was", (1, False): "is"}.get((networks, done), "were" if done else "are")
    beta = "beta fell" + " and rose" * heats if done else "beta falls" + " and rises" * heats
    return (
        "What freezes when, if all factors are annealed at once? "
        f"{networks} network{'s' * (networks != 1)} {trained} trained on all images while {beta}"
    )
