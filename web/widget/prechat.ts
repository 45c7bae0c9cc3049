import type { Details } from "./conversation";
import { h } from "./kit";
import type { Words } from "./locales/en";

/**
 * The form before the chat. `data-require="name email"` says what must be filled in; nothing
 * must by default, since a question without an address is worth more than none. The browser
 * words what is wrong with a field.
 */
export function prechat(words: Words, data: DOMStringMap, done: (details: Details) => void) {
  const field = (name: "name" | "email" | "phone", type: string, maxlength: number) => {
    const error = h("span.error", { id: `${name}-error` });
    const input = h("input", {
      type,
      maxlength,
      name: `customer_${name}`,
      autocomplete: type === "text" ? "name" : type,
      required: data.require?.includes(name),
      dir: "auto",
      "aria-describedby": error.id,
    });
    const refuse = (message: string) => {
      error.textContent = message;
      input.setAttribute("aria-invalid", `${!!message}`);
      if (message) input.focus();
    };
    return { input, refuse, node: h("label", {}, words[name], input, error) };
  };
  // Backwards where mistakes are shown, so that the first of them gets the caret.
  const fields = [
    field("phone", "tel", 40),
    field("email", "email", 254),
    field("name", "text", 100),
  ];
  const node = h(
    "form.intro",
    {
      novalidate: true,
      onsubmit(event: Event) {
        event.preventDefault();
        for (const { input, refuse } of fields) refuse(input.validationMessage);
        if (node.checkValidity()) done(Object.fromEntries(new FormData(node)) as Details);
      },
    },
    h("p.hello", { dir: "auto" }, data.greeting || words.hello),
    ...fields.map((each) => each.node).reverse(),
    h("button.wide", {}, words.start),
  );
  return node;
}
