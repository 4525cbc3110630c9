"""Unlabelled text for domain-adaptive pretraining: training text, evaluation passages, files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from beir_hybrid.disk.files import fingerprint, written_whole
from beir_hybrid.errors import StudyError
from beir_hybrid.readers.lines import read_lines
from beir_hybrid.studies.contents import dataset_content, load_evaluated, path_digest, records_of
from beir_hybrid.studies.study import Evaluation, Study


@dataclass(frozen=True)
class TextPart:
    """A part of a text: the digest that identifies it, and what yields its texts, of the groups a cell trains on."""

    digest: str
    lines: Callable[[str], Iterator[str]]


def text_part(given: str, study: Study, languages: Sequence[str], groups: str) -> TextPart:
    """A part of a text as a study file names it.

    Args:
        given: ``train`` (queries and passages of the training part), ``evaluation:NAME`` (a data set's passages in the
            training languages, never its queries or judgments), ``evaluation:NAME:all`` (in all its languages), or a
            file with a text a line.
        study: says where files and data sets are.
        languages: that are trained on.
        groups: the digest of the groups that are trained on.

    Raises:
        StudyError: no such file, or a data set with none of the languages.
    """
    if given == "train":
        return TextPart(fingerprint("train", groups, *languages), partial(_of_training, tuple(languages)))
    kind, _, rest = given.partition(":")
    if kind == "evaluation" and rest:
        name, _, which = rest.partition(":")
        if which not in ("", "all"):
            raise StudyError(f"the text {given!r} ends in {which!r}; expected evaluation:NAME or evaluation:NAME:all")
        where = next((each.data_dir for each in study.evaluations if each.dataset == name), None)
        passages = Evaluation(dataset=name, data_dir=where and study.path(where))
        theirs = dataset_content(passages).languages
        chosen = theirs if which else tuple(code for code in theirs if code in languages)
        if not chosen:
            raise StudyError(
                f"{name} has no passage in {', '.join(languages)}, so the text {given!r} is empty; "
                f"{given}:all takes its passages in all languages"
            )
        passages = passages.model_copy(update={"languages": chosen})
        digest = fingerprint("evaluation", dataset_content(passages).fingerprint, *chosen)
        return TextPart(digest, partial(_of_passages, passages))
    path = study.path(given)
    if not Path(path).is_file():
        raise StudyError(f"the text {path} does not exist; expected a file, train, or evaluation:NAME")
    return TextPart(fingerprint("file", path_digest(path)), partial(_of_file, path))


def _of_training(languages: tuple[str, ...], groups: str) -> Iterator[str]:
    for record in records_of(groups):
        if record.get("split") in (None, "train"):
            for side in ("query", "passage"):
                yield from (record[side][code] for code in languages if record[side].get(code))


def _of_passages(evaluation: Evaluation, groups: str) -> Iterator[str]:
    for passages in load_evaluated(evaluation).passages.values():
        yield from passages.lazy_full_texts()


def _of_file(path: str, groups: str) -> Iterator[str]:
    return (line for _, line in read_lines(Path(path), StudyError))


def write_text(parts: Sequence[TextPart], groups: str, path: Path) -> None:
    """Write a text file, a text a line, each different text once; ``groups`` are those the cell trains on."""
    texts = (" ".join(text.split()) for part in parts for text in part.lines(groups))
    seen: set[str] = set()
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        for line in filter(None, texts):
            if (key := fingerprint(line)) not in seen:
                seen.add(key)
                out.write(line + "\n")
