"""Mr. TyDi v1.1: questions and Wikipedia passages in 11 languages (arXiv 2108.08787), from its raw files.

Topics and qrels are ``mrtydi-v1.1-{language}/ir-format-data/{topics,qrels}.{split}.txt`` in ``castorini/mr-tydi``,
the corpus ``mrtydi-v1.1-{language}/corpus.jsonl.gz`` (``{docid, title, text}``) in ``castorini/mr-tydi-corpus``, seen
in public code that reads them at the revisions pinned here; two of the corpora's checksums are known. Questions are
not parallel, and only relevant passages are judged.
"""

from __future__ import annotations

from beir_hybrid.datasets.topic_source import Repository, TopicSource
from beir_hybrid.records import Licence

_NAMES = {
    "ar": "arabic", "bn": "bengali", "en": "english", "fi": "finnish", "id": "indonesian", "ja": "japanese",
    "ko": "korean", "ru": "russian", "sw": "swahili", "te": "telugu", "th": "thai",
}  # fmt: skip

source = TopicSource(
    name="mr-tydi",
    summary="8,661 test questions over 58 million Wikipedia passages in 11 languages; not parallel",
    splits=("test", "dev", "train"),
    licence=Licence("Apache-2.0", "https://github.com/castorini/mr.tydi", "(text: Wikipedia, CC BY-SA)"),
    called=_NAMES,
    topics="mrtydi-v1.1-{name}/ir-format-data/topics.{split}.txt",
    qrels="mrtydi-v1.1-{name}/ir-format-data/qrels.{split}.txt",
    corpus_path="mrtydi-v1.1-{name}/corpus.jsonl.gz",
    questions_in=Repository("castorini/mr-tydi", "1d43c80218d06d0ef80f5b172ccabd848b948bc1"),
    corpus_in=Repository("castorini/mr-tydi-corpus", "3a3aa212bbe94a8cc0dc858710a3dad49d532054"),
    checksums={
        f"mrtydi-v1.1-{name}/corpus.jsonl.gz": f"sha256:{sha256}"
        for name, sha256 in (
            ("swahili", "be45a839aa4445fb77ae8e43974a5310abc5665e1750bcedf7e7d5134e292fe1"),
            ("telugu", "6142ecfdfba4c77e60296bf3f62a48661db237057aa7c7facb4f92c213065726"),
        )
    },
    passage_width=16,
    query_width=8,
)
