import type { Details } from "./conversation";
import { h } from "./kit";
import type { Words } from "./locales/en";

/**
 * The form before the chat. `data-require="name email"` says what must be filled in; nothing
 * must by default, since a question without an address is worth more than none. The browser
 * words what is wrong with a field.
 */
export function prechat(
  words: Words,
  required: string | undefined,
  greeting: string,
  done: (details: Details) => void,
) {
  const field = (name: string, label: string, type: string, maxlength: number) => {
    const id = `${name}-error`;
    const input = h("input", {
      type,
      maxlength,
      name: `customer_${name}`,
      autocomplete: type === "text" ? name : type,
      required: required?.includes(name),
      dir: "auto",
      "aria-describedby": id,
    });
    return h("label", {}, label, input, h("span.error", { id }));
  };
  const form = h(
    "form.intro",
    {
      novalidate: true,
      onsubmit(event: Event) {
        event.preventDefault();
        for (const input of form.querySelectorAll("input")) {
          input.ariaInvalid = `${!input.checkValidity()}`;
          input.nextSibling!.textContent = input.validationMessage;
        }
        const wrong = form.querySelector<HTMLElement>("input:invalid");
        if (wrong) wrong.focus();
        else done(Object.fromEntries(new FormData(form)) as Details);
      },
    },
    h("p", { dir: "auto" }, greeting),
    field("name", words.yourName, "text", 100),
    field("email", words.yourEmail, "email", 254),
    field("phone", words.yourPhone, "tel", 40),
    h("button.wide", {}, words.startChat),
  );
  return form;
}
