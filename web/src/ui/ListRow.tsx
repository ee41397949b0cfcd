import type { ReactNode } from "react";
import { NavLink } from "react-router";
import classes from "./ListRow.module.css";

interface Props {
  picture: ReactNode;
  title: ReactNode;
  /** What stands at the end of the first line. */
  note?: ReactNode;
  text?: ReactNode;
  /** What stands at the end of the second line. */
  badge?: ReactNode;
  /** Buttons beside the row; the row itself is a link or a button. */
  actions?: ReactNode;
  /** Where the row leads. */
  to?: string;
  onClick?: (() => void) | undefined;
  selected?: boolean | undefined;
}

/** A row of a list: a picture and two lines. It is a link, a button, or just shown. */
export function ListRow({ picture, title, note, text, badge, actions, to, onClick, selected }: Props) {
  const inner = (
    <>
      {picture}
      <span className={classes.lines}>
        <span className={classes.line}>
          <span className={`${classes.title} truncate`}>{title}</span>
          {note && <span className={classes.note}>{note}</span>}
        </span>
        {(text !== undefined || badge) && (
          <span className={classes.line}>
            <span className={`${classes.text} truncate`}>{text}</span>
            {badge}
          </span>
        )}
      </span>
    </>
  );
  return (
    <div className={classes.row} data-selected={selected} data-actions={actions !== undefined}>
      {to !== undefined ? (
        <NavLink to={to} className={classes.body ?? ""} onClick={onClick}>
          {inner}
        </NavLink>
      ) : onClick ? (
        <button type="button" className={classes.body} onClick={onClick} aria-pressed={selected}>
          {inner}
        </button>
      ) : (
        <div className={classes.body}>{inner}</div>
      )}
      {actions && <span className={classes.actions}>{actions}</span>}
    </div>
  );
}
