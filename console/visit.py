"""One request of somebody who may make it, and the ways to answer."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.datastructures import FormData, QueryParams, UploadFile
from starlette.responses import HTMLResponse, RedirectResponse, Response

from campaigns import Person
from cli.campaign.session import CampaignSession
from console.parts import Console
from console.security.identity import Identity, Role
from console.security.sessions import Session
from console.templating import render


class NotFound(Exception):
    """There is no such thing, or not for this person; the text says what."""


class Refused(Exception):
    """What was asked for makes no sense; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Handlers get one and return a response."""

    console: Console
    path: str
    params: Mapping[str, str]
    query: QueryParams
    form: FormData
    identity: Identity | None
    session: Session | None
    cookies: Mapping[str, str]
    address: str
    """The client's."""

    @property
    def account(self) -> str:
        """Of the path; whoever comes this far may look at it."""
        return self.params["account"]

    @property
    def name(self) -> str:
        """Who it is; goes into audit logs."""
        assert self.identity is not None  # noqa: S101 - the gate lets nobody else through
        return self.identity.name

    @property
    def campaigns(self) -> CampaignSession:
        """Of the account. Raises RedisError."""
        return self.console.campaigns(self.account)

    def person(self) -> Person:
        """Who decides, with the form's reason."""
        return Person(self.name, self.text("reason"))

    def may(self, role: str) -> bool:
        """Whether a button of that role is theirs."""
        return self.identity is not None and self.identity.may(Role(role), self.account)

    def may_any(self, roles: Iterable[Role]) -> bool:
        """Whether one of the roles is theirs: what a route asks."""
        return any(self.may(role) for role in roles)

    def text(self, field: str) -> str:
        """Of the form, without blanks around it; "" if it is not there."""
        value = self.form.get(field)
        return "" if value is None or isinstance(value, UploadFile) else value.strip()

    def is_checked(self, field: str) -> bool:
        """Whether the form's box is. Raises Refused for what no box of ours sends, such as `no`."""
        text = self.text(field)
        if text not in {"", "yes"}:
            raise Refused(f"{field}: {text[:20]!r} is neither yes nor left out. Nothing was done.")
        return text == "yes"

    def texts(self, field: str) -> list[str]:
        """A text area's lines that are not blank."""
        return [line.strip() for line in self.text(field).splitlines() if line.strip()]

    def page(self, template: str, status: int = 200, **facts: Any) -> Response:  # noqa: ANN401 - whatever the template shows
        """HTML. The template also knows the visit."""
        text = render(template, **{"visit": self, "once": secrets.token_urlsafe(16), **facts})
        return HTMLResponse(text, status)

    def go(self, path: str) -> Response:
        """To a page of this account, so that a reload repeats nothing."""
        return RedirectResponse(self.at(path), HTTPStatus.SEE_OTHER)

    def at(self, path: str) -> str:
        """The address of a page of this account."""
        return f"/a/{self.account}/{path}"
