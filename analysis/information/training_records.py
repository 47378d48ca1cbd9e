"""What a network's latents hold of each factor as it trains, cheaply enough to be measured at every record.

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ifp.analysis.information.assignments import posterior_assignments
from ifp.analysis.information.intervals import RECORD_PERMUTATIONS
from ifp.analysis.information.mutual_information import factor_entropy_nats, stacked_rows
from ifp.analysis.information.resampling import observed_mi_nats, permuted_mi_nats
from ifp.seeds import numpy_generator
from ifp.system.blas import one_blas_thread

MOST_IMAGES = 1000
"""Images that are measured, so that records take a small part of a training's time."""


def posterior_nmi(
    mean_ND: np.ndarray, logvar_ND: np.ndarray, factors_NF: np.ndarray, sizes: Sequence[int]
) -> np.ndarray:
    """NMI of each latent as sampled, z ~ q(z|x), with each factor [D, F], less its noise floor, and at least 0.

    The first `MOST_IMAGES` images are measured; their order must be chance. On these images the nats of a latent on a
    factor never pass its KL, by the data processing inequality: images decide factors, and the KL is at least the
    information of the latent on the images. The floor is the mean over permuted labels. A constant factor has 0.
    """
    mean_ND, logvar_ND, factors_NF = (array[:MOST_IMAGES] for array in (mean_ND, logvar_ND, factors_NF))
    rows_FN, row_starts = stacked_rows(factors_NF, sizes)
    # one thread: the products are small, and many networks may train beside this one
    with one_blas_thread():
        tables = (*posterior_assignments(mean_ND, logvar_ND), rows_FN, row_starts)
        generator = numpy_generator(0, "information", "permutations")
        floor_PDF = permuted_mi_nats(*tables, permutations=RECORD_PERMUTATIONS, generator=generator)
        mi_nats_DF = observed_mi_nats(*tables) - floor_PDF.mean(axis=0)
    entropy_nats_F = factor_entropy_nats(factors_NF, sizes)
    return np.asarray(np.maximum(mi_nats_DF, 0.0) / np.where(entropy_nats_F > 0, entropy_nats_F, np.inf))
