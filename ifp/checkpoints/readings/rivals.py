"""Rivals of a reading: other readings of the same file, by what a fork may have changed and no array shows.

A rival differs in the order of the outputs in the head, in an activation (of encoder and decoder, or of one of them),
in the scaling of the pixels, or in the meaning of the second output (see `ifp.checkpoints.vae.VARIANCES`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ifp.checkpoints.readings.bench import Bench
from ifp.checkpoints.readings.reading import CONFIRMED
from ifp.checkpoints.rebuild.chain import ACTIVATIONS
from ifp.checkpoints.rebuild.user_choices import scaled_input
from ifp.checkpoints.vae import HEADS, LAPLACE, VARIANCES, Assumption, Vae
from ifp.errors import IfpError

BETTER = 0.02
"""A rival is shortlisted only if its decoder saves this much more, as a share of what a perfect decoder would save."""
CLOSE, LISTED = 0.1, 6
"""Rivals are shortlisted within the first number of the best one's share, and at most as many as the second number."""
CHANGEABLE = ("head", "variance", "activation", "input")
"""The subjects of assumptions in which a rival may differ."""
SELF_TEST = "the self-test"
"""The source of an assumption that was changed to make a rival."""
_UNSCALED = "pixels in [0, 1]"
"""The assumption about the input if pixels are not scaled."""
Rebuild = Callable[[str], Sequence[Vae]]
"""Gives the models of a file with the activation of this name."""


def neighbours(vae: Vae, images_NCHW: np.ndarray, rebuild: Rebuild | None) -> list[Vae]:
    """All rivals that differ in one thing that changes the posteriors' means."""
    return [*_heads(vae), *_activations(vae, rebuild), *_scalings(vae, images_NCHW)]


def variances(vae: Vae) -> list[Vae]:
    """All rivals that differ in the meaning of the second output."""
    names = [*VARIANCES, *([LAPLACE] if vae.may_be_laplace else [])]
    return [_assuming(vae, "variance", name, variance=name) for name in names if name != vae.variance]


def layouts(vae: Vae) -> list[Vae]:
    """All rivals that differ in the last layer alone (head and variance), those with the same variance first."""
    kinds = [vae, *[other for other in variances(vae) if other.variance != LAPLACE]]
    return [rival for kind in kinds for rival in (kind, *_heads(kind)) if rival is not vae]


def transferred(vae: Vae, like: Vae, rebuild: Rebuild | None) -> Vae:
    """`vae` read in the same way as `like`, another checkpoint of the same run."""
    for what, attributes in (
        ("head", {"head": like.head}),
        ("variance", {"variance": like.variance}),
        ("input", {"pixel_mean": like.pixel_mean, "pixel_std": like.pixel_std}),
    ):
        if assumed(vae, what).value != assumed(like, what).value:
            vae = _assuming(vae, what, assumed(like, what).value, **attributes)
    wanted = assumed(like, "activation").value
    return next((other for other in _activations(vae, rebuild) if assumed(other, "activation").value == wanted), vae)


def assumed(vae: Vae, what: str) -> Assumption:
    """The assumption about a subject; the code base's if it is not among the assumptions."""
    values = {"head": vae.head, "variance": vae.variance}
    unlisted = Assumption(what, values.get(what, ""), "the code base")
    return next((entry for entry in vae.assumptions if entry.what == what), unlisted)


def is_stated(vae: Vae, what: str) -> bool:
    """Whether the user or the file states an assumption; a rival that changes it is only reported as a hint."""
    return assumed(vae, what).source in ("an option", "the file")


def changes(vae: Vae, other: Vae) -> list[str]:
    """The subjects of the assumptions in which `other` differs from `vae`, such as "head" and "activation"."""
    own_values = {entry.what: entry.value for entry in vae.assumptions}
    return [entry.what for entry in other.assumptions if own_values.get(entry.what) != entry.value]


def described(vae: Vae, whats: Sequence[str]) -> str:
    """The assumptions about these subjects in words, such as "head halves, activation elu"."""
    return ", ".join(f"{what} {assumed(vae, what).value}" for what in whats)


