"""check: right functions in other forms are right, wrong ones are named, habits are told."""

import ast
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import refnn
from examples.exercises import __main__ as exercises
from refnn.losses import SoftmaxCrossentropy
from refnn.network import multilayer
from refnn.optimizers import SGD
from refnn.regularizers import L2
from refnn.training import Model, train_step
from tests.check import modules
from tests.helpers import same_bits
from tftwin.__main__ import main
from tftwin.cards import CARDS
from tftwin.check import check_module, files, many, prove, words
from tftwin.check.answer import AGREES, CONVENTION, MISFIT, NOT_PROVIDED, OTHER_FORM, WRONG
from tftwin.check.diagnose import cards_of
from tftwin.check.judge import evaluated, fits
from tftwin.check.process import Failed
from tftwin.check.task import Draw, Sizes
from tftwin.check.tasks import TASKS
from tftwin.check.template import template

ROOT = Path(__file__).parents[2]
DTYPES = ("float64", "float32")


@pytest.fixture
def written(tmp_path):
    """Write a module, and return its path."""

    def write(text, name="mine.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def answers(path, **options):
    found = {a.task.name: a for a in check_module(path, **options)}
    return {name: a for name, a in found.items() if a.status != NOT_PROVIDED}


# Persons' modules --------------------------------------------------------------------------------


def test_right_functions_in_other_forms_are_right(written):
    found = answers(written(modules.RIGHT))
    assert len(found) == 16
    for name, answer in found.items():
        assert answer.status in (AGREES, OTHER_FORM), (name, words.line(answer), answer.notes)
        assert answer.numbers > 20
    assert any("nan for" in note for note in found["softmax"].notes)  # where it breaks
    assert words.name_of(found["l2_gradient"].diagnoses["dW"]).endswith(
        "computed in float32 inside"
    )
    assert words.score(list(found.values())) == 1


def test_wrong_functions_are_named_and_the_unknown_one_is_not_guessed(written):
    found = answers(written(modules.WRONG))
    for name, results in modules.NAMED.items():
        answer = found[name]
        assert answer.status in (WRONG, CONVENTION), name
        named = {r: [c.name for c in d.cards] for r, d in answer.diagnoses.items()}
        assert named == results, name
        for diagnosis in answer.diagnoses.values():
            assert not diagnosis.known or diagnosis.explained == diagnosis.numbers
    scaled = found["mean_squared_error_gradient"].diagnoses["gradient"]
    assert not scaled.known  # 3 times C: no size of the batch is 3 in every draw
    assert found["sgd"].diagnoses["w"].relation == ""
    smallest = found["tanh_backward"].failure
    assert smallest.case.draw.sizes == Sizes(3, 4, 5, 6)
    assert abs(smallest.theirs - smallest.ours) > smallest.allowed


def test_who_computes_y_again_from_x_is_right(written):
    found = answers(written(modules.FROM_X))
    assert len(found) == 8
    for name, answer in found.items():
        assert answer.status in (AGREES, OTHER_FORM), (name, words.line(answer), answer.notes)


def test_a_mistake_is_named_where_the_function_breaks_besides(written):
    found = answers(written(modules.TWICE_WRONG))
    said = {n: words.name_of(d) for n, a in found.items() for d in a.diagnoses.values()}
    assert said == {
        "softmax_backward": "softmax-diagonal (but for extreme numbers)",
        "binary_crossentropy_gradient": "bce-gradient-sum (but for extreme numbers)",
        "relu_backward": "−1 times the right numbers (but for kinks and ties)",
    }
    for answer in found.values():
        assert answer.status == WRONG
        assert all(0 < d.explained < d.numbers for d in answer.diagnoses.values())


def test_a_small_error_does_not_pass_for_few_digits_or_for_a_break(written):
    """Off by 1e-4, by 1e-8, and only where the numbers are extreme, but finite."""
    found = answers(written(modules.NEARLY))
    assert {name: a.status for name, a in found.items()} == dict.fromkeys(
        ["tanh_backward", "sigmoid_backward", "softmax_crossentropy"], WRONG
    )
    assert not any(d.known for a in found.values() for d in a.diagnoses.values())


def test_a_few_roundings_too_many_are_seen_where_y_is_given(written):
    """The bound of y is that of refnn's f, and no wider."""
    found = answers(written(modules.BY_ROUNDINGS))
    assert len(found) == 5
    assert {answer.status for answer in found.values()} == {WRONG}


def test_the_two_faults_of_a_step_are_named_together(written):
    (answer,) = answers(written(modules.STEP)).values()
    named = {r: [c.name for c in d.cards] for r, d in answer.diagnoses.items()}
    assert named == dict.fromkeys(["dW1", "db1", "db2"], ["biases: sum and passed: raw"])


def test_other_layouts_are_declared_and_not_rewritten(written):
    found = answers(written(modules.OTHER_LAYOUT))
    assert {name: a.status for name, a in found.items()} == dict.fromkeys(
        ["dense_forward", "dense_backward", "adam"], AGREES
    )


def test_habits_are_told_and_the_run_goes_on(written):
    found = answers(written(modules.HABITS), seconds=1.5)
    said = {name: " ".join([words.line(a), *a.notes]) for name, a in found.items()}
    assert "prints" in said["sigmoid"]
    assert "a list; expected an array" in said["sigmoid"]
    assert found["sigmoid"].status == MISFIT
    assert "writes into x" in said["tanh"]
    assert "took more than 1.5 s" in said["relu"]
    assert "ended the process (status 3)" in said["softmax"]
    assert "keeps state between calls" in said["sgd"]
    assert "depends on NumPy's global seed" in said["momentum"]
    assert "penalty is a str; expected numbers" in said["l2_penalty"]
    assert "it takes W, lam" not in said["l2_gradient"]  # by place: two of two
    assert "RuntimeError: not done" in said["dense_forward"]
    assert found["mean_squared_error"].status == WRONG
    assert "expected ()" in said["mean_squared_error"]
    assert "dtype float64; expected float32" in said["adagrad"]


def test_nothing_is_unpickled_and_nothing_else_is_executed(written, tmp_path):
    """A module that answers in a stranger's bytes is told, and runs nothing here."""
    marker = tmp_path / "marker"
    path = written(
        "import numpy as np\n"
        "class Bad:\n"
        "    def __reduce__(self):\n"
        f"        return (open, ({str(marker)!r}, 'w'))\n"
        "def sigmoid(x):\n"
        "    return np.array([[Bad()]], dtype=object)\n"
    )
    (answer,) = answers(path).values()
    assert answer.status == WRONG
    assert not marker.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import nothing_of_this_name", "No module named"),
        ("def f(x): return x", "none of its functions"),
        ("WEIGHTS = 'sideways'\ndef relu(x): return x", "WEIGHTS = 'sideways'; expected"),
        ("import os; os._exit(7)", "ended the process (status 7)"),
        ("while True: pass", "took more than 4 s"),
    ],
)
def test_a_module_that_cannot_be_checked_is_one_line(text, said, written):
    with pytest.raises((Failed, ValueError)) as caught:
        list(check_module(written(text), seconds=4))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


