"""Which part of the body a study shows, as far as its header says.

Two sources: Body Part Examined (0018,0015), whose defined terms are those of PS3.16 table L-1,
and words of the descriptions, English or Chinese, because most devices leave the former empty
or set it wrong.
"""

import re
from collections.abc import Iterable

# Defined terms of PS3.16 table L-1 (and what devices write instead) to coarse regions.
_TERMS: dict[str, frozenset[str]] = {
    term: frozenset(regions.split())
    for regions, terms in {
        "head": "HEAD BRAIN SKULL HEADNECKBRAIN SINUS ORBIT IAC JAW FACE TMJ PITUITARY",
        "head neck thyroid": "HEADNECK",
        "neck thyroid": "NECK THYROID PAROTID LARYNX SALIVARYGLAND PARATHYROID",
        "neck": "CAROTID",
        "neck thyroid chest": "NECKCHEST",
        "neck thyroid chest abdomen": "NECKCHESTABDOMEN",
        "neck thyroid chest abdomen pelvis": "NECKCHESTABDPELV",
        "chest": "CHEST THORAX LUNG MEDIASTINUM RIB STERNUM BRONCHUS ESOPHAGUS TRACHEA",
        "heart": "HEART CORONARYARTERY CARDIAC",
        "chest abdomen": "CHESTABDOMEN THORAXABDOMEN",
        "chest abdomen pelvis": "CHESTABDPELVIS",
        "breast": "BREAST",
        "abdomen": "ABDOMEN LIVER PANCREAS KIDNEY SPLEEN GALLBLADDER STOMACH ADRENAL BILEDUCT "
        "SMALLINTESTINE DUODENUM",
        "abdomen pelvis": "ABDOMENPELVIS COLON",
        "pelvis": "PELVIS PROSTATE BLADDER UTERUS OVARY RECTUM HIP SCROTUM TESTIS",
        "spine": "SPINE CSPINE TSPINE LSPINE SSPINE CTSPINE TLSPINE LSSPINE COCCYX SACRUM",
        "limb": "SHOULDER ELBOW WRIST HAND FINGER HUMERUS FOREARM ARM KNEE ANKLE FOOT TOE LEG "
        "FEMUR TIBIA FIBULA THIGH EXTREMITY CALCANEUS CLAVICLE SCAPULA",
        "eye": "EYE RETINA",
        "head neck thyroid chest abdomen pelvis": "WHOLEBODY",
    }.items()
    for term in terms.split()
}

# Words in descriptions. Short English words stand alone, or "chest" would be in "orchestra".
_WORDS: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), frozenset(regions.split()))
    for pattern, regions in (
        (r"\b(head|brain|skull|cranial)\b|头|颅|脑", "head"),
        (r"\b(neck|carotid)\b|颈(?!椎)", "neck thyroid"),
        (r"\bthyroid\b|甲状腺", "neck thyroid"),
        (r"\b(chest|thorax|thoracic|lungs?|pulmonary|ldct)\b|胸(?!椎)|肺", "chest"),
        (r"\b(cardiac|heart|coronary|calcium score)\b|心脏|冠脉|冠状动脉", "heart"),
        (r"\b(breasts?|mammo\w*)\b|乳腺|乳房|钼靶", "breast"),
        (r"\b(abdomen|abdominal|liver|kidneys?|renal|pancreas)\b|腹|肝|肾|胰", "abdomen"),
        (r"\b(pelvis|pelvic|prostate|uterus)\b|盆腔|骨盆|前列腺|子宫", "pelvis"),
        (r"\b([ctl]-?spine|spine|lumbar|cervical spine)\b|脊柱|颈椎|胸椎|腰椎", "spine"),
        (r"\b(fundus|retina\w*|macula)\b|眼底|视网膜|黄斑", "eye"),
        (r"\bwhole.?body\b|全身", "head neck thyroid chest abdomen pelvis"),
    )
)

# What these modalities show whatever the header says.
_ALWAYS: dict[str, frozenset[str]] = {
    "MG": frozenset({"breast"}),
    "OP": frozenset({"eye"}),
    "OPT": frozenset({"eye"}),
    "OPTBSV": frozenset({"eye"}),
    "OCT": frozenset({"heart"}),
    "IVUS": frozenset({"heart"}),
}


def regions_of(
    modalities: Iterable[str], body_parts: Iterable[str], descriptions: Iterable[str]
) -> frozenset[str]:
    """Return the regions that a study shows; empty if nothing says so.

    Parameters
    ----------
    modalities
        Of its series.
    body_parts
        Values of Body Part Examined.
    descriptions
        Of the study and its series; read only where no body part is understood.
    """
    always = [_ALWAYS[m] for m in modalities if m in _ALWAYS]
    if always:
        return frozenset().union(*always)
    named = [_TERMS.get(re.sub(r"[^A-Z]", "", part.upper()), frozenset()) for part in body_parts]
    found: frozenset[str] = frozenset().union(*named)
    if found:
        return found
    told = [
        regions
        for description in descriptions
        for pattern, regions in _WORDS
        if pattern.search(description)
    ]
    return frozenset().union(*told)
