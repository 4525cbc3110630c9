import numpy as np
import pytest

from st_hybrid_batch.permute import MAX_SIZE, mix, permute


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 12_345])
def test_is_a_bijection(size):
    """A position taken twice would put a group into a batch twice."""
    for key in range(4):
        assert sorted(permute(np.arange(size), np.array([size]), mix(key))) == list(range(size))


def test_every_image_is_equally_likely():
    """A skewed permutation would show some groups early in every epoch."""
    size, keys = 7, 7000
    images = permute(np.arange(size), np.full((keys, 1), size), mix(np.arange(keys)[:, None]))
    for position in range(size):
        counts = np.bincount(images[:, position], minlength=size)
        chi_square = ((counts - keys / size) ** 2 / (keys / size)).sum()
        assert chi_square < 25  # 6 degrees of freedom: p = 0.0003


def test_one_call_serves_many_sizes_and_keys():
    """Blocks mix streams of different sizes; each row must be what it is alone."""
    sizes, keys = np.array([[5], [900]]), mix(np.array([[1], [2]]))
    together = permute(np.arange(5), sizes, keys)
    for row in range(2):
        alone = permute(np.arange(5), sizes[row], keys[row])
        assert (together[row] == alone).all()


def test_large_sizes_stay_inside():
    """The largest size there may be must not overflow."""
    for size in (40_000_000, MAX_SIZE - 1, MAX_SIZE):
        positions = np.concatenate((np.arange(10_000), size - 1 - np.arange(10_000)))
        images = permute(positions, np.array([size]), mix(3))
        assert len(set(images.tolist())) == 20_000
        assert images.min() >= 0 and images.max() < size


def test_neighbours_part():
    """Documents lie together in the data; a batch must not be a document."""
    images = permute(np.arange(100_000), np.array([4_444_444]), mix(5))
    steps = np.diff(images) / 4_444_444
    assert abs(np.corrcoef(images[:-1], images[1:])[0, 1]) < 0.02
    assert abs(np.abs(steps).mean() - 1 / 3) < 0.01
