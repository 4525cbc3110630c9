"""Belebele (arXiv 2308.16884) as retrieval: 900 questions asked for their 488 FLORES passages, in 122 variants.

Fully parallel: every question and every passage is in every variant, so all three settings exist and each question
has one relevant passage a variant. One file a variant, ``data/{flores}.jsonl`` in ``facebook/belebele`` (its dataset
card), each line with ``link``, ``question_number``, ``flores_passage`` and ``question``; the four answers are not
read. A passage is told by its link (488 of them, as mteb's task counts), a question by link and number; one or two
questions share a passage. Languages are named as `language_code` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile, hub_url
from beir_hybrid.datasets.parallel import GroupQrels
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.languages import language_code
from beir_hybrid.readers.json_lines import read_json_lines
from beir_hybrid.records import Licence, Passages, Queries

_VARIANTS = (
    "acm_Arab afr_Latn als_Latn amh_Ethi apc_Arab arb_Arab arb_Latn ars_Arab ary_Arab arz_Arab asm_Beng azj_Latn "
    "bam_Latn ben_Beng ben_Latn bod_Tibt bul_Cyrl cat_Latn ceb_Latn ces_Latn ckb_Arab dan_Latn deu_Latn ell_Grek "
    "eng_Latn est_Latn eus_Latn fin_Latn fra_Latn fuv_Latn gaz_Latn grn_Latn guj_Gujr hat_Latn hau_Latn heb_Hebr "
    "hin_Deva hin_Latn hrv_Latn hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan "
    "kac_Latn kan_Knda kat_Geor kaz_Cyrl kea_Latn khk_Cyrl khm_Khmr kin_Latn kir_Cyrl kor_Hang lao_Laoo lin_Latn "
    "lit_Latn lug_Latn luo_Latn lvs_Latn mal_Mlym mar_Deva mkd_Cyrl mlt_Latn mri_Latn mya_Mymr nld_Latn nob_Latn "
    "npi_Deva npi_Latn nso_Latn nya_Latn ory_Orya pan_Guru pbt_Arab pes_Arab plt_Latn pol_Latn por_Latn ron_Latn "
    "rus_Cyrl shn_Mymr sin_Latn sin_Sinh slk_Latn slv_Latn sna_Latn snd_Arab som_Latn sot_Latn spa_Latn srp_Cyrl "
    "ssw_Latn sun_Latn swe_Latn swh_Latn tam_Taml tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi tsn_Latn tso_Latn "
    "tur_Latn ukr_Cyrl urd_Arab urd_Latn uzn_Latn vie_Latn war_Latn wol_Latn xho_Latn yor_Latn zho_Hans zho_Hant "
    "zsm_Latn zul_Latn"
)
_FLORES = {language_code(variant): variant for variant in _VARIANTS.split()}


@dataclass(frozen=True)
class _Variant:
    """One file: ``{link: passage}`` and ``{(link, question number): question}``."""

    passages: dict[str, str]
    questions: dict[tuple[str, str], str]


class BelebeleSource(FileSource):
    """Belebele: reading comprehension over FLORES, as retrieval (arXiv 2308.16884)."""

    name = "belebele"
    summary = "900 parallel questions over 488 FLORES passages in 122 language variants; one answer passage per variant"
    languages = tuple(sorted(_FLORES))
    splits = ("test",)
    licence = Licence("CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/")

    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        paths = [f"data/{_FLORES[language]}.jsonl" for language in languages]
        return [RemoteFile(path, hub_url("facebook/belebele", path)) for path in paths]

    def local(self, root: Path, file: RemoteFile) -> Path:
        plain = root / Path(file.path).name  # as in the authors' own archive
        return plain if plain.exists() else root / file.path

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        files = self.remote_files(root, languages, split)
        read = {language: _read(self.local(root, file)) for language, file in zip(languages, files, strict=True)}
        passages, queries = {}, {}
        answers: dict[str, list[str]] = {}
        of_link: dict[str, list[str]] = {}
        for language, variant in read.items():
            links, asked = sorted(variant.passages), sorted(variant.questions)
            ids = [f"{language}-p-{number:04d}" for number in range(len(links))]
            passages[language] = Passages(language, ids, [variant.passages[link] for link in links], source_ids=links)
            for link, key in zip(links, ids, strict=True):
                of_link.setdefault(link, []).append(key)
            groups = [f"{link}#{number}" for link, number in asked]
            answers.update((group, of_link[link]) for group, (link, _) in zip(groups, asked, strict=True))
            queries[language] = Queries(
                language,
                [f"{language}-q-{number:04d}" for number in range(len(asked))],
                [variant.questions[key] for key in asked],
                groups,
                groups,
            )
        qrels = GroupQrels(queries.values(), answers)
        return self.dataset(root, languages, split, passages=passages, queries=queries, qrels=qrels)


def _read(path: Path) -> _Variant:
    found = _Variant({}, {})
    for line, record in read_json_lines(path, ("link", "flores_passage", "question")):
        link, number = record["link"], str(record.get("question_number", ""))
        if not number.isdigit():
            raise DatasetError(f"{at(path, line)}: the record has no whole 'question_number', got {number!r}")
        if not record["question"].strip():
            raise DatasetError(f"{at(path, line)}: the question is empty")
        if (link, number) in found.questions:
            raise DatasetError(f"{at(path, line)}: question {number} of {link!r} appears twice")
        found.passages.setdefault(link, record["flores_passage"])
        found.questions[link, number] = record["question"]
    if not found.questions:
        raise DatasetError(f"{path}: holds no question; delete it and fetch it again")
    return found


source = BelebeleSource()
