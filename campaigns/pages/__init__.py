"""HTML pages, each one file that loads nothing: templates, and the shapes of their plots."""

from campaigns.pages.page import page
from campaigns.pages.plots import Plot, histogram, scatter, waterfall
from campaigns.pages.table import Cell, Column, PageTable

__all__ = ["Cell", "Column", "PageTable", "Plot", "histogram", "page", "scatter", "waterfall"]
