import { Modal, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useEngine, useKnown } from "@/app/engine";
import { PersonRow } from "@/features/people/PersonRow";
import { usePeople } from "@/features/people/people";

interface Props {
  conversationId: string;
  seq: number;
  onClose: () => void;
}

/** Who has read a message: asked for when it is wanted, because pointers of large groups are not kept whole. */
export function Readers({ conversationId, seq, onClose }: Props) {
  const { t } = useTranslation();
  const { api, userId } = useEngine();
  const people = usePeople();
  const { data, isPending } = useQuery({
    queryKey: ["readers", conversationId, seq],
    queryFn: () => api.readers(conversationId, seq),
    staleTime: 0,
  });
  const ids = (data ?? []).map((reader) => reader.user_id).filter((id) => id !== userId);
  useKnown(ids);
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("chat.readByTitle")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      {ids.map((id) => (
        <PersonRow key={id} user={people.user(id) ?? { id, nickname: "" }} to={`/contacts/${encodeURIComponent(id)}`} />
      ))}
      {ids.length === 0 && <Text c="var(--text-dim)">{isPending ? t("common.loading") : t("chat.readByNobody")}</Text>}
    </Modal>
  );
}
