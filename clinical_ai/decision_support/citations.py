"""The guidelines behind the cards: a short name to show, the full reference, a place to read it.

Only rules whose wording was known with certainty are used. Where a rule of China could not be
confirmed in a source, the international one is applied and the card says whose it is.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Citation:
    """A published rule.

    Parameters
    ----------
    label
        What a card shows as its source.
    reference
        Authors or body, journal, year, pages.
    url
        Where it can be read; empty if there is no stable address.
    """

    label: str
    reference: str
    url: str = ""


CHINA_BP_2024 = Citation(
    "中国高血压防治指南（2024年修订版）",
    "Chinese Guidelines for the Management of Hypertension, 2024 revision",
)
CHINA_LIPID_2023 = Citation(
    "中国血脂管理指南（2023年）",
    "Chinese guideline for lipid management 2023, Chin Circ J 2023;38:237-271",
    "https://doi.org/10.3969/j.issn.1000-3614.2023.03.001",
)
ADA_GLYCAEMIA_2024 = Citation(
    "ADA Standards of Care 2024, section 6",
    "Diabetes Care 2024;47(Suppl 1):S111-S125",
    "https://doi.org/10.2337/dc24-S006",
)
ADA_KIDNEY_2024 = Citation(
    "ADA Standards of Care 2024, section 11",
    "Diabetes Care 2024;47(Suppl 1):S219-S230",
    "https://doi.org/10.2337/dc24-S011",
)
ADA_EYE_FOOT_2024 = Citation(
    "ADA Standards of Care 2024, section 12",
    "Diabetes Care 2024;47(Suppl 1):S231-S243",
    "https://doi.org/10.2337/dc24-S012",
)
CHINA_LUNG_2021 = Citation(
    "中国肺癌筛查与早诊早治指南（2021，北京）",
    "He J, et al. Chin J Oncol 2021;43:243-268",
    "https://doi.org/10.3760/cma.j.cn112152-20210119-00060",
)
USPSTF_LUNG_2021 = Citation(
    "USPSTF 2021, lung cancer screening",
    "US Preventive Services Task Force. JAMA 2021;325:962-970",
    "https://doi.org/10.1001/jama.2021.1117",
)
USPSTF_BREAST_2024 = Citation(
    "USPSTF 2024, breast cancer screening",
    "US Preventive Services Task Force. JAMA 2024;331:1918-1930",
    "https://doi.org/10.1001/jama.2024.5534",
)
LUNG_RADS_2022 = Citation(
    "ACR Lung-RADS v2022",
    "Christensen J, et al. J Am Coll Radiol 2024;21:473-488",
    "https://doi.org/10.1016/j.jacr.2023.09.009",
)
FDA_METFORMIN_2016 = Citation(
    "FDA Drug Safety Communication, 8 April 2016",
    "FDA revises warnings regarding use of metformin in reduced kidney function",
    "https://www.fda.gov/drugs/drug-safety-and-availability",
)
FDA_STATIN_2021 = Citation(
    "FDA Drug Safety Communication, 20 July 2021",
    "FDA requests removal of strongest warning against statins during pregnancy; still advises "
    "most pregnant patients should stop taking statins",
    "https://www.fda.gov/drugs/drug-safety-and-availability",
)
ACC_AHA_BP_2017 = Citation(
    "ACC/AHA hypertension guideline 2017",
    "Whelton PK, et al. Hypertension 2018;71:e13-e115",
    "https://doi.org/10.1161/HYP.0000000000000065",
)
ONTARGET_2008 = Citation(
    "ONTARGET",
    "ONTARGET Investigators. N Engl J Med 2008;358:1547-1559",
    "https://doi.org/10.1056/NEJMoa0801317",
)
KDIGO_CKD_2012 = Citation(
    "KDIGO 2012 CKD guideline",
    "KDIGO CKD Work Group. Kidney Int Suppl 2013;3:1-150",
    "https://kdigo.org/guidelines/ckd-evaluation-and-management/",
)
ACR_NKF_CONTRAST_2020 = Citation(
    "ACR and NKF consensus 2020, intravenous iodinated contrast",
    "Davenport MS, et al. Radiology 2020;294:660-668",
    "https://doi.org/10.1148/radiol.2019192094",
)
THIS_SERVICE = Citation("clinical-ai", "Scope of this service")
