"""Thai words without Java: pythainlp's dictionary segmenter, for runtimes that have no Thai word breaker.

On XQuAD-R Thai, monolingual, newmm's words give mAP .784; ThaiAnalyzer on a JDK gives .778, pythainlp's
"longest" .767, and no segmentation at all .171. The jar holds no ICU analyzer.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from beir_hybrid.errors import MissingExtraError

NEWMM = "newmm"
_DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")  # as ThaiAnalyzer's DecimalDigitFilter does


def segment_thai(text: str) -> str:
    """``text`` with a space between words and Thai digits as ASCII ones; the rest is the analyzer's work.

    >>> segment_thai("กินข้าวแล้ว ปี๒๕๖๗")  # doctest: +SKIP
    'กินข้าว แล้ว ปี 2567'
    """
    return " ".join(_segmenter()(text.translate(_DIGITS)))


def segmenter_version() -> str:
    """``pythainlp:newmm/5.4.0``. Raises MissingExtraError when pythainlp is not installed."""
    try:
        return f"pythainlp:{NEWMM}/{version('pythainlp')}"
    except PackageNotFoundError as error:
        raise MissingExtraError("Thai BM25 on this Java runtime", "pythainlp", "bm25") from error


@functools.cache
def _segmenter() -> Callable[[str], list[str]]:
    try:
        from pythainlp.tokenize import word_tokenize
    except ImportError as error:
        raise MissingExtraError("Thai BM25 on this Java runtime", "pythainlp", "bm25") from error
    return functools.partial(word_tokenize, engine=NEWMM, keep_whitespace=False)
