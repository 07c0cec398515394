"""Every coded concept the system uses, in one table, each with the place it was confirmed.

Schemes: SCT = SNOMED CT, LN = LOINC, DCM = DICOM PS3.16, RADLEX = RadLex, UCUM, UMLS;
99CLINAI is our own, for the few concepts that no published scheme holds.

"dict" in a comment means pydicom's own dictionary of PS3.16 codes, which a test compares with
this table. RadLex codes are confirmed by two independent public uses each, named in the comment:
CDE = the chest CT elements of the RSNA/ACR common data elements staging area
(openimagingdata/CDEStaging, pulmonary-nodule-harmonized); OFM = the open imaging finding model
build scripts (RadLex 4.3); AIR = Philips' AI results FHIR profiles; LIDC = the DICOM form of the
LIDC-IDRI annotations (TCIA, doi:10.7937/TCIA.2018.h7umfurq).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept: value, scheme designator as in DICOM PS3.16 table 8-1, and meaning."""

    value: str
    scheme: str
    meaning: str


PRIVATE_SCHEME = "99CLINAI"

# Units
MILLIMETER = Code("mm", "UCUM", "mm")  # dict
CUBIC_MILLIMETER = Code("mm3", "UCUM", "cubic millimeter")  # dict
HOUNSFIELD_UNIT = Code("[hnsf'U]", "UCUM", "Hounsfield unit")  # dict
PERCENT = Code("%", "UCUM", "Percent")  # dict
NO_UNITS = Code("1", "UCUM", "no units")  # dict

# Measurements
LONG_AXIS = Code("103339001", "SCT", "Long axis")  # dict
SHORT_AXIS = Code("103340004", "SCT", "Short axis")  # dict
MEAN_DIAMETER = Code("RID50155", "RADLEX", "average diameter")  # CDE, OFM; (long + short) / 2
VOLUME = Code("118565006", "SCT", "Volume")  # dict
MEAN_ATTENUATION = Code("112181", "DCM", "Mean Attenuation Coefficient")  # dict, CID 6141
CERTAINTY_OF_FINDING = Code("111012", "DCM", "Certainty of Finding")  # dict; in percent
SOLID_COMPONENT_DIAMETER = Code(  # CDE and OFM know RID50154 only as the part, not its size
    "solid-diameter", PRIVATE_SCHEME, "Average diameter of solid component"
)

# Body sites
LUNG = Code("39607008", "SCT", "Lung")  # dict
RIGHT_LUNG = Code("3341006", "SCT", "Right lung")  # HL7 C-CDA imaging example; Slicer body map
LEFT_LUNG = Code("44029006", "SCT", "Left lung")  # mCODE genomics example; Slicer body map
BREAST = Code("76752008", "SCT", "Breast")  # dict
RIGHT_BREAST = Code("73056007", "SCT", "Right breast")  # dict
LEFT_BREAST = Code("80248007", "SCT", "Left breast")  # dict

# Findings
LUNG_NODULE = Code("786838002", "SCT", "Nodule of lung")  # HL7 Lithuania lung profile; HL7 EU AI
MORPHOLOGICALLY_ABNORMAL_STRUCTURE = Code(  # dict, CID 7150
    "49755003", "SCT", "Morphologically Abnormal Structure"
)

# Lung nodule composition
NODULE_COMPOSITION = Code("RID46010", "RADLEX", "Solidness descriptor")  # CDE, AIR
SOLID = Code("RID5741", "RADLEX", "solid")  # CDE, AIR
PART_SOLID = Code("RID46011", "RADLEX", "partially solid")  # CDE, AIR
GROUND_GLASS = Code("RID46016", "RADLEX", "non-solid")  # CDE, AIR

# Lung-RADS: each category in CDE and OFM, which agree (category 0 also in a Taiwanese LDCT
# FHIR guide, which lists RID50135 to RID50138)
LUNG_RADS = Code("RID50134", "RADLEX", "Lung-RADS assessment")
LUNG_RADS_0 = Code("RID50135", "RADLEX", "Lung-RADS 0")
LUNG_RADS_1 = Code("RID50136", "RADLEX", "Lung-RADS 1")
LUNG_RADS_2 = Code("RID50137", "RADLEX", "Lung-RADS 2")
LUNG_RADS_3 = Code("RID50138", "RADLEX", "Lung-RADS 3")
LUNG_RADS_4A = Code("RID50139", "RADLEX", "Lung-RADS 4A")
LUNG_RADS_4B = Code("RID50140", "RADLEX", "Lung-RADS 4B")
LUNG_RADS_4X = Code("RID50141", "RADLEX", "Lung-RADS 4X")

# Mammography
BREAST_COMPOSITION = Code("129715009", "SCT", "Breast composition")  # dict, CID 6016
ALMOST_ENTIRELY_FAT = Code("129716005", "SCT", "Almost entirely fat")  # dict, CID 6000
SCATTERED_FIBROGLANDULAR = Code(  # dict, CID 6000
    "129717001", "SCT", "Scattered fibroglandular densities"
)
HETEROGENEOUSLY_DENSE = Code("129718006", "SCT", "Heterogeneously dense")  # dict, CID 6000
EXTREMELY_DENSE = Code("129719003", "SCT", "Extremely dense")  # dict, CID 6000
CRANIO_CAUDAL = Code("399162004", "SCT", "cranio-caudal")  # dict, CID 4014
MEDIO_LATERAL_OBLIQUE = Code("399368009", "SCT", "medio-lateral oblique")  # dict, CID 4014

