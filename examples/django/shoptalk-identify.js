// Tells the chat who is signed in, and that somebody has signed out: the next one at this browser must
// not see their conversation. A file of its own, so that the page's policy needs no inline code.
{
  const { identity } = document.currentScript.dataset;
  addEventListener("load", async () => {
    const { shoptalk } = window;
    if (!shoptalk) return;
    if (/(^|; )shoptalk_signed_out=1/.test(document.cookie)) {
      await shoptalk.reset();
      document.cookie = "shoptalk_signed_out=; Max-Age=0; Path=/";
    }
    if (identity) shoptalk.identify(identity);
  });
}
