"""OPTICS on channels: the spans of a reachability profile whose channels hold one and the same information.

OPTICS (Ankerst et al. 1999; scikit-learn's, steepness xi = 0.05) returns nested clusters, and as labels those without
another inside them. Taken as they are these mislead for channels: in a small sample a cluster contains smaller ones by
chance, so that a hotspot falls apart; channels that share nothing hang on at the end of one; and by VI channels of
little information lie close together although they share nothing. The labels are therefore where hotspots are looked
for. The ends of each move to where the NMI with the channels inside falls below `KEEP` of that among them, clusters
that meet so become one, and one whose channels share little (`LEAST_NMI`) or come from too few models is none.

Shapes: L channels (no factors).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Span = tuple[int, int]
"""Half-open range of places: the first one, and the one after the last."""

LEAST_NMI = 0.25
"""Minimum mean NMI over the pairs of a cluster; below it the channels have no information in common."""

KEEP = 0.75
"""Boundary channels need at least this share of the cluster's mean NMI. A channel that holds the fragment plus equally
much else has 1/sqrt(2) of it and is excluded."""

SMALLEST_DISTANCE = 1e-3
"""Distances are clipped to at least this value (bits for VI), because steep boundaries between rounding errors mean
nothing."""


@dataclass(frozen=True, eq=False)
class Profile:
    """The channels in the order of OPTICS and the clusters among them.

    Attributes
    ----------
    ordering_L : which channel stands at each place.
    reachability_L : of each place in that order, in units of the distance; the first is infinite.
    spans : of the clusters, ascending and disjoint.
    """

    ordering_L: np.ndarray
    reachability_L: np.ndarray
    spans: tuple[Span, ...]


def profile_of(distance_LL: np.ndarray, nmi_LL: np.ndarray, model_L: np.ndarray, *, min_samples: int) -> Profile:
    """Order channels by OPTICS and find clusters.

    Parameters
    ----------
    distance_LL : symmetric, from 0. nmi_LL : of the same pairs. model_L : the model of each channel.
    min_samples : 2 and more and at most L, OPTICS's number of neighbours and the fewest models that a cluster comes
        from: a fragment held twice by each of few models has the channels but does not recur.

    References
    ----------
    Ankerst, Breunig, Kriegel and Sander, OPTICS: ordering points to identify the clustering structure (SIGMOD 1999).
    """
    from sklearn.cluster import cluster_optics_xi

    ordering_L, reachability_L, predecessor_L = _order(np.maximum(distance_LL, SMALLEST_DISTANCE), min_samples)
    labels_L, _ = cluster_optics_xi(
        reachability=reachability_L, predecessor=predecessor_L, ordering=ordering_L, min_samples=min_samples
    )
    nmi_LL, model_L = nmi_LL[np.ix_(ordering_L, ordering_L)], model_L[ordering_L]
    spans: list[Span] = []
    # the tightest first: it has the best claim to the channels between it and a neighbour
    for seed in sorted(_labelled(labels_L[ordering_L]), key=lambda span: -_inside(nmi_LL, span)):
        if settled := _settle(nmi_LL, seed, spans):
            spans.append(settled)
    recurring = [
        span
        for span in _join(nmi_LL, sorted(spans))
        if len(np.unique(model_L[slice(*span)])) >= min_samples and _inside(nmi_LL, span) >= LEAST_NMI
    ]
    return Profile(ordering_L, reachability_L[ordering_L], tuple(recurring))


def mean_over_pairs(nmi_LL: np.ndarray) -> float:
    """Mean over the pairs of different channels; 0 where there is no pair."""
    count = len(nmi_LL)
    return float((nmi_LL.sum() - np.trace(nmi_LL)) / (count * (count - 1))) if count > 1 else 0.0


def _order(distance_LL: np.ndarray, min_samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ordering, reachability and predecessor of OPTICS without a largest distance, the latter two by channel.

    As scikit-learn's, which searches the neighbours of each point anew and takes 50 times as long on a matrix.
    """
    count = len(distance_LL)
    # the channel is the first of its own min_samples neighbours
    core_L = np.sort(distance_LL, axis=1)[:, min_samples - 1]
    ordering_L = np.zeros(count, dtype=int)
    reachability_L, predecessor_L = np.full(count, np.inf), np.full(count, -1)
    left_L = np.ones(count, dtype=bool)
    for place in range(count):
        waiting = np.flatnonzero(left_L)
        nearest = waiting[reachability_L[waiting].argmin()]
        ordering_L[place], left_L[nearest] = nearest, False
        reached_L = np.maximum(distance_LL[nearest], core_L[nearest])
        nearer_L = left_L & (reached_L < reachability_L)
        reachability_L[nearer_L], predecessor_L[nearer_L] = reached_L[nearer_L], nearest
    return ordering_L, reachability_L, predecessor_L


def _inside(nmi_LL: np.ndarray, span: Span) -> float:
    return mean_over_pairs(nmi_LL[slice(*span), slice(*span)])


def _labelled(labels_L: np.ndarray) -> list[Span]:
    """Where each label of OPTICS, a run of places, starts and stops."""
    places = [np.flatnonzero(labels_L == label) for label in range(labels_L.max() + 1)]
    return [(int(run[0]), int(run[-1]) + 1) for run in places]


def _settle(nmi_LL: np.ndarray, seed: Span, taken: list[Span]) -> Span | None:
    """`seed` with its ends where channels cease to share its information, off those taken; None without a pair."""
    free_L = np.ones(len(nmi_LL), dtype=bool)
    for span in taken:
        free_L[slice(*span)] = False
    places = [place for place in range(*seed) if free_L[place]]
    if len(places) < 2:
        return None
    start, stop = places[0], places[-1] + 1

    def share(place: int, others: Span) -> float:
        """Mean NMI of one channel with others, against that among them."""
        return float(nmi_LL[place, slice(*others)].mean()) / max(_inside(nmi_LL, others), LEAST_NMI)

    while stop - start > 2:
        without_first, without_last = (start + 1, stop), (start, stop - 1)
        lowest, rest = min((share(start, without_first), without_first), (share(stop - 1, without_last), without_last))
        if lowest >= KEEP:
            break
        start, stop = rest
    while True:
        beside = [place for place in (start - 1, stop) if 0 <= place < len(free_L) and free_L[place]]
        highest, place = max(((share(place, (start, stop)), place) for place in beside), default=(0.0, start))
        if highest < KEEP:
            return start, stop
        start, stop = min(start, place), max(stop, place + 1)


def _join(nmi_LL: np.ndarray, spans: list[Span]) -> list[Span]:
    """Neighbours that touch are one where the pairs across share `KEEP` of what the pairs within them do."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1][1] == span[0]:
            before = joined[-1]
            sizes = np.array([stop - start for start, stop in (before, span)])
            within = np.average([_inside(nmi_LL, before), _inside(nmi_LL, span)], weights=sizes * (sizes - 1))
            if nmi_LL[slice(*before), slice(*span)].mean() >= KEEP * max(within, LEAST_NMI):
                joined[-1] = (before[0], span[1])
                continue
        joined.append(span)
    return joined
