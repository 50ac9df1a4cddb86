"""A sample of the hostile files that ``hostile`` makes by the hundred."""

import os

import pytest

from tests.datasets.hostile import fuzz


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_each_is_refused_in_one_line_or_gives_the_same_numbers(tmp_path):
    counts, examples, (seconds, megabytes) = fuzz(140, 3, tmp_path)
    assert examples == []
    assert counts["refused"] > 90
    assert seconds < 1
    assert megabytes < 64
