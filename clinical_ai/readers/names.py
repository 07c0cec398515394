"""Names of the installed readers, without loading what they run on.

The listener checks routing rules with them and needs no torch; a test holds them against
`clinical_ai.readers.installed`.
"""

READER_NAMES = ("lung_nodule", "mammography")
