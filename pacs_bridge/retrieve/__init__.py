"""Ask other archives and fetch from them: C-FIND, C-MOVE, C-GET, DICOMweb, priors, worklists."""
