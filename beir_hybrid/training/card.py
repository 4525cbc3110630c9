"""What a model card says of a training with hybrid batches, below what sentence-transformers writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def card_section(
    *,
    alpha: Any,
    languages: list[str],
    prompts: Mapping[str, str],
    digests: Mapping[str, str],
    validation: Mapping[str, float],
) -> str:
    """A section of Markdown.

    Args:
        alpha: share of monolingual batches, or its schedule.
        languages: those trained on.
        prompts: what stands before queries and passages (or pairs of both), in training and by the model.
        digests: of the training and the validation data.
        validation: what the saved model was measured by, on the validation groups.
    """
    lines = [
        "",
        "## Hybrid batches",
        "",
        "Trained by beir-hybrid with batches of monolingual and cross-lingual pairs (arXiv 2408.10536).",
        "",
        "| what | value |",
        "|---|---|",
        f"| languages | {' '.join(languages)} |",
        f"| alpha, share of monolingual batches | {alpha} |",
        *(
            f"| prompt of a {role} | `{prompt}` |" if prompt else f"| prompt of a {role} | none |"
            for role, prompt in prompts.items()
        ),
        *(f"| digest of the {part} data | `{digest}` |" for part, digest in digests.items()),
    ]
    if validation:
        lines += ["", "| on the validation groups | value |", "|---|---|"]
        lines += [f"| {name} | {value:.4f} |" for name, value in sorted(validation.items())]
    return "\n".join(lines) + "\n"
