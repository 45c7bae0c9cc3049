import { type ReadonlySignal, signal } from "@preact/signals";
import type { Call } from "../api";
import type { Language } from "../language/language";

interface Options {
  call: Call;
  /** The open conversation. */
  selected: ReadonlySignal<string | undefined>;
  showError: (text: string) => void;
  language: Language;
}

/** Removing the text of single messages for good, for admins. The server tells all sides. */
export function makeRedaction({ call, selected, showError, language }: Options) {
  /** The conversation whose messages all show their button. */
  const choosingIn = signal<string | undefined>(undefined);

  return {
    isChoosing: () => !!selected.value && choosingIn.value === selected.value,

    toggleChoosing() {
      choosingIn.value = choosingIn.value === selected.value ? undefined : selected.value;
    },

    async redact(seq: number) {
      try {
        await call("POST", `rooms/${selected.value}/messages/${seq}/redact/`);
      } catch (error) {
        showError(language.describeError(error));
      }
    },
  };
}
