"""The two LAReQA data sets, XQuAD-R and MLQA-R: SQuAD-shaped files with sentence boundaries (arXiv 2004.05484).

One file per language, parallel questions. Every sentence of every paragraph is a candidate passage; the relevant one of
a question is the sentence with ``begin <= answer_start < end``. Chinese sentences touch each other, so an inclusive end
would move answers to the sentence before.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.parallel import Answer, Question, numbered, parallel
from beir_hybrid.datasets.source import TableSource
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.json_lines import is_text

_HALF = re.compile(rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]")
"""An escape of half a surrogate pair, or what looks like one."""


Level: TypeAlias = Literal["sentences", "paragraphs"]
"""What the passages are."""


@dataclass(frozen=True, kw_only=True)
class LareqaSource(TableSource):
    """XQuAD-R or MLQA-R at one commit of google-research-datasets/lareqa."""

    question_id_width: int

    def read(
        self,
        root: Path,
        languages: Sequence[str],
        split: str,
        *,
        with_paragraph: bool = False,
        passages: Level = "sentences",
        **_: Any,
    ) -> Dataset:
        if passages not in get_args(Level) or (with_paragraph and passages == "paragraphs"):
            raise DatasetError(
                f"{self.name}: passages are {passages!r}{' with their paragraph' if with_paragraph else ''}; expected "
                f"sentences (alone or, with_paragraph, with theirs) or paragraphs"
            )
        texts, asked = {}, {}
        for language in languages:
            texts[language], asked[language] = read_squad(
                root / f"{language}.json", question_id_width=self.question_id_width, with_paragraph=with_paragraph,
                passages=passages,
            )  # fmt: skip
        options: dict[str, Any] = {"with_paragraph": True} if with_paragraph else {}
        options |= {"passages": passages} if passages != "sentences" else {}
        return self.dataset(root, languages, split, **parallel(texts, asked), options=options)


def read_squad(
    path: Path, *, question_id_width: int, with_paragraph: bool = False, passages: Level = "sentences"
) -> tuple[dict[str, Answer], dict[str, Question]]:
    """One file as passages and queries, by what their ids end with.

    Of a passage that is its position in the file (texts repeat, also inside a language), of a query the upstream id,
    padded to ``question_id_width``; that is its group too, for it is equal in all languages.

    Args:
        with_paragraph: passages are the sentence followed by its whole paragraph, as LAReQA's encoders read
            it; else the sentence alone.
        passages: sentences, or whole paragraphs, of which the one that a question was asked about is relevant (as
            mteb's XQuADRetrieval has it).

    Raises:
        DatasetError: not JSON (``path:line``), a missing field, no question, an empty or repeated one, an answer
            outside every sentence.
    """
    document = _parse(path)
    texts: list[str] = []
    questions: dict[str, tuple[str, int]] = {}
    for article_index, article in enumerate(_get(document, "data", list, path, "the file")):
        for index, paragraph in enumerate(_get(article, "paragraphs", list, path, where := f"data[{article_index}]")):
            place = f"{where}.paragraphs[{index}]"
            context = _get(paragraph, "context", str, path, place)
            sentences = _get(paragraph, "sentences", list, path, place)
            breaks = _get(paragraph, "sentence_breaks", list, path, place)
            if len(sentences) != len(breaks):
                raise DatasetError(
                    f"{path}: {place} has {len(sentences)} sentences and {len(breaks)} sentence_breaks; "
                    f"there must be one [begin, end) for each sentence"
                )
            for number, sentence in enumerate(sentences):
                if not isinstance(sentence, str):
                    raise DatasetError(f"{path}: {place}.sentences[{number}] is {sentence!r}; expected a string")
            if not all(_is_span(span) for span in breaks):
                raise DatasetError(f"{path}: {place}: sentence_breaks must be pairs [begin, end) of integers")
            for number, question in enumerate(_get(paragraph, "qas", list, path, place)):
                spot = f"{place}.qas[{number}]"
                key = _get(question, "id", str, path, spot)
                text = _get(question, "question", str, path, spot)
                if not text.strip():
                    raise DatasetError(f"{path}: {spot} (id {key!r}) has an empty question")
                if key in questions:
                    raise DatasetError(f"{path}: {spot} repeats question id {key!r}; ids must be unique in a file")
                sentence = _answer_sentence(question, breaks, path, spot)
                questions[key] = (text, len(texts) + (sentence if passages == "sentences" else 0))
            if passages == "paragraphs":
                texts.append(context)
                continue
            # two Turkish sentences differ from their slice of the context: the text is the sentence's own
            texts += [f"{sentence} {context}" if with_paragraph else sentence for sentence in sentences]
    if not questions:
        raise DatasetError(f"{path}: holds no question; delete it and fetch it again")
    about: dict[int, list[str]] = {}
    for key, (_, position) in questions.items():
        about.setdefault(position, []).append(key)
    return (
        numbered((Answer(text, about.get(position, ())) for position, text in enumerate(texts)), 7),
        {key.rjust(question_id_width, "0"): Question(text, key) for key, (text, _) in questions.items()},
    )


def _parse(path: Path) -> Any:
    try:
        raw = path.read_bytes()
        found = json.loads(raw)
    except json.JSONDecodeError as error:
        raise DatasetError(
            f"{at(path, error.lineno)}: not valid JSON at column {error.colno} ({error.msg}); "
            f"the file may be truncated: delete it and fetch it again"
        ) from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 at byte {error.start}; delete it and fetch it again") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
    half = _HALF.search(raw)
    if half and not is_text(found):
        where = at(path, raw.count(b"\n", 0, half.start()) + 1)
        raise DatasetError(f"{where}: holds half of a surrogate pair (an escape \\ud...), which is no text")
    return found


def _get(record: Any, key: str, kind: type, path: Path, where: str) -> Any:
    if not isinstance(record, dict) or not isinstance(record.get(key), kind):
        names = {list: "a list", str: "a string", int: "an integer"}
        raise DatasetError(f"{path}: {where} has no {key!r} that is {names[kind]}; expected the LAReQA layout")
    return record[key]


def _is_span(span: Any) -> bool:
    return isinstance(span, list) and len(span) == 2 and all(isinstance(end, int) for end in span)


def _answer_sentence(question: Any, breaks: list[Any], path: Path, where: str) -> int:
    answers = _get(question, "answers", list, path, where)
    if not answers:
        raise DatasetError(f"{path}: {where} has no answer")
    start = _get(answers[0], "answer_start", int, path, f"{where}.answers[0]")
    sentence = bisect_right(breaks, start, key=lambda span: span[0]) - 1
    if sentence < 0 or start >= breaks[sentence][1]:
        raise DatasetError(f"{path}: {where}: answer_start {start} lies in no sentence (begin <= answer_start < end)")
    return sentence
