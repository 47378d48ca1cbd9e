"""Quadrature points that are dense only where posteriors are narrow: for one latent and many images.

Posteriors of a traversal may differ tenfold in width, and a grid of one spacing is as fine everywhere as the narrowest
needs. Here the density of points is a smooth function rho(z), a base and one bump around each mean, with
rho(mean_i) >= 1 / std_i. In the coordinate t with dt = rho dz the trapezoid rule with a uniform step keeps its fast
convergence, as any smooth substitution does: the integral of f dz is the sum of step z'(t) f(z(t)). The map z(t) is a
spline with two continuous derivatives through a table, so that no equation has to be solved.

Shapes: M traversals, N images, G grid points, T places of the table, D = 1 latent.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ifp.exact.arrangements import FEW_IMAGES
from ifp.exact.ideal_vae import REACH, Grid, make_grid

BUMP = 4.0
"""Standard deviation of a bump of the density, in those of its image: a posterior's whole reach is resolved, and the
density changes slowly enough for the errors of a uniform grid."""
FITS = 6
"""Number of times that the heights of the bumps, which overlap, are scaled towards the density that is wanted."""
TABLE = 128
"""Places at which the map is tabulated, the same for all, so that grids depend on their traversal alone."""


def grid_of(mean_MND: Tensor, log_std_MND: Tensor, *, uniform: float, fitted: float) -> Grid:
    """A grid with the spacing `fitted` for many images and one latent, else of one spacing, `uniform`; in local std."""
    images, latents = mean_MND.shape[1:]
    if latents > 1 or images <= FEW_IMAGES:
        return make_grid(mean_MND, log_std_MND, spacing=uniform)
    return fitted_grid(mean_MND, log_std_MND, spacing=fitted)


def fitted_grid(mean_MND: Tensor, log_std_MND: Tensor, *, spacing: float, reach: float = REACH) -> Grid:
    """A grid for each member that resolves and covers its posteriors; points and places depend on the member alone."""
    mean, std = mean_MND[:, :, 0], log_std_MND[:, :, 0].exp()
    low, high = (mean - reach * std).amin(1, keepdim=True), (mean + reach * std).amax(1, keepdim=True)
    step = (high - low) / (TABLE - 1)
    z_MT = low + step * torch.arange(TABLE, device=std.device)
    density_MT, slope_MT = _density(z_MT, mean, std)
    # t by the trapezoid rule with its correction at the ends of each interval
    t_step = step / 2 * (density_MT[:, 1:] + density_MT[:, :-1]) + step**2 / 12 * (slope_MT[:, :-1] - slope_MT[:, 1:])
    t_MT = torch.nn.functional.pad(t_step.cumsum(1), (1, 0))
    count_M1 = torch.ceil(t_MT[:, -1:] / spacing).long() + 1
    index_G = torch.arange(int(count_M1.max()), device=std.device)
    z, by_t = _spline(t_MT, z_MT, density_MT, slope_MT, (index_G * spacing).expand(len(mean), -1).contiguous())
    weight = torch.where(index_G < count_M1, by_t * spacing, 0.0)
    return Grid(z[:, :, None], weight, -density_MT.log()[:, :, None], low, step)


def _density(z_MT: Tensor, mean_MN: Tensor, std_MN: Tensor) -> tuple[Tensor, Tensor]:
    """The density of points and its slope at these places [M, T]."""
    wanted, inverse_width = 1 / std_MN, 1 / (BUMP * std_MN)
    base = wanted.amin(1, keepdim=True)
    overlap_MNN = ((mean_MN[:, :, None] - mean_MN[:, None]) * inverse_width[:, None]).square_().mul_(-0.5).exp_()

    def at_means(height_MN: Tensor) -> Tensor:
        return base + torch.bmm(overlap_MNN, height_MN[:, :, None])[:, :, 0]

    height = wanted
    for _ in range(FITS):
        height = height * wanted / at_means(height)
    enough = (wanted / at_means(height)).amax(1, keepdim=True)
    height, base = height * enough, base * enough
    offset_MTN = (z_MT[:, :, None] - mean_MN[:, None]) * inverse_width[:, None]
    bump_MTN = offset_MTN.square().mul_(-0.5).exp_()
    density = base + torch.bmm(bump_MTN, height[:, :, None])[:, :, 0]
    return density, -torch.bmm(bump_MTN.mul_(offset_MTN), (height * inverse_width)[:, :, None])[:, :, 0]


def _spline(t_MT: Tensor, z_MT: Tensor, density_MT: Tensor, slope_MT: Tensor, at_MG: Tensor) -> tuple[Tensor, Tensor]:
    """z and dz/dt at these t: quintic Hermite interpolation through z, dz/dt = 1 / rho and its derivative."""
    first_MT = 1 / density_MT
    table_MT4 = torch.stack([t_MT, z_MT, first_MT, -slope_MT * first_MT**3], 2)
    left = (torch.searchsorted(t_MT, at_MG, right=True) - 1).clamp_(0, t_MT.shape[1] - 2)[:, :, None].expand(-1, -1, 4)
    t0, z0, first0, second0 = table_MT4.gather(1, left).unbind(2)
    t1, z1, first1, second1 = table_MT4.gather(1, left + 1).unbind(2)
    length = t1 - t0
    u = (at_MG - t0) / length
    a1, a2 = first0 * length, 0.5 * second0 * length**2
    # what the terms below u^3 leave of value, slope and curvature at the right end
    value, slope, curvature = z1 - z0 - a1 - a2, first1 * length - a1 - 2 * a2, second1 * length**2 - 2 * a2
    a3 = 10 * value - 4 * slope + 0.5 * curvature
    a4 = -15 * value + 7 * slope - curvature
    a5 = 6 * value - 3 * slope + 0.5 * curvature
    z = z0 + u * (a1 + u * (a2 + u * (a3 + u * (a4 + u * a5))))
    return z, (a1 + u * (2 * a2 + u * (3 * a3 + u * (4 * a4 + u * 5 * a5)))) / length
