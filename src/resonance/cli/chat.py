"""`resonance chat`: log in and talk from the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from resonance.cli.plain import fail
from resonance.cli.screen import Screen
from resonance.cli.talk import Talk, UsageError
from resonance.client import Client, Code, Options, ServiceError
from resonance.config.settings import Log
from resonance.observe.logging import configure

HELP = """/list               conversations, with what is unread
/open NAME or N     talk there: a person, a group, or a number of the list
/new USER           talk to somebody
/group NAME USER…   make a group
/add USER…          bring people into the open group
/read               mark the open conversation as read
/help               this
/quit               leave; so do Ctrl-C and Ctrl-D"""

Command = Callable[[list[str]], Awaitable[None]]


def chat(
    url: Annotated[str, typer.Option(metavar="URL", help="Where the server is.")] = "http://localhost:8080",
    user: Annotated[
        str, typer.Option("--user", "-u", metavar="NAME", help="Who to log in as; asked for when missing.")
    ] = "",
    register: Annotated[bool, typer.Option("--register", "-r", help="Make the account first.")] = False,
) -> None:
    """Log in and talk from the terminal.

    The password is asked for; without a terminal it is the first line of the input, and the lines after it are what
    one would type.

    \b
    Examples:
      resonance chat
      resonance chat --user ann --register
      printf 'secret\\n/new bob\\nhello\\n' | resonance chat --user ann
    """
    configure(Log(level="warning"), "chat")
    if not user and not sys.stdin.isatty():
        raise typer.BadParameter("who? give --user when there is no terminal")
    if not user:
        user = typer.prompt("user")
        register = register or typer.confirm("a new account?", default=False)
    password = getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    options = Options(device_name="resonance chat")
    client = (Client.register if register else Client.login)(url, user, password, options)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(client))
    except ServiceError as error:
        fail(f"{error.message}{_way_out(error, url)}")


def _way_out(error: ServiceError, url: str) -> str:
    """Return what may help against a refusal, as the end of the sentence that tells it."""
    if error.code is Code.UNAVAILABLE and error.__cause__ is not None:  # else it is the server that says so
        return f"; does a server run at {url}? `resonance serve` starts one, --url names another"
    if error.code is Code.WRONG_CREDENTIALS:
        return "; --register makes a new account"
    return ""


async def _run(client: Client) -> None:
    screen = Screen()
    async with client:
        talk = Talk(client, screen)
        screen.show(f"{client.user_id} is logged in; /help tells the commands", "dim")
        await talk.show_list()
        with screen.open():
            events = asyncio.create_task(talk.follow())
            typing = asyncio.create_task(talk.tell_typing())
            commands = asyncio.create_task(_commands(talk, screen))
            done, pending = await asyncio.wait({events, commands}, return_when=asyncio.FIRST_COMPLETED)
            for task in {*pending, typing}:
                task.cancel()
            await asyncio.gather(*pending, typing, return_exceptions=True)
            for task in done:
                task.result()


async def _commands(talk: Talk, screen: Screen) -> None:
    """Do what is typed, line by line."""
    commands: dict[str, Command] = {
        "/list": lambda _: talk.show_list(),
        "/open": lambda words: talk.open(" ".join(words)),
        "/new": lambda words: talk.new(" ".join(words)),
        "/group": talk.group,
        "/add": talk.add,
        "/read": lambda _: talk.read(),
    }
    async for line in screen.lines():
        name, *words = line.split() or [""]
        try:
            if name in ("/quit", "/q"):
                return
            if name == "/help":
                screen.show(HELP, "dim")
            elif name in commands:
                await commands[name](words)
            elif name.startswith("/"):
                screen.show(f"{name} is no command; /help tells them", "red")
            elif line.strip():
                await talk.say(line)
        except ServiceError as error:
            screen.show(error.message, "red")
        except UsageError as hint:
            screen.show(str(hint), "yellow")
        screen.refresh()
