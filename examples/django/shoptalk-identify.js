// Tells the chat who is signed in. A file of its own, so that the page's policy needs no inline code.
const { identity } = document.currentScript.dataset;
addEventListener("load", () => window.shoptalk?.identify(identity));