# The catalogue -----------------------------------------------------------------------------------

FAST = [name for name in TASKS if name not in ("backpropagate", "train_step")]


def test_every_known_mistake_is_caught_and_named():
    proofs = prove.prove([*FAST, "backpropagate"])
    assert sum(p.mistakes for p in proofs) > 150
    for p in proofs:
        assert (p.caught, p.named) == (p.mistakes, p.mistakes), p
        assert not p.alike, p


def from_x(task):
    """Return the right function, with y computed from x: a form may take the one or the other."""
    if task.group != "activations" or "y" not in [a.name for a in task.arguments]:
        return task.right

    def right(x, y, **more):
        options = {name: more.pop(name) for name in ("alpha",) if name in more}
        return task.right(x=x, y=task.right.args[0](**options).forward(x), **more, **options)

    return right


def test_a_form_is_the_same_function():
    """On ordinary numbers it is within its own bound of refnn's, and refnn within its own."""
    forms = [card for card in CARDS if card.kind == "form" and card.of in TASKS]
    assert len(forms) > 8
    for card in forms:
        for seed, dtype in enumerate(DTYPES * 3):
            given = TASKS[card.of].draw(Draw(Sizes(5, 4, 3, 6), seed, "ordinary", dtype))
            one = evaluated(from_x(TASKS[card.of]), given)
            for ours, theirs in zip(one, evaluated(card.function, given), strict=True):
                both = ours._replace(bound=ours.bound + theirs.bound)
                assert fits(theirs.value, both).all(), card.name


