import { Popover } from "@mantine/core";
import { Smile } from "lucide-react";
import { type KeyboardEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/ui/IconButton";
import classes from "./Composer.module.css";

const EMOJI = Array.from(
  new Intl.Segmenter("en", { granularity: "grapheme" }).segment(
    "😀😄😁😂🤣😊😇🙂😉😍🥰😘😋😜🤪🤗🤭🤔🤨😐😏🙄😬😴🤒🥳😎🤓😕😟😮😲🥺😢😭😱😤😡🤯😈👻💩🤖" +
      "👍👎👌✌️🤞🤟👏🙌🙏💪👋🤝✍️👀🧠❤️🧡💛💚💙💜🖤💔💯✨🔥🎉🎂🎁🏆⭐☀️🌧️❄️🌈🍀🌹🐶🐱🦊🐼🐧🍎🍕🍜🍣🍰☕🍺🚀✈️🚗🏠⏰📅📎💡🐛✅❌❓❗",
  ),
  (part) => part.segment,
);
const COLUMNS = 8;
const STEPS: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS };

function move(event: KeyboardEvent<HTMLDivElement>): void {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const at = buttons.findIndex((button) => button === document.activeElement);
  buttons[Math.min(buttons.length - 1, Math.max(0, at + step))]?.focus();
}

/** A handful of emoji; whoever wants another has an emoji keyboard. Arrow keys walk through it. */
export function EmojiPicker({ onPick }: { onPick: (emoji: string) => void }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const pick = (emoji: string) => {
    setOpen(false);
    onPick(emoji);
  };
  return (
    <Popover opened={open} onChange={setOpen} position="top-start" radius="lg" shadow="md" trapFocus withRoles={false}>
      <Popover.Target>
        <IconButton
          icon={Smile}
          label={t("chat.emoji")}
          radius="xl"
          size={38}
          aria-expanded={open}
          aria-haspopup="dialog"
          onClick={() => setOpen(!open)}
        />
      </Popover.Target>
      <Popover.Dropdown p={6} role="dialog" aria-label={t("chat.emoji")}>
        {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- arrow keys bubble from the buttons */}
        <div className={`${classes.emoji} scroll`} onKeyDown={move}>
          {EMOJI.map((emoji) => (
            <button key={emoji} type="button" onClick={() => pick(emoji)}>
              {emoji}
            </button>
          ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
