"""Text never becomes markup."""

from __future__ import annotations

import json

from beir_hybrid.report.markup import Html, embedded_json, h, join, scroller, select


def test_text_is_escaped_and_markup_is_kept() -> None:
    """Children and attributes alike; nested lists are flattened, None is nothing."""
    made = h("p", "<b>", [h("i", 1), None, ["&"]], title='"x"', hidden=True, lang=None, data_x="y", class_="c")
    assert made == '<p title="&quot;x&quot;" hidden data-x="y" class="c">&lt;b&gt;<i>1</i>&amp;</p>'
    assert isinstance(made, Html)
    assert h("br") == "<br>"
    assert join("<") == "&lt;"


def test_json_cannot_end_its_script() -> None:
    """The same values come out, and no angle bracket goes in."""
    value = {"</script><!--": ["<img onerror=1>", "&lt;", "\u2028"]}
    text = embedded_json(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


def test_choices_and_scrollers_have_names() -> None:
    """A choice is labelled, and what scrolls can be reached and named by a screen reader."""
    assert select("System", [("0", "a"), ("1", "b")], "1", id="s") == (
        '<label><span>System</span> <select id="s"><option value="0">a</option>'
        '<option value="1" selected>b</option></select></label>'
    )
    assert scroller("table", "x") == '<div class="scroll" role="region" aria-label="table" tabindex="0">x</div>'