# Report structure
CT_PROCEDURE = Code("25045-6", "LN", "CT unspecified body region")  # dict, CID 100
MAMMOGRAPHY = Code("71651007", "SCT", "Mammography")  # dict, CID 10005; not in CID 100
CT_CHEST_REPORT = Code("24627-2", "LN", "CT Chest Report")  # dict, CID 7000
MAMMOGRAPHY_REPORT = Code("24606-6", "LN", "Mammography Screening Report")  # dict, CID 7000
DIAGNOSTIC_IMAGING_REPORT = Code("18748-4", "LN", "Diagnostic Imaging Report")  # dict, CID 7000
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")  # dict, CID 7162
STUDY_INSTANCE_UID = Code("110180", "DCM", "Study Instance UID")  # dict
ALGORITHM_NAME = Code("111001", "DCM", "Algorithm Name")  # dict
ALGORITHM_VERSION = Code("111003", "DCM", "Algorithm Version")  # dict
IMPRESSION = Code("121073", "DCM", "Impression")  # dict, CID 7002
RECOMMENDATION = Code("121075", "DCM", "Recommendation")  # dict
COMMENT = Code("121106", "DCM", "Comment")  # dict
FINDING = Code("121071", "DCM", "Finding")  # dict
FINDING_SITE = Code("363698007", "SCT", "Finding Site")  # dict
BEST_ILLUSTRATION = Code(  # dict, CID 7003; value: the UID of the image
    "121080", "DCM", "Best illustration of finding"
)
QUALITATIVE_EVALUATIONS = Code(  # PS3.16 TID 1500 row 12; HL7's DICOM SR to FHIR guide, dcmjs
    "C0034375", "UMLS", "Qualitative Evaluations"
)

# Review: no published scheme has a reader's verdict on a computed finding
REVIEW_DECISION = Code("review-decision", PRIVATE_SCHEME, "Decision of the reviewer")
ACCEPTED = Code("accepted", PRIVATE_SCHEME, "Accepted")
REJECTED = Code("rejected", PRIVATE_SCHEME, "Rejected")
UNDECIDED = Code("undecided", PRIVATE_SCHEME, "Not yet decided")
REPORT_URGENCY = Code("urgency", PRIVATE_SCHEME, "Urgency of review")
URGENT = Code("urgent", PRIVATE_SCHEME, "Urgent")
SOON = Code("soon", PRIVATE_SCHEME, "Soon")
ROUTINE = Code("routine", PRIVATE_SCHEME, "Routine")

# FHIR: no published scheme has a category of any guideline as such
GUIDELINE_CATEGORY = Code("guideline-category", PRIVATE_SCHEME, "Category by a guideline")

# What an audit event tells (PS3.15 A.5.3; PS3.16 CID 400)
INSTANCES_ACCESSED = Code("110103", "DCM", "DICOM Instances Accessed")  # dict, CID 400
EXPORT = Code("110106", "DCM", "Export")  # dict, CID 400

# Risks by an equation, as LOINC names them; each in two independent public uses.
# CQL = the libraries of NCQA's measures as code (CqlCodeDefinition); PAIN = the cholesterol
# decision support tests of CDS Connect; FRS = D'Agostino's equation in two open calculators.
RISK_ASCVD_10Y_PCE = Code(  # CQL, PAIN
    "79423-0", "LN", "10-year risk of cardiovascular disease (ACC-AHA Pooled Cohort)"
)
RISK_CVD_10Y_FRAMINGHAM = Code(  # FRS
    "65853-4", "LN", "10-year risk of general cardiovascular disease (Framingham)"
)

# What decision support proposes to order
DIABETIC_RETINOPATHY_SCREENING = Code(  # Sri Lanka and AU primary care FHIR profiles
    "134395001", "SCT", "Diabetic retinopathy screening"
)
DIABETIC_FOOT_EXAMINATION = Code(  # CMS quality measures (visual exam of foot); two public tools
    "401191002", "SCT", "Diabetic foot examination"
)
URINE_ALBUMIN_CREATININE_RATIO = Code(  # loinc.json of the cohorts, Synthea exports
    "9318-7", "LN", "Albumin/Creatinine [Mass Ratio] in Urine"
)
EGFR_CREATININE = Code(  # loinc.json of the cohorts; CKD-EPI 2021
    "98979-8", "LN", "Glomerular filtration rate by CKD-EPI 2021"
)
SCREENING_CHEST_CT = Code(  # two Taiwanese cancer screening FHIR guides
    "79086-5", "LN", "CT Chest Screening WO contrast"
)
HBA1C = Code("4548-4", "LN", "Hemoglobin A1c/Hemoglobin.total in Blood")  # loinc.json
LIPID_PANEL = Code("24331-1", "LN", "Lipid 1996 panel - Serum or Plasma")  # US Core, Synthea
