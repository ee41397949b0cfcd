import { ActionIcon, type ActionIconProps, Tooltip } from "@mantine/core";
import type { LucideIcon } from "lucide-react";
import type { ComponentPropsWithRef } from "react";

interface Props extends ActionIconProps, Omit<ComponentPropsWithRef<"button">, keyof ActionIconProps> {
  icon: LucideIcon;
  label: string;
  iconSize?: number;
}

/** A button that is only an icon: its label is read aloud, and shown on hover and focus. */
export function IconButton({ icon: Icon, label, iconSize = 20, ...rest }: Props) {
  return (
    <Tooltip label={label} events={{ hover: true, focus: true, touch: false }}>
      <ActionIcon aria-label={label} {...rest}>
        <Icon size={iconSize} strokeWidth={1.8} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}
