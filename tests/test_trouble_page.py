"""The page `docs/when_something_is_wrong.md` quotes messages that the code has."""

import re
from pathlib import Path

import assay

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "when_something_is_wrong.md"
JOINED = re.compile(r"[\"']\s*\n\s*f?[\"']")  # of one text on two lines
QUOTED = re.compile(r"`([^`]+)`")


def quotations() -> list[str]:
    """The quoted messages: what stands in the first cells of the tables whose head says so."""
    found, quoting = list[str](), False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split(" | ")]
        quoting = line.startswith("|") and (quoting or cells[0] == "| it says")
        if quoting:
            found += QUOTED.findall(cells[0])
    return found


def test_every_message_on_the_page_is_one_that_the_code_has() -> None:
    package = Path(assay.__file__).parent
    code = JOINED.sub("", "\n".join(path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py"))))
    assert len(quotations()) > 35
    assert [text for text in quotations() if text not in code] == []


def test_the_readme_leads_to_the_page() -> None:
    assert f"docs/{PAGE.name}" in (ROOT / "README.md").read_text(encoding="utf-8")
