"""What cxlab never does: run code from data, put a name into SQL unquoted, write through a link."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "cxlab").rglob("*.py"))
#: Modules that run code from a file, or names that do.
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "skops"}
FORBIDDEN_CALLS = {"eval", "exec", "read_pickle", "to_pickle", "unsafe_load", "full_load"}
#: Modules whose ``load`` and ``dump`` store objects, beside much that is harmless.
LOADERS = ("yaml", "numpy", "np", "joblib")


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            found.append((name, node))
    return found


def unsafe(source: str) -> list[str]:
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in FORBIDDEN_MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.ImportFrom) and str(node.module) == "joblib":
            found += [f"joblib.{alias.name}" for alias in node.names if alias.name in ("load", "dump")]
    for name, call in calls(tree):
        if name in FORBIDDEN_CALLS:
            found.append(name)
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if name in ("load", "dump") and isinstance(owner, ast.Name) and owner.id in LOADERS:
            found.append(f"{owner.id}.{name}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "cxlab")))
def test_no_module_can_run_code_that_came_with_data(path: Path) -> None:
    assert unsafe(path.read_text(encoding="utf-8")) == []


def test_the_rule_sees_what_it_forbids() -> None:
    assert unsafe("import pickle") == ["pickle"]
    assert unsafe("from joblib import load") == ["joblib.load"]
    assert unsafe("joblib.load(path)") == ["joblib.load"]
    assert not unsafe("from joblib import Parallel")  # runs jobs, reads no stored object
    assert unsafe("yaml.load(text)") == ["yaml.load"]
    assert unsafe("pd.read_pickle(path)") == ["read_pickle"]
    assert unsafe("eval(text)") == ["eval"]
    assert not unsafe("yaml.safe_load(text)")


def test_every_name_in_the_sql_of_the_checks_is_quoted() -> None:
    """In the modules that build SQL from a user's columns no f-string takes a bare ``name``."""
    for path in (ROOT / "cxlab/ingest").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
                if re.search(r"\b(?:SELECT|FROM|WHERE|IS NULL|NOT IN)\b", text):
                    bare = [
                        part.value.id
                        for part in node.values
                        if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name)
                    ]
                    assert not {"name", "column", "table", "key"} & set(bare), f"{path.name}: {text}"


def test_sql_over_user_names_cannot_read_a_file(tmp_path: Path) -> None:
    import pandas as pd

    from cxlab.engine.duck import connect

    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    engine = connect(files=False)
    engine.view("checked", pd.DataFrame({"a": [1]}))
    assert engine.scalar("SELECT count(*) FROM checked") == 1
    with pytest.raises(Exception, match="disabled"):
        engine.frame(f"SELECT * FROM read_csv('{secret}')")
    with pytest.raises(Exception, match=r"disabled|Cannot"):
        engine.frame("SET enable_external_access = true")
    engine.close()
