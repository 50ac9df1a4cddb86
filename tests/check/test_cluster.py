"""A folder of modules on a cluster: joblib's Dask backend, without a line of ours."""

import pytest

from tests.check import modules
from tftwin.check import many


def test_a_local_cluster_gives_the_same_table(tmp_path):
    distributed = pytest.importorskip("distributed", reason="no Dask: pip install -e '.[cluster]'")
    joblib = pytest.importorskip("joblib")
    for number, text in enumerate((modules.STEP, modules.OTHER_LAYOUT, "1 / 0")):
        (tmp_path / f"student_{number}.py").write_text(text, encoding="utf-8")
    here = many.table(many.check_folder(tmp_path))
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = many.table(many.check_folder(tmp_path, jobs=2))
    assert there == here
    assert "cannot be checked" in here
