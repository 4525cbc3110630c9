"""The leak check: what counts as an overlap, and what it says about the real data."""

from __future__ import annotations

from pathlib import Path

import pytest

from beir_hybrid import load_dataset
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.records import Passages, Queries
from beir_hybrid.training.leak import LeakDetector, TrainingText, find_leaks, leak_report, normalised, texts_of_groups
from st_hybrid_batch import Group, group_from_record, read_jsonl

EN = "one two three four five six seven eight nine ten eleven twelve"
ZH = "世界上第一个成功的飞机是由莱特兄弟在美国制造的"
TH = "เมืองหลวงของประเทศไทยคือกรุงเทพมหานครซึ่งเป็นเมืองที่มีประชากรมากที่สุด"


@pytest.fixture(scope="module")
def detector() -> LeakDetector:
    """An evaluation set with one passage in three languages and two questions."""
    texts = {"en": EN, "zh": ZH, "th": TH}
    passages = {lang: Passages(lang, [f"{lang}-p"], [text]) for lang, text in texts.items()}
    queries = {lang: Queries(lang, [f"{lang}-q"], [f"{lang} 42"], ["q"]) for lang in texts}
    return LeakDetector(Dataset("toy", "test", passages, queries, {}))


def test_normalised() -> None:
    """Case, width, punctuation and spacing do not count; scripts without spaces fall apart into characters."""
    assert list(normalised("Héllo,  WORLD—ﬁne! 1,5")) == ["héllo", "world", "fine", "1", "5"]
    assert normalised("हिन्दी की") == ("हिन्दी", "की")
    assert normalised("中文ABC") == ("中", "文", "abc")
    assert normalised("ไม่") == tuple("ไม่")
    assert normalised(" …! ") == ()
    # soft hyphen, zero-width space and joiners, a byte order mark, a variation selector, a bidirectional mark
    assert list(normalised("Ber\u00adlin i\u200bs \ufeffe\u2060ast\ufe0f \u200fof")) == ["berlin", "is", "east", "of"]


def test_equal_texts(detector: LeakDetector) -> None:
    """Equal once normalised is exact, however short; a single word or number is never compared."""
    assert detector.look_up(EN.upper() + "!") == ("exact", "en-p")
    assert detector.look_up("EN — 42") == ("exact", "en-q")
    assert detector.look_up("42") is None
    assert detector.look_up("") is None


def test_words_in_a_row(detector: LeakDetector) -> None:
    """Seven shared words are none, eight in the same order are one, wherever they stand and in whatever company."""
    words = EN.split()
    assert detector.look_up("so " + " ".join(words[:7]) + " so") is None
    assert detector.look_up("so " + " ".join(words[2:10]) + " so") == ("ngram", "en-p")
    assert detector.look_up(" ".join([*words[:4], "so", *words[4:8]])) is None
    assert detector.look_up(" ".join(reversed(words))) is None
    assert detector.look_up("ก" * 40 + " ".join(words[:8])) == ("ngram", "en-p")
    assert detector.look_up("漢" * 40 + " ".join(words[:8])) == ("ngram", "en-p")


@pytest.mark.parametrize(("text", "length", "key"), [(ZH, 16, "zh-p"), (TH, 40, "th-p")])
def test_characters_in_a_row(detector: LeakDetector, text: str, length: int, key: str) -> None:
    """Han counts two characters a word, Thai five: one less is none, even inside a long English text."""
    english = " completely different words stand around it here and there " * 4
    for before, after in (("", " so"), (english, english)):
        assert detector.look_up(before + text[1:length] + after) is None
        assert detector.look_up(before + text[1 : length + 1] + after) == ("ngram", key)


