"""Ways to lay the images of a traversal out along z: where the search for states of less reconstruction starts.

The equilibrium problem is not convex: which images are neighbours along z, and where a ring is cut open, are decided by
the start of a descent. So starts are made of what the data suggest (modes, a short closed tour through the images) and,
from a state that is known, of the same posteriors dealt out to the images in another order.

Shapes: N images, K modes, A arrangements, C orders. An order lists the images by rising z.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from ifp.exact.ideal_vae import TraversalBatch
from ifp.seeds import numpy_generator

FEW_IMAGES = 12
"""Up to so many images every move of one image and every exchange of two is tried, and random orders too."""
RANDOM_ORDERS = 24
ALL_ORDERS_OF = 5
"""Up to so many different images, of which some occur several times, all orders are starts."""
CUTS = 8
"""Rotations of the tour that a search without a known state starts from."""
LONGEST_TOUR = 400
"""With more images the order along the leading mode stands for the tour, whose cost grows as the square."""


def short_tour(batch: TraversalBatch, modes_NK: np.ndarray) -> np.ndarray:
    """A short closed tour [N] through the images of a batch of one, by squared distance over all pixels.

    From the order along the leading mode, improved by reversing stretches (2-opt; Croes, Operations Research 6, 1958).
    """
    x_NP = batch.x_MNP[0]
    product_NN = ((x_NP * batch.weight_MP[0]) @ x_NP.T).cpu().numpy()
    square_N = product_NN.diagonal()
    distance_NN = np.sqrt(np.maximum(square_N[:, None] + square_N - 2 * product_NN, 0.0))
    n = len(square_N)
    if n > LONGEST_TOUR:
        return np.argsort(modes_NK[:, 0], kind="stable")
    tour, left = [0], set(range(1, n))
    while left:
        tour.append(min(left, key=lambda i: (distance_NN[tour[-1], i], i)))
        left.remove(tour[-1])
    order_N = np.array(tour)
    for _ in range(10 * n):
        # gain [i, j] of reversing what lies after i up to j
        here_NN = distance_NN[np.ix_(order_N, order_N)]
        step_N = here_NN[np.arange(n), (np.arange(n) + 1) % n]
        gain_NN = step_N[:, None] + step_N - here_NN - np.roll(here_NN, (-1, -1), axis=(0, 1))
        gain_NN[np.tril_indices(n)] = 0.0
        i, j = np.unravel_index(int(gain_NN.argmax()), gain_NN.shape)
        if gain_NN[i, j] <= 1e-9 * step_N.sum():
            break
        order_N[i + 1 : j + 1] = order_N[i + 1 : j + 1][::-1]
    return order_N


def fresh_arrangements(modes_NK: np.ndarray, tour_N: np.ndarray, same_N: np.ndarray) -> Tensor:
    """Arrangements [A, N] of mean square 1: weaker modes, mixtures, rotations of the tour, random orders of few.

    `same_N` gives images that are equal the same number (`copies_of`): few images with copies are laid out with the
    copies in one place too.
    """
    n, modes = modes_NK.shape
    laid = []
    if modes > 1:
        first, second = modes_NK[:, 0], modes_NK[:, 1]
        laid += [second, (first + second) / 2**0.5, (first - second) / 2**0.5]
    cuts = np.unique(np.linspace(0, n, min(n, CUTS), endpoint=False).astype(int))
    orders = [np.roll(tour_N, cut) for cut in cuts]
    if n <= FEW_IMAGES:
        generator = numpy_generator(0, "orders", n)
        orders += [generator.permutation(n) for _ in range(RANDOM_ORDERS)]
        if len(np.unique(same_N)) < n:
            laid += _copies_together(same_N)
    quantiles = ndtri((np.arange(n) + 0.5) / n)
    quantiles /= np.sqrt((quantiles**2).mean())
    for order in _distinct(orders):
        laid.append(np.empty(n))
        laid[-1][order] = quantiles
    return torch.from_numpy(np.stack(laid))


def _copies_together(same_N: np.ndarray) -> list[np.ndarray]:
    """Arrangements with equal images in one place, at normal quantiles of their share: all orders of up to
    `ALL_ORDERS_OF` different images, random ones of more."""
    n, images = len(same_N), np.unique(same_N)
    if len(images) <= ALL_ORDERS_OF:
        orders = [np.array(order) for order in permutations(images.tolist())]
    else:
        generator = numpy_generator(0, "orders of different images", n)
        orders = [generator.permutation(images) for _ in range(RANDOM_ORDERS)]
    laid = []
    for order in _distinct(orders):
        share = np.array([(same_N == image).mean() for image in order])
        place = ndtri(np.cumsum(share) - share / 2)
        z_N = place[np.argmax(same_N[:, None] == order, axis=1)]
        z_N = z_N - z_N.mean()
        laid.append(z_N / np.sqrt((z_N**2).mean()))
    return laid


def copies_of(batch: TraversalBatch) -> np.ndarray:
    """For each image [N] of a batch of one the number of the first image equal to it."""
    _, first, image_N = np.unique(batch.x_MNP[0].cpu().numpy(), axis=0, return_index=True, return_inverse=True)
    return np.asarray(first[image_N.reshape(-1)])


def random_states(n: int, count: int) -> tuple[Tensor, Tensor]:
    """Means and log standard deviations [A, N] drawn at random: half in random orders at the distances of normal
    quantiles, half normal, which lets images coincide. The same for every data set of N images."""
    generator = numpy_generator(0, "posteriors", n)
    quantiles = ndtri((np.arange(n) + 0.5) / n)
    ordered = np.array([quantiles[generator.permutation(n)] for _ in range(count // 2)])
    mean = np.concatenate([ordered, generator.normal(size=(count - count // 2, n))])
    log_std = np.log(generator.uniform(0.2, 0.8, size=(count, 1))) * np.ones((1, n))
    return torch.from_numpy(mean), torch.from_numpy(log_std)


def other_orders(order_N: np.ndarray, tour_N: np.ndarray) -> np.ndarray:
    """Orders [C, N] to deal known posteriors out in: rotations of this order and of the tour, and for few images every
    move of one image and every exchange of two."""
    n = len(order_N)
    orders = [np.roll(order_N, cut) for cut in range(n)] + [np.roll(tour_N, cut) for cut in range(n)]
    if n <= FEW_IMAGES:
        for i in range(n):
            rest = np.delete(order_N, i)
            orders += [np.insert(rest, j, order_N[i]) for j in range(n)]
            for j in range(i):
                orders.append(order_N.copy())
                orders[-1][[i, j]] = order_N[[j, i]]
    known = {_key(order_N)}
    return np.array([order for order in _distinct(orders) if _key(order) not in known]).reshape(-1, n)


def _distinct(orders: list[np.ndarray]) -> list[np.ndarray]:
    """The orders without repetitions; an order read backwards is the same, since z may be mirrored."""
    return list({_key(order): order for order in reversed(orders)}.values())[::-1]


def _key(order_N: np.ndarray) -> tuple[int, ...]:
    there = tuple(order_N.tolist())
    return min(there, there[::-1])
