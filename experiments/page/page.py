"""The comparison page, as Markdown and as HTML in one file."""

import base64
import datetime
import html
import os
import re
from pathlib import Path

import markdown

from experiments.page import answer, faces, maps, summary
from experiments.page.records import leaves_out

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem; }
th, td { border: 1px solid #ccc; padding: 0.25rem 0.6rem; text-align: left; vertical-align: top; }
th { background: #f2f2f2; }
img { max-width: 100%; height: auto; }
code { background: #f2f2f2; overflow-wrap: anywhere; }
"""


def write_page(runs: dict, path: Path, note: str = "") -> None:
    """Write ``path``.md, with links to pictures, and ``path``.html, which holds them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(page_lines(runs, path.parent, note))
    path.with_name(f"{path.name}.md").write_text(text, encoding="utf-8")
    path.with_name(f"{path.name}.html").write_text(to_html(text, path.parent), encoding="utf-8")


def page_lines(runs: dict, folder: Path, note: str = "") -> list[str]:
    """The page in Markdown; links to pictures are relative to ``folder``."""

    def picture(run, stem, caption, wide=False):
        found = run.picture(stem)
        link = Path(os.path.relpath(found, folder)).as_posix() if found else None
        return _picture(run, stem, caption, link, wide)

    return [
        "# The report, reproduced",
        "",
        f"Written by `python -m experiments.reproduce` on {datetime.date.today()}; each figure of "
        "ours is from a run of the table below, none was entered by hand. Where a run or a measure "
        "is missing, its place says so and names the command that would fill it.",
        "",
        *answer.answer_lines(runs),
        *summary.summary_lines(runs, note),
        *summary.runs_section(runs),
        *summary.claims_section(runs),
        *faces.vae_section(runs, picture),
        *faces.cvae_section(runs, picture),
        *faces.vq_vae_section(runs, picture),
        *maps.method_section(runs, picture),
        *maps.results_section(runs, picture),
        *summary.readings_section(runs),
        *summary.versions_section(runs),
    ]


def _picture(run, stem, caption, link, wide):
    """Lines for a picture of a run, as wide as the page if asked, or for why there is none."""
    if link:
        shown = (
            f'<img src="{link}" alt="{caption}" width="100%">' if wide else f"![{caption}]({link})"
        )
        return [shown, "", f"*{caption}*", ""]
    if run.finished and leaves_out(run, stem):
        return [
            f"*{caption}: left out. It would show original anime faces, whose rights are unclear; "
            f"the run's own folder has it as `figures/{stem}.png`.*",
            "",
        ]
    return [f"*{caption}: no run yet.*", ""]


def to_html(text: str, folder: Path) -> str:
    """Markdown as one HTML file, its pictures in it."""
    body = markdown.markdown(text, extensions=["tables"])

    def embedded(match):
        path = folder / html.unescape(match[1])
        kind = "png" if path.suffix == ".png" else "jpeg"
        return f'src="data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"'

    body = re.sub(r'src="([^":]+)"', embedded, body)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>The report, reproduced</title>\n<style>{STYLE}</style>\n{body}\n</html>\n"
    )
