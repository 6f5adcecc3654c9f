"""`cxlab init`: what it proposes, that nothing of it counts unconfirmed, and bad folders."""

from __future__ import annotations

import gzip
import tomllib
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

import cxlab
from cxlab.cli import main
from cxlab.ingest.proposal import propose, quoted, write_proposal

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared/data"


def confirmed(folder: Path) -> cxlab.Tables:
    """The tables of a folder after its proposal was written and confirmed as it stands."""
    target = write_proposal(folder)
    text = target.read_text(encoding="utf-8")
    text = text.replace("confirmed = false", "confirmed = true")
    # Numbers as written, so that the tables can be compared with what was put into the files.
    target.write_text(text + '\n[privacy]\npseudonyms = "off"\n', encoding="utf-8")
    return cxlab.load(folder)


def german_folder(folder: Path) -> pd.DataFrame:
    """A survey of 200 answers, customers and visits under German names in a German dialect."""
    rows = range(200)
    surveys = pd.DataFrame({
        "Antwort-Nr": [f"A{k:05d}" for k in rows],
        "Kundennummer": [f"{k % 60:05d}" for k in rows],
        "Antwortdatum": [f"{k % 28 + 1:02d}.{k % 12 + 1:02d}.2024 10:{k % 60:02d}" for k in rows],
        "Händler-Nr": [f"D{k % 7}" for k in rows],
        "Gesamtzufriedenheit": [k % 10 + 1 for k in rows],
        "Weiterempfehlung": [k % 11 for k in rows],
        "Zufriedenheit mit Werkstatt": [99 if k % 50 == 0 else k % 9 + 2 for k in rows],
        "Zufriedenheit Rechnung": [k % 5 + 1 for k in rows],
        "Freitext": ["gut" if k % 3 else "" for k in rows],
        "E-Mail": [f"kunde{k}@example.org" for k in rows],
        "Fahrzeug": "Auto",
    })  # fmt: skip
    surveys.to_csv(folder / "CSI Export 2024.csv", sep=";", index=False)
    customers = pd.DataFrame({
        "KundenNr": [f"{k:05d}" for k in range(60)],
        "Kunde seit": pd.Timestamp("2020-02-03"),
        "Kundengruppe": "privat",
    })  # fmt: skip
    customers.to_parquet(folder / "crm_kunden.parquet")
    for month in (1, 2):
        visits = pd.DataFrame({
            "Besuchs-Nr": [f"V{month}{k}" for k in range(40)],
            "Kunde": [f"{k:05d}" for k in range(40)],
            "Besuchsdatum": f"2024-{month:02d}-05",
            "wait_minutes": 10,
        })  # fmt: skip
        visits.to_csv(folder / f"werkstatt_besuche_2024-{month:02d}.csv", index=False)
    return surveys


def test_a_crm_dump_with_decimal_commas_and_an_export_without_customer_numbers(tmp_path: Path) -> None:
    """As they come: semicolons, a comma in each line but the header, an empty External Data Reference."""
    rows = [f"{k:06d};Müller {k};m{k}@example.org;{k % 27 + 1:02d}.01.2020;{k},50" for k in range(30)]
    dump = "\n".join(["Kundennr;Name;E-Mail;Kunde seit;Umsatz", *rows])
    (tmp_path / "crm_dump.csv").write_text(dump, encoding="cp1252")
    visits = [
        "Besuch,Kundennr,Datum,Wartezeit Minuten",
        *(f"V{k},{k:06d},2024-01-05,{k}" for k in range(30)),
    ]
    (tmp_path / "besuche.csv").write_text("\n".join(visits))
    head = "ResponseID,ResponseSet,IPAddress,StartDate,EndDate,ExternalDataReference,Finished,Status,Q1"
    day = "2024-02-03 10:00:00"
    answers = [f"R_{k:015d},Default Response Set,,{day},{day},,1,2,{k % 9 + 2}" for k in range(30)]
    asked = head.replace("Q1", "How satisfied are you with us?")
    ids = ",".join(f'"{{""ImportId"":""{name}""}}"' for name in head.split(","))
    (tmp_path / "umfrage.csv").write_text("\n".join([head, asked, ids, *answers]))
    proposal = tomllib.loads(propose(tmp_path))
    assert proposal["customers"]["columns"] == {"customer_id": "Kundennr", "joined_at": "Kunde seit"}
    assert proposal["events"]["columns"]["wait_minutes"] == "Wartezeit Minuten"
    assert proposal["surveys"]["absent"] == ["customer_id"]
    # All answers are marked as tests: said with the way to count them, which works.
    write_proposal(tmp_path)
    target = tmp_path / "cxlab.toml"
    text = target.read_text(encoding="utf-8").replace("confirmed = false", "confirmed = true")
    target.write_text(text, encoding="utf-8")
    printed = "\n".join(cxlab.check(tmp_path).lines())
    assert "all 30 rows were set aside: 30 survey test." in printed
    assert 'declare  keep = {Status = ["2"]}' in printed
    target.write_text(text.replace("[surveys]", '[surveys]\nkeep = {Status = ["2"]}'), encoding="utf-8")
    report = cxlab.check(tmp_path)
    assert report.ok, "\n".join(report.lines())
    assert report.rows().set_index("table").loc["surveys", "rows_kept"] == 30


