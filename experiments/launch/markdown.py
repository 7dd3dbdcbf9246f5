"""Tables in Markdown."""


def table(head, rows, digits=4) -> list[str]:
    """Lines of a Markdown table, and an empty one; floats have so many significant digits."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(_cell(cell, digits) for cell in line) + " |" for line in lines] + [""]


def _cell(value, digits):
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return str(value).replace("|", "\\|").replace("\n", " ")
