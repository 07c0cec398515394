"""Settings of how records are used: for readings, and for the risk of a person."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Score2Region = Literal["Low", "Moderate", "High", "Very high"]


class RecordSettings(BaseModel):
    """How a reading looks for the record of its patient.

    Parameters
    ----------
    use
        False reads every study without a record.
    wait_seconds
        A reading waits at most this long for FHIR servers, and then goes on with what the
        local store has.
    default_issuer
        FHIR identifier system of patient IDs in images that name no issuer. Empty: not
        declared, so that a patient ID without an issuer makes no match certain.
    issuers
        DICOM Issuer of Patient ID to FHIR identifier system, where they differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use: bool = True
    wait_seconds: float = Field(default=5.0, gt=0, le=60)
    default_issuer: str = ""
    issuers: dict[str, str] = Field(default_factory=dict)


class RiskSettings(BaseModel):
    """Where the people of the site live, which some equations ask for and no record says.

    Parameters
    ----------
    north_of_yangtze, urban
        For China-PAR; None leaves it without a result that names them as missing.
    who_region
        Of the WHO charts of 2019.
    score2_asia_pacific_region
        Risk region of SCORE2 Asia-Pacific; None leaves it out.
    score2_region
        European risk region of SCORE2, SCORE2-OP and SCORE2-Diabetes; None leaves them out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    north_of_yangtze: bool | None = None
    urban: bool | None = None
    who_region: str | None = "East Asia"
    score2_asia_pacific_region: Score2Region | None = None
    score2_region: Score2Region | None = None
