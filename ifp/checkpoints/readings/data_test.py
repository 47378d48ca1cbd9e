"""The data test asks whether the given images are those on which the model was trained.

There are three kinds of evidence against it: the settings name another data set; the posteriors of all images together
are far from the prior; or they are rather far, and the decoder reconstructs the images rather poorly. A decoder whose
images are worse than the mean image fails the self-test already. A decoder that reconstructs the images is evidence for
the reading, not for the data, since a linear decoder reconstructs whatever lies in its plane.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ifp.checkpoints.readings.moment_test import FOREIGN_NATS, FOREIGN_SHARE, PriorTest
from ifp.checkpoints.settings_values import word_at
from ifp.datasets.catalog import DATASETS

_SETTINGS = ("config.dataset", "dataset", "dataset.name", "data.name", "data.dataset", "data_params.name", "data_name")
"""Where the settings of training name the data set."""
_SAME = (
    (r"noisy.*sprites|sprites.*noisy", "noisy dSprites"),
    (r"scream.*sprites|sprites.*scream", "scream dSprites"),
    (r"colou?r.*sprites|sprites.*colou?r", "coloured dSprites"),
    (r"xysquares|xyobject", "XY squares"),
    (r"sprites|^shapes$", "dSprites"),  # rtqichen calls them shapes
    (r"smallnorb", "smallNORB"),
    (r"^toys$", "toys"),
    (r"^arrow$", "arrow"),
    (r"shapes3d|3dshapes", "3D Shapes"),
    (r"cars3d|3dcars", "Cars3D"),
    (r"mpi3d", "MPI3D"),
    (r"celeba", "CelebA"),
    (r"chairs", "3D Chairs"),
    (r"fashionmnist", "FashionMNIST"),
    (r"mnist", "MNIST"),
    (r"cifar", "CIFAR"),
    (r"svhn", "SVHN"),
    (r"faces", "3D Faces"),
)
"""Data sets by patterns in their names, from which all but letters and digits are removed; the first match counts."""

FAR, POORLY_DRAWN = 0.2, 0.8
"""A share of the dimension-wise KL above the first number and a share saved by draws below the second are evidence
against the images if they come together. On their own data four public models have shares of at most 0.17 and at least
0.85; on arrows three of them have 0.25 to 0.29 and 0.61 to 0.71."""


@dataclass(frozen=True)
class DataTest:
    """The evidence for and against the images.

    Attributes
    ----------
    prior : how far the posteriors of all images together are from the prior.
    given : the name of the data set that was given.
    trained_on : the name of the data set in the settings of training; "" if they name none.
    drawn : what draws save, see `ifp.checkpoints.readings.reading.Reconstruction.of_draws`; None without a decoder.
    """

    prior: PriorTest
    given: str
    trained_on: str = ""
    drawn: float | None = None

    @property
    def problems(self) -> list[str]:
        """One sentence per piece of evidence against these images."""
        sentences = []
        if self.named_otherwise:
            sentences.append(
                f"The settings of training name the data set {self.trained_on!r}, and the images given are of "
                f"{self.given}."
            )
        if not self.prior.passed:
            sentences.append(self.about_prior)
        elif self.far_and_poorly_drawn:
            sentences.append(
                f"{self.about_prior} The decoder reconstructs too little of such images: draws save {self.drawn:.0%} "
                f"of what a perfect decoder would save. If the dimension-wise KL is more than {FAR:.0%}, they must "
                f"save {POORLY_DRAWN:.0%}."
            )
        return sentences

    @property
    def far_and_poorly_drawn(self) -> bool:
        """Whether posteriors are rather far from the prior, and the decoder reconstructs images rather poorly."""
        far = self.prior.share > FAR and self.prior.dimwise_kl_nats > FOREIGN_NATS
        return far and self.drawn is not None and self.drawn < POORLY_DRAWN

    @property
    def passed(self) -> bool:
        """Whether there is no evidence against these images."""
        return not self.problems

    @property
    def named_otherwise(self) -> bool:
        """Whether the settings name a data set that is known to be another than the one given."""
        named, given = canonical(self.trained_on), canonical(self.given)
        return None not in (named, given) and named != given and self.given in DATASETS

    @property
    def about_prior(self) -> str:
        """The dimension-wise KL in one sentence."""
        return (
            f"{self.prior.dimwise_kl_nats:.2f} of {self.prior.kl_nats:.2f} nats of KL ({self.prior.share:.0%}) are "
            "dimension-wise: the codes of all these images together are far from the prior. On the data of training "
            f"that is a small part of the KL (at most {FOREIGN_SHARE:.0%} passes)."
        )


def named_dataset(settings: Mapping[str, Any]) -> str:
    """The name of the data set in the settings of training; "" if they name none.

    >>> named_dataset({"dataset": {"name": "celeba"}}), named_dataset({"beta": 4})
    ('celeba', '')
    """
    return word_at(settings, *_SETTINGS) or ""


def canonical(name: str) -> str | None:
    """The data set that a name stands for, None if it is not known; sprites count as dSprites.

    >>> canonical("dsprites_full"), canonical("sprites-noshape"), canonical("CelebA64"), canonical("my_images")
    ('dSprites', 'dSprites', 'CelebA', None)
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return next((dataset for pattern, dataset in _SAME if re.search(pattern, plain)), None)
