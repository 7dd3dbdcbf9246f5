"""Train what is missing, measure it, and write the page."""

from experiments.launch.cli import DONE
from experiments.launch.output import make_writable
from experiments.page.page import write_page
from experiments.page.records import write_record
from experiments.page.runs import complete, read_runs


def reproduce(config) -> int:
    """All of ``experiments.reproduce``; returns the exit code."""
    page = config.output or config.runs / "reproduction"
    if config.train:
        make_writable(config.runs, "runs")
    for folder, option in ((config.output and page.parent, "output"), (config.records, "records")):
        if folder is not None:
            make_writable(folder, option)  # now, not after hours of training
    if config.train and (code := complete(config)) != DONE:
        return code
    runs = read_runs(config.runs)
    if config.records is not None:
        for one in runs.values():
            for each in (one, *one.others):
                if each.finished:
                    write_record(each, config.records / each.folder.name)
        runs = read_runs(config.records)
    write_page(runs, page, config.note)
    print(f"{page}.md and .html: {sum(r.finished for r in runs.values())} of {len(runs)} runs")
    return DONE
