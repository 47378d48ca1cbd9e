"""Maps of fragments over ensembles whose fragments, splits, merges and appearances are built in.

The data are all combinations of factors of 4 values, so that a latent with a place of its own for each value of one
holds 2 bits, and for each of the 16 pairs of two of them 4 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest

from ifp.analysis.channels.factor_lists import join_factors, split_factors
from ifp.analysis.channels.fragments import LINK_NMI, FragmentMap, fragment_map
from ifp.codes import Codes
from ifp.errors import IfpError
from ifp.fingerprints.build import compare_channels
from ifp.fingerprints.models import FACTOR, Channel, Model, Similarity
from ifp.seeds import numpy_generator

FACTORS_NF = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
RUNS, LATENTS = 6, 5


def latent(holds: str, generator: np.random.Generator) -> np.ndarray:
    """Means [N] of a latent that holds the factors named, values in an order of its own; "" a dead one, "?" junk."""
    if holds == "?":
        return 20.0 * generator.integers(4, size=len(FACTORS_NF))
    value_N = np.zeros(len(FACTORS_NF), dtype=int)
    for name in holds:
        value_N = 4 * value_N + FACTORS_NF[:, "abc".index(name)]
    return 20.0 * generator.permutation(4 ** len(holds))[value_N] if holds else np.zeros(len(FACTORS_NF))


def models_at(beta: float, *held: Sequence[str]) -> list[Model]:
    """A model for each of `held`, its latents in an order of its own; the others hold nothing."""
    models = []
    for run, of_run in enumerate(held):
        generator = numpy_generator(0, "fragments", beta, run)
        padded = generator.permutation(np.array([*of_run, *[""] * (LATENTS - len(of_run))], dtype=object))
        mean_ND = np.stack([latent(holds, generator) for holds in padded], axis=1)
        codes = Codes(mean_ND, np.zeros_like(mean_ND), FACTORS_NF, ("a", "b", "c"), (4, 4, 4))
        models.append(Model(f"beta-{beta:g}-{run}", codes, beta=beta))
    return models


@pytest.fixture(scope="module")
def models() -> list[Model]:
    return [
        *models_at(5, *[("a", "bc", "?")] * RUNS),
        *models_at(100, ("a",), *[()] * (RUNS - 1)),
        *models_at(20, *[("a", "b", "?")] * RUNS),
        *models_at(10, *[("a", "b", "c")] * RUNS),
        *models_at(50, *[("ab",)] * RUNS),
    ]


@pytest.fixture(scope="module")
def found(models: list[Model]) -> FragmentMap:
    return fragment_map(compare_channels(models).similarity, models)


def rows_at(found: FragmentMap, beta: float) -> pd.DataFrame:
    return found.fragments[found.fragments["beta"] == beta].set_index("factor")


def test_each_level_has_the_fragments_it_was_built_with(found: FragmentMap) -> None:
    assert [level.beta for level in found.levels] == [100, 50, 20, 10, 5]
    assert found.fragments["beta"].tolist() == [50, 20, 20, 10, 10, 10, 5, 5]
    assert set(rows_at(found, 20).index) == {"a", "b"}
    assert set(rows_at(found, 10).index) == {"a", "b", "c"}
    assert (found.fragments["runs"] == RUNS).all()
    assert (found.fragments["channels"] == RUNS).all()
    bits = found.fragments["information_bits"].to_numpy()
    np.testing.assert_allclose(bits[[0, 1, 2]], [4, 2, 2], atol=1e-4)
    assert [len(hotspot.channels) for hotspot in found.hotspots] == [RUNS] * 8


def test_a_fragment_first_appears_between_two_betas(found: FragmentMap) -> None:
    first, third = rows_at(found, 50).iloc[0], rows_at(found, 10).loc["c"]
    assert first[["origin", "bracket_low", "bracket_high", "runs_above"]].tolist() == ["appears", 50, 100, 1]
    assert third[["origin", "bracket_low", "bracket_high", "runs_above"]].tolist() == ["appears", 10, 20, 0]


def test_a_split_and_a_merge_are_seen_with_their_shares(found: FragmentMap) -> None:
    assert rows_at(found, 50)["fate"].tolist() == ["splits"]
    for _, row in rows_at(found, 20).iterrows():
        assert row[["origin", "bracket_low", "bracket_high", "parents"]].tolist() == ["split", 20, 50, "1"]
    split = found.links[found.links["higher"] == 1]
    np.testing.assert_allclose(split[["nmi", "share_of_higher", "share_of_lower"]], [[0.5**0.5, 0.5, 1]] * 2, atol=1e-4)

    before, after = rows_at(found, 10), found.fragments[found.fragments["origin"] == "merged"]
    assert before["fate"].to_dict() == {"a": "continues", "b": "merges", "c": "merges"}
    assert before.loc[["a", "b"], "origin"].tolist() == ["continues"] * 2
    assert before.loc[["a", "b"], ["bracket_low", "bracket_high"]].isna().all(axis=None)
    assert after[["beta", "bracket_low", "bracket_high", "fate"]].values.tolist() == [[5, 5, 10, "at_last"]]
    assert set(after["parents"].iloc[0].split()) == {str(before.loc[name, "fragment"]) for name in "bc"}
    merge = found.links[found.links["lower"] == after["fragment"].iloc[0]]
    np.testing.assert_allclose(merge[["nmi", "share_of_higher", "share_of_lower"]], [[0.5**0.5, 1, 0.5]] * 2, atol=1e-4)
    assert len(found.links) == 2 + 2 + 3
    assert (found.links["levels_between"] == 0).all()


def test_hotspots_point_into_the_whole_ensemble(models: list[Model], found: FragmentMap) -> None:
    channels = compare_channels(models).similarity.channels
    for hotspot, beta in zip(found.hotspots, found.fragments["beta"], strict=True):
        assert {models[channels[place].model].beta for place in hotspot.channels} == {beta}
        assert hotspot.representative in hotspot.channels
        assert {channels[place].model for place in hotspot.channels} == set(hotspot.models)


def test_what_a_level_lacks_for_once_is_not_new_below_it() -> None:
    """At 20 only one model of six holds a; c is lost for good."""
    models = [
        *models_at(50, *[("a", "c")] * RUNS),
        *models_at(20, ("a", "b"), *[("b",)] * (RUNS - 1)),
        *models_at(10, *[("a", "b")] * RUNS),
    ]
    found = fragment_map(compare_channels(models).similarity, models)
    of_a = rows_at(found, 10).loc["a"]
    assert of_a[["origin", "runs_above", "parents"]].tolist() == [
        "returns",
        1,
        str(rows_at(found, 50).loc["a", "fragment"]),
    ]
    assert np.isnan(of_a["bracket_low"])
    assert rows_at(found, 10).loc["b", "origin"] == "continues"
    assert rows_at(found, 20).loc["b", "origin"] == "appears"
    assert rows_at(found, 50)["fate"].to_dict() == {"a": "continues", "c": "ends"}
    assert rows_at(found, 50)["runs_below"].to_dict() == {"a": 1, "c": 0}
    assert rows_at(found, 10)["runs_below"].isna().all()
    assert rows_at(found, 50)["bracket_low"].tolist() == [50, 50]  # there at the highest beta: higher than that
    assert rows_at(found, 50)["bracket_high"].isna().all()
    assert sorted(found.links["levels_between"]) == [0, 1]


def test_the_order_of_the_models_changes_nothing(models: list[Model], found: FragmentMap) -> None:
    other = fragment_map(compare_channels(models[::-1]).similarity, models[::-1])
    columns = ["beta", "factor", "runs", "origin", "fate", "bracket_low", "bracket_high", "runs_above"]
    order = ["beta", "factor", "fate"]
    pd.testing.assert_frame_equal(
        *(one.fragments[columns].sort_values(order, ignore_index=True) for one in (found, other))
    )
    np.testing.assert_allclose(np.sort(found.links["nmi"]), np.sort(other.links["nmi"]), atol=1e-6)


def test_the_floor_of_a_link_decides(models: list[Model]) -> None:
    strict = fragment_map(compare_channels(models).similarity, models, link=0.8)
    assert len(strict.links) == 3  # a and b from 20 to 10, a from 10 to 5
    assert (strict.links["nmi"] > 0.99).all()


@pytest.mark.parametrize(("across", "links", "factors"), [(0.26, 1, "a + b"), (0.24, 0, "a")])
def test_what_links_and_what_names_a_fragment_by_default(across: float, links: int, factors: str) -> None:
    """Five models at each of two betas, one channel each: NMI .95 within a beta, `across` between the two.

    The factor a has an NMI of .5 with all; b has one that is .05 below `across`, on either side of what earns a name.
    """
    nmi_CC = np.full((12, 12), across)
    nmi_CC[:5, :5] = nmi_CC[5:10, 5:10] = 0.95
    nmi_CC[10, :10] = nmi_CC[:10, 10] = 0.5
    nmi_CC[11, :10] = nmi_CC[:10, 11] = across - 0.05
    np.fill_diagonal(nmi_CC, 1)
    bits_C, joint_CC = np.full(12, 2.0), 4 - 2 * nmi_CC
    channels = (*(Channel(f"m{at}", at, (0,)) for at in range(10)), Channel("a", FACTOR), Channel("b", FACTOR))
    similarity = Similarity(channels, bits_C, 2 * bits_C, bits_C.copy(), joint_CC, 64)
    codes = models_at(1, ("a",))[0].codes
    models = [Model(f"m{at}", codes, beta=20.0 if at < 5 else 10.0) for at in range(10)]
    found = fragment_map(similarity, models, distance="nmi")
    assert found.fragments["beta"].tolist() == [20, 10]
    assert len(found.links) == links
    assert found.fragments["factors"].tolist() == [factors] * 2
    assert found.link == LINK_NMI == 0.25


def test_bad_input_is_said_in_one_sentence() -> None:
    level = models_at(10, *[("a",)] * RUNS)
    unknown = [*level, Model("other", level[0].codes)]
    few = [*level, *models_at(5, *[("a",)] * 4)]
    for models, message in (
        (unknown, "the beta of each model, and that of other is not known"),
        (level, "models at 2 or more betas, got 1"),
        (few, "There are 4 models at beta 5, and hotspots need at least 5"),
    ):
        with pytest.raises(IfpError, match=message):
            fragment_map(compare_channels(models).similarity, models)
    with pytest.raises(IfpError, match="link must be above 0 and at most 1, got 0"):
        fragment_map(compare_channels(few).similarity, few, link=0)


def test_factors_in_one_cell_are_read_back_whatever_their_names_hold() -> None:
    parts = ["+", "a", " ", "\\", " + "]
    names = sorted({"".join(word) for length in (1, 2, 3, 4) for word in product(parts, repeat=length)})
    for first, second in zip(names, reversed(names), strict=True):
        assert split_factors(join_factors([first, second])) == [first, second]
    assert split_factors(join_factors([])) == []
