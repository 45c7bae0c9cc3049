import { signal } from "@preact/signals";

export type DialogName = "agents" | "settings" | "keys" | "commands";

export type Panels = ReturnType<typeof makePanels>;

/** Which dialog is open, and whether the customer's details are shown. */
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
