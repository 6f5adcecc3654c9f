"""A scanner of built pages, written apart from the package: allow-lists of tags, attributes and addresses.

``scan(page)`` returns one sentence for each finding and an empty list for a page that may leave the house.
It parses with the standard library, not with the parser that the package uses, so that a fault of one is
not a fault of both.
"""

import json
import re
from html.parser import HTMLParser

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:"
#: Fewer answers than this must not stand beside an estimate.
LEAST_N = 5

TAGS = frozenset(
    """
    html head meta title style body header main footer section nav aside div span p pre code br hr
    h1 h2 h3 h4 h5 h6 a ul ol li dl dt dd strong em b i s sub sup small blockquote figure figcaption img wbr
    table caption colgroup col thead tbody tfoot tr th td details summary fieldset legend label input
    """.split()  # noqa: SIM905 - read as a list of words
)
ATTRIBUTES = frozenset(
    """
    class id lang charset name content http-equiv href src alt title width height style tabindex role scope
    colspan rowspan span halign valign type checked open start dir
    """.split()  # noqa: SIM905
)
_VOID = frozenset({"meta", "br", "hr", "img", "wbr", "col", "input"})
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_EMBEDDED = re.compile(r"data:image/(png|jpeg|gif|svg\+xml);base64,[A-Za-z0-9+/=]+")
_LOCAL_LINK = re.compile(r"#[\w-]+|(failed/)?[a-z0-9-]+\.html")
_CSS_LOADS = re.compile(r"@import|url\s*\(|expression\s*\(|-moz-binding", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?|ftp|file|wss?)://[^\s<>\"')\]]+", re.IGNORECASE)
_FORMULA = re.compile(r"[=+\-@\t\r\x00]")
_NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+([eE][+-]?\d+)?\s*%?|-|--")
_HIDDEN_VALUES = frozenset({"", "-", "nan", "too few", "none", "<na>", "0", "0.0", "0.000"})
_ESTIMATES = frozenset({"estimate", "observed", "conf_low", "conf_high", "mean", "share", "rate"})

