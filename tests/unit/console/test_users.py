"""The console's local users: a file that is changed as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from console.security.identity import Identity, Role, parse_grants
from console.security.users import UserFile, UserFileError

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"


@pytest.fixture
def users(tmp_path: Path) -> UserFile:
    return UserFile(tmp_path / "users.json", CHEAP)


def test_a_user_signs_in_with_their_password_and_no_other(users: UserFile) -> None:
    users.add("ann", PASSWORD, parse_grants(["default:planner"]))

    assert users.authenticate("ann", PASSWORD) == Identity(
        "ann", {"default": frozenset({Role.PLANNER})}
    )
    assert users.authenticate("ann", PASSWORD + "x") is None
    assert users.authenticate("bob", PASSWORD) is None


def test_the_file_holds_no_password_and_is_closed_to_others(
    users: UserFile, tmp_path: Path
) -> None:
    users.add("ann", PASSWORD, parse_grants(["default:viewer"]))

    path = tmp_path / "users.json"
    assert PASSWORD not in path.read_text()
    assert "$argon2id$" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_a_change_holds_at_once(users: UserFile) -> None:
    users.add("ann", PASSWORD, parse_grants(["default:viewer"]))
    users.set_grants("ann", parse_grants(["default:approver", "east:planner"]))
    users.set_password("ann", "another long one")

    identity = users.authenticate("ann", "another long one")
    assert identity is not None
    assert identity.may(Role.APPROVER, "default")
    assert not identity.may(Role.APPROVER, "east")
    assert identity.accounts() == ["default", "east"]

    users.remove("ann")
    assert users.get("ann") is None


@pytest.mark.parametrize(
    ("name", "password", "roles", "says"),
    [
        ("ann", "short", ["default:viewer"], "12 characters"),
        ("ann bee", PASSWORD, ["default:viewer"], "not a name"),
        ("ann", PASSWORD, [], "without a role"),
    ],
)
def test_what_cannot_be_a_user_is_refused(
    users: UserFile, name: str, password: str, roles: list[str], says: str
) -> None:
    with pytest.raises(UserFileError, match=says):
        users.add(name, password, parse_grants(roles))
    assert users.users() == {}


def test_nobody_is_added_twice_and_nobody_unknown_is_changed(users: UserFile) -> None:
    users.add("ann", PASSWORD, parse_grants(["default:viewer"]))
    with pytest.raises(UserFileError, match="there already"):
        users.add("Ann", PASSWORD, parse_grants(["default:operator"]))
    with pytest.raises(UserFileError, match="no user bob"):
        users.set_password("bob", PASSWORD)


def test_a_damaged_file_lets_nobody_in_and_says_so(users: UserFile, tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text('{"ann": {"password": "x", "roles": ["default:king"]}}')
    with pytest.raises(UserFileError, match="king"):
        users.authenticate("ann", "x")


@pytest.mark.parametrize("text", ["planner", "default:", ":planner", "default:king"])
def test_a_role_needs_an_account_and_a_known_name(text: str) -> None:
    with pytest.raises(ValueError, match="ACCOUNT:ROLE"):
        parse_grants([text])


def test_any_role_lets_somebody_look_and_none_does_not() -> None:
    identity = Identity("ann", parse_grants(["default:approver"]))
    assert identity.may(Role.VIEWER, "default")
    assert not identity.may(Role.PLANNER, "default")
    assert not identity.may(Role.VIEWER, "east")
