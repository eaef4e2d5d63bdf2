"""The commands of docs/hosts.md: its fenced blocks, by the section that they stand in."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "hosts.md"
BLOCK = re.compile(r"^```(?P<kind>sh|toml) (?P<words>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """`sh WHERE...`: commands typed there. `toml FILE WHERE...`: a file written there."""

    section: int
    where: tuple[str, ...]
    text: str
    file: str | None = None


def blocks(page=PAGE):
    """Every block with words behind its language, in the page's order."""
    found = []
    for number, section in re.findall(r"^## (\d+)\. (.*?)(?=^## |\Z)", page.read_text(), re.M | re.S):
        for match in BLOCK.finditer(section):
            words = match["words"].split()
            file = words.pop(0) if match["kind"] == "toml" else None
            found.append(Block(int(number), tuple(words), match["text"], file))
    return found
