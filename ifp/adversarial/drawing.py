"""What the generator of a GAN draws as one code after the other moves: pictures for the log of a training.

Shapes: D codes, K steps of a traversal, N values of noise, C H W of an image.
"""

from __future__ import annotations

import numpy as np
import torch

from ifp.adversarial.setup import GanSetup
from ifp.checkpoints.traversals import TRAVERSAL_STEPS
from ifp.seeds import numpy_generator
from ifp.training.event_log import Draw
from ifp.training.state import MemberState


def code_drawer(setup: GanSetup) -> Draw:
    """Draws the traversals of a GAN of this run: each code from -1 to 1, the others 0, the noise drawn once for all."""
    networks, codes = setup.networks, setup.networks.codes
    noise_N = numpy_generator(setup.config.seed, "traversals of codes").standard_normal(networks.noise)
    code_DKD = np.zeros((codes, TRAVERSAL_STEPS, codes))
    for code in range(codes):
        code_DKD[code, :, code] = np.linspace(-1, 1, TRAVERSAL_STEPS)
    code_BD = torch.from_numpy(code_DKD.reshape(-1, codes)).float()
    noise_BN = torch.from_numpy(noise_N).float().expand(len(code_BD), -1)

    @torch.no_grad()
    def draw(state: MemberState) -> np.ndarray:
        arrays = {**state.parameters, **state.objective}
        device = next(iter(arrays.values())).device
        images = networks.generate(arrays, noise_BN.to(device), code_BD.to(device)).nan_to_num().clamp(0, 1)
        return np.asarray(images.cpu().numpy().reshape(codes, TRAVERSAL_STEPS, *setup.dataset.image_shape))

    return draw
