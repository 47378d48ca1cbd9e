"""The variants of sprites against their definitions in disentanglement_lib."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ifp.datasets.base import FactorDataset
from ifp.datasets.sprites import SPACE, sprite_masks
from ifp.datasets.variants import ScreamSprites, make_variant, uniform
from ifp.errors import IfpError

# `checksum()` of each variant, first computed with the geometry of 2026-11-28 (NumPy on x86-64); each covers
# 64 images, whose properties the other tests of this file check
PINNED = {
    "sprites-noshape": "2fe874920489410b092a8fbaa639035bcf6d78df0cf85c7d2d17f5785eea460d",
    "sprites-color": "dd058a6fec7d3665f9959e4f40b07aad7ec3204b556964b67dc9a2efe6d4fd31",
    "sprites-noisy": "3ab6143fa8dc1f01b6899499d5cae5bdb3b74231100390cb214bd66ff7e998a5",
    "sprites-scream": "f075869c85ca549d3dde65f6a0f8972addb069e099234701e7f96a690511a28d",
}


@pytest.fixture(params=PINNED)
def variant(request: pytest.FixtureRequest) -> FactorDataset:
    return make_variant(request.param)


def some_positions(data: FactorDataset, count: int) -> np.ndarray:
    return data.space.unravel(np.random.default_rng(1).integers(len(data.space), size=count))


def test_checksums_are_pinned(variant: FactorDataset) -> None:
    assert variant.checksum() == PINNED[variant.name]


def test_equal_nuisances_give_equal_images_and_others_do_not(variant: FactorDataset) -> None:
    position = some_positions(variant, 1)
    nuisance = np.array([5, 5, 2**31 - 1, 0, 123456789, 6, 7, 8, 9, 10])
    images = variant.render(np.repeat(position, len(nuisance), axis=0), nuisance)
    assert images.dtype == np.uint8
    assert images.shape == (len(nuisance), *variant.image_shape)
    np.testing.assert_array_equal(images[0], images[1])
    different = len(np.unique(images.reshape(len(images), -1), axis=0))
    assert different == (3 if variant.name == "sprites-noshape" else len(nuisance) - 1)


def test_an_image_does_not_depend_on_the_others(variant: FactorDataset) -> None:
    positions, nuisance = some_positions(variant, 12), np.random.default_rng(2).integers(2**31, size=12)
    together = variant.render(positions, nuisance)
    np.testing.assert_array_equal(variant.render(positions[[7, 3]], nuisance[[7, 3]]), together[[7, 3]])


def test_nuisance_modes(variant: FactorDataset) -> None:
    fixed = variant.sample_traversals("posX", 1, seed=0)[0]
    random = variant.sample_traversals("posX", 1, seed=0, nuisance="random")[0]
    assert (len(set(fixed.nuisance)), len(set(random.nuisance))) == (1, 32)
    assert variant.traversal_images(fixed).shape == variant.traversal_images(random).shape == (32, *variant.image_shape)


def test_noshape_draws_the_shape_evenly() -> None:
    data = make_variant("sprites-noshape")
    assert data.space.names == ("scale", "orientation", "posX", "posY")
    count = 600
    positions = np.repeat([[5, 7, 16, 16]], count, axis=0)
    images = data.render(positions, np.arange(count))[:, 0] > 0
    shapes = sprite_masks(np.array([[shape, 5, 7, 16, 16] for shape in range(3)]))
    which = (images[:, None] == shapes).all(axis=(2, 3))
    assert (which.sum(axis=1) == 1).all()
    # binomial(600, 1/3) has a standard deviation of 11.5
    assert (np.abs(which.sum(axis=0) - count / 3) < 4 * 11.5).all()


def test_color_is_one_colour_on_black_between_half_and_one() -> None:
    data = make_variant("sprites-color")
    positions = some_positions(data, 300)
    images, masks = data.render(positions, np.arange(300)), sprite_masks(positions)
    colors = np.stack([image[:, mask][:, 0] for image, mask in zip(images, masks, strict=True)])
    np.testing.assert_array_equal(images, masks[:, None] * colors[:, :, None, None])
    assert colors.min() in range(128, 132)
    assert colors.max() in range(252, 256)
    assert colors.mean() == pytest.approx(191.25, abs=4 * 255 / np.sqrt(48 * 900))
    assert np.abs(np.corrcoef(colors.T)[np.triu_indices(3, 1)]).max() < 4 / np.sqrt(300)


def test_noisy_is_white_on_uniform_noise() -> None:
    data = make_variant("sprites-noisy")
    positions = some_positions(data, 20)
    images, masks = data.render(positions, np.arange(20)), sprite_masks(positions)
    outside = ~masks[:, None] & np.ones((1, 3, 1, 1), dtype=bool)
    assert (images[~outside] == 255).all()
    counts = np.bincount(images[outside], minlength=256)
    expected = counts.sum() / 256
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - 255) < 4 * np.sqrt(2 * 255)
    channels = images.reshape(20, 3, -1)[:, :, ~masks.any(axis=0).ravel()]
    assert np.abs(np.corrcoef(channels.swapaxes(0, 1).reshape(3, -1))[np.triu_indices(3, 1)]).max() < 0.02


def test_scream_inverts_a_tinted_patch_of_the_picture(tmp_path: Path) -> None:
    """A picture of one grey shows the arithmetic: background (120 + tint) / 2, sprite 255 minus that."""
    Image.new("RGB", (100, 80), (120, 120, 120)).save(tmp_path / "grey.png")
    data = ScreamSprites(tmp_path / "grey.png")
    positions = some_positions(data, 40)
    images, masks = data.render(positions, np.arange(40)), sprite_masks(positions)
    tints = []
    for image, mask in zip(images, masks, strict=True):
        background = image[:, ~mask][:, :1]
        assert (image[:, ~mask] == background).all()
        assert (image[:, mask] == 255 - background).all()
        tints.append(background[:, 0])
    assert np.min(tints) >= 60
    assert np.max(tints) <= 188
    assert np.std(tints) == pytest.approx(255 / 2 / np.sqrt(12), rel=0.15)


def test_scream_takes_patches_from_everywhere(tmp_path: Path) -> None:
    """In a picture whose red is the column and whose green is the row, the patch's corner can be read off."""
    rows, columns = np.mgrid[:100, :90]
    picture = np.stack([columns, rows, 0 * rows], axis=-1).astype(np.uint8) * 2
    Image.fromarray(picture).save(tmp_path / "ramp.png")
    data = ScreamSprites(tmp_path / "ramp.png")
    images = data.render(np.repeat([[0, 0, 0, 16, 16]], 400, axis=0), np.arange(400)).astype(int)
    # twice the value's step, halved by the tint: one level a pixel
    assert (np.abs(np.diff(images[:, 0, :10], axis=2) - 1) <= 1).all()
    assert (np.abs(np.diff(images[:, 1, :, :10], axis=1) - 1) <= 1).all()
    patches = data.picture_CHW.astype(int)
    assert patches.shape == (3, 100, 90)
    corners = set()
    for image in images:
        tint = image[2, 0, 0]
        assert (image[2, :10] == tint).all()
        corners.add(tuple(image[:, 0, 0]))
    assert len(corners) > 350


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.write_text("not a picture"), "not a picture that Pillow reads"),
        (lambda path: Image.new("RGB", (200, 63)).save(path, "png"), "200 x 63 pixels"),
        (lambda path: Image.new("RGB", (3500, 350)).save(path, "png"), "350 x 35 pixels"),
        (lambda path: path.mkdir(), "directory"),
    ],
)
def test_unusable_pictures_are_one_sentence(tmp_path: Path, make: object, message: str) -> None:
    path = tmp_path / "picture.png"
    make(path)  # type: ignore[operator]
    with pytest.raises(IfpError, match=message) as caught:
        ScreamSprites(path)
    assert "\n" not in str(caught.value)


