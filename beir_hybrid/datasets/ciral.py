"""CIRAL (SIGIR 2024, doi 10.1145/3626772.3657884): English questions asked of African news in four languages.

Topics and qrels are ``ciral-{name}/{topics,qrels}/{topics,qrels}.ciral-v1.0-{code}-{split}.tsv`` in ``CIRAL/ciral``,
the corpora ``passages-v1.0/{name}_passages.jsonl`` (``{docid, title, text}``) in ``CIRAL/ciral-corpus`` (their cards).
Each language has questions of its own, judged in it alone, so that a data set has cross-lingual settings by default.
"""

from __future__ import annotations

from beir_hybrid.datasets.topic_source import Repository, TopicSource
from beir_hybrid.records import Licence

source = TopicSource(
    name="ciral",
    summary="English questions over 2.6 million news passages in Hausa, Somali, Swahili and Yoruba",
    splits=("test-a", "test-b", "dev"),
    licence=Licence("Apache-2.0", "https://huggingface.co/datasets/CIRAL/ciral"),
    called={"ha": "hausa", "so": "somali", "sw": "swahili", "yo": "yoruba"},
    topics="ciral-{name}/topics/topics.ciral-v1.0-{code}-{split}.tsv",
    qrels="ciral-{name}/qrels/qrels.ciral-v1.0-{code}-{split}.tsv",
    corpus_path="passages-v1.0/{name}_passages.jsonl",
    questions_in=Repository("CIRAL/ciral"),
    corpus_in=Repository("CIRAL/ciral-corpus"),
    asked="en",
)