@pytest.mark.parametrize(
    ("question", "inside", "shorter"),
    [
        ("Who built the bridge?", "Nobody knew who built the bridge then.", "Who built bridges?"),
        ("长江有多少公里长", "他问长江有多少公里长。", "长江有多少公里"),
        ("เมืองหลวงของไทยคือที่ไหน", "ถาม เมืองหลวงของไทยคือที่ไหน ตอบ", "ไทยคือที่ไหน"),
    ],
)
def test_a_short_question_within_a_longer_text(question: str, inside: str, shorter: str) -> None:
    """A question of at least half an n-gram is found where it stands whole; one that is shorter must be equal."""
    passages = {"xx": Passages("xx", ["xx-p"], ["of no matter"])}

    def detector_of(text: str) -> LeakDetector:
        return LeakDetector(Dataset("toy", "test", passages, {"xx": Queries("xx", ["xx-q"], [text], ["q"])}, {}))

    assert detector_of(question).look_up(inside) == ("question", "xx-q")
    assert detector_of(question).look_up(inside.replace(question[-3:-1], "")) is None
    assert detector_of(shorter).look_up(f"so {shorter} so") is None
    assert detector_of(shorter).look_up(shorter) == ("exact", "xx-q")


def test_all_parts_sides_and_languages(detector: LeakDetector) -> None:
    """Queries, passages and hard negatives in every language trained on, validation groups and pretraining lines."""
    group = Group("g", {"de": "frei", "fr": EN}, {"de": ZH, "fr": "libre"}, {"fr": ["libre", TH]}, where="file:7")
    leaks = find_leaks(texts_of_groups([group], "dev"), detector)
    assert [(leak.part, leak.side, leak.language, leak.evaluation_id, leak.where) for leak in leaks] == [
        ("dev", "query", "fr", "en-p", "file:7"),
        ("dev", "passage", "de", "zh-p", "file:7"),
        ("dev", "negative", "fr", "th-p", "file:7"),
    ]
    assert [text.language for text in texts_of_groups([group], "train", ["de"])] == ["de", "de"]
    line = TrainingText(f"In {TH}", "pretraining", "text:3")
    leaks += find_leaks([line, TrainingText("nothing of it", "pretraining", "text:4")], detector)
    report = leak_report({"toy": leaks}, {"dev": 1, "pretraining": 2})
    assert report["compared"] == {"dev": 1, "pretraining": 2}
    toy = report["evaluation_sets"]["toy"]
    assert (toy["groups"], toy["texts"], toy["by_language"]) == (1, 4, {"de": 1, "fr": 2})
    assert (toy["by_part"], toy["by_kind"]) == ({"dev": 3, "pretraining": 1}, {"exact": 3, "ngram": 1})
    assert toy["leaks"][3]["where"] == "text:3"


def test_the_sample_is_disjoint() -> None:
    """The two parts of the shipped sample share nothing, and a part shares everything with itself."""
    from beir_hybrid.datasets.sample import sample_groups

    detector = LeakDetector(load_dataset("sample"))
    parts = {part: [group_from_record(group) for group in sample_groups(part)] for part in ("train", "test")}
    assert find_leaks(texts_of_groups(parts["train"], "train"), detector) == []
    assert len(find_leaks(texts_of_groups(parts["test"], "dev"), detector)) == 2 * 30 * 11


@pytest.mark.data
@pytest.mark.slow
def test_the_real_training_data(data_dir: Path) -> None:
    """parallel-train shares no text with XQuAD-R, a planted sentence is found by its line.

    Two Vietnamese phrases of eight syllables (about five words) are common to both; nothing else is.
    """
    detector = LeakDetector(load_dataset("xquad-r", data_dir))
    groups = list(read_jsonl(data_dir / "parallel-train" / "groups.jsonl.gz"))
    sentence = load_dataset("xquad-r", data_dir, languages=["el"]).passages["el"].texts[100]
    groups.append(Group("planted", {"el": "τι"}, {"el": f"Πριν. {sentence} Μετά."}, where="file:1"))
    leaks = find_leaks(texts_of_groups(groups, "train"), detector)
    assert [(leak.group, leak.language, leak.where) for leak in leaks if leak.language != "vi"] == [
        ("planted", "el", "file:1")
    ]
    assert [leak.kind for leak in leaks if leak.language == "vi"] == ["ngram"] * 2
