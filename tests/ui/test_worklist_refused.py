"""What the listener refused is on the worklist page, with the reason."""

from clinical_ai.quarantine import refused_objects
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from clinical_ai.texts import Texts
from ui.screens.worklist import refused_table


def test_a_truncated_object_is_listed_with_sender_and_reason(tmp_path):
    services = open_services(Settings(data_dir=tmp_path))
    try:
        outcome = services.archive.store(
            b"\x08\x00\x18\x00UI\xff\x00",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            sop_instance_uid="1.2.3.4",
            calling_ae_title="CT\u202eONE",
        )
        assert outcome.status != 0
        cells = refused_table(refused_objects(services.engine), Texts("zh"))
    finally:
        services.close()
    assert list(cells) == ["接收时间", "发送方", "原因", "对象 UID"]
    _received, sender, reason, uid = (column[0] for column in cells.values())
    assert (sender, uid) == ("CTONE", "1.2.3.4")  # the override character is gone
    assert reason
