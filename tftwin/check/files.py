"""Answers as files: JSON and JUnit XML."""

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np

from tftwin.check import words
from tftwin.check.answer import MISFIT, NOT_PROVIDED, WRONG, Answer

SCHEMA = "refnn-check-1"


def to_json(module: str, answers: list[Answer], seed: int) -> dict[str, Any]:
    """Return the answers as plain data.

    Keys: schema, module, seed, summary, score, and for each function its name, status, numbers,
    fill, notes, diagnoses (cards, relation, explained, numbers, next_best, where) and failure.
    """
    return {
        "schema": SCHEMA,
        "module": module,
        "seed": seed,
        "summary": words.summary(answers),
        "score": words.score(answers),
        "functions": [_function(answer) for answer in answers],
    }


def _function(answer: Answer) -> dict[str, Any]:
    failure = answer.failure
    return {
        "name": answer.task.name,
        "status": answer.status,
        "numbers": answer.numbers,
        "fill": answer.fill,
        "notes": answer.notes,
        "diagnoses": {
            name: {
                "cards": [card.name for card in found.cards],
                "relation": found.relation,
                "explained": found.explained,
                "numbers": found.numbers,
                "next_best": found.next_best,
                "where": found.where,
                "but_for": found.but_for,
            }
            for name, found in answer.diagnoses.items()
        },
        "failure": None
        if failure is None
        else {
            "result": failure.result,
            "index": list(failure.index),
            "theirs": repr(failure.theirs),
            "ours": repr(failure.ours),
            "allowed": repr(failure.allowed),
            "tensorflow": None if failure.tensorflow is None else repr(failure.tensorflow),
            "given": {name: as_text(value) for name, value in failure.case.given.items()},
        },
    }


def as_text(value: Any) -> Any:
    """Return an argument with all its digits: numbers as text, arrays as nested lists of it."""
    if isinstance(value, np.ndarray):
        return [as_text(one) for one in value] if value.ndim else repr(float(value))
    return repr(float(value)) if isinstance(value, (float, np.floating)) else value


def to_junit(suites: dict[str, list[Answer]]) -> bytes:
    """Return JUnit XML: a suite for each module, a case for each function."""
    root = ET.Element("testsuites")
    for module, answers in suites.items():
        bad = [a for a in answers if a.status in (WRONG, MISFIT)]
        missing = [a for a in answers if a.status == NOT_PROVIDED]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=module,
            tests=str(len(answers)),
            failures=str(len(bad)),
            skipped=str(len(missing)),
        )
        for answer in answers:
            case = ET.SubElement(suite, "testcase", classname=module, name=answer.task.name)
            if answer in bad:
                failure = ET.SubElement(case, "failure", message=answer.status)
                failure.text = "\n".join(words.details(answer, None, f"check {module}"))
            elif answer in missing:
                ET.SubElement(case, "skipped")
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
