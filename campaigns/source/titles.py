"""What a column's title says, beside the names that are known: is it an instruction?

A column that nobody uses and that looks like an instruction may change what the numbers in the
others mean, so it is never passed over. A list of words is never complete: what a column holds is
looked at as well, see `carried`.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from campaigns.source.table import OUTCOME_PREFIX
from revio_jobs.contracts import CHANGE_NAMES, CustomerProduct

_NEAR = 0.8
_SHORTEST_MISSPELT = 5

# Beginnings of words that say something about prices.
_PRICE_WORDS = (
    *("rate", "price", "pricing", "tariff", "mrc", "nrc", "fees", "charge", "amount", "discount"),
    *("rebate", "markup", "markdown", "uplift", "surcharge", "increase", "decrease", "percent"),
    *("pct", "currency", "effective", "preis", "tarif", "betrag", "rabatt", "währung", "waehrung"),
    *("prix", "remise", "precio", "descuento", "moneda", "devise", "prezzo", "sconto", "valuta"),
    *(
        "multipl",
        "adjust",
        "reduc",
        "wirksam",
        "gültig",
        "gueltig",
        "effet",
        "efectiv",
        "prijs",
        "korting",
        "aufschlag",
        "zuschlag",
        "nachlass",
        "valid",
        "promo",
    ),
)
# Words that say something of the numbers beside them only if they stand by themselves.
_UNIT_WORDS = frozenset(
    {
        *("unit", "units", "uom", "frequency", "period", "basis", "valid", "per", "cycle", "fee"),
        *("vat", "gst", "hst", "tax", "taxes", "mwst", "ust", "tva", "iva", "net", "gross"),
        *("netto", "brutto", "ccy", "cur", "curr", "fx", "eff", "effdt", "delta", "credit"),
        *("debit", "cr", "dr", "cents", "setup", "sign", "scale", "qty", "quantity", "months"),
        *("add", "plus", "minus", "times", "raise", "cut"),
    }
)
# Words by which people mark the rows that count, or do not.
_SELECTING_WORDS = frozenset(
    {
        *("skip", "skipped", "exclude", "excluded", "exclusion", "include", "included", "ignore"),
        *("ignored", "omit", "approve", "approved", "approval", "apply", "applies", "delete"),
        *("deleted", "remove", "removed", "hold", "reject", "rejected", "confirm", "confirmed"),
        *("clear", "cancel", "cancelled", "canceled", "löschen", "freigegeben", "genehmigt"),
        *("überspringen", "supprimer", "ignorer", "exclure", "eliminar", "excluir", "aprobado"),
        *("ok", "okay", "keep", "agreed", "freigabe"),
    }
)
_SHORT_FORMS = {
    **dict.fromkeys(
        ("qty", "qnty", "quant", "menge", "anzahl", "cantidad", "quantité", "quantite", "aantal"),
        "quantity",
    ),
    **dict.fromkeys(
        (
            *("desc", "descr", "desc1", "desc2", "beschreibung", "bezeichnung", "omschrijving"),
            *("descripción", "descripcion", "descrição", "libellé", "libelle", "descrizione"),
        ),
        "description",
    ),
    **dict.fromkeys(("code", "codes"), "code1"),
    **dict.fromkeys(("activated", "activation", "activationdate", "startdate"), "activated_date"),
    **dict.fromkeys(
        (
            *("disconnected", "disconnection", "disconnectiondate", "enddate", "canceldate"),
            *("disc", "discdate", "end", "ends", "until", "expires", "expiry", "expirydate"),
            *("expirationdate", "termination", "terminationdate", "kündigung", "kuendigung"),
        ),
        "disconnect_date",
    ),
    **dict.fromkeys(("prorate", "proration", "noprorate"), "do_not_prorate"),
    **dict.fromkeys(
        (
            *("date", "from", "startingfrom", "asof", "start", "starts", "begin", "begins"),
            *("gültigab", "gueltigab", "ab", "datum", "fecha"),
        ),
        "effective_date",
    ),
}
_OLD = re.compile(r"^(old|current|previous|prior|present|existing)|(old|current|previous)$")
_OLD_ALONE = frozenset({"old", "was", "before", "previous", "bisher", "alt", "ancien"})
_NEW = re.compile(r"^(new|updated|revised|target|proposed|next)|(new|updated|revised)$")
_TYPES = re.compile(
    r"^(|change|adjustment|rate|price|value)(type|kind|mode|action|operation)$|^changes?$"
)
_UNITS = re.compile(r"[%$€£¥]|\+\s*/\s*-|±")
_YES_OR_NO = r"y\s*/\s*n|yes\s*/\s*no|j\s*/\s*n|ja\s*/\s*nein|o\s*/\s*n|oui\s*/\s*non"
_MARKING = re.compile(rf"\b(do\s*not|don'?t|no\s+change|{_YES_OR_NO})\b", re.IGNORECASE)


def key_of(title: str) -> str:
    """What of a title counts: not letter case, blanks, underscores and line breaks."""
    return re.sub(r"[\s_\u00a0\ufeff]+", "", title.lower())


def without_old(key: str) -> str:
    """Of a title's key such as `oldrate`: what it is the old value of."""
    return _OLD.sub("", key)


def without_new(key: str) -> str:
    """Of a title's key such as `newrate`: what it is the new value of."""
    return _NEW.sub("", key)


def is_old(title: str) -> bool:
    """Whether it says that its values are old ones, but not of what."""
    return key_of(title) in _OLD_ALONE


def is_of_a_record(title: str) -> bool:
    """Whether it is a field of Rev.io's own record: who exports products has it as it is."""
    return key_of(title) in _RECORD


def meaning_of(title: str) -> str:
    """What a column that is not used could be meant as; "" if nothing."""
    key = key_of(title)
    if not key or title.lower().startswith(OUTCOME_PREFIX) or key in _RECORD:
        return ""
    bare = _NEW.sub("", _OLD.sub("", key))
    if bare != key and (bare in _FIELDS or (bare in _REPLACEABLE and _NEW.match(key))):
        return f"a value of {bare}"
    if _speaks_of_prices(title) or _TYPES.match(key) or _UNITS.search(title):
        return "an instruction about prices"
    if _MARKING.search(title) or not _SELECTING_WORDS.isdisjoint(_words_of(title)):
        return "a mark of the rows that count, or do not"
    bare = re.sub(r"[^\w]+$", "", bare)
    if near := _SHORT_FORMS.get(bare) or _near(bare):
        return f"{near}, spelt otherwise"
    return ""


def _words_of(title: str) -> list[str]:
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title))
    return [word.lower() for word in words]


def _speaks_of_prices(title: str) -> bool:
    return any(word.startswith(_PRICE_WORDS) or word in _UNIT_WORDS for word in _words_of(title))


def _near(key: str) -> str:
    if len(key) < _SHORTEST_MISSPELT:
        return ""
    for name in CHANGE_NAMES:
        ratio = SequenceMatcher(None, key_of(name), key).ratio()
        if ratio >= _NEAR and len(name) >= _SHORTEST_MISSPELT - 1:
            return name
    return ""


_FIELDS = frozenset(key_of(name) for name in CHANGE_NAMES)
_RECORD = frozenset(key_of(name) for name in CustomerProduct.model_fields) - _FIELDS
_REPLACEABLE = _RECORD | {"product", "plan", "package", "term", "service", "value"}
