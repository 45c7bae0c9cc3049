// The page's own buttons open the chat. A shop may call window.shoptalk; the tag works without.
for (const button of document.querySelectorAll("[data-ask]")) {
  button.addEventListener("click", () => window.shoptalk?.open());
}
