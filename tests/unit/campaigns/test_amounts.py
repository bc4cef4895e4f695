"""Which sign is a column's decimal sign, as far as its amounts prove it."""

from __future__ import annotations

import pytest

from campaigns.source.amounts import AmountError, DecimalEvidence


@pytest.mark.parametrize(("most", "odd"), [("12,50", "1.5"), ("12.50", "1,5")])
def test_one_odd_amount_does_not_make_the_others_of_its_column_wrong(most: str, odd: str) -> None:
    evidence = DecimalEvidence()
    for text in (odd, most, most):
        evidence.add(text)
    sign = evidence.sign(commas_delimit=False)
    assert str(sign.read(most)) == "12.50"
    with pytest.raises(AmountError, match="decimal"):
        sign.read(odd)


def test_a_column_with_both_signs_proves_nothing_about_an_amount_that_could_be_either() -> None:
    evidence = DecimalEvidence()
    for text in ("12,50", "13,50", "1.5"):
        evidence.add(text)
    with pytest.raises(AmountError, match="thousands or decimals"):
        evidence.sign(commas_delimit=False).read("1,250")
