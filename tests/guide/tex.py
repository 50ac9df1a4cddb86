"""The guide's TeX, executed: a displayed right side becomes a tree that numbers go through.

The guide uses a part of TeX: letters with indices, sums over an index, fractions, roots, powers,
e^{…}, ln, tanh, σ, max, sign, absolute values, parentheses, and cases. What is not in the
part raises an error: then a formula is not displayed. The trees are those of the microscope
(``tftwin.microscope.expressions``).
"""

import re

TOKEN = re.compile(r"\\[A-Za-z]+|\\[,;!\\{} ]|[A-Za-z]|[0-9]+(?:\.[0-9]+)?|\S")
SPACES = {"\\,", "\\;", "\\!", "\\ ", "\\quad", "\\displaystyle", "\\left", "\\right"}
FUNCTIONS = {"\\ln": "log", "\\tanh": "tanh", "\\sigma": "sigmoid"}
NAMED = {"sign": "sign", "max": "maximum", "clip": "clip"}
COMPARED = {">": ">", "\\ge": ">="}


class TexError(ValueError):
    """The formula is beyond the part of TeX that is executed."""


def right_side(formula):
    """The tree of what stands behind the first = of a display."""
    tokens = [t for t in TOKEN.findall(formula) if t not in SPACES]
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token == "{") - (token == "}")
        if token == "=" and depth == 0:
            parser = Parser(tokens[place + 1 :])
            tree = parser.sum()
            if parser.tokens:
                raise TexError(f"{' '.join(parser.tokens)!r} is left of {formula!r}")
            return tree
    raise TexError(f"no = in {formula!r}")


class Parser:
    def __init__(self, tokens):
        self.tokens = list(tokens)

    def peek(self):
        return self.tokens[0] if self.tokens else ""

    def take(self, wanted=None):
        if not self.tokens or (wanted is not None and self.tokens[0] != wanted):
            raise TexError(f"{wanted!r} is missing before {' '.join(self.tokens[:5])!r}")
        return self.tokens.pop(0)

    def sum(self):
        tree = ["neg", self.product()] if self.peek() == "-" and self.take() else self.product()
        while self.peek() in ("+", "-"):
            word = "add" if self.take() == "+" else "sub"
            tree = [word, tree, self.product()]
        return tree

    def product(self):
        tree = self.power()
        while self.peek() and self.peek() not in "+-=)}]&,|>" and self.peek() not in (
            "\\\\", "\\end", "\\ge", "\\rvert", "\\text", "/",
        ):  # fmt: skip
            if self.peek() == "\\cdot":
                self.take()
            tree = ["mul", tree, self.power()]
        if self.peek() == "/":
            self.take()
            tree = ["div", tree, self.power()]
        return tree

    def power(self):
        tree = self.atom()
        while self.peek() == "^":
            self.take()
            power = self.group()
            tree = ["square", tree] if power == 2 else ["pow", tree, power]
        return tree

    def group(self):
        """What stands in braces, or the one token after ^ or in \\frac."""
        if self.peek() != "{":
            return self.atom()
        self.take("{")
        tree = self.sum()
        self.take("}")
        return tree

    def index(self):
        """The letters of a subscript."""
        if self.peek() != "_":
            return []
        self.take()
        if self.peek() != "{":
            return [self.take()]
        self.take("{")
        letters = []
        while self.peek() != "}":
            token = self.take()
            if token == "+" or token.isdigit():  # the index t + 1 is a part of the name
                letters[-1] += token
            elif token != ",":
                letters.append(token)
        self.take("}")
        return letters

    def atom(self):
        token = self.take()
        if re.fullmatch(r"[0-9.]+", token):
            return float(token) if "." in token else int(token)
        if token == "(":
            tree = self.sum()
            self.take(")")
            return tree
        if token in ("\\frac", "\\tfrac"):
            return ["div", self.group(), self.group()]
        if token == "\\sqrt":
            return ["sqrt", self.group()]
        if token == "\\lvert":
            tree = self.sum()
            self.take("\\rvert")
            return ["abs", tree]
        if token == "\\sum":
            (letter,) = self.index()
            return ["sum", letter, letter, self.product()]
        if token == "e" and self.peek() == "^":
            self.take()
            return ["exp", self.group()]
        if token == "\\mathrm":
            return self.named()
        if token == "\\max":
            return self.called("max")
        if token in FUNCTIONS:
            return [FUNCTIONS[token], self.power()]
        if token == "\\begin":
            return self.cases()
        if token in ("\\hat", "\\bar"):
            self.take("{")
            token = f"{token[1:]} {self.take()}"
            self.take("}")
        if re.fullmatch(r"\\?[A-Za-z]+|(hat|bar) .+", token):
            if self.peek() == "'":
                token += self.take()
            return ["symbol", token, self.index()]
        raise TexError(f"{token!r} is not executed")

    def named(self):
        self.take("{")
        name = ""
        while self.peek() != "}":
            name += self.take()
        self.take("}")
        return self.called(name)

    def called(self, name):
        self.take("(")
        parts = [self.sum()]
        while self.peek() == ",":
            self.take()
            parts.append(self.sum())
        self.take(")")
        return [NAMED[name], *parts]

    def cases(self):
        for token in "{cases}":
            self.take(token)
        yes = self.sum()
        self.take("&")
        one = self.sum()
        word = COMPARED[self.take()]
        other = self.sum()
        self.take("\\\\")
        no = self.sum()
        self.take("&")
        self.text("else")
        self.take("\\end")
        for token in "{cases}":
            self.take(token)
        return ["where", [word, one, other], yes, no]

    def text(self, wanted):
        self.take("\\text")
        for token in ("{", *wanted, "}"):
            self.take(token)


def bound_to(tree, meanings):
    """Give each symbol its meaning: a tensor's name, or a number; its letters are the places."""
    if not isinstance(tree, list):
        return tree
    word, *parts = tree
    if word == "symbol":
        name, letters = parts
        meaning = meanings.get(
            name if (name, len(letters)) not in meanings else (name, len(letters))
        )
        key = "".join([name, "_", *letters])
        meaning = meanings.get(key, meaning)
        if meaning is None:
            raise TexError(f"{name}_{letters}: a symbol without a meaning")
        if isinstance(meaning, str):
            return ["ref", meaning, [] if key in meanings else letters]
        return ["const", name, meaning]
    if word == "sum":
        letter, _, body = parts
        return ["sum", letter, f"size {letter}", bound_to(body, meanings)]
    if word == "where":
        (comparison, *sides), yes, no = parts
        return ["where", [comparison, *(bound_to(s, meanings) for s in sides)],
                bound_to(yes, meanings), bound_to(no, meanings)]  # fmt: skip
    return [word, *(bound_to(part, meanings) for part in parts)]
