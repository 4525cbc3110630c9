"""Where the vectors of each language lie, and what of that is removed: the methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from beir_hybrid.errors import NeutralizeError
from beir_hybrid.progress import counted
from beir_hybrid.records import FloatArray, ScoreArray

Role: TypeAlias = Literal["query", "passage"]
ROLES: tuple[Role, ...] = ("query", "passage")
Vectors: TypeAlias = Mapping[Role, Mapping[str, FloatArray]]
"""Vectors [n, d] of the texts of each language, encoded as queries and as passages; the same languages in both."""


Key: TypeAlias = tuple[Role | Literal[""], str]
"""A role and a language; ``""``: any other."""


@dataclass(frozen=True, eq=False)
class Removal:
    """What is taken off a vector x [d]: first an offset, then what of the rest lies in some directions.

    Args:
        offsets: [d] by role and language.
        directions: orthonormal rows [k, d] by role and language; those of ``("", "")`` go whatever these are.
    """

    offsets: Mapping[Key, FloatArray] = field(default_factory=dict)
    directions: Mapping[Key, FloatArray] = field(default_factory=dict)

    def of(self, role: Role, language: str | None) -> tuple[FloatArray | None, FloatArray | None]:
        """The offset and the directions for a role and language, those of any other where it has none of its own."""
        keys: tuple[Key, ...] = ((role, language or ""), (role, ""), ("", ""))
        first = (
            next((by_key[key] for key in keys if key in by_key), None) for by_key in (self.offsets, self.directions)
        )
        offset, directions = first
        return offset, directions

    @property
    def everywhere(self) -> FloatArray | None:
        """The directions that go whatever role and language; None where these matter."""
        return self.directions.get(("", ""))


def unit(vectors: Any) -> Any:
    """Vectors [n, d] at unit length, those of zeros as they are."""
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    # squares of such values leave the range of float32, or lose their last bits at its end
    far = np.flatnonzero(~((norms > 1e-12) & (norms < 1e18)).ravel())
    if len(far):
        scale = np.abs(vectors[far]).max(axis=1, keepdims=True)
        vectors = vectors.copy()
        vectors[far] /= np.where(scale > 0, scale, 1)
        norms[far] = np.linalg.norm(vectors[far], axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)


def language_means(vectors: Vectors) -> dict[Key, ScoreArray]:
    """The mean vector [d] of each role and language; under ``""`` that of the languages' means."""
    means: dict[Key, ScoreArray] = {}
    for role, by_language in vectors.items():
        own = {language: rows.mean(axis=0, dtype=np.float64) for language, rows in by_language.items()}
        means |= {(role, language): mean for language, mean in own.items()}
        means[role, ""] = np.mean(list(own.values()), axis=0)
    return means


def shrunk(vectors: Vectors) -> Vectors:
    """Vectors whose languages' means are moved towards the mean of all, as far as chance may have parted them.

    By so much of its distance as the variance within the language, over its number of texts, is of that and the
    variance between languages (the positive-part rule of James and Stein, in its empirical Bayes form: Efron and
    Morris 1973). For few texts; with hundreds a language it changes next to nothing.

    It takes two texts of each language: one says nothing of how texts differ (`refuse_few`).
    """
    means = language_means(vectors)
    moved: dict[Role, dict[str, FloatArray]] = {}
    for role, by_language in vectors.items():
        away = {language: means[role, language] - means[role, ""] for language in by_language}
        chance = {language: float(np.square(rows - means[role, language]).sum() / (len(rows) - 1) / len(rows))
                  for language, rows in by_language.items()}  # fmt: skip
        apart = sum(float(np.square(each).sum()) for each in away.values()) / max(len(away) - 1, 1)
        between = max(apart - float(np.mean(list(chance.values()))), 0.0)
        part = {language: each / (each + between) if each > 0 else 0.0 for language, each in chance.items()}
        moved[role] = {
            language: (rows - away[language] * part[language]).astype(np.float32)
            for language, rows in by_language.items()
        }
    return moved


def center(vectors: Vectors, directions: int | None) -> Removal:
    """Each language's mean is taken off, queries' and passages' apart.

    A vector of a language without a mean loses the common one. Source: Libovicky, Rosa, Fraser 2020, *On the Language
    Neutrality of Pre-trained Multilingual Representations* (arXiv 2004.05160).
    """
    return Removal(offsets={key: mean.astype(np.float32) for key, mean in language_means(vectors).items()})


def common_mean(vectors: Vectors, directions: int | None) -> Removal:
    """Each language's mean is moved onto the mean of the languages' means, queries and passages apart.

    A vector of a language without a mean stays as it is. Source: centring (Libovicky et al. 2020, arXiv 2004.05160),
    with what all languages share left in.
    """
    means = language_means(vectors)
    return Removal(offsets={(role, lang): (mean - means[role, ""]).astype(np.float32)
                            for (role, lang), mean in means.items()})  # fmt: skip


