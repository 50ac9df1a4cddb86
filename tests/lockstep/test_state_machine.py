"""A run that is interfered with at random: after every interference both sides still agree."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from refnn import State, load_state, save_state
from tests.helpers import same_bits
from tests.lockstep.compare import agrees, compare
from tests.strategies import Case, cases, learning_rates, middle_of_a_run, regularizers, seeds


class Training(RuleBasedStateMachine):
    """Steps, another rate, another price, a stop and a resume, a state from elsewhere."""

    @initialize(case=cases(steps=1))
    def begin(self, case):
        self.case, self.state, self.batch = case, case.state, case.batches[0]
        self.pending = True

    @rule(seed=seeds, rows=st.sampled_from([1, 2, 7]))
    def step_with_another_batch(self, seed, rows):
        rng = np.random.default_rng(seed)
        x, y, *masks = self.case.batches[0]
        self.batch = (
            rng.permutation(np.resize(x, (rows, x.shape[1]))),
            np.resize(y, (rows, y.shape[1])),
            *([self.case.network.draw_masks(rng, rows, x.dtype)] if masks else []),
        )
        self.pending = True

    @rule()
    def cut_the_batch_to_one_row(self):
        x, y, *masks = self.batch
        self.batch = x[:1], y[:1], *([mask[:1] for mask in drawn] for drawn in masks)
        self.pending = True

    def change_the_model(self, **parts):
        self.case = replace(self.case, model=replace(self.case.model, **parts))
        self.pending = True

    @rule(rate=learning_rates)
    def change_the_learning_rate(self, rate):
        self.change_the_model(optimizer=replace(self.case.optimizer, learning_rate=rate))

    @rule(regularizer=regularizers)
    def swap_l2(self, regularizer):
        self.change_the_model(regularizer=regularizer)

    @rule()
    def save_and_resume(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "state.npz")
            save_state(path, self.state)
            resumed = load_state(path)
        assert same_bits(resumed, self.state)
        self.state = resumed
        self.pending = True

    @rule(seed=seeds, step=st.integers(0, 10_000))
    def inject_a_state(self, seed, step):
        rng = np.random.default_rng(seed)
        theta = rng.standard_normal(self.state.theta.shape).astype(self.case.dtype)
        self.state = middle_of_a_run(rng, self.case.optimizer, theta, step)
        self.pending = True

    @invariant()
    def both_sides_agree(self):
        if not getattr(self, "pending", False):
            return
        self.pending = False
        case = self.case
        report = compare(Case(case.model, self.state, [self.batch]))
        agrees(report)
        finite = np.isfinite(report.state.theta).all()
        self.state = report.state if finite else State(case.state.theta, case.state.slots)


Training.TestCase.settings = settings(max_examples=15, stateful_step_count=20)
TestTraining = Training.TestCase
