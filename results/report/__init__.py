"""The report: runs as one page to look at and to listen to."""