#: What no page may hold anywhere, in text, attributes or style: a name, and how it looks.
TRACES = (
    (
        "a path of a machine",
        r"(?<![\w.])/(?:home|root|Users|tmp|var|work|srv|mnt|opt|etc)/\w|\b[A-Za-z]:\\\\?\w",
    ),
    ("metadata of papermill", r"\bpapermill\b(?=\W{1,4}(?:input_path|output_path|parameters|version|\{))"),
    (
        "a secret",
        r"\b(?:ghp_|github_pat_|glpat-|xox[bp]-|sk-)\w{8,}|\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]+KEY",
    ),
    ("a secret", r"(?i)\b(?:password|passwd|secret|api_?key|token)\s*[=:]\s*['\"]?\w{6,}"),
)
#: What would point to a person.
PERSONS = (
    ("an e-mail address", r"[\w.+-]+@[\w-]+\.[A-Za-z]{2,}"),
    ("a phone number", r"(?<![\w.,+-])(?:\+|00)[1-9]\d{0,2}[ /().-]{0,2}\d(?:[ /().-]?\d){6,}(?![\w,])"),
    ("a phone number", r"(?<![\w.,+-])\(?0\d{2,5}\)?[ /-]{1,2}\d{3,}(?:[ -]?\d+)*(?![\w.,])"),
    ("an IBAN", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    ("the number of a person or record", r"\b[CREK]\d{7}(?:-\d+)*\b"),
)


class _Reader(HTMLParser):
    """Collects findings about markup, the visible text, and every table as rows of texts."""

    def __init__(self, links):
        super().__init__(convert_charrefs=True)
        self.links = links
        self.findings, self.text, self.style = [], [], []
        self.tables, self.order = [], []
        self._open, self._tables, self._cell = [], [], None

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        self.order.append((tag, given))
        if tag not in TAGS:
            self.findings.append(f"the tag <{tag}> is not one that a page may hold")
        for name, value in given.items():
            self._attribute(tag, name, value)
        if tag == "img":
            self._image(given)
        if tag not in _VOID:
            self._open.append((tag, given))
        if tag == "table":
            self._tables.append([])
        elif tag == "tr" and self._tables:
            self._tables[-1].append([])
        elif tag in {"td", "th"} and self._tables and self._tables[-1]:
            self._cell = []

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        while any(tag == name for name, _ in self._open) and self._open.pop()[0] != tag:
            pass
        if tag in {"td", "th"} and self._cell is not None:
            self._tables[-1][-1].append("".join(self._cell).strip(" \n"))
            self._cell = None
        elif tag == "table" and self._tables:
            self.tables.append(self._tables.pop())

    def handle_data(self, data):
        inside = self._open[-1][0] if self._open else ""
        (self.style if inside == "style" else self.text).append(data)
        if self._cell is not None:
            self._cell.append(data)

    def handle_comment(self, data):
        self.findings.append(f"a comment in the markup: {data.strip()[:40]!r}")

    def handle_pi(self, data):
        self.findings.append(f"a processing instruction: {data[:40]!r}")

    def _attribute(self, tag, name, value):
        if (
            name not in ATTRIBUTES
            and not name.startswith(("aria-", "data-"))
            and (tag, name) != ("label", "for")
        ):
            self.findings.append(f"the attribute {name} of <{tag}> is not one that a page may hold")
        if name == "href" and not _LOCAL_LINK.fullmatch(value) and value not in self.links:
            self.findings.append(f"<{tag}> leads to {value[:60]!r}")
        if name == "src" and not _EMBEDDED.fullmatch(value):
            self.findings.append(f"<{tag}> loads {value[:60]!r}")
        if name == "style" and _CSS_LOADS.search(value):
            self.findings.append(f"the style of <{tag}> loads {value[:60]!r}")
        if (tag, name) == ("input", "type") and value != "radio":
            self.findings.append(f"an input of type {value!r}")
        if (tag, name) == ("meta", "http-equiv") and value != "Content-Security-Policy":
            self.findings.append(f"<meta http-equiv={value!r}>")

    def _image(self, given):
        decoration = any(attributes.get("aria-hidden") == "true" for _, attributes in self._open)
        if not given.get("alt", "").strip() and not decoration:
            self.findings.append("an image has no alt text")


def scan(page, *, secrets=(), folders=(), links=(), least_n=LEAST_N):
    """Everything on ``page`` that must not be there; ``links`` are the addresses that its author wrote.

    ``secrets`` and ``folders`` are texts of this machine: values of environment variables, home, data.
    """
    reader = _Reader(frozenset(links))
    reader.feed(page)
    reader.close()
    found = list(reader.findings)
    found += _head(reader.order)
    style = "".join(reader.style)
    if _CSS_LOADS.search(style):
        found.append("the style of the page loads a file")
    visible = "\n".join(reader.text)
    attributes = "\n".join(
        value for _, given in reader.order for name, value in given.items() if name not in {"src", "style"}
    )
    told = f"{visible}\n{attributes}"
    found += _traces(told, links, [*TRACES, *PERSONS])
    found += [f"an address: {one[:60]}" for one in _ADDRESS.findall(told) if one.rstrip(".,") not in links]
    found += [f"a text of this machine: {text[:3]}..." for text in {*secrets, *folders} if text in page]
    for number, rows in enumerate(reader.tables, start=1):
        found += [f"table {number}: {finding}" for finding in scan_table(rows, least_n=least_n)]
    return list(dict.fromkeys(found))


def scan_table(rows, *, least_n=LEAST_N):
    """What must not stand in a table, given as rows of texts with the names of columns first.

    A row with fewer than ``least_n`` answers that still shows an estimate; a text that a spreadsheet takes
    for a formula, on the page (tables are copied) as in a CSV file.
    """
    found = []
    for row in rows:
        live = [cell for cell in row if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)]
        found += [f"a cell that a spreadsheet would run: {cell[:40]!r}" for cell in live]
    names = rows[0] if rows else []
    counts = [place for place, name in enumerate(names) if name == "n" or name == "clusters"]
    shown = [place for place, name in enumerate(names) if name in _ESTIMATES]
    for row in rows[1:]:
        if len(row) != len(names):
            continue
        smallest = min((_count(row[place]) for place in counts), default=least_n)
        told = [row[place] for place in shown if row[place].lower() not in _HIDDEN_VALUES]
        if smallest < least_n and told:
            found.append(f"n = {smallest:g} beside an estimate of {told[0]}")
    return found


def tables_without_n(page):
    """The names of columns of each table that shows estimates, but not of how many answers."""
    reader = _Reader(frozenset())
    reader.feed(page)
    heads = [tuple(rows[0]) for rows in reader.tables if rows and rows[0]]
    return [
        names
        for names in heads
        if {"estimate", "conf_low"} & set(names)
        and not any(name == "n" or name.startswith(("n_", "answers")) for name in names)
    ]


def scan_notebook(text, *, secrets=(), folders=()):
    """What must not be in a published notebook: papermill's records, times, paths, secrets, persons."""
    found = [f"a text of this machine: {one[:3]}..." for one in {*secrets, *folders} if one in text]
    notebook = json.loads(text)
    for holder in (notebook, *notebook["cells"]):
        left = {"papermill", "execution", "widgets"} & set(holder["metadata"])
        found += [f"metadata {name}" for name in sorted(left)]
    found += _traces(text, (), TRACES)
    return list(dict.fromkeys(found))


def _head(order):
    found = []
    html = next((given for tag, given in order if tag == "html"), {})
    if not _LANGUAGE.fullmatch(html.get("lang", "")):
        found.append("the language of the page is not set")
    policies = [
        (place, given)
        for place, (tag, given) in enumerate(order)
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy"
    ]
    loading = [place for place, (tag, _) in enumerate(order) if tag in {"style", "img", "link", "script"}]
    if [given.get("content") for _, given in policies] != [POLICY]:
        found.append("the policy of the page is not exactly one, and the strict one")
    elif loading and policies[0][0] > loading[0]:
        found.append("the policy stands behind what it should hold for")
    return found


def _traces(text, links, looks):
    found = []
    for what, look in looks:
        for match in re.finditer(look, text):
            shown = match.group(0)
            if not any(shown in link for link in links):
                found.append(f"{what}: {shown[:4]}...")
    return found


def _count(text):
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return 0.0
