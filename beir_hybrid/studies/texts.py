"""Unlabelled text for domain-adaptive pretraining: training text, evaluation passages, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from beir_hybrid.disk.files import fingerprint, written_whole
from beir_hybrid.errors import StudyError
from beir_hybrid.readers.lines import read_lines
from beir_hybrid.studies.contents import dataset_content, groups_content, load_evaluated, path_digest, records_of
from beir_hybrid.studies.study import Evaluation

_EVALUATION = "evaluation:"


@dataclass(frozen=True)
class TextPart:
    """Where a part of a text comes from.

    Attributes:
        kind: ``train`` (queries and passages of the training part), ``evaluation`` (passages of a data set, never its
            queries or judgments) or ``file`` (a text a line).
        name: groups file, data set or file.
        languages: only these; of a file, none.
        data_dir: of a data set.
    """

    kind: str
    name: str
    languages: tuple[str, ...] = ()
    data_dir: str | None = None

    def digest(self) -> str:
        """What identifies the text."""
        if self.kind == "train":
            return fingerprint("train", groups_content(self.name).digest, *self.languages)
        if self.kind == "evaluation":
            return fingerprint("evaluation", dataset_content(self._evaluation()).fingerprint, *self.languages)
        return fingerprint("file", path_digest(self.name))

    def _evaluation(self) -> Evaluation:
        return Evaluation(self.name, languages=self.languages or None, data_dir=self.data_dir)

    def lines(self) -> Iterator[str]:
        """The texts, one a line."""
        if self.kind == "train":
            for record in records_of(self.name):
                if record.get("split") in (None, "train"):
                    for side in ("query", "passage"):
                        yield from (record[side][code] for code in self.languages if record[side].get(code))
        elif self.kind == "evaluation":
            for passages in load_evaluated(self._evaluation()).passages.values():
                yield from passages.lazy_full_texts()
        else:
            yield from (line for _, line in read_lines(Path(self.name), StudyError))


def text_part(
    given: str, path: str, groups: str, languages: Sequence[str], evaluations: Sequence[Evaluation]
) -> TextPart:
    """A part of a text as a study file names it.

    Args:
        given: ``train``, ``evaluation:NAME`` (the passages in the training languages), ``evaluation:NAME:all`` (in
            all its languages), or a file.
        path: ``given`` as a path.
        groups: the training groups.
        languages: that are trained on.
        evaluations: of the study; they say where data sets are.

    Raises:
        StudyError: no such file, or a data set with none of the languages.
    """
    if given == "train":
        return TextPart("train", groups, tuple(languages))
    if given.startswith(_EVALUATION):
        name, _, which = given.removeprefix(_EVALUATION).partition(":")
        if which not in ("", "all"):
            raise StudyError(f"the text {given!r} ends in {which!r}; expected evaluation:NAME or evaluation:NAME:all")
        data_dir = next((each.data_dir for each in evaluations if each.dataset == name), None)
        theirs = dataset_content(Evaluation(name, data_dir=data_dir)).languages
        chosen = theirs if which else tuple(code for code in theirs if code in languages)
        if not chosen:
            raise StudyError(
                f"{name} has no passage in {', '.join(languages)}, so the text {given!r} is empty; "
                f"{given}:all takes its passages in all languages"
            )
        return TextPart("evaluation", name, chosen, data_dir)
    if not Path(path).is_file():
        raise StudyError(f"the text {path} does not exist; expected a file, train, or evaluation:NAME")
    return TextPart("file", path)


def write_text(parts: Sequence[TextPart], path: Path) -> None:
    """Write a text file, a text a line, each different text once."""
    seen: set[str] = set()
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        for part in parts:
            for text in part.lines():
                line = " ".join(text.split())
                if line and (key := fingerprint(line)) not in seen:
                    seen.add(key)
                    out.write(line + "\n")