def lir(vectors: Vectors, directions: int | None) -> Removal:
    """Each language's leading right singular vectors (``directions`` of them, 1 if None) are projected out.

    The vectors are not centred before, so that the first is close to the language's mean. A vector of a language
    without any loses those of all languages together. Source: Yang, Yang, Cer, Darve 2021, *A Simple and Effective
    Method To Eliminate the Self Language Bias in Multilingual Representations* (arXiv 2109.04727).
    """
    k = 1 if directions is None else directions
    found: dict[Key, FloatArray] = {}
    for role, by_language in vectors.items():
        found |= {(role, language): _leading(rows, k) for language, rows in by_language.items()}
        found[role, ""] = _leading(np.concatenate(list(by_language.values())), k)
    return Removal(directions=found)


def project(vectors: Vectors, directions: int | None) -> Removal:
    """What the languages' means span is projected out; no text's language needs to be known afterwards.

    One linear map serves queries and passages: the means of both are taken together, and their leading right singular
    vectors removed. The means are not centred before, so that what all languages share goes too, which mends as much
    again. ``directions`` None: a third more than languages, because a language's queries and passages do not lie quite
    alike; all of them remove the chance of a small sample as well (measured on the page on neutralizing). Source: the
    idea of Xie, Zhao, Yu, Li 2022, *Discovering Low-rank Subspaces for Language-agnostic Multilingual Representations*
    (LSAR, EMNLP 2022), with the means themselves in place of their factorisation.

    Raises:
        NeutralizeError: all vectors are zero.
    """
    means = [mean for (_, language), mean in sorted(language_means(vectors).items()) if language]
    languages = len(means) // len(vectors)
    k = min(languages + languages // 3, len(means)) if directions is None else directions
    spread = np.linalg.svd(np.array(means), compute_uv=False)
    # where queries and passages are encoded alike their means are the same, and span no more than one role's do
    spanned = int(np.count_nonzero(spread > 1e-5 * spread[0]))
    if not spanned:
        raise NeutralizeError(
            "the vectors of all texts are zero: the model knows none of their words; give other texts"
        )
    return Removal(directions={("", ""): _leading(np.array(means), min(k, spanned))})


def _leading(rows: FloatArray | ScoreArray, k: int) -> FloatArray:
    """The first k right singular vectors [k, d], with a sign that does not depend on the library."""
    found = np.linalg.svd(rows.astype(np.float64), full_matrices=False)[2][:k]
    signs = np.sign(found[np.arange(len(found)), np.abs(found).argmax(axis=1)])
    leading: FloatArray = (found * signs[:, None]).astype(np.float32)
    return leading


METHODS: dict[str, Callable[[Vectors, int | None], Removal]] = {
    "project": project,
    "center": center,
    "common-mean": common_mean,
    "lir": lir,
}
"""The first is the default."""
TAKES_DIRECTIONS = ("project", "lir")


def refuse_few(
    sizes: Mapping[Role, Mapping[str, int]], method: str, directions: int | None, *, shrink: bool = False
) -> None:
    """What so many texts of each role and language do not give, known before they are encoded.

    Raises:
        NeutralizeError: ``project`` is to remove more directions than there are means, ``lir`` more than a language has
            texts, or a language has one text and is to be shrunk.
    """
    languages = len(next(iter(sizes.values())))
    most = languages * len(sizes)
    if method == "project" and directions is not None and directions > most:
        raise NeutralizeError(
            f"{directions} directions are more than the means of {counted(languages, 'language', 'languages')} span; "
            f"give --directions {most} or less, or texts of more languages"
        )
    for role, by_language in sizes.items():
        for language, texts in by_language.items():
            if method == "lir" and texts < (directions or 1):
                raise NeutralizeError(
                    f"{language} has {texts} {role} texts, fewer than the {directions} directions that lir removes "
                    f"from each language; give more texts or fewer --directions"
                )
            if shrink and texts < 2:
                raise NeutralizeError(
                    f"{language} has one {role} text; shrinking needs two of each language, to see how they differ"
                )


def language_share(vectors: Mapping[str, FloatArray]) -> float:
    """Which share of the variance of vectors lies between the languages' means (eta squared), 0 to 1.

    Every language counts the same, however many vectors it has.
    """
    means = np.array([rows.mean(axis=0, dtype=np.float64) for rows in vectors.values()])
    spreads = [np.square(rows - mean).sum(axis=1).mean() for rows, mean in zip(vectors.values(), means, strict=True)]
    between = float(np.square(means - means.mean(axis=0)).sum(axis=1).mean())
    whole = between + float(np.mean(spreads))
    return between / whole if whole > 0 else 0.0
