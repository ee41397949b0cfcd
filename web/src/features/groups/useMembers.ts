import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useEngine } from "@/app/engine";
import type { ConversationView, Member } from "@/core";

const PAGE = 100;

/** The members of a group, page by page; asked for anew when the group changes. */
export function useMembers({ group_id: groupId, version }: ConversationView) {
  const { api } = useEngine();
  const query = useInfiniteQuery({
    queryKey: ["members", groupId, version],
    queryFn: ({ pageParam }) => api.members(groupId, pageParam, PAGE),
    initialPageParam: "",
    getNextPageParam: (page) => page.cursor || undefined,
    placeholderData: keepPreviousData,
  });
  const members: Member[] = useMemo(() => query.data?.pages.flatMap((page) => page.members) ?? [], [query.data]);
  return { members, query };
}
