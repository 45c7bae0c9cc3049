import { signal } from "@preact/signals";

type DialogName =
  | "agents"
  | "blocks"
  | "bounced"
  | "data"
  | "doctor"
  | "mail"
  | "notifications"
  | "replies"
  | "reports"
  | "settings"
  | "shop"
  | "tags"
  | "tokens"
  | "keys"
  | "commands";

/** Which dialog is open, and whether the visitor's details are shown. */
export function makePanels({ showDetails }: { showDetails: boolean }) {
  const dialog = signal<DialogName | undefined>(undefined);
  const details = signal(showDetails);

  return {
    dialog,
    details,

    open(name: DialogName) {
      dialog.value = name;
    },

    /** Closes a dialog unless another one is open by now: close events come late. */
    close(name: DialogName) {
      if (dialog.value === name) dialog.value = undefined;
    },

    toggleDetails() {
      details.value = !details.value;
    },
  };
}
