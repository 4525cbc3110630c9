"""FLORES-200 codes (``zho_Hant``) as this package writes languages: ISO 639-1, where there is such a code."""

from __future__ import annotations

# ISO 639-3, as FLORES has it, and ISO 639-1 of the language or of the macrolanguage it is the standard form of
_PAIRS = (
    "afr:af als:sq amh:am arb:ar asm:as azj:az bam:bm ben:bn bod:bo bul:bg cat:ca ces:cs dan:da deu:de ell:el "
    "eng:en est:et eus:eu fin:fi fra:fr fuv:ff gaz:om grn:gn guj:gu hat:ht hau:ha heb:he hin:hi hrv:hr hun:hu "
    "hye:hy ibo:ig ind:id isl:is ita:it jav:jv jpn:ja kan:kn kat:ka kaz:kk khk:mn khm:km kin:rw kir:ky kor:ko "
    "lao:lo lin:ln lit:lt lug:lg lvs:lv mal:ml mar:mr mkd:mk mlt:mt mri:mi mya:my nld:nl nob:nb npi:ne nya:ny "
    "ory:or pan:pa pbt:ps pes:fa plt:mg pol:pl por:pt ron:ro rus:ru sin:si slk:sk slv:sl sna:sn snd:sd som:so "
    "sot:st spa:es srp:sr ssw:ss sun:su swe:sv swh:sw tam:ta tel:te tgk:tg tgl:tl tha:th tir:ti tsn:tn tso:ts "
    "tur:tr ukr:uk urd:ur uzn:uz vie:vi wol:wo xho:xh yor:yo zho:zh zsm:ms zul:zu"
)
_TWO_LETTERS = dict(pair.split(":") for pair in _PAIRS.split())
# the variants of a language that is also written in its usual script: they keep their script in the code
_SECOND_SCRIPTS = ("arb_Latn", "ben_Latn", "hin_Latn", "npi_Latn", "sin_Latn", "urd_Latn", "zho_Hant")


def language_of(flores: str) -> str:
    """``eng_Latn`` is ``en``, ``ceb_Latn`` is ``ceb``, ``zho_Hans`` is ``zh`` and ``zho_Hant`` is ``zh_Hant``.

    A language has its two-letter code if ISO 639-1 has one, else the three letters; so have the Arabic dialects (acm,
    arz, ...), while Modern Standard Arabic is ``ar``. A second script of a language follows after an underscore: ids
    that begin ``zh-`` are then never those of ``zh_Hant``.
    """
    language, _, script = flores.partition("_")
    code = _TWO_LETTERS.get(language, language)
    return f"{code}_{script}" if flores in _SECOND_SCRIPTS else code
