"""Look at the built documentation in Chromium: ``python -m docs.site_check site [PICTURES]``, in the folder of the repository.

Each page is opened as wide as on a computer and as narrow as on a phone. The script prints what is wrong, and exits with 1: a
page that is wider than its window, a picture that is not shown, a heading that skips a level, a page with no or several
titles. With the folder PICTURES it saves pictures of some pages in light and dark colours.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support.browser import Browser, open_browser

WIDTHS = {"computer": (1280, 900), "phone": (390, 844)}
"""The sizes of the window, in CSS pixels."""

SHOWN = ("index", "tutorial", "reference/call", "howto/transfer", "explanation/new-users")
"""The pages of which pictures are saved."""

FAULTS = """
const shown = document.querySelector("article, main") || document.body;
const faults = [];
const extra = document.documentElement.scrollWidth - window.innerWidth;
if (extra > 0) faults.push(`the page is ${extra} pixels wider than its window`);
for (const picture of document.images)
  if (picture.complete && !picture.naturalWidth) faults.push(`the picture ${picture.getAttribute("src")} is not shown`);
const headings = [...shown.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(each => !each.closest(".sd-card"));
const levels = headings.map(each => Number(each.tagName[1]));
if (levels.filter(level => level === 1).length !== 1) faults.push("the page has no title, or several");
levels.forEach((level, i) => {
  if (i && level > levels[i - 1] + 1) faults.push(`the heading ${headings[i].textContent} skips a level`);
});
return faults;
"""


def save_pictures(browser: Browser, page: Path, folder: Path, name: str) -> None:
    """Save the top of a page in light colours and in dark ones."""
    for scheme in ("light", "dark"):
        browser.prefer(color_scheme=scheme, reduced_motion="reduce")
        browser.open(page.as_uri())
        browser.save_picture(folder / f"{name}_{scheme}.png")


def main(site: str, pictures: str | None = None) -> int:
    """Open every page in every size, print the faults, and return how many there are."""
    root, count = Path(site).resolve(), 0
    if pictures:
        Path(pictures).mkdir(parents=True, exist_ok=True)
    pages = sorted(path for path in root.rglob("*.html") if path.stem not in ("genindex", "search", "404"))
    with tempfile.TemporaryDirectory() as downloads, open_browser(Path(downloads)) as browser:
        for size, (width, height) in WIDTHS.items():
            browser.resize(width, height)
            for page in pages:
                name = str(page.relative_to(root).with_suffix(""))
                browser.open(page.as_uri())
                faults = browser.run(FAULTS)
                print(*(f"{name}, {size}: {fault}\n" for fault in faults), sep="", end="")
                count += len(faults)
                if pictures and name in SHOWN:
                    save_pictures(browser, page, Path(pictures), f"{name.replace('/', '_')}_{size}")
    print(f"{len(pages)} pages in {len(WIDTHS)} sizes: {count} faults")
    return count


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
