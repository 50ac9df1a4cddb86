"""One thread for each library, and the profiles of hypothesis.

The environment is read by OpenBLAS and by TensorFlow when they start; nothing is imported here,
so that a run of refnn's own tests never loads TensorFlow.
"""

import os
import sys

for variable in (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from hypothesis import HealthCheck, settings  # noqa: E402

SLOW_IS_ALLOWED = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
# The same examples in every run, so that red stays red until the cause is gone.
settings.register_profile("default", derandomize=True, max_examples=60, **SLOW_IS_ALLOWED)
settings.register_profile("ci", derandomize=True, max_examples=60, **SLOW_IS_ALLOWED)
# Other examples in every run, and many.
settings.register_profile(
    "thorough", derandomize=False, max_examples=2000, print_blob=True, **SLOW_IS_ALLOWED
)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_terminal_summary(terminalreporter):
    """Say how much the lockstep tests of this process compared."""
    tally = sys.modules.get("tests.lockstep.tally")
    if tally is not None and tally.TALLY.elements:
        terminalreporter.write_line(tally.TALLY.sentence())
        if terminalreporter.config.getoption("--hypothesis-profile") == "thorough":
            terminalreporter.write_line(tally.TALLY.histogram())
