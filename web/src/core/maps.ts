/** Maps that are never changed: each change is another map. */

export function set<V>(map: ReadonlyMap<string, V>, key: string, value: V): ReadonlyMap<string, V> {
  return new Map(map).set(key, value);
}

export function without<V>(map: ReadonlyMap<string, V>, keys: string[]): ReadonlyMap<string, V> {
  const next = new Map(map);
  for (const key of keys) next.delete(key);
  return next;
}

export function merge<V>(
  map: ReadonlyMap<string, V>,
  values: V[],
  keyOf: (value: V) => string,
): ReadonlyMap<string, V> {
  if (values.length === 0) return map;
  const next = new Map(map);
  for (const value of values) next.set(keyOf(value), value);
  return next;
}
