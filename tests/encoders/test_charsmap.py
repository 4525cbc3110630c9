"""The normaliser's trie: what tokenizers reads from it is the rules and nothing else."""

from __future__ import annotations

import unicodedata

from beir_hybrid.encoders.charsmap import precompiled, with_joined_marks


def normalised(rules: dict[str, str], text: str) -> str:
    from tokenizers import normalizers

    return str(normalizers.Precompiled(precompiled(rules)).normalize_str(text))


def test_every_rule_is_applied_and_nothing_else() -> None:
    """Keys that begin alike, replacements that are empty, longer or shared, characters of one to four bytes."""
    rules = {"½": "1/2", "a": "b", "ａ": "b", "\u0007": "", "𝒜": "A", "é": "e"}
    assert normalised(rules, "½aａ\u0007𝒜é") == "1/2bbAe"
    untouched = "xyzßąक़𝒝～\u0008èéz".replace("é", "")
    assert normalised(rules, untouched) == untouched


def test_a_letter_and_its_marks_become_one_character() -> None:
    """Where they are short enough for tokenizers; what no single character stands for stays as it is."""
    joined = with_joined_marks({"½": "1/2"})
    for apart in ("e\u0301", "и\u0306", "ا\u0653"):
        assert normalised(joined, apart) == unicodedata.normalize("NFC", apart) != apart
    for alone in ("q\u0301", "क\u093c", "â\u0301"):  # no such letter, no NFC form, some marks joined already
        assert normalised(joined, alone) == alone
    # the shortest key is taken for all of it: what tokenizers makes of XLM-RoBERTa's own rules too
    assert normalised(joined, "a\u0302\u0301") == "â" and joined["a\u0302\u0301"] == "ấ"
    assert joined["½"] == "1/2"
