"""The ideal VAE of a traversal: reconstruction and KL with the best possible decoder, and their exact gradients.

For given posteriors q_i(z) = N(mean_i, std_i^2) of the N images the best decoder is the posterior mean image
    decoded(z) = sum_i p(i | z) x_i,   p(i | z) = q_i(z) / sum_j q_j(z),
so reconstruction and KL, and with them the free energy recon + beta KL, are functions of the posteriors alone: one
integral over z, done on a grid. The trapezoid rule converges exponentially for such integrands (sums of Gaussians times
functions analytic near the real line), so a spacing of 0.7 of the narrowest posterior is enough;
tests/exact/test_ideal_vae.py holds it against fine grids.

Since the decoder is optimal, its own change does not enter the gradient (envelope theorem): with c_i(z) the cost of
image i under decoded(z), dR / dq_i(z) = c_i(z) / N.

Shapes: M traversals, N images, P distinct pixels (padded with weight 0), G grid points, D latents. All float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor

from ifp.exact.shared_images import Runs, SharedImages, of_rows, runs_of
from ifp.likelihood import Bernoulli, Gaussian, Likelihood
from ifp.theory.reduction import ReducedTraversal

SPACING = 0.7  # of the grid, in units of the narrowest posterior's standard deviation
REACH = 5.5  # of the grid beyond the outermost means, in standard deviations
PIXEL_MULTIPLE = 8  # to which numbers of pixels are padded


@dataclass(frozen=True)
class TraversalBatch:
    """Traversals of equal N on one device, ready for `reconstruction`.

    Attributes
    ----------
    images : of the traversals that the batch was made of, each held once:
        x_RNP, the images (Gaussian: centred and divided by sigma);
        relative_RNP, (x - mean) / mean (Gaussian: x), of which a decoder's distance from the mean image is a mean: it
        keeps its digits where the contrast is low, in single precision too;
        weighted_RNP, x - mean times the pixel weights.
    rows_M : which traversal of `images` each is.
    weight_MP : pixels of each pattern, 0 for padding.
    on_MP, off_MP : the weights times the mean image, and times one minus it (Gaussian: half the weights, and 0).
    odds_MP : the odds of the mean image (Gaussian: 0), which turn relative distances of x into those of 1 - x.
    collapsed_nats_M : reconstruction when no information is held: every image is decoded as the mean image. Costs are
        counted from there: their integral then has no large constant part, whose quadrature error would drown the gain
        of images of low contrast.
    likelihood : of the images.
    """

    images: SharedImages
    rows_M: Tensor
    weight_MP: Tensor
    on_MP: Tensor
    off_MP: Tensor
    odds_MP: Tensor
    collapsed_nats_M: Tensor
    likelihood: Likelihood

    @cached_property
    def runs(self) -> Runs:
        """Stretches of the same traversal."""
        return runs_of(self.rows_M)

    @cached_property
    def x_MNP(self) -> Tensor:
        """The images of each; see `images`, as for the next two."""
        return of_rows(self.images.x_RNP, self.rows_M)

    @cached_property
    def relative_MNP(self) -> Tensor:
        """Their distances from the mean image."""
        return of_rows(self.images.relative_RNP, self.rows_M)

    @cached_property
    def weighted_MNP(self) -> Tensor:
        """The same, weighted."""
        return of_rows(self.images.weighted_RNP, self.rows_M)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of images and pixels."""
        return self.images.x_RNP.shape[1], self.images.x_RNP.shape[2]

    @property
    def dtype(self) -> torch.dtype:
        """Of the numbers that are computed."""
        return self.images.x_RNP.dtype

    def take(self, rows: Tensor) -> TraversalBatch:
        """The traversals at these rows."""
        chosen = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name not in ("images", "likelihood")}
        return TraversalBatch(images=self.images, likelihood=self.likelihood, **chosen)

    def in_single_precision(self) -> TraversalBatch:
        """The same traversals in float32 where many numbers are computed; the nats that are added up stay float64."""
        single = {name: getattr(self, name).float() for name in ("weight_MP", "on_MP", "off_MP", "odds_MP")}
        return replace(self, images=self.images.single, **single)

    def cost(self, share_MGN: Tensor) -> Tensor:
        """Nats [M, G, N] of each image where the images' shares in the decoded one are these, less those of the mean
        image."""
        moved = torch.bmm(share_MGN, self.relative_MNP)
        if isinstance(self.likelihood, Bernoulli):
            # the floors only meet images whose posterior there is below them, so they cost nothing
            floor = torch.finfo(moved.dtype).eps - 1
            off = (moved * -self.odds_MP[:, None]).clamp_min_(floor).log1p_()
            on = moved.clamp_min_(floor).log1p_()
            shared = (on * self.on_MP[:, None]).addcmul_(off, self.off_MP[:, None]).sum(2, keepdim=True)
            moved = on.sub_(off)
            return torch.baddbmm(shared, moved, self.weighted_MNP.mT, beta=-1, alpha=-1)
        shared = (moved**2 * self.on_MP[:, None]).sum(2, keepdim=True)
        return torch.baddbmm(shared, moved, self.weighted_MNP.mT, alpha=-1)