def test_cards_have_names_of_their_own_hints_and_a_task():
    for name in FAST:
        names = [card.name for card in cards_of(name)]
        assert len(set(names)) == len(names)
    for card in CARDS:
        assert len(card.hints) == 3
        assert all(len(h) > 2 for h in card.hints), card.name
        assert card.sentence
        assert card.formula != card.refnn
    assert {c.of for c in CARDS} - set(TASKS) <= {"constant", "nesterov", "nadam"}


def test_the_step_of_the_grammar_is_refnn_s_step():
    network = multilayer([4, 3, 6], refnn.Tanh())
    for dtype in DTYPES:
        given = TASKS["train_step"].draw(Draw(Sizes(5, 4, 3, 6), 3, "ordinary", dtype))
        model = Model(network, SoftmaxCrossentropy(), SGD(given["learning_rate"]), L2(given["l2"]))
        weights = [given[name] for name in ("W1", "b1", "W2", "b2")]
        theta = np.concatenate(weights, axis=None)
        step = train_step(model, model.state_at(theta), given["x"], given["y"])
        after = TASKS["train_step"].right(**given)
        assert same_bits(step.state.theta, np.concatenate(after, axis=None))
        small = {k: v for k, v in given.items() if k not in ("learning_rate", "l2")}
        loss, *_ = TASKS["backpropagate"].right(**small)
        assert loss == step.data_loss


# Files and the command line ----------------------------------------------------------------------


def test_the_template_is_a_module_of_all_tasks(tmp_path):
    text = template()
    functions = {n.name: n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)}
    assert list(functions) == list(TASKS)
    for name, function in functions.items():
        assert [a.arg for a in function.args.args] == [a.name for a in TASKS[name].arguments]
        assert "Given" in ast.get_docstring(function)
    file = tmp_path / "stubs.py"
    assert main(["check", "--template", str(file)]) == 0
    assert file.read_text(encoding="utf-8").count("raise NotImplementedError") == len(TASKS)
    with pytest.raises(SystemExit):
        main(["check", "--template", str(file)])


def test_the_files_hold_what_the_answers_say(written, tmp_path, capsys):
    path = written(modules.WRONG)
    data, junit = tmp_path / "a.json", tmp_path / "a.xml"
    arguments = ["check", path, "--only", "tanh_backward", "relu_backward", "tanh"]
    assert main([*arguments, "--json", str(data), "--junit", str(junit)]) == 1
    said = capsys.readouterr().out
    assert "2 functions checked (1 another convention, 1 wrong), 1 not provided" in said
    assert f"again: python -m tftwin check {path} --only tanh_backward --seed 0" in said
    found = json.loads(data.read_text(encoding="utf-8"))
    assert found["schema"] == files.SCHEMA
    by_name = {f["name"]: f for f in found["functions"]}
    assert by_name["tanh_backward"]["diagnoses"]["dx"]["cards"] == ["tanh-dy-ignored"]
    suite = ET.parse(junit).getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")


@pytest.mark.parametrize("hint", ["1", "2", "3"])
def test_a_hint_says_no_more_than_its_level(hint, written, capsys):
    main(["check", written(modules.WRONG), "--only", "tanh_backward", "--hint", hint])
    said = capsys.readouterr().out
    level = {"1": "does the result change", "2": "The chain rule", "3": "dx = dy · (1 − y²)"}
    assert [text in said for text in level.values()] == [h == hint for h in level]


def test_a_folder_is_one_table(written, tmp_path, capsys):
    for number in range(3):
        written(modules.WRONG, f"student_{number}.py")
    written(modules.RIGHT, "teacher.py")
    written("1 / 0", "broken.py")
    table = tmp_path / "all.csv"
    assert main(["check", str(tmp_path), "--only", "tanh_backward", "--csv", str(table)]) == 1
    said = capsys.readouterr().out
    assert "broken.py" in said
    assert "ZeroDivisionError" in said
    assert "   3  tanh-dy-ignored" in said
    lines = table.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "module,function,status,diagnosis"
    assert sum("tanh-dy-ignored" in line for line in lines) == 3
    assert many.check_folder(tmp_path, ["tanh_backward"], jobs=2).mistakes() == {
        "tanh-dy-ignored": 3
    }


