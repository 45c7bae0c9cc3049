import type { Details } from "./conversation";
import { attribute, h } from "./dom";
import type { Words } from "./locales/en";

/**
 * The form before the chat. `data-require="name email"` says what must be filled in; nothing
 * must by default, since a question without an address is worth more than none.
 */
export function prechat(words: Words, data: DOMStringMap, done: (details: Details) => void) {
  const required = (data.require ?? "").split(/[ ,]+/);
  const field = (
    name: "name" | "email" | "phone",
    type: string,
    autocomplete: string,
    most: number,
  ) => {
    const error = h("span", { class: "error", id: `${name}-error` });
    const input = h("input", {
      type,
      name,
      autocomplete,
      maxlength: most,
      required: required.includes(name),
      dir: "auto",
      "aria-describedby": error.id,
      input: () => refuse(""),
    });
    const refuse = (message: string) => {
      error.textContent = message;
      attribute(input, "aria-invalid", message ? "true" : undefined);
      if (message) input.focus();
    };
    return { input, refuse, node: h("label", {}, h("span", {}, words[name]), input, error) };
  };
  const fields = {
    customer_name: field("name", "text", "name", 100),
    customer_email: field("email", "email", "email", 254),
    customer_phone: field("phone", "tel", "tel", 40),
  };
  const node = h(
    "form",
    {
      class: "intro",
      novalidate: true,
      submit: (event: Event) => {
        event.preventDefault();
        const details: Details = {};
        // Backwards, so that the first mistake gets the caret.
        let ok = true;
        for (const [key, { input, refuse }] of Object.entries(fields).reverse()) {
          const value = input.value.trim();
          if (value) details[key as keyof Details] = value;
          const bad =
            input.required && !value ? words.needed : input.validity.typeMismatch && words.badEmail;
          refuse(bad || "");
          ok &&= !bad;
        }
        if (ok) done(details);
      },
    },
    h("p", { class: "hello", dir: "auto" }, data.greeting || words.hello),
    ...Object.values(fields).map((each) => each.node),
    h("button", { class: "wide" }, words.start),
  );
  return {
    node,
    /** Shows what the server did not take. */
    refuse(errors: { field: string; message: string }[]) {
      for (const { field: name, message } of errors) {
        fields[name as keyof typeof fields]?.refuse(message);
      }
    },
  };
}
