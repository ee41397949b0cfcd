import { memo } from "react";
import classes from "./Bubble.module.css";
import { isLargeEmoji, piecesOf } from "./links";

/** What somebody wrote, as text: links are the only thing that becomes more. */
export const MessageText = memo(function MessageText({ content }: { content: string }) {
  if (isLargeEmoji(content)) return <span className={classes.largeEmoji}>{content}</span>;
  return (
    <span className={classes.text} dir="auto">
      {piecesOf(content).map(({ at, text, href }) =>
        href ? (
          <a key={at} href={href} target="_blank" rel="noopener noreferrer nofollow">
            {text}
          </a>
        ) : (
          <span key={at}>{text}</span>
        ),
      )}
    </span>
  );
});
