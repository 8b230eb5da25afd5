"""Tables in plain text, or in Markdown."""


def number(value):
    """Three significant figures."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ratio(value):
    return "" if value is None else f"{value:.2f}"


def render(header, rows, markdown=False):
    """`rows` of texts. The first column is aligned to the left, the others to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(row):
        cells = [cell.ljust(width) if index == 0 else cell.rjust(width) for index, (cell, width) in enumerate(zip(row, widths))]
        return "| " + " | ".join(cells) + " |" if markdown else "  ".join(cells).rstrip()

    rule = ["-" * width if index == 0 else "-" * (width - 1) + (":" if markdown else "-") for index, width in enumerate(widths)]
    return "\n".join([line(header), line(rule), *map(line, rows)])


def say(text, options, plain=False):
    """A heading or the sentence above a table."""
    print("\n" + (f"{text}\n" if options.markdown or plain else text), flush=True)


def verdict(checks):
    """Of pairs of a value and its target."""
    checks = [(value, target) for value, target in checks if target is not None and value is not None]
    if not checks:
        return ""
    return "met" if all(value <= target for value, target in checks) else "NOT MET"
