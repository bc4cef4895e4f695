"""What products have now, as a list to edit and plan."""

from campaigns.export.export import Exported, ExportRequest, export
from campaigns.export.layout import EXPORTABLE, ExportLayout

__all__ = ["EXPORTABLE", "ExportLayout", "ExportRequest", "Exported", "export"]