def make_batch(
    traversals: Sequence[ReducedTraversal], likelihood: Likelihood, device: torch.device | str
) -> TraversalBatch:
    """Stack reduced traversals of equal N, padded to the pixels of the largest."""
    images = len(traversals[0].values_NP)
    pixels = -(-max(len(t.weight_P) for t in traversals) // PIXEL_MULTIPLE) * PIXEL_MULTIPLE
    x = torch.full((len(traversals), images, pixels), 0.5, dtype=torch.float64)
    weight = torch.zeros(len(traversals), pixels, dtype=torch.float64)
    for row, t in enumerate(traversals):
        values_NP = t.values_NP
        if isinstance(likelihood, Gaussian):
            values_NP = (values_NP - t.mean_P) / likelihood.sigma
        x[row, :, : len(t.weight_P)] = torch.from_numpy(values_NP)
        weight[row, : len(t.weight_P)] = torch.from_numpy(t.weight_P)
    mean = x.mean(1)
    if isinstance(likelihood, Bernoulli):
        own = -((x * weight[:, None]) @ (mean.log() - torch.log1p(-mean))[:, :, None])[:, :, 0]
        own = own - (weight * torch.log1p(-mean)).sum(1, keepdim=True)
        relative, on, off, odds = (
            (x - mean[:, None]) / mean[:, None],
            weight * mean,
            weight * (1 - mean),
            mean / (1 - mean),
        )
        weighted = (x - mean[:, None]) * weight[:, None]
    else:
        own = 0.5 * (x**2 * weight[:, None]).sum(2)
        relative, on, off, odds = x, 0.5 * weight, torch.zeros_like(weight), torch.zeros_like(weight)
        weighted = x * weight[:, None]
    collapsed = own.mean(1) + torch.tensor([t.constant_nats for t in traversals], dtype=torch.float64)
    x, relative, weighted, weight = (t.to(device) for t in (x, relative, weighted, weight))
    on, off, odds, collapsed = (t.to(device) for t in (on, off, odds, collapsed))
    rows = torch.arange(len(traversals), device=device)
    return TraversalBatch(SharedImages(x, relative, weighted), rows, weight, on, off, odds, collapsed, likelihood)


@dataclass(frozen=True)
class Grid:
    """Quadrature points z_MGD and weights weight_MG (0 for the padding of members that need fewer points).

    log_narrowest_MTD : logarithm of the narrowest standard deviation that the grid was made for, at T places that start
        at low_MD and are step_MD apart; T is 1 where it is the same everywhere.
    """

    z_MGD: Tensor
    weight_MG: Tensor
    log_narrowest_MTD: Tensor
    low_MD: Tensor
    step_MD: Tensor

    @property
    def fitted(self) -> bool:
        """Whether the spacing follows the widths of the posteriors."""
        return self.log_narrowest_MTD.shape[1] > 1

    def log_narrowest_at(self, mean_MND: Tensor) -> Tensor:
        """The same [M, N, D] (or [M, 1, D]) for posteriors with these means."""
        if not self.fitted:
            return self.log_narrowest_MTD
        places = self.log_narrowest_MTD.shape[1]
        nearest = ((mean_MND - self.low_MD[:, None]) / self.step_MD[:, None]).round_().clamp_(0, places - 1)
        return self.log_narrowest_MTD.gather(1, nearest.long())

    def take(self, rows: Tensor) -> Grid:
        """The grids of these members, no longer than the longest of them."""
        taken = Grid(*(value[rows] for value in vars(self).values()))
        points = int((taken.weight_MG != 0).any(0).sum())
        return replace(taken, z_MGD=taken.z_MGD[:, :points], weight_MG=taken.weight_MG[:, :points])

    def to(self, dtype: torch.dtype) -> Grid:
        """The same grid with points and weights in this precision."""
        return replace(self, z_MGD=self.z_MGD.to(dtype), weight_MG=self.weight_MG.to(dtype))


def grid_points(mean_MND: Tensor, log_std_MND: Tensor, *, spacing: float = SPACING, reach: float = REACH) -> Tensor:
    """Points [M] on the longest axis of the grid that `make_grid` would make, without making it."""
    std = log_std_MND.exp()
    span_MD = (mean_MND + reach * std).amax(1) - (mean_MND - reach * std).amin(1)
    return (torch.ceil(span_MD / (spacing * std.amin(1))) + 1).amax(1)


def make_grid(mean_MND: Tensor, log_std_MND: Tensor, *, spacing: float = SPACING, reach: float = REACH) -> Grid:
    """A grid for each member that resolves and covers its posteriors: a product of one axis per latent.

    The number of points and their places depend on the member alone; shorter grids are padded with weight 0.
    """
    std = log_std_MND.exp()
    low_MD, high_MD = (mean_MND - reach * std).amin(1), (mean_MND + reach * std).amax(1)
    step_MD = spacing * std.amin(1)
    count_MD = torch.ceil((high_MD - low_MD) / step_MD).long() + 1
    axes, weights = [], []
    for d in range(mean_MND.shape[2]):
        index = torch.arange(int(count_MD[:, d].max()), device=std.device)
        axes.append(low_MD[:, d, None] + step_MD[:, d, None] * index)
        weights.append(torch.where(index < count_MD[:, d, None], step_MD[:, d, None], torch.zeros_like(std[:1, :1, 0])))
    z, weight = axes[0][:, :, None], weights[0]
    for axis, more in zip(axes[1:], weights[1:], strict=True):
        left = z[:, :, None].expand(-1, -1, axis.shape[1], -1)
        right = axis[:, None, :, None].expand(-1, z.shape[1], -1, -1)
        z = torch.cat([left, right], 3).flatten(1, 2)
        weight = (weight[:, :, None] * more[:, None]).flatten(1, 2)
    return Grid(z, weight, log_std_MND.amin(1, keepdim=True), low_MD, step_MD)


def reconstruction(
    batch: TraversalBatch, mean_MND: Tensor, log_std_MND: Tensor, grid: Grid
) -> tuple[Tensor, Tensor, Tensor]:
    """Reconstruction [M], nats per image over all pixels, with the best decoder; its gradients [M, N, D].

    Returns
    -------
    recon_M, gradient in the means, gradient in the logarithms of the standard deviations.
    """
    images, latents = mean_MND.shape[1:]
    std = log_std_MND.exp()
    offset = (grid.z_MGD[:, :, None] - mean_MND[:, None]) / std[:, None]  # [M, G, N, D]
    log_q = -0.5 * (offset**2).sum(3) - log_std_MND.sum(2)[:, None]
    top = log_q.amax(2, keepdim=True)
    relative = (log_q - top).exp()
    total = relative.sum(2, keepdim=True)
    cost = batch.cost(relative / total)
    mass = grid.weight_MG / (images * (2 * math.pi) ** (latents / 2))
    paid = relative * (top.exp() * mass[:, :, None]) * cost
    recon = paid.sum((1, 2)) + batch.collapsed_nats_M
    moved = paid[..., None] * offset
    gradient_mean = moved.sum(1) / std
    gradient_log_std = moved.mul_(offset).sum(1) - paid.sum(1)[:, :, None]
    return recon, gradient_mean, gradient_log_std


def kl_nats(mean_MND: Tensor, log_std_MND: Tensor) -> Tensor:
    """KL to the standard normal prior [M, D], mean over the images, nats."""
    # `ifp.networks.losses.gaussian_kl_nats` takes log-variances; expm1 keeps the digits of narrow gains at the onset
    return (0.5 * (mean_MND**2 + torch.expm1(2 * log_std_MND)) - log_std_MND).mean(1)


def kl_gradient(mean_MND: Tensor, log_std_MND: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients [M, N, D] of the KL in the means and in the logarithms of the standard deviations."""
    return mean_MND / mean_MND.shape[1], torch.expm1(2 * log_std_MND) / mean_MND.shape[1]
