"""GroupEncoder: an encoder whose latents are divided into groups that are trained one after the other (DEFT).

At stage s the groups 0 ... s - 1 are finished and pass through a learnt projection, group s is being trained, and the
groups after it give the posterior of the prior: mean 0 and log variance 0.

Shapes: N images, G groups of K latents each.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class GroupEncoder(nn.Module):
    """The encoders of several groups of latents at one stage: images -> [N, 2GK], all means, then all log variances.

    Parameters
    ----------
    groups : the encoder of each group, [N, ...] -> [N, 2K].
    stage : number of the group that is being trained.
    projections_G2K : the parameters W1 and W2 of each group's projection; None if groups have no projection.
    added : whether the projected log variance is logvar + W2; otherwise it is logvar x exp(W2). The projected mean is
        mean x exp(W1).
    """

    projections_G2K: Tensor | None

    def __init__(self, groups: Sequence[nn.Module], stage: int, projections_G2K: Tensor | None, added: bool) -> None:
        super().__init__()
        self.groups = nn.ModuleList(groups)
        self.stage, self.added = stage, added
        self.register_buffer("projections_G2K", projections_G2K)

    def forward(self, images_NCHW: Tensor) -> Tensor:
        means, logvars = [], []
        for number, group in enumerate(self.groups):
            mean_NK, logvar_NK = group(images_NCHW).chunk(2, dim=1)
            if number > self.stage:
                mean_NK, logvar_NK = torch.zeros_like(mean_NK), torch.zeros_like(logvar_NK)
            elif number < self.stage and self.projections_G2K is not None:
                scale_K, shift_K = self.projections_G2K[number]
                mean_NK = mean_NK * scale_K.exp()
                logvar_NK = logvar_NK + shift_K if self.added else logvar_NK * shift_K.exp()
            means.append(mean_NK)
            logvars.append(logvar_NK)
        return torch.cat(means + logvars, dim=1)
