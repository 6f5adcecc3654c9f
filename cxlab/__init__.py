"""cxlab: customer experience research that puts the survey beside the operational facts.

The road, left to right: a survey answer enters (`load`), meets the operational facts (`exposure`,
`experiences`, `snapshots`), becomes a number with an interval (a model's `fit`), a picture (`plot`)
and a report (`run`, `batch` on the command line). `simulate` makes a dealer network whose truth is
known, so that every claim of the package can be tested. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cxlab.core.version import __version__

if TYPE_CHECKING:
    from cxlab.core.answer import Unanswered as Unanswered
    from cxlab.core.answer import ask as ask
    from cxlab.core.errors import CxlabError as CxlabError
    from cxlab.core.errors import FitError as FitError
    from cxlab.core.errors import LinkError as LinkError
    from cxlab.core.errors import NotAnswerableError as NotAnswerableError
    from cxlab.core.errors import ParameterError as ParameterError
    from cxlab.core.errors import ReportError as ReportError
    from cxlab.core.errors import TableError as TableError
    from cxlab.ingest.load import check as check
    from cxlab.ingest.load import load as load
    from cxlab.ingest.tables import Tables as Tables
    from cxlab.linking.complaint_cases import complaint_cases as complaint_cases
    from cxlab.linking.contacts import contacts as contacts
    from cxlab.linking.experiences import answers as answers
    from cxlab.linking.experiences import experiences as experiences
    from cxlab.linking.exposure import exposure as exposure
    from cxlab.linking.failure_cases import failure_cases as failure_cases
    from cxlab.linking.purchases import purchases as purchases
    from cxlab.linking.rated_experiences import rated_experiences as rated_experiences
    from cxlab.linking.snapshots import snapshots as snapshots
    from cxlab.linking.spells import spells as spells
    from cxlab.linking.time_machine import assert_no_future as assert_no_future
    from cxlab.linking.told import told as told
    from cxlab.models.churn.decision import DecisionModel as DecisionModel
    from cxlab.models.churn.decision_rows import decision_tables as decision_tables
    from cxlab.models.churn.experience import ExperienceModel as ExperienceModel
    from cxlab.models.churn.hazard import HazardModel as HazardModel
    from cxlab.models.churn.horizon import ChurnModel as ChurnModel
    from cxlab.models.churn.leak_screen import leak_screen as leak_screen
    from cxlab.models.churn.lifetime_value import LifetimeValueModel as LifetimeValueModel
    from cxlab.models.churn.purchase_model import PurchaseModel as PurchaseModel
    from cxlab.models.churn.retention import RetentionModel as RetentionModel
    from cxlab.models.churn.segments import SegmentChurnModel as SegmentChurnModel
    from cxlab.models.churn.stress import StressModel as StressModel
    from cxlab.models.churn.uplift import UpliftModel as UpliftModel
    from cxlab.models.churn.wallet import WalletModel as WalletModel
    from cxlab.models.drivers.asymmetry import AsymmetryModel as AsymmetryModel
    from cxlab.models.drivers.chain import ChainModel as ChainModel
    from cxlab.models.drivers.importance import ImportanceModel as ImportanceModel
    from cxlab.models.drivers.mediation import MediationModel as MediationModel
    from cxlab.models.drivers.misattribution import MisattributionModel as MisattributionModel
    from cxlab.models.drivers.priority_map import PriorityMapModel as PriorityMapModel
    from cxlab.models.drivers.traps import WithinBetweenModel as WithinBetweenModel
    from cxlab.models.journeys.expectations import ToleranceModel as ToleranceModel
    from cxlab.models.recovery.complaint_log import ComplaintLogModel as ComplaintLogModel
    from cxlab.models.recovery.complaints import ComplaintModel as ComplaintModel
    from cxlab.models.recovery.fading import FadingModel as FadingModel
    from cxlab.models.recovery.paradox import ParadoxModel as ParadoxModel
    from cxlab.models.recovery.recovery_curve import RecoveryCurveModel as RecoveryCurveModel
    from cxlab.models.recovery.repair import RepairModel as RepairModel
    from cxlab.models.recovery.repair_churn import RepairChurnModel as RepairChurnModel
    from cxlab.models.recovery.repair_groups import RepairGroupsModel as RepairGroupsModel
    from cxlab.models.recovery.response_time import ResponseTimeModel as ResponseTimeModel
    from cxlab.models.recovery.usual import UsualRatioModel as UsualRatioModel
    from cxlab.models.recovery.word_of_mouth import WordOfMouthModel as WordOfMouthModel
    from cxlab.models.survey.careless import CarelessModel as CarelessModel
    from cxlab.models.survey.change import ChangeModel as ChangeModel
    from cxlab.models.survey.coverage import NonresponseModel as NonresponseModel
    from cxlab.models.survey.dealers import DealerModel as DealerModel
    from cxlab.models.survey.scores import ScoreModel as ScoreModel
    from cxlab.simulation.simulate import simulate as simulate
    from cxlab.values import declared_values as declared_values
    from cxlab.values import lifetime_values as lifetime_values

# Public name -> module that holds it, by family in the order of the road.
_HOME = {
    "load": "cxlab.ingest.load",
    "check": "cxlab.ingest.load",
    "Tables": "cxlab.ingest.tables",
    "exposure": "cxlab.linking.exposure",
    "experiences": "cxlab.linking.experiences",
    "answers": "cxlab.linking.experiences",
    "rated_experiences": "cxlab.linking.rated_experiences",
    "snapshots": "cxlab.linking.snapshots",
    "assert_no_future": "cxlab.linking.time_machine",
    "spells": "cxlab.linking.spells",
    "purchases": "cxlab.linking.purchases",
    "contacts": "cxlab.linking.contacts",
    "told": "cxlab.linking.told",
    "complaint_cases": "cxlab.linking.complaint_cases",
    "failure_cases": "cxlab.linking.failure_cases",
    "ScoreModel": "cxlab.models.survey.scores",
    "DealerModel": "cxlab.models.survey.dealers",
    "NonresponseModel": "cxlab.models.survey.coverage",
    "CarelessModel": "cxlab.models.survey.careless",
    "ChangeModel": "cxlab.models.survey.change",
    "ImportanceModel": "cxlab.models.drivers.importance",
    "AsymmetryModel": "cxlab.models.drivers.asymmetry",
    "ChainModel": "cxlab.models.drivers.chain",
    "MisattributionModel": "cxlab.models.drivers.misattribution",
    "PriorityMapModel": "cxlab.models.drivers.priority_map",
    "MediationModel": "cxlab.models.drivers.mediation",
    "WithinBetweenModel": "cxlab.models.drivers.traps",
    "leak_screen": "cxlab.models.churn.leak_screen",
    "ChurnModel": "cxlab.models.churn.horizon",
    "SegmentChurnModel": "cxlab.models.churn.segments",
    "ExperienceModel": "cxlab.models.churn.experience",
    "HazardModel": "cxlab.models.churn.hazard",
    "DecisionModel": "cxlab.models.churn.decision",
    "LifetimeValueModel": "cxlab.models.churn.lifetime_value",
    "RetentionModel": "cxlab.models.churn.retention",
    "PurchaseModel": "cxlab.models.churn.purchase_model",
    "WalletModel": "cxlab.models.churn.wallet",
    "decision_tables": "cxlab.models.churn.decision_rows",
    "lifetime_values": "cxlab.values",
    "declared_values": "cxlab.values",
    "UpliftModel": "cxlab.models.churn.uplift",
    "StressModel": "cxlab.models.churn.stress",
    "RepairModel": "cxlab.models.recovery.repair",
    "RepairGroupsModel": "cxlab.models.recovery.repair_groups",
    "RepairChurnModel": "cxlab.models.recovery.repair_churn",
    "FadingModel": "cxlab.models.recovery.fading",
    "RecoveryCurveModel": "cxlab.models.recovery.recovery_curve",
    "UsualRatioModel": "cxlab.models.recovery.usual",
    "ComplaintLogModel": "cxlab.models.recovery.complaint_log",
    "ComplaintModel": "cxlab.models.recovery.complaints",
    "ResponseTimeModel": "cxlab.models.recovery.response_time",
    "ParadoxModel": "cxlab.models.recovery.paradox",
    "WordOfMouthModel": "cxlab.models.recovery.word_of_mouth",
    "ToleranceModel": "cxlab.models.journeys.expectations",
    "ask": "cxlab.core.answer",
    "Unanswered": "cxlab.core.answer",
    "simulate": "cxlab.simulation.simulate",
    "CxlabError": "cxlab.core.errors",
    "FitError": "cxlab.core.errors",
    "LinkError": "cxlab.core.errors",
    "NotAnswerableError": "cxlab.core.errors",
    "ParameterError": "cxlab.core.errors",
    "ReportError": "cxlab.core.errors",
    "TableError": "cxlab.core.errors",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name == "stats":
        return importlib.import_module("cxlab.stats")
    raise AttributeError(f"module 'cxlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
