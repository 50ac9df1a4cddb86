"""Blind naming: which rule made these parameters out of these gradients?"""

import numpy as np
import pytest

from refnn import Adam
from tests.check.test_check import ROOT
from tftwin.__main__ import main
from tftwin.cards import CARDS
from tftwin.check import naming
from tftwin.check.tasks import TASKS

OPTIONS = {
    "learning_rate": 0.02, "beta": 0.9, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-3,
    "momentum_decay": 0.004,
}  # fmt: skip


KNOWN = {name: OPTIONS[name] for name in ("beta", "beta_1", "beta_2", "epsilon")}
SAME = {"nadam-decay-of-one": ""}
"""Nadam with momentum_decay = 1, which is refnn's too."""


def run(rule, function, dtype, steps=5, seed=0):
    """Parameters that a function makes, each step from the last."""
    rng = np.random.default_rng(seed)
    task = TASKS[rule]
    w = rng.standard_normal(7).astype(dtype)
    gradients = (0.3 * rng.standard_normal((steps, 7))).astype(dtype)
    slots = {r.name: np.zeros_like(w) for r in task.results[1:]}
    names = [a.name for a in task.arguments]
    parameters = [w]
    with np.errstate(all="ignore"):
        for t, g in enumerate(gradients, 1):
            values = OPTIONS | slots | {"w": w, "g": g, "t": t}
            w, *kept = function(**{n: values[n] for n in names})
            slots = dict(zip(slots, kept, strict=True))
            parameters.append(np.asarray(w, dtype))
    return gradients, np.array(parameters)


FORMS = [(rule, "", TASKS[rule].right) for rule in naming.RULES] + [
    (c.of, c.name, c.function) for c in CARDS if c.of in naming.RULES and c.kind == "convention"
]


@pytest.mark.parametrize(("rule", "card", "function"), FORMS, ids=[f"{r} {c}" for r, c, _ in FORMS])
def test_each_rule_and_each_convention_is_named(rule, card, function):
    gradients, parameters = run(rule, function, np.float64)
    found = naming.name(gradients, parameters, KNOWN)
    said = [(c.rule, c.card) for c in found.candidates]
    same = SAME.get(card, card)
    assert (rule, same) in said, (said, found.best)
    assert len(said) <= 4  # a class: nothing in these numbers tells them apart
    assert found.next_best < found.numbers


def test_what_is_no_rule_is_unknown():
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((4, 5))
    found = naming.name(gradients, rng.standard_normal((5, 5)), {})
    assert found.candidates == []
    nearly = run("adam", TASKS["adam"].right, np.float64)[1]
    gradients, parameters = run("adam", TASKS["adam"].right, np.float64)
    parameters[3, 2] *= 1 + 1e-9
    assert naming.name(gradients, parameters, {}).candidates == []
    assert (nearly != parameters).sum() == 1


def test_what_is_given_is_taken():
    rule = Adam(0.037, 0.7, 0.97, 1e-5)
    rng = np.random.default_rng(0)
    w, slots = rng.standard_normal(6), (np.zeros(6), np.zeros(6))
    gradients, parameters = rng.standard_normal((4, 6)), [w]
    for t, g in enumerate(gradients, 1):
        w, slots = rule.rule(w, g, slots, t, 0.037)
        parameters.append(w)
    data = gradients, np.array(parameters)
    assert naming.name(*data, {}).candidates == []  # not among the customary numbers
    given = {"beta_1": 0.7, "beta_2": 0.97, "epsilon": 1e-5}
    found, *others = naming.name(*data, given).candidates
    assert all(other.rule == "adam" for other in others)
    assert (found.rule, found.card, found.options["learning_rate"]) == ("adam", "", 0.037)


def test_the_command_names_two_sequences(tmp_path, capsys):
    file = tmp_path / "log.npz"
    card = next(c for c in CARDS if c.name == "adam-epsilon-place")
    gradients, one = run("adam", TASKS["adam"].right, np.float32)
    _, other = run("adam", card.function, np.float32)
    np.savez(file, gradients=gradients, parameters=one, parameters_2=other)
    assert main(["explain", "--blind", str(file)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("parameters: all 35 numbers are those of adam(learning_rate=0.02, ")
    assert "as refnn" in first
    assert second.startswith("parameters_2: all 35 numbers are those of adam(")
    assert "adam-epsilon-place (Keras" in second
    assert "beta_2=0.99, epsilon=0.001" in first


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"parameters": np.zeros((3, 2))}, "gradients is missing"),
        (
            {"gradients": np.zeros((2, 2)), "parameters": np.zeros((2, 2))},
            "expected float64 (3, 2)",
        ),
        ({"gradients": np.zeros((2, 2), int), "parameters": np.zeros((3, 2))}, "dtype int64"),
        ({"gradients": np.zeros((2, 2)), "parameters": np.full((3, 2), np.nan)}, "not finite"),
        ({"gradients": np.zeros((0, 2)), "parameters": np.zeros((1, 2))}, "T ≥ 1"),
    ],
)
def test_a_wrong_file_is_one_line(arrays, said, tmp_path, capsys):
    file = tmp_path / "log.npz"
    np.savez(file, **arrays)
    with pytest.raises(SystemExit) as stop:
        main(["explain", "--blind", str(file)])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert str(ROOT) not in line
