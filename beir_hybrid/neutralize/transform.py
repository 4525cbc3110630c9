"""A removal as it is applied to vectors in hand, and as it stands in a folder."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from beir_hybrid.disk.arrays import opened_arrays, write_arrays
from beir_hybrid.disk.checksums import checked, write_checksums
from beir_hybrid.disk.files import fingerprint, write_json
from beir_hybrid.errors import NeutralizeError
from beir_hybrid.neutralize.geometry import Key, Removal, Role, unit
from beir_hybrid.progress import tell
from beir_hybrid.records import FloatArray, ScoreArray

ARRAYS_FILE = "means.npz"
RECORD_FILE = "neutralize.json"
_ADVICE = "neutralize the model again"


@dataclass(frozen=True, eq=False)
class Transform:
    """What `neutralize` has learnt, for vectors in hand.

    Args:
        removal: what is taken off.
        unit: vectors get unit length first, which is how they were when it was learnt.
        record: what it was learnt from, as JSON values.
        means: of each role and language it was learnt from, float64 [d]; kept for those who use them elsewhere.
    """

    removal: Removal
    unit: bool
    record: Mapping[str, Any] = field(default_factory=dict)
    means: Mapping[Key, ScoreArray] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return int(next(iter(_arrays(self.removal).values())).shape[-1])

    @property
    def needs_language(self) -> bool:
        """Whether texts of two languages are changed in different ways."""
        return self.removal.everywhere is None

    @property
    def languages(self) -> list[str]:
        """Those it knows, sorted."""
        known = {language for _, language in (*self.removal.offsets, *self.removal.directions) if language}
        return sorted(known or self.record.get("languages", ()))

    def __call__(self, vectors: FloatArray, role: Role, language: str | None = None) -> FloatArray:
        """Vectors [n, d] without what is language; their length is not brought back to 1.

        Every row is changed the same way wherever it stands: equal vectors stay equal.

        Args:
            language: of the texts; unknown or None: what is common to all known languages is removed.

        Raises:
            NeutralizeError: the vectors have another width.
        """
        if not len(vectors):
            return vectors
        if vectors.shape[1] != self.width:
            raise NeutralizeError(
                f"the vectors have {vectors.shape[1]} dimensions, but those that were neutralized have {self.width}; "
                f"give the model that it was learnt from"
            )
        rows: ScoreArray = vectors.astype(np.float64)
        if self.unit:
            rows = unit(rows)
        offset, directions = self.removal.of(role, language)
        if offset is not None:
            rows = rows - offset
        if directions is not None:
            # not a matrix product: what those give differs with the place of a row
            rows = rows - np.einsum("nk,kd->nd", np.einsum("nd,kd->nk", rows, directions, dtype=np.float64), directions)
        changed: FloatArray = rows.astype(np.float32)
        return changed

    def matrix(self, role: Role = "passage", language: str | None = None) -> tuple[FloatArray, FloatArray | None]:
        """The same as ``x @ weight.T + bias``: weight [d, d] and bias [d], which is None where nothing is taken off."""
        offset, directions = self.removal.of(role, language)
        weight = np.eye(self.width)
        if directions is not None:
            weight -= directions.T.astype(np.float64) @ directions
        bias = None if offset is None else (-(weight @ offset)).astype(np.float32)
        return weight.astype(np.float32), bias

    def check_base(self, name: str, fingerprint: str | None) -> None:
        """Refuse the vectors of another model than it was learnt from.

        Raises:
            NeutralizeError: the fingerprints differ.
        """
        base: Mapping[str, Any] = self.record.get("base", {})
        learnt = base.get("fingerprint")
        if learnt is not None and fingerprint is not None and learnt != fingerprint:
            raise NeutralizeError(
                f"what is neutralized was learnt from {base.get('name')} (fingerprint {learnt}), and {name} is another "
                f"model ({fingerprint}); neutralize {name} itself, or give --model the one it was learnt from"
            )

    def say_unseen(self, languages: Collection[str]) -> None:
        """One line on stderr about the languages that it was not learnt from, if there are any."""
        unseen = sorted(set(languages) - set(self.languages))
        if unseen:
            what = "what is common to all languages" if self.needs_language else "the same as from all others"
            tell(f"neutralize: learnt from no text in {', '.join(unseen)}; from these {what} is removed")

    def describe(self) -> dict[str, Any]:
        """What results record: how and from which texts it was learnt."""
        left_out = ("base", "shrink", "language_share_of_variance", "unit", "identity")
        return {"identity": self.identity} | {key: said for key, said in self.record.items() if key not in left_out}

    @property
    def identity(self) -> str:
        """A digest of what it does to vectors."""
        arrays = _arrays(self.removal)
        parts = [part for name in sorted(arrays) for part in (name, arrays[name].tobytes())]
        return fingerprint(str(self.unit), *parts)

    def write(self, folder: Path) -> None:
        """Into a folder that exists: what is needed to apply it, the languages' means, and the record."""
        means = _named("mean", {key: mean.astype(np.float32) for key, mean in self.means.items()})
        write_arrays(folder / ARRAYS_FILE, _arrays(self.removal) | means)
        write_json(folder / RECORD_FILE, {**self.record, "unit": self.unit, "identity": self.identity})
        write_checksums(folder, (ARRAYS_FILE, RECORD_FILE))


def _named(kind: str, arrays: Mapping[Key, FloatArray]) -> dict[str, FloatArray]:
    return {"-".join(part for part in (kind, *key) if part): value for key, value in arrays.items()}


def _arrays(removal: Removal) -> dict[str, FloatArray]:
    return _named("offset", removal.offsets) | _named("directions", removal.directions)


def read_transform(folder: Path | str) -> Transform:
    """What `neutralize` wrote into a folder.

    Raises:
        NeutralizeError: the folder holds none, or a damaged one.
    """
    folder = Path(folder)
    if not (folder / RECORD_FILE).is_file():
        raise NeutralizeError(
            f"{folder} holds no {RECORD_FILE}; give a folder that was written by: beir-hybrid neutralize MODEL --out"
        )
    kept, means = (checked(folder / name, NeutralizeError, _ADVICE) for name in (RECORD_FILE, ARRAYS_FILE))
    try:
        record = json.loads(kept.read_text(encoding="utf-8"))
        with opened_arrays(means) as file:
            arrays: dict[str, FloatArray] = dict(file)
        removal = Removal(_keyed("offset", arrays), _keyed("directions", arrays))
        found = Transform(removal, bool(record["unit"]), record)
        if found.identity != record["identity"]:
            raise ValueError("its digest is another")
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise NeutralizeError(f"{folder}: {RECORD_FILE} or {ARRAYS_FILE} is damaged ({error}); {_ADVICE}") from error
    return found


def _keyed(kind: str, arrays: Mapping[str, FloatArray]) -> dict[Key, FloatArray]:
    found: dict[Key, FloatArray] = {}
    for name, value in arrays.items():
        what, role, language = (*name.split("-", 2), "", "")[:3]
        if what == kind and role in ("query", "passage", ""):
            found[cast(Any, role), language] = value
    return found
