"""The suites about accounts, friends, conversations and groups, over every engine of the `store` fixture."""

from __future__ import annotations

from tests.contract.store.suite_accounts import AccountsSuite
from tests.contract.store.suite_conversations import ConversationsSuite
from tests.contract.store.suite_devices import DevicesSuite
from tests.contract.store.suite_friends import FriendsSuite
from tests.contract.store.suite_groups import GroupsSuite
from tests.contract.store.suite_leavers import LeaversSuite
from tests.contract.store.suite_memberships import MembershipsSuite


class TestAccounts(AccountsSuite): ...


class TestDevices(DevicesSuite): ...


class TestFriends(FriendsSuite): ...


class TestConversations(ConversationsSuite): ...


class TestGroups(GroupsSuite): ...


class TestLeavers(LeaversSuite): ...


class TestMemberships(MembershipsSuite): ...
