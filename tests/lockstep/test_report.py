"""A report in brief, and its JSON in the form that the schema describes."""

import json
import re
from dataclasses import replace
from importlib.resources import files

import pytest

from tests.lockstep.compare import compare, small_case
from tests.lockstep.planted import SIZES, named, run
from tests.lockstep.test_digits import FORMULAS, case_of, planted
from tftwin.lockstep.findings import STAGES, LostDigits, Report
from tftwin.lockstep.report import SCHEMA, heat, html, to_json, verdict

KINDS = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


@pytest.fixture(scope="module")
def good():
    return compare(small_case())


@pytest.fixture(scope="module")
def bad():
    return run(*named("signs flipped"), dtype="float32", sizes=SIZES["shallow"], steps=1)


def fits(schema, value, where="report"):
    """Hold a value against the words that the schema uses; no key may be missing or unknown."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    is_kind = any(isinstance(value, KINDS[kind]) for kind in kinds)
    assert is_kind and (not isinstance(value, bool) or kinds == ["boolean"]), where  # noqa: PT018
    assert value in schema.get("enum", [value]), where
    if isinstance(value, dict):
        assert set(value) == set(schema["properties"]) == set(schema["required"]), where
        for key, one in value.items():
            fits(schema["properties"][key], one, f"{where}.{key}")
    if isinstance(value, list):
        for one in value:
            fits(schema["items"], one, where)


def test_the_json_has_the_form_of_its_schema(good, bad):
    schema = json.loads(files("tftwin.lockstep").joinpath("report.schema.json").read_text())
    lost = replace(good, lost_digits=[LostDigits(1, "layer forward", "y1", (0,), 0.5, 9.0)])
    for report in (good, bad, lost, Report()):
        found = json.loads(json.dumps(to_json(report), allow_nan=False))
        assert found["schema"] == SCHEMA == schema["title"]
        fits(schema, found)
        with pytest.raises(AssertionError):
            fits(schema, found | {"new": 1})
        with pytest.raises(AssertionError):
            fits(schema, found | {"steps": "1"})


def test_in_brief_a_report_has_a_line_for_each_stage(good):
    sentence, _, head, *lines, _, last = str(good).splitlines()
    assert sentence == verdict(good)
    assert head.split()[0] == "stage"
    present = {row.stage for row in good.rows}
    assert len(lines) == len(present)
    for stage, line in zip([s for s in STAGES if s in present], lines, strict=True):
        assert line.startswith(f"{stage} ")
        rows = [row for row in good.rows if row.stage == stage]
        assert f" {sum(row.elements for row in rows):,} " in line
        fullest = max(rows, key=lambda row: row.fill)
        assert f" {fullest.fill:.3f}" in line
        assert not fullest.fill or line.endswith(f" {fullest.name}")
    assert last == "What to do: nothing."
    assert len(good.text.splitlines()) > len(good.rows) > len(lines)


def test_the_last_line_says_what_to_do(good, bad):
    first = bad.origin
    assert f"look at step {first.step}, {first.stage}, {first.name} first" in str(bad)
    assert "lower the learning rate" in str(replace(good, stopped="step 1: refnn's y1 is nan"))
    assert "give at least one step" in str(Report())
    with planted(FORMULAS["tanh by exponentials"][0]):
        lost = compare(case_of("tanh by exponentials", [4, 5, 3], "float32"))
    assert "rewrite the formula of layer forward, y2" in str(lost)


def test_the_page_is_one_file_for_light_and_dark(good, bad):
    for report in (good, bad):
        page = html(report)
        assert ('class="verdict diverged"' in page) == (not report.agreed)
        assert "prefers-color-scheme: dark" in page
        assert not re.findall(r"https?:|src=|<link|@import|url\(|<script", page)


def test_the_heat_map_has_each_stage_at_each_step(good, bad):
    found = to_json(good)["heat"]
    assert len(found["steps"]) == good.steps
    assert found["stages"] == [s for s in STAGES if any(row.stage == s for row in good.rows)]
    for place, stage in enumerate(found["stages"]):
        largest = max(row.fill for row in good.rows if row.stage == stage)
        assert max(step[place] for step in found["steps"]) == largest
    wrong = heat(bad)
    pairs = zip(wrong["stages"], wrong["steps"][0], strict=True)
    out = [stage for stage, fill in pairs if fill is None]
    assert set(out) == {row.stage for row in bad.rows if row.divergent}
    assert heat(replace(good, heat=good.heat * 500), 120)["together"] == -(-500 * good.steps // 120)
    page = html(bad)
    assert page.count('class="out"') == len(out)
    assert html(good).count('class="out"') == 0
