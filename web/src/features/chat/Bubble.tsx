import { Menu, Text } from "@mantine/core";
import { Check, CheckCheck, CircleAlert, Clock3, Copy, Ellipsis, RotateCw, Trash2, Users } from "lucide-react";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import { UserAvatar } from "@/ui/UserAvatar";
import { clock, full } from "@/ui/time";
import classes from "./Bubble.module.css";
import { MessageText } from "./MessageText";
import type { ChatEntry } from "./rows";

interface Props {
  entry: ChatEntry;
  first: boolean;
  last: boolean;
  /** The sender's name and picture are shown: in groups, for others' messages. */
  named: boolean;
  senderName: string;
  /** How many have read it, in a group; `undefined` elsewhere. */
  readers?: number | undefined;
  actions: BubbleActions;
}

/** What can be done with a message; one object for the whole history, so that lines are not drawn anew. */
export interface BubbleActions {
  copy: (entry: ChatEntry) => void;
  resend: (entry: ChatEntry) => void;
  discard: (entry: ChatEntry) => void;
  /** Shows who has read it; `undefined` where there is nothing to tell beyond the ticks. */
  showReaders?: ((entry: ChatEntry) => void) | undefined;
  openUser: (id: string) => void;
}

export const Bubble = memo(function Bubble({ entry, first, last, named, senderName, readers, actions }: Props) {
  const { t, i18n } = useTranslation();
  return (
    <div className={classes.line} data-own={entry.own} data-first={first} data-last={last}>
      {named && !entry.own && (
        <span className={classes.gutter}>
          {last && (
            <button
              type="button"
              className={classes.avatarButton}
              tabIndex={-1}
              aria-label={senderName}
              onClick={() => actions.openUser(entry.sender)}
            >
              <UserAvatar id={entry.sender} name={senderName} size={32} />
            </button>
          )}
        </span>
      )}
      <div className={classes.bubble} data-state={entry.state}>
        {named && !entry.own && first && (
          <Text className={classes.sender} size="xs" fw={650}>
            {senderName}
          </Text>
        )}
        {entry.kind === "text" || entry.kind === "" ? (
          <MessageText content={entry.content} />
        ) : (
          <em className={classes.text}>{t("chat.unsupported", { type: entry.kind })}</em>
        )}
        <span className={classes.meta} title={full(entry.at, i18n.language)}>
          <time dateTime={new Date(entry.at).toISOString()}>{clock(entry.at, i18n.language)}</time>
          {entry.own && <StateIcon state={entry.state} readers={readers} />}
        </span>
      </div>
      <BubbleMenu entry={entry} actions={actions} />
      {entry.state === "failed" && <Failure entry={entry} actions={actions} />}
    </div>
  );
});

function StateIcon({ state, readers }: { state: ChatEntry["state"]; readers?: number | undefined }) {
  const { t } = useTranslation();
  const icons = { sending: Clock3, sent: Check, read: CheckCheck, failed: CircleAlert };
  const Icon = icons[state];
  const label = state === "read" && readers !== undefined ? t("chat.readBy", { count: readers }) : t(`chat.${state}`);
  return (
    <span className={classes.state} data-state={state} role="img" aria-label={label} title={label}>
      <Icon size={15} strokeWidth={2.2} aria-hidden />
    </span>
  );
}

function BubbleMenu({ entry, actions }: Pick<Props, "entry" | "actions">) {
  const { t } = useTranslation();
  const { showReaders } = actions;
  return (
    <Menu position={entry.own ? "bottom-end" : "bottom-start"} width={180} withinPortal>
      <Menu.Target>
        <button type="button" className={classes.menuButton} aria-label={t("chat.actions")}>
          <Ellipsis size={18} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<Copy size={16} aria-hidden />} onClick={() => actions.copy(entry)}>
          {t("chat.copy")}
        </Menu.Item>
        {entry.own && entry.seq > 0 && showReaders && (
          <Menu.Item leftSection={<Users size={16} aria-hidden />} onClick={() => showReaders(entry)}>
            {t("chat.readByTitle")}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

function Failure({ entry, actions }: Pick<Props, "entry" | "actions">) {
  const { t, i18n } = useTranslation();
  const known = `errors.${entry.error ?? ""}`;
  const reason = i18n.exists(known) ? i18n.t(known as "errors.network") : t("chat.failed");
  return (
    <div className={classes.failure} role="alert">
      <span>{reason}</span>
      <button type="button" onClick={() => actions.resend(entry)}>
        <RotateCw size={14} aria-hidden /> {t("chat.resend")}
      </button>
      <button type="button" onClick={() => actions.discard(entry)}>
        <Trash2 size={14} aria-hidden /> {t("chat.discard")}
      </button>
    </div>
  );
}