def test_scream_says_which_picture_and_depends_on_it(tmp_path: Path) -> None:
    Image.new("L", (700, 548), 77).save(tmp_path / "grey.png")
    named, built_in = ScreamSprites(tmp_path / "grey.png"), ScreamSprites()
    assert "grey.png (350 x 274 pixels)" in str(named.describe()["background"])
    assert "built-in 1/f" in str(built_in.describe()["background"])
    assert named.checksum() != built_in.checksum()


def test_built_in_texture_has_a_one_over_f_spectrum() -> None:
    picture = ScreamSprites().picture_CHW
    assert (picture.min(), picture.max()) == (0, 255)
    amplitude = np.abs(np.fft.rfft2(picture - picture.mean(axis=(1, 2), keepdims=True)))
    frequency = np.hypot(np.fft.fftfreq(picture.shape[1])[:, None], np.fft.rfftfreq(picture.shape[2]))
    band = (frequency > 0.01) & (frequency < 0.3)
    slope = np.polyfit(np.log(frequency[band]), np.log(amplitude[:, band].mean(axis=0)), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05)


def test_uniform_is_uniform_and_depends_on_everything() -> None:
    drawn = uniform(np.arange(2000), 10, "test")
    assert drawn.shape == (2000, 10)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 5 / np.sqrt(12 * 2000)
    assert np.abs(np.corrcoef(drawn.T)[np.triu_indices(10, 1)]).max() < 5 / np.sqrt(2000)
    assert np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1] == pytest.approx(0, abs=5 / np.sqrt(20_000))
    assert not np.isin(drawn, uniform(np.arange(2000), 10, "other")).any()
    np.testing.assert_array_equal(uniform(np.array([1999]), 4, "test"), drawn[-1:, :4])


def test_unknown_variant() -> None:
    with pytest.raises(IfpError, match="did you mean 'sprites-noisy'"):
        make_variant("sprites-noise")


def test_sprites_have_the_same_factors_in_every_variant(variant: FactorDataset) -> None:
    expected = SPACE.names[1:] if variant.name == "sprites-noshape" else SPACE.names
    assert variant.space.names == expected
