// Keys for the review queue and the evidence page. Without it, every form works as it stands.
"use strict";
(() => {
  const items = [...document.querySelectorAll("[data-item]")];
  const keys = document.getElementById("keys");
  let at = -1;

  const go = (to) => {
    if (!items.length) return;
    at = Math.max(0, Math.min(items.length - 1, to));
    items.forEach((item, number) => item.toggleAttribute("data-here", number === at));
    items[at].focus();
  };

  const formHere = () => {
    const holder = items.length ? items[Math.max(at, 0)] : document;
    const details = holder.querySelector("[data-decide]");
    if (!details) return null;
    if (details.tagName === "DETAILS") details.open = true;
    return details.querySelector("form.decide");
  };

  const decide = (action) => {
    if (items.length && at < 0) go(0);
    const form = formHere();
    if (!form) return;
    form.dataset.action = action;
    form.querySelectorAll("button[name=action]").forEach((button) => {
      button.toggleAttribute("data-chosen", button.value === action);
    });
    form.elements.justification.focus();
  };

  const send = (form) => {
    const button = form.querySelector(`button[name=action][value="${form.dataset.action}"]`);
    if (button) form.requestSubmit(button);
  };

  document.querySelectorAll("[data-keys]").forEach((hint) => { hint.hidden = false; });

  // A second press while the first is under way would only be told that somebody was faster.
  document.querySelectorAll("form.decide").forEach((form) => {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "1";
    });
  });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form.decide").forEach((form) => { delete form.dataset.sent; });
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.target;
    if (target.matches("input, textarea, select")) {
      const form = target.closest("form.decide");
      if (!form) return;
      if (event.key === "Escape") {
        const item = form.closest("[data-item]");
        const details = form.closest("details[data-decide]");
        if (details) details.open = false;
        if (item) item.focus(); else target.blur();
      } else if (event.key === "Enter" && !event.shiftKey && form.dataset.action) {
        event.preventDefault();
        send(form);
      }
      return;
    }
    if (keys.open) return;
    switch (event.key) {
      case "j": go(at + 1); break;
      case "k": go(at - 1); break;
      case "Enter":
        if (target.matches("a, button, summary") || at < 0) return;
        items[at].querySelector("[data-open]").click();
        break;
      case "a": decide("allow"); break;
      case "d": decide("deny"); break;
      case "q": window.location.assign("/queue"); break;
      case "?": keys.showModal(); break;
      default: return;
    }
    event.preventDefault();
  });
})();
