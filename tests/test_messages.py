"""The library's words: of arguments, not of a command's options."""

import ast
import re
from pathlib import Path

import tf_gen

ROOT = Path(tf_gen.__file__).parent
OPTION = re.compile(r"(?<![\w-])--[a-z]")
GIT = ROOT / "training" / "provenance.py"  # its arguments of git are no words


def strings_of(path):
    """(line, text) of each string of a source file, pieces of f-strings and docstrings too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_no_message_or_docstring_names_an_option_of_a_command():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in ROOT.rglob("*.py")
        for line, text in strings_of(path)
        if OPTION.search(text) and not (path == GIT and OPTION.match(text))
    ]
    assert not found, "\n".join(found)
