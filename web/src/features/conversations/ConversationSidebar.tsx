import { Menu, TextInput } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { LogIn, MessageCirclePlus, Search, SquarePen, UsersRound, X } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/ui/IconButton";
import { PaneHeader } from "@/ui/PaneHeader";
import { ConversationList } from "./ConversationList";
import classes from "./ConversationSidebar.module.css";
import { JoinGroup } from "./JoinGroup";
import { NewChat } from "./NewChat";
import { NewGroup } from "./NewGroup";
import { SearchResults } from "./SearchResults";

type Dialog = "chat" | "group" | "join" | "";

/** The user's conversations, the search for more, and how new ones begin. */
export function ConversationSidebar() {
  const { t } = useTranslation();
  const [query, setQuery] = useState("");
  const [dialog, setDialog] = useState<Dialog>("");
  const field = useRef<HTMLInputElement>(null);
  const close = () => setDialog("");
  useHotkeys([["mod+K", () => field.current?.focus()]], []);
  const clear = () => {
    setQuery("");
    field.current?.focus();
  };
  return (
    <>
      <PaneHeader title={t("list.title")}>
        <Menu>
          <Menu.Target>
            <IconButton icon={SquarePen} label={t("list.new")} />
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<MessageCirclePlus size={16} aria-hidden />} onClick={() => setDialog("chat")}>
              {t("list.new")}
            </Menu.Item>
            <Menu.Item leftSection={<UsersRound size={16} aria-hidden />} onClick={() => setDialog("group")}>
              {t("list.newGroup")}
            </Menu.Item>
            <Menu.Item leftSection={<LogIn size={16} aria-hidden />} onClick={() => setDialog("join")}>
              {t("group.join")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </PaneHeader>
      <search className={classes.search}>
        <TextInput
          ref={field}
          size="sm"
          radius="xl"
          value={query}
          onChange={(event) => setQuery(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Escape" && clear()}
          placeholder={t("list.search")}
          aria-label={t("list.search")}
          aria-keyshortcuts="Control+K"
          leftSection={<Search size={16} aria-hidden />}
          rightSection={
            query && <IconButton icon={X} iconSize={16} size="sm" label={t("common.close")} onClick={clear} />
          }
        />
      </search>
      {query.trim() ? (
        <SearchResults query={query.trim()} onPicked={() => setQuery("")} />
      ) : (
        <ConversationList onNew={() => setDialog("chat")} />
      )}
      <NewChat opened={dialog === "chat"} onClose={close} onGroup={() => setDialog("group")} />
      <NewGroup opened={dialog === "group"} onClose={close} />
      <JoinGroup opened={dialog === "join"} onClose={close} />
    </>
  );
}
