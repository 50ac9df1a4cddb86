r"""TeX as MathML, which a browser draws by itself.

latex2mathml reads the TeX. What it writes is then made fit for MathML Core, the part that browsers
draw: a prime is an operator, a named function is one word with a space beside it, the columns of
cases stand left, behind a brace that is large without a font for mathematics too. A macro that it
does not know, it writes down as it is; here that is an error.
"""

import re
from html import unescape
from xml.etree.ElementTree import Element, SubElement, tostring

from latex2mathml.converter import convert_to_element

PARTS = {
    "mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3,
}  # fmt: skip
"""How many children an element must have."""
PRIMES = "′″‴"
THIN = "0.167em"
"""The space between a function and its argument."""


def mathml(tex: str, display: bool = False) -> str:
    """Return a formula as MathML.

    Parameters
    ----------
    tex : str
        The formula, without dollars.
    display : bool
        Whether it stands in a box of its own: then the indices of a sum stand under it.

    Raises
    ------
    ValueError
        If it holds something that cannot be drawn.
    """
    given = re.sub(r"\\lvert\b", r"\\left|", tex)
    given = re.sub(r"\\rvert\b", r"\\right|", given)
    try:
        math = convert_to_element(given, display="block" if display else "inline")
    except Exception as error:  # each of its errors is a plain Exception
        said = str(error) or type(error).__name__
        raise ValueError(f"the formula {tex!r} cannot be drawn: {said}") from None
    math.attrib = {"display": "block"} if display else {}
    for element in list(math.iter()):
        element.text = unescape(element.text or "")
        _refuse(tex, element)
        _mend(element)
    for element in list(math.iter()):
        _space(element)
    return tostring(math, encoding="unicode")


def _refuse(tex: str, element: Element) -> None:
    text = element.text or ""
    if text.startswith("\\") or text == "&":
        raise ValueError(f"the formula {tex!r} cannot be drawn: {text!r} is not known")
    if len(element) != PARTS.get(element.tag, len(element)):
        raise ValueError(f"the formula {tex!r} cannot be drawn: a part of {element.tag} is missing")


def _mend(element: Element) -> None:
    """Make one element fit for MathML Core."""
    text = element.text or ""
    if element.tag == "mi" and text and text in PRIMES:
        element.tag = "mo"
        element.set("lspace", "0")
        element.set("rspace", "0")
    if element.tag == "mo" and text == "{" and element.get("fence"):
        element.clear()
        element.tag = "mpadded"
        element.set("voffset", "-0.33em")
        SubElement(element, "mo", {"stretchy": "false", "style": "font-size: 2.2em"}).text = text
    if element.tag == "mo" and len(text) > 1 and text.isalpha():
        element.tag = "mi"
        element.attrib = {}
    if element.tag == "mtd" and element.attrib.pop("columnalign", "") == "left":
        element.set("style", "text-align: left")
    if element.tag == "mover":
        element.set("accent", "true")
        element[1].attrib = {"stretchy": "false"}
    if element.tag == "mrow" and len(element) > 1 and all(map(_is_upright, element)):
        word = "".join(letter.text or "" for letter in element)
        element.clear()
        element.tag, element.text = "mi", word


def _is_upright(element: Element) -> bool:
    return element.tag == "mi" and element.get("mathvariant") == "normal"


def _is_function(element: Element) -> bool:
    return element.tag == "mi" and len(element.text or "") > 1 and (element.text or "").isalpha()


def _space(row: Element) -> None:
    """Set a function apart from what stands beside it: t ln c, but ln(1 + x)."""
    if row.tag not in ("mrow", "mtd", "math", "msqrt"):
        return
    parts = list(row)
    for place, part in enumerate(parts):
        if not _is_function(part):
            continue
        if place + 1 < len(parts) and not _is_bracket(parts[place + 1]):
            row.insert(list(row).index(part) + 1, _thin())
        if place and (parts[place - 1].tag != "mo" or parts[place - 1].text == ")"):
            row.insert(list(row).index(part), _thin())


def _is_bracket(element: Element) -> bool:
    return element.tag == "mo" and element.text in ("(", "|")


def _thin() -> Element:
    return SubElement(Element("mrow"), "mspace", {"width": THIN})
