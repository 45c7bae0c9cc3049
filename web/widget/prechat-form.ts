import type { Details } from "./conversation";
import { h, shell, words } from "./host";

/**
 * The form before the chat. `data-require="name email"` says what must be filled in; nothing
 * must by default, since a question without an address is worth more than none. The browser
 * itself says what is wrong with a field, in words, to the eye and to a screen reader.
 */
export function prechat(greeting: string, done: (details: Details) => void) {
  const field = (name: string, label: string, type: string, maxlength: number) =>
    h(
      "label",
      {},
      label,
      h("input", {
        type,
        maxlength,
        name: `customer_${name}`,
        autocomplete: type || name,
        required: shell.data.require?.includes(name),
        dir: "auto",
      }),
    );
  const form = h(
    "form.intro",
    {},
    h("p", { dir: "auto" }, greeting),
    field("name", words.yourName, "", 100),
    field("email", words.yourEmail, "email", 254),
    field("phone", words.yourPhone, "tel", 40),
    h(
      "button.wide",
      {
        // No form is ever submitted: a sandbox without allow-forms would forbid it without a word.
        onclick(event: Event) {
          event.preventDefault();
          if (form.reportValidity()) done(Object.fromEntries(new FormData(form)) as Details);
        },
      },
      words.startChat,
    ),
  );
  return form;
}
