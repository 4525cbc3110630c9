"""Facts on languages."""

from __future__ import annotations

import pytest

from beir_hybrid.datasets import get_source
from beir_hybrid.published.languages import languages


@pytest.mark.parametrize("dataset", ["xquad-r", "mlqa-r", "miracl"])
def test_every_language_of_the_data_sets_is_there(dataset: str) -> None:
    """Grouping results by resources leaves no language out."""
    assert set(get_source(dataset).languages) <= set(languages())


def test_one_language() -> None:
    """Numbers are numbers."""
    yoruba = languages()["yo"]
    assert (yoruba.name, yoruba.script, yoruba.joshi_class, yoruba.cc100_gib) == ("Yoruba", "Latn", 2, 0.0)
