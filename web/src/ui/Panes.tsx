import type { ReactNode } from "react";
import classes from "./Panes.module.css";

interface Props {
  /** The list at the left. */
  side: ReactNode;
  /** What was picked there. */
  children: ReactNode;
  /** Something was picked: on a phone only that is shown. */
  inside: boolean;
}

/** A list and what was picked from it, side by side where there is room. */
export function Panes({ side, children, inside }: Props) {
  return (
    <div className={classes.panes} data-inside={inside}>
      <section className={classes.side}>{side}</section>
      <main className={classes.main}>{children}</main>
    </div>
  );
}
