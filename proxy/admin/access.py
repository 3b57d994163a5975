"""Who somebody is and what they may do: roles in steps, each with all that the ones below it may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.errors import NotAllowed


class Role(StrEnum):
    """What a token opens beside the index, from the least to the most."""

    INSTALLER = "installer"
    """The index and its files alone: build machines."""
    VIEWER = "viewer"
    """All pages, and changes nothing."""
    REQUESTER = "requester"
    """Asks for exceptions: developers."""
    REVIEWER = "reviewer"
    """Decides on what is held, and on requests."""
    ADMIN = "admin"
    """Policy, tokens, workers and webhooks too."""

    @property
    def rank(self) -> int:
        """0 for an installer up to 4 for an admin."""
        return list(Role).index(self)

    def covers(self, other: Role) -> bool:
        """Whether this role may all that `other` may."""
        return self.rank >= other.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who is known: by a token, by a session that began with one, or at the machine itself."""

    name: str
    """The token's name; it is what audit rows and fetch records call them."""
    role: Role
    groups: tuple[str, ...] = ()
    """Groups of clients, which a policy may treat differently."""
    token_id: str = ""
    """Empty at the machine's own command line, where the file system says who may."""
    person: str = ""
    """Who holds the token, as it was said when it was made; empty: the name stands for the person."""

    @property
    def owner(self) -> str:
        """The person: of two tokens of one person, both have the same."""
        return self.person or self.name

    def require(self, role: Role) -> None:
        """Raises NotAllowed where this role does not suffice."""
        if not self.role.covers(role):
            raise NotAllowed(
                f"This needs the role {role.value}; {self.name} is {self.role.value}.",
                next_step="Ask an admin for a token with that role.",
            )


def same_person(one: str, other: str) -> bool:
    """Whether two names of people mean one person: nobody becomes another by a capital letter."""
    return one.casefold() == other.casefold()


def at_the_machine(actor: str) -> Principal:
    """Whoever works at the command line: who can read the store's file may do everything."""
    return Principal(name=actor, role=Role.ADMIN)