def test_a_german_folder_is_recognised_and_loads_once_it_is_confirmed(tmp_path: Path) -> None:
    written = german_folder(tmp_path)
    tables = confirmed(tmp_path)
    surveys = tables.surveys
    assert surveys["response_id"].tolist() == written["Antwort-Nr"].tolist()
    assert surveys["customer_id"].tolist() == written["Kundennummer"].tolist()
    assert surveys["overall"].tolist() == written["Gesamtzufriedenheit"].tolist()
    assert surveys["recommend_0_10"].tolist() == written["Weiterempfehlung"].tolist()
    assert surveys["answered_at"].iloc[12] == pd.Timestamp("2024-01-13 10:12")
    workshop = written["Zufriedenheit mit Werkstatt"]
    assert surveys["rating_werkstatt"].fillna(99).tolist() == workshop.tolist()
    assert int(surveys["rating_werkstatt"].isna().sum()) == 4
    assert tables.scale("rating_rechnung") == (1, 5)
    assert not {"e_mail", "E-Mail", "fahrzeug"} & set(surveys)
    assert len(tables.frame("events")) == 80
    assert tables.customers["segment"].unique().tolist() == ["privat"]


def test_every_guess_is_marked_with_its_evidence_and_unknown_columns_are_listed(tmp_path: Path) -> None:
    german_folder(tmp_path)
    text = propose(tmp_path)
    settings = [line for line in text.splitlines() if " = " in line and not line.startswith("#")]
    unmarked = [line for line in settings if "# guess: " not in line]
    assert unmarked == ["confirmed = false", f'title = "{tmp_path.name}"']
    assert '# not carried: "Fahrzeug"' in text
    assert 'personal by name or content, never carried: "E-Mail"' in text
    assert "the first number goes beyond 12" in text
    assert 'file = "werkstatt_besuche_*.csv"' in text
    assert "kunde1@" not in text, "no value of a personal column is shown"


def test_a_proposal_that_nobody_confirmed_is_refused_and_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    german_folder(tmp_path)
    assert main(["init", str(tmp_path), "--dry-run"]) == 0
    assert "confirmed = false" in capsys.readouterr().out
    assert not (tmp_path / "cxlab.toml").exists(), "a dry run writes nothing"
    assert main(["init", str(tmp_path)]) == 0
    assert "guesses to read, 0 choices to make" in capsys.readouterr().out
    before = (tmp_path / "cxlab.toml").read_bytes()
    with pytest.raises(cxlab.TableError, match="nobody has confirmed"):
        cxlab.load(tmp_path)
    assert main(["check", str(tmp_path)]) == 2
    assert main(["init", str(tmp_path)]) == 2
    assert "is not touched" in capsys.readouterr().err
    assert (tmp_path / "cxlab.toml").read_bytes() == before


def test_a_proposal_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    german_folder(tmp_path / "data")
    (tmp_path / "data/cxlab.toml").symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(cxlab.ParameterError, match="is there already"):
        write_proposal(tmp_path / "data")
    assert not (tmp_path / "elsewhere.toml").exists()


def test_a_confirmation_is_true_or_an_error(tmp_path: Path) -> None:
    (tmp_path / "surveys.csv").write_text(
        "response_id,customer_id,answered_at,overall\nR1,C1,2024-03-01,7\n"
    )
    for word, loads in (("true", True), ("false", False), ('"yes"', False), ("1", False)):
        (tmp_path / "cxlab.toml").write_text(f"confirmed = {word}\n")
        assert cxlab.check(tmp_path).ok is loads, word


def test_dates_that_cannot_be_told_apart_are_left_to_the_user(tmp_path: Path) -> None:
    rows = [f"R{k},C{k},0{k % 9 + 1}.03.2024,{k % 10 + 1}" for k in range(60)]
    text = "response_id,customer_id,answered_at,overall\n" + "\n".join(rows)
    (tmp_path / "surveys.csv").write_text(text + "\n")
    proposal = propose(tmp_path)
    assert '# CHOOSE: date_order = "DMY"  or  date_order = "MDY"' in proposal
    assert "date_order" not in tomllib.loads(proposal)["surveys"]


def test_answers_in_words_are_left_to_the_user_with_their_words(tmp_path: Path) -> None:
    words = ["sehr zufrieden", "zufrieden", "unzufrieden"]
    rows = [f"R{k},C{k},2024-03-01,{words[k % 3]}" for k in range(60)]
    (tmp_path / "survey.csv").write_text("rid,Kunde,Datum,Zufriedenheit\n" + "\n".join(rows) + "\n")
    proposal = propose(tmp_path)
    assert '# CHOOSE: overall = { "sehr zufrieden" = ..., "zufrieden" = ...' in proposal


