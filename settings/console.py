"""What the console in the browser needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from settings.numbers import CertainNumbers
from settings.units import Count, FernetKey, Secret, Text, WholeSeconds


class ConsoleSettings(CertainNumbers):
    """Read by `python -m console`; workers and commands need none of it."""

    console_dir: Path = Field(
        default=Path("console-data"),
        description="Directory in which the console keeps uploads and plans. It must outlive "
        "restarts, and belongs to the console alone.",
    )
    console_users: Path = Field(
        default=Path("console-users.json"),
        description="File of the console's local users; `python -m console user` edits it.",
    )
    console_secret: FernetKey | None = Field(
        default=None,
        description="Fernet key that signs the console's cookies. A secret; the console does not "
        "start without it.",
    )
    console_url: Text = Field(
        default="http://127.0.0.1:8070",
        description="Address at which browsers reach the console. An `https://` one makes its "
        "cookies secure; plain http is allowed on this machine only.",
    )
    console_idle_s: WholeSeconds = Field(
        default=1800, description="Seconds without a request after which a session ends."
    )
    console_session_s: WholeSeconds = Field(
        default=12 * 3600, description="Seconds after which a session ends in any case."
    )
    console_upload_bytes: Count = Field(
        default=50_000_000, description="Largest file that the console accepts."
    )
    console_planning_s: WholeSeconds = Field(
        default=1800, description="Seconds that the console lets one plan take."
    )
    console_planning_bytes: Annotated[int, Field(ge=256_000_000, le=1_000_000_000_000)] = Field(
        default=2_000_000_000,
        description="Memory that a process of the console may take for one plan.",
    )
    console_planners: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2, description="Plans that the console makes at a time; the others wait."
    )
    console_token: Secret | None = Field(
        default=None,
        description="A token that the console has given you: `revio campaign` then acts in your "
        "name, and signs plans and approvals, which four-eyes needs. A secret.",
    )
    console_flower_url: Text | None = Field(
        default=None, description="Address of Flower, to which the console then links jobs."
    )
    console_oidc_issuer: Text | None = Field(
        default=None,
        description="Issuer of an OpenID Connect provider by which people sign in; if omitted, "
        "only local users can.",
    )
    console_oidc_client_id: Text = Field(
        default="revio-console", description="The console's client ID at that provider."
    )
    console_oidc_client_secret: Secret | None = Field(
        default=None, description="Its client secret. A secret."
    )
    console_oidc_name_claim: Text = Field(
        default="email",
        description="Claim that names a person in audit logs: one that people cannot change for "
        "themselves at the provider.",
    )
    console_oidc_roles_claim: Text = Field(
        default="groups",
        description="Claim that lists a person's roles, as `revio:<account>:<role>`.",
    )
