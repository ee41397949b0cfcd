import { Button } from "@mantine/core";
import { TriangleAlert } from "lucide-react";
import { Component, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { EmptyState } from "./EmptyState";

/** Shows that the page broke, instead of nothing. What is in the database stays there. */
export class CrashBoundary extends Component<{ children: ReactNode }, { crashed: boolean }> {
  override state = { crashed: false };

  static getDerivedStateFromError() {
    return { crashed: true };
  }

  override render() {
    return this.state.crashed ? <Crash /> : this.props.children;
  }
}

function Crash() {
  const { t } = useTranslation();
  return (
    <EmptyState icon={TriangleAlert} title={t("crash.title")} text={t("crash.text")}>
      <Button mt="sm" onClick={() => window.location.reload()}>
        {t("crash.reload")}
      </Button>
    </EmptyState>
  );
}
