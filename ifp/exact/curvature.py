"""The curvature of R + phi(K) at a guess: the metric in which a minimiser walks straight to the minimum nearby.

With the best decoder put in, R is a function of the densities q_i(z). Since the decoder is optimal, its first
derivative is the cost, dR / dq_i(z) = c_i(z) / N, and its second one
    d2R / dq_i(z) dq_j(z) = -A_ij(z) / (N sum_k q_k(z)),   A_ij = sum_pixels w (x_i - d) (x_j - d) / (d (1 - d)),
d being the decoded image (Gaussian: the denominator is 1). For Bernoulli images A is a sum of terms that do not cancel,
    A_ij = sum_pixels w [x_i x_j / d + (1 - x_i) (1 - x_j) / (1 - d)] - sum_pixels w.
The chain rule through q_i = N(mean_i, std_i^2) gives the Hessian in the 2 N D variables.

It serves as a metric, so that a coarse grid and single precision are enough: the objective is computed as ever.

Shapes: M traversals, N images, P pixels, G grid points, D latents, V = 2 N D variables, F = 2 D variables of an image,
L pairs of images.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from ifp.exact.fitted_grid import grid_of
from ifp.exact.ideal_vae import TraversalBatch, kl_nats
from ifp.exact.solutions import States
from ifp.likelihood import Bernoulli

COARSE, FITTED_COARSE = 1.0, 0.8
"""Spacings of the grids (see `ifp.exact.solve`) on which the curvature is computed."""
SOFTEST = 1e-3
"""Curvatures below this share of that at a fixed decoder are raised to it: no step is longer than a thousandfold."""
DOWNHILL = 0.3
"""Along a negative curvature steps are those of a positive one this many times as large: downhill, off a saddle."""
LEAST_DENSITY = 1e-30
"""Pixels of decoded images are raised to this, far below any posterior that counts."""
MOST_VARIABLES = 512
"""With more variables than this the Hessian costs more than the steps that it saves."""
CHUNK_NUMBERS = 4_000_000
"""Products of pairs of images are made for as many traversals at a time as keep them below this many numbers."""


def inverse_curvature(batch: TraversalBatch, states: States, level_M: Tensor, at_M: Tensor, power: float) -> Tensor:
    """The inverse Hessian of R + phi(K) at these states, made positive definite [M, V, V]; see `ifp.exact.solve`."""
    hessian = scaled_hessian(batch, states, level_M, at_M, power)
    inverse = torch.empty_like(hessian)
    shifted = hessian - SOFTEST * torch.eye(hessian.shape[1], dtype=hessian.dtype, device=hessian.device)
    definite = torch.linalg.cholesky_ex(shifted).info == 0
    if bool(definite.any()):
        inverse[definite] = torch.cholesky_inverse(torch.linalg.cholesky(hessian[definite]))
    if not bool(definite.all()):
        values, vectors = torch.linalg.eigh(hessian[~definite])
        values = torch.where(values < 0, -DOWNHILL * values, values).clamp_min(SOFTEST)
        inverse[~definite] = torch.bmm(vectors / values[:, None], vectors.mT)
    scale = _root_of_scale(states, level_M)
    return inverse * scale[:, :, None] * scale[:, None]


def _root_of_scale(states: States, level_M: Tensor) -> Tensor:
    """The square root of the inverse Hessian's diagonal at a minimum with a fixed decoder [M, V]."""
    std = states.log_std_MND.exp().flatten(1)
    return torch.cat([std, torch.full_like(std, 0.5**0.5)], 1) * (states.mean_MND.shape[1] / level_M[:, None]).sqrt()


