"""The contract between producers and workers: names on the wire, jobs and results."""

from revio_jobs.contracts.jobs import (
    CHANGE_NAMES,
    CampaignRow,
    Expected,
    Job,
    QueryJob,
    UpdateJob,
)
from revio_jobs.contracts.names import (
    DEFAULT_ACCOUNT,
    QUERY_TASK,
    UPDATE_TASK,
    Lane,
    job_id_of,
    parse_queue_name,
    queue_name,
)
from revio_jobs.contracts.product_fields import (
    PRODUCT_FIELDS,
    FieldKind,
    ProductField,
    values_agree,
)
from revio_jobs.contracts.results import (
    CustomerProduct,
    CustomerProductRecord,
    Outcome,
    QueryResult,
    UnreadableProduct,
    UpdateResult,
)

__all__ = [
    "CHANGE_NAMES",
    "DEFAULT_ACCOUNT",
    "PRODUCT_FIELDS",
    "QUERY_TASK",
    "UPDATE_TASK",
    "CampaignRow",
    "CustomerProduct",
    "CustomerProductRecord",
    "Expected",
    "FieldKind",
    "Job",
    "Lane",
    "Outcome",
    "ProductField",
    "QueryJob",
    "QueryResult",
    "UnreadableProduct",
    "UpdateJob",
    "UpdateResult",
    "job_id_of",
    "parse_queue_name",
    "queue_name",
    "values_agree",
]
