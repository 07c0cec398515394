"""Synthetic order messages for tests."""


def orm(
    *,
    control_id: str = "M1",
    control: str = "NW",
    accession: str = "ACC1",
    placer: str = "PL1",
    patient: str = "P1^^^HOSP^PI",
    name: str = "Zhang^San^^^^^L^A~张^三^^^^^L^I",
    priority: str = "R",
    reason: str = "咳嗽两周",
    status: str = "",
    sender: str = "RIS|HOSP",
    kind: str = "ORM^O01",
    version: str = "2.3.1",
    character_set: str = "UNICODE UTF-8",
    modes: str = "|",
    processing: str = "P",
) -> str:
    """Return one order; `modes` is MSH-15 and MSH-16."""
    return "\r".join(
        [
            f"MSH|^~\\&|{sender}|AI|H|20260102030405||{kind}|{control_id}|{processing}|{version}"
            f"|||{modes}||{character_set}",
            f"PID|1||{patient}||{name}||19600203|M",
            "PV1|1|O",
            f"ORC|{control}|{placer}|FI1||{status}||1^once^^20260105093000^^{priority}||||||D7^李^医",
            f"OBR|1|{placer}|FI1|CTCHEST^胸部CT平扫^L||||||||||||D7^李^医||{accession}|RP1"
            f"|SPS1||||CT|||||||{'^' + reason}",
        ]
    )


def omi(*, accession: str = "ACC9", control_id: str = "O1") -> str:
    """Return one order as OMI^O23 in version 2.5.1, with TQ1 and IPC."""
    return "\r".join(
        [
            f"MSH|^~\\&|RIS|HOSP|AI|H|20260102030405+0800||OMI^O23^OMI_O23|{control_id}|P|2.5.1"
            "|||AL|NE||UNICODE UTF-8",
            "PID|1||440100^^^NATION^NI~P9^^^HOSP^MR||王^小明||19500101|F",
            "ORC|NW|PL9|FI9",
            "TQ1|1||||||20260106100000||S",
            "OBR|1|PL9|FI9|MGSCR^乳腺钼靶^L|||||||||结节\\.br\\复查|||77^赵^医",
            f"IPC|{accession}|RP9|1.2.3.4|SPS9|MG",
        ]
    )


def merge(control_id: str = "A1") -> str:
    """Return a merge of two patients."""
    return "\r".join(
        [
            f"MSH|^~\\&|RIS|HOSP|AI|H|20260102030405||ADT^A40^ADT_A39|{control_id}|P|2.5.1",
            "EVN|A40|20260102030405",
            "PID|1||P1^^^HOSP^PI||Zhang^San",
            "MRG|P2^^^HOSP^PI",
        ]
    )