@pytest.mark.parametrize(
    "arguments",
    [["check"], ["check", "absent.py"], ["check", "a.b.c"], ["explain", "nothing-of-this-name"],
     ["check", __file__, "--only", "nothing"]],
)  # fmt: skip
def test_a_wrong_argument_is_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_explain_shows_cards(capsys):
    assert main(["explain"]) == 0
    assert f"{len(CARDS)} cards" in capsys.readouterr().out
    assert main(["explain", "adam-epsilon-place"]) == 0
    assert "uncorrected" in capsys.readouterr().out
    assert main(["explain", "softmax"]) == 0
    assert "softmax-without-shift" in capsys.readouterr().out


def test_check_needs_no_tensorflow(written):
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from tftwin.__main__ import main\n"
        f"sys.exit(main(['check', {written(modules.RIGHT)!r}, '--only', 'adam']))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert (run.returncode, run.stderr) == (0, ""), run.stderr
    assert "adam" in run.stdout


# The exercises -----------------------------------------------------------------------------------

EXERCISES = ROOT / "examples" / "exercises"
SEVEN = {
    "sigmoid_backward": "sigmoid-derivative-twice",
    "tanh_backward": "tanh-square-missing",
    "softmax_backward": "softmax-diagonal",
    "dense_backward": "dense-reshaped-weights",
    "softmax_crossentropy_gradient": "fused-gradient-sum",
    "rmsprop": "rmsprop-swapped",
    "adam": "adam-t-plus-one",
}


def without_numbers(text):
    return re.sub(r"[0-9.,]+", "#", text)


def test_the_seven_mistakes_are_named_and_the_adapter_is_right(capsys):
    assert main(["check", str(EXERCISES / "adapter.py")]) == 0
    right = capsys.readouterr().out
    assert "4 functions checked (4 agrees)" in right
    assert main(["check", str(EXERCISES / "seven_mistakes.py")]) == 1
    wrong = capsys.readouterr().out
    for name, card in SEVEN.items():
        assert re.search(rf"^{name} +wrong\n +\w+: {card}: ", wrong, re.M), name
    page = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    for hint in ("1", "2", "3"):
        main(["check", str(EXERCISES / "seven_mistakes.py"), "--only", "adam", "--hint", hint])
    hints = capsys.readouterr().out
    shown = re.findall(r"```text\n(.*?)```", page.split("## Exercises")[1], re.S)
    printed = without_numbers(right + wrong + hints)  # which follow hypothesis' version
    for line in "".join(shown[:3]).splitlines():
        assert without_numbers(line) in printed, line


def test_the_exercises_are_stubs_and_two_steps_with_two_faults_each(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(exercises.text(file.name), encoding="utf-8")
    assert len(exercises.ORDER) == len(set(exercises.ORDER)) == 26
    found = answers(str(file))
    assert set(found) == {*exercises.ORDER, "backpropagate", "train_step"}
    for name in exercises.ORDER:
        assert "NotImplementedError" in found[name].notes[0]
    faults = {
        name: {c.name for d in found[name].diagnoses.values() for c in d.cards}
        for name in ("backpropagate", "train_step")
    }
    assert faults == {
        "backpropagate": {
            "hidden: missing square", "biases: first row and hidden: missing square"
        },
        "train_step": {"order: update first and penalty: whole"},
    }  # fmt: skip


def test_the_session_ends_with_what_it_says(written):
    page = (ROOT / "examples" / "exercises" / "SESSION.md").read_text(encoding="utf-8")
    codes = re.findall(r"```python\n(.*?)```", page, re.S)
    last = {code.split("(")[0]: code for code in codes}
    assert len(codes) > len(last) == 4
    found = answers(written("import numpy as np\n" + "\n".join(last.values())))
    assert {a.status for a in found.values()} == {AGREES}
    assert page.rstrip().endswith("(exit status 0)\n```")
    for name, answer in found.items():
        assert f"{name:32} {words.line(answer)}" in page.rpartition("$ python")[2]
    first = answers(written("import numpy as np\n" + codes[0]))
    assert next(iter(first.values())).status == WRONG
