import numpy as np
import pytest

from st_hybrid_batch.index import GroupIndex


def test_rows_and_sizes():
    """Row numbers follow from the masks alone: 0b01, 0b11, 0b10 are 1 + 2 + 1 rows."""
    index = GroupIndex.build(("de", "en"), np.array([1, 3, 2], dtype=np.uint64))
    assert index.n_rows == 4
    assert index.offsets.tolist() == [0, 1, 3]
    assert index.sizes().tolist() == [2, 2]
    assert index.order.tolist() == [0, 2, 1]


def test_clusters_are_sorted_by_size():
    """Layers are prefixes only if the passages with most questions come first."""
    passages = np.array([7, 8, 8, 9, 8, 9])
    index = GroupIndex.build(("de",), np.ones(6, dtype=np.uint64), passages)
    assert passages[index.order].tolist() == [8, 8, 8, 9, 9, 7]
    assert index.cluster_start.tolist() == [0, 3, 5, 6]
    assert index.layers(0).tolist() == [3, 2, 1]


def test_memory_is_eight_bytes_a_group():
    """The budget is 10 bytes a row, and a group has at least one row."""
    index = GroupIndex.build(("de", "en"), np.full(10_000, 3, dtype=np.uint64))
    assert index.nbytes < 8.1 * index.n_groups


@pytest.mark.parametrize(
    ("languages", "masks", "told"),
    [
        (("de",), [], "no groups"),
        (("de",), [1, 0], "group number 1 has no language"),
        (tuple(map(str, range(65))), [1], "at most 64"),
    ],
)
def test_bad_input(languages, masks, told):
    """What the index cannot hold is named, not wrapped around."""
    with pytest.raises(ValueError, match=told):
        GroupIndex.build(languages, np.array(masks, dtype=np.uint64))
