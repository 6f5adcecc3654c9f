"""The page for newcomers, walked as it stands: its files are made, its commands run, its code executed."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import cxlab
from cxlab.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
QUESTIONS = {
    "StartDate": "Start Date", "EndDate": "End Date", "Status": "Response Type", "IPAddress": "IP Address",
    "Progress": "Progress", "Duration (in seconds)": "Duration (in seconds)", "Finished": "Finished",
    "RecordedDate": "Recorded Date", "ResponseId": "Response ID", "RecipientEmail": "Recipient Email",
    "ExternalReference": "External Data Reference", "Q1": "Overall, how satisfied are you with us?",
    "Q2": "How likely are you to recommend us?", "Q3_1": "How satisfied were you with\nwaiting?",
    "Q3_2": "... advice?", "Q3_3": "... price?", "Q4": "What should we do better?", "dealer": "dealer",
}  # fmt: skip


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with the three files of the page: 400 answers, 2 of them previews, 150 customers."""
    raw = tmp_path / "data/raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(1)
    with (raw / "CSI_Survey.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(QUESTIONS)
        writer.writerow(QUESTIONS.values())
        zone = '{{"ImportId":"{0}","timeZone":"Europe/Berlin"}}'
        writer.writerow([zone.format(name) for name in QUESTIONS])
        for k in range(400):
            day = f"2026-0{k % 6 + 2}-{k % 27 + 1:02d} 10:{k % 60:02d}:00"
            mood = rng.normal(7, 1.5)
            rated = np.clip(np.rint(mood + rng.normal(0, 1, 5)), 1, 10).astype(int).tolist()
            items = [99 if rng.random() < 0.03 else rating for rating in rated[2:]]
            status, done = ("1" if k < 2 else "0"), ("0" if k == 5 else "1")
            person = [f"R_{k:05d}", f"a{k}@example.org", f"{k % 150:06d}"]
            kept = [day, day, status, "10.0.0.1", 100, int(rng.integers(60, 400)), done, day]
            writer.writerow([*kept, *person, *rated[:2], *items, "fine" if k % 4 else "", f"D{k % 12:02d}"])
    customers = [f"{k:06d};{k % 27 + 1:02d}.{k % 12 + 1:02d}.2020;private" for k in range(150)]
    text = "customer_no;customer_since;customer_group\n" + "\n".join(customers) + "\n"
    (raw / "crm_customers.csv").write_text(text)
    visits = [f"V{k},{k % 150:06d},2026-01-{k % 27 + 1:02d} 09:00,{k * 7 % 60}" for k in range(300)]
    head = "visit_no,customer_no,visit_date,wait_minutes\n"
    (raw / "workshop_visits.csv").write_text(head + "\n".join(visits) + "\n")
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: str) -> int:
    words = shlex.split(command)
    assert words[0] == ".venv/bin/cxlab"
    return main(words[1:])


def test_the_proposal_of_the_page_s_files_is_near_what_the_page_corrects_it_to(newcomer: Path) -> None:
    _, init, check, _ = (block.strip() for block in blocks("sh"))
    assert run(init) == 0
    assert run(check) == 2, "nothing counts before it is confirmed"
    target = newcomer / "data/raw/cxlab.toml"
    proposal = target.read_text(encoding="utf-8")
    for line in ('customer_id = "customer_no"', 'joined_at = "customer_since"', 'overall = "Q1"',
                 'recommend_0_10 = "Q2"', 'rating_q3_1 = "Q3_1"', 'date_order = "DMY"', 'delimiter = ";"',
                 'event_id = "visit_no"', 'occurred_at = "visit_date"', "rating_q3_2 = [99]"):  # fmt: skip
        assert line in proposal, line
    assert "example.org" not in proposal
    target.write_text(proposal.replace("confirmed = false", "confirmed = true"), encoding="utf-8")
    assert run(check) == 0, "as it stands it loads, too"


def test_a_key_is_made_as_the_page_says(newcomer: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    make, export = blocks("sh")[0].strip().splitlines()
    key = tmp_path_factory.mktemp("home") / "key"
    assert run(make.replace("~/.config/cxlab/key", str(key))) == 0
    assert export == "export CXLAB_KEY_FILE=~/.config/cxlab/key"
    assert key.stat().st_mode & 0o077 == 0


def test_the_page_s_configuration_checks_and_its_code_answers(
    newcomer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (configuration,) = blocks("toml")
    (newcomer / "data/raw/cxlab.toml").write_text(configuration, encoding="utf-8")
    assert run(blocks("sh")[2].strip()) == 0
    printed = capsys.readouterr().out
    assert "survey preview" in printed
    assert "Finished says so; kept" in printed
    (code,) = blocks("python")
    exec(compile(code, "docs/own-data.md", "exec"), {})
    said = capsys.readouterr().out
    assert "Workshop survey 2026: loaded" in said
    assert "n = 398" in said
    tables = cxlab.load("data/raw")
    assert len(tables.surveys) == 398
    assert set(tables.no_answer()["reason"]) == {"not experienced"}
    assert tables.quality.match_rates().set_index(["table", "looked_up_in"]).loc[
        ("surveys", "customers"), "share"
    ] == pytest.approx(1.0)


def test_the_first_report_is_made(newcomer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (newcomer / "data/raw/cxlab.toml").write_text(blocks("toml")[0], encoding="utf-8")
    assert run(blocks("sh")[3].strip()) == 0
    page = Path(capsys.readouterr().out.strip().splitlines()[-1])
    text = page.read_text(encoding="utf-8")
    assert "Workshop survey 2026" in text
    assert "example.org" not in text


def test_the_page_is_reachable_and_its_links_lead_somewhere() -> None:
    assert "docs/own-data.md" in (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