def scaled_hessian(batch: TraversalBatch, states: States, level_M: Tensor, at_M: Tensor, power: float) -> Tensor:
    """The Hessian of R + phi(K) [M, V, V] in variables in which it is about 1 where the decoder is fixed.

    Computed on a coarse grid, R's part in single precision: right to a few per cent.
    """
    members, images, latents = states.mean_MND.shape
    size = max(1, CHUNK_NUMBERS // (images * (images + 1) * batch.shape[1]))
    rows = [torch.arange(at, min(at + size, members), device=level_M.device) for at in range(0, members, size)]
    recon = torch.cat([_reconstruction_hessian(batch.take(r), states.take(r)) for r in rows])
    std = states.log_std_MND.exp()
    kl = kl_nats(states.mean_MND, states.log_std_MND).sum(1)
    beta = level_M * (kl / at_M) ** power
    own = torch.cat([(std**2).flatten(1), 2 * (std**2).flatten(1)], 1) * (beta / images)[:, None]
    gradient = States(states.mean_MND * std, torch.expm1(2 * states.log_std_MND)).to_vector() / images
    hessian = recon + torch.diag_embed(own)
    hessian += (power * beta / kl)[:, None, None] * gradient[:, :, None] * gradient[:, None]
    # in units of the scale
    unit = torch.ones_like(gradient[0])
    unit[images * latents :] = 0.5**0.5
    return hessian * (unit[:, None] * unit) * (images / level_M)[:, None, None]


def _reconstruction_hessian(batch: TraversalBatch, states: States) -> Tensor:
    """The Hessian of R [M, V, V] in means, in units of their standard deviations, and log stds."""
    images, latents = states.mean_MND.shape[1:]
    grid = grid_of(states.mean_MND, states.log_std_MND, uniform=COARSE, fitted=FITTED_COARSE)
    std = states.log_std_MND.exp()
    offset = ((grid.z_MGD[:, :, None] - states.mean_MND[:, None]) / std[:, None]).float()  # [M, G, N, D]
    log_q = -0.5 * (offset**2).sum(3) - states.log_std_MND.sum(2)[:, None].float()
    top = log_q.amax(2, keepdim=True)
    relative = (log_q - top).exp()
    total = relative.sum(2, keepdim=True)
    share = relative / total
    mass = (grid.weight_MG.float() * top[:, :, 0].exp() * total[:, :, 0]) / (images * (2 * math.pi) ** (latents / 2))
    single = batch.in_single_precision()
    decoded = torch.bmm(share, single.x_MNP)
    paid = share * mass[:, :, None] * single.cost(share)
    slope = [*offset.unbind(3), *(offset**2 - 1).unbind(3)]  # of ln q, F times [M, G, N]
    moved = [share * s for s in slope]
    i, j = torch.tril_indices(images, images, device=std.device)
    weighed = _pairs(single, decoded, i, j) * mass[:, :, None]
    left, right = ([m.index_select(2, rows) for m in moved] for rows in (i, j))
    values, own = [], []
    for a in range(2 * latents):
        here = weighed * left[a]
        for b in range(2 * latents):
            values.append(-(here * right[b]).sum(1))
            # each image's own block: second derivatives of q are q (slope slope + a correction in the same latent)
            own.append((paid * slope[a] * slope[b]).sum(1))
            if a % latents == b % latents:
                at = offset[..., a % latents]
                own[-1] -= (paid if a == b < latents else 2 * paid * (at**2 if a == b else at)).sum(1)
    blocks = torch.stack(values, 1)
    n = torch.arange(images, device=std.device)
    blocks[:, :, n * (n + 3) // 2] += torch.stack(own, 1)
    found = blocks.flatten(1).index_select(1, _places(images, latents).to(std.device)).double()
    return found.reshape(len(found), 2 * images * latents, -1)


@cache
def _places(images: int, latents: int) -> Tensor:
    """Where each entry of the Hessian [V V], in the order of `States.to_vector`, stands among the blocks [F F L]."""
    features, pairs = 2 * latents, images * (images + 1) // 2
    # image and feature of each variable
    n = torch.arange(images).repeat_interleave(latents).repeat(2)
    a = torch.cat([torch.arange(latents).repeat(images), latents + torch.arange(latents).repeat(images)])
    first, second = torch.maximum(n[:, None], n), torch.minimum(n[:, None], n)
    swapped = n[:, None] < n
    of_first = torch.where(swapped, a, a[:, None])
    of_second = torch.where(swapped, a[:, None], a)
    return ((of_first * features + of_second) * pairs + first * (first + 1) // 2 + second).flatten()


def _pairs(batch: TraversalBatch, decoded_MGP: Tensor, i_L: Tensor, j_L: Tensor) -> Tensor:
    """A_ij of pairs of images at each grid point [M, G, L]; see the top of the file."""
    weight = batch.weight_MP
    if isinstance(batch.likelihood, Bernoulli):
        on = weight[:, None] / decoded_MGP.clamp_min(LEAST_DENSITY)
        off = weight[:, None] / (1 - decoded_MGP).clamp_min(1e-7)
        pairs = on.new_empty(*on.shape[:2], len(i_L))
        for row, first, end in batch.runs:
            both_on, both_off = batch.images.pairs(row, i_L, j_L)
            into = pairs[first:end].flatten(0, 1)
            torch.mm(on[first:end].flatten(0, 1), both_on.T, out=into)
            into.addmm_(off[first:end].flatten(0, 1), both_off.T)
        return pairs.sub_(weight.sum(1)[:, None, None])
    x = batch.x_MNP
    weighted = x * weight[:, None]
    product = torch.bmm(weighted, x.mT)[:, i_L, j_L]
    along = torch.bmm(decoded_MGP, weighted.mT)
    square = (decoded_MGP**2 * weight[:, None]).sum(2, keepdim=True)
    return product[:, None] - along[:, :, i_L] - along[:, :, j_L] + square
