import type { Details } from "./conversation";
import { h, host, texts } from "./host";

/**
 * The form before the chat. `data-fields="name email"` leaves out the others, and
 * `data-require="name"` makes fields required; none are by default, since a question without an
 * address is better than no question. The browser shows what is wrong with a field, also to screen
 * readers.
 */
export function makePrechatForm(greeting: string, onDone: (details: Details) => void) {
  const field = (name: string, label: string, type: string, maxlength: number) =>
    (host.tagData.fields ?? name).includes(name) &&
    h(
      "label",
      {},
      label,
      h("input", {
        type,
        maxlength,
        name: `customer_${name}`,
        autocomplete: type || name,
        required: host.tagData.require?.includes(name),
        dir: "auto",
      }),
    );
  const form = h(
    "form.intro",
    {},
    h("p", { dir: "auto" }, greeting),
    field("name", texts.yourName, "", 100),
    field("email", texts.yourEmail, "email", 254),
    field("phone", texts.yourPhone, "tel", 40),
    h(
      "button.wide",
      {
        // The form is never submitted: a sandbox without allow-forms would silently forbid that.
        onclick(event: Event) {
          event.preventDefault();
          if (form.reportValidity()) onDone(Object.fromEntries(new FormData(form)) as Details);
        },
      },
      texts.startChat,
    ),
  );
  return form;
}
