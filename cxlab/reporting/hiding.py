"""Taking paths and secrets of the machine out of what is published."""

from __future__ import annotations

import html
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cxlab.reporting.notebooks import Notebook
from cxlab.reporting.parameters import SECRET_NAME, Value

_TEXT_TYPES = ("text/", "application/json")
_HIDDEN = "(hidden)"
#: A shorter value, or one without a letter, is a word or a number that a report may hold by chance.
_SHORTEST_SECRET = 8


class PathHider:
    """Replaces known folders of this machine in text; a folder of the user becomes its last name.

    Values of environment variables that are called a token, password, secret or key become ``(hidden)``,
    as build servers do: a kernel has the environment of its user.

    Known are the working folder, the home folder, the temporary folder, the interpreter's folders and
    the ``folders`` given (data, notebooks, output). Both the spelled and the resolved path are found.
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        named = [(folder, folder.name) for folder in folders]
        named += [
            (Path(sys.prefix), "python"),
            (Path(sys.base_prefix), "python"),
            (Path(tempfile.gettempdir()), "temporary"),
            (Path(__file__).parents[2], ""),
            (Path.cwd(), ""),
            (Path.home(), "~"),
        ]
        names: dict[str, str] = {}
        for folder, shown in named:
            for spelled in (str(folder), str(folder.resolve())):
                if len(spelled) > len(folder.anchor):
                    names.setdefault(spelled, shown)
                    names.setdefault(html.escape(spelled), html.escape(shown))
        longest_first = sorted(names, key=len, reverse=True)
        self._names = names
        self._secrets = sorted(
            {
                spelled
                for name, value in os.environ.items()
                if SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET and not value.isdigit()
                for spelled in (value, html.escape(value))
            },
            key=len,
            reverse=True,
        )
        # Whole names only: hiding /data must touch neither /database nor my/data.
        self._pattern = re.compile(
            r"(?<![\w.-])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w-])(/?)"
        )

    def text(self, text: str) -> str:
        """``text`` without the known folders and secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return self._pattern.sub(self._replacement, text)

    def value(self, value: Value) -> Value:
        """A parameter's value as it may be shown."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            shown: Any = [self.text(item) if isinstance(item, str) else item for item in value]
            return shown  # type: ignore[no-any-return]
        return value

    def notebook(self, notebook: Notebook) -> None:
        """Clean the source of code cells and every text output of ``notebook``, in place."""
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            cell.source = self.text(cell.source)
            for output in cell.get("outputs", []):
                self._output(output)

    def _output(self, output: Any) -> None:
        if output.output_type == "stream":
            output.text = self.text(output.text)
        elif output.output_type == "error":
            output.evalue = self.text(output.evalue)
            output.traceback = [self.text(line) for line in output.traceback]
        else:
            for kind, content in output.get("data", {}).items():
                if kind.startswith(_TEXT_TYPES) and isinstance(content, str):
                    output.data[kind] = self.text(content)

    def _replacement(self, match: re.Match[str]) -> str:
        shown, slash = self._names[match.group(1)], match.group(2)
        return f"{shown}{slash}" if shown else ""
