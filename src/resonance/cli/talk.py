"""What `resonance chat` does with a client: lists, opens, sends, and shows what comes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime

from resonance.cli.screen import Screen
from resonance.client import Client, ConversationView, Entry, Kind, Offline, Online, ServiceError
from resonance.client.keys import Keys
from resonance.domain.signals import ConversationChanged, FriendChanged, Presence, Receipt, Typing

HISTORY = 20
"""Entries shown when a conversation is opened."""
TYPING_SHOWN = 4.0
"""Seconds that the prompt says that somebody is typing."""
TYPING_EVERY = 2.0
"""Seconds between two looks at whether the user is typing."""


class UsageError(Exception):
    """What was typed cannot be done; the text tells the user what to type instead."""


class Talk:
    """One user's talk: an open conversation, and what is unread in the others."""

    def __init__(self, client: Client, screen: Screen) -> None:
        self._client = client
        self._screen = screen
        self._keys = Keys()
        # The conversation that lines go to, "" before the first is opened.
        self._open = ""
        self._names: dict[str, str] = {}
        self._unread: Counter[str] = Counter()
        # Ids in the order of the last list, for /open N.
        self._listed: list[str] = []
        # Keys of what was typed here and is on the screen already.
        self._typed: set[str] = set()
        # The last seq on the screen of each conversation that was opened.
        self._shown: dict[str, int] = {}
        self._calm: asyncio.TimerHandle | None = None
        self._was_offline = False

    # ------------------------------------------------------------ commands

    async def show_list(self) -> None:
        """Show the conversations with what is unread."""
        views = await self._client.conversations()
        self._listed = [view.conversation.id for view in views]
        for number, view in enumerate(views, 1):
            self._learn(view)
            unread = f" ({view.unread} unread)" if view.unread else ""
            last = f"  {_text(view.last_entry)}" if view.last_entry else ""
            self._screen.show(f"{number:>3} {self._name(view.conversation.id)}{unread}{last[:60]}")
        if not views:
            self._screen.show("no conversations yet: /new USER begins one", "dim")

    async def open(self, name: str) -> None:
        """Open a conversation by its number in the list, its name or id, or a person's handle."""
        if name.isdigit() and 0 < int(name) <= len(self._listed):
            await self._enter(await self._client.conversation(self._listed[int(name) - 1]))
            return
        for view in await self._client.conversations():
            self._learn(view)
            if name in (view.conversation.id, self._name(view.conversation.id), view.peer and view.peer.id):
                await self._enter(view)
                return
        await self.new(name)

    async def new(self, user_id: str) -> None:
        """Open the conversation with somebody."""
        if not user_id:
            raise UsageError("/new needs a user's name")
        await self._enter(await self._client.open(user_id))

    async def group(self, words: list[str]) -> None:
        """Make a group of a name and its first members, and open it."""
        if not words:
            raise UsageError("/group needs a name, and the members after it")
        await self._enter(await self._client.groups.create(words[0], words[1:]))

    async def add(self, user_ids: list[str]) -> None:
        """Bring people into the open group."""
        if not user_ids:
            raise UsageError("/add needs users' names")
        added = await self._client.groups.add(self._need_open(), user_ids)
        self._screen.show(f"added: {', '.join(added) or 'nobody new'}", "dim")

    async def read(self) -> None:
        """Mark the open conversation as read."""
        await self._client.mark_read(self._need_open())
        self._unread.pop(self._open, None)

    async def say(self, text: str) -> None:
        """Send a line to the open conversation."""
        key = self._keys.next()
        if self._screen.interactive:
            self._typed.add(key)
        try:
            await self._client.send(self._need_open(), text, key=key)
        finally:
            self._typed.discard(key)

    def _need_open(self) -> str:
        if not self._open:
            raise UsageError("open a conversation first: /open NAME")
        return self._open

    async def _enter(self, view: ConversationView) -> None:
        self._learn(view)
        self._open = view.conversation.id
        self._unread.pop(self._open, None)
        self._set_prompt()
        page = await self._client.history(self._open, limit=HISTORY)
        self._screen.show(f"── {self._name(self._open)} ──", "bold")
        for entry in page.entries:
            self._show(entry)
        if page.entries:
            await self._client.mark_read(self._open)

    def _learn(self, view: ConversationView) -> None:
        conversation = view.conversation
        name = view.peer.nickname or view.peer.id if view.peer else conversation.name or conversation.id
        self._names[conversation.id] = name
        self._unread[conversation.id] = view.unread

    def _name(self, conversation_id: str) -> str:
        return self._names.get(conversation_id, conversation_id)

    # ------------------------------------------------------------ what comes

    async def follow(self) -> None:
        """Show what happens, until the session is over. Raises ServiceError when the server ended it."""
        async for event in self._client.events():
            match event:
                case Entry():
                    await self._arrived(event)
                case Typing(conversation_id, user_id) if conversation_id == self._open:
                    self._set_prompt(f"{user_id} is typing… ")
                case Presence(user_id, online):
                    self._screen.show(f"{user_id} is {'online' if online else 'offline'}", "dim")
                case Receipt(conversation_id, user_id) if (
                    conversation_id == self._open and user_id != self._client.user_id
                ):
                    self._screen.show(f"read by {user_id}", "dim")
                case FriendChanged(action, user_id):
                    self._screen.show(f"friends: {user_id} {action}", "dim")
                case ConversationChanged(conversation_id, "join_requested", _, user_ids):
                    self._screen.show(f"{', '.join(user_ids)} asks to join {self._name(conversation_id)}", "dim")
                case Offline():
                    self._was_offline = True
                    self._screen.show("the connection is lost; trying again", "yellow")
                case Online() if self._was_offline:
                    self._screen.show("connected again", "green")

    async def _arrived(self, entry: Entry) -> None:
        name = entry.conversation_id
        if entry.client_msg_id in self._typed or entry.seq <= self._shown.get(name, 0):
            return
        if name == self._open:
            self._set_prompt()
            self._show(entry)
            await self._mark(entry)
            return
        if name not in self._names:
            self._learn(await self._client.conversation(name))
        else:
            self._unread[name] += entry.kind != Kind.SYSTEM and entry.sender != self._client.user_id
        unread = f" ({self._unread[name]})" if self._unread[name] else ""
        self._screen.show(f"● {self._name(name)}{unread}: {_text(entry)}", "cyan")

    async def _mark(self, entry: Entry) -> None:
        """Move the pointer over what was shown; a refusal is no reason to stop: the next one moves it too."""
        if entry.sender != self._client.user_id:
            try:
                await self._client.mark_read(entry.conversation_id, entry.seq)
            except ServiceError as error:
                self._screen.show(f"not marked as read: {error.message}", "yellow")

    def _show(self, entry: Entry) -> None:
        self._shown[entry.conversation_id] = entry.seq
        at = datetime.fromtimestamp(entry.created_at / 1000, UTC).astimezone().strftime("%H:%M")
        own = entry.sender == self._client.user_id
        self._screen.show(f"{at} {_text(entry)}", "dim" if entry.kind == Kind.SYSTEM else "green" if own else "")

    def _set_prompt(self, status: str = "") -> None:
        """Set what stands before the typed line; a status goes away by itself."""
        if self._calm is not None:
            self._calm.cancel()
            self._calm = None
        if status:
            self._calm = asyncio.get_running_loop().call_later(TYPING_SHOWN, self._set_prompt)
        self._screen.prompt = f"{status}to {self._name(self._open)}> " if self._open else "> "
        self._screen.refresh()

    async def tell_typing(self) -> None:
        """Tell others while a line is being typed. Runs until it is cancelled."""
        before = ""
        while True:
            await asyncio.sleep(TYPING_EVERY)
            typed = self._screen.typed
            if self._open and typed not in ("", before) and not typed.startswith("/"):
                self._client.typing(self._open)
            before = typed


def _text(entry: Entry) -> str:
    """Return an entry in one line, as people read it."""
    if entry.kind == Kind.SYSTEM:
        return f"— {_system(entry.content)}"
    if entry.kind == Kind.TEXT:
        return f"{entry.sender}: {entry.content}"
    return f"{entry.sender} [{Kind(entry.kind).name.lower()}]: {entry.content}"


def _system(content: str) -> str:
    """Return what a system entry tells (JSON of an action, who did it and to whom)."""
    try:
        told = json.loads(content)
        users = ", ".join(told.get("users", ()))
        return f"{told['actor']} {told['action']}{users and f': {users}'}"
    except (ValueError, KeyError, TypeError):
        return content
