"""Strategies for query answers: true ones in every form, and what can go wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape

from hypothesis import strategies as st

from revio_jobs.contracts.product_fields import FieldKind
from sandbox.contract.shapes import RECORD_PATHS, Dates, RecordNulls, Records, Shapes
from tests.unit.soap.wsdls import query_answer, shapes
from worker.soap.vendor import RECORD

NEVER_NIL = "Customer_Product_ID"
ALWAYS_THERE = {
    "Customer_Product_ID",
    "Line_ID",
    "Customer_ID",
    "Product_ID",
    "Group_On_Bill",
    "Tax_Included",
}
USUAL = {
    FieldKind.INTEGER: "17",
    FieldKind.DECIMAL: "12.5000",
    FieldKind.BOOLEAN: "true",
    FieldKind.DATE: "2026-01-31",
    FieldKind.TEXT: "SIP",
}
TEXTS = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"
    ),
    max_size=12,
).map(escape)
VALUES = {
    FieldKind.INTEGER: st.integers(0, 2**31 - 1).map(str),
    FieldKind.DECIMAL: st.decimals(-10_000, 10_000, places=4).map("{:f}".format),
    FieldKind.BOOLEAN: st.sampled_from(["true", "false", "1", "0"]),
    FieldKind.DATE: st.dates().map(str) | st.datetimes().map(lambda at: at.isoformat()),
    FieldKind.TEXT: TEXTS,
}
ODDITIES = st.sampled_from(
    [
        "",
        "x",
        " 7 ",
        "1e5",
        "4.5E-05",
        "True",
        "FALSE",
        "0000-00-00",
        "2026-01-31 10:00:00",
        "2026-01-31T24:00:00",
        "&#x1B;",
        "7\x01",
        "1<a>1</a>",
        "7<!-- c -->8",
        "<![CDATA[9]]>",
        "<![CDATA[<CustomerProduct>]]>",
        "&#53;",
        "&amp;",
        "&e;",
        "7\r\n",
        "7\n",
        "a]]>b",
        "a>b",
        "\ufffd",
    ]
)
HARMLESS = st.sampled_from(
    [
        b" ",
        b"\n",
        b"&#65;",
        b"<New/>",
        b"<New>1</New>",
        b"<!-- <CustomerProduct> -->",
        b"<![CDATA[ ]]>",
        b"<?pi <CustomerProduct>?>",
        b'<CustomerProduct cut="0"/>',
        b'<CustomerProduct xsi:nil="true"/>',
    ]
)
HARMFUL = st.sampled_from(
    [
        b"x",
        b"<",
        b"&e;",
        b"\xff",
        b"\xef\xbf\xbf",
        b"\x01",
        b"<Rate>1</Rate>",
        b'<Rate xsi:nil="true" />',
        b"<Customer_Product_ID>1</Customer_Product_ID>",
        b"<Header><Success>true</Success></Header>",
        b"<CustomerProduct>",
        b"</CustomerProduct>",
        b"<!--",
        b"<![CDATA[",
        b"]]>",
        b'<!DOCTYPE a [<!ENTITY e "1">]>',
        b"<a>" * 300,
    ]
)
ATTRIBUTES = st.sampled_from(
    [b' xmlns="urn:other"', b' xmlns=""', b' xmlns:xsi="urn:other"', b' a="1"', b' cut="0"']
)
ALL_SHAPES = st.builds(
    lambda records, nulls, dates: shapes(records=records, record_nulls=nulls, dates=dates),
    st.sampled_from(Records),
    st.sampled_from(RecordNulls),
    st.sampled_from(Dates),
)


def element(wire: str, text: str) -> str:
    return f"<{wire}>{text}</{wire}>"


@st.composite
def varied(draw: st.DrawFn, wire: str, chosen: Shapes) -> str:
    """Another true form of the field."""
    kind = RECORD[wire].kind
    forms = [element(wire, draw(VALUES[kind]))]
    if wire != NEVER_NIL:
        forms.append(f'<{wire} xsi:nil="true" />')
    if kind is FieldKind.TEXT:
        forms.append(f"<{wire} />")
    if wire not in ALWAYS_THERE and (
        kind is FieldKind.TEXT or chosen.record_nulls is RecordNulls.ABSENT
    ):
        forms.append("")
    return draw(st.sampled_from(forms))


@st.composite
def records(draw: st.DrawFn, chosen: Shapes, *, odd: bool) -> str:
    fields = {wire: element(wire, USUAL[field.kind]) for wire, field in RECORD.items()}
    for wire in draw(st.sets(st.sampled_from(sorted(fields)), max_size=5)):
        fields[wire] = draw(varied(wire, chosen))
    if odd and draw(st.booleans()):
        wire = draw(st.sampled_from(sorted(fields)))
        fields[wire] = element(wire, draw(ODDITIES))
    written = list(fields.values())
    if odd and draw(st.integers(0, 4)) == 0:
        written = draw(st.permutations(written))
    name = RECORD_PATHS[chosen.records][-1]
    return element(name, draw(st.sampled_from(["", "\n  ", " "])).join(written))


@st.composite
def answers(draw: st.DrawFn, *, odd: bool = False) -> tuple[Shapes, bytes]:
    chosen = draw(ALL_SHAPES)
    written = draw(st.lists(records(chosen, odd=odd), max_size=3))
    between = draw(st.sampled_from(["", "\n  ", *(["<Other/>"] if odd else [])]))
    return chosen, query_answer(between.join(written), chosen)


def overwritten(body: bytes, at: int, what: bytes) -> bytes:
    return body[:at] + what + body[at + len(what) :]


def inserted(body: bytes, at: int, what: bytes) -> bytes:
    return body[:at] + what + body[at:]


def after_a_tag(body: bytes, at: int, what: bytes) -> bytes:
    return inserted(body, body.find(b">", at) + 1, what)


def doubled(body: bytes, at: int, what: bytes) -> bytes:
    return body[: at + 3 * len(what)] + body[at:]


def removed(body: bytes, at: int, what: bytes) -> bytes:
    return body[:at] + body[at + len(what) :]


CHANGES: list[Callable[[bytes, int, bytes], bytes]] = [
    inserted,
    overwritten,
    doubled,
    removed,
    after_a_tag,
]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Shapes, bytes]:
    """With a few harmless additions, and half of them also spoilt or cut off somewhere."""
    chosen, body = draw(answers(odd=draw(st.booleans())))

    def anywhere() -> int:
        return draw(st.integers(0, len(body)))

    for _ in range(draw(st.integers(0, 2))):
        body = after_a_tag(body, anywhere(), draw(HARMLESS))
    match draw(st.integers(0, 5)):
        case 0 | 1:
            body = draw(st.sampled_from(CHANGES))(body, anywhere(), draw(HARMFUL))
        case 2:
            at = body.find(b">", anywhere())
            body = inserted(body, at, draw(ATTRIBUTES)) if at > 0 else body
        case 3:
            body = body[: anywhere()]
    return chosen, body
