"""The shipped model keeps the contract of a reader."""

from __future__ import annotations

import pytest

from earful.contracts import Classifier, Reader
from sentiment import reading_contract


@pytest.mark.parametrize("rule", reading_contract.CHECKS)
def test_the_shipped_model_reads_by_the_rules(classifier: Classifier, rule: str) -> None:
    if not isinstance(classifier, Reader):
        pytest.skip("these weights only give the sentiment of a text")
    assert reading_contract.CHECKS[rule](classifier) == ""
