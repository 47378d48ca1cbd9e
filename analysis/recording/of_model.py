"""What a record says of a model beside its codes: reconstruction, information, pictures, and a checkpoint.

Shapes: N images, D latents, F factors, K steps of a traversal.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.analysis.information.training_records import posterior_nmi
from ifp.checkpoints.posteriors import Sample
from ifp.checkpoints.traversals import traversal_codes
from ifp.codes import Codes
from ifp.errors import IfpError
from ifp.recording.encoding import RecordedModel
from ifp.seeds import numpy_generator
from ifp.training.records import TrainRecord

RECONSTRUCTED_IMAGES = 250
"""Images from which the reconstruction is estimated: decoding takes longer than encoding."""


def reconstruction_nats(asked: RecordedModel, decoder: Any, codes: Codes, sample: Sample, *, seed: int) -> float:
    """The mean cost of images given codes drawn from their posteriors, nats per image; NaN without a decoder."""
    if decoder is None:
        return math.nan
    rows = slice(0, RECONSTRUCTED_IMAGES)
    mean_ND, sigma_ND = codes.mean_ND[rows], np.exp(0.5 * codes.logvar_ND[rows])
    noise_ND = numpy_generator(seed, "reconstruction").standard_normal(mean_ND.shape)
    return asked.reconstruction_nats(decoder, sample.images_NCHW[rows], mean_ND + sigma_ND * noise_ND)


def traversals_of(asked: RecordedModel, decoder: Any, codes: Codes) -> np.ndarray:
    """What the decoder draws as each latent moves from the code of the first image, [D, K, C, H, W] in [0, 1]."""
    z_ND, _ = traversal_codes(codes.mean_ND[0])
    images_NCHW = asked.drawn(decoder, z_ND)
    return images_NCHW.reshape(codes.num_latents, -1, *images_NCHW.shape[1:])


def information_of(codes: Codes) -> tuple[np.ndarray, np.ndarray]:
    """NMI by the histogram and by the posterior estimator, [D, F] each, as `ifp train` records them."""
    if not codes.has_factors:
        none = np.full((codes.num_latents, 0), np.nan)
        return none, none
    factors_NF, sizes = codes.factors_NF, codes.factor_sizes
    return (
        histogram_nmi(codes.mean_ND, factors_NF, sizes),
        posterior_nmi(codes.mean_ND, codes.logvar_ND, factors_NF, sizes),
    )


def checkpoint_of(asked: RecordedModel, record: TrainRecord) -> dict[str, Any]:
    """The model's state_dict with step and beta, as a checkpoint of Lightning has them.

    Raises
    ------
    IfpError : the model has none.
    """
    state_dict = getattr(asked.model, "state_dict", None)
    if not callable(state_dict):
        raise IfpError(f"{asked.name} has no state_dict to save; leave checkpoints out, or hand in the module.")
    return {"state_dict": state_dict(), "global_step": record.step, "hyper_parameters": {"beta": record.beta}}
