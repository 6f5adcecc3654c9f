"""What the README tells a newcomer to write works as it stands there."""

import re
from pathlib import Path

import cxlab

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_readme_s_own_data_example_loads(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "cxlab.toml").write_text(example, encoding="utf-8")
    rows = ["Antwort-Nr,Kunde,Datum,Gesamturteil", "00001,K1,25.03.2026,8", "00002,K2,26.03.2026,99"]
    (tmp_path / "csi_export.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    surveys = cxlab.load(tmp_path).surveys
    assert surveys["response_id"].str.fullmatch("[A-Z2-7]{26}").tolist() == [True, True]
    assert surveys["overall"].isna().tolist() == [False, True]
    assert str(surveys["answered_at"].iloc[0].date()) == "2026-03-25"


def test_every_command_line_of_the_readme_names_files_that_exist():
    text = README.read_text(encoding="utf-8")
    named = set(
        re.findall(r"\b(?:tests|notebooks|reports|docs|benchmarks)/[\w/.]+\.(?:py|ipynb|yml|md|png)", text)
    )
    missing = [name for name in named if not (README.parent / name).exists()]
    assert named
    assert missing == []
