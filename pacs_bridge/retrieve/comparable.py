"""Which earlier studies can be compared with a new one: by modality and region.

Reasons for the pairs across modalities. Chest: ACR-SPR-STR practice parameters ask to compare
radiographs and CT with each other; PET/CT shows the same nodules; a cardiac CT shows part of
the lungs and a chest CT the coronary calcium. Breast: BI-RADS asks to compare all breast
imaging. Thyroid: TI-RADS follows nodules on ultrasound, CT of the neck shows large ones. Eye:
photograph and tomogram of one retina. Brain, abdomen and pelvis: CT and MR of the same organ.
Everything else is compared within its modality.
"""

# Computed and digital radiography are one technique to a reader.
_ONE_TECHNIQUE = {"DX": "CR", "OPTBSV": "OPT"}
_NO_IMAGES = frozenset(
    {"SR", "PR", "KO", "SEG", "REG", "DOC", "RTSTRUCT", "RTPLAN", "RTDOSE", "AU", "ECG", "PLAN"}
)

# (modality, region) of the new study: what else is compared with it, besides its own kind.
ALSO_COMPARABLE: dict[tuple[str, str], frozenset[tuple[str, str]]] = {
    ("CT", "chest"): frozenset({("PT", "chest"), ("CR", "chest"), ("CT", "heart")}),
    ("CR", "chest"): frozenset({("CT", "chest")}),
    ("PT", "chest"): frozenset({("CT", "chest")}),
    ("CT", "heart"): frozenset({("CT", "chest")}),
    ("MG", "breast"): frozenset({("US", "breast"), ("MR", "breast")}),
    ("US", "breast"): frozenset({("MG", "breast"), ("MR", "breast")}),
    ("MR", "breast"): frozenset({("MG", "breast"), ("US", "breast")}),
    ("US", "thyroid"): frozenset({("CT", "thyroid")}),
    ("OP", "eye"): frozenset({("OPT", "eye")}),
    ("OPT", "eye"): frozenset({("OP", "eye")}),
    ("CT", "head"): frozenset({("MR", "head")}),
    ("MR", "head"): frozenset({("CT", "head")}),
    ("CT", "abdomen"): frozenset({("MR", "abdomen")}),
    ("MR", "abdomen"): frozenset({("CT", "abdomen")}),
    ("CT", "pelvis"): frozenset({("MR", "pelvis")}),
    ("MR", "pelvis"): frozenset({("CT", "pelvis")}),
}


def image_modalities(modalities: frozenset[str]) -> frozenset[str]:
    """Return the modalities that are images, one name for each technique."""
    return frozenset(_ONE_TECHNIQUE.get(m, m) for m in modalities - _NO_IMAGES if m)


def comparability(
    new_modalities: frozenset[str],
    new_regions: frozenset[str],
    old_modalities: frozenset[str],
    old_regions: frozenset[str],
) -> int | None:
    """Return how well an earlier study can be compared, 0 best; None if not at all.

    Returns
    -------
    int or None
        0: same modality, a region in common. 1: another modality of `ALSO_COMPARABLE`.
        2: same modality, but the region of one of them is not known.
    """
    new, old = image_modalities(new_modalities), image_modalities(old_modalities)
    if new & old and new_regions & old_regions:
        return 0
    have = {(modality, region) for modality in old for region in old_regions}
    for modality in new:
        for region in new_regions:
            if have & ALSO_COMPARABLE.get((modality, region), frozenset()):
                return 1
    if new & old and not (new_regions and old_regions):
        return 2
    return None