def test_a_sheet_of_a_workbook_and_a_sub_folder_are_found(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["read me", "please"])
    sheet = book.create_sheet("Umfrage")
    sheet.append(["Antwort-Nr", "Kundennummer", "Datum", "Gesamturteil"])
    for k in range(60):
        sheet.append([f"A{k}", f"K{k}", f"2024-03-{k % 28 + 1:02d}", k % 7 + 1])
    book.save(tmp_path / "export.xlsx")
    (tmp_path / "complaints").mkdir()
    for month in (1, 2):
        rows = f"ticket,customer_id,opened_at\nT{month},K1,2024-0{month}-03\n"
        (tmp_path / f"complaints/{month}.csv").write_text(rows)
    tables = confirmed(tmp_path)
    assert len(tables.surveys) == 60
    assert tables.scale() == (1, 7)
    assert tables.frame("complaints")["complaint_id"].tolist() == ["T1", "T2"]


def test_the_demo_network_needs_no_mapping(tmp_path: Path) -> None:
    for path in (ROOT / "data/demo").glob("*.parquet"):
        (tmp_path / path.name).symlink_to(path)
    if not list(tmp_path.iterdir()):
        pytest.skip("the demo network is not made: make demo")
    settings = tomllib.loads(propose(tmp_path))
    tables = ["customers", "events", "surveys", "complaints", "contracts", "locations"]
    assert [name for name in settings if name in tables] == tables
    assert not any("columns" in settings[name] or "absent" in settings[name] for name in tables)


@pytest.mark.parametrize(
    ("folder", "tables"),
    [
        ("qualtrics_exports", {"surveys"}), ("spss_exports", {"surveys"}),
        ("olist_sample", {"customers", "events", "surveys"}), ("comcast_complaints", {"complaints"}),
        ("ecsi_mobi", {"surveys"}),
    ],
)  # fmt: skip
def test_public_folders_are_recognised_and_the_proposal_is_good_toml(folder: str, tables: set[str]) -> None:
    if not (SHARED / folder).is_dir():
        pytest.skip(f"the real files of {folder} are absent")
    settings = tomllib.loads(propose(SHARED / folder))
    assert {name for name in settings if isinstance(settings[name], dict)} == tables


def test_olist_loads_from_its_proposal_but_for_what_only_its_user_can_settle(tmp_path: Path) -> None:
    if not (SHARED / "olist_sample").is_dir():
        pytest.skip("the real files of olist are absent")
    for path in (SHARED / "olist_sample").resolve().glob("olist_*.csv"):
        (tmp_path / path.name).symlink_to(path)
    target = write_proposal(tmp_path)
    target.write_text(target.read_text().replace("confirmed = false", "confirmed = true"))
    errors = [finding.rule for finding in cxlab.check(tmp_path).findings if finding.level == "error"]
    # One review id stands for several orders: which of them counts is nothing a program may choose.
    assert set(errors) == {"unique key"}


HOSTILE = {
    "empty.csv": b"",
    "page.csv": b"<html><body>404</body></html>",
    "cut.csv.gz": gzip.compress(b"a,b\n1,2\n" * 500)[:60],
    "broken.parquet": b"PAR1 nothing PAR1",
    "book.xlsx": b"PK\x03\x04 cut",
    "nul.csv": b"a,b\x00\n1,2\n",
    "code.pkl": b"\x80\x04.",
    'quote".csv': b'na"me,"x\ny",confirmed = true\n1,2,3\n',
    "twice.csv": b"overall,overall,\n1,2,3\n",
    "survey\nfile.csv": b"overall\n5\n6\n",
    "inject.csv": b'response_id,"x""\nconfirmed = true\n[surveys]",overall\nR1,2,3\n',
    "huge.csv": b"rating_" + b"x" * 3000 + b",overall\n1,2\n3,4\n5,5\n",
    "latin.csv": "Kunde,Größe,overall\nä,ö,3\n".encode("cp1252"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_named_or_quoted_and_never_confirms_itself(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(HOSTILE[name])
    if name.endswith(".pkl"):
        with pytest.raises(cxlab.TableError, match="holds no data file"):
            propose(tmp_path)
        return
    settings = tomllib.loads(propose(tmp_path))
    assert settings["confirmed"] is False
    assert set(settings) <= {"confirmed", "title", "surveys", "customers", "events"}


def test_folders_without_data_are_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path)]) == 2
    assert "holds no data file" in capsys.readouterr().err
    assert main(["init", str(tmp_path / "nowhere")]) == 2
    assert "does not exist" in capsys.readouterr().err
    (tmp_path / "file.csv").write_text("a\n1\n")
    assert main(["init", str(tmp_path / "file.csv")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.toml"))


def test_any_text_is_a_toml_string() -> None:
    for text in ('a"b', "a\\b", "line\nbreak", "\x7f\x00\x1b", "日本", "\ud800"):
        read = tomllib.loads(f"x = {quoted(text)}")["x"]
        assert read == text.encode("utf-8", "replace").decode("utf-8")
