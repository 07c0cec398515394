"""Results of ours that come back: known, kept once, never read, never in the quarantine."""

from sqlalchemy import func, select

from pacs_bridge import DEVICE_CLASS_UID, status
from pacs_bridge.tables import quarantine
from tests.pacs_bridge.support import ct_slice, queue, store


def quarantined(archive) -> int:
    with archive.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(quarantine)).scalar_one()


def own(archive) -> dict[str, bool]:
    return {i.sop_instance_uid: i.own_result for i in archive.instances("1.2.3", own_results=True)}


def test_the_mark_is_enough(archive):
    """As after a restore of an older database, or with results of another installation."""
    store(archive, ct_slice(1))
    before = archive.study("1.2.3")
    assert store(archive, ct_slice(2, ManufacturerDeviceClassUID=DEVICE_CLASS_UID)).status == 0
    others = ["1.2.3.4", DEVICE_CLASS_UID]
    assert store(archive, ct_slice(3, ManufacturerDeviceClassUID=others)).status == 0
    assert own(archive) == {"1.2.3.1.1": False, "1.2.3.1.2": True, "1.2.3.1.3": True}
    assert archive.study("1.2.3") == before
    assert len(archive.instances("1.2.3")) == 1


def test_another_device_is_not_us(archive):
    store(archive, ct_slice(1, ManufacturerDeviceClassUID=DEVICE_CLASS_UID + "1"))
    assert own(archive) == {"1.2.3.1.1": False}


def test_the_identifier_of_a_result_is_enough_but_not_that_of_a_forward(archive, tmp_path):
    queue(archive.engine, tmp_path, (1,))
    queue(archive.engine, tmp_path, (2,), purpose="forward")
    store(archive, ct_slice(1))
    store(archive, ct_slice(2))
    assert own(archive) == {"1.2.3.1.1": True, "1.2.3.1.2": False}


def test_a_result_with_a_corrected_patient_is_no_conflict(archive, tmp_path):
    queue(archive.engine, tmp_path, (1,))
    mark = {"ManufacturerDeviceClassUID": DEVICE_CLASS_UID}
    for number, more in ((1, {}), (2, mark)):
        first = ct_slice(number, **more)
        corrected = ct_slice(number, PatientName="Corrected^Name", PatientID="P2", **more)
        assert store(archive, first).is_new
        outcome = store(archive, corrected)
        assert (outcome.status, outcome.is_new) == (0, False)
    assert quarantined(archive) == 0
    assert len(list(archive.root.glob("1.2.3/*/*.dcm"))) == 2
    assert not list(archive.root.glob("incoming/**/*.part"))


def test_our_mark_on_a_foreign_identifier_does_not_hide_a_conflict(archive):
    """Else whoever knows the mark could make us answer success for what we do not keep."""
    store(archive, ct_slice(1))
    forged = ct_slice(1, PatientName="Other^Name", ManufacturerDeviceClassUID=DEVICE_CLASS_UID)
    assert store(archive, forged).status == status.DUPLICATE
    assert quarantined(archive) == 1
    assert own(archive) == {"1.2.3.1.1": False}


def test_a_foreign_object_with_the_identifier_of_a_marked_result_is_a_conflict(archive):
    store(archive, ct_slice(1, ManufacturerDeviceClassUID=DEVICE_CLASS_UID))
    assert store(archive, ct_slice(1, PatientName="Other^Name")).status == status.DUPLICATE
    assert quarantined(archive) == 1


def test_marks_survive_a_rebuild(archive):
    store(archive, ct_slice(1))
    store(archive, ct_slice(2, ManufacturerDeviceClassUID=DEVICE_CLASS_UID))
    with archive.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM instance")
    assert archive.rebuild(full=True) == 2
    assert own(archive) == {"1.2.3.1.1": False, "1.2.3.1.2": True}
