"""Captions of the figures as plain text: what lies in a txt beside each figure, and below it in a report.

A caption says what is drawn, of which data and under which likelihood, how the marks are to be read, and in which
units: a figure that is copied out of its folder with its caption can stand in a paper.
"""

from __future__ import annotations

from collections.abc import Sequence

_IFP = "Information freezing points (the beta at which the KL of the posterior reaches the threshold)"
_BETA = "beta in nats of reconstruction per nat of KL, both summed over pixels and latents"

CAPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ifp_distribution": (_IFP, ("Above a density for each factor of 10 values or more, below a lane for each.",)),
    "ifp_strip": (_IFP, ("A lane for each factor with every member.",)),
    "ifp_ridge": (_IFP, ("A row for each factor: its density, cut at the range of the data, members below.",)),
    "ifp_hist": (_IFP, ("A row for each factor: a histogram in bins common to all factors, with every member below.",)),
    "kl_trace": (
        "KL of the posterior against beta",
        (
            "A panel for each factor; both axes are logarithmic.",
            "Thin lines: members; thick lines: the typical member, in black the exact equilibrium of an ideal VAE, in "
            "colour a trained network, solid while beta falls and dashed while it rises.",
            "The dotted line is the threshold, the grey band the range between the two edges of the theory.",
        ),
    ),
    "joint_annealing": (
        "All factors at once: what networks hold while beta falls and rises",
        (
            "From the top: mutual information of latents and images; its derivative -dMI/dbeta; the number of latents "
            "at work, -2 dMI/dln(beta), with that of linear theory dashed; the KL of each latent; where there are "
            "labels, the information on each factor and its joint freezing points.",
            "Grey bands: what noise alone passes with probability 5 %. Solid lines and arrows to the left: cooling; "
            "dotted lines and arrows to the right: heating.",
        ),
    ),
    "joint_edges": (
        "Edges of all factors at once, in closed form",
        (
            "Above: the number of latents at work in linear theory; below, for each factor, its edge alone (filled) "
            "and given all other factors (open: median over contexts, line: range).",
        ),
    ),
    "multi_rate": (
        "The response of networks trained at all betas at once",
        (
            "KL of each latent against beta (grey: of cooled and heated networks, where there are any); the "
            "information on each factor; the objective less the lower one of the cooled and heated networks; and each "
            "factor's point (diamond) under its trained bracket (arrows) and edges.",
            "An amortised response without a history is no bracket.",
        ),
    ),
    "ifp_gan_freezing": (
        "What the codes of GANs hold against the pressure, 1 / weight of information",
        (
            "A line for each code and seed: its information bound, solid as the pressure falls, dashed as it rises.",
            "Adversarial training has no equilibrium: the pressure is no beta of a VAE.",
        ),
    ),
    "ifp_training": (
        "What latents hold of each factor over a training",
        (
            "NMI of the best latent (solid) and of the second best (dashed) with each factor, of latents as sampled, "
            "above the noise floor; lines are means over seeds, bands their range.",
            "Without factors: the KL of all latents. Of GANs the information bound of each code stands above.",
        ),
    ),
    "ifp_shift": (
        "Melting points of factors in the baseline (open) and in the mitigated models (filled)",
        (
            "A thin line joins the two models of a pair; a short bar is the geometric mean. Models in which a factor "
            "was not held, or did not melt, are counted at the right.",
        ),
    ),
    "ifp_directions": (
        "What the decoder draws along the directions nearest to symmetries",
        (
            "A row for each direction, from minus to plus two standard deviations of the codes, with its MinMax; the "
            "last row is a random direction.",
        ),
    ),
    "nmi": (
        "Normalised mutual information of each latent with each factor",
        (
            "Rows are latents by falling KL, a panel for each estimator. A white cell with a grey number is within "
            "noise; weak and collapsed latents are bracketed.",
        ),
    ),
    "kl": (
        "KL of each latent in nats, with its interval",
        ("Filled: active, hatched: weak, empty: collapsed; dotted lines are the two thresholds.",),
    ),
    "kl_decomposition": (
        "The parts of the KL",
        (
            "Index-code mutual information, total correlation and dimension-wise KL, and their sum, in nats; the mark "
            "is ln N, above which no mutual information of N posteriors can be seen.",
        ),
    ),
    "traversals": (
        "What the decoder draws as one latent moves from -2 to 2, the others as encoded",
        ("Rows by falling KL; collapsed latents are pale.",),
    ),
    "nmi_series": (
        "The largest and the second largest NMI of each factor over a training",
        ("Time runs downward; a cell within the noise has no colour.",),
    ),
    "nmi_curves": (
        "The largest (solid) and the second largest (dashed) NMI of each factor over a training",
        ("Above the noise floor, with 95 % bands.",),
    ),
    "comparison": (
        "The difference of two models in what their latents hold of each factor",
        ("NMI1 and NMI2 above the noise floor; filled where the 95 % interval is clear of 0, hollow within noise.",),
    ),
    "models": (
        "Normalised mutual information of each latent with each factor, a panel for each model",
        ("Rows are latents by falling KL; a white cell with a grey number is within noise.",),
    ),
    "structure": (
        "What the channels of many models have in common",
        (
            "Similarity of all channels in the order of their clustering, with the hotspots (pieces of information "
            "that recur) named; beside it the clustering's profile, the factors of each hotspot, what its "
            "representative draws, and where its channels freeze.",
        ),
    ),
    "fragments": (
        "Hotspots at each beta and how they split and merge",
        (
            "A mark for each hotspot of the models at one beta, its size the share of models that have it, its colour "
            "the factor; lines join those that share information.",
        ),
    ),
}  # fmt: skip
"""The name of a figure's file -> what it shows, and how it is read."""
OVER_BETA = ("ifp_distribution", "ifp_strip", "ifp_ridge", "ifp_hist", "kl_trace", "joint_annealing", "joint_edges",
             "multi_rate", "ifp_shift")  # fmt: skip
"""The figures whose axis is beta."""


def caption(figure: str, *, of: str = "", threshold_nats: float | None = None, says: Sequence[str] = ()) -> str:
    """The caption of a figure, one paragraph of plain text.

    Parameters
    ----------
    figure : the name of its file, without the suffix; one of `CAPTIONS`.
    of : data set, image shape and likelihood, or the model. threshold_nats : where there is one.
    says : sentences on what this one shows, which stand before those on units.

    >>> print(caption("nmi", of="toys"))  # doctest: +ELLIPSIS
    Normalised mutual information of each latent with each factor: toys. Rows are latents by falling KL, ...
    """
    title, sentences = CAPTIONS[figure]
    units = [_BETA] if figure in OVER_BETA else []
    units += [] if threshold_nats is None else [f"threshold {threshold_nats:g} nat"]
    end = f"{'; '.join(units)}." if units else ""
    head = f"{title}: {of}." if of else f"{title}."
    return " ".join([head, *sentences, *says, *([end[0].upper() + end[1:]] if end else [])])
