import { MessageCircle } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { ConversationSidebar } from "@/features/conversations/ConversationSidebar";
import { EmptyState } from "@/ui/EmptyState";
import { Panes } from "@/ui/Panes";
import { ChatPane } from "./ChatPane";

/** The conversations, and the one that is open. */
export function ChatsPage({ details = false }: { details?: boolean }) {
  const { t } = useTranslation();
  const { conversationId } = useParams();
  return (
    <Panes side={<ConversationSidebar />} inside={conversationId !== undefined}>
      {conversationId === undefined ? (
        <EmptyState icon={MessageCircle} title={t("chat.pick")} text={t("chat.pickText")} />
      ) : (
        <ChatPane key={conversationId} conversationId={conversationId} details={details} />
      )}
    </Panes>
  );
}
