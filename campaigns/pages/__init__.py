"""HTML pages, each one file that loads nothing: templates, and the shapes of their plots."""

from campaigns.pages.page import page
from campaigns.pages.plots import Plot, changes_by_name, histogram, scatter
from campaigns.pages.table import Cell, Column, PageTable

__all__ = ["Cell", "Column", "PageTable", "Plot", "changes_by_name", "histogram", "page", "scatter"]
