import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEngine } from "@/app/engine";
import type { User } from "@/core";

const NOBODY: User[] = [];

/** People of this server by name or username; asked for when the typing pauses. */
export function usePeopleSearch(query: string): { users: User[]; pending: boolean } {
  const { api } = useEngine();
  const [asked] = useDebouncedValue(query.trim(), 200);
  const { data, isFetching } = useQuery({
    queryKey: ["search", asked],
    queryFn: () => api.searchUsers(asked),
    enabled: asked !== "",
    placeholderData: keepPreviousData,
  });
  return { users: asked && data ? data : NOBODY, pending: isFetching || asked !== query.trim() };
}
