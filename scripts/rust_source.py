"""Rust source as the house rules see it: modules, the paths that they import, functions. No compiler: text without comments and strings."""

import re
from pathlib import Path

_NO_CODE = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | b?r(?P<hashes>\#*)".*?"(?P=hashes) | b?"(?:\\.|[^"\\])*" | b?'(?:\\[^']+|[^'\\])'""",
    re.S | re.X,
)
_TEST_ATTRIBUTE = re.compile(r"#\[(?:cfg\((?:all\()?test\b|test\b|tokio::test\b)")
_PATH = re.compile(r"(?<![\w:])((?:[A-Za-z_]\w*)(?:::[A-Za-z_]\w*)*)(::\{)?")
_USE = re.compile(r"\buse\s+([^;]+);")


def code(text):
    """The text without comments, strings and characters; lines stay where they are."""
    return _NO_CODE.sub(lambda found: "\n" * found.group().count("\n"), text)


def without_tests(text):
    """The code without items that only tests compile."""
    while found := _TEST_ATTRIBUTE.search(text):
        end = _end_of_item(text, found.start())
        text = text[: found.start()] + "\n" * text.count("\n", found.start(), end) + text[end:]
    return text


def _end_of_item(text, start):
    """Behind the first `;` or the first block outside brackets."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in "([":
            depth += 1
        elif text[at] in ")]":
            depth -= 1
        elif depth == 0 and text[at] == "{":
            return _closing(text, at) + 1
        elif depth == 0 and text[at] == ";":
            return at + 1
    return len(text)


def _closing(text, opening):
    """Where the brace that opens here is closed."""
    depth = 0
    for at in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
    return len(text)


def functions(text):
    """Name, first line and number of lines of each function that has a body."""
    text = code(text)
    for found in re.finditer(r"\bfn\s+(\w+)", text):
        end = _end_of_item(text, found.start())
        if text[end - 1 : end] == "}":
            yield found.group(1), text.count("\n", 0, found.start()) + 1, text.count("\n", found.start(), end) + 1


def modules(source):
    """Files of a crate by the path of their module, () for lib.rs; without executables, and without tests."""
    found = {}
    for file in sorted(Path(source).rglob("*.rs")):
        name = file.relative_to(source).with_suffix("").parts
        if name in (("main",), ("build",)) or name[0] == "bin" or any(part.endswith("tests") for part in name):
            continue
        found[() if name == ("lib",) else name] = file
    return found


def _branches(text):
    """`a, b::{c, d}` as [`a`, `b::{c, d}`]."""
    depth, parts = 0, [""]
    for letter in text:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _paths_of(tree, before=()):
    """Pairs of a path and the name that it has in the importing file, from what stands behind `use`."""
    for branch in _branches(tree):
        head, brace, rest = branch.partition("{")
        if brace:
            yield from _paths_of(rest.rpartition("}")[0], before + _split(head))
            continue
        path, _, alias = branch.partition(" as ")
        path = before + _split(path)
        if path[-1] == "self":
            path = path[:-1]
        yield path, alias.strip() or path[-1]


def _split(path):
    return tuple(part for part in path.strip().split("::") if part)


def imports(text):
    """What the `use` items of some code bring in: names and their paths."""
    return {name: path for found in _USE.finditer(text) for path, name in _paths_of(found.group(1))}


def mentioned(text):
    """Every path of some code, in a `use` item or not, of more than one part."""
    found = {path for use in _USE.finditer(text) for path, _ in _paths_of(use.group(1))}
    for match in _PATH.finditer(_USE.sub(lambda use: "\n" * use.group().count("\n"), text)):
        path = _split(match.group(1))
        if len(path) > 1 or path[0] == "crate":
            found.add(path)
    return found
