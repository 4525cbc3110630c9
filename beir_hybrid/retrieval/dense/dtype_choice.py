"""Whether a model may compute in bfloat16: where the processor has it, and its rankings stay what they are."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from beir_hybrid.datasets.sample import sample_documents
from beir_hybrid.disk.files import fingerprint, write_json
from beir_hybrid.neutralize.geometry import unit
from beir_hybrid.progress import progress
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.dense.dtypes import Dtype, can_change, has_bfloat16
from beir_hybrid.retrieval.dense.embeddings import check_vectors
from beir_hybrid.retrieval.dense.encoder import Encoder
from beir_hybrid.retrieval.dense.models import Role

CUTOFF = 10
FEWEST = 0.95
"""The overlap of the first `CUTOFF`, and the share of equal first passages, from which on rankings agree."""
_QUESTIONS, _SENTENCES = 8, 16
"""Of each of the 11 languages of the embedded sample."""


def bfloat16_agreement(encoder: Encoder, folder: Path | None, similarity: str) -> dict[str, Any] | None:
    """How far rankings in bfloat16 agree with those in float32; None where bfloat16 is out of the question.

    Measured on one pool of the embedded sample's first texts, whatever is evaluated: a model is always computed in
    the same way on a machine, so that runs can be resumed and compared.

    Args:
        encoder: its dtype does not matter.
        folder: where the answer is kept; None: measured at every call.

    Returns:
        ``queries``, ``passages``, ``top_10_overlap`` (mean over queries) and ``same_first`` (share of them).
    """
    if not (can_change(encoder.model) and has_bfloat16(encoder.model)):
        return None
    path = None if folder is None else folder / f"bfloat16-{fingerprint(*encoder.prompts.values(), similarity)}.json"
    with contextlib.suppress(OSError, ValueError):  # none yet, or a damaged one: it is measured again
        kept = json.loads(path.read_text(encoding="utf-8")) if path else None
        if isinstance(kept, dict) and "same_first" in kept:
            return kept
    found = _measured(encoder, similarity)
    if path is not None:
        write_json(path, found)
    return found


def agrees(agreement: dict[str, Any]) -> bool:
    """Whether a precision finds nearly what float32 finds."""
    return bool(min(agreement[f"top_{CUTOFF}_overlap"], agreement["same_first"]) >= FEWEST)


def _measured(encoder: Encoder, similarity: str) -> dict[str, Any]:
    documents = sample_documents("test")
    languages = sorted(documents[0]["sentences"])
    asked = [question["text"] for document in documents for question in document["questions"]][:_QUESTIONS]
    queries = [text[language] for language in languages for text in asked]
    passages = [
        text
        for language in languages
        for text in [each for document in documents for each in document["sentences"][language]][:_SENTENCES]
    ]
    dtypes: tuple[Dtype, ...] = ("float32", "bfloat16")
    with progress("checking whether bfloat16 ranks as float32 does", 2 * len(queries + passages), "text") as shown:

        def vectors(dtype: Dtype, role: Role, texts: list[str]) -> FloatArray:
            found = check_vectors(replace(encoder, dtype=dtype).encode(role, texts, shown.advance), texts, role)
            return cast(FloatArray, unit(found)) if similarity == "cosine" else found

        scores = [vectors(each, "query", queries) @ vectors(each, "passage", passages).T for each in dtypes]
    first, second = (np.argsort(-each, axis=1, kind="stable")[:, :CUTOFF] for each in scores)
    shared = [len({*one} & {*other}) / len(one) for one, other in zip(first.tolist(), second.tolist(), strict=True)]
    return {
        "queries": len(queries),
        "passages": len(passages),
        f"top_{CUTOFF}_overlap": float(np.mean(shared)),
        "same_first": float(np.mean(first[:, 0] == second[:, 0])),
    }
