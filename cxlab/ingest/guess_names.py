"""Words by which exports name what we know: hints for file names and columns, in several languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from cxlab.core.columns import COMPLAINTS, CONTRACTS, CUSTOMERS, EVENTS, LOCATIONS, SURVEYS
from cxlab.ingest.selection import snake_case

#: Table -> what its file is often called.
FILE_HINTS: Final[Mapping[str, str]] = {
    SURVEYS: r"survey|umfrage|befragung|csi|csat|nps|review|feedback|antwort|response|"
    r"satisf|zufried|enquete",
    CUSTOMERS: r"customer|kunde|crm|client|member|passenger",
    EVENTS: r"event|visit|besuch|order|auftr|call|contact|kontakt|werkstatt|termin|delivery|lieferung",
    COMPLAINTS: r"complaint|beschwerde|reklamation|ticket|claim",
    CONTRACTS: r"contract|vertrag|vertraege|subscription|policy|abo",
    LOCATIONS: r"location|dealer|haendler|site|store|branch|filiale|standort|outlet",
}
_NUMBER = r"(?:_?(?:id|nr|no|number|nummer|num|key|code|ref))"
_PERSON = r"(?:customer|cust|kunden?|client|account|member|user|subscriber|passenger)"
_DAY = r"(?:_?(?:at|on|date|datum|time|timestamp|day|am))"
_PLACE = r"(?:dealer|haendler|location|site|store|branch|filiale|betriebs?|standort|outlet|workshop)"
_CUSTOMER = rf"{_PERSON}{_NUMBER}?|external_(?:data_)?reference|customer_unique_id"
_LOCATION = rf"{_PLACE}{_NUMBER}?"
_LANGUAGE = r"(?:user_)?(?:language|lang|sprache)"
_EVENT = rf"(?:event|visit|order|auftrags?|besuchs?|call|case|appointment|job){_NUMBER}"

#: Table -> our column -> what it is often called, as a whole folded name; the most precise first.
COLUMN_HINTS: Final[Mapping[str, Mapping[str, str]]] = {
    SURVEYS: {
        "response_id": rf"(?:response|respondent|answer|antwort|survey|interview|record|review|reponse)"
        rf"{_NUMBER}|(?:rid|token|_?record_?id|antwort_?nr|id)",
        "customer_id": _CUSTOMER,
        "answered_at": rf"(?:answer(?:ed)?|response|survey|interview|submit(?:ted)?|recorded|"
        rf"complet(?:ed|ion)|antwort|review(?:_creation)?|end){_DAY}|datum|date|timestamp|zeitstempel|review_answer_timestamp",
        "overall": r"(?:overall|gesamt)(?:_?(?:satisfaction|rating|score|urteil|zufriedenheit|bewertung|"
        r"note|eindruck))?|(?:customer_)?satisfaction|zufriedenheit|csi|csat|review_score|stars|satisfied",
        "recommend_0_10": r"nps|recommend.*|likelihood_to_recommend|(?:weiter_?)?empfehl.*|ltr",
        "comment": r"(?:free_?text|freitext|comments?|kommentar|remarks?|verbatim|anmerkung(?:en)?|"
        r"feedback|review_comment_message)",
        "location_id": _LOCATION,
        "event_id": _EVENT,
        "language": _LANGUAGE,
    },
    CUSTOMERS: {
        "customer_id": _CUSTOMER,
        "joined_at": rf"(?:join(?:ed)?|sign_?up|start|entry|registered|created|customer_since|eintritts?|"
        rf"beginn){_DAY}?|kunde_seit|(?:customer|member)_since|seit",
        "left_at": rf"(?:left|leave|exit|end|churn|cancel(?:led|ed)?|austritts?|kuendigungs?|ende){_DAY}",
        "churned": r"churn(?:ed)?(?:_flag|_label)?|attrition|exited|gekuendigt",
        "segment": r"segment|customer_(?:type|group|segment)|kundengruppe|kundentyp|tier",
        "location_id": _LOCATION,
        "language": _LANGUAGE,
    },
    EVENTS: {
        "event_id": rf"{_EVENT}|event|vorgangs?{_NUMBER}|id",
        "customer_id": _CUSTOMER,
        "occurred_at": rf"(?:occurred|event|visit|besuchs?|order(?:_purchase)?|call|service|appointment|"
        rf"termin|auftrags?){_DAY}|datum|date|timestamp|am",
        "known_at": rf"(?:known|recorded|entered|booked|erfasst){_DAY}",
        "touchpoint": r"touch_?point|kontaktpunkt|event_?type|vorgangsart|type_of_contact",
        "episode": r"episode|phase",
        "channel": r"channel|kanal",
        "location_id": _LOCATION,
        "wait_minutes": r"wait(?:ing)?(?:_?time)?_?min(?:utes?)?|wartezeit_?min(?:uten)?",
        "outcome": r"outcome|valence",
    },
    COMPLAINTS: {
        "complaint_id": rf"(?:complaint|ticket|case|beschwerde|reklamations?|claim){_NUMBER}|ticket|id",
        "customer_id": _CUSTOMER,
        "opened_at": rf"(?:open(?:ed)?|received|complaint|eingangs?|created|filed)"
        rf"{_DAY}|datum|date(?:_.*)?",
        "resolved_at": rf"(?:resolved|closed|close|solved|erledigt|abschluss){_DAY}",
        "channel": r"received_via|channel|kanal|weg",
        "topic": r"topic|category|reason|thema|grund|subject|kategorie|customer_complaint",
        "severity": r"severity|schwere",
        "compensation_eur": r"compensation(?:_eur)?|kulanz(?:_eur)?",
        "event_id": _EVENT,
    },
    CONTRACTS: {
        "contract_id": rf"(?:contract|vertrags?|subscription|policy|abo){_NUMBER}",
        "customer_id": _CUSTOMER,
        "started_at": rf"(?:start(?:ed)?|begin(?:n)?|contract_start|vertragsbeginn|von){_DAY}?",
        "ended_at": rf"(?:end(?:ed)?|ende|contract_end|vertragsende|bis){_DAY}?",
        "value_per_year": r"value_per_year|annual_value|jahreswert|yearly_value",
        "plan": r"plan|tariff?|product|contract_type",
    },
    LOCATIONS: {
        "location_id": _LOCATION,
        "region": r"region|area|gebiet|state|bundesland|market",
    },
}
#: How the text of an overall question or of a recommendation reads.
QUESTION_HINTS: Final[Mapping[str, str]] = {
    "recommend_0_10": r"\brecommend|weiterempfehl|empfehlen",
    "overall": r"overall|how satisfied (?:are|were) you(?: with (?:us|our))?\b|insgesamt|alles in allem",
}
_UMLAUTS: Final[dict[int, str | int | None]] = {
    ord(letter): written
    for letter, written in zip("äöüÄÖÜß", ("ae", "oe", "ue", "Ae", "Oe", "Ue", "ss"), strict=True)
}
#: What the name of a further rating item holds.
ITEM_HINT: Final = re.compile(
    r"rating|satisf|zufried|bewert|score|note_|quality|qualitaet|^q[0-9]+(?:_[0-9]+)?$"
)


def folded(name: str) -> str:
    """A column's name for comparing: snake case, umlauts and accents written out.

    >>> [folded(name) for name in ("Kunden-Nr.", "Händler Nr", "ResponseId")]
    ['kunden_nr', 'haendler_nr', 'response_id']
    """
    plain = unicodedata.normalize("NFKD", name.translate(_UMLAUTS)).encode("ascii", "ignore").decode()
    return snake_case(plain)
