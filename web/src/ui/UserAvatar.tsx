import { Avatar } from "@mantine/core";
import { colorOf, initialsOf } from "./initials";
import classes from "./UserAvatar.module.css";

interface Props {
  id: string;
  name: string;
  size?: number;
  online?: boolean | undefined;
  square?: boolean;
}

/** A picture drawn from a name: its initials, on a colour that the id decides. The name is always written beside it. */
export function UserAvatar({ id, name, size = 44, online = false, square = false }: Props) {
  return (
    <span className={classes.root} aria-hidden>
      <Avatar
        size={size}
        radius={square ? size * 0.3 : size}
        classNames={{ placeholder: classes.placeholder }}
        style={{ "--avatar-hue": colorOf(id) }}
      >
        {initialsOf(name || id)}
      </Avatar>
      {online && <span className={classes.dot} data-testid="online-dot" />}
    </span>
  );
}
