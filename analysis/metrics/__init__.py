"""Metrics of disentanglement: plain functions of codes [N, D] and factors [N, F] that return a `Score`.

Both may be arrays, tensors or lists; `ifp.Codes` stand for both. Settings are disentanglement_lib's
(unsupervised_study_v1) unless given, and every score says what it was made with. scikit-learn loads with the first
metric that needs it.
"""

from __future__ import annotations

from ifp.analysis.metrics.beta_vae import beta_vae
from ifp.analysis.metrics.dci import completeness, dci, disentanglement
from ifp.analysis.metrics.dci_es import dci_es, explicitness_of_curve
from ifp.analysis.metrics.explicitness import explicitness
from ifp.analysis.metrics.factor_vae import factor_vae
from ifp.analysis.metrics.infomec import info_compactness, info_modularity, infomec
from ifp.analysis.metrics.irs import irs
from ifp.analysis.metrics.jemmig import jemmig
from ifp.analysis.metrics.mig import mig
from ifp.analysis.metrics.minimality import minimality
from ifp.analysis.metrics.modularity import latent_modularity, modularity
from ifp.analysis.metrics.of_decoders import DECODER_METRICS, DecoderMetric
from ifp.analysis.metrics.registry import METRICS, Metric, run_metrics, standard_error
from ifp.analysis.metrics.sap import sap
from ifp.analysis.metrics.score import Score
from ifp.analysis.metrics.topology import Topology, topology
from ifp.analysis.metrics.total_correlation import pairwise_mi, total_correlation, wasserstein_correlation
from ifp.analysis.metrics.udr import relative_strength, udr

__all__ = [
    "DECODER_METRICS",
    "METRICS",
    "DecoderMetric",
    "Metric",
    "Score",
    "Topology",
    "beta_vae",
    "completeness",
    "dci",
    "dci_es",
    "disentanglement",
    "explicitness",
    "explicitness_of_curve",
    "factor_vae",
    "info_compactness",
    "info_modularity",
    "infomec",
    "irs",
    "jemmig",
    "latent_modularity",
    "mig",
    "minimality",
    "modularity",
    "pairwise_mi",
    "relative_strength",
    "run_metrics",
    "sap",
    "standard_error",
    "topology",
    "total_correlation",
    "udr",
    "wasserstein_correlation",
]
