"""Other readings of a file than its code base's: what a fork may have changed and no array shows.

A rival differs from a reading in the head's layout, in an activation (of encoder and decoder, or of one of them), in
the scaling of the pixels, or in what the spread beside the mean is.
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
"""A rival's decoder must save so much more, as a share of what a perfect one would save."""
CLOSE, LISTED = 0.1, 6
"""Rivals whose decoder saves less than the best one's by so much are not looked at further, nor more than so many."""
CHANGEABLE = ("head", "variance", "activation", "input")
"""What a rival may assume otherwise."""
SELF_TEST = "the self-test"
_UNSCALED = "pixels in [0, 1]"
Rebuild = Callable[[str], Sequence[Vae]]
"""The file's models with the activation of this name."""


def neighbours(vae: Vae, images_NCHW: np.ndarray, rebuild: Rebuild | None) -> list[Vae]:
    """All rivals that differ in one thing which shows in the posteriors' means."""
    return [*_heads(vae), *_activations(vae, rebuild), *_scalings(vae, images_NCHW)]


def variances(vae: Vae) -> list[Vae]:
    """All rivals that differ in what the spread beside the mean is."""
    names = [*VARIANCES, *([LAPLACE] if vae.may_be_laplace else [])]
    return [_assuming(vae, "variance", name, variance=name) for name in names if name != vae.variance]


def layouts(vae: Vae) -> list[Vae]:
    """All rivals in the last layer alone: head and variance, those of the same kind of variance first."""
    kinds = [vae, *[other for other in variances(vae) if other.variance != LAPLACE]]
    return [one for kind in kinds for one in (kind, *_heads(kind)) if one is not vae]


def transferred(vae: Vae, like: Vae, rebuild: Rebuild | None) -> Vae:
    """`vae` read as `like` is, another checkpoint of the same run."""
    for what, attributes in (
        ("head", {"head": like.head}),
        ("variance", {"variance": like.variance}),
        ("input", {"pixel_mean": like.pixel_mean, "pixel_std": like.pixel_std}),
    ):
        if said(vae, what).value != said(like, what).value:
            vae = _assuming(vae, what, said(like, what).value, **attributes)
    wanted = said(like, "activation").value
    return next((other for other in _activations(vae, rebuild) if said(other, "activation").value == wanted), vae)


def said(vae: Vae, what: str) -> Assumption:
    """What is assumed of one thing; nothing, by the code base, where it is not among the assumptions."""
    unsaid = {"head": vae.head, "variance": vae.variance}
    nothing = Assumption(what, unsaid.get(what, ""), "the code base")
    return next((entry for entry in vae.assumptions if entry.what == what), nothing)


def is_stated(vae: Vae, what: str) -> bool:
    """Whether the user or the file says it, so that a rival is no more than a hint."""
    return said(vae, what).source in ("an option", "the file")


def changes(vae: Vae, other: Vae) -> list[str]:
    """What `other` assumes differently: "head halves, activation elu in the encoder"."""
    here = {entry.what: entry.value for entry in vae.assumptions}
    return [entry.what for entry in other.assumptions if here.get(entry.what) != entry.value]


def described(vae: Vae, whats: Sequence[str]) -> str:
    """The assumptions of these things in words."""
    return ", ".join(f"{what} {said(vae, what).value}" for what in whats)


def shortlist(vae: Vae, share: float, bench: Bench, rebuild: Rebuild | None, *, stated: bool) -> list[Vae]:
    """The rivals of `vae` whose means the decoder understands better than its own, the best first.

    Parameters
    ----------
    share : what the decoder saves by the means of `vae`, see `ifp.checkpoints.readings.reading.Reconstruction`.
    stated : whether to change what the user or the file says too, to tell what would fit.
    """
    rivals = [other for other in neighbours(vae, bench.images_NCHW, rebuild) if _allowed(vae, other, stated)]
    ranked = [(bench.share_of_means(other), other) for other in rivals]
    if share < CONFIRMED and not any(found >= CONFIRMED for found, _ in ranked):
        # nothing is right yet: the head may be wrong and something else too, and then neither shows alone
        pairs = [pair for _, one in ranked if not _is_half(vae, one) for pair in _heads(one)]
        ranked += [(bench.share_of_means(pair), pair) for pair in pairs if _allowed(vae, pair, stated)]
    ranked = sorted((row for row in ranked if row[0] > max(share + BETTER, CONFIRMED)), key=lambda row: -row[0])
    return [other for found, other in ranked[:LISTED] if found > ranked[0][0] - CLOSE]


def _is_half(vae: Vae, other: Vae) -> bool:
    """Whether `other` differs in the head, or in the activation of one network alone."""
    return changes(vae, other) == ["head"] or " in the encoder, " in said(other, "activation").value


def _allowed(vae: Vae, other: Vae, stated: bool) -> bool:
    return stated or not any(is_stated(vae, what) for what in changes(vae, other))


def _heads(vae: Vae) -> list[Vae]:
    heads = [head for head in HEADS if head != vae.head and not (vae.named_head and head.startswith("interleaved"))]
    return [_assuming(vae, "head", head, head=head) for head in heads]


def _activations(vae: Vae, rebuild: Rebuild | None) -> list[Vae]:
    if rebuild is None:
        return []
    own, rivals = said(vae, "activation").value, []
    for name in ACTIVATIONS:
        if name == own:
            continue
        try:
            models = rebuild(name)
        except IfpError:
            continue
        if (model := _alike(vae, models)) is None:
            continue
        rivals.append(_assuming(vae, "activation", name, encoder=model.encoder, decoder=model.decoder))
        encoder = f"{name} in the encoder, {own} in the decoder"
        decoder = f"{own} in the encoder, {name} in the decoder"
        rivals.append(_assuming(vae, "activation", encoder, encoder=model.encoder))
        rivals.append(_assuming(vae, "activation", decoder, decoder=model.decoder))
    return rivals


def _alike(vae: Vae, models: Sequence[Vae]) -> Vae | None:
    """Of the models with another activation, the one that assumes what `vae` does of stage, projection and scaling."""
    aside = {"activation", "head", "variance", "weights", "names"}
    assumed = {(entry.what, entry.value) for entry in vae.assumptions if entry.what not in aside}
    for model in models:
        if {(entry.what, entry.value) for entry in model.assumptions if entry.what not in aside} == assumed:
            return model
    return None


def _scalings(vae: Vae, images_NCHW: np.ndarray) -> list[Vae]:
    """Pixels from -1 to 1, from 0 to 255, or standardised by their own mean and standard deviation."""
    if said(vae, "input").value != _UNSCALED:
        return []
    mean, std = float(images_NCHW.mean() / 255), float(images_NCHW.std() / 255)
    pairs = [(0.5, 0.5), (0.0, 1 / 255)] + ([(mean, std)] if std > 0 else [])
    return [
        _assuming(vae, "input", scaled_input([mean], [std], "").value, pixel_mean=mean, pixel_std=std)
        for mean, std in pairs
    ]


def _assuming(vae: Vae, what: str, value: str, **attributes: object) -> Vae:
    """The same model read otherwise in one thing; the assumption keeps its place among the others."""
    entries = [Assumption(what, value, SELF_TEST) if entry.what == what else entry for entry in vae.assumptions]
    if not any(entry.what == what for entry in entries):
        entries.append(Assumption(what, value, SELF_TEST))
    return dataclasses.replace(vae, assumptions=tuple(entries), **attributes)  # type: ignore[arg-type]