def shortlist(vae: Vae, share: float, bench: Bench, rebuild: Rebuild | None, *, stated: bool) -> list[Vae]:
    """The rivals of `vae` from whose means the decoder reconstructs images better than from its own, the best first.

    Parameters
    ----------
    share : what the decoder saves by the means of `vae`, see `ifp.checkpoints.readings.reading.Reconstruction`.
    stated : whether to change also what the user or the file states, to tell what would fit.
    """
    rivals = [rival for rival in neighbours(vae, bench.images_NCHW, rebuild) if _allowed(vae, rival, stated)]
    ranked = [(bench.share_of_means(rival), rival) for rival in rivals]
    if share < CONFIRMED and not any(saved >= CONFIRMED for saved, _ in ranked):
        # nothing fits yet: if the head and one other thing are wrong, changing either alone does not help
        pairs = [pair for _, rival in ranked if not _is_partial(vae, rival) for pair in _heads(rival)]
        ranked += [(bench.share_of_means(pair), pair) for pair in pairs if _allowed(vae, pair, stated)]
    ranked = sorted((row for row in ranked if row[0] > max(share + BETTER, CONFIRMED)), key=lambda row: -row[0])
    return [rival for saved, rival in ranked[:LISTED] if saved > ranked[0][0] - CLOSE]


def _is_partial(vae: Vae, rival: Vae) -> bool:
    """Whether `rival` differs in the head, or in the activation of one network alone."""
    return changes(vae, rival) == ["head"] or " in the encoder, " in assumed(rival, "activation").value


def _allowed(vae: Vae, rival: Vae, stated: bool) -> bool:
    return stated or not any(is_stated(vae, what) for what in changes(vae, rival))


def _heads(vae: Vae) -> list[Vae]:
    heads = [head for head in HEADS if head != vae.head and not (vae.named_head and head.startswith("interleaved"))]
    return [_assuming(vae, "head", head, head=head) for head in heads]


def _activations(vae: Vae, rebuild: Rebuild | None) -> list[Vae]:
    if rebuild is None:
        return []
    own, rivals = assumed(vae, "activation").value, []
    for name in ACTIVATIONS:
        if name == own:
            continue
        try:
            models = rebuild(name)
        except IfpError:
            continue
        if (model := _counterpart(vae, models)) is None:
            continue
        rivals.append(_assuming(vae, "activation", name, encoder=model.encoder, decoder=model.decoder))
        encoder = f"{name} in the encoder, {own} in the decoder"
        decoder = f"{own} in the encoder, {name} in the decoder"
        rivals.append(_assuming(vae, "activation", encoder, encoder=model.encoder))
        rivals.append(_assuming(vae, "activation", decoder, decoder=model.decoder))
    return rivals


def _counterpart(vae: Vae, models: Sequence[Vae]) -> Vae | None:
    """The one of several models with another activation that otherwise assumes the same as `vae` does.

    Only assumptions about stage, projection, scaling and the like are compared.
    """
    others = {"activation", "head", "variance", "weights", "names"}
    compared = {(entry.what, entry.value) for entry in vae.assumptions if entry.what not in others}
    for model in models:
        if {(entry.what, entry.value) for entry in model.assumptions if entry.what not in others} == compared:
            return model
    return None


def _scalings(vae: Vae, images_NCHW: np.ndarray) -> list[Vae]:
    """All rivals that differ in the scaling: pixels from -1 to 1, from 0 to 255, or standardised by the images."""
    if assumed(vae, "input").value != _UNSCALED:
        return []
    mean, std = float(images_NCHW.mean() / 255), float(images_NCHW.std() / 255)
    pairs = [(0.5, 0.5), (0.0, 1 / 255)] + ([(mean, std)] if std > 0 else [])
    return [
        _assuming(vae, "input", scaled_input([mean], [std], "").value, pixel_mean=mean, pixel_std=std)
        for mean, std in pairs
    ]


def _assuming(vae: Vae, what: str, value: str, **attributes: object) -> Vae:
    """The same model with one assumption changed; the assumption keeps its place among the others."""
    entries = [Assumption(what, value, SELF_TEST) if entry.what == what else entry for entry in vae.assumptions]
    if not any(entry.what == what for entry in entries):
        entries.append(Assumption(what, value, SELF_TEST))
    return dataclasses.replace(vae, assumptions=tuple(entries), **attributes)  # type: ignore[arg-type]
