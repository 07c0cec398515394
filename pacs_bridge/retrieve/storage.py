"""Which storage classes and transfer syntaxes a C-GET proposes, so that nothing is converted.

One presentation context for each pair of SOP class and transfer syntax: the peer can then send
every instance in the encoding it keeps. There is room for 128 contexts, so that the SOP
classes of the study should be known.
"""

from collections.abc import Sequence

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    MPEG2MPML,
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom import sop_class

# Contexts are numbered by odd bytes (PS3.8 9.3.2.2), and four go to the C-GET models.
_MAX_PAIRS = 128 - 4
# The most common first: what does not fit is left out.
_SYNTAXES: tuple[str, ...] = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    JPEG2000,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    JPEGLossless,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    HTJ2K,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    MPEG4HP41,
    MPEG2MPML,
)
# Where the peer does not name SOP Class UIDs, an optional key (PS3.4 table C.6-4).
_USUAL: tuple[str, ...] = (
    sop_class.CTImageStorage,
    sop_class.EnhancedCTImageStorage,
    sop_class.MRImageStorage,
    sop_class.EnhancedMRImageStorage,
    sop_class.DigitalMammographyXRayImageStorageForPresentation,
    sop_class.DigitalMammographyXRayImageStorageForProcessing,
    sop_class.BreastTomosynthesisImageStorage,
    sop_class.ComputedRadiographyImageStorage,
    sop_class.DigitalXRayImageStorageForPresentation,
    sop_class.DigitalXRayImageStorageForProcessing,
    sop_class.UltrasoundImageStorage,
    sop_class.UltrasoundMultiFrameImageStorage,
    sop_class.OphthalmicPhotography8BitImageStorage,
    sop_class.OphthalmicPhotography16BitImageStorage,
    sop_class.OphthalmicTomographyImageStorage,
    sop_class.PositronEmissionTomographyImageStorage,
    sop_class.NuclearMedicineImageStorage,
    sop_class.SecondaryCaptureImageStorage,
    sop_class.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    sop_class.MultiFrameTrueColorSecondaryCaptureImageStorage,
    sop_class.XRayAngiographicImageStorage,
    sop_class.XRayRadiofluoroscopicImageStorage,
    sop_class.VLPhotographicImageStorage,
    sop_class.SegmentationStorage,
    sop_class.GrayscaleSoftcopyPresentationStateStorage,
    sop_class.KeyObjectSelectionDocumentStorage,
    sop_class.BasicTextSRStorage,
    sop_class.EnhancedSRStorage,
    sop_class.ComprehensiveSRStorage,
    sop_class.Comprehensive3DSRStorage,
    sop_class.EncapsulatedPDFStorage,
)


def storage_pairs(
    sop_classes: Sequence[str],
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return the pairs of SOP class and transfer syntax to propose, and their SOP classes.

    Parameters
    ----------
    sop_classes
        Of the study; empty if not known.
    """
    classes = tuple(str(uid) for uid in (sop_classes or _USUAL))[:_MAX_PAIRS]
    pairs = [(uid, str(syntax)) for syntax in _SYNTAXES for uid in classes]
    return tuple(pairs[:_MAX_PAIRS]), classes
