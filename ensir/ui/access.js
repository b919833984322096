// What Gradio's components leave out for those who listen or use keys alone: names, states, groups,
// and two keys. Gradio runs this once, and it follows what the page takes in later.
() => {
  // Told when they change. Not the whole block: its progress bar would be read ten times a second.
  const NEWS = ["note", "link-note", "estimate", "chosen", "fit-found", "fit-note", "fit-verdict"];
  const news = NEWS.map((id) => `#${id} > .html-container`).join();
  let made = 0;
  const idOf = (element) => (element.id ||= `named-${(made += 1)}`);
  const textOf = (element) => element?.textContent.trim() ?? "";
  const put = (element, name, value) =>
    element.getAttribute(name) === value || element.setAttribute(name, value);
  const labelOf = (element) =>
    textOf(element.closest(".block")?.querySelector(":scope > [data-testid=block-label]"));

  const MENDED = {
    // A group without a name, whose radio buttons do not know of each other.
    "fieldset.block": (group) => {
      const label = group.querySelector("[data-testid=block-info]");
      if (label) put(group, "aria-labelledby", idOf(label));
      const radios = group.querySelectorAll("input[type=radio]");
      if (radios.length) put(group, "role", "radiogroup");
      radios.forEach((radio) => put(radio, "name", `of-${label ? idOf(label) : idOf(group)}`));
    },
    ".block .info-text": (info) => {
      const field = info.closest(".block");
      const told = field.matches("fieldset") ? field : field.querySelector("input");
      if (told) put(told, "aria-describedby", idOf(info));
    },
    // Called "Thumbnail 2 of 6", whatever stands below it.
    ".thumbnail-item": (button) => {
      const picture = button.querySelector("img");
      const name = picture?.alt || picture?.title;
      if (name) put(button, "aria-label", name);
    },
    "[data-testid=image] img[alt='']": (picture) => put(picture, "alt", labelOf(picture)),
    "button.upload-container[aria-label^='Click']": (button) =>
      put(button, "aria-label", `${labelOf(button)}: click to upload or drop files`),
    "button.label-wrap": (button) =>
      put(button, "aria-expanded", String(button.classList.contains("open"))),
    "[role=tabpanel][id]": (panel) => put(panel, "aria-labelledby", `${panel.id}-button`),
    [news]: (note) => put(note, "role", "status"),
  };
  const mendOne = (element) => {
    for (const [selector, by] of Object.entries(MENDED)) if (element?.matches(selector)) by(element);
  };
  const mend = (root) => {
    mendOne(root);
    for (const [selector, by] of Object.entries(MENDED)) root.querySelectorAll(selector).forEach(by);
  };
  new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes) {
      addedNodes.forEach((node) => node instanceof HTMLElement && mend(node));
      // Of what changed itself, and of what it stands in.
      mendOne(target);
      if (target.matches("img")) mendOne(target.closest(".thumbnail-item"));
      else mendOne(target.closest("fieldset.block"));
    }
  }).observe(document.body, {
    subtree: true,
    childList: true,
    attributeFilter: ["alt", "title", "aria-label", "class"],
  });
  mend(document.body);

  // Gradio closes a list of choices when it is left, and then opens it again for the key that left.
  // What is chosen by Enter, it does not tell as it does what is chosen by the mouse.
  const onKey = (event) => {
    if (!event.target.matches("[role=combobox]")) return;
    const chosen = document.getElementById(event.target.getAttribute("aria-activedescendant"));
    if (event.key === "Tab" || (event.key === "Enter" && chosen)) event.stopPropagation();
    if (event.key === "Enter") chosen?.dispatchEvent(new MouseEvent("mousedown", { bubbles: true }));
  };
  document.addEventListener("keydown", onKey, true);

  // It answers a key a moment later, and opens a list that was left in that moment.
  const SOON = 50; // milliseconds
  const onLeft = ({ target: box }) => {
    if (!box.matches("[role=combobox]")) return;
    const closing = new KeyboardEvent("keydown", { key: "Escape", bubbles: true });
    const isOpen = () => box.getAttribute("aria-expanded") === "true";
    setTimeout(() => box !== document.activeElement && isOpen() && box.dispatchEvent(closing), SOON);
  };
  document.addEventListener("focusout", onLeft);
}
