import type { ReactNode } from "react";
import { useLive } from "@/app/engine";
import type { User } from "@/core";
import { ListRow } from "@/ui/ListRow";
import { UserAvatar } from "@/ui/UserAvatar";
import { usePeople } from "./people";

interface Props {
  user: Pick<User, "id" | "nickname">;
  text?: ReactNode;
  note?: ReactNode;
  actions?: ReactNode;
  to?: string;
  onClick?: () => void;
  selected?: boolean;
}

/** Somebody in a list: their name, and below it whatever the list is about. */
export function PersonRow({ user, text, note, ...rest }: Props) {
  const people = usePeople();
  const online = useLive((live) => live.presence[user.id]?.online ?? false);
  const name = people.nameOf(user.id, user.nickname);
  return (
    <ListRow
      picture={<UserAvatar id={user.id} name={name} size={42} online={online} />}
      title={name}
      text={text ?? `@${user.id}`}
      note={note}
      {...rest}
    />
  );
}
