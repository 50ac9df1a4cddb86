"""The six chapters of the tutorial, each in refnn and in TensorFlow, with its pictures."""

import sys

if sys.argv[:1] == ["-m"]:  # python -m examples: Ctrl-C during the imports is one line, too
    from tftwin import terminal

    terminal.begin(__name__)
