"""The one function: what is language in a model's vectors is learnt from texts, and a model without it written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beir_hybrid.disk.files import folder_written_whole, refuse_filled, sha256_of
from beir_hybrid.errors import NeutralizeError, did_you_mean
from beir_hybrid.languages import language_code
from beir_hybrid.neutralize.geometry import (
    METHODS,
    TAKES_DIRECTIONS,
    Role,
    Vectors,
    language_means,
    language_share,
    refuse_few,
    shrunk,
    unit,
)
from beir_hybrid.neutralize.texts import (
    PER_LANGUAGE,
    Sample,
    Text,
    draw,
    is_sample,
    language_files,
    texts_of_dataset,
    texts_of_files,
    texts_of_groups,
)
from beir_hybrid.neutralize.transform import Transform
from beir_hybrid.progress import counted, progress, tell

if TYPE_CHECKING:
    from beir_hybrid.retrieval.dense.retriever import DenseRetriever


def neutralize(
    model: Any,
    out: Path | str,
    *,
    method: str = "project",
    directions: int | None = None,
    shrink: bool = False,
    groups: Path | str | None = None,
    dataset: str | None = None,
    texts: str | Mapping[str, Path | str] | None = None,
    queries: str | Mapping[str, Path | str] | None = None,
    languages: str | Sequence[str] | None = None,
    per_language: int = PER_LANGUAGE,
    seed: int = 0,
    check_leaks: Sequence[str] = (),
    data_dir: Path | str | None = None,
    split: str | None = None,
    dataset_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> Transform:
    """Learn where each language's vectors lie, and write the model without it.

    Texts come from one or more of ``groups``, ``dataset`` and ``texts``, and ``queries``. Where there are no texts of
    queries, those of passages stand in for them, under the prompt of queries.

    Args:
        model: a sentence-transformers model, its name or path, or a registered encoder.
        out: the folder of the new model; must not exist or be empty.
        method: a key of `METHODS`.
        directions: how many are removed, by the methods that remove directions; None: the method's own number.
        shrink: move each language's mean towards that of all, as far as chance may have parted them (for few texts).
        groups: JSON Lines of parallel groups (queries and passages).
        dataset: a registered data set or BEIR folder, of which the passages are taken.
        texts: passages as plain text: ``de=FILE,en=FILE``, or a folder of ``LANGUAGE.txt``.
        queries: queries likewise.
        languages: only these.
        per_language: texts of each language and role at most.
        seed: which texts are drawn.
        check_leaks: data sets that none of the texts may overlap.
        data_dir: where data sets are.
        split: of ``dataset``.
        dataset_options: loading options of ``dataset``.
        **options: of `DenseRetriever`: ``query_prompt``, ``passage_prompt``, ``batch_size``, ``device``, ``cache`` ...

    Returns:
        What was learnt; its ``record`` is what stands in ``neutralize.json``.

    Raises:
        SettingError: ``languages`` names what is none.
        NeutralizeError: the method or its directions make no sense, there is no text in two languages, a text overlaps
            a data set of ``check_leaks``, or the model is not a dense sentence-transformers model.
    """
    from beir_hybrid.datasets import get_source
    from beir_hybrid.neutralize.written_model import refuse_not_dense, refuse_routes, write_model

    _check_method(method, directions, per_language)
    named = languages.split(",") if isinstance(languages, str) else languages
    chosen = None if named is None else [language_code(language) for language in named]
    if not (groups or dataset or texts):
        raise NeutralizeError(
            "there is nothing to learn from; give texts: --groups FILE, --dataset NAME, or --texts de=FILE,en=FILE"
        )
    found = list(_sources(groups, dataset, texts, queries, chosen, data_dir, split, dataset_options or {}))
    target = Path(out).expanduser()
    refuse_filled(target)
    for name in check_leaks:
        get_source(name)
    sample = draw((one for _, _, read in found for one in read), per_language, seed, chosen)
    refuse_few(_sizes(sample), method, directions, shrink=shrink)
    refuse_not_dense(model)
    leaks = _without_leaks(sample, check_leaks, data_dir)
    encoder = _dense(model, options)
    refuse_routes(encoder.model, method)
    sources = {name: said for name, said, _ in found}
    record = {"sources": sources, "per_language": per_language, "seed": seed, "leak_check": leaks}
    transform = learn(encoder, sample, method, directions, record, shrink=shrink)
    with folder_written_whole(target) as part:
        write_model(encoder.model, transform, part)
        transform.write(part)
    return transform


def learn(
    encoder: DenseRetriever,
    sample: Sample,
    method: str = "project",
    directions: int | None = None,
    record: Mapping[str, Any] | None = None,
    *,
    shrink: bool = False,
) -> Transform:
    """What is language in an encoder's vectors; `DenseRetriever` takes it as it is, without a folder.

    Args:
        encoder: gives the vectors; those in its cache are taken from there.
        sample: the texts; without those of queries, those of passages under the prompt of queries stand in.
        method: a key of `METHODS`.
        directions: how many are removed, by the methods that remove directions; None: the method's own number.
        record: where the texts come from, kept with what is learnt.
        shrink: move each language's mean towards that of all, as far as chance may have parted them (see `shrunk`).

    Raises:
        NeutralizeError: there are fewer texts or languages than directions.
    """
    refuse_few(_sizes(sample), method, directions, shrink=shrink)
    vectors = _encode(encoder, sample)
    learnt = shrunk(vectors) if shrink else vectors
    removal = METHODS[method](learnt, directions)
    shares = {}
    transform = Transform(removal, encoder.similarity == "cosine")
    for role, by_language in vectors.items():
        after = {lang: transform(rows, role, lang) for lang, rows in by_language.items()}
        after = {lang: unit(rows) if transform.unit else rows for lang, rows in after.items()}
        shares[role] = {"before": language_share(by_language), "after": language_share(after)}
    removed = [each for each in (removal.everywhere, *removal.directions.values()) if each is not None]
    said = {
        "method": method,
        "shrink": shrink,
        **({"directions": len(removed[0])} if removed else {}),
        "base": {"name": encoder.name, **encoder.describe()},
        "languages": sample.languages,
        **(record or {}),
        "texts": sample.record(),
        "queries": "their own texts" if "query" in sample.texts else "the passages' texts under the prompt of queries",
        "language_share_of_variance": shares,
    }
    return Transform(removal, transform.unit, said, language_means(learnt))


def _check_method(method: str, directions: int | None, per_language: int) -> None:
    if method not in METHODS:
        raise NeutralizeError(f"unknown method {method!r}; {did_you_mean(method, METHODS)}")
    if directions is not None and method not in TAKES_DIRECTIONS:
        raise NeutralizeError(f"{method} removes means, not directions; {' and '.join(TAKES_DIRECTIONS)} take a number")
    if (directions is not None and directions < 1) or per_language < 1:
        raise NeutralizeError(f"directions are {directions} and texts a language {per_language}; expected 1 or more")


def _sources(
    groups: Path | str | None, dataset: str | None, texts: Any, queries: Any, languages: Sequence[str] | None,
    data_dir: Path | str | None, split: str | None, options: Mapping[str, Any],
) -> Iterator[tuple[str, Any, Iterator[Text]]]:  # fmt: skip
    """Each source's name, what is recorded of it, and its texts."""
    if groups:
        path = Path(groups)
        if not (is_sample(path) or path.is_file()):
            raise NeutralizeError(f"{groups} is no file; expected JSON Lines of parallel groups")
        said = "sample" if is_sample(path) else {"file": path.name, "sha256": sha256_of(path)}
        # queries that are given apart stand in place of the groups'
        yield "groups", said, (one for one in texts_of_groups(path) if not (queries and one.role == "query"))
    if dataset:
        wanted = None if languages is None else ",".join(languages)
        yield "dataset", dataset, texts_of_dataset(dataset, data_dir, wanted, split, options)
    roles: tuple[tuple[str, Any, Role], ...] = (("texts", texts, "passage"), ("queries", queries, "query"))
    for name, given, role in roles:
        if given:
            files = {language: path.name for language, path in language_files(given).items()}
            yield name, files, texts_of_files(given, role)


