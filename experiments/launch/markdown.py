"""Text for pages and terminals: tables in Markdown, names on one line."""


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


def inline(text: str) -> str:
    """Any text, such as a file's name, as part of one line that every terminal can show."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
    return shown.replace("`", "'")
