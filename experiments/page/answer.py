"""The page's first lines: did it reproduce the report, and how good is it?"""

from experiments.page.claims import JUDGES
from experiments.page.maps import DIRECTIONS, network_tables
from experiments.page.summary import PARTS, facts, number


def answer_lines(runs) -> list[str]:
    """In short; all of it counted or read from the runs."""
    rows = [row for rows in network_tables().values() for row in rows]
    agree = sum(theirs == ours for _, theirs, ours in rows)
    claims = [claim["id"] for part in PARTS for claim in facts(part)["claims"]]
    verdicts = [JUDGES[claim](runs)[0] for claim in claims]
    counts = ", ".join(f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts))
    lines = [
        f"- **Networks of pix2pix**: {agree} of the {len(rows)} rows of the report's tables are "
        "met, in shape and, where stated, number of parameters.",
        f"- **Claims**: of the report's {len(claims)}: {counts}.",
    ]
    for run in (runs[name] for name in DIRECTIONS if runs[name].finished):
        lines.append(
            f"- **{run.name}**, {run.done} epochs, beside the training targets' mean colour as the "
            f"only answer: {_beside(run, 'l1', 4)} (lower is better), {_beside(run, 'ssim', 3)} "
            "(higher is better)."
        )
    if all(runs[name].figure("val_fid") is None for name in DIRECTIONS):
        lines.append("- **Beside published results** (FID): not measured yet.")
    return ["In short:", "", *lines, ""]


def _beside(run, measure, digits):
    ours, flat = (number(run.figure(f"val_{measure}{x}"), digits) for x in ("", "_mean_colour"))
    return f"{measure.upper()} {ours} against {flat}"