def _without_leaks(sample: Sample, datasets: Sequence[str], data_dir: Path | str | None) -> dict[str, Any]:
    """What was compared; refuses texts that overlap."""
    from beir_hybrid.datasets import load_dataset

    if not datasets:
        return {}
    from beir_hybrid.training.leak import LeakDetector, TrainingText, find_leaks

    texts = [TrainingText(one.text, "neutralize", one.where, one.group, one.language, one.role) for one in sample]
    for name in datasets:
        found = find_leaks(texts, LeakDetector(load_dataset(name, data_dir)))
        share = f"{len(found)} of {counted(len(texts), 'text', 'texts')}"
        tell(f"leak check: {name} overlaps {share}")
        if found:
            first = found[0]
            raise NeutralizeError(
                f"{name} overlaps {share}; the first is {first.where} ({first.language}, "
                f"{first.kind}: {first.evaluation_id}); learn from other texts, or leave --check-leaks out and say so"
            )
    return {"disjoint_from": list(datasets), "texts": len(texts)}


def _dense(model: Any, options: Mapping[str, Any]) -> DenseRetriever:
    from beir_hybrid.neutralize.written_model import refuse_not_dense
    from beir_hybrid.retrieval.dense.retriever import DenseRetriever

    if isinstance(model, str | Path):
        tell(f"loading {model}")
    encoder = DenseRetriever(model, **options)
    refuse_not_dense(encoder.model)
    tell(encoder.summary)
    return encoder


def _asked(sample: Sample) -> dict[Role, Mapping[str, Sequence[Text]]]:
    """What is encoded for each role: where there are no texts of one, those of the other stand in."""
    return {
        "passage": sample.texts.get("passage") or sample.texts["query"],
        "query": sample.texts.get("query") or sample.texts["passage"],
    }


def _sizes(sample: Sample) -> dict[Role, dict[str, int]]:
    return {
        role: {language: len(texts) for language, texts in by_language.items()}
        for role, by_language in _asked(sample).items()
    }


def _encode(encoder: DenseRetriever, sample: Sample) -> Vectors:
    """Vectors of the sample for both roles, as the model gives them, of unit length if it ranks by cosine."""
    asked = _asked(sample)
    total = sum(len(texts) for by_language in asked.values() for texts in by_language.values())
    with progress("encoding", total, "text") as bar:
        return {
            role: {
                language: encoder.embed(role, [one.text for one in texts], bar)
                for language, texts in by_language.items()
            }
            for role, by_language in asked.items()
        }
