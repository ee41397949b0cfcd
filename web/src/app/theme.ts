import { createTheme, type MantineColorsTuple } from "@mantine/core";

/** Our indigo. Shade 6 carries white text (5.4:1), shade 3 is readable on the dark surfaces. */
const indigo: MantineColorsTuple = [
  "#eff0ff",
  "#dfe2fd",
  "#bcc2f9",
  "#98a1f5",
  "#7a85f1",
  "#6570ee",
  "#4f5ae0",
  "#434dc4",
  "#3a43ab",
  "#2f3791",
];

export const theme = createTheme({
  primaryColor: "indigo",
  primaryShade: 6,
  colors: { indigo },
  fontFamily: '"Inter", system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif',
  defaultRadius: "md",
  cursorType: "pointer",
  components: {
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray", size: "lg" } },
    Modal: {
      defaultProps: { centered: true, radius: "lg", overlayProps: { backgroundOpacity: 0.5, blur: 2 } },
      styles: { title: { fontWeight: 650, fontSize: 18 } },
    },
    Menu: { defaultProps: { shadow: "md", radius: "md", width: 210, position: "bottom-end" } },
    Tooltip: { defaultProps: { openDelay: 400, withArrow: true } },
    TextInput: { defaultProps: { size: "md" } },
    PasswordInput: { defaultProps: { size: "md" } },
  },
});
