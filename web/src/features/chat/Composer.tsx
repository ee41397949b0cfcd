import { Textarea } from "@mantine/core";
import { SendHorizontal } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { MAX_TEXT } from "@/gen/catalogue";
import { IconButton } from "@/ui/IconButton";
import classes from "./Composer.module.css";
import { EmojiPicker } from "./EmojiPicker";

interface Props {
  /** What was written here before and not sent. */
  draft: string;
  onDraft: (text: string) => void;
  onTyping: () => void;
  /** Says whether it was queued. */
  onSend: (text: string) => Promise<boolean>;
}

const TYPING_EVERY_MS = 3_000;
/** The key of a key that an input method took. */
const TAKEN = 229;

/** Where messages are written: Enter sends, Shift+Enter starts a line, and what is left unsent is kept. */
export function Composer({ draft, onDraft, onTyping, onSend }: Props) {
  const { t } = useTranslation();
  const input = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(draft);
  const told = useRef(0);
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) input.current?.focus();
  }, []);

  const content = text.trim();
  // Code points, as the server counts them.
  const over = content.length > MAX_TEXT ? [...content].length - MAX_TEXT : 0;
  const ready = content !== "" && over <= 0;
  const keep = (value: string) => {
    setText(value);
    onDraft(value);
  };
  const change = (value: string) => {
    keep(value);
    if (value && Date.now() - told.current > TYPING_EVERY_MS) {
      told.current = Date.now();
      onTyping();
    }
  };
  const send = async () => {
    if (!ready) return;
    told.current = 0;
    keep("");
    input.current?.focus();
    const queued = await onSend(content);
    if (!queued && !input.current?.value) keep(content);
  };
  const pressed = (event: KeyboardEvent) => {
    // while an input method composes, Enter chooses a word: it must not send half of one
    const composing = event.nativeEvent.isComposing || event.keyCode === TAKEN;
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    void send();
  };
  const insert = (emoji: string) => {
    const { selectionStart: from = text.length, selectionEnd: to = text.length } = input.current ?? {};
    change(text.slice(0, from) + emoji + text.slice(to));
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(from + emoji.length, from + emoji.length);
    });
  };

  return (
    <div className={classes.root}>
      <div className={classes.box}>
        <EmojiPicker onPick={insert} />
        <Textarea
          ref={input}
          className={classes.field}
          classNames={{ input: classes.input }}
          variant="unstyled"
          dir="auto"
          autosize
          minRows={1}
          maxRows={8}
          value={text}
          onChange={(event) => change(event.currentTarget.value)}
          onKeyDown={pressed}
          placeholder={t("chat.write")}
          aria-label={t("chat.write")}
          aria-description={t("chat.keysHint")}
          enterKeyHint="send"
        />
        <IconButton
          icon={SendHorizontal}
          label={t("chat.send")}
          variant="filled"
          color="indigo"
          radius="xl"
          size={38}
          disabled={!ready}
          onClick={() => void send()}
        />
      </div>
      {over > 0 && (
        <p className={classes.over} role="alert">
          {t("chat.tooLong", { count: over })}
        </p>
      )}
    </div>
  );
}
