"""Looking for priors with peers that are gone."""

from clinical_ai.dicom_settings import DicomSettings, PeerSettings
from clinical_ai.priors import gather_priors
from clinical_ai.routing import known_names, route
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from pacs_bridge.assembly import Assembler
from pacs_bridge.routing.load import parse_rules
from tests.pacs_bridge.support import ct_slice, store

RULES = b"rules: [{name: r, then: {priors: {from: old, count: 1}}}]"


def test_a_peer_that_left_the_settings_does_not_fail_the_reading(tmp_path):
    old = PeerSettings(ae_title="OLD", host="127.0.0.1", port=104)
    before = Settings(
        data_dir=tmp_path / "data", peers={"old": old}, dicom=DicomSettings(watermark_mb=0)
    )
    services = open_services(before)
    assert store(services.archive, ct_slice(PatientID="P1")).status == 0
    versions = []
    Assembler(services.archive, {"default": 0.0}, versions.append).run_due(2**33)
    (version,) = versions
    route(services, parse_rules(RULES, "r.yaml", known_names(before)).rules, version)
    services.close()
    later = open_services(before.model_copy(update={"peers": {}}))
    try:
        found = gather_priors(later, version.study_uid, version.content_version)
    finally:
        later.close()
    assert found.unanswered == ("old",)
    assert found.at_hand == ()
