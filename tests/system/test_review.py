"""Review and signature on both databases, with real listener, worker and PACS."""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import select

from clinical_ai.accounts import add_account
from clinical_ai.demo.phantom import make_chest_phantom
from clinical_ai.errors import AccountError, ClinicalAIError, ReviewError
from clinical_ai.review import decide, open_case, sign
from clinical_ai.services import open_services
from clinical_ai.settings import load_settings
from clinical_ai.store.tables import audit_event
from pacs_bridge.send import send
from tests.support.processes import REPOSITORY, started, storescp, wait_for
from tests.support.site import Site, arrived, newest

pytestmark = pytest.mark.slow
WORKER = [sys.executable, str(REPOSITORY / "tests/support/worker_that_dies.py")]
PASSWORD = "correct horse battery"


@pytest.fixture
def site(tmp_path, database_url):
    """A site on the database of the test, with one study sent and a worker that reads it."""
    with storescp(tmp_path / "pacs") as port:
        wanted = ("SR", "SEG", "SC", "GSPS")
        site = Site(tmp_path, port, database_url=database_url, results=wanted)
        with site.listener(), started(WORKER, tmp_path / "worker.log", site.environment):
            yield site


@pytest.fixture
def truth(tmp_path):
    return make_chest_phantom(
        tmp_path / "ct", slices=16, rows=64, spacing_mm=(5.0, 5.6, 5.6), nodules=()
    )


def test_a_reading_is_decided_signed_once_and_sent(site, truth, tmp_path, monkeypatch):
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    assert not send(truth.files, site.listener_peer, calling_ae_title="CT1").failed
    with closing(open_services(load_settings())) as services:
        wait_for(
            lambda: (row := newest(services.engine, truth.study_uid)) and row.state == "ready",
            "the reading",
        )
        version = newest(services.engine, truth.study_uid).content_version
        li = add_account(services.engine, "li", "李医生", "radiologist", PASSWORD)
        wang = add_account(services.engine, "wang", "王护师", "physician", PASSWORD)
        case = open_case(services, truth.study_uid, version, li)
        reading = case.reading.id

        with pytest.raises(ReviewError, match="Accept or reject every finding"):
            sign(services, reading, li, PASSWORD)
        with pytest.raises(ReviewError, match="reason"):
            decide(services, reading, "1", "rejected", " ", li)
        with pytest.raises(ReviewError, match="not part of the reading"):
            decide(services, reading, "9", "accepted", "", li)
        with pytest.raises(ReviewError, match="role"):
            decide(services, reading, "1", "accepted", "", wang)
        decide(services, reading, "1", "rejected", "vessel", li)
        decide(services, reading, "1", "accepted", "", li)
        with pytest.raises(AccountError):
            sign(services, reading, li, "wrong password")

        def attempt(_: int) -> str:
            try:
                return sign(services, reading, li, PASSWORD).sr_sop_instance_uid
            except ClinicalAIError as error:
                return str(error)

        with ThreadPoolExecutor(3) as pool:
            outcomes = list(pool.map(attempt, range(3)))
        uids = [outcome for outcome in outcomes if outcome.startswith("2.25.")]
        assert len(uids) == 1, outcomes
        with pytest.raises(ReviewError, match="signed"):
            decide(services, reading, "1", "rejected", "changed my mind", li)
        signed = open_case(services, truth.study_uid, version, li)
        assert signed.signature.full_name == "李医生"
        assert signed.row.state == "signed"
        with services.engine.connect() as connection:
            actions = connection.execute(
                select(audit_event.c.action).where(audit_event.c.study_uid == truth.study_uid)
            ).scalars()
            assert list(actions) == ["view", "reject", "accept", "sign", "view"]

    def final():
        return [
            d for d in arrived(tmp_path / "pacs").get("SR", []) if d.VerificationFlag == "VERIFIED"
        ]

    wait_for(lambda: final(), "the signed SR", every=0.5)
    (report,) = final()
    assert report.SOPInstanceUID == uids[0]
    assert report.CompletionFlag == "COMPLETE"
    assert "李医生" in str(report.VerifyingObserverSequence[0].VerifyingObserverName)
    kinds = arrived(tmp_path / "pacs")
    assert (len(kinds["SR"]), len(kinds["SEG"])) == (2, 1)
    for modality, name in (("OT", "AI summary"), ("PR", "AI marks")):
        wait_for(lambda m=modality: len(arrived(tmp_path / "pacs").get(m, [])) == 2, name)
        described = {d.SeriesDescription for d in arrived(tmp_path / "pacs")[modality]}
        assert described == {f"{name} (preliminary)", f"{name} (signed)"}
