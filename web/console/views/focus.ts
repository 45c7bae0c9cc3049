/** Moves the keyboard's focus between the parts of the page. */
import type { Desk } from "../desk/desk";

export const focusElement = (id: string) => document.getElementById(id)?.focus();

/** Focuses the row of a conversation, or the first row, once the list is shown. */
export function focusRowOf(id: string | undefined) {
  requestAnimationFrame(() => {
    document.querySelector<HTMLElement>(id ? `[data-room="${id}"]` : ".row")?.focus();
  });
}

/** Moves the focus in the list by so many rows. */
export function moveFocus({ search, conversation }: Desk, by: number) {
  const rows = search.listed.value;
  const focused = (document.activeElement as HTMLElement | null)?.dataset.room;
  const from = rows.findIndex(({ id }) => id === (focused ?? conversation.selected.value));
  const next = rows[Math.max(0, Math.min(rows.length - 1, from + by))];
  if (!next) return;
  const rowOf = () => document.querySelector<HTMLElement>(`[data-room="${next.id}"]`);
  // The list makes only the rows in view.
  if (!rowOf()) document.querySelector(".virtual")?.scrollBy(0, by * 300);
  requestAnimationFrame(() => rowOf()?.focus());
}
